/* kl: T^2 KL(softmax(t / T) || softmax(z / T)) over the last axis: distillation from a teacher's logits t (another layer, through
 * which no derivative passes, or a field). probabilities: true takes t as probabilities.
 * Source: hinton2015 (arXiv:1503.02531). */
#include "nn_priv.h"

#include <math.h>

enum { TEMPERATURE, PROBABILITIES };

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const double T = t->v[TEMPERATURE];
  const glia_value cool = glia_constant(g, 1.0 / T);
  const glia_value teacher = glia_stop_gradient(g, target);
  const glia_value student = glia_log_softmax(g, glia_mul(g, of, cool));
  glia_value p = teacher, log_p;

  if (t->v[PROBABILITIES] != 0.0) { /* 0 ln 0 = 0 */
    log_p = glia_ln(g, glia_max(g, p, glia_constant(g, 1e-37)));
  } else {
    log_p = glia_log_softmax(g, glia_mul(g, teacher, cool));
    p = glia_exp(g, log_p);
  }
  const glia_value each = glia_mul(g, p, glia_sub(g, log_p, student));
  return glia_mul(g, glia_reduce_sum(g, each, 1, (int[]){1}, false), glia_constant(g, T * T));
}

const struct nn_loss_kind glia_loss_kl_ = {
    .name = "kl",
    .source = "hinton2015",
    .target = NN_TARGET_REAL,
    .option =
        (const struct nn_option[]){
            {.name = "temperature", .type = NN_REAL, .lo = 1e-3, .hi = INFINITY, .value = 1.0},
            {.name = "probabilities", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
