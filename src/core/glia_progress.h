/* Progress of long work on standard error: a bar on a terminal, else one line each 30 s with what is done and time left.
 * Silent on ranks other than 0 and when GLIA_PROGRESS=off.
 */
#ifndef GLIA_PROGRESS_H
#define GLIA_PROGRESS_H

#include "glia_base.h"

struct glia_progress {
  const char *what; /* "train", "import" */
  const char *unit; /* "steps" */
  double total;     /* <= 0: unknown */
  double done;
  double start_s;
  double last_print_s;
  bool terminal;
  bool silent;
  int width; /* of the last line printed */
};

GLIA_API void glia_progress_begin(struct glia_progress *p, const char *what, const char *unit,
                                  double total);

/** Report; `extra` (may be NULL) is shown behind, e.g. "loss 0.31". Prints at most 10 times a second. */
GLIA_API void glia_progress_update(struct glia_progress *p, double done, const char *extra);

/** Clear the line of a terminal, so that something else can be printed; the next report draws it again. */
GLIA_API void glia_progress_clear(struct glia_progress *p);

/** The line is cleared (terminal), or the last state is told (else), if anything was done. */
GLIA_API void glia_progress_end(struct glia_progress *p);

#endif
