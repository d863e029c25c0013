/* Networks of any layers in place of a chain: derivatives by the coordinates and by the weights, and what is refused. */
#include "pde_problem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Every kind of derivative to order 4, and products of them. */
#define PROBLEM                                                                                    \
  "unknowns: [u]\ndomain: {t: [0, 2], x: [-1, 3]}\nparameters: {nu: 0.3}\n"                        \
  "equations: [\"u_t + nu*u_xx = 0\", \"u_tx*u = x\", \"u_ttx + u_x^2 = t\", \"u_txx = 0\","       \
  " \"u_ttt*u_xxx = 0\", \"u_tttt + u_xxxx = 0\", \"u_ttxx*sin(u) = 0\", \"u_tttx + u_txxx*u_t = " \
  "0\"]\n"                                                                                         \
  "conditions: [{at: {t: 0}, equation: \"u = 1\"}]\nimpose: penalty\ndata: {file: none.csv}\n"

enum { N = 130, SOME = 3, EQUATIONS = 8 };

/* Fewer of them, where differences are the measure. */
#define LIGHT                                                                                      \
  "unknowns: [u]\ndomain: {t: [0, 2], x: [-1, 3]}\nparameters: {nu: 0.3}\n"                        \
  "equations: [\"u_t + nu*u_xxx*u = x\", \"u_ttx + u_x^2 = t\"]\n"                                 \
  "conditions: [{at: {t: 0}, equation: \"u = 1\"}]\nimpose: penalty\ndata: {file: none.csv}\n"

static const struct glia_yaml *model_of(const char *problem, const char *network)
{
  static char text[4096];

  snprintf(text, sizeof text, "%speriodic: [%s]\nnetwork:\n%s\n", problem,
           strstr(network, "# periodic") != NULL ? "x" : "", network);
  glia_status st = glia_yaml_parse_text("p.yaml", text, strlen(text), &doc);
  if (st == GLIA_OK) st = glia_problem_read_solved(glia_yaml_root(doc), &q);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  return glia_yaml_get(glia_yaml_get(glia_yaml_root(doc), "network"), "model");
}

/* A network and what it says of some points. */
struct seen {
  struct glia_pinn *p;
  int64_t size;
  double *theta, *r, *j, *gradient, sum, u[2 * N];
};

static double points_[2 * N], target_[2 * N], weight_[N];

static struct glia_pinn_points points(int64_t n)
{
  for (int i = 0; i < N; i++) {
    points_[2 * i] = 0.05 + 1.9 * fmod(0.618034 * i, 1.0);
    points_[2 * i + 1] = -0.9 + 3.8 * fmod(0.754878 * i, 1.0);
    target_[2 * i] = i == 1 ? (double)NAN : 0.1 * i;
    target_[2 * i + 1] = 1.0 - 0.2 * i;
    weight_[i] = 1.0 + 0.5 * (i % 3);
  }
  return (struct glia_pinn_points){.n = n, .x = points_, .weight = weight_, .target = target_};
}

static void open_network(struct seen *s, const struct glia_pinn_network *net)
{
  const glia_status st = glia_pinn_create(&q, net, true, N, NULL, &s->p);

  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  s->size = glia_pinn_size(s->p);
  s->theta = malloc((size_t)s->size * sizeof *s->theta);
  s->r = malloc(N * EQUATIONS * sizeof *s->r);
  s->j = malloc((size_t)(N * EQUATIONS * s->size) * sizeof *s->j);
  s->gradient = malloc((size_t)s->size * sizeof *s->gradient);
  glia_pinn_initialize(s->p, 5, s->theta);
}

static void look(struct seen *s, int group, int64_t n, const double *theta)
{
  const struct glia_pinn_points at = points(n);

  glia_pinn_set(s->p, theta);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(s->p, group, &at, s->r, s->j), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_sum(s->p, group, &at, &s->sum, s->gradient), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_pinn_fields(s->p, n, at.x, s->u), GLIA_OK);
}

static void close_network(struct seen *s)
{
  glia_pinn_destroy(&s->p);
  free(s->theta);
  free(s->r);
  free(s->j);
  free(s->gradient);
}

/* Largest difference, of the largest value. */
static double apart(int64_t n, const double *a, const double *b)
{
  double most = 0.0, off = 0.0;

  for (int64_t i = 0; i < n; i++) {
    most = fmax(most, fmax(fabs(a[i]), fabs(b[i])));
    off = fmax(off, fabs(a[i] - b[i]));
    if (isnan(a[i]) || isnan(b[i])) return HUGE_VAL;
  }
  return most > 0.0 ? off / most : 0.0;
}

static void must_agree(struct seen *a, struct seen *b, int group, const double *of_a,
                       const double *of_b, bool same_weights)
{
  const int m = glia_pinn_residuals(a->p, group);

  look(a, group, N, of_a);
  look(b, group, N, of_b);
  const double r = apart((int64_t)N * m, a->r, b->r),
               u = apart((int64_t)N * q.n_unknowns, a->u, b->u);
  if (!(r < 1e-12 && u < 1e-12)) tap_note("group %d: r %.2g, u %.2g", group, r, u);
  CU_ASSERT(r < 1e-12 && u < 1e-12);
  if (!same_weights) return;
  const double j = apart(N * m * a->size, a->j, b->j), g = apart(a->size, a->gradient, b->gradient);
  if (!(j < 1e-12 && g < 1e-12)) tap_note("group %d: J %.2g, gradient %.2g", group, j, g);
  CU_ASSERT(j < 1e-12 && g < 1e-12 && fabs(a->sum - b->sum) < 1e-12 * a->sum);
}

/* Derivatives to order 4 by the graph's rules against jets, the same weights: residuals, rows, sums, gradients, fields. */
static void rules_meet_jets(void)
{
  static const char *const f[] = {"tanh", "sin", "sigmoid", "silu", "gelu", "softplus"};

  for (size_t k = 0; k < sizeof f / sizeof *f; k++) {
    struct seen jets, rules;
    char text[256];
    snprintf(text, sizeof text, "  model: [linear: 7, %s, linear: 6, %s, linear: 1]%s", f[k], f[k],
             k == 1 ? " # periodic" : "");
    struct glia_pinn_network net = {.model = model_of(PROBLEM, text), .gain = 1.2, .harmonics = 1};
    open_network(&jets, &net);
    net.by_rules = true;
    open_network(&rules, &net);
    CU_ASSERT_EQUAL_FATAL(jets.size, rules.size);
    for (int group = 0; group < 3; group++)
      must_agree(&jets, &rules, group, jets.theta, jets.theta, true);
    close_network(&jets);
    close_network(&rules);
    forget();
  }
}

/* Two unknowns, a period, an ansatz that multiplies outputs, a parameter. */
static void systems_meet_jets(void)
{
  struct seen jets, rules;
  struct glia_pinn_network net = {
      .model = model_of("unknowns: [u, v]\ndomain: {t: [0, 2], x: [-1, 3]}\nparameters: {nu: 0.3}\n"
                        "equations: [\"u_t + u*v_x = nu*u_xxx\", \"v_t = u_x*v - d(v^2*u_x, x) + "
                        "sin(pi*x)\"]\nansatz: {v: \"1 + t*N_v*N_u\"}\ndata: {file: none.csv}\n"
                        "conditions: [{at: {t: 0}, equation: \"u = v_x\"}]\n",
                        "  model: [linear: 5, tanh, linear: 2] # periodic"),
      .gain = 1.0,
      .harmonics = 2};

  open_network(&jets, &net);
  net.by_rules = true;
  open_network(&rules, &net);
  for (int group = 0; group < 3; group++)
    must_agree(&jets, &rules, group, jets.theta, jets.theta, true);
  close_network(&jets);
  close_network(&rules);
  forget();
}

/* A list that is a chain is the chain: the same weights at first, the same bits. */
static void a_list_of_dense_layers_is_depth_and_width(void)
{
  struct seen list, chain;
  const struct glia_pinn_network net = {
      .model = model_of(PROBLEM, "  model: [linear: 7, tanh, linear: 7, tanh, linear: 1]"),
      .gain = 1.3,
      .harmonics = 1};
  const struct glia_pinn_network plain = {
      .depth = 2, .width = 7, .activation = GLIA_JET_TANH, .gain = 1.3, .harmonics = 1};
  struct glia_array array[16];

  open_network(&list, &net);
  open_network(&chain, &plain);
  CU_ASSERT_EQUAL_FATAL(list.size, chain.size);
  CU_ASSERT(memcmp(list.theta, chain.theta, (size_t)list.size * sizeof *list.theta) == 0);
  look(&list, 0, N, list.theta);
  look(&chain, 0, N, chain.theta);
  CU_ASSERT(memcmp(list.r, chain.r, N * EQUATIONS * sizeof *list.r) == 0);
  CU_ASSERT(memcmp(list.j, chain.j, (size_t)(N * EQUATIONS * list.size) * sizeof *list.j) == 0);
  CU_ASSERT_EQUAL(glia_pinn_arrays(list.p, 16, array), 7);
  CU_ASSERT_STRING_EQUAL(array[2].path, "params/02-linear/weight");
  close_network(&list);
  close_network(&chain);
  forget();
}

/* Branches side by side are one wide layer; a residual around a linear layer is a linear layer with the identity added. */
static void graphs_meet_chains_that_are_equal(void)
{
  enum { A = 3, B = 4 };
  struct seen graph, chain;
  double of_graph[64], *w = of_graph, of_chain[64];
  const struct glia_pinn_network net = {
      .model = model_of(PROBLEM,
                        "  model:\n  - residual: [linear: 2]\n  - {linear: 3, name: a}\n"
                        "  - {tanh: , name: fa}\n  - {linear: 4, name: b, from: 00-residual}\n"
                        "  - {tanh: , name: fb}\n  - {concat: , from: [fa, fb]}\n  - linear: 1"),
      .gain = 1.0,
      .harmonics = 1};

  open_network(&graph, &net);
  CU_ASSERT_EQUAL_FATAL(graph.size, 4 + 2 + 2 * A + A + 2 * B + B + A + B + 1 + 1);
  memcpy(of_graph, graph.theta, (size_t)graph.size * sizeof *w);
  const struct glia_pinn_network wide = {
      .depth = 1, .width = A + B, .activation = GLIA_JET_TANH, .gain = 1.0, .harmonics = 1};
  open_network(&chain, &wide);
  const double i_a[4] = {1.0 + w[0], w[1], w[2], 1.0 + w[3]}, shift[2] = {w[4], w[5]};
  for (int k = 0; k < A + B; k++) {
    const double *row = k < A ? w + 6 + 2 * k : w + 6 + 3 * A + 2 * (k - A);
    const double bias = k < A ? w[6 + 2 * A + k] : w[6 + 3 * A + 2 * B + k - A];
    of_chain[2 * k] = row[0] * i_a[0] + row[1] * i_a[2];
    of_chain[2 * k + 1] = row[0] * i_a[1] + row[1] * i_a[3];
    of_chain[2 * (A + B) + k] = bias + row[0] * shift[0] + row[1] * shift[1];
  }
  memcpy(of_chain + 3 * (A + B), w + 6 + 3 * (A + B), (A + B + 2) * sizeof *w);
  for (int group = 0; group < 3; group++)
    must_agree(&graph, &chain, group, of_graph, of_chain, false);
  close_network(&graph);
  close_network(&chain);
  forget();
}

/* Residuals by the weights against central differences; and the order 4 in x against those of order 3, at shifted points. */
static void must_meet_differences(const char *name, const char *network)
{
  struct seen s;
  const double h = 1e-5;
  const struct glia_pinn_network net = {
      .model = model_of(LIGHT, network), .gain = 1.0, .harmonics = 1, .by_rules = true};

  open_network(&s, &net);
  for (int group = 0; group < 3; group++) {
    const int m = glia_pinn_residuals(s.p, group);
    double up[SOME * EQUATIONS], down[SOME * EQUATIONS], worst = 0.0, off = 0.0, square = 0.0;
    look(&s, group, SOME, s.theta);
    const struct glia_pinn_points at = points(SOME);
    for (int i = 0; i < SOME * m; i++) square += s.r[i] * s.r[i];
    CU_ASSERT(isfinite(square) && fabs(square - s.sum) <= 1e-12 * square);
    for (int64_t k = 0; k < s.size; k++) {
      const double was = s.theta[k];
      double product = 0.0;
      for (int way = 0; way < 2; way++) {
        s.theta[k] = was + (way == 0 ? h : -h);
        glia_pinn_set(s.p, s.theta);
        CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(s.p, group, &at, way == 0 ? up : down, NULL), GLIA_OK);
      }
      s.theta[k] = was;
      for (int i = 0; i < SOME * m; i++) {
        const double slope = (up[i] - down[i]) / (2.0 * h);
        worst = fmax(worst, fabs(s.j[i * s.size + k] - slope) / (1.0 + fabs(slope)));
        product += 2.0 * s.r[i] * s.j[i * s.size + k];
      }
      off = fmax(off, fabs(product - s.gradient[k]) / (1.0 + fabs(product)));
    }
    if (!(worst < 1e-6 && off < 1e-11))
      tap_note("%s, group %d: %.2g, %.2g", name, group, worst, off);
    CU_ASSERT(worst < 1e-6); /* h^2 times third derivatives up to 1e3, and rounding 1e-16/h */
    CU_ASSERT(off < 1e-11);
  }
  close_network(&s);
  forget();
}

static const struct {
  const char *name, *text;
} kinds[] = {
    {"residual", "  model: [linear: 4, tanh, residual: [linear: 4, sin, linear: 4], linear: 1]"},
    {"gates",
     "  model:\n  - {linear: 3, name: u0, from: input}\n  - {tanh: , name: u}\n"
     "  - {linear: 3, name: v0, from: input}\n  - {tanh: , name: v}\n"
     "  - {linear: 3, from: input}\n  - tanh\n  - {gate: , name: z, from: [05-tanh, u, v]}\n"
     "  - linear: 3\n  - tanh\n  - {gate: , from: [08-tanh, u, v]}\n  - linear: 1 # periodic"},
    {"layer_norm", "  model: [linear: 4, layer_norm: {eps: 0.5}, tanh, linear: 1]"},
    {"rms_norm", "  model: [linear: 4, rms_norm: {eps: 0.5}, sin, linear: 1]"},
    {"group_norm", "  model: [linear: 4, group_norm: {groups: 2, eps: 0.5}, tanh, linear: 1]"},
    {"mul, softmax", "  model: [{linear: 3, name: a}, {softmax: , name: s}, {linear: 3, name: b, "
                     "from: input}, {mul: , from: [s, b]}, linear: 1]"},
    {"log_softmax, tanh gelu", "  model: [linear: 3, log_softmax, gelu: {approximate: tanh}, "
                               "linear: 1]"},
    {"weight_norm, low_rank, glorot",
     "  model: [{linear: 3, transform: weight_norm}, tanh, {linear: {units: 3, init: glorot}, "
     "transform: {low_rank: 1}}, silu, linear: {units: 1, bias: false}]"},
    {"attention", "  model: [linear: 6, sin, reshape: [3, 2], attention: 1, flatten, linear: 1]"},
    {"transformer", "  model: [linear: 8, sin, reshape: [2, 4], positional: {std: 1}, "
                    "transformer_block: {heads: 2, hidden: 2}, readout, linear: 1]"},
    {"conv", "  model: [linear: 6, sin, reshape: [1, 6], conv: {channels: 2, kernel: 3}, tanh, "
             "avg_pool: 2, flatten, linear: 1]"},
    {"gru", "  model: [linear: 4, sin, reshape: [2, 2], gru: {units: 2, last: true}, linear: 1]"},
    {"lstm", "  model: [linear: 4, sin, reshape: [2, 2], lstm: {units: 2, last: true}, linear: 1]"},
    {"last layer not linear", "  model: [linear: 3, tanh, linear: 1, sin]"},
};

static void rows_meet_differences_for_all_kinds_of_layers(void)
{
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    must_meet_differences(kinds[k].name, kinds[k].text);
}

/* Derivatives by x: what equations read of order k + 1 against differences of order k at shifted points. */
static void orders_meet_differences_for_all_kinds_of_layers(void)
{
  static const char *const equations =
      "unknowns: [u]\ndomain: {t: [0, 2], x: [-1, 3]}\nequations: [\"u_x = 0\", \"u_xx = 0\", "
      "\"u_xxx = 0\", \"u_xxxx = 0\", \"u_t = 0\", \"u_tx = 0\", \"u_ttx = 0\", \"u_ttxx = 0\"]\n"
      "conditions: []\nnetwork:\n";
  const double h = 1e-4;

  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
    char text[4096];
    double r[8], up[8], down[8], u[2], worst = 0.0;
    struct glia_pinn *p;
    snprintf(text, sizeof text, "%s%s\n", equations, kinds[k].text);
    CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("p.yaml", text, strlen(text), &doc), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_problem_read_solved(glia_yaml_root(doc), &q), GLIA_OK);
    const struct glia_pinn_network net = {
        .model = glia_yaml_get(glia_yaml_get(glia_yaml_root(doc), "network"), "model"),
        .gain = 1.0,
        .harmonics = 1,
        .by_rules = true};
    CU_ASSERT_EQUAL_FATAL(glia_pinn_create(&q, &net, false, 1, NULL, &p), GLIA_OK);
    double *theta = malloc((size_t)glia_pinn_size(p) * sizeof *theta);
    glia_pinn_initialize(p, 9, theta);
    glia_pinn_set(p, theta);
    const double at[3][2] = {{0.7, 0.4}, {0.7, 0.4 + h}, {0.7, 0.4 - h}};
    double *out[3] = {r, up, down};
    for (int i = 0; i < 3; i++) {
      const struct glia_pinn_points one = {.n = 1, .x = at[i]};
      CU_ASSERT_EQUAL_FATAL(glia_pinn_rows(p, 0, &one, out[i], NULL), GLIA_OK);
      if (i > 0) CU_ASSERT_EQUAL(glia_pinn_fields(p, 1, at[i], &u[i - 1]), GLIA_OK);
    }
    /* pairs: what is derived, and its derivative; -1: u itself */
    static const int pair[][2] = {{-1, 0}, {0, 1}, {1, 2}, {2, 3}, {4, 5}, {6, 7}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
      const int a = pair[i][0];
      const double slope = ((a < 0 ? u[0] : up[a]) - (a < 0 ? u[1] : down[a])) / (2.0 * h);
      worst = fmax(worst, fabs(slope - r[pair[i][1]]) / (1.0 + fabs(slope)));
    }
    if (!(worst < 1e-6)) tap_note("%s: %.2g", kinds[k].name, worst);
    CU_ASSERT(worst < 1e-6); /* h^2 times derivatives of order 6 */
    CU_ASSERT(r[3] != 0.0 && r[7] != 0.0);
    free(theta);
    glia_pinn_destroy(&p);
    forget();
  }
}

static void layers_that_are_not_smooth_are_refused(void)
{
  static const struct {
    const char *network, *said;
  } bad[] = {
      {"  model: [linear: 4, relu, linear: 1]",
       "p.yaml:10: network.model.1: layer 01-relu: relu: it has a kink"},
      {"  model: [linear: 4, elu, linear: 1]", "kink"},
      {"  model: [linear: 4, leaky_relu, linear: 1]", "kink"},
      {"  model: [linear: 4, tanh, dropout: 0.1, linear: 1]", "it draws random numbers"},
      {"  model: [linear: 4, batch_norm, tanh, linear: 1]", "it couples the samples of a batch"},
      {"  model: [linear: 4, residual: [linear: 4, relu], linear: 1]", "01-residual.01-relu"},
      {"  model: [linear: 4, layer_norm: {norm: l1}, linear: 1]", "norm: l1 has kinks"},
      {"  model: [linear: 4, group_norm: {groups: 2, norm: l1}, linear: 1]", "norm: l1 has kinks"},
      {"  model: [linear: 4, detach, linear: 1]", "it hides derivatives"},
      {"  model: [linear: 4, reshape: [2, 2], gru: {units: 2, last: true, gradient: truncated}, "
       "linear: 1]",
       "truncated hides derivatives"},
      {"  model: [embedding: {count: 4, size: 2}, linear: 1]", "it reads whole numbers"},
      {"  model: [linear: 4, reshape: [2, 2], lif, flatten, linear: 1]", "steps"},
      {"  model: [linear: 4, reshape: [1, 4], max_pool: 2, flatten, linear: 1]", "kinks"},
      {"  model: [linear: 4, reshape: [2, 2], readout: max, linear: 1]", "kinks"},
      {"  model: [linear: 4, reshape: [2, 2], attention: {heads: 1, dropout: 0.1}, flatten, "
       "linear: 1]",
       "dropout draws random numbers"},
      {"  model: [linear: 4, reshape: [2, 2], transformer_block: {heads: 1, activation: relu}, "
       "flatten, linear: 1]",
       "relu has a kink"},
      {"  model: [{linear: 4, transform: {mask: 0.5}}, tanh, linear: 1]", "mask: "},
      {"  model: [{linear: 4, transform: fake_quant}, tanh, linear: 1]", "it rounds"},
      {"  model: [{linear: 4, transform: spectral_norm}, tanh, linear: 1]", "of training"},
      {"  model: [linear: 4, tanh, linear: 3]",
       "layer 02-linear: gives rows of shape [3], expected [1]"},
      {"  model: [linear: 4, graph_conv: 3]", "layer 01-graph_conv"},
      {"  model: [linear: 4, tahn, linear: 1]", "did you mean 'tanh'"},
      {"  model: [linear: 4, {gate: , from: [00-linear, input]}, linear: 1]",
       "reads 3 values, from: names 2"},
  };

  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    const struct glia_pinn_network net = {
        .model = model_of(LIGHT, bad[k].network), .gain = 1.0, .harmonics = 1};
    int64_t n;
    CU_ASSERT_EQUAL(glia_pinn_weights(&q, &net, &n), GLIA_E_CONFIG);
    if (strstr(glia_trace_message(), bad[k].said) == NULL)
      tap_note("%s: expected '%s' in: %s", bad[k].network, bad[k].said, glia_trace_message());
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), bad[k].said));
    forget();
  }
}

TAP_MAIN("networks of any layers", TAP(layers_that_are_not_smooth_are_refused),
         TAP(rules_meet_jets), TAP(systems_meet_jets),
         TAP(a_list_of_dense_layers_is_depth_and_width), TAP(graphs_meet_chains_that_are_equal),
         TAP(rows_meet_differences_for_all_kinds_of_layers),
         TAP(orders_meet_differences_for_all_kinds_of_layers))
