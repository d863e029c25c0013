/* For code that speaks MPI itself (mpi/, io/, jobs/): the communicator inside a glia_comm, and errors of MPI as ours. */
#ifndef GLIA_MPI_H
#define GLIA_MPI_H

#include "glia_comm.h"

#include <mpi.h>

/** The communicator inside, MPI_COMM_SELF for NULL. Ownership: borrowed, as long as comm. */
GLIA_API MPI_Comm glia_comm_mpi(const struct glia_comm *comm);

/** A duplicate of any communicator. Collective: yes. Ownership: *out is yours to destroy. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_wrap(MPI_Comm from, struct glia_comm **out);

/** Put MPI's own text of `error` into the trace. Returns GLIA_E_MPI. Used by the macros below. */
GLIA_API glia_status glia_mpi_fail_(int error, const char *file, int line, const char *function,
                                    const char *call);

/* Pass a failure of MPI up: GLIA_TRY_MPI(MPI_Barrier(c)); */
#define GLIA_TRY_MPI(call)                                                                         \
  do {                                                                                             \
    const int mpi_error_ = (call);                                                                 \
    if (mpi_error_ != MPI_SUCCESS)                                                                 \
      return glia_mpi_fail_(mpi_error_, __FILE__, __LINE__, __func__, #call);                      \
  } while (0)

/* Keep it in `st` and go to the clean-up label. */
#define GLIA_TRY_MPI_TO(label, st, call)                                                           \
  do {                                                                                             \
    const int mpi_error_ = (call);                                                                 \
    if (mpi_error_ != MPI_SUCCESS) {                                                               \
      (st) = glia_mpi_fail_(mpi_error_, __FILE__, __LINE__, __func__, #call);                      \
      goto label;                                                                                  \
    }                                                                                              \
  } while (0)

#endif
