/* Weights behind a transform: what a layer computes with, against the formulas; and what training does to what lies before them. */
#include "nn_rig.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 4, M = 3, B = 6 };

static double X[B][N], Y[B][M];

/* A linear layer without bias: its output on unit vectors is its weight. */
static void start(struct rig *r, const char *transform, const char *more)
{
  char yaml[512];

  for (int b = 0; b < B; b++) {
    for (int i = 0; i < N; i++) X[b][i] = b < N ? b == i : sin(1.0 + b * i);
    for (int i = 0; i < M; i++) Y[b][i] = cos(0.5 + b + 2.0 * i);
  }
  *r = (struct rig){.n_fields = 2, .micro_batch = B, .n_rows = B, .data = {X, Y}};
  r->field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){N});
  r->field[1] = rig_field("y", GLIA_F64, 1, (int64_t[]){M});
  snprintf(yaml, sizeof yaml,
           "dtype: f64\nmodel: [{linear: {units: 3, bias: false}, transform: %s}]\nloss: mse\n"
           "optimizer: {sgd: {lr: 0.1}%s}\n",
           transform, more);
  const glia_status st = rig_start(r, yaml, 3, 1);
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

/* w' [M][N] as evaluation sees it. */
static void weight(struct rig *r, double w[M][N])
{
  static double out[B][M];

  r->taken = out;
  CU_ASSERT_EQUAL_FATAL(rig_step(r, "predict", 0.0, 1), GLIA_OK);
  for (int i = 0; i < N; i++)
    for (int k = 0; k < M; k++) w[k][i] = out[i][k];
}

static const double *parameter(struct rig *r, const char *name)
{
  char path[64];

  snprintf(path, sizeof path, "%s", name);
  const double *p = rig_state(r, path, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  return p;
}

static void fake_quant_rounds_and_lets_gradients_through(void)
{
  for (int each = 0; each <= 1; each++) {
    double w[M][N], before[M * N], plain[M * N];
    struct rig r;
    start(&r, each ? "{fake_quant: {bits: 3, per_channel: true}}" : "{fake_quant: 3}", "");
    const double *p = parameter(&r, "params/00-linear/weight");
    double top = 0.0;
    weight(&r, w);
    memcpy(before, p, sizeof before);
    for (int k = 0; k < M * N; k++) top = fmax(top, fabs(p[k]));
    for (int k = 0; k < M; k++) {
      if (each)
        top = fmax(fmax(fabs(p[4 * k]), fabs(p[4 * k + 1])),
                   fmax(fabs(p[4 * k + 2]), fabs(p[4 * k + 3])));
      for (int i = 0; i < N; i++) {
        const double step = top / 3.0; /* 2^2 - 1 levels on each side */
        CU_ASSERT_DOUBLE_EQUAL(w[k][i], step * nearbyint(p[N * k + i] / step), 1e-15);
      }
    }
    /* the step is the one that the rounded weights ask for, taken by the weights themselves */
    for (int k = 0; k < M; k++)
      for (int i = 0; i < N; i++) {
        double d = 0.0;
        for (int b = 0; b < B; b++) {
          double e = -Y[b][k];
          for (int j = 0; j < N; j++) e += X[b][j] * w[k][j];
          d += 2.0 * e * X[b][i] / (B * M);
        }
        plain[N * k + i] = before[N * k + i] - 0.1 * d;
      }
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 1), GLIA_OK);
    for (int k = 0; k < M * N; k++) CU_ASSERT_DOUBLE_EQUAL(p[k], plain[k], 1e-14);
    rig_end(&r);
  }
}

/* Renewed in every tenth step; between, what is masked keeps its weight. */
static void a_mask_is_renewed_and_stops_gradients(void)
{
  double before[M * N];
  struct rig r;

  start(&r, "{mask: {keep: 0.5, every: 10}}", "");
  const double *p = parameter(&r, "params/00-linear/weight");
  const double *mask = parameter(&r, "state/00-linear/weight_mask");
  for (int step = 1; step <= 30; step++) {
    double old[M * N];
    memcpy(before, p, sizeof before);
    memcpy(old, mask, sizeof old);
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, step), GLIA_OK);
    int ones = 0, moved = 0;
    for (int k = 0; k < M * N; k++) {
      int larger = 0;
      for (int j = 0; j < M * N; j++) larger += fabs(before[j]) > fabs(before[k]);
      if (step % 10 == 0) CU_ASSERT_EQUAL(mask[k], larger < M * N / 2 ? 1.0 : 0.0);
      if (step % 10 != 0) CU_ASSERT_EQUAL(mask[k], old[k]);
      if (old[k] == 0.0) CU_ASSERT_EQUAL(p[k], before[k]);
      moved += p[k] != before[k];
      ones += mask[k] == 1.0;
    }
    CU_ASSERT_EQUAL(ones, step < 10 ? M * N : M * N / 2);
    CU_ASSERT_EQUAL(moved, step <= 10 ? M * N : M * N / 2);
  }
  rig_end(&r);
}

static void low_rank_trains_the_change_alone(void)
{
  double w[M][N], first[M * N];
  struct rig r;

  start(&r, "{low_rank: {rank: 2, alpha: 3}}", ", groups: {'*/weight': {frozen: true}}");
  const double *p = parameter(&r, "params/00-linear/weight");
  const double *a = parameter(&r, "params/00-linear/weight_a");
  const double *b = parameter(&r, "params/00-linear/weight_b");
  memcpy(first, p, sizeof first);
  weight(&r, w);
  for (int k = 0; k < M * N; k++) CU_ASSERT_EQUAL(w[k / N][k % N], p[k]); /* begins as w */
  for (int step = 1; step <= 20; step++) CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, step), GLIA_OK);
  weight(&r, w);
  CU_ASSERT(memcmp(first, p, sizeof first) == 0 && b[0] != 0.0);
  for (int k = 0; k < M; k++)
    for (int i = 0; i < N; i++) {
      const double change = b[2 * k] * a[i] + b[2 * k + 1] * a[N + i];
      CU_ASSERT_DOUBLE_EQUAL(w[k][i], p[N * k + i] + 1.5 * change, 1e-14);
    }
  rig_end(&r);
}

static void weight_norm_parts_length_and_direction(void)
{
  double w[M][N];
  struct rig r;

  start(&r, "weight_norm", "");
  const double *p = parameter(&r, "params/00-linear/weight");
  const double *gain = parameter(&r, "params/00-linear/weight_gain");
  weight(&r, w);
  for (int k = 0; k < M * N; k++) CU_ASSERT_DOUBLE_EQUAL(w[k / N][k % N], p[k], 1e-15);
  for (int step = 1; step <= 5; step++) {
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, step), GLIA_OK);
    weight(&r, w);
    for (int k = 0; k < M; k++) {
      double squares = 0.0, along = 0.0, length = 0.0;
      for (int i = 0; i < N; i++) {
        squares += w[k][i] * w[k][i];
        along += w[k][i] * p[N * k + i];
        length += p[N * k + i] * p[N * k + i];
      }
      CU_ASSERT_DOUBLE_EQUAL(sqrt(squares), fabs(gain[k]), 1e-14);
      CU_ASSERT_DOUBLE_EQUAL(along, sqrt(squares * length), 1e-14);
    }
  }
  rig_end(&r);
}

/* Steps of rate 0 are power iterations: the largest singular value becomes 1. */
static void spectral_norm_brings_the_largest_singular_value_to_one(void)
{
  double w[M][N], v[N] = {1.0, 0.7, -0.4, 0.2}, u[M], squares = 0.0;
  struct rig r;

  start(&r, "spectral_norm", "");
  for (int step = 1; step <= 200; step++)
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.0, step), GLIA_OK);
  weight(&r, w);
  for (int turn = 0; turn < 400; turn++) {
    squares = 0.0;
    for (int k = 0; k < M; k++) {
      u[k] = 0.0;
      for (int i = 0; i < N; i++) u[k] += w[k][i] * v[i];
    }
    for (int i = 0; i < N; i++) {
      v[i] = 0.0;
      for (int k = 0; k < M; k++) v[i] += w[k][i] * u[k];
      squares += v[i] * v[i];
    }
    for (int i = 0; i < N; i++) v[i] /= sqrt(squares);
  }
  CU_ASSERT_DOUBLE_EQUAL(sqrt(sqrt(squares)), 1.0, 1e-10); /* 200 iterations of each */
  CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, 201), GLIA_OK);
  CU_ASSERT_EQUAL(rig_output(&r, "train", "finite"), 1.0);
  rig_end(&r);
}

/* Values that depend on states alone are computed once per step, whatever the number of micro-batches. */
static void transforms_live_in_the_prologue(void)
{
  struct glia_program_info with, without;
  struct rig r;

  start(&r, "[{fake_quant: 4}, {mask: 0.5}]", "");
  CU_ASSERT_TRUE(glia_program_info(r.p, "predict", &with));
  rig_end(&r);
  start(&r, "null", "");
  CU_ASSERT_TRUE(glia_program_info(r.p, "predict", &without));
  CU_ASSERT(with.units[0] > without.units[0]);
  CU_ASSERT_EQUAL(with.units[1], without.units[1]);
  rig_end(&r);
}

static void what_has_no_weight_is_refused(void)
{
  static const char yaml[] = "model: [{relu: , transform: weight_norm}]\nloss: l1\n";
  struct rig r = {.n_fields = 1, .micro_batch = 1};

  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){N});
  CU_ASSERT_EQUAL(rig_build(&r, yaml), GLIA_E_CONFIG);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "relu has no weight of its own"));
  rig_end(&r);
}

TAP_MAIN("transforms", TAP(fake_quant_rounds_and_lets_gradients_through),
         TAP(a_mask_is_renewed_and_stops_gradients), TAP(low_rank_trains_the_change_alone),
         TAP(weight_norm_parts_length_and_direction),
         TAP(spectral_norm_brings_the_largest_singular_value_to_one),
         TAP(transforms_live_in_the_prologue), TAP(what_has_no_weight_is_refused))
