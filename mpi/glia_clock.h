/* One clock for all ranks, and whether this rank has given up waiting for others. */
#ifndef GLIA_CLOCK_H
#define GLIA_CLOCK_H

#include "glia_comm.h"

/** What to add to this rank's glia_time_s to have rank 0's: half-way of the fastest of some messages there and back, as in NTP.
 *
 *  offset_s   0 on rank 0
 *  error_s    half of that message's time: the offset is not further off
 *
 *  Collective: yes. Errors: GLIA_E_MPI. Source: mills2010 (RFC 5905, section 8). */
GLIA_API GLIA_NODISCARD glia_status glia_comm_clock(struct glia_comm *comm, double *offset_s,
                                                    double *error_s);

/** Whether a wait of this process went past GLIA_STALL_ABORT_S: others hang or are cut off, and will come to no meeting. */
GLIA_API bool glia_stalled(void);

#endif
