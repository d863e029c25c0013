/* low_rank: w + alpha / rank B A with parameters <name>_a [rank, n], uniform in +-1/sqrt(n), and <name>_b [out, rank], zero at first. With w
 * frozen (groups of the optimizer) the change of w alone is trained.  Source: hu2021 (arXiv:2106.09685). */
#include "nn_priv.h"

#include <math.h>

enum { RANK, ALPHA };

static glia_value build(struct glia_model *m, struct nn_layer *l, const struct nn_transform *t,
                        const char *name, glia_value w)
{
  struct glia_graph *g = m->g;
  const glia_value rows = glia_as_matrix_(m, w);
  const struct glia_type *type = glia_value_type_(m, rows);
  const int64_t rank = (int64_t)t->v[RANK], out = type->dim[0], n = type->dim[1];
  char own[NN_MAX_NAME];
  const glia_value a = glia_layer_parameter_(m, l, glia_joined_(own, name, "_a"), 2,
                                             (int64_t[]){rank, n}, glia_uniform_(n));
  const glia_value b = glia_layer_parameter_(m, l, glia_joined_(own, name, "_b"), 2,
                                             (int64_t[]){out, rank}, (struct nn_init){0});
  const glia_value change =
      glia_mul(g, glia_matmul(g, b, a, false, false), glia_constant(g, t->v[ALPHA] / t->v[RANK]));

  return glia_as_weight_(m, glia_add(g, rows, change), w);
}

const struct nn_transform_kind glia_transform_low_rank_ = {
    .name = "low_rank",
    .source = "hu2021",
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "rank", .type = NN_COUNT, .lo = 1, .hi = 65536, .value = 8},
            {.name = "alpha", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 8},
            {.name = NULL},
        },
    .build = build,
};
