/* Jets through dense layers: see glia_jet.h. */
#include "glia_jet.h"

#include "glia_ops.h"

#include <string.h>

void glia_jet_set_begin(struct glia_jet_set *s, int n_coords)
{
  *s = (struct glia_jet_set){.n_coords = n_coords, .n = 1};
}

static int total(const uint8_t *order, int n)
{
  int t = 0;

  for (int i = 0; i < n; i++) t += order[i];
  return t;
}

int glia_jet_set_find(const struct glia_jet_set *s, const uint8_t *order)
{
  for (int a = 0; a < s->n; a++)
    if (memcmp(s->order[a], order, (size_t)s->n_coords) == 0) return a;
  return -1;
}

bool glia_jet_set_add(struct glia_jet_set *s, const uint8_t *order)
{
  uint8_t below[GLIA_JET_COORDS] = {0};
  const int t = total(order, s->n_coords);

  if (t > GLIA_JET_ORDER) return false;
  if (glia_jet_set_find(s, order) >= 0) return true;
  for (int i = 0; i < s->n_coords; i++) {
    if (order[i] == 0) continue;
    memcpy(below, order, (size_t)s->n_coords);
    below[i]--;
    if (!glia_jet_set_add(s, below)) return false;
  }
  if (s->n == GLIA_JET_MOST) return false;
  int at = s->n++;
  for (; at > 0 && total(s->order[at - 1], s->n_coords) > t; at--)
    memcpy(s->order[at], s->order[at - 1], sizeof s->order[at]);
  memset(s->order[at], 0, sizeof s->order[at]);
  memcpy(s->order[at], order, (size_t)s->n_coords);
  return true;
}

double glia_jet_factorial(const struct glia_jet_set *s, int a)
{
  double f = 1.0;

  for (int i = 0; i < s->n_coords; i++)
    for (int k = 2; k <= s->order[a][i]; k++) f *= k;
  return f;
}

const char *const *glia_jet_activation_names(void)
{
  static const char *const name[] = {
#define X(name, text) text,
      GLIA_JET_ACTIVATIONS(X)
#undef X
          NULL};

  return name;
}

/* GLIA_NONE is zero. */
static glia_value plus(struct glia_graph *g, glia_value a, glia_value b)
{
  if (a == GLIA_NONE) return b;
  return b == GLIA_NONE ? a : glia_add(g, a, b);
}

static glia_value times(struct glia_graph *g, glia_value a, glia_value b)
{
  return a == GLIA_NONE || b == GLIA_NONE ? GLIA_NONE : glia_mul(g, a, b);
}

static glia_value scaled(struct glia_graph *g, double f, glia_value a)
{
  if (a == GLIA_NONE || f == 1.0) return a;
  return glia_mul(g, glia_constant(g, f), a);
}

/* f and its derivatives at x, each divided by k!, up to `order`. */

static void tanh_terms(struct glia_graph *g, glia_value x, int order, glia_value *f)
{
  const glia_value t = glia_tanh(g, x), tt = glia_mul(g, t, t);
  const glia_value s = glia_sub(g, glia_constant(g, 1.0), tt); /* f' */

  f[0] = t;
  if (order >= 1) f[1] = s;
  if (order >= 2) f[2] = glia_neg(g, glia_mul(g, t, s)); /* f'' = -2 t s */
  if (order >= 3)                                        /* f''' = s (6 t^2 - 2) */
    f[3] = glia_mul(g, s, glia_sub(g, tt, glia_constant(g, 1.0 / 3.0)));
  if (order >= 4) /* f'''' = 8 t s (2 - 3 t^2) */
    f[4] = glia_mul(g, glia_mul(g, t, s), glia_sub(g, glia_constant(g, 2.0 / 3.0), tt));
}

static void sin_terms(struct glia_graph *g, glia_value x, int order, glia_value *f)
{
  static const double factor[] = {1.0, 1.0, -0.5, -1.0 / 6.0, 1.0 / 24.0};
  const glia_value s = glia_sin(g, x), c = order > 0 ? glia_cos(g, x) : GLIA_NONE;

  for (int k = 0; k <= order; k++) f[k] = scaled(g, factor[k], k % 2 == 0 ? s : c);
}

static glia_value value_of(struct glia_graph *g, glia_jet_activation f, glia_value x)
{
  switch (f) {
  case GLIA_JET_SIGMOID:
    return glia_sigmoid(g, x);
  case GLIA_JET_SILU:
    return glia_silu(g, x);
  case GLIA_JET_GELU:
    return glia_gelu(g, x);
  default:
    return glia_softplus(g, x);
  }
}

/* Any other: elements do not mix, so the gradient of the sum is the derivative of each. */
static void other_terms(struct glia_graph *g, glia_jet_activation f, glia_value x, int order,
                        glia_value *term)
{
  glia_value d = value_of(g, f, x);
  double factorial = 1.0;

  for (int k = 0; k <= order; k++) {
    term[k] = scaled(g, 1.0 / factorial, d);
    factorial *= k + 1.0;
    if (k < order) glia_grad(g, glia_reduce_sum(g, d, -1, NULL, false), 1, &x, &d);
  }
}

/* c = a b of coefficients, where a and b have no value of their own and lowest orders la, lb. */
static void product(struct glia_graph *g, const struct glia_jet_set *s, const struct glia_jet *a,
                    const struct glia_jet *b, int lowest, struct glia_jet *c)
{
  uint8_t rest[GLIA_JET_COORDS];

  for (int k = 0; k < s->n; k++) {
    c->part[k] = GLIA_NONE;
    if (total(s->order[k], s->n_coords) < lowest) continue;
    for (int i = 1; i < s->n; i++) {
      bool below = true;
      for (int m = 0; m < s->n_coords; m++) {
        below = below && s->order[i][m] <= s->order[k][m];
        rest[m] = (uint8_t)(s->order[k][m] - s->order[i][m]);
      }
      if (!below) continue;
      const int j = glia_jet_set_find(s, rest);
      if (j > 0) c->part[k] = plus(g, c->part[k], times(g, a->part[i], b->part[j]));
    }
  }
}

void glia_jet_apply(struct glia_graph *g, const struct glia_jet_set *s, glia_jet_activation f,
                    const struct glia_jet *x, struct glia_jet *y)
{
  glia_value term[GLIA_JET_ORDER + 1];
  const int order = total(s->order[s->n - 1], s->n_coords);
  struct glia_jet power = *x, next;

  if (f == GLIA_JET_LINEAR) {
    *y = *x;
    return;
  }
  if (f == GLIA_JET_TANH)
    tanh_terms(g, x->part[0], order, term);
  else if (f == GLIA_JET_SIN)
    sin_terms(g, x->part[0], order, term);
  else
    other_terms(g, f, x->part[0], order, term);
  power.part[0] = GLIA_NONE;
  for (int a = 0; a < s->n; a++) y->part[a] = a == 0 ? term[0] : GLIA_NONE;
  for (int k = 1; k <= order; k++) {
    for (int a = 1; a < s->n; a++)
      y->part[a] = plus(g, y->part[a], times(g, term[k], power.part[a]));
    if (k == order) break;
    product(g, s, &power, x, k + 1, &next);
    power = next;
  }
}

static glia_value zeros_like(struct glia_graph *g, glia_value v)
{
  return v == GLIA_NONE ? v : glia_full(g, glia_graph_node(g, v)->type, 0.0);
}

/* All coefficients, one below the other. */
static glia_value stack(struct glia_graph *g, const struct glia_jet_set *s,
                        const struct glia_jet *x, glia_value like)
{
  glia_value part[GLIA_JET_MOST];

  for (int a = 0; a < s->n; a++)
    part[a] = x->part[a] != GLIA_NONE ? x->part[a] : zeros_like(g, like);
  return s->n == 1 ? part[0] : glia_concat(g, s->n, part, 0);
}

static void unstack(struct glia_graph *g, const struct glia_jet_set *s, int64_t rows, glia_value v,
                    struct glia_jet *out)
{
  if (v == GLIA_NONE) {
    for (int a = 0; a < s->n; a++) out->part[a] = GLIA_NONE;
    return;
  }
  const int64_t width = glia_graph_node(g, v)->type.dim[1];
  for (int a = 0; a < s->n; a++)
    out->part[a] = s->n == 1 ? v
                             : glia_slice(g, v, (int64_t[]){a * rows, 0},
                                          (int64_t[]){(a + 1) * rows, width}, (int64_t[]){1, 1});
}

/* Columns of the last layer. */
static void outputs(struct glia_graph *g, struct glia_jet_net *net)
{
  const struct glia_jet *y = &net->y[net->n_layers - 1];
  const struct glia_node *first = glia_graph_node(g, y->part[0]);
  const int64_t rows = net->rows;

  if (first == NULL) return;
  net->n_outputs = (int)first->type.dim[1];
  if (net->n_outputs > GLIA_JET_OUTPUTS) {
    glia_graph_fail(g, GLIA_E_ARGUMENT, "%d outputs, at most %d", net->n_outputs, GLIA_JET_OUTPUTS);
    return;
  }
  for (int a = 0; a < net->set->n; a++)
    for (int64_t k = 0; k < net->n_outputs; k++) {
      const glia_value one = y->part[a] == GLIA_NONE
                                 ? GLIA_NONE
                                 : glia_slice(g, y->part[a], (int64_t[]){0, k},
                                              (int64_t[]){rows, k + 1}, (int64_t[]){1, 1});
      net->output[a][k] = one == GLIA_NONE ? glia_full(g, glia_type_make(GLIA_F64, 1, &rows), 0.0)
                                           : glia_reshape(g, one, 1, &rows);
    }
}

/* The set as the kernels of series want it; n = 0: too many. */
static struct glia_series series_of(const struct glia_jet_set *s)
{
  struct glia_series out = {.n = s->n <= GLIA_SERIES_MOST ? s->n : 0};

  for (int a = 0; a < out.n; a++) out.power[a] = glia_series_power(s->n_coords, s->order[a]);
  return out;
}

/* One layer: *y is stacked, but for the last layer, of which parts are wanted. */
static void forward_layer(struct glia_graph *g, struct glia_jet_net *net, int l, glia_value *y)
{
  const struct glia_jet_layer *layer = &net->layer[l];
  const bool last = l == net->n_layers - 1, tanh_kind = layer->activation == GLIA_JET_TANH;
  const glia_value z = glia_matmul(g, net->in[l], layer->weight, false, true);

  net->stacked[l] = net->series.n > 0 && (tanh_kind || layer->activation == GLIA_JET_SIN);
  if (net->stacked[l]) {
    net->z_stack[l] = z;
    net->y_stack[l] = *y = glia_series_apply(
        g, &net->series, tanh_kind ? GLIA_SERIES_TANH : GLIA_SERIES_SIN, z, layer->bias);
    if (last) unstack(g, net->set, net->rows, *y, &net->y[l]);
    return;
  }
  unstack(g, net->set, net->rows, z, &net->z[l]);
  if (layer->bias != GLIA_NONE) net->z[l].part[0] = glia_add(g, net->z[l].part[0], layer->bias);
  glia_jet_apply(g, net->set, layer->activation, &net->z[l], &net->y[l]);
  if (!last) *y = stack(g, net->set, &net->y[l], net->y[l].part[0]);
}

void glia_jet_forward(struct glia_graph *g, const struct glia_jet_set *s, int64_t rows,
                      const struct glia_jet *input, int n_layers,
                      const struct glia_jet_layer *layer, struct glia_jet_net *out)
{
  glia_value x = stack(g, s, input, input->part[0]);

  *out =
      (struct glia_jet_net){.set = s, .rows = rows, .n_layers = n_layers, .series = series_of(s)};
  if (n_layers < 1 || n_layers > GLIA_JET_LAYERS) {
    glia_graph_fail(g, GLIA_E_ARGUMENT, "%d layers, expected 1 to %d", n_layers, GLIA_JET_LAYERS);
    return;
  }
  for (int l = 0; l < n_layers; l++) {
    out->layer[l] = layer[l];
    out->in[l] = x;
    forward_layer(g, out, l, &x);
  }
  outputs(g, out);
}

glia_value glia_jet_derivative(struct glia_graph *g, const struct glia_jet_net *net, int a,
                               int column)
{
  return scaled(g, glia_jet_factorial(net->set, a), net->output[a][column]);
}

void glia_jet_pull(struct glia_graph *g, const struct glia_jet_net *net, int n, const glia_value *y,
                   const glia_value *dy, struct glia_jet *out)
{
  glia_value d[GLIA_JET_OUTPUTS];

  for (int a = 0; a < net->set->n; a++) {
    bool any = false;
    glia_vjp(g, n, y, dy, net->n_outputs, net->output[a], d);
    for (int k = 0; k < net->n_outputs; k++) {
      any = any || d[k] != GLIA_NONE;
      if (d[k] == GLIA_NONE) d[k] = glia_full(g, glia_type_make(GLIA_F64, 1, &net->rows), 0.0);
      d[k] = glia_reshape(g, d[k], 2, (int64_t[]){net->rows, 1});
    }
    out->part[a] = any ? glia_concat(g, net->n_outputs, d, 1) : GLIA_NONE;
  }
}

/* From the cotangent of what a layer gives, stacked, to that of what its activation takes. */
static glia_value reverse_layer(struct glia_graph *g, const struct glia_jet_net *net, int l,
                                glia_value dy)
{
  const struct glia_jet_set *s = net->set;
  struct glia_jet parts, dz;
  glia_value out;

  if (net->layer[l].activation == GLIA_JET_LINEAR) return dy;
  if (net->stacked[l]) {
    glia_vjp(g, 1, &net->y_stack[l], &dy, 1, &net->z_stack[l], &out);
    return out;
  }
  unstack(g, s, net->rows, dy, &parts);
  glia_vjp(g, s->n, net->y[l].part, parts.part, s->n, net->z[l].part, dz.part);
  return stack(g, s, &dz, net->z[l].part[0]);
}

void glia_jet_reverse(struct glia_graph *g, const struct glia_jet_net *net,
                      const struct glia_jet *dy, glia_value *delta)
{
  const int last = net->n_layers - 1;
  glia_value cotangent = stack(g, net->set, dy, net->y[last].part[0]);

  for (int l = last; l >= 0; l--) {
    delta[l] = reverse_layer(g, net, l, cotangent);
    if (l > 0) cotangent = glia_matmul(g, delta[l], net->layer[l].weight, false, false);
  }
}

static glia_value first_rows(struct glia_graph *g, const struct glia_jet_net *net, glia_value v)
{
  struct glia_jet parts;

  unstack(g, net->set, net->rows, v, &parts);
  return parts.part[0];
}

void glia_jet_gradient(struct glia_graph *g, const struct glia_jet_net *net,
                       const glia_value *delta, glia_value *dweight, glia_value *dbias)
{
  for (int l = 0; l < net->n_layers; l++) {
    dweight[l] = glia_matmul(g, delta[l], net->in[l], true, false);
    dbias[l] = glia_reduce_sum(g, first_rows(g, net, delta[l]), 1, (int[]){0}, false);
  }
}

/* [n rows, width] as [rows, n, width]. */
static glia_value by_row(struct glia_graph *g, const struct glia_jet_net *net, glia_value v)
{
  if (v == GLIA_NONE) return v;
  const int64_t width = glia_graph_node(g, v)->type.dim[1], n = net->set->n;
  const glia_value parted = glia_reshape(g, v, 3, (int64_t[]){n, net->rows, width});
  return n == 1 ? glia_reshape(g, v, 3, (int64_t[]){net->rows, 1, width})
                : glia_permute(g, parted, (int[]){1, 0, 2});
}

void glia_jet_gradient_rows(struct glia_graph *g, const struct glia_jet_net *net,
                            const glia_value *delta, glia_value *dweight, glia_value *dbias)
{
  for (int l = 0; l < net->n_layers; l++) {
    const glia_value w =
        glia_matmul(g, by_row(g, net, delta[l]), by_row(g, net, net->in[l]), true, false);
    dbias[l] = first_rows(g, net, delta[l]);
    dweight[l] = w;
    if (w == GLIA_NONE) continue;
    const struct glia_type *t = &glia_graph_node(g, w)->type;
    dweight[l] = glia_reshape(g, w, 2, (int64_t[]){t->dim[0], t->dim[1] * t->dim[2]});
  }
}
