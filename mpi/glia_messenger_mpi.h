/* Messages between the stages of a pipeline: the messenger of glia_stage.h by MPI.
 *
 * A wait that lasts longer than GLIA_STALL_WARN_S names the ranks that do not wait themselves: those that are missing; one that
 * lasts longer than GLIA_STALL_ABORT_S fails with GLIA_E_MPI and their names.
 */
#ifndef GLIA_MESSENGER_MPI_H
#define GLIA_MESSENGER_MPI_H

#include "glia_comm.h"
#include "glia_stage.h"

/** Messenger over the ranks of a pipeline, in their order.
 *  Collective: yes. Ownership: destroy *out; comm is borrowed until then. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_messenger_mpi_create(struct glia_comm *comm,
                                                              struct glia_messenger *out);

/** Also of one that was never made. With messages under way it keeps their memory. Collective: yes. */
GLIA_API void glia_messenger_mpi_destroy(struct glia_messenger *messenger);

#endif
