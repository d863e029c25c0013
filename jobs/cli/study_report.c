/* The outcome of a study, for people and as JSON. */
#include "study_report.h"

#include <math.h>
#include <string.h>

static const char *setting_name(const struct study_table *t, int setting)
{
  return t->study->setting != NULL ? t->study->setting[setting].name : NULL;
}

static struct stats_interval effect(const struct study_table *t, int v, int setting, int measure)
{
  const struct glia_study *s = t->study;

  return study_effect(t, s->measure[measure].name, s->variant[v].name, s->baseline,
                      setting_name(t, setting))
      .difference;
}

/* ---- for people */

static void print_rows(const struct glia_args *a, const struct study_table *t)
{
  const struct glia_study *s = t->study;
  const int baseline = study_variant_index(s, s->baseline);
  double x[STUDY_SEEDS_MAX];
  char name[256], against[200];
  int width = 12;

  for (int k = 0; k < t->settings; k++)
    for (int v = 0; v < t->variants; v++) {
      const int n = (int)strlen(study_row_name(s, v, k, name, sizeof name));
      width = n > width ? n : width;
    }
  snprintf(against, sizeof against, "%.0f %% interval against %s", 100.0 * STUDY_LEVEL,
           s->baseline);
  for (int k = 0, shown = -1; k < t->settings; k++) {
    const int measure = study_primary(t, k);
    if (measure != shown)
      glia_cli_print(a, "%-*s %11s %10s %4s   effect, %s\n", width, s->measure[measure].name,
                     "mean", "sd", "n", against);
    shown = measure;
    for (int v = 0; v < t->variants; v++) {
      const struct stats_interval d = effect(t, v, k, measure);
      study_values(t, s->measure[measure].name, s->variant[v].name, setting_name(t, k), x);
      glia_cli_print(a, "%-*s %11.5g %10.3g %4lld", width,
                     study_row_name(s, v, k, name, sizeof name), stats_mean(t->seeds, x),
                     stats_sd(t->seeds, x), (long long)t->seeds);
      if (v == baseline)
        glia_cli_print(a, "\n");
      else
        glia_cli_print(a, "   %+.4g [%+.4g, %+.4g]\n", d.value, d.lo, d.hi);
    }
  }
}

static void print_gates(const struct glia_args *a, const struct study_table *t, bool control)
{
  for (int i = 0; i < study_gates(t->study); i++) {
    const struct study_verdict v = study_judge(t, i, control);
    const bool least = v.gate->direction == STUDY_AT_LEAST;
    char text[160];
    glia_cli_print(a, "%s %s (%s, %s): %.5g, limit %s %g\n", v.pass ? "PASS" : "FAIL", v.gate->name,
                   study_gate_text(t, v.gate, text, sizeof text), v.variant, v.value,
                   least ? ">=" : "<=", v.gate->limit);
    if (v.has_control)
      glia_cli_print(a, "     control %s %s: %.5g\n",
                     v.gate->control != NULL ? v.gate->control : t->study->control,
                     v.control_fails ? "fails, as it must" : "PASSES: the gate proves nothing",
                     v.control_value);
  }
}

static void print_all(const struct glia_args *a, const struct study_plan *p,
                      const struct study_outcome *out, bool control)
{
  const struct study_table *t = &out->table;
  const struct glia_study *s = t->study;

  glia_cli_print(a, "%s: %s; %lld seeds", s->name, s->title, (long long)t->seeds);
  if (p->quick)
    glia_cli_print(a, " (quick: %lld in full%s%s)", (long long)s->seeds,
                   s->quick_note != NULL ? "; " : "", s->quick_note != NULL ? s->quick_note : "");
  glia_cli_print(a, "\n");
  print_rows(a, t);
  print_gates(a, t, control);
  if (study_gates(s) > 0)
    glia_cli_print(a, "%s%s\n", study_passes(t, control) ? "PASS" : "FAIL",
                   control ? ": the control stood in the method's place" : "");
  if (out->stopped) return;
  glia_cli_print(a, "%lld cells, %lld of them run now; %s/results.h5\n", (long long)out->cells,
                 (long long)out->cells_run, p->dir);
}

/* ---- for scripts */

static json_t *row_json(const struct study_table *t, int v, int k, int measure)
{
  const struct glia_study *s = t->study;
  json_t *measures = json_object();
  double x[STUDY_SEEDS_MAX];
  char name[256];

  for (int m = 0; m < t->measures; m++) {
    if (!study_measured(t, m, k)) continue;
    study_values(t, s->measure[m].name, s->variant[v].name, setting_name(t, k), x);
    json_object_set_new(measures, s->measure[m].name,
                        json_pack("{s:o, s:o}", "mean", glia_json_real(stats_mean(t->seeds, x)),
                                  "sd", glia_json_real(stats_sd(t->seeds, x))));
  }
  study_values(t, s->measure[measure].name, s->variant[v].name, setting_name(t, k), x);
  return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:o, s:I, s:o}", "name",
                   study_row_name(s, v, k, name, sizeof name), "variant", s->variant[v].name,
                   "setting", setting_name(t, k), "measure", s->measure[measure].name, "mean",
                   glia_json_real(stats_mean(t->seeds, x)), "sd",
                   glia_json_real(stats_sd(t->seeds, x)), "n", (json_int_t)t->seeds, "measures",
                   measures);
}

static json_t *effect_json(const struct study_table *t, int v, int k, int measure)
{
  const struct glia_study *s = t->study;
  const struct stats_interval d = effect(t, v, k, measure);
  char name[256];

  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:f, s:s}", "name",
                   study_row_name(s, v, k, name, sizeof name), "against", s->baseline, "measure",
                   s->measure[measure].name, "difference", glia_json_real(d.value), "lo",
                   glia_json_real(d.lo), "hi", glia_json_real(d.hi), "level", STUDY_LEVEL,
                   "interval", s->unpaired ? "student t, welch" : "student t, paired by seed");
}

static json_t *gates_json(const struct study_table *t, bool control)
{
  json_t *all = json_array();

  for (int i = 0; i < study_gates(t->study); i++) {
    const struct study_verdict v = study_judge(t, i, control);
    json_t *gate = json_pack("{s:s, s:o, s:f, s:s, s:b, s:s, s:s}", "name", v.gate->name, "value",
                             glia_json_real(v.value), "limit", v.gate->limit, "direction",
                             v.gate->direction == STUDY_AT_LEAST ? "at_least" : "at_most", "pass",
                             v.pass, "variant", v.variant, "why", v.gate->why);
    if (v.has_control) {
      json_object_set_new(gate, "control_value", glia_json_real(v.control_value));
      json_object_set_new(gate, "control_fails", json_boolean(v.control_fails));
    }
    json_array_append_new(all, gate);
  }
  return all;
}

static json_t *all_json(const struct glia_args *a, const struct study_plan *p,
                        const struct study_outcome *out, bool control, double wall_s)
{
  const struct study_table *t = &out->table;
  const int baseline = study_variant_index(t->study, t->study->baseline);
  json_t *rows = json_array(), *effects = json_array();

  for (int k = 0; k < t->settings; k++)
    for (int v = 0, measure = study_primary(t, k); v < t->variants; v++) {
      json_array_append_new(rows, row_json(t, v, k, measure));
      if (v != baseline) json_array_append_new(effects, effect_json(t, v, k, measure));
    }
  return json_pack("{s:s, s:b, s:I, s:o, s:o, s:o, s:b, s:b, s:I, s:I, s:b, s:o, s:i, s:o}",
                   "study", t->study->name, "quick", p->quick, "seeds", (json_int_t)t->seeds,
                   "variants", rows, "effects", effects, "gates", gates_json(t, control), "pass",
                   study_passes(t, control), "control", control, "cells", (json_int_t)out->cells,
                   "cells_run", (json_int_t)out->cells_run, "stopped", false, "dir",
                   glia_json_text(p->dir), "ranks", a->size, "wall_s", glia_json_real(wall_s));
}

glia_status study_report(struct glia_args *args, const struct study_plan *plan,
                         const struct study_outcome *out, bool control, double wall_s)
{
  if (out->stopped) {
    glia_cli_print(args, "stopped after %lld more cells of %lld: run again to go on\n",
                   (long long)out->cells_run, (long long)out->cells);
    return glia_cli_json(
        args, json_pack("{s:s, s:b, s:b, s:I, s:I, s:o}", "study", plan->study->name, "stopped",
                        true, "pass", false, "cells", (json_int_t)out->cells, "cells_run",
                        (json_int_t)out->cells_run, "dir", glia_json_text(plan->dir)));
  }
  print_all(args, plan, out, control);
  return glia_cli_json(args, all_json(args, plan, out, control, wall_s));
}
