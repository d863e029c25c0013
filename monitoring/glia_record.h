/* Recording rows of an agent to a telemetry file (docs/formats/telemetry.md). */
#ifndef GLIA_RECORD_H
#define GLIA_RECORD_H

#include "glia_agent.h"

enum { GLIA_HOST_BYTES = 256 };

struct glia_recorder;

/** Name of the node whose files are below root, into out [size]: what its kernel says, else (a recorded node) the folder's name;
 *  returns out. */
GLIA_API const char *glia_host_name(const char *root, char *out, size_t size);

/** Start a recording of one node: counters as rates, one column per metric of the set.
 *
 *  path   appears when the recorder is closed; meanwhile PATH.tmp is written out every two seconds and stays readable when
 *         the process is killed
 *  force  replace an existing file
 *  root   where the set reads: gives the node's name, and for this machine its topology is recorded, too
 *  set    borrowed for this call
 *
 *  Ownership: end it with close or abort.
 *  Errors:    GLIA_E_EXISTS, GLIA_E_BUSY (somebody records there), GLIA_E_IO, GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_recorder_open(const char *path, bool force,
                                                       const char *root,
                                                       const struct glia_sample_set *set,
                                                       struct glia_recorder **out);

/** Add a row. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_recorder_add(struct glia_recorder *recorder,
                                                      const struct glia_agent_row *row);

/** Note an event, "job 1 start". Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_recorder_event(struct glia_recorder *recorder,
                                                        int64_t time_ns, const char *text);

/** Finish the file; *recorder is gone in any case and set to NULL. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_recorder_close(struct glia_recorder **recorder);

/** Remove what was written; NULL is welcome. */
GLIA_API void glia_recorder_abort(struct glia_recorder **recorder);

#endif
