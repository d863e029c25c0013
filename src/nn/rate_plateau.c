/* plateau: lr, times factor when the training loss, averaged over each `every` steps, has not fallen below (1 - threshold) of its
 * best for more than `patience` such averages; at least `min`. As PyTorch's ReduceLROnPlateau (relative threshold, no cooldown).
 * All it knows are states of the model, f64 scalars under /state/lr_schedule, moved by the step's own loss: the same on all ranks,
 * and in every checkpoint. */
#include "nn_priv.h"

#include <math.h>

enum { EVERY = NN_RATE_OWN, FACTOR, PATIENCE, THRESHOLD, MIN };

static double rate(const double *v, double lr, int64_t step, int64_t n)
{
  (void)v;
  (void)step;
  (void)n;
  return lr;
}

static glia_value scalar(struct glia_model *m, const char *path, double first)
{
  return glia_model_state_(m, path, glia_type_make(GLIA_F64, 0, NULL), first);
}

static glia_value factor(struct glia_model *m, const double *v, glia_value loss)
{
  struct glia_graph *g = m->g;
  const double lr = m->optimizer.v[NN_LR], least = lr > 0.0 ? v[MIN] / lr : 0.0;
  const glia_value zero = glia_constant(g, 0.0), one = glia_constant(g, 1.0);
  const glia_value now = scalar(m, NN_SCHEDULE "factor", 1.0);
  const glia_value best = scalar(m, NN_SCHEDULE "best", INFINITY);
  const glia_value bad = scalar(m, NN_SCHEDULE "bad", 0.0);
  const glia_value sum = scalar(m, NN_SCHEDULE "loss_sum", 0.0);
  const glia_value steps = scalar(m, NN_SCHEDULE "steps", 0.0);

  const glia_value taken = glia_add(g, steps, one), total = glia_add(g, sum, loss);
  const glia_value due = glia_compare(g, GLIA_GE, taken, glia_constant(g, v[EVERY]));
  const glia_value mean = glia_div(g, total, glia_constant(g, v[EVERY]));
  const glia_value limit = glia_mul(g, best, glia_constant(g, 1.0 - v[THRESHOLD]));
  const glia_value better = glia_compare(g, GLIA_LT, mean, limit);
  const glia_value worse = glia_select(g, better, zero, glia_add(g, bad, one));
  const glia_value fall = glia_compare(g, GLIA_GT, worse, glia_constant(g, v[PATIENCE]));
  const glia_value lower =
      glia_max(g, glia_mul(g, now, glia_constant(g, v[FACTOR])), glia_constant(g, least));

  glia_layer_keep_(m, steps, glia_select(g, due, zero, taken));
  glia_layer_keep_(m, sum, glia_select(g, due, zero, total));
  glia_layer_keep_(m, best, glia_select(g, due, glia_select(g, better, mean, best), best));
  glia_layer_keep_(m, bad, glia_select(g, due, glia_select(g, fall, zero, worse), bad));
  glia_layer_keep_(m, now, glia_select(g, due, glia_select(g, fall, lower, now), now));
  return now;
}

const struct nn_rate_kind glia_rate_plateau_ = {
    .name = "plateau",
    .option =
        (const struct nn_option[]){
            NN_WARMUP_OPTION,
            {.name = "every", .type = NN_COUNT, .lo = 1, .hi = 0x1p53, .value = NAN},
            {.name = "factor", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.1},
            {.name = "patience", .type = NN_COUNT, .lo = 0, .hi = 0x1p53, .value = 10},
            {.name = "threshold", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 1e-4},
            {.name = "min", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.0},
            {.name = NULL},
        },
    .rate = rate,
    .factor = factor,
};
