/* Studies: intervals against closed forms, gates against tables made by hand, and every listed study is sound. */
#include "study_priv.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

static bool near(double found, double expected, double relative)
{
  if (fabs(found - expected) <= relative * fabs(expected)) return true;
  tap_note("found %.17g, expected %.17g", found, expected);
  return false;
}

/* Distribution functions with 1, 2 and 4 degrees of freedom can be inverted by hand. */
static void quantiles_agree_with_closed_forms(void)
{
  static const double p[] = {0.6, 0.75, 0.9, 0.975, 0.995, 0.9999};

  for (size_t i = 0; i < GLIA_COUNT(p); i++) {
    const double a = 4.0 * p[i] * (1.0 - p[i]);
    const double q = cos(acos(sqrt(a)) / 3.0) / sqrt(a);
    CU_ASSERT(near(stats_student_quantile(p[i], 1.0), tan(PI * (p[i] - 0.5)), 1e-11));
    CU_ASSERT(near(stats_student_quantile(p[i], 2.0), (2.0 * p[i] - 1.0) * sqrt(2.0 / a), 1e-11));
    CU_ASSERT(near(stats_student_quantile(p[i], 4.0), 2.0 * sqrt(q - 1.0), 1e-9));
  }
}

static void quantiles_agree_with_printed_tables(void)
{
  CU_ASSERT(near(stats_student_quantile(0.975, 9.0), 2.262157163, 1e-9));
  CU_ASSERT(near(stats_student_quantile(0.975, 29.0), 2.045229642, 1e-9));
  CU_ASSERT(near(stats_student_quantile(0.975, 1e7), 1.959964, 1e-6)); /* the normal's */
  CU_ASSERT(near(stats_student_quantile(0.025, 9.0), -2.262157163, 1e-9));
  CU_ASSERT(fabs(stats_student_quantile(0.5, 3.0)) < 1e-12);
}

static void quantiles_outside_are_nan(void)
{
  CU_ASSERT(isnan(stats_student_quantile(0.0, 3.0)));
  CU_ASSERT(isnan(stats_student_quantile(1.0, 3.0)));
  CU_ASSERT(isnan(stats_student_quantile(0.9, 0.0)));
}

/* sleep of Student's ten patients: the paper's own example, 0.7 against 1.58 ... paired difference 1.58, sd 1.23. */
static void pairs_give_students_interval(void)
{
  static const double first[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
  static const double second[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
  const struct stats_interval d = stats_paired(10, second, first, 0.95);

  CU_ASSERT(near(d.value, 1.58, 1e-12));
  CU_ASSERT(near(d.lo, 0.7001142, 1e-6)); /* R: t.test(second, first, paired = TRUE) */
  CU_ASSERT(near(d.hi, 2.4598858, 1e-6));
  CU_ASSERT(d.nu == 9.0);
}

static void unpaired_samples_give_welchs_interval(void)
{
  static const double first[] = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
  static const double second[] = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};
  const struct stats_interval d = stats_unpaired(10, first, 10, second, 0.95);

  CU_ASSERT(near(d.value, -1.58, 1e-12));
  CU_ASSERT(near(d.lo, -3.3654832, 1e-6)); /* R: t.test(first, second) */
  CU_ASSERT(near(d.hi, 0.2054832, 1e-6));
  CU_ASSERT(near(d.nu, 17.776, 1e-4));
}

static void small_samples_have_no_interval(void)
{
  const double one = 3.0, two[] = {3.0, 3.0};

  CU_ASSERT(isnan(stats_sd(1, &one)));
  CU_ASSERT(isnan(stats_paired(1, &one, two, 0.95).lo));
  CU_ASSERT(isnan(stats_unpaired(1, &one, 2, two, 0.95).hi));
  CU_ASSERT(stats_mean_interval(2, two, 0.95).lo == 3.0);
}

static void every_study_is_sound(void)
{
  for (const struct glia_study *const *s = study_list(); *s != NULL; s++) {
    const struct glia_study *same = NULL;
    const glia_status st = study_check(*s);
    if (st != GLIA_OK) tap_note("%s", glia_trace_message());
    CU_ASSERT(st == GLIA_OK);
    CU_ASSERT((*s)->source != NULL && study_gates(*s) > 0);
    CU_ASSERT(study_find((*s)->name, &same) == GLIA_OK && same == *s);
  }
}

/* ---- a study by hand: method 1 above the baseline, control equal to it */

static glia_status no_cell(struct study_cell *c)
{
  (void)c;
  return GLIA_OK;
}

static const struct study_variant variants[] = {
    {"base", "", NULL}, {"new", "", NULL}, {"off", "", NULL}, {0}};
static const struct study_measure measures[] = {{"score", "1", ""}, {0}};
static struct study_gate gates[] = {{.name = "gain",
                                     .why = "by hand",
                                     .kind = STUDY_EFFECT_LO,
                                     .direction = STUDY_AT_LEAST,
                                     .limit = 0.5},
                                    {0}};
static const struct glia_study by_hand = {.name = "by-hand",
                                          .title = "by hand",
                                          .variant = variants,
                                          .measure = measures,
                                          .gate = gates,
                                          .baseline = "base",
                                          .method = "new",
                                          .control = "off",
                                          .first_seed = 1,
                                          .seeds = 3,
                                          .quick_seeds = 2,
                                          .cell = no_cell};

/* [variants, seeds]: seeds differ by far more than the variants do */
static double values[] = {10.0, 20.0, 30.0, 11.0, 21.0, 31.0, 10.0, 20.0, 30.0};
static const struct study_table table = {
    .study = &by_hand, .variants = 3, .settings = 1, .measures = 1, .seeds = 3, .value = values};

static void gates_see_effects_paired_by_seed(void)
{
  struct glia_study apart = by_hand;
  struct study_table unpaired = table;

  apart.unpaired = true;
  unpaired.study = &apart;
  const struct study_verdict v = study_judge(&table, 0, false);
  CU_ASSERT(v.pass && v.value == 1.0);
  CU_ASSERT(v.has_control && v.control_fails && v.control_value == 0.0);
  CU_ASSERT(study_passes(&table, false));
  CU_ASSERT(!study_judge(&unpaired, 0, false).pass); /* the spread of the seeds drowns it */
}

static void the_control_fails_in_the_methods_place(void)
{
  const struct study_verdict v = study_judge(&table, 0, true);

  CU_ASSERT(!v.pass && !v.has_control && strcmp(v.variant, "off") == 0);
  CU_ASSERT(!study_passes(&table, true));
}

static void a_control_that_passes_fails_the_study(void)
{
  const double kept = gates[0].limit;

  gates[0].limit = -1.0; /* so low that the control passes too */
  CU_ASSERT(study_judge(&table, 0, false).pass);
  CU_ASSERT(!study_judge(&table, 0, false).control_fails);
  CU_ASSERT(!study_passes(&table, false));
  gates[0].limit = kept;
}

static void a_nan_passes_no_gate(void)
{
  const double kept = values[4];

  values[4] = NAN; /* a run of the method diverged */
  CU_ASSERT(!study_judge(&table, 0, false).pass && !study_passes(&table, false));
  gates[0].direction = STUDY_AT_MOST;
  CU_ASSERT(!study_judge(&table, 0, false).pass);
  gates[0].direction = STUDY_AT_LEAST;
  values[4] = kept;
}

static void a_gate_without_a_control_is_refused(void)
{
  struct glia_study s = by_hand;

  CU_ASSERT(study_check(&s) == GLIA_OK);
  s.control = NULL;
  CU_ASSERT(study_check(&s) == GLIA_E_INTERNAL && strstr(glia_trace(), "no control") != NULL);
  s.control = "new"; /* the method itself */
  CU_ASSERT(study_check(&s) == GLIA_E_INTERNAL);
}

static void missing_data_are_asked_for(void)
{
  struct glia_study s = by_hand;

  CU_ASSERT(study_data_check(&s, NULL) == GLIA_OK);
  CU_ASSERT(study_data_check(&s, "x.h5") == GLIA_E_USAGE);
  s.data = "digits.h5, from 'glia data import idx'";
  CU_ASSERT(study_data_check(&s, NULL) == GLIA_E_MISSING);
  CU_ASSERT(strstr(glia_trace_message(), "glia data import idx") != NULL);
  CU_ASSERT(study_data_check(&s, "x.h5") == GLIA_OK);
}

static void a_cells_name_follows_all_that_decides_it(void)
{
  static const char *const two[] = {"epochs=2", NULL};
  static const struct study_variant changed[] = {
      {"base", "", two}, {"new", "", NULL}, {"off", "", NULL}, {0}};
  struct glia_study s = by_hand, t = by_hand;
  struct study_plan p = {.study = &s, .seeds = 3}, q = {.study = &t, .seeds = 3};
  char a[65], b[65];

  study_cell_hash(&p, 0, a);
  study_cell_hash(&p, 1, b);
  CU_ASSERT(strcmp(a, b) != 0); /* another seed */
  q.quick = true;
  q.seeds = 2;
  study_cell_hash(&q, 0, b);
  CU_ASSERT(strcmp(a, b) == 0); /* fewer seeds: the cell is the same */
  t.quick_note = "one epoch";
  study_cell_hash(&q, 0, b);
  CU_ASSERT(strcmp(a, b) != 0);
  q.quick = false;
  q.seeds = 3;
  t.variant = changed;
  study_cell_hash(&q, 0, b);
  CU_ASSERT(strcmp(a, b) != 0);
  study_cell_hash(&p, 3, a);
  study_cell_hash(&q, 3, b);
  CU_ASSERT(strcmp(a, b) == 0); /* the other variants are what they were */
  t.version = 2;
  study_cell_hash(&q, 3, b);
  CU_ASSERT(strcmp(a, b) != 0);
}

TAP_MAIN("study", TAP(quantiles_agree_with_closed_forms), TAP(quantiles_agree_with_printed_tables),
         TAP(quantiles_outside_are_nan), TAP(pairs_give_students_interval),
         TAP(unpaired_samples_give_welchs_interval), TAP(small_samples_have_no_interval),
         TAP(every_study_is_sound), TAP(gates_see_effects_paired_by_seed),
         TAP(the_control_fails_in_the_methods_place), TAP(a_control_that_passes_fails_the_study),
         TAP(a_nan_passes_no_gate), TAP(a_gate_without_a_control_is_refused),
         TAP(missing_data_are_asked_for), TAP(a_cells_name_follows_all_that_decides_it))
