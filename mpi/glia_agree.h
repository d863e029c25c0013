/* Ranks must never part: what may fail on one rank is kept until all meet, then all go the same way.
 *
 *     for (i = mine.lo; i < mine.hi; i++) GLIA_TRY_TO(meet, st, glia_source_fill(src, step, i, &batch));
 *   meet: // every rank comes here, whatever happened to it
 *     return glia_agree(comm, st);
 */
#ifndef GLIA_AGREE_H
#define GLIA_AGREE_H

#include "glia_comm.h"

/** The worst status of all ranks, on all ranks: the largest one, of the lowest rank that has it.
 *
 *  On failure every rank's trace becomes the owner's, and its message says whose it was: "rank 1 failed: x.h5: cannot
 *  open". A failure that all ranks share, message included, stays as it is. comm of one rank, or NULL: returns st.
 *
 *  Who waits longer than GLIA_STALL_WARN_S (5) logs which ranks are missing; longer than GLIA_STALL_ABORT_S (300), and he gets
 *  GLIA_E_MPI with their names: so do not meet again but end the program. So do all collectives of glia_comm.h.
 *
 *  Collective: yes. Errors: GLIA_E_MPI beside st. */
GLIA_API GLIA_NODISCARD glia_status glia_agree(struct glia_comm *comm, glia_status st);

/** Do all ranks hold the same text? For configurations, hashes, schedules. Any length, several lines.
 *
 *  name  what it is, for the message: "ranks disagree on NAME, line 3: rank 0 has 'lr: 1', rank 2 has 'lr: 2'"
 *
 *  Collective: yes.
 *  Errors:     GLIA_E_RANKS, on all ranks alike, with the first rank that differs from rank 0; GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_agree_same(struct glia_comm *comm, const char *name,
                                                    const char *text);

/** Do all ranks hold the same bytes? For data that each rank reads for itself: sizes and SHA-256 are compared.
 *
 *  Collective: yes.  Errors: as glia_agree_same, with sizes and sums. */
GLIA_API GLIA_NODISCARD glia_status glia_agree_data(struct glia_comm *comm, const char *name,
                                                    const void *data, size_t bytes);

/** Do all ranks hold the same text, and run kernels of the same level (glia_kernels.h), on which bits depend? Where levels
 *  differ all go down to the lowest (glia_kernels_lower), which rank 0 logs; so before kernels are picked.
 *
 *  name    as for glia_agree_same
 *  refuse  true: levels that differ and cannot be lowered are an error, for work where each rank goes by numbers of its own; false: a warning of rank 0
 *
 *  Collective: yes.
 *  Errors:     as glia_agree_same. */
GLIA_API GLIA_NODISCARD glia_status glia_agree_setup(struct glia_comm *comm, const char *name,
                                                     const char *text, bool refuse);

#endif
