/* lstm and gru over rows [places, n], from states of 0: the states of all places [places, units], or of the last one.
 *
 * Parameters, in PyTorch's order of gates below one another: ih_weight [gates units, n], ih_bias, hh_weight [gates units, units], hh_bias,
 * all uniform in +-1/sqrt(units). `gradient` says how the derivative goes through time (glia_control.h).
 * Source: hochreiter1997 with forget gates (gers2000); cho2014 (arXiv:1406.1078). */
#include "nn_priv.h"

#include "glia_control.h"

#include <math.h>

enum { UNITS, LAST, REVERSE, GRADIENT };

const char *const glia_gradients_[] = {"full", "recomputed", "truncated", NULL};

/* Columns of gate k of x [rows, gates n]. */
static glia_value gate(struct glia_graph *g, glia_value x, int64_t rows, int64_t n, int k)
{
  return glia_slice(g, x, (int64_t[]){0, k * n}, (int64_t[]){rows, (k + 1) * n}, (int64_t[]){1, 1});
}

/* What one place adds: x and h are the maps of input and state [rows, gates n]; carries are moved by the cell. */
struct step {
  struct glia_graph *g;
  glia_value x, h, state, cell;
  int64_t rows, n;
};

/* i, f, g, o;  c = f c + i g,  h = o tanh(c). */
static glia_value lstm_step(struct step *s)
{
  struct glia_graph *g = s->g;
  const glia_value all = glia_add(g, s->x, s->h);
  const glia_value in = glia_sigmoid(g, gate(g, all, s->rows, s->n, 0));
  const glia_value keep = glia_sigmoid(g, gate(g, all, s->rows, s->n, 1));
  const glia_value new = glia_tanh(g, gate(g, all, s->rows, s->n, 2));
  const glia_value out = glia_sigmoid(g, gate(g, all, s->rows, s->n, 3));

  s->cell = glia_add(g, glia_mul(g, keep, s->cell), glia_mul(g, in, new));
  return glia_mul(g, out, glia_tanh(g, s->cell));
}

/* r, z, n;  n = tanh(x_n + r h_n),  h = n + z (h - n). */
static glia_value gru_step(struct step *s)
{
  struct glia_graph *g = s->g;
  const glia_value both = glia_add(g, s->x, s->h);
  const glia_value reset = glia_sigmoid(g, gate(g, both, s->rows, s->n, 0));
  const glia_value keep = glia_sigmoid(g, gate(g, both, s->rows, s->n, 1));
  const glia_value past = glia_mul(g, reset, gate(g, s->h, s->rows, s->n, 2));
  const glia_value new = glia_tanh(g, glia_add(g, gate(g, s->x, s->rows, s->n, 2), past));

  return glia_add(g, new, glia_mul(g, keep, glia_sub(g, s->state, new)));
}

static glia_status build(struct glia_model *m, struct nn_layer *l, glia_value x, int gates,
                         glia_value (*step)(struct step *), glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x);
  const int64_t b = m->micro_batch, n = (int64_t)l->v[UNITS], state[] = {b, n};
  const bool lstm = step == lstm_step;
  char text[128];

  if (m->smooth && l->v[GRADIENT] == GLIA_GRADIENT_TRUNCATED)
    return glia_layer_error_(l, "gradient: truncated hides derivatives");
  if (type.rank != 3)
    return glia_layer_error_(l, "input has rows of shape %s, expected [places, numbers]",
                             glia_row_text_(m, x, text, sizeof text));
  const struct nn_init init = glia_uniform_(n);
  const glia_value mapped = glia_dense_(m, l, "ih_", x, gates * n, init, &init);
  const glia_value w = glia_layer_parameter_(m, l, "hh_weight", 2, (int64_t[]){gates * n, n}, init);
  const glia_value shift = glia_layer_parameter_(m, l, "hh_bias", 1, (int64_t[]){gates * n}, init);
  const glia_value zero = glia_full(g, glia_type_make(m->dtype, 2, state), 0.0);

  struct glia_body *body = glia_body_begin(g);
  struct step s = {.g = glia_body_graph(body), .rows = b, .n = n};
  const glia_value h = s.state = glia_body_carry(body, zero);
  const glia_value c = s.cell = lstm ? glia_body_carry(body, zero) : GLIA_NONE;
  s.x = glia_body_each(body, glia_permute(g, mapped, (int[]){1, 0, 2}));
  s.h = glia_add(s.g, glia_matmul(s.g, h, glia_body_capture(body, w), false, true),
                 glia_body_capture(body, shift));
  const glia_value next = step(&s);
  glia_body_next(body, h, next);
  if (lstm) glia_body_next(body, c, s.cell);
  glia_body_stack(body, next);
  const struct glia_scan_options o = {.reverse = l->v[REVERSE] != 0.0,
                                      .gradient = (glia_gradient)l->v[GRADIENT]};
  glia_value last[2], all;
  glia_scan(g, &body, &o, last, &all);
  *y = l->v[LAST] != 0.0 ? last[0] : glia_permute(g, all, (int[]){1, 0, 2});
  return GLIA_OK;
}

#define OPTIONS                                                                                    \
  (const struct nn_option[])                                                                       \
  {                                                                                                \
    {.name = "units", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},                   \
        {.name = "last", .type = NN_FLAG, .value = 0},                                             \
        {.name = "reverse", .type = NN_FLAG, .value = 0},                                          \
        {.name = "gradient", .type = NN_CHOICE, .words = glia_gradients_, .value = 0},             \
    {                                                                                              \
      .name = NULL                                                                                 \
    }                                                                                              \
  }

static glia_status build_lstm(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                              bool training, glia_value *y)
{
  (void)training;
  return build(m, l, x[0], 4, lstm_step, y);
}

static glia_status build_gru(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                             bool training, glia_value *y)
{
  (void)training;
  return build(m, l, x[0], 3, gru_step, y);
}

const struct nn_layer_kind glia_layer_lstm_ = {
    .name = "lstm",
    .source = "hochreiter1997",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option = OPTIONS,
    .build = build_lstm,
};

const struct nn_layer_kind glia_layer_gru_ = {
    .name = "gru",
    .source = "cho2014",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option = OPTIONS,
    .build = build_gru,
};
