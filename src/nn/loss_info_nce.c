/* info_nce: - ln of the share of row i's partner t_i among all rows of the micro-batch, by exp(cos(z_i, t_j) / T).
 * It couples samples inside a micro-batch and nowhere else, so ranks and threads change nothing; rows that are padding are no
 * partners. symmetric: mean with the same from t to z.  Source: oord2018 (arXiv:1807.03748); radford2021 (symmetric form). */
#include "nn_priv.h"

#include <math.h>

enum { TEMPERATURE, SYMMETRIC };

/* Rows of length 1; a row of zeros stays. */
static glia_value unit(struct glia_graph *g, glia_value x)
{
  const glia_value square = glia_reduce_sum(g, glia_mul(g, x, x), 1, (int[]){1}, true);

  return glia_div(g, x, glia_sqrt(g, glia_max(g, square, glia_constant(g, 1e-16))));
}

/* - ln softmax over the rows that count, on the diagonal. */
static glia_value one_way(struct glia_model *m, glia_value likeness)
{
  struct glia_graph *g = m->g;
  const int64_t b = m->micro_batch, row[] = {1, b}, square[] = {b, b};
  const struct glia_type index = glia_type_make(GLIA_I32, 1, &b);
  const glia_value counts =
      glia_reshape(g, glia_compare(g, GLIA_GT, m->weight, glia_constant(g, 0.0)), 2, row);
  const glia_value own = glia_one_hot(g, glia_iota(g, index, 0), b, m->dtype);
  const glia_value seen = glia_select(g, glia_broadcast_to(g, counts, 2, square), likeness,
                                      glia_full(g, glia_type_make(m->dtype, 2, square), -1e30));
  /* a row of padding has weight 0, but its number must be finite: its own place counts */
  const glia_value scores =
      glia_select(g, glia_compare(g, GLIA_GT, own, glia_constant(g, 0.5)), likeness, seen);

  return glia_neg(
      g, glia_reduce_sum(g, glia_mul(g, glia_log_softmax(g, scores), own), 1, (int[]){1}, false));
}

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const glia_value z = unit(g, of), partner = unit(g, target);
  const glia_value scale = glia_constant(g, 1.0 / t->v[TEMPERATURE]);
  const glia_value there = one_way(m, glia_mul(g, glia_matmul(g, z, partner, false, true), scale));

  if (t->v[SYMMETRIC] == 0.0) return there;
  const glia_value back = one_way(m, glia_mul(g, glia_matmul(g, partner, z, false, true), scale));
  return glia_mul(g, glia_add(g, there, back), glia_constant(g, 0.5));
}

const struct nn_loss_kind glia_loss_info_nce_ = {
    .name = "info_nce",
    .source = "oord2018",
    .target = NN_TARGET_REAL,
    .option =
        (const struct nn_option[]){
            {.name = "temperature", .type = NN_REAL, .lo = 1e-3, .hi = INFINITY, .value = 0.07},
            {.name = "symmetric", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
