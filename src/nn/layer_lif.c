/* lif: leaky integrate-and-fire neurons over rows [steps, ...], one for each number of a step:
 *   u = decay u + x,  s = 1 where u >= threshold, else 0;  then u (1 - s) (reset: zero) or u - threshold s (reset: subtract)
 * Result: the spikes s [steps, ...]. Where s has no derivative, that of the surrogate f(u - threshold) stands in, a = alpha:
 *   atan       f' = a / 2 / (1 + (pi a v / 2)^2)
 *   sigmoid    f' = a p (1 - p),  p = 1 / (1 + exp(-a v))
 *   triangle   f' = a max(0, 1 - a |v|)
 *   rectangle  f' = a where |v| < 1 / (2 a), else 0
 * f itself is added to s and taken away again as a constant, so s is exact. detach: no derivative through the reset.
 * gradient: truncated leaves out the way through time.  Source: neftci2019 (arXiv:1901.09948); fang2020 (arXiv:2007.05785). */
#include "nn_priv.h"

#include "glia_control.h"

#include <math.h>

enum { DECAY, THRESHOLD, SURROGATE, ALPHA, RESET, DETACH, GRADIENT };
enum { ATAN, SIGMOID, TRIANGLE, RECTANGLE };

static const char *const surrogates[] = {"atan", "sigmoid", "triangle", "rectangle", NULL};
static const char *const resets[] = {"zero", "subtract", NULL};

/* An antiderivative of the stated f'. */
static glia_value smooth(struct glia_graph *g, int kind, double a, glia_value v)
{
  const double pi = 3.14159265358979323846;

  switch (kind) {
  case ATAN:
    return glia_mul(g, glia_atan(g, glia_mul(g, v, glia_constant(g, 0.5 * pi * a))),
                    glia_constant(g, 1.0 / pi));
  case SIGMOID:
    return glia_sigmoid(g, glia_mul(g, v, glia_constant(g, a)));
  case TRIANGLE: {
    const glia_value t = glia_clamp(g, glia_mul(g, v, glia_constant(g, a)), -1.0, 1.0);
    const glia_value bend = glia_mul(g, glia_mul(g, t, glia_abs(g, t)), glia_constant(g, 0.5));
    return glia_sub(g, t, bend);
  }
  default:
    return glia_clamp(g, glia_mul(g, v, glia_constant(g, a)), -0.5, 0.5);
  }
}

static glia_value spike(struct glia_graph *g, const double *v, glia_value u)
{
  const glia_value over = glia_sub(g, u, glia_constant(g, v[THRESHOLD]));
  const glia_value hard = glia_cast(g, glia_compare(g, GLIA_GE, over, glia_constant(g, 0.0)),
                                    glia_graph_node(g, u)->type.dtype);
  const glia_value f = smooth(g, (int)v[SURROGATE], v[ALPHA], over);

  return glia_add(g, hard, glia_sub(g, f, glia_stop_gradient(g, f)));
}

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x[0]);
  int order[GLIA_MAX_RANK] = {1, 0};
  struct glia_type rest = {.dtype = type.dtype, .rank = type.rank - 1, .dim = {type.dim[0]}};

  (void)training;
  if (type.rank < 2)
    return glia_layer_error_(l, "input has rows of one number, expected [steps, ...]");
  for (int k = 2; k < type.rank; k++) {
    order[k] = k;
    rest.dim[k - 1] = type.dim[k];
  }
  struct glia_body *body = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(body);
  const glia_value before = glia_body_carry(body, glia_full(g, rest, 0.0));
  const glia_value now = glia_body_each(body, glia_permute(g, x[0], order));
  const glia_value u = glia_add(in, glia_mul(in, before, glia_constant(in, l->v[DECAY])), now);
  if (u == GLIA_NONE) {
    glia_body_drop(&body);
    return glia_graph_status(g);
  }
  const glia_value s = spike(in, l->v, u);
  const glia_value fallen = l->v[DETACH] != 0.0 ? glia_stop_gradient(in, s) : s;
  const glia_value after =
      l->v[RESET] != 0.0 ? glia_sub(in, u, glia_mul(in, fallen, glia_constant(in, l->v[THRESHOLD])))
                         : glia_mul(in, u, glia_sub(in, glia_constant(in, 1.0), fallen));
  glia_body_next(body, before, after);
  glia_body_stack(body, s);
  const struct glia_scan_options o = {.gradient = (glia_gradient)l->v[GRADIENT]};
  glia_value all;
  glia_scan(g, &body, &o, NULL, &all);
  *y = glia_permute(g, all, order);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_lif_ = {
    .name = "lif",
    .rough = "its spikes are steps",
    .source = "neftci2019",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "decay", .type = NN_REAL, .lo = 0.0, .hi = 1.0, .value = 0.5},
            {.name = "threshold", .type = NN_REAL, .lo = 1e-12, .hi = INFINITY, .value = 1.0},
            {.name = "surrogate", .type = NN_CHOICE, .words = surrogates, .value = ATAN},
            {.name = "alpha", .type = NN_REAL, .lo = 1e-6, .hi = INFINITY, .value = 2.0},
            {.name = "reset", .type = NN_CHOICE, .words = resets, .value = 0},
            {.name = "detach", .type = NN_FLAG, .value = 1},
            {.name = "gradient", .type = NN_CHOICE, .words = glia_gradients_, .value = 0},
            {.name = NULL},
        },
    .build = build,
};
