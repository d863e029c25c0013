/* ranking: mean over the pairs of a row with t_i > t_j of max(0, margin - (z_i - z_j)), or (form: logistic) ln(1 + exp(z_j - z_i));
 * 0 for a row without such a pair.  Source: joachims2002; burges2005 (logistic). */
#include "nn_priv.h"

#include <math.h>

enum { MARGIN, FORM };

static const char *const forms[] = {"hinge", "logistic", NULL};

/* x_i - x_j: [b, n] -> [b, n, n]. */
static glia_value differences(struct glia_model *m, glia_value x)
{
  const struct glia_type *type = glia_value_type_(m, x);
  const int64_t b = type->dim[0], n = type->dim[1];

  return glia_sub(m->g, glia_reshape(m->g, x, 3, (int64_t[]){b, n, 1}),
                  glia_reshape(m->g, x, 3, (int64_t[]){b, 1, n}));
}

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const glia_value ahead = glia_cast(
      g, glia_compare(g, GLIA_GT, differences(m, target), glia_constant(g, 0.0)), m->dtype);
  const glia_value d = glia_neg(g, differences(m, of));
  const glia_value cost = t->v[FORM] != 0.0
                              ? glia_softplus(g, d)
                              : glia_relu(g, glia_add(g, d, glia_constant(g, t->v[MARGIN])));
  const int axes[] = {1, 2};
  const glia_value pairs = glia_reduce_sum(g, ahead, 2, axes, false);
  const glia_value sum = glia_reduce_sum(g, glia_mul(g, cost, ahead), 2, axes, false);

  return glia_div(g, sum, glia_max(g, pairs, glia_constant(g, 1.0)));
}

const struct nn_loss_kind glia_loss_ranking_ = {
    .name = "ranking",
    .source = "joachims2002",
    .target = NN_TARGET_REAL,
    .option =
        (const struct nn_option[]){
            {.name = "margin", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1.0},
            {.name = "form", .type = NN_CHOICE, .words = forms, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
