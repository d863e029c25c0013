/* mask: w times a state of zeros and ones, <name>_mask, all ones at first. Every `every` steps it becomes 1 for the share `keep` of the
 * weights that are largest in magnitude as the step begins (ties stay), 0 for the others, which then have no gradient; every: 0 leaves it
 * as it is.  Source: han2015 (arXiv:1506.02626), zhu2017 (arXiv:1710.01878) for masks that are renewed. */
#include "nn_priv.h"

#include <math.h>

enum { KEEP, EVERY };

/* 1 where |w| is among the n largest. */
static glia_value largest(struct glia_model *m, glia_value w, int64_t n)
{
  struct glia_graph *g = m->g;
  const int64_t all = glia_type_count(glia_value_type_(m, w));
  const glia_value size = glia_abs(g, w), flat = glia_reshape(g, size, 1, &all);
  const glia_value top = glia_top_k(g, flat, n, NULL);
  const glia_value least = glia_slice(g, top, (int64_t[]){n - 1}, (int64_t[]){n}, (int64_t[]){1});

  return glia_cast(g, glia_compare(g, GLIA_GE, size, glia_reshape(g, least, 0, NULL)), m->dtype);
}

static glia_value build(struct glia_model *m, struct nn_layer *l, const struct nn_transform *t,
                        const char *name, glia_value w)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, w);
  const double wanted = ceil(t->v[KEEP] * (double)glia_type_count(&type));
  char own[NN_MAX_NAME];
  const glia_value mask =
      glia_layer_state_(m, l, glia_joined_(own, name, "_mask"), type.rank, type.dim, 1.0);

  if (!m->evaluating && t->v[EVERY] > 0.0) {
    /* step mod every, in float64: exact below 2^53 */
    const glia_value step = glia_cast(g, m->step, GLIA_F64), n = glia_constant(g, t->v[EVERY]);
    const glia_value rounds = glia_mul(g, glia_floor(g, glia_div(g, step, n)), n);
    const glia_value due = glia_compare(g, GLIA_EQ, rounds, step);
    glia_layer_keep_(m, mask, glia_select(g, due, largest(m, w, (int64_t)fmax(wanted, 1.0)), mask));
  }
  return glia_mul(g, w, mask);
}

const struct nn_transform_kind glia_transform_mask_ = {
    .name = "mask",
    .rough = "what it keeps is of training",
    .source = "zhu2017",
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "keep", .type = NN_REAL, .lo = 0.0, .hi = 1.0, .value = 1.0},
            {.name = "every", .type = NN_COUNT, .lo = 0, .hi = 0x1p53, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
