/* What the layers of a model take on this machine: measured, on one worker, in a few steps of the whole model. */
#ifndef LAYER_TIMES_H
#define LAYER_TIMES_H

#include "session.h"

struct layer_times {
  int layers;
  double micro_s, join_s; /* a micro-batch; adding its sums to those of another */
  double end_s, rest_s;   /* what follows all of them; of a step beside all these */
  double *forward, *backward,
      *end; /* [layers + 1], the last one the loss; they add up to micro_s and, but for what is no layer's, end_s */
};

/** Of times x [n] (s), which it sorts: the one in the middle, of an even number the mean of the two; 0 where there is none. */
double layer_times_median(double *x, int n);

/** Room for them, all 0. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status layer_times_alloc(const struct session *s, struct layer_times *out);

/** Times are of a core that is this worker's alone: where others had it for a part, that part is taken off.
 *  Run steps of up to 8 micro-batches for about a quarter of a second, and 5 of them at least.
 *  s        model, data and configuration; its engine, if any, is not touched
 *  program  of the whole model
 *  most     micro-batches of a step; 0: 8
 *  Collective: no. Ownership: layer_times_free, also after an error. Errors: GLIA_E_MEMORY, those of a step. */
GLIA_NODISCARD glia_status layer_times_measure(const struct session *s,
                                               const struct glia_program *program, int64_t most,
                                               struct layer_times *out);

/** What a step of two data groups takes beside its micro-batches and what each rank adds up itself: sums between the two, the states'
 *  update, and what else two ranks of a node take from each other. The same number of steps.
 *  s, t    as above; where s->once_per_node, the two hold states once if they can: *shared tells
 *  pair    two ranks, one worker each
 *  end_s   rank 0's is the one that counts
 *  Collective: yes, over pair. Errors: those of a step; on both alike. */
GLIA_NODISCARD glia_status layer_times_pair(const struct session *s,
                                            const struct glia_program *program,
                                            struct glia_comm *pair, const struct layer_times *t,
                                            double *end_s, bool *shared);
void layer_times_free(struct layer_times *t);

#endif
