/* Layers and losses by hand, dropout, initial values, guards, and the gradient of a whole model. */
#include "nn_rig.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A model of one real field x [n_rows, n] in float64. */
static void start(struct rig *r, const double *x, int64_t n_rows, int64_t n, int64_t micro_batch,
                  const char *yaml)
{
  char text[1024];

  *r = (struct rig){.n_fields = 1, .micro_batch = micro_batch, .n_rows = n_rows};
  r->field[0] = rig_field("x", GLIA_F64, 1, &n);
  r->data[0] = x;
  snprintf(text, sizeof text, "dtype: f64\n%s\n", yaml);
  const glia_status st = rig_start(r, text, 1, 1);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

static void predict(struct rig *r, double *out)
{
  r->taken = out;
  CU_ASSERT_EQUAL_FATAL(rig_step(r, "predict", 0.0, 1), GLIA_OK);
}

static void linear_is_x_wt_plus_b(void)
{
  const double x[] = {1, 2, 3, -1, 0, 4};
  const double w[] = {1, 0, 2, -1, 3, 0.5}, b[] = {10, 20};
  const double want[] = {17, 26.5, 17, 23};
  double y[4];
  struct rig r;

  start(&r, x, 2, 3, 2, "model: [linear: 2]\nloss: l1");
  memcpy(rig_state(&r, "params/00-linear/weight", NULL), w, sizeof w);
  memcpy(rig_state(&r, "params/00-linear/bias", NULL), b, sizeof b);
  predict(&r, y);
  for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(y[i], want[i]);
  rig_end(&r);
}

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double silu(double x) { return x * sigmoid(x); }
static double relu(double x) { return x > 0.0 ? x : 0.0; }
static double softplus(double x) { return x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double gelu(double x) { return 0.5 * x * erfc(-x / sqrt(2.0)); }
static double elu(double x) { return x > 0.0 ? x : expm1(x); }
static double elu_2(double x) { return x > 0.0 ? x : 2.0 * expm1(x); }
static double leaky_relu(double x) { return x > 0.0 ? x : 0.01 * x; }
static double leaky_relu_3(double x) { return x > 0.0 ? x : 0.3 * x; }
static double gelu_tanh(double x)
{
  return 0.5 * x * (1.0 + tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
}

static void activations_are_their_functions(void)
{
  static const struct {
    const char *name;
    double (*f)(double);
  } table[] = {{"relu", relu},
               {"tanh", tanh},
               {"sigmoid", sigmoid},
               {"silu", silu},
               {"sin", sin},
               {"softplus", softplus},
               {"gelu", gelu},
               {"gelu: {approximate: tanh}", gelu_tanh},
               {"elu", elu},
               {"elu: 2", elu_2},
               {"leaky_relu", leaky_relu},
               {"leaky_relu: {slope: 0.3}", leaky_relu_3}};
  const double x[] = {-30, -1.5, -0.1, 0, 0.2, 1, 2.5, 40};
  double y[8];

  for (size_t k = 0; k < GLIA_COUNT(table); k++) {
    char yaml[128];
    struct rig r;
    snprintf(yaml, sizeof yaml, "model: [%s]\nloss: l1", table[k].name);
    start(&r, x, 2, 4, 1, yaml);
    predict(&r, y);
    for (int i = 0; i < 8; i++)
      CU_ASSERT_DOUBLE_EQUAL(y[i], table[k].f(x[i]), 1e-15 * (1 + fabs(x[i])));
    rig_end(&r);
  }
}

static void softmax_sums_to_one(void)
{
  const double x[] = {1, 2, 3, 1000, 1001, 1002};
  double y[6], z[6];
  struct rig r;

  start(&r, x, 2, 3, 1, "model: [softmax]\nloss: l1");
  predict(&r, y);
  rig_end(&r);
  start(&r, x, 2, 3, 1, "model: [log_softmax]\nloss: l1");
  predict(&r, z);
  rig_end(&r);
  const double sum = exp(1) + exp(2) + exp(3);
  for (int i = 0; i < 6; i++) {
    CU_ASSERT_DOUBLE_EQUAL(y[i], exp(i % 3 + 1) / sum, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(z[i], i % 3 + 1 - log(sum), 1e-12); /* 1000 loses three digits */
  }
}

static void layer_norm_has_mean_0_and_variance_1_then_scales(void)
{
  const double x[] = {1, 2, 3, 6, -1, 0, 0, 5};
  double y[8];
  struct rig r;

  start(&r, x, 2, 4, 2, "model: [layer_norm: {eps: 0.25}]\nloss: l1");
  double *w = rig_state(&r, "params/00-layer_norm/weight", NULL);
  double *b = rig_state(&r, "params/00-layer_norm/bias", NULL);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(w[i], 1.0);
    CU_ASSERT_EQUAL(b[i], 0.0);
    w[i] = i + 1;
    b[i] = -i;
  }
  predict(&r, y);
  for (int k = 0; k < 2; k++) {
    double mean = 0, var = 0;
    for (int i = 0; i < 4; i++) mean += x[4 * k + i] / 4;
    for (int i = 0; i < 4; i++) var += (x[4 * k + i] - mean) * (x[4 * k + i] - mean) / 4;
    for (int i = 0; i < 4; i++)
      CU_ASSERT_DOUBLE_EQUAL(y[4 * k + i], (x[4 * k + i] - mean) / sqrt(var + 0.25) * (i + 1) - i,
                             1e-14);
  }
  rig_end(&r);
  start(&r, x, 2, 4, 2, "model: [layer_norm: {affine: false}]\nloss: l1");
  CU_ASSERT_EQUAL(glia_model_size(r.m), 0);
  rig_end(&r);
}

static void joins_make_graphs(void)
{
  const double x[] = {1, -2, 3, 4};
  double y[8];
  struct rig r;

  start(&r, x, 2, 2, 1,
        "model: [{relu: , name: a}, {mul: , name: b, from: [input, a, a]}, {add: , name: c, from: "
        "[b, x]},"
        " {concat: , from: [c, a]}]\nloss: l1");
  predict(&r, y);
  for (int k = 0; k < 2; k++)
    for (int i = 0; i < 2; i++) {
      const double v = x[2 * k + i], a = relu(v);
      CU_ASSERT_EQUAL(y[4 * k + i], v * a * a + v);
      CU_ASSERT_EQUAL(y[4 * k + 2 + i], a);
    }
  rig_end(&r);
  start(&r, x, 2, 2, 1,
        "model: [{relu: , name: a}, {mul: , name: b, from: [x, x]}, {gate: , from: [x, a, b]}]\n"
        "loss: l1");
  predict(&r, y);
  for (int k = 0; k < 4; k++) CU_ASSERT_EQUAL(y[k], relu(x[k]) + x[k] * (x[k] * x[k] - relu(x[k])));
  rig_end(&r);
}

static void stored_bytes_become_scaled_floats(void)
{
  const uint8_t x[] = {0, 51, 255, 102};
  float y[4];
  struct rig r = {.n_fields = 1, .micro_batch = 1, .n_rows = 1};

  r.field[0] = rig_field("x", GLIA_U8, 2, (int64_t[]){2, 2});
  r.field[0].scale = 1.0 / 255.0;
  r.field[0].offset = -0.5;
  r.data[0] = x;
  CU_ASSERT_EQUAL_FATAL(rig_start(&r, "model: [flatten]\nloss: l1\n", 1, 1), GLIA_OK);
  r.taken = y;
  CU_ASSERT_EQUAL(rig_step(&r, "predict", 0.0, 1), GLIA_OK);
  for (int i = 0; i < 4; i++) CU_ASSERT_DOUBLE_EQUAL((double)y[i], x[i] / 255.0 - 0.5, 1e-7);
  rig_end(&r);
}

/* Initial values depend on seed, path and element alone. */
static void initial_values_are_pytorchs(void)
{
  struct rig r = {.n_fields = 1, .micro_batch = 1, .n_rows = 1};
  double mean = 0, square = 0, largest = 0;
  const double bound = 1 / sqrt(100.0);
  static float x[100];

  r.field[0] = rig_field("x", GLIA_F32, 1, (int64_t[]){100});
  r.data[0] = x;
  CU_ASSERT_EQUAL_FATAL(rig_start(&r,
                                  "model: [linear: 300, relu, {linear: {units: 4, init: glorot}}, "
                                  "{linear: {units: 2, init: zeros}}]\nloss: l1\n",
                                  7, 1),
                        GLIA_OK);
  int64_t n = 0;
  const float *w = rig_state(&r, "params/00-linear/weight", &n);
  CU_ASSERT_EQUAL_FATAL(n, 30000);
  for (int64_t i = 0; i < n; i++) {
    mean += (double)w[i] / (double)n;
    square += (double)w[i] * (double)w[i] / (double)n;
    largest = fmax(largest, fabs((double)w[i]));
  }
  /* four standard errors of 30,000 uniform draws */
  CU_ASSERT_DOUBLE_EQUAL(mean, 0.0, 4 * bound / sqrt(3.0 * 30000));
  CU_ASSERT_DOUBLE_EQUAL(square, bound * bound / 3, 4 * bound * bound * sqrt(4.0 / 45 / 30000));
  CU_ASSERT(largest <= (double)(float)bound && largest > 0.99 * bound);
  const float *b = rig_state(&r, "params/00-linear/bias", NULL);
  CU_ASSERT(fabsf(b[0]) <= (float)bound && b[0] != 0.0f);
  const float *glorot = rig_state(&r, "params/02-linear/weight", &n);
  for (int64_t i = 0; i < n; i++) CU_ASSERT(fabsf(glorot[i]) <= (float)sqrt(6.0 / 304));
  CU_ASSERT_EQUAL(((const float *)rig_state(&r, "params/02-linear/bias", NULL))[0], 0.0f);
  CU_ASSERT_EQUAL(((const float *)rig_state(&r, "params/03-linear/weight", NULL))[7], 0.0f);

  float *again = malloc(30000 * sizeof *again);
  const struct glia_model_parameter *p;
  glia_model_parameters(r.m, &p);
  glia_model_initialize(r.m, 7, p[1].state, again);
  CU_ASSERT_EQUAL(memcmp(again, w, 30000 * sizeof *w), 0);
  glia_model_initialize(r.m, 8, p[1].state, again);
  CU_ASSERT_NOT_EQUAL(again[0], w[0]);
  free(again);
  rig_end(&r);
}

/* The mask of dropout on rows x = (1, 2, 4, ..., 2^(n-1)): the loss of one row is the mask as a number. */
enum { ROWS = 12, COLS = 40 };
static void masks(int64_t micro_batch, int threads, int64_t step, double out[ROWS])
{
  static double x[ROWS][COLS];
  struct rig r = {.n_fields = 1, .micro_batch = micro_batch, .n_rows = ROWS};

  for (int k = 0; k < ROWS; k++)
    for (int i = 0; i < COLS; i++) x[k][i] = ldexp(1.0, i);
  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){COLS});
  r.data[0] = x;
  CU_ASSERT_EQUAL_FATAL(rig_start(&r, "dtype: f64\nmodel: [dropout: 0.5]\nloss: l1\n", 5, threads),
                        GLIA_OK);
  for (int k = 0; k < ROWS; k++) {
    float weight[ROWS] = {0};
    weight[k] = 1.0f;
    r.weight = weight;
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.0, step), GLIA_OK);
    out[k] = rig_output(&r, "train", "loss");
  }
  rig_end(&r);
}

static void dropout_is_the_same_for_any_split(void)
{
  double a[ROWS], b[ROWS];
  int kept = 0, differ = 0;

  masks(12, 1, 3, a);
  for (int k = 0; k < ROWS; k++) {
    CU_ASSERT_EQUAL(a[k], 2.0 * floor(a[k] / 2)); /* a sum of 2 * 2^i: kept elements are doubled */
    for (double m = a[k] / 2; m > 0; m = floor(m / 2)) kept += fmod(m, 2) != 0;
    differ += k > 0 && a[k] != a[0];
  }
  CU_ASSERT(abs(kept - ROWS * COLS / 2) < 4 * 11); /* four standard deviations of 480 coins */
  CU_ASSERT(differ > ROWS - 3);
  const int64_t splits[] = {1, 2, 5};
  for (size_t i = 0; i < GLIA_COUNT(splits); i++) {
    masks(splits[i], i == 1 ? 2 : 1, 3, b);
    CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
  }
  masks(12, 1, 4, b);
  CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0); /* another step, another mask */
}

static void dropout_keeps_the_mean_and_sleeps_in_evaluation(void)
{
  static double x[200];
  double y[200];
  struct rig r;

  for (int i = 0; i < 200; i++) x[i] = 1.0;
  start(&r, x, 1, 200, 1, "model: [dropout: 0.25]\nloss: l1");
  double mean = 0;
  for (int step = 1; step <= 50; step++) {
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.0, step), GLIA_OK);
    mean += rig_output(&r, "train", "loss") / 200 / 50;
  }
  CU_ASSERT_DOUBLE_EQUAL(mean, 1.0, 4 * sqrt(0.25 / 0.75 / 10000));
  CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.0, 1), GLIA_OK);
  CU_ASSERT_EQUAL(rig_output(&r, "eval", "loss_sum"), 200.0);
  predict(&r, y);
  CU_ASSERT_EQUAL(memcmp(x, y, sizeof y), 0);
  rig_end(&r);
}

/* x [3, 4] as logits, y labels, t [3, 4]; the last row has weight 1/2. */
static void losses_are_their_formulas(void)
{
  static const double x[3][4] = {{1, 2, 0.5, -1}, {0, 3, 1, 2}, {5, -5, 2, 2}};
  static const double t[3][4] = {{0, 2, 1, -1}, {1, 1, 1, 1}, {0, 0, 0, 0}};
  static const uint8_t y[3] = {1, 3, 0};
  static const float weight[3] = {1, 1, 0.5f};
  struct rig r = {.n_fields = 3, .micro_batch = 2, .n_rows = 3, .weight = weight};
  double ce = 0, mse = 0, mae = 0, l1 = 0;

  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){4});
  r.field[1] = rig_field("y", GLIA_U8, 0, NULL);
  r.field[2] = rig_field("t", GLIA_F64, 2, (int64_t[]){2, 2});
  r.data[0] = x;
  r.data[1] = y;
  r.data[2] = t;
  for (int k = 0; k < 3; k++) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
      sum += exp(x[k][i]);
      mse += (double)weight[k] * (x[k][i] - t[k][i]) * (x[k][i] - t[k][i]) / 4;
      mae += (double)weight[k] * fabs(x[k][i] - t[k][i]) / 4;
      l1 += (double)weight[k] * fabs(x[k][i]);
    }
    ce += (double)weight[k] * (log(sum) - x[k][y[k]]);
  }
  const struct {
    const char *yaml;
    double want;
  } table[] = {
      {"cross_entropy", ce},
      {"{name: mse, target: t}", mse},
      {"[{name: mae, target: t}]", mae},
      {"l1", l1},
      {"[{name: mse, target: t, weight: 0.25}, {name: l1, of: input, weight: 3}, cross_entropy]",
       0.25 * mse + 3 * l1 + ce},
  };
  for (size_t i = 0; i < GLIA_COUNT(table); i++) {
    char yaml[256];
    snprintf(yaml, sizeof yaml, "dtype: f64\nmodel: [{reshape: [4]}]\nloss: %s\n", table[i].yaml);
    CU_ASSERT_EQUAL_FATAL(rig_start(&r, yaml, 1, 1), GLIA_OK);
    CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.0, 1), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), table[i].want, 1e-13);
    CU_ASSERT_EQUAL(rig_output(&r, "eval", "weight_sum"), 2.5);
    if (strstr(yaml, "cross") != NULL) {
      CU_ASSERT_EQUAL(rig_output(&r, "eval", "correct_sum"), 1.5); /* rows 0 and 2 */
    } else {
      CU_ASSERT_PTR_NULL(glia_engine_output(r.e, "eval", "correct_sum"));
    }
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.0, 1), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "train", "loss"), table[i].want / 2.5, 1e-13);
    rig_end(&r);
  }
}

/* Everything in one model; its gradient is read off a step of plain descent. */
static const char whole[] = "dtype: f64\n"
                            "model:\n"
                            "  - linear: 6\n"
                            "  - layer_norm\n"
                            "  - {silu: , name: a}\n"
                            "  - {dropout: 0.3, name: d}\n"
                            "  - {linear: {units: 6, init: glorot}, name: b}\n"
                            "  - {tanh: , name: c}\n"
                            "  - {add: , name: e, from: [c, a]}\n"
                            "  - {concat: , from: [e, input, b]}\n"
                            "  - linear: 4\n"
                            "loss: [cross_entropy, {name: mse, of: e, target: t, weight: 0.7}, "
                            "{name: l1, of: b, weight: 0.1}]\n"
                            "optimizer: {sgd: {lr: 1}}\n";

static void start_whole(struct rig *r, int64_t micro_batch, int threads)
{
  static double x[7][3], t[7][6];
  static int64_t y[7];

  for (int k = 0; k < 7; k++) {
    y[k] = k % 4;
    for (int i = 0; i < 3; i++) x[k][i] = sin(1 + 3 * k + i);
    for (int i = 0; i < 6; i++) t[k][i] = cos(2 + k * i);
  }
  *r = (struct rig){.n_fields = 3, .micro_batch = micro_batch, .n_rows = 7};
  r->field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){3});
  r->field[1] = rig_field("y", GLIA_I64, 0, NULL);
  r->field[2] = rig_field("t", GLIA_F64, 1, (int64_t[]){6});
  r->data[0] = x;
  r->data[1] = y;
  r->data[2] = t;
  const glia_status st = rig_start(r, whole, 9, threads);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

static double loss_at(struct rig *r, double *w, double v)
{
  const double keep = *w;

  *w = v;
  CU_ASSERT_EQUAL(rig_step(r, "train", 0.0, 2), GLIA_OK);
  *w = keep;
  return rig_output(r, "train", "loss");
}

static void gradient_of_a_whole_model_is_that_of_its_loss(void)
{
  const struct glia_model_parameter *p;
  const struct glia_state *state;
  struct rig r;
  double *grad[16], worst = 0.0;

  start_whole(&r, 3, 1);
  const int n = glia_model_parameters(r.m, &p);
  CU_ASSERT_EQUAL_FATAL(n, 8);
  glia_graph_states(r.g, &state);
  for (int i = 0; i < n; i++) { /* grad = old - new at rate 1; then back */
    grad[i] = malloc(glia_type_bytes(&state[p[i].state].type));
    memcpy(grad[i], glia_engine_state(r.e, p[i].state), glia_type_bytes(&state[p[i].state].type));
  }
  CU_ASSERT_EQUAL(rig_step(&r, "train", 1.0, 2), GLIA_OK);
  for (int i = 0; i < n; i++) {
    double *w = glia_engine_state(r.e, p[i].state);
    for (int64_t k = 0; k < glia_type_count(&state[p[i].state].type); k++) {
      const double old = grad[i][k];
      grad[i][k] = old - w[k];
      w[k] = old;
    }
  }
  const double h = 1e-5; /* error of the difference: h^2 of third derivatives, and 1e-16 / h */
  for (int i = 0; i < n; i++) {
    double *w = glia_engine_state(r.e, p[i].state);
    for (int64_t k = 0; k < glia_type_count(&state[p[i].state].type); k++) {
      const double slope = (loss_at(&r, &w[k], w[k] + h) - loss_at(&r, &w[k], w[k] - h)) / (2 * h);
      worst = fmax(worst, fabs(slope - grad[i][k]));
    }
    free(grad[i]);
  }
  tap_note("largest error %.2e", worst);
  CU_ASSERT(worst < 1e-8);
  rig_end(&r);
}

static void threads_do_not_change_bits(void)
{
  struct rig a, b;
  int64_t n = 0;

  start_whole(&a, 2, 1);
  start_whole(&b, 2, 3);
  for (int step = 1; step <= 5; step++) {
    CU_ASSERT_EQUAL(rig_step(&a, "train", 0.1, step), GLIA_OK);
    CU_ASSERT_EQUAL(rig_step(&b, "train", 0.1, step), GLIA_OK);
  }
  const struct glia_model_parameter *p;
  for (int i = glia_model_parameters(a.m, &p) - 1; i >= 0; i--) {
    const double *w = rig_state(&a, p[i].path, &n);
    CU_ASSERT_EQUAL(memcmp(w, rig_state(&b, p[i].path, NULL), (size_t)n * sizeof *w), 0);
  }
  rig_end(&a);
  rig_end(&b);
}

/* All states as one block; the caller frees it. */
static char *snapshot(struct rig *r, size_t *bytes)
{
  const struct glia_state *state;
  const int n = glia_graph_states(r->g, &state);
  char *out = NULL;

  *bytes = 0;
  for (int i = 0; i < n; i++) {
    const size_t more = glia_type_bytes(&state[i].type);
    out = realloc(out, *bytes + more);
    memcpy(out + *bytes, glia_engine_state(r->e, i), more);
    *bytes += more;
  }
  return out;
}

static void a_step_that_is_not_finite_changes_nothing(void)
{
  static const char *const lines[] = {"", "clip_norm: 1"};
  double x[] = {1, 2, 3, 4};
  size_t n = 0, m = 0;

  for (size_t i = 0; i < GLIA_COUNT(lines); i++) {
    char yaml[256];
    struct rig r;
    snprintf(
        yaml, sizeof yaml,
        "model: [linear: 2, tanh, linear: 2]\nloss: {name: mse, target: x}\noptimizer: adam\n%s",
        lines[i]);
    x[1] = 2.0;
    start(&r, x, 2, 2, 1, yaml);
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 1), GLIA_OK);
    char *before = snapshot(&r, &n);
    const double values[] = {(double)NAN, (double)INFINITY};
    for (size_t k = 0; k < GLIA_COUNT(values); k++) {
      x[1] = values[k];
      CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 2), GLIA_OK);
      CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 0.0);
      CU_ASSERT_EQUAL(rig_output(&r, "train", "failed"), 0.0);
      char *after = snapshot(&r, &m);
      CU_ASSERT(n == m && memcmp(before, after, n) == 0);
      free(after);
    }
    x[1] = 2.0;
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 2), GLIA_OK);
    CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 1.0);
    char *after = snapshot(&r, &m);
    CU_ASSERT(memcmp(before, after, n) != 0);
    free(after);
    free(before);
    rig_end(&r);
  }
}

static void a_step_in_which_a_read_failed_changes_nothing(void)
{
  const double x[] = {1, 2, 3, 4};
  size_t n = 0, m = 0;
  struct rig r;

  start(&r, x, 2, 2, 1, "model: [linear: 2]\nloss: {name: mse, target: x}\noptimizer: adam");
  char *before = snapshot(&r, &n);
  r.fail_at = 1;
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 1), GLIA_E_IO);
  CU_ASSERT_EQUAL(rig_output(&r, "train", "failed"), 1.0);
  CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 0.0);
  CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.1, 1), GLIA_E_IO);
  CU_ASSERT_EQUAL(rig_output(&r, "eval", "failed"), 1.0);
  char *after = snapshot(&r, &m);
  CU_ASSERT(n == m && memcmp(before, after, n) == 0);
  r.fail_at = -1;
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 1), GLIA_OK);
  CU_ASSERT_EQUAL(rig_output(&r, "train", "failed"), 0.0);
  free(before);
  free(after);
  rig_end(&r);
}

/* Card of the autoencoder for nodes: MAE against the input, and a sparse wide code. */
static void an_autoencoder_learns(void)
{
  static float x[64][8];
  struct rig r = {.n_fields = 1, .micro_batch = 16, .n_rows = 64};

  for (int k = 0; k < 64; k++)
    for (int i = 0; i < 8; i++) x[k][i] = (float)(0.5 + 0.4 * sin(0.1 * k + i) * cos(0.3 * k));
  r.field[0] = rig_field("x", GLIA_F32, 1, (int64_t[]){8});
  r.data[0] = x;
  CU_ASSERT_EQUAL_FATAL(
      rig_start(&r,
                "model: [{linear: {units: 80, init: glorot}}, {relu: , name: code}, {linear: "
                "{units: 8, init: glorot}}]\n"
                "loss: [{name: mae, target: x}, {name: l1, of: code, weight: 1e-5}]\n",
                2, 1),
      GLIA_OK);
  CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.0, 1), GLIA_OK);
  const double first = rig_output(&r, "eval", "loss_sum") / 64;
  for (int step = 1; step <= 200; step++)
    CU_ASSERT_EQUAL(rig_step(&r, "train", glia_model_rate(r.m, step, 200), step), GLIA_OK);
  CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.0, 1), GLIA_OK);
  const double last = rig_output(&r, "eval", "loss_sum") / 64;
  tap_note("loss from %.4f to %.4f", first, last);
  CU_ASSERT(last < 0.1 * first);
  rig_end(&r);
}

TAP_MAIN("nn", TAP(linear_is_x_wt_plus_b), TAP(activations_are_their_functions),
         TAP(softmax_sums_to_one), TAP(layer_norm_has_mean_0_and_variance_1_then_scales),
         TAP(joins_make_graphs), TAP(stored_bytes_become_scaled_floats),
         TAP(initial_values_are_pytorchs), TAP(dropout_is_the_same_for_any_split),
         TAP(dropout_keeps_the_mean_and_sleeps_in_evaluation), TAP(losses_are_their_formulas),
         TAP(gradient_of_a_whole_model_is_that_of_its_loss), TAP(threads_do_not_change_bits),
         TAP(a_step_that_is_not_finite_changes_nothing),
         TAP(a_step_in_which_a_read_failed_changes_nothing), TAP(an_autoencoder_learns))
