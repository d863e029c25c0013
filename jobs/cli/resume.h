/* What a run resumes from. */
#ifndef RESUME_H
#define RESUME_H

#include "session.h"

struct resume;

/** Rank 0, with --resume: look for the newest good checkpoint of `dir` (checkpoint.dir, borrowed), and of `local` (NULL: none). Passed over,
 *  with a warning, are damaged ones and those from which runs went on ATTEMPTS_MAX times and failed by themselves. Nothing is changed.
 *  Ownership: resume_free(out), also on failure. Errors: GLIA_E_DATA (some, but none is good, and not for damage alone). */
GLIA_NODISCARD glia_status resume_find(const char *dir, const char *local, struct resume **out);

/** What it found; NULL for a fresh start, where there are none or all are damaged. Borrowed. */
struct glia_checkpoint *resume_checkpoint(const struct resume *r);

/** Rank 0: go on from it. Those passed over are set aside as NAME.damaged and NAME.failed, and a fresh start is said in one line.
 *  Errors: GLIA_E_CONFIG (a key changed that may not); then all stays as it was. */
GLIA_NODISCARD glia_status resume_settle(struct resume *r, const struct session *s);

void resume_free(struct resume **r);

/** Rank 0, without --resume: GLIA_E_EXISTS for a folder that holds checkpoints. */
GLIA_NODISCARD glia_status resume_refuse(const char *dir);

#endif
