/* log_softmax: y = x - ln sum e^x along the last axis, shifted by the largest so that nothing overflows. */
#include "reduce_priv.h"

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  char a[GLIA_TEXT_];

  n->type = *glia_type_of_(g, n->in[0]);
  GLIA_CHECK(n->type.rank > 0, GLIA_E_SHAPE, "log_softmax of %s: a last axis is needed",
             glia_type_text(&n->type, a, sizeof a));
  return glia_infer_float_(g, n);
}

/* dx = dy - softmax(x) sum dy */
static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const int last = y->type.rank - 1;

  dx[0] = glia_sub(g, dy, glia_mul(g, glia_exp(g, y->id), glia_reduce_sum(g, dy, 1, &last, true)));
}

/* t - sum softmax(x) t */
static glia_value jvp(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  const int last = y->type.rank - 1;

  return glia_sub(g, t[0],
                  glia_reduce_sum(g, glia_mul(g, glia_exp(g, y->id), t[0]), 1, &last, true));
}

/* Lane k has elements k, k + 16, ...: a chain of comparisons or sums alone would wait for each. Lanes are joined as reduce_sum joins them;
 * what is left of a row is added behind them, and there are no blocks. */
enum { LANES = GLIA_REDUCE_LANES };
#define FIRST(k) real top##k = x[k];
#define LARGER(k)                                                                                  \
  top##k = x[i + k] > top##k ? x[i + k] : top##k; /* a NaN may stay or go: the sum has it */
#define TOP(k)   top##k,
#define SUM(k)   sum##k,
#define START(k) double sum##k = (double)x[k];
#define ADD(k)   sum##k += (double)x[i + k];
#define KERNEL(T, suffix)                                                                          \
  GLIA_CLONES static T largest_##suffix(const T *x, int64_t n)                                     \
  {                                                                                                \
    typedef T real;                                                                                \
    real top = x[0];                                                                               \
    int64_t i = 0;                                                                                 \
    if (n >= LANES) {                                                                              \
      GLIA_REDUCE_EACH_LANE(FIRST)                                                                 \
      for (i = LANES; i + LANES <= n; i += LANES) {                                                \
        GLIA_REDUCE_EACH_LANE(LARGER)                                                              \
      }                                                                                            \
      const T lane[LANES] = {GLIA_REDUCE_EACH_LANE(TOP)};                                          \
      for (int k = 0; k < LANES; k++) top = lane[k] > top ? lane[k] : top;                         \
    }                                                                                              \
    for (; i < n; i++) top = x[i] > top ? x[i] : top;                                              \
    return top;                                                                                    \
  }                                                                                                \
  GLIA_CLONES static double total_##suffix(const T *x, int64_t n)                                  \
  {                                                                                                \
    double sum = 0.0;                                                                              \
    int64_t i = 0;                                                                                 \
    if (n >= LANES) {                                                                              \
      GLIA_REDUCE_EACH_LANE(START)                                                                 \
      for (i = LANES; i + LANES <= n; i += LANES) {                                                \
        GLIA_REDUCE_EACH_LANE(ADD)                                                                 \
      }                                                                                            \
      double lane[LANES] = {GLIA_REDUCE_EACH_LANE(SUM)};                                           \
      for (int half = LANES / 2; half > 0; half /= 2)                                              \
        for (int k = 0; k < half; k++) lane[k] += lane[k + half];                                  \
      sum = lane[0];                                                                               \
    }                                                                                              \
    for (; i < n; i++) sum += (double)x[i];                                                        \
    return sum;                                                                                    \
  }                                                                                                \
  GLIA_CLONES static void exps_##suffix(const T *x, T top, T *y, int64_t n)                        \
  {                                                                                                \
    for (int64_t i = 0; i < n; i++) y[i] = GLIA_EXP_SHORT(x[i] - top);                             \
  }                                                                                                \
  GLIA_CLONES static void shift_##suffix(const T *x, T top, T shift, T *y, int64_t n)              \
  {                                                                                                \
    for (int64_t i = 0; i < n; i++) y[i] = x[i] - top - shift;                                     \
  }                                                                                                \
  static void reference_##suffix(const struct glia_call *c)                                        \
  {                                                                                                \
    const T *x = c->in[0].data;                                                                    \
    T *y = c->out.data;                                                                            \
    const int64_t n = c->out.type->dim[c->out.type->rank - 1];                                     \
    for (int64_t r = 0; r < c->out.n; r += n, x += n, y += n) {                                    \
      const T top = largest_##suffix(x, n);                                                        \
      exps_##suffix(x, top, y, n);                                                                 \
      shift_##suffix(x, top, (T)log(total_##suffix(y, n)), y, n);                                  \
    }                                                                                              \
  }
GLIA_EACH_FLOAT(KERNEL)
#undef FIRST
#undef LARGER
#undef TOP
#undef START
#undef ADD
#undef SUM

static glia_value sample(struct glia_sample *s, int k)
{
  return k > 0 ? GLIA_NONE
               : glia_log_softmax(s->g, glia_sample_real(s, 3, (int64_t[]){2, 3, 5}, -2.0, 2.0));
}

const struct glia_op glia_op_log_softmax_ = {
    .name = "log_softmax",
    .source = "blanchard2021",
    .n_in = 1,
    .infer = infer,
    .vjp = vjp,
    .jvp = jvp,
    .vmap = glia_vmap_leading_,
    .reference = GLIA_FLOATS(reference),
    .flops_per_element = 10.0,
    .sample = sample,
};

glia_value glia_log_softmax(struct glia_graph *g, glia_value x)
{
  return glia_unary_(g, &glia_op_log_softmax_, x);
}
