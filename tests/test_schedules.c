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

TAP_MAIN("schedules", TAP(constant_is_the_default),
         TAP(warmup_is_linear_and_reaches_lr_at_its_last_step), TAP(cosine_follows_its_formula),
         TAP(step_falls_by_its_factor))
