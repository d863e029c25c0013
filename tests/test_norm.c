/* Layers with windows and norms, and embedding: batch norm's statistics and states, and what is refused where. PyTorch checks the rest. */
#include "nn_rig.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static glia_status begin(struct rig *r, const char *yaml, const double *x, int rank,
                         const int64_t *dim, int64_t rows, int64_t micro_batch)
{
  *r = (struct rig){.n_fields = 1, .micro_batch = micro_batch, .n_rows = rows};
  r->field[0] = rig_field("x", GLIA_F64, rank, dim);
  r->data[0] = x;
  return rig_start(r, yaml, 1, 1);
}

/* Two micro-batches, the second with one row of padding: state and loss by hand. */
static void batch_norm_keeps_averages_of_what_is_no_padding(void)
{
  const double x[] = {1, 3, 8, 2,
                      6}; /* rows of one channel: means 4, 4; unbiased variances 13, 8 */
  struct rig r;

  CU_ASSERT_EQUAL_FATAL(begin(&r,
                              "dtype: f64\nmodel: [{batch_norm: {momentum: 0.25, eps: "
                              "1.0}}]\nloss: l1\noptimizer: {sgd: {lr: 0.0}}\n",
                              x, 1, (int64_t[]){1}, 5, 3),
                        GLIA_OK);
  double *mean = rig_state(&r, "state/00-batch_norm/mean", NULL),
         *var = rig_state(&r, "state/00-batch_norm/var", NULL);
  CU_ASSERT_EQUAL(mean[0], 0.0);
  CU_ASSERT_EQUAL(var[0], 1.0);
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.0, 1), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(mean[0], 0.25 * 4.0, 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(var[0], 0.75 + 0.25 * (13.0 + 8.0) / 2.0, 1e-14);
  const double a = sqrt(26.0 / 3.0 + 1.0), b = sqrt(4.0 + 1.0); /* biased */
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "train", "loss"), ((3 + 1 + 4) / a + (2 + 2) / b) / 5.0,
                         1e-14);
  const double kept = mean[0], scale = sqrt(var[0] + 1.0);
  double y[6], want = 0.0;
  r.taken = y;
  CU_ASSERT_EQUAL(rig_step(&r, "predict", 0.0, 2), GLIA_OK);
  for (int i = 0; i < 5; i++) CU_ASSERT_DOUBLE_EQUAL(y[i], (x[i] - kept) / scale, 1e-14);
  for (int i = 0; i < 5; i++) want += fabs(x[i] - kept) / scale;
  CU_ASSERT_EQUAL(rig_step(&r, "eval", 0.0, 2), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), want, 1e-13);
  CU_ASSERT_EQUAL(mean[0], kept); /* evaluation moves nothing */
  rig_end(&r);
}

/* over: batch in micro-batches of two is plain batch norm of one micro-batch that has all rows, up to the order of sums: outputs,
 * gradients (by the parameters after steps), running statistics and evaluation, with rows of padding. */
static void over_the_batch_is_one_large_micro_batch(void)
{
  enum { ROWS = 7, SIZE = 3 };
  static const char *const chain[] = {
      "dtype: f64\nmodel: [{linear: 4}, {batch_norm: {over: batch}}, tanh, {linear: 2}, "
      "{batch_norm: "
      "{over: batch, norm: l1}}]\nloss: {name: l1}\noptimizer: {sgd: {lr: 0.05, momentum: "
      "0.9}}\nclip_norm: "
      "0.3\n",
      "dtype: f64\nmodel: [{linear: 4}, batch_norm, tanh, {linear: 2}, {batch_norm: {norm: l1}}]\n"
      "loss: {name: l1}\noptimizer: {sgd: {lr: 0.05, momentum: 0.9}}\nclip_norm: 0.3\n"};
  struct rig r[2];
  double x[ROWS][SIZE];
  const struct glia_state *state;

  for (int i = 0; i < ROWS; i++)
    for (int k = 0; k < SIZE; k++) x[i][k] = sin(1.0 + 2.3 * i + 0.7 * k * i);
  for (int k = 0; k < 2; k++)
    CU_ASSERT_EQUAL_FATAL(
        begin(&r[k], chain[k], x[0], 1, (int64_t[]){SIZE}, ROWS, k == 0 ? 2 : ROWS), GLIA_OK);
  for (int step = 1; step <= 5; step++)
    for (int k = 0; k < 2; k++) CU_ASSERT_EQUAL(rig_step(&r[k], "train", 0.05, step), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r[0], "train", "loss"), rig_output(&r[1], "train", "loss"),
                         1e-11);
  const int n = glia_graph_states(r[0].g, &state);
  for (int i = 0; i < n; i++) {
    int64_t count;
    const double *a = rig_state(&r[0], state[i].path, &count),
                 *b = rig_state(&r[1], state[i].path, NULL);
    CU_ASSERT_FATAL(a != NULL && b != NULL);
    for (int64_t e = 0; e < count; e++) CU_ASSERT_DOUBLE_EQUAL(a[e], b[e], 1e-10);
  }
  for (int k = 0; k < 2; k++) CU_ASSERT_EQUAL(rig_step(&r[k], "eval", 0.0, 6), GLIA_OK);
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r[0], "eval", "loss_sum"),
                         rig_output(&r[1], "eval", "loss_sum"), 1e-10);
  for (int k = 0; k < 2; k++) rig_end(&r[k]);
}

static void a_micro_batch_of_padding_alone_harms_nothing(void)
{
  const double x[] = {1, 5, 0, 0};
  const float weight[] = {1, 1, 0, 0};
  struct rig r;

  CU_ASSERT_EQUAL_FATAL(
      begin(&r,
            "dtype: f64\nmodel: [batch_norm, {linear: 1}]\nloss: l1\noptimizer: {sgd: {lr: 0.1}}\n",
            x, 1, (int64_t[]){1}, 4, 2),
      GLIA_OK);
  r.weight = weight;
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 1), GLIA_OK);
  CU_ASSERT(isfinite(rig_output(&r, "train", "loss")));
  CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 1.0);
  CU_ASSERT_DOUBLE_EQUAL(*(double *)rig_state(&r, "state/00-batch_norm/mean", NULL), 0.1 * 3.0,
                         1e-14);
  CU_ASSERT_DOUBLE_EQUAL(*(double *)rig_state(&r, "state/00-batch_norm/var", NULL), 0.9 + 0.1 * 8.0,
                         1e-14);
  rig_end(&r);
}

static void a_step_that_is_not_finite_keeps_the_statistics(void)
{
  const double x[] = {1, NAN};
  struct rig r;

  CU_ASSERT_EQUAL_FATAL(
      begin(&r, "dtype: f64\nmodel: [batch_norm]\nloss: l1\n", x, 1, (int64_t[]){1}, 2, 2),
      GLIA_OK);
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 1), GLIA_OK);
  CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 0.0);
  CU_ASSERT_EQUAL(*(double *)rig_state(&r, "state/00-batch_norm/mean", NULL), 0.0);
  CU_ASSERT_EQUAL(*(double *)rig_state(&r, "state/00-batch_norm/var", NULL), 1.0);
  rig_end(&r);
}

static void conv_has_pytorchs_shapes_and_bounds(void)
{
  static const double x[3 * 8 * 8];
  struct rig r;
  int64_t n = 0;
  double largest = 0.0;

  CU_ASSERT_EQUAL_FATAL(
      begin(&r,
            "dtype: f64\nmodel: [{conv: {channels: 12, kernel: [3, 5], groups: 3}}]\nloss: l1\n", x,
            3, (int64_t[]){3, 8, 8}, 1, 1),
      GLIA_OK);
  const double *w = rig_state(&r, "params/00-conv/weight", &n);
  const double bound = 1.0 / sqrt(15.0);
  CU_ASSERT_EQUAL(n, 12 * 1 * 15);
  for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs(w[i]));
  CU_ASSERT(largest <= bound && largest > 0.95 * bound);
  const double *b = rig_state(&r, "params/00-conv/bias", &n);
  CU_ASSERT_EQUAL(n, 12);
  CU_ASSERT(fabs(b[0]) <= bound && b[0] != 0.0);
  rig_end(&r);
}

static void embedding_takes_rows_and_learns_them(void)
{
  static const uint8_t x[] = {2, 0, 2, 1};
  struct rig r = {.n_fields = 1, .micro_batch = 2, .n_rows = 2, .data = {x}};
  double y[8];

  r.field[0] = rig_field("x", GLIA_U8, 1, (int64_t[]){2});
  CU_ASSERT_EQUAL_FATAL(rig_start(&r,
                                  "dtype: f64\nmodel: [{embedding: {count: 4, size: 2}}]\nloss: "
                                  "l1\noptimizer: {sgd: {lr: 1.0}}\n",
                                  1, 1),
                        GLIA_OK);
  double *w = rig_state(&r, "params/00-embedding/weight", NULL);
  for (int i = 0; i < 8; i++) w[i] = i + 1;
  r.taken = y;
  CU_ASSERT_EQUAL(rig_step(&r, "predict", 0.0, 1), GLIA_OK);
  for (int i = 0; i < 8; i++) CU_ASSERT_EQUAL(y[i], 2 * x[i / 2] + i % 2 + 1);
  CU_ASSERT_EQUAL(rig_step(&r, "train", 1.0, 1), GLIA_OK);
  const double want[] = {1 - 0.5, 2 - 0.5, 3 - 0.5, 4 - 0.5, 5 - 1.0, 6 - 1.0, 7, 8};
  for (int i = 0; i < 8; i++) CU_ASSERT_DOUBLE_EQUAL(w[i], want[i], 1e-15);
  rig_end(&r);
}

static void embedding_starts_standard_normal(void)
{
  static const int32_t x[1];
  struct rig r = {.n_fields = 1, .micro_batch = 1, .n_rows = 1, .data = {x}};
  double mean = 0.0, square = 0.0;
  int64_t n = 0;

  r.field[0] = rig_field("x", GLIA_I32, 0, NULL);
  CU_ASSERT_EQUAL_FATAL(
      rig_start(&r, "model: [{embedding: {count: 200, size: 50}}]\nloss: l1\n", 3, 1), GLIA_OK);
  const float *w = rig_state(&r, "params/00-embedding/weight", &n);
  CU_ASSERT_EQUAL_FATAL(n, 10000);
  for (int64_t i = 0; i < n; i++) {
    mean += (double)w[i] / (double)n;
    square += (double)w[i] * (double)w[i] / (double)n;
  }
  CU_ASSERT_DOUBLE_EQUAL(mean, 0.0, 0.04); /* four standard errors */
  CU_ASSERT_DOUBLE_EQUAL(square, 1.0, 4 * sqrt(2.0 / 10000));
  rig_end(&r);
}

static void what_does_not_fit_is_refused_with_its_line(void)
{
  static const struct {
    const char *layer, *text;
    int rank;
    int64_t dim[3];
  } table[] = {
      {"conv: {channels: 4, kernel: 3}",
       "run.yaml:2: model.0.conv: layer 00-conv: input has rows of shape [64], expected channels",
       1,
       {64}},
      {"conv: {channels: 4, kernel: 5}",
       "run.yaml:2: model.0.conv: layer 00-conv: kernel reaches over 5 rows of axis 1",
       3,
       {3, 4, 8}},
      {"conv: {channels: 4, kernel: [3, 3, 3]}",
       "kernel has 3 numbers, input has rows with 2 spatial axes",
       3,
       {3, 8, 8}},
      {"conv: {channels: 4, kernel: 3, groups: 2}", "2 groups divide", 3, {3, 8, 8}},
      {"conv: {channels: 4}", "conv needs kernel", 3, {3, 8, 8}},
      {"conv: {kernel: 4}", "conv needs channels", 3, {3, 8, 8}},
      {"conv: {channels: 4, kernal: 3}", "did you mean 'kernel'", 3, {3, 8, 8}},
      {"conv: {channels: 4, kernel: 3, stride: 2, padding: same}",
       "padding: same goes with stride 1",
       3,
       {3, 8, 8}},
      {"conv: {channels: 4, kernel: 3, padding: 8, padding_mode: circular}",
       "padding of",
       3,
       {3, 4, 4}},
      {"max_pool: 9", "kernel reaches over 9 rows", 3, {3, 8, 8}},
      {"max_pool: ", "max_pool needs kernel", 3, {3, 8, 8}},
      {"global_avg_pool: ", "expected channels and spatial axes", 1, {8}},
      {"resize: {mode: linear}", "resize needs size", 3, {3, 8, 8}},
      {"group_norm: 2",
       "2 groups do not divide the channels of rows of shape [3, 8, 8]",
       3,
       {3, 8, 8}},
      {"batch_norm: ", "input has rows of one number", 0, {0}},
  };

  for (size_t i = 0; i < GLIA_COUNT(table); i++) {
    char yaml[256];
    struct rig r = {.n_fields = 1, .micro_batch = 2, .n_rows = 2};
    r.field[0] = rig_field("x", GLIA_F32, table[i].rank, table[i].dim);
    snprintf(yaml, sizeof yaml, "model:\n  - %s\nloss: l1\n", table[i].layer);
    const glia_status st = rig_build(&r, yaml);
    CU_ASSERT_NOT_EQUAL(st, GLIA_OK);
    if (strstr(glia_trace_message(), table[i].text) == NULL)
      tap_note("%s: %s", table[i].layer, glia_trace_message());
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), table[i].text));
    rig_end(&r);
  }
}

TAP_MAIN("norm", TAP(batch_norm_keeps_averages_of_what_is_no_padding),
         TAP(over_the_batch_is_one_large_micro_batch),
         TAP(a_micro_batch_of_padding_alone_harms_nothing),
         TAP(a_step_that_is_not_finite_keeps_the_statistics),
         TAP(conv_has_pytorchs_shapes_and_bounds), TAP(embedding_takes_rows_and_learns_them),
         TAP(embedding_starts_standard_normal), TAP(what_does_not_fit_is_refused_with_its_line))
