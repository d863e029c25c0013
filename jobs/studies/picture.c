/* The picture of a study: a row per setting; on the left every seed and the means, on the right the effects. */
#include "study_priv.h"

#include "glia_figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How far below the mean its seeds are shown, in rows. */
#define BESIDE 0.22

enum { BLUE = 1, VERMILION = 2, GREY = 7, ROWS_MAX = 16 };

static const char *setting_name(const struct study_table *t, int setting)
{
  return t->settings > 1 ? t->study->setting[setting].name : NULL;
}

/* Variant v at height v: its seeds as points, its mean and the mean's interval. */
static void draw_variant(struct glia_panel *p, const struct study_table *t, int v, int setting,
                         int measure)
{
  const double at = v;
  double x[STUDY_SEEDS_MAX], y[STUDY_SEEDS_MAX];

  study_values(t, t->study->measure[measure].name, t->study->variant[v].name,
               setting_name(t, setting), x);
  for (int64_t i = 0; i < t->seeds; i++) y[i] = at + BESIDE;
  glia_panel_points(p, t->seeds, x, y,
                    &(struct glia_style){.colour = GREY,
                                         .opacity = 0.6,
                                         .label = v == 0 && setting == 0 ? "one seed" : NULL});
  const struct stats_interval m = stats_mean_interval(t->seeds, x, STUDY_LEVEL);
  glia_panel_line(p, 2, (double[]){m.lo, m.hi}, (double[]){at, at},
                  &(struct glia_style){.colour = BLUE, .width_pt = 2.0});
  glia_panel_points(
      p, 1, &m.value, &at,
      &(struct glia_style){.colour = BLUE,
                           .size_pt = 5.0,
                           .mark = GLIA_MARK_DIAMOND,
                           .label = v == 0 && setting == 0 ? "mean, 95 % interval" : NULL});
}

static void draw_effect(struct glia_panel *p, const struct study_table *t, int v, int setting,
                        int measure)
{
  const struct glia_study *s = t->study;
  const double at = v;
  const struct stats_interval d = study_effect(t, s->measure[measure].name, s->variant[v].name,
                                               s->baseline, setting_name(t, setting))
                                      .difference;

  glia_panel_line(p, 2, (double[]){d.lo, d.hi}, (double[]){at, at},
                  &(struct glia_style){.colour = VERMILION, .width_pt = 2.0});
  glia_panel_points(
      p, 1, &d.value, &at,
      &(struct glia_style){.colour = VERMILION, .size_pt = 5.0, .mark = GLIA_MARK_DIAMOND});
}

/* Gates whose value has a place on one of the two axes. */
static void draw_gates(struct glia_panel *means, struct glia_panel *effects,
                       const struct study_table *t, int setting, int measure)
{
  for (int i = 0; i < study_gates(t->study); i++) {
    const struct study_gate *g = &t->study->gate[i];
    if (study_setting_index(t->study, g->setting) != setting ||
        study_measure_index(t->study, g->measure) != measure || g->kind == STUDY_OWN)
      continue;
    glia_panel_vline(g->kind == STUDY_MEAN ? means : effects, g->limit, g->name);
  }
}

static void draw_row(struct glia_figure *fig, const struct study_table *t, int setting)
{
  const struct glia_study *s = t->study;
  const int measure = study_primary(t, setting);
  const struct study_measure *m = &s->measure[measure];
  const char *name[STUDY_ROWS_MAX];
  char label[160];
  struct glia_panel *means = glia_figure_panel(fig, setting, 0);
  struct glia_panel *effects = glia_figure_panel(fig, setting, 1);
  const bool unit = m->unit[0] != '\0' && strcmp(m->unit, "1") != 0;

  for (int v = 0; v < t->variants; v++) name[v] = s->variant[v].name;
  glia_panel_names(means, t->variants, name);
  glia_panel_names(effects, t->variants, name);
  for (int v = 0; v < t->variants; v++) draw_variant(means, t, v, setting, measure);
  for (int v = 0; v < t->variants; v++) draw_effect(effects, t, v, setting, measure);
  glia_panel_vline(effects, 0.0, NULL);
  draw_gates(means, effects, t, setting, measure);
  if (t->settings > 1) glia_panel_title(means, s->setting[setting].name);
  snprintf(label, sizeof label, "%s%s%s%s", m->name, unit ? " (" : "", unit ? m->unit : "",
           unit ? ")" : "");
  glia_panel_xlabel(means, label);
  snprintf(label, sizeof label, "%s - %s%s%s%s", m->name, s->baseline, unit ? " (" : "",
           unit ? m->unit : "", unit ? ")" : "");
  glia_panel_xlabel(effects, label);
}

glia_status study_picture(const struct study_plan *p, const struct study_table *t, const char *path)
{
  const int rows = t->settings < ROWS_MAX ? t->settings : ROWS_MAX;
  const double height = rows * (1.1 + 0.22 * t->variants);
  struct glia_figure *fig;
  char title[256];

  GLIA_TRY(glia_figure_create(7.0,
                              height < 2.0    ? 2.0
                              : height > 90.0 ? 90.0
                                              : height,
                              rows, 2, &fig));
  snprintf(title, sizeof title, "%s: %lld seeds%s", t->study->name, (long long)t->seeds,
           p->quick ? " (quick)" : "");
  glia_figure_title(fig, title);
  for (int k = 0; k < rows; k++) draw_row(fig, t, k);
  const glia_status st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  return st;
}
