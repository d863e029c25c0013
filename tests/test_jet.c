/* Jets against formulas and against the graph's own derivatives. */
#include "glia_engine.h"
#include "glia_jet.h"
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 7, WIDTH = 6 };

static const int64_t rows = ROWS;

/* All multi-indices of two coordinates up to order 4. */
static struct glia_jet_set full_set(void)
{
  struct glia_jet_set s;

  glia_jet_set_begin(&s, 2);
  for (uint8_t i = 0; i <= 4; i++)
    CU_ASSERT(glia_jet_set_add(&s, (uint8_t[]){i, (uint8_t)(4 - i)}));
  return s;
}

static void sets_are_closed_downwards(void)
{
  struct glia_jet_set s;

  glia_jet_set_begin(&s, 2);
  CU_ASSERT(glia_jet_set_add(&s, (uint8_t[]){1, 2}));
  CU_ASSERT_EQUAL(s.n, 6);
  CU_ASSERT_EQUAL(glia_jet_set_find(&s, (uint8_t[]){0, 0}), 0);
  CU_ASSERT(glia_jet_set_find(&s, (uint8_t[]){1, 1}) > 0);
  CU_ASSERT_EQUAL(glia_jet_set_find(&s, (uint8_t[]){2, 0}), -1);
  CU_ASSERT_EQUAL(glia_jet_factorial(&s, glia_jet_set_find(&s, (uint8_t[]){1, 2})), 2.0);
  CU_ASSERT_FALSE(glia_jet_set_add(&s, (uint8_t[]){2, 3}));
  CU_ASSERT_EQUAL(full_set().n, 15);
}

struct model {
  struct glia_graph *g;
  glia_value x; /* [ROWS, 2] */
  glia_value weight[8], bias[8];
  int n_layers;
  struct glia_jet_layer layer[8];
  struct glia_jet input;
};

static void model_begin(struct model *m, const struct glia_jet_set *s, int hidden,
                        glia_jet_activation f, int64_t outputs)
{
  CU_ASSERT_EQUAL_FATAL(glia_graph_new(&m->g), GLIA_OK);
  m->x = glia_input(m->g, "x", GLIA_PER_STEP, glia_type_make(GLIA_F64, 2, (int64_t[]){ROWS, 2}));
  m->n_layers = hidden + 1;
  int64_t in = 2;
  for (int l = 0; l < m->n_layers; l++) {
    char name[24];
    const int64_t dim[2] = {l == hidden ? outputs : WIDTH, in};
    snprintf(name, sizeof name, "w%d", l);
    m->weight[l] = glia_state(m->g, name, glia_type_make(GLIA_F64, 2, dim));
    snprintf(name, sizeof name, "b%d", l);
    m->bias[l] = glia_state(m->g, name, glia_type_make(GLIA_F64, 1, dim));
    m->layer[l] =
        (struct glia_jet_layer){m->weight[l], m->bias[l], l == hidden ? GLIA_JET_LINEAR : f};
    in = dim[0];
  }
  /* the features are the coordinates themselves */
  for (int a = 0; a < s->n; a++) {
    m->input.part[a] = a == 0 ? m->x : GLIA_NONE;
    for (int c = 0; c < 2; c++) {
      uint8_t unit[2] = {0, 0};
      unit[c] = 1;
      if (a > 0 && memcmp(s->order[a], unit, 2) == 0) {
        glia_value part[2];
        for (int k = 0; k < 2; k++)
          part[k] = glia_full(m->g, glia_type_make(GLIA_F64, 2, (int64_t[]){ROWS, 1}), k == c);
        m->input.part[a] = glia_concat(m->g, 2, part, 1);
      }
    }
  }
}

static double at(uint64_t salt, int64_t i) { return glia_random_normal(3, salt, (uint64_t)i); }

static void run(struct model *m, const char *entry, struct glia_program **p, struct glia_engine **e)
{
  const struct glia_state *s;
  double x[ROWS * 2];

  CU_ASSERT_EQUAL_FATAL(glia_program_compile(m->g, glia_kernels_default(), p), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_engine_create(*p, 1, NULL, 1, e), GLIA_OK);
  const int n = glia_graph_states(m->g, &s);
  for (int k = 0; k < n; k++) {
    double *w = glia_engine_state(*e, k);
    for (int64_t i = 0; i < glia_type_count(&s[k].type); i++) w[i] = 0.7 * at((uint64_t)k + 1, i);
  }
  for (int i = 0; i < ROWS * 2; i++) x[i] = at(100, i);
  CU_ASSERT_EQUAL_FATAL(glia_engine_set(*e, "x", x), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_engine_step(*e, entry, 0, NULL), GLIA_OK);
}

static void end(struct model *m, struct glia_program **p, struct glia_engine **e)
{
  glia_engine_destroy(e);
  glia_program_destroy(p);
  glia_graph_destroy(&m->g);
}

static const double *state_of(struct model *m, struct glia_engine *e, const char *path)
{
  const struct glia_state *s;
  const int n = glia_graph_states(m->g, &s);

  for (int i = 0; i < n; i++)
    if (strcmp(s[i].path, path) == 0) return glia_engine_state(e, i);
  return NULL;
}

/* One hidden layer of sines: D^a u = sum_j v_j w_j^a sin(z_j + |a| pi/2). */
static void all_orders_up_to_4_meet_the_formula(void)
{
  const struct glia_jet_set s = full_set();
  struct glia_jet_net net;
  struct glia_program *p;
  struct glia_engine *e;
  struct model m;
  char name[24];
  double worst = 0.0;

  model_begin(&m, &s, 1, GLIA_JET_SIN, 1);
  struct glia_entry *entry = glia_graph_entry(m.g, "all");
  glia_jet_forward(m.g, &s, rows, &m.input, m.n_layers, m.layer, &net);
  for (int a = 0; a < s.n; a++) {
    snprintf(name, sizeof name, "%d", a);
    glia_entry_output(m.g, entry, name, glia_jet_derivative(m.g, &net, a, 0));
  }
  run(&m, "all", &p, &e);
  const double *w = state_of(&m, e, "w0"), *b = state_of(&m, e, "b0");
  const double *v = state_of(&m, e, "w1"), *c = state_of(&m, e, "b1");
  for (int a = 0; a < s.n; a++) {
    snprintf(name, sizeof name, "%d", a);
    const double *found = glia_engine_output(e, "all", name);
    const int k = s.order[a][0] + s.order[a][1];
    for (int i = 0; i < ROWS; i++) {
      double exact = a == 0 ? c[0] : 0.0, size = 1.0;
      for (int j = 0; j < WIDTH; j++) {
        const double z = w[2 * j] * at(100, 2 * i) + w[2 * j + 1] * at(100, 2 * i + 1) + b[j];
        const double f = v[j] * pow(w[2 * j], s.order[a][0]) * pow(w[2 * j + 1], s.order[a][1]);
        const double wave[] = {sin(z), cos(z), -sin(z), -cos(z)};
        exact += f * wave[k % 4];
        size += fabs(f);
      }
      worst = fmax(worst, fabs(found[i] - exact) / size);
    }
  }
  tap_note("largest error %.2g", worst);
  CU_ASSERT(worst < 1e-12); /* rounding alone gives some 1e-15 */
  end(&m, &p, &e);
}

/* D^a of the network by nested forward mode: tangents of the engine, one coordinate after another. */
static glia_value by_engine(struct model *m, const uint8_t *order)
{
  glia_value h = m->x;
  const struct glia_jet_layer *l = m->layer;

  for (int k = 0; k < m->n_layers; k++) {
    h = glia_add(m->g, glia_matmul(m->g, h, l[k].weight, false, true), l[k].bias);
    if (l[k].activation == GLIA_JET_TANH) h = glia_tanh(m->g, h);
    if (l[k].activation == GLIA_JET_SIN) h = glia_sin(m->g, h);
    if (l[k].activation == GLIA_JET_GELU) h = glia_gelu(m->g, h);
    if (l[k].activation == GLIA_JET_SIGMOID) h = glia_sigmoid(m->g, h);
  }
  for (int c = 0; c < 2; c++) {
    glia_value unit[2];
    for (int k = 0; k < 2; k++)
      unit[k] = glia_full(m->g, glia_type_make(GLIA_F64, 2, (int64_t[]){ROWS, 1}), k == c);
    const glia_value along = glia_concat(m->g, 2, unit, 1);
    for (int k = 0; k < order[c]; k++) {
      glia_value t;
      glia_jvp(m->g, 1, &m->x, &along, 1, &h, &t);
      h = t;
    }
  }
  return glia_reshape(m->g, h, 1, &rows);
}

static void compare(int hidden, glia_jet_activation f)
{
  static const uint8_t wanted[][2] = {{0, 0}, {1, 0}, {0, 1}, {1, 1},
                                      {0, 2}, {1, 2}, {0, 3}, {2, 2}};
  struct glia_jet_set s;
  struct glia_jet_net net;
  struct glia_program *p;
  struct glia_engine *e;
  struct model m;
  double worst = 0.0;

  glia_jet_set_begin(&s, 2);
  for (size_t i = 0; i < GLIA_COUNT(wanted); i++) CU_ASSERT(glia_jet_set_add(&s, wanted[i]));
  model_begin(&m, &s, hidden, f, 1);
  struct glia_entry *entry = glia_graph_entry(m.g, "all");
  glia_jet_forward(m.g, &s, rows, &m.input, m.n_layers, m.layer, &net);
  for (size_t i = 0; i < GLIA_COUNT(wanted); i++) {
    char name[24];
    snprintf(name, sizeof name, "jet%zu", i);
    const int a = glia_jet_set_find(&s, wanted[i]);
    glia_entry_output(m.g, entry, name, glia_jet_derivative(m.g, &net, a, 0));
    snprintf(name, sizeof name, "own%zu", i);
    glia_entry_output(m.g, entry, name, by_engine(&m, wanted[i]));
  }
  run(&m, "all", &p, &e);
  for (size_t i = 0; i < GLIA_COUNT(wanted); i++) {
    char name[24];
    double size = 1.0;
    snprintf(name, sizeof name, "jet%zu", i);
    const double *jet = glia_engine_output(e, "all", name);
    snprintf(name, sizeof name, "own%zu", i);
    const double *own = glia_engine_output(e, "all", name);
    for (int k = 0; k < ROWS; k++) size = fmax(size, fabs(own[k]));
    for (int k = 0; k < ROWS; k++) worst = fmax(worst, fabs(jet[k] - own[k]) / size);
  }
  if (!(worst < 1e-12)) tap_note("activation %d: %.2g", (int)f, worst);
  CU_ASSERT(worst < 1e-12);
  end(&m, &p, &e);
}

static void deep_jets_meet_the_engines_derivatives(void)
{
  compare(3, GLIA_JET_TANH);
  compare(2, GLIA_JET_SIN);
  compare(2, GLIA_JET_GELU);
  compare(2, GLIA_JET_SIGMOID);
}

/* The reverse pass, summed and by row, against glia_grad of the same loss. */
static void reverse_passes_meet_the_engines_gradient(void)
{
  struct glia_jet_set s;
  struct glia_jet_net net;
  struct glia_program *p;
  struct glia_engine *e;
  struct model m;
  struct glia_jet dy;
  glia_value delta[8], dw[8], db[8], rw[8], rb[8], own[8], ownb[8];
  char name[24];
  double worst = 0.0;

  glia_jet_set_begin(&s, 2);
  CU_ASSERT(glia_jet_set_add(&s, (uint8_t[]){1, 0}));
  CU_ASSERT(glia_jet_set_add(&s, (uint8_t[]){0, 2}));
  model_begin(&m, &s, 2, GLIA_JET_TANH, 2);
  struct glia_graph *g = m.g;
  struct glia_entry *entry = glia_graph_entry(g, "all");
  glia_jet_forward(g, &s, rows, &m.input, m.n_layers, m.layer, &net);
  const glia_value ut = glia_jet_derivative(g, &net, glia_jet_set_find(&s, (uint8_t[]){1, 0}), 0);
  const glia_value uxx = glia_jet_derivative(g, &net, glia_jet_set_find(&s, (uint8_t[]){0, 2}), 0);
  const glia_value u = glia_jet_derivative(g, &net, 0, 0);
  const glia_value v = glia_jet_derivative(g, &net, glia_jet_set_find(&s, (uint8_t[]){0, 1}), 1);
  const glia_value r = glia_sub(g, glia_add(g, ut, glia_mul(g, u, v)), uxx);
  const glia_value loss = glia_reduce_sum(g, r, -1, NULL, false);
  const glia_value one = glia_full(g, glia_graph_node(g, loss)->type, 1.0);
  glia_jet_pull(g, &net, 1, &loss, &one, &dy);
  glia_jet_reverse(g, &net, &dy, delta);
  glia_jet_gradient(g, &net, delta, dw, db);
  glia_jet_gradient_rows(g, &net, delta, rw, rb);
  glia_grad(g, loss, m.n_layers, m.weight, own);
  glia_grad(g, loss, m.n_layers, m.bias, ownb);
  for (int l = 0; l < m.n_layers; l++) {
    const glia_value flat = glia_reduce_sum(g, rw[l], 1, (int[]){0}, false);
    const int64_t n = glia_type_count(&glia_graph_node(g, own[l])->type);
    snprintf(name, sizeof name, "w%d", l);
    glia_entry_output(g, entry, name, glia_sub(g, own[l], dw[l]));
    snprintf(name, sizeof name, "b%d", l);
    glia_entry_output(g, entry, name, glia_sub(g, ownb[l], db[l]));
    snprintf(name, sizeof name, "rw%d", l);
    glia_entry_output(g, entry, name, glia_sub(g, glia_reshape(g, own[l], 1, &n), flat));
    snprintf(name, sizeof name, "rb%d", l);
    glia_entry_output(g, entry, name,
                      glia_sub(g, ownb[l], glia_reduce_sum(g, rb[l], 1, (int[]){0}, false)));
    snprintf(name, sizeof name, "size%d", l);
    glia_entry_output(g, entry, name, own[l]);
  }
  run(&m, "all", &p, &e);
  static const char *const what[] = {"w", "b", "rw", "rb"};
  for (int l = 0; l < m.n_layers; l++) {
    snprintf(name, sizeof name, "size%d", l);
    const double size = fabs(*(const double *)glia_engine_output(e, "all", name));
    CU_ASSERT(size > 1e-6); /* not zero against zero */
    for (int k = 0; k < 4; k++) {
      const int64_t n =
          k % 2 == 1 ? (l == 2 ? 2 : WIDTH) : (l == 2 ? 2 : WIDTH) * (l == 0 ? 2 : WIDTH);
      snprintf(name, sizeof name, "%s%d", what[k], l);
      const double *d = glia_engine_output(e, "all", name);
      for (int64_t i = 0; i < n; i++) worst = fmax(worst, fabs(d[i]));
    }
  }
  tap_note("largest difference %.2g", worst);
  CU_ASSERT(worst < 1e-11); /* sums of some 100 products of size up to 10, each rounded */
  end(&m, &p, &e);
}

TAP_MAIN("jet", TAP(sets_are_closed_downwards), TAP(all_orders_up_to_4_meet_the_formula),
         TAP(deep_jets_meet_the_engines_derivatives), TAP(reverse_passes_meet_the_engines_gradient))
