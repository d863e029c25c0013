/* Micro-batches for an engine: rows of a source in the run's order, by the names of the graph's inputs. */
#ifndef FEED_PRIV_H
#define FEED_PRIV_H

#include "glia_train.h"
#include "prefetch_priv.h"

typedef enum { ROLE_FIELD, ROLE_WEIGHT, ROLE_POSITION, ROLE_STOP, ROLE_NONE } feed_role;

struct feed {
  struct glia_feed feed;
  struct glia_order order;
  struct glia_source *source;
  const struct glia_observer *observer;
  int64_t step; /* 0-based, of the run: see glia_feed_begin_ */
  int n_inputs;
  feed_role *role;                /* [graph inputs] */
  int *field;                     /* [graph inputs] */
  int *ahead;                     /* [graph inputs] number among the fields read ahead */
  struct glia_prefetch *prefetch; /* NULL: rows are read when they are asked for */
  int workers;
  int64_t *row, *position; /* [workers, micro_batch] */
  float *weight;           /* [workers, micro_batch] */
  bool late;        /* outcomes of steps come late: failures are kept until all learn of them */
  glia_status kept; /* the first failure: no row is read behind it */
  char trace[1024];
};

/** Bind the graph's per-micro-batch inputs to the source; a slow source is read ahead by a thread of its own.
 *  first, last  steps [first, last), 0-based, that will be begun, in order
 *  memory_bytes what rows read ahead may take, 0: 2 GiB
 *  Errors: GLIA_E_MISSING (a field that the model reads), GLIA_E_SHAPE. */
GLIA_NODISCARD glia_status glia_feed_init_(struct feed *f, const struct glia_graph *g,
                                           struct glia_source *source,
                                           const struct glia_order *order,
                                           const struct glia_engine *engine, int64_t first,
                                           int64_t last, int64_t memory_bytes);

/** Before the engine runs step `step`. */
void glia_feed_begin_(struct feed *f, int64_t step);

/** A failure that the others learn of by the next step; the first one, with its trace again. */
void glia_feed_keep_(struct feed *f, glia_status st);
GLIA_NODISCARD glia_status glia_feed_kept_(const struct feed *f);

void glia_feed_fini_(struct feed *f);

/** Where ranks adopt the worst status; st itself where there is one process. Collective: yes. */
GLIA_NODISCARD glia_status glia_meet_(const struct glia_meeting *m, glia_status st);

#endif
