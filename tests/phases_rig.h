/* A network whose hidden layer is normalised over the whole batch, trained by a few steps: five phases each. */
#ifndef PHASES_RIG_H
#define PHASES_RIG_H

#include "glia_exchange.h"

enum { PHASES_ROWS = 24, PHASES_IN = 3, PHASES_HIDDEN = 5, PHASES_STEPS = 4, PHASES_COUNT = 5 };

struct phases_result {
  double w[PHASES_IN * PHASES_HIDDEN], v[PHASES_HIDDEN];
  double loss;                    /* of the last step, before it */
  double prediction[PHASES_ROWS]; /* likewise; rows of this process, else 0 */
  int phases;
};

/* PLAIN: the means are sums over the rows of a micro-batch, which then must be the whole batch: one phase. */
typedef enum { PHASES_PLAIN, PHASES_COUPLED } phases_kind;

/** Train on PHASES_ROWS rows in micro_batches equal parts.
 *  exchange  NULL = one process
 *  fail      micro-batch whose fill fails in the last step, -1: none
 *  Returns the status of building or of the last step. */
glia_status phases_train(phases_kind kind, int micro_batches, int threads,
                         const struct glia_exchange *exchange, int steps, int fail,
                         struct phases_result *out);

#endif
