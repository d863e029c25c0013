/* What a run resumes from. */
#ifndef RESUME_H
#define RESUME_H

#include "session.h"

/** Rank 0, with --resume: the newest good checkpoint of checkpoint.dir, and of `local` (NULL: none). Passed over, with a warning, and
 *  set aside are damaged ones (NAME.damaged) and those from which runs went on ATTEMPTS_MAX times and failed by themselves
 *  (NAME.failed). *c is NULL for a fresh start, where there are none or all are damaged, which is said in one line.
 *  Errors: GLIA_E_DATA (some, but none is good, and not for damage alone), GLIA_E_CONFIG (a key changed that may not). Then all stays as it was. */
GLIA_NODISCARD glia_status resume_find(const struct session *s, const char *local,
                                       struct glia_checkpoint **c);

/** Rank 0, without --resume: GLIA_E_EXISTS for a folder that holds checkpoints. */
GLIA_NODISCARD glia_status resume_refuse(const char *dir);

#endif
