/* Optimizers against plain loops written from the papers' formulas, on a least-squares problem in float64. */
#include "nn_rig.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 5, B = 6, STEPS = 8 }; /* unknowns, rows */

static double X[B][N], Y[B];

static void make_data(void)
{
  for (int b = 0; b < B; b++) {
    Y[b] = sin(1.0 + 2.0 * b);
    for (int i = 0; i < N; i++) X[b][i] = cos(0.3 + 1.7 * b * (i + 1) + i);
  }
}

/* Gradient of mean_b (x_b w - y_b)^2. */
static double gradient(const double *w, double *d)
{
  double loss = 0.0;

  memset(d, 0, N * sizeof *d);
  for (int b = 0; b < B; b++) {
    double e = -Y[b];
    for (int i = 0; i < N; i++) e += X[b][i] * w[i];
    loss += e * e / B;
    for (int i = 0; i < N; i++) d[i] += 2.0 * e * X[b][i] / B;
  }
  return loss;
}

/* One element at step t >= 1; s: its slots. */
typedef enum { SGD, ADAM, ADAMW, LION } family;
struct rule {
  const char *yaml;
  family family;
  double lr, decay, mu, beta1, beta2, eps;
  bool nesterov;
};

static void advance(const struct rule *r, double lr, int t, double *w, double d, double s[2])
{
  if (r->family == SGD) {
    d += r->decay * *w;
    s[0] = r->mu * s[0] + d;
    *w -= lr * (r->nesterov ? d + r->mu * s[0] : s[0]);
    return;
  }
  if (r->family == LION) {
    const double c = r->beta1 * s[0] + (1.0 - r->beta1) * d;
    *w -= lr * ((c > 0.0) - (c < 0.0) + r->decay * *w);
    s[0] = r->beta2 * s[0] + (1.0 - r->beta2) * d;
    return;
  }
  if (r->family == ADAMW) *w *= 1.0 - lr * r->decay;
  if (r->family == ADAM) d += r->decay * *w;
  s[0] = r->beta1 * s[0] + (1.0 - r->beta1) * d;
  s[1] = r->beta2 * s[1] + (1.0 - r->beta2) * d * d;
  const double first = s[0] / (1.0 - pow(r->beta1, t));
  const double second = s[1] / (1.0 - pow(r->beta2, t));
  *w -= lr * first / (sqrt(second) + r->eps);
}

static const struct rule rules[] = {
    {.yaml = "{sgd: {lr: 0.1}}", .family = SGD, .lr = 0.1},
    {.yaml = "sgd", .family = SGD, .lr = 1e-3},
    {.yaml = "{sgd: {lr: 0.1, weight_decay: 0.2}}", .family = SGD, .lr = 0.1, .decay = 0.2},
    {.yaml = "{sgd: {lr: 0.1, momentum: 0.9}}", .family = SGD, .lr = 0.1, .mu = 0.9},
    {.yaml = "{sgd: {lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.1}}",
     .family = SGD,
     .lr = 0.1,
     .mu = 0.9,
     .nesterov = true,
     .decay = 0.1},
    {.yaml = "adam", .family = ADAM, .lr = 1e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8},
    {.yaml = "{adam: {lr: 0.05, beta1: 0.8, beta2: 0.95, eps: 1e-3, weight_decay: 0.3}}",
     .family = ADAM,
     .lr = 0.05,
     .beta1 = 0.8,
     .beta2 = 0.95,
     .eps = 1e-3,
     .decay = 0.3},
    {.yaml = "adamw",
     .family = ADAMW,
     .lr = 1e-3,
     .beta1 = 0.9,
     .beta2 = 0.999,
     .eps = 1e-8,
     .decay = 0.01},
    {.yaml = "{adamw: {lr: 0.05, weight_decay: 0.5}}",
     .family = ADAMW,
     .lr = 0.05,
     .beta1 = 0.9,
     .beta2 = 0.999,
     .eps = 1e-8,
     .decay = 0.5},
    {.yaml = "lion", .family = LION, .lr = 1e-4, .beta1 = 0.9, .beta2 = 0.99},
    {.yaml = "{lion: {lr: 0.05, beta1: 0.7, beta2: 0.6, weight_decay: 0.2}}",
     .family = LION,
     .lr = 0.05,
     .beta1 = 0.7,
     .beta2 = 0.6,
     .decay = 0.2},
};

/* A linear model without bias on the data above, in micro-batches of 2; `more`: further lines. */
static void start(struct rig *r, const char *optimizer, const char *more)
{
  char yaml[1024];

  make_data();
  *r = (struct rig){.n_fields = 2, .micro_batch = 2, .n_rows = B};
  r->field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){N});
  r->field[1] = rig_field("y", GLIA_F64, 0, NULL);
  r->data[0] = X;
  r->data[1] = Y;
  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [linear: {units: 1, bias: false}]\nloss: mse\noptimizer: %s\n%s\n",
           optimizer, more);
  const glia_status st = rig_start(r, yaml, 3, 1);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

/* Largest difference of loss and unknowns over all steps. */
static double worst_of(const struct rule *rule)
{
  struct rig r;
  double w[N], d[N], slot[N][2] = {{0}}, worst = 0.0;

  start(&r, rule->yaml, "");
  const double *have = rig_state(&r, "params/00-linear/weight", NULL);
  memcpy(w, have, sizeof w);
  CU_ASSERT_EQUAL(glia_model_rate(r.m, 1, STEPS), rule->lr);
  for (int t = 1; t <= STEPS; t++) {
    const double rate = rule->lr / t; /* the rate is an input, whatever the schedule */
    const double loss = gradient(w, d);
    for (int i = 0; i < N; i++) advance(rule, rate, t, &w[i], d[i], slot[i]);
    CU_ASSERT_EQUAL(rig_step(&r, "train", rate, t), GLIA_OK);
    CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 1.0);
    worst = fmax(worst, fabs(rig_output(&r, "train", "loss") - loss));
    for (int i = 0; i < N; i++) worst = fmax(worst, fabs(have[i] - w[i]));
  }
  rig_end(&r);
  return worst;
}

static void rules_follow_the_formulas(void)
{
  for (size_t k = 0; k < GLIA_COUNT(rules); k++) {
    const double worst = worst_of(&rules[k]);
    tap_note("%s: %.1e", rules[k].yaml, worst);
    CU_ASSERT(worst < 1e-13); /* rounding of some dozens of operations */
  }
}

/* The whole parameter has one trust ratio. */
static void lamb_steps_as_far_as_the_parameter_is_long(void)
{
  const double b1 = 0.8, b2 = 0.95, eps = 1e-3, decay = 0.1;
  struct rig r;
  double w[N], d[N], m[N] = {0}, v[N] = {0};

  start(&r, "{lamb: {lr: 0.05, beta1: 0.8, beta2: 0.95, eps: 1e-3, weight_decay: 0.1}}", "");
  double *have = rig_state(&r, "params/00-linear/weight", NULL);
  memcpy(w, have, sizeof w);
  for (int t = 1; t <= STEPS; t++) {
    double way[N], of_w = 0.0, of_way = 0.0;
    gradient(w, d);
    for (int i = 0; i < N; i++) {
      m[i] = b1 * m[i] + (1.0 - b1) * d[i];
      v[i] = b2 * v[i] + (1.0 - b2) * d[i] * d[i];
      way[i] = m[i] / (1.0 - pow(b1, t)) / (sqrt(v[i] / (1.0 - pow(b2, t))) + eps) + decay * w[i];
      of_w += w[i] * w[i];
      of_way += way[i] * way[i];
    }
    for (int i = 0; i < N; i++) w[i] -= 0.05 * sqrt(of_w / of_way) * way[i];
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.05, t), GLIA_OK);
    for (int i = 0; i < N; i++) CU_ASSERT_DOUBLE_EQUAL(have[i], w[i], 1e-13);
  }
  /* from zero there is no length to take: the ratio is 1, and the step Adam's own */
  memset(have, 0, N * sizeof *have);
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.05, STEPS + 1), GLIA_OK);
  CU_ASSERT(have[0] != 0.0 && isfinite(have[0]));
  rig_end(&r);
}

/* a = w after the first step, then decay a + (1 - decay) w; evaluation reads a, training w. */
static void averages_follow_and_serve_evaluation(void)
{
  for (int eval = 0; eval <= 1; eval++) {
    struct rig r;
    double a[N], d[N];
    start(&r, "{sgd: {lr: 0.1}}", eval ? "ema: {decay: 0.75}" : "ema: {decay: 0.75, eval: false}");
    const double *w = rig_state(&r, "params/00-linear/weight", NULL);
    const double *have = rig_state(&r, "state/ema/00-linear/weight", NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(have);
    for (int i = 0; i < N; i++) CU_ASSERT_EQUAL(have[i], w[i]); /* before any step */
    for (int t = 1; t <= STEPS; t++) {
      CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, t), GLIA_OK);
      for (int i = 0; i < N; i++) {
        a[i] = t == 1 ? w[i] : 0.75 * a[i] + 0.25 * w[i];
        CU_ASSERT_DOUBLE_EQUAL(have[i], a[i], 1e-14);
      }
    }
    CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.1, STEPS), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum") / B, gradient(eval ? a : w, d),
                           1e-13);
    CU_ASSERT_NOT_EQUAL(gradient(a, d), gradient(w, d));
    rig_end(&r);
  }
}

static void slots_lie_beside_their_parameters(void)
{
  struct rig r;

  start(&r, "adam", "");
  CU_ASSERT_PTR_NOT_NULL(rig_state(&r, "optimizer/first_moment/00-linear/weight", NULL));
  CU_ASSERT_PTR_NOT_NULL(rig_state(&r, "optimizer/second_moment/00-linear/weight", NULL));
  rig_end(&r);
  start(&r, "{sgd: {momentum: 0.5}}", "");
  double *slot = rig_state(&r, "optimizer/momentum/00-linear/weight", NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(slot);
  CU_ASSERT_EQUAL(slot[0], 0.0);
  rig_end(&r);
  start(&r, "sgd", "");
  const struct glia_state *state;
  CU_ASSERT_EQUAL(glia_graph_states(r.g, &state), 1); /* no momentum, no slot */
  rig_end(&r);
}

static void clipping_bounds_the_norm(void)
{
  const double clips[] = {0.05, 1e6};

  for (size_t k = 0; k < GLIA_COUNT(clips); k++) {
    struct rig r;
    char line[64];
    double w[N], d[N], squares = 0.0;
    snprintf(line, sizeof line, "clip_norm: %g", clips[k]);
    start(&r, "{sgd: {lr: 1}}", line);
    const double *have = rig_state(&r, "params/00-linear/weight", NULL);
    memcpy(w, have, sizeof w);
    gradient(w, d);
    for (int i = 0; i < N; i++) squares += d[i] * d[i];
    const double scale = fmin(1.0, clips[k] / (sqrt(squares) + 1e-6));
    CU_ASSERT_EQUAL(rig_step(&r, "train", 1.0, 1), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "train", "grad_norm"), sqrt(squares), 1e-13);
    for (int i = 0; i < N; i++) CU_ASSERT_DOUBLE_EQUAL(have[i], w[i] - scale * d[i], 1e-13);
    rig_end(&r);
  }
}

/* Two layers, so that there are four parameters. */
static void start_groups(struct rig *r, const char *groups)
{
  char yaml[1024];

  make_data();
  *r = (struct rig){.n_fields = 2, .micro_batch = 3, .n_rows = B};
  r->field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){N});
  r->field[1] = rig_field("y", GLIA_F64, 0, NULL);
  r->data[0] = X;
  r->data[1] = Y;
  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [linear: 3, tanh, linear: 1]\nloss: mse\nclip_norm: 1e9\noptimizer: "
           "{sgd: {lr: 0.1}%s}\n",
           groups);
  CU_ASSERT_EQUAL_FATAL(rig_start(r, yaml, 3, 1), GLIA_OK);
}

static const char *const paths[] = {"params/00-linear/bias", "params/00-linear/weight",
                                    "params/02-linear/bias", "params/02-linear/weight"};

/* One step at this rate; delta[p][i] = change of parameter p. */
static void one_step(struct rig *r, double rate, double before[4][16], double delta[4][16])
{
  for (int p = 0; p < 4; p++) {
    int64_t n = 0;
    const double *w = rig_state(r, paths[p], &n);
    memcpy(before[p], w, (size_t)n * sizeof *w);
  }
  CU_ASSERT_EQUAL(rig_step(r, "train", rate, 1), GLIA_OK);
  for (int p = 0; p < 4; p++) {
    int64_t n = 0;
    const double *w = rig_state(r, paths[p], &n);
    for (int64_t i = 0; i < n; i++) delta[p][i] = w[i] - before[p][i];
  }
}

static void groups_scale_the_rate_and_set_the_decay(void)
{
  double w[4][16], plain[4][16], grouped[4][16];
  struct rig r;

  start_groups(&r, "");
  one_step(&r, 0.1, w, plain);
  rig_end(&r);
  start_groups(&r,
               ", groups: {'02-linear/bias': {lr: 0.3}, '*/bias': {lr: 0.2}, '02*': {decay: 0.5}}");
  one_step(&r, 0.1, w, grouped);
  for (int i = 0; i < 3; i++) CU_ASSERT_DOUBLE_EQUAL(grouped[0][i], 2.0 * plain[0][i], 1e-14);
  for (int i = 0; i < 15; i++) CU_ASSERT_DOUBLE_EQUAL(grouped[1][i], plain[1][i], 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(grouped[2][0], 3.0 * plain[2][0], 1e-14); /* the first that matches */
  for (int i = 0; i < 3; i++)
    CU_ASSERT_DOUBLE_EQUAL(grouped[3][i], plain[3][i] - 0.1 * 0.5 * w[3][i], 1e-14);
  rig_end(&r);
}

static void a_group_may_have_its_own_optimizer(void)
{
  double w[4][16], delta[4][16];
  struct rig r;

  start_groups(&r, ", groups: {'02*': {optimizer: {adam: {lr: 0.02, eps: 0}}}}");
  CU_ASSERT_PTR_NULL(rig_state(&r, "optimizer/first_moment/00-linear/bias", NULL));
  CU_ASSERT_PTR_NOT_NULL(rig_state(&r, "optimizer/first_moment/02-linear/bias", NULL));
  one_step(&r, 0.1, w, delta);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_DOUBLE_EQUAL(fabs(delta[3][i]), 0.02, 1e-12); /* Adam's first step is lr */
  rig_end(&r);
}

static void frozen_parameters_stay(void)
{
  double w[4][16], plain[4][16], delta[4][16];
  const struct glia_model_parameter *p;
  struct rig r;

  start_groups(&r, "");
  one_step(&r, 0.1, w, plain);
  const double norm = rig_output(&r, "train", "grad_norm");
  rig_end(&r);
  start_groups(&r, ", groups: {'00-*': {frozen: true}}");
  CU_ASSERT_EQUAL(glia_model_size(r.m), 4);
  CU_ASSERT_EQUAL_FATAL(glia_model_parameters(r.m, &p), 4);
  CU_ASSERT_TRUE(p[0].frozen && p[1].frozen && !p[2].frozen && !p[3].frozen);
  one_step(&r, 0.1, w, delta);
  for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(delta[0][i], 0.0);
  for (int i = 0; i < 15; i++) CU_ASSERT_EQUAL(delta[1][i], 0.0);
  CU_ASSERT_EQUAL(delta[2][0], plain[2][0]);
  CU_ASSERT_NOT_EQUAL(delta[2][0], 0.0);
  CU_ASSERT(rig_output(&r, "train", "grad_norm") < norm); /* frozen ones do not count */
  rig_end(&r);
}

TAP_MAIN("optimizers", TAP(rules_follow_the_formulas),
         TAP(lamb_steps_as_far_as_the_parameter_is_long), TAP(averages_follow_and_serve_evaluation),
         TAP(slots_lie_beside_their_parameters), TAP(clipping_bounds_the_norm),
         TAP(groups_scale_the_rate_and_set_the_decay), TAP(a_group_may_have_its_own_optimizer),
         TAP(frozen_parameters_stay))
