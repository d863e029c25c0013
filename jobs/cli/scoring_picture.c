/* Pictures and reports of scored telemetry: see detect.h. */
#include "detect.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 10, ALARMS_SHOWN = 50, NAME_BYTES = 96 };

struct telling {
  int column;
  double weight;
};

static int by_weight(const void *a, const void *b)
{
  const struct telling *x = a;
  const struct telling *y = b;

  if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
  return (x->column > y->column) - (x->column < y->column);
}

/* The columns with the largest errors: inside alarms where there are any. Returns how many. */
static int most_telling(const struct scored *s, struct telling *t)
{
  const struct glia_detect_result *r = &s->result;

  for (int j = 0; j < r->n_columns; j++) t[j] = (struct telling){.column = j};
  for (int64_t k = 0; k < r->n_alarms; k++) {
    const struct glia_detect_alarm *a = &r->alarm[k];
    for (int c = 0; c < a->n_causes; c++)
      t[a->cause[c].column].weight += a->cause[c].share * (double)(a->last - a->first + 1);
  }
  for (int64_t i = 0; i < r->n * r->n_columns && r->n_alarms == 0; i++) {
    const double e = (double)r->error[i];
    if (!isnan(e)) t[i % r->n_columns].weight += e * e;
  }
  qsort(t, (size_t)r->n_columns, sizeof *t, by_weight);
  return r->n_columns < ROWS ? r->n_columns : ROWS;
}

/* Numbers that a figure needs, kept until it is drawn (it copies them). */
struct drawing {
  double *edge;  /* [n + 1] */
  double *time;  /* [n] */
  double *value; /* [rows, n] */
  double *score; /* [n] */
  struct telling *telling;
  char (*name)[NAME_BYTES];
  const char **names;
};

static void drawing_free(struct drawing *d)
{
  free(d->edge);
  free(d->time);
  free(d->value);
  free(d->score);
  free(d->telling);
  free(d->name);
  free(d->names);
}

static glia_status drawing_fill(const struct scored *s, struct drawing *d, int *rows)
{
  const struct glia_detect_result *r = &s->result;
  const size_t n = (size_t)r->n;
  struct glia_detector_info info;

  d->edge = malloc((n + 1) * sizeof *d->edge);
  d->time = malloc((n + 1) * sizeof *d->time);
  d->value = malloc((n * ROWS + 1) * sizeof *d->value);
  d->score = malloc((n + 1) * sizeof *d->score);
  d->telling = malloc(((size_t)r->n_columns + 1) * sizeof *d->telling);
  d->name = malloc(ROWS * sizeof *d->name);
  d->names = malloc(ROWS * sizeof *d->names);
  GLIA_CHECK(d->edge != NULL && d->time != NULL && d->value != NULL && d->score != NULL &&
                 d->telling != NULL && d->name != NULL && d->names != NULL,
             GLIA_E_MEMORY, "a picture of %zu samples", n);
  glia_detector_info(s->detector, &info);
  *rows = most_telling(s, d->telling);
  for (size_t i = 0; i < n; i++) {
    d->time[i] = scored_seconds(s, s->node.time_ns[i]);
    d->score[i] = (double)r->score[i];
    d->edge[i + 1] = d->time[i];
  }
  d->edge[0] =
      n > 1 ? 2.0 * d->time[0] - d->time[1] : d->time[0] - 1.0; /* a rate covers what lies before */
  for (int k = 0; k < *rows; k++) {
    const int j = d->telling[k].column;
    d->names[k] = metric_text(info.column[j].name, d->name[k], NAME_BYTES);
    for (size_t i = 0; i < n; i++)
      d->value[(size_t)k * n + i] =
          (double)r->error[i * (size_t)r->n_columns + (size_t)j] / info.spread[j];
  }
  return GLIA_OK;
}

static void mark_spans(const struct scored *s, int n, const struct span *span, struct glia_panel *p)
{
  for (int i = 0; i < n; i++)
    glia_panel_span(p, scored_seconds(s, span[i].start_ns),
                    span[i].stop_ns == INT64_MAX ? (double)INFINITY
                                                 : scored_seconds(s, span[i].stop_ns),
                    span[i].name);
}

static void draw(const struct scored *s, const struct drawing *d, int rows, int n_spans,
                 const struct span *span, struct glia_figure *fig)
{
  const struct glia_detect_result *r = &s->result;
  const struct glia_heatmap map = {.rows = rows,
                                   .cols = r->n,
                                   .value = d->value,
                                   .x_edge = d->edge,
                                   .name = d->names,
                                   .lo = -10.0,
                                   .hi = 10.0,
                                   .map = GLIA_MAP_DIVERGING,
                                   .label = "error (usual spreads)"};
  struct glia_panel *upper = glia_figure_panel(fig, 0, 0);
  struct glia_panel *lower = glia_figure_panel(fig, 1, 0);

  glia_figure_share_x(fig);
  glia_figure_row_weights(fig, (const double[]){1.2, 1.0});
  glia_panel_heatmap(upper, &map);
  glia_panel_time_elapsed(upper);
  glia_panel_line(lower, r->n, d->time, d->score, &(struct glia_style){.label = "score"});
  glia_panel_hline(lower, r->threshold, "threshold");
  glia_panel_ylabel(lower, "score");
  glia_panel_xlabel(lower, "time since the first sample");
  glia_panel_limits_y(lower, 0.0, (double)NAN);
  glia_panel_time_elapsed(lower);
  glia_panel_no_legend(lower);
  mark_spans(s, n_spans, span, lower);
}

glia_status scoring_figure(const struct scoring *s, const struct scored *node,
                           struct glia_figure **out)
{
  struct drawing d = {0};
  struct span *span = NULL;
  char title[160];
  int n_spans = 0;
  int rows = 0;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_TRY_TO(out, st, scoring_spans(s, node, &n_spans, &span));
  GLIA_TRY_TO(out, st, drawing_fill(node, &d, &rows));
  GLIA_TRY_TO(out, st, glia_figure_create(7.0, 4.8, 2, 1, out));
  snprintf(title, sizeof title, "Node %.80s: what its model did not expect", node->node.name);
  glia_figure_title(*out, title);
  draw(node, &d, rows, n_spans, span, *out);
  st = glia_figure_status(*out);
out:
  free(span);
  drawing_free(&d);
  if (st != GLIA_OK) glia_figure_destroy(out);
  return st;
}

static void report_alarms(struct glia_report *r, const struct scored *s)
{
  static const char *const header[] = {"start (UTC)", "after", "lasts", "peak / threshold",
                                       "because of"};

  if (s->result.n_alarms == 0) {
    glia_report_paragraph(r, "No alarm.");
    return;
  }
  glia_report_table(r, (int)GLIA_COUNT(header), header);
  for (int64_t k = 0; k < s->result.n_alarms && k < ALARMS_SHOWN; k++) {
    const struct glia_detect_alarm *a = &s->result.alarm[k];
    char start[48], after[32], lasts[32], peak[32], causes[700] = "", one[220];
    size_t used = 0;
    for (int c = 0; c < a->n_causes && c < 3; c++)
      used += (size_t)snprintf(causes + used, sizeof causes - used, "%s%s", c > 0 ? "; " : "",
                               cause_text(&a->cause[c], one, sizeof one));
    snprintf(after, sizeof after, "%.1f s", scored_seconds(s, a->start_ns));
    snprintf(lasts, sizeof lasts, "%.1f s", 1e-9 * (double)(a->end_ns - a->start_ns));
    snprintf(peak, sizeof peak, "%.2f", a->peak / s->result.threshold);
    glia_report_row(r, (const char *const[]){utc_text(a->start_ns, start, sizeof start), after,
                                             lasts, peak, causes});
  }
}

static void report_node(struct glia_report *r, const struct scored *s)
{
  struct glia_detector_info info;
  char heading[160];

  glia_detector_info(s->detector, &info);
  snprintf(heading, sizeof heading, "Node %.120s", s->node.name);
  glia_report_heading(r, heading);
  report_alarms(r, s);
  glia_report_table(r, 2, NULL);
  glia_report_fact(r, "samples", "%lld, %lld scored, %lld in alarms", (long long)s->result.n,
                   (long long)s->result.n_scored, (long long)s->result.n_alarmed);
  glia_report_fact(r, "threshold", "%.3g", s->result.threshold);
  glia_report_fact(r, "model", "%s, %d of %d metrics", glia_detect_kind_name(info.kind),
                   info.n_columns, info.n_all);
  glia_report_fact(r, "trained on", "%lld samples, %lld more for spread and threshold",
                   (long long)info.rows_train, (long long)info.rows_valid);
}

glia_status scoring_report(const struct scoring *s, const char *title, glia_verdict verdict,
                           const char *sentence, const char *path)
{
  const struct scored *worst = scoring_worst(s);
  struct glia_report *r = NULL;
  struct glia_figure *fig = NULL;
  char count[96];
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_report_create(title, &r));
  GLIA_TRY_TO(out, st, scoring_figure(s, worst, &fig));
  snprintf(count, sizeof count, "%lld alarms on the worst of %d nodes.",
           (long long)worst->result.n_alarms, s->n);
  glia_report_verdict(r, verdict, sentence != NULL ? sentence : count);
  glia_report_figure(r, fig,
                     "Above: observed minus expected, in units of the usual error of each metric. "
                     "Below: the score, its threshold, and what was going on.");
  for (int i = 0; i < s->n; i++) report_node(r, &s->scored[i]);
  st = glia_report_write(r, path);
out:
  glia_figure_destroy(&fig);
  glia_report_destroy(&r);
  return st;
}
