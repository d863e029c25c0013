/* batch_norm: y = w (x - mean) / sqrt(var + eps) + b for each channel of rows [channels, ...].
 *
 * In training mean and biased variance are those of the micro-batch, over its rows that are no padding: so the result does not
 * depend on ranks and threads. After a step the states mean and var move by `momentum` towards the average over the step's
 * micro-batches of the mean and the unbiased variance; evaluation uses them. over: batch takes both over all rows of the
 * step instead, whatever the micro-batches: two batch sums, and two in the reverse pass, on which micro-batches wait. norm: l1
 * divides by the mean deviation |x - mean| + eps instead.  Source: ioffe2015 (arXiv:1502.03167).
 * Departs: with several micro-batches in a step, the running variance leaves out the spread of their means; over: batch does not. */
#include "nn_priv.h"

#include <math.h>

enum { EPS, MOMENTUM, AFFINE, NORM, OVER };

static const char *const overs[] = {"micro_batch", "batch", NULL};

/* Statistics of a micro-batch, or of all of the step: keep-shaped [1, c, 1...]. */
struct statistics {
  glia_value mean, spread; /* spread: variance, or mean deviation */
  glia_value rows;         /* scalar: rows that are no padding */
  int64_t each;            /* elements of a channel in a row */
  glia_value counts,
      total; /* which rows, keep-shaped [rows, 1...]; rows times each, at least one row */
  int n_axes, axes[GLIA_MAX_RANK];
};

/* A sum over rows of the micro-batch, over all that are normalised together. */
static glia_value together(struct glia_model *m, const struct nn_layer *l, glia_value sum)
{
  return l->v[OVER] != 0.0 ? glia_batch_sum(m->g, sum) : sum;
}

static struct statistics measure(struct glia_model *m, const struct nn_layer *l, glia_value x,
                                 bool l1)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x);
  int64_t dim[GLIA_MAX_RANK] = {m->micro_batch};
  struct statistics s = {.each = 1, .n_axes = 1};

  for (int k = 1; k < type.rank; k++) dim[k] = 1;
  for (int k = 2; k < type.rank; k++) {
    s.each *= type.dim[k];
    s.axes[s.n_axes++] = k;
  }
  const glia_value counts =
      glia_cast(g, glia_compare(g, GLIA_GT, m->weight, glia_constant(g, 0.0)), m->dtype);
  s.counts = glia_reshape(g, counts, type.rank, dim);
  s.rows = together(m, l, glia_reduce_sum(g, counts, -1, NULL, false));
  const glia_value some = glia_max(g, s.rows, glia_constant(g, 1.0));
  s.total = glia_mul(g, some, glia_constant(g, (double)s.each));
  const glia_value counted = glia_mul(g, x, s.counts);
  s.mean =
      glia_div(g, together(m, l, glia_reduce_sum(g, counted, s.n_axes, s.axes, true)), s.total);
  const glia_value spread = glia_spread_(g, x, s.mean, s.counts, s.n_axes, s.axes, l1);
  s.spread = glia_div(g, together(m, l, spread), s.total);
  return s;
}

/* Average over the micro-batches that have rows, or what all have in common; the state moves towards it. */
static void keep(struct glia_model *m, const struct nn_layer *l, glia_value state, glia_value now,
                 glia_value rows)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, state);
  const glia_value one = glia_constant(g, 1.0), zero = glia_constant(g, 0.0);
  glia_value mean = glia_reshape(g, now, type->rank, type->dim);

  if (l->v[OVER] == 0.0) {
    const glia_value any =
        glia_cast(g, glia_compare(g, GLIA_GT, rows, zero), glia_value_type_(m, rows)->dtype);
    const glia_value n = glia_max(g, glia_batch_sum(g, any), one);
    mean = glia_div(g, glia_batch_sum(g, glia_mul(g, mean, any)), n);
  }
  const glia_value step = glia_mul(g, glia_sub(g, mean, state), glia_constant(g, l->v[MOMENTUM]));
  glia_layer_keep_(m, state, glia_add(g, state, step));
}

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x[0]);
  const bool l1 = l->v[NORM] != 0.0;
  const int64_t n = type.dim[1];
  int64_t dim[GLIA_MAX_RANK] = {1, n};

  if (type.rank < 2) return glia_layer_error_(l, "input has rows of one number, expected channels");
  for (int k = 2; k < type.rank; k++) dim[k] = 1;
  const glia_value mean = glia_layer_state_(m, l, "mean", 1, &n, 0.0);
  const glia_value spread = glia_layer_state_(m, l, l1 ? "deviation" : "var", 1, &n, 1.0);
  struct statistics s = {.mean = glia_reshape(g, mean, type.rank, dim),
                         .spread = glia_reshape(g, spread, type.rank, dim)};
  if (training) {
    s = measure(m, l, x[0], l1);
    const glia_value total = glia_mul(g, s.rows, glia_constant(g, (double)s.each));
    const glia_value one = glia_constant(g, 1.0);
    const glia_value unbiased =
        glia_mul(g, s.spread, glia_div(g, total, glia_max(g, glia_sub(g, total, one), one)));
    keep(m, l, mean, s.mean, s.rows);
    keep(m, l, spread, l1 ? s.spread : unbiased, s.rows);
  }
  if (training && !l1 && l->v[OVER] == 0.0) {
    const struct nn_normal normal = {s.mean,    s.spread, s.counts, s.total,
                                     l->v[EPS], s.n_axes, s.axes};
    *y = glia_normal_(g, x[0], &normal);
  } else {
    *y = glia_scaled_down_(g, glia_sub(g, x[0], s.mean), s.spread, l->v[EPS], l1);
  }
  if (l->v[AFFINE] != 0.0) *y = glia_channels_affine_(m, l, *y);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_batch_norm_ = {
    .name = "batch_norm",
    .rough = "it couples the samples of a batch",
    .source = "ioffe2015",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "eps", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 1e-5},
            {.name = "momentum", .type = NN_REAL, .lo = 0.0, .hi = 1.0, .value = 0.1},
            {.name = "affine", .type = NN_FLAG, .value = 1},
            {.name = "norm", .type = NN_CHOICE, .words = glia_norms_, .value = 0},
            {.name = "over", .type = NN_CHOICE, .words = overs, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
