/* What the table says: effects with their intervals, and gates with their controls. */
#include "study_priv.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

bool study_measured(const struct study_table *t, int measure, int setting)
{
  for (int v = 0; v < t->variants; v++)
    for (int64_t k = 0; k < t->seeds; k++) {
      const int64_t cell = ((int64_t)v * t->settings + setting) * t->seeds + k;
      if (!isnan(t->value[cell * t->measures + measure])) return true;
    }
  return false;
}

int study_primary(const struct study_table *t, int setting)
{
  for (int i = 0; i < t->measures; i++)
    if (study_measured(t, i, setting)) return i;
  return 0;
}

struct study_effect study_effect(const struct study_table *t, const char *measure,
                                 const char *variant, const char *against, const char *setting)
{
  double a[STUDY_SEEDS_MAX], b[STUDY_SEEDS_MAX];
  struct study_effect e = {.variant = study_variant_index(t->study, variant),
                           .setting = study_setting_index(t->study, setting),
                           .measure = study_measure_index(t->study, measure)};

  study_values(t, measure, variant, setting, a);
  study_values(t, measure, against, setting, b);
  e.difference = t->study->unpaired ? stats_unpaired(t->seeds, a, t->seeds, b, STUDY_LEVEL)
                                    : stats_paired(t->seeds, a, b, STUDY_LEVEL);
  return e;
}

/* The gate's value with this variant in the method's place. */
static double gate_value(const struct study_table *t, const struct study_gate *g,
                         const char *variant)
{
  const char *against = g->against != NULL ? g->against : t->study->baseline;

  if (g->kind == STUDY_OWN) return g->value(t, g, variant);
  if (g->kind == STUDY_MEAN) return study_mean(t, g->measure, variant, g->setting);
  const struct stats_interval d =
      study_effect(t, g->measure, variant, against, g->setting).difference;
  return g->kind == STUDY_EFFECT ? d.value : g->kind == STUDY_EFFECT_LO ? d.lo : d.hi;
}

/* A NaN passes no gate. */
static bool holds(const struct study_gate *g, double value)
{
  return g->direction == STUDY_AT_LEAST ? value >= g->limit : value <= g->limit;
}

struct study_verdict study_judge(const struct study_table *t, int gate, bool control)
{
  const struct study_gate *g = &t->study->gate[gate];
  const char *method = g->variant != NULL ? g->variant : t->study->method;
  const char *off = g->control != NULL ? g->control : t->study->control;
  struct study_verdict v = {.gate = g, .variant = control ? off : method, .control_value = NAN};

  assert(method != NULL && off != NULL);
  v.value = gate_value(t, g, v.variant);
  v.pass = holds(g, v.value);
  v.has_control = !control;
  if (v.has_control) v.control_value = gate_value(t, g, off);
  v.control_fails = v.has_control && isfinite(v.control_value) && !holds(g, v.control_value);
  return v;
}

bool study_passes(const struct study_table *t, bool control)
{
  for (int i = 0; i < study_gates(t->study); i++) {
    const struct study_verdict v = study_judge(t, i, control);
    if (!v.pass || (v.has_control && !v.control_fails)) return false;
  }
  return true;
}

const char *study_gate_text(const struct study_table *t, const struct study_gate *g, char *out,
                            size_t size)
{
  static const char *const kind[] = {[STUDY_MEAN] = "mean",
                                     [STUDY_EFFECT] = "effect",
                                     [STUDY_EFFECT_LO] = "lower end of the effect",
                                     [STUDY_EFFECT_HI] = "upper end of the effect",
                                     [STUDY_OWN] = "computed"};
  const struct glia_study *s = t->study;
  const bool settings = study_settings(s) > 1;

  snprintf(out, size, "%s, %s%s%s", kind[g->kind],
           s->measure[study_measure_index(s, g->measure)].name, settings ? ", " : "",
           settings ? s->setting[study_setting_index(s, g->setting)].name : "");
  return out;
}
