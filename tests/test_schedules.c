/* Learning rates against their closed forms. */
#include "nn_rig.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>

static struct glia_model *model_with(struct rig *r, const char *schedule)
{
  char yaml[512];

  *r = (struct rig){.n_fields = 1, .micro_batch = 2};
  r->field[0] = rig_field("x", GLIA_F32, 1, (int64_t[]){3});
  snprintf(yaml, sizeof yaml, "model: [linear: 2]\nloss: l1\noptimizer: {adam: {lr: 0.5}}\n%s\n",
           schedule);
  CU_ASSERT_EQUAL_FATAL(rig_build(r, yaml), GLIA_OK);
  return r->m;
}

static void constant_is_the_default(void)
{
  struct rig r;
  const struct glia_model *m = model_with(&r, "");

  CU_ASSERT_EQUAL(glia_model_rate(m, 1, 10), 0.5);
  CU_ASSERT_EQUAL(glia_model_rate(m, 1000, 10), 0.5);
  rig_end(&r);
  m = model_with(&r, "lr_schedule: constant");
  CU_ASSERT_EQUAL(glia_model_rate(m, 7, 0), 0.5);
  rig_end(&r);
}

static void warmup_is_linear_and_reaches_lr_at_its_last_step(void)
{
  const char *const kinds[] = {"constant: {warmup: 4}", "cosine: {warmup: 4}",
                               "step: {warmup: 4, every: 3}"};

  for (size_t i = 0; i < GLIA_COUNT(kinds); i++) {
    struct rig r;
    char text[128];
    snprintf(text, sizeof text, "lr_schedule: {%s}", kinds[i]);
    const struct glia_model *m = model_with(&r, text);
    for (int s = 1; s <= 4; s++)
      CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, s, 20), 0.5 * s / 4, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 5, 20), 0.5, 1e-15);
    rig_end(&r);
  }
}

static void cosine_follows_its_formula(void)
{
  struct rig r;
  const struct glia_model *m = model_with(&r, "lr_schedule: {cosine: {warmup: 10, min: 0.1}}");

  for (int s = 11; s <= 110; s++)
    CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, s, 110),
                           0.1 + 0.2 * (1 + cos(acos(-1.0) * (s - 11) / 100.0)), 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 111, 110), 0.1, 1e-15); /* what lies behind the end */
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 999, 110), 0.1, 1e-15);
  CU_ASSERT_EQUAL(glia_model_rate(m, 11, 0), 0.5); /* no end known */
  CU_ASSERT_EQUAL(glia_model_rate(m, 12, 5), 0.5); /* all of it is warm-up */
  rig_end(&r);
}

static void step_falls_by_its_factor(void)
{
  struct rig r;
  const struct glia_model *m = model_with(&r, "lr_schedule: {step: {every: 3, factor: 0.5}}");
  const double want[] = {0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125};

  for (int s = 1; s <= 7; s++) CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, s, 7), want[s - 1], 1e-15);
  rig_end(&r);
}

static void one_cycle_rises_and_falls(void)
{
  struct rig r;
  const struct glia_model *m =
      model_with(&r, "lr_schedule: {one_cycle: {rise: 0.25, div: 10, final_div: 100}}");

  /* 40 steps: up to step 10, whose place is 0.25 x 40 - 1 from the first, then down to the last */
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 1, 40), 0.05, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 10, 40), 0.5, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 40, 40), 0.0005, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 50, 40), 0.0005, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 4, 40), 0.05 + 0.45 * 0.5 * (1 - cos(acos(-1.0) / 3)),
                         1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 25, 40), 0.5 * (0.5 + 0.0005), 1e-15);
  /* a rise of one step, and of less, begins at the top or behind it */
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 1, 4), 0.5, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 1, 3),
                         0.0005 + 0.4995 * 0.5 * (1 + cos(acos(-1.0) / 9)), 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(glia_model_rate(m, 4, 4), 0.0005, 1e-15);
  rig_end(&r);
}

/* Losses are written into the data: the model is a constant 0, the loss |y| of a row. */
static void plateau_waits_and_lowers_the_rate(void)
{
  /* every 2 steps a mean: 10 (best), 10, 10 (second without progress: fall), 8 (best), 8, 8 (fall), 9, 9 (least) */
  static const double mean[] = {10, 10, 10, 8, 8, 8, 9, 9, 9, 9};
  static const double want[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2};
  double y[1];
  struct rig r = {.n_fields = 1, .micro_batch = 1, .n_rows = 1, .data = {y}};

  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){1});
  CU_ASSERT_EQUAL_FATAL(
      rig_start(
          &r,
          "dtype: f64\nmodel: [{linear: {units: 1, bias: false, init: zeros}}, {add: null, from: "
          "[input, 00-linear]}]\nloss: l1\noptimizer: {sgd: {lr: 0.1}, groups: {'*': "
          "{frozen: true}}}\nlr_schedule: {plateau: {every: 2, factor: 0.5, patience: 1, "
          "min: 0.02}}\n",
          1, 1),
      GLIA_OK);
  for (int k = 0; k < 20; k++) {
    y[0] = mean[k / 2] + (k % 2 == 0 ? 1.0 : -1.0);
    CU_ASSERT_EQUAL(rig_step(&r, "train", 0.1, k + 1), GLIA_OK);
    CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "train", "rate"), 0.1 * want[k / 2], 1e-15);
  }
  CU_ASSERT_EQUAL(*(double *)rig_state(&r, "state/lr_schedule/best", NULL), 8.0);
  rig_end(&r);
}

TAP_MAIN("schedules", TAP(constant_is_the_default),
         TAP(warmup_is_linear_and_reaches_lr_at_its_last_step), TAP(cosine_follows_its_formula),
         TAP(step_falls_by_its_factor), TAP(one_cycle_rises_and_falls),
         TAP(plateau_waits_and_lowers_the_rate))
