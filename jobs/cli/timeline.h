/* What the ranks did, and when, as files: for Chrome and Perfetto, and as the last events before a stall. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "glia_comm.h"

/** Have every event of threads to come kept, for timeline_write; a path that cannot be written is refused now.
 *  Collective: yes. Errors: GLIA_E_IO, on all ranks alike. */
GLIA_NODISCARD glia_status timeline_open(struct glia_comm *comm, const char *path);

/** Events of all threads and ranks, on rank 0's clock, as Chrome trace events (JSON) in a file that rank 0 writes.
 *  Collective: yes. Errors: GLIA_E_IO, GLIA_E_MEMORY, GLIA_E_MPI, on all ranks alike.
 *  Source: "Trace Event Format", Google (what Perfetto and chrome://tracing read). */
GLIA_NODISCARD glia_status timeline_write(struct glia_comm *comm, const char *path);

/** The last 256 events of each thread of this rank as text in glia-stall-rank-N.txt, in the folder GLIA_STALL_DIR or here; one line of
 *  the log says where. Collective: no. */
void timeline_dump(int rank);

#endif
