/* What the files of this room share. */
#ifndef GLIA_MPI_PRIV_H
#define GLIA_MPI_PRIV_H

#include "glia_mpi.h"

enum { GLIA_HOST_BYTES = 64, GLIA_CALL_BYTES = 160 };

struct glia_comm {
  MPI_Comm mpi;
  int rank, size;
  int local_rank, local_size;
  char (*host)[GLIA_HOST_BYTES];     /* [size] */
  char (*calls)[GLIA_CALL_BYTES];    /* [size] with GLIA_SAFE=1, else NULL */
  struct glia_meeting_room *meeting; /* of glia_agree */
  bool
      parted; /* a meeting was given up: its messages may still come, so nothing here may be freed */
};

/** Size of a struct glia_meeting_room (agree.c). */
size_t glia_meeting_bytes_(void);

/** With GLIA_SAFE=1: are all ranks in the same call, with the same arguments? The text says which and with what.
 *  Collective: yes. Errors: GLIA_E_RANKS, on all ranks alike, naming the first rank that differs from rank 0; GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_comm_same_call_(struct glia_comm *comm, const char *format, ...)
    GLIA_PRINTF(2, 3);

/** A count for MPI. False when it does not fit an int. */
GLIA_NODISCARD bool glia_mpi_count_(int64_t n, int *out);

#endif
