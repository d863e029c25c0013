/* Between measuring (advise_measure.c) and predicting (advise.c). */
#ifndef ADVISE_PRIV_H
#define ADVISE_PRIV_H

#include "advise.h"
#include "layer_times.h"

struct measured {
  struct layer_times t;
  struct advise_basis b;
  double gradient_bytes; /* sums of a micro-batch: what data groups exchange */
  int64_t micro_batches;
  double cores; /* of all nodes, for the ranks of this run */
  int ranks, local;
};

/* Times of layers on as many ranks of a node at once as it has cores, messages and sums between the first two ranks; rank 0's are
 * everybody's. Collective: yes. Ownership: layer_times_free(&m->t), also after an error. */
GLIA_NODISCARD glia_status advise_measure_(const struct session *s, struct measured *m);

#endif
