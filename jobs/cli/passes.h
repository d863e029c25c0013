/* Progress of work that passes over rows, once or again and again, told by the steps of its engine. */
#ifndef PASSES_H
#define PASSES_H

#include "glia_engine.h"
#include "glia_progress.h"

struct passes {
  struct glia_progress progress;
  const char *note;    /* shown behind; NULL: nothing */
  int64_t micro_batch; /* rows */
  int64_t rows;        /* of a pass, with what fills the last step */
  int64_t seen;        /* rows, of `planned` passes */
  double before;       /* passes before those */
  int64_t
      planned; /* passes as far as is known, kept by who does the work; 0: rows of one pass are told */
  int64_t later; /* passes that come behind, */
  int again;     /* and how often `planned` will come again */
};

/** unit: "products"; NULL: one pass, whose rows are told. Then passes_watch. */
void passes_begin(struct passes *p, const char *what, const char *unit);
/** From now on each step of the engine counts: passes over n rows, so many micro-batches at once. What was planned is done. */
void passes_watch(struct passes *p, struct glia_engine *e, int64_t n, int64_t micro_batch,
                  int64_t micro_batches);
/** The engine, if it is still there, is watched no more. */
void passes_end(struct passes *p, struct glia_engine *e);

#endif
