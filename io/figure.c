/* Figures: making, filling and freeing them. See figure_priv.h for the way to a file. */
#include "figure_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX ((int64_t)1 << 31)

void glia_figure_fail_(struct glia_figure *fig, glia_status st, const char *format, ...)
{
  va_list args;

  if (fig->status != GLIA_OK) return;
  fig->status = st;
  va_start(args, format);
  vsnprintf(fig->why, sizeof fig->why, format, args);
  va_end(args);
}

glia_status glia_figure_status(const struct glia_figure *fig) { return fig->status; }

static void axis_init(struct axis *a, bool vertical)
{
  a->vertical = vertical;
  a->fixed_lo = NAN;
  a->fixed_hi = NAN;
}

glia_status glia_figure_create(double width_in, double height_in, int rows, int cols,
                               struct glia_figure **out)
{
  glia_status st = GLIA_OK;
  struct glia_figure *fig = NULL;

  *out = NULL;
  GLIA_CHECK(width_in >= 0.5 && width_in <= 100.0 && height_in >= 0.5 && height_in <= 100.0,
             GLIA_E_ARGUMENT, "a figure of %g x %g inches: expected 0.5 to 100", width_in,
             height_in);
  GLIA_CHECK(rows >= 1 && rows <= 64 && cols >= 1 && cols <= 64, GLIA_E_ARGUMENT,
             "a figure of %d x %d panels: expected 1 to 64", rows, cols);
  const size_t panels = (size_t)rows * (size_t)cols + 1;
  fig = calloc(1, sizeof *fig);
  GLIA_CHECK(fig != NULL, GLIA_E_MEMORY, "no memory for a figure");
  fig->width = 72.0 * width_in;
  fig->height = 72.0 * height_in;
  fig->rows = rows;
  fig->cols = cols;
  fig->panel = calloc(panels, sizeof *fig->panel);
  fig->weight = calloc((size_t)rows, sizeof *fig->weight);
  GLIA_CHECK_TO(fail, st, fig->panel != NULL && fig->weight != NULL, GLIA_E_MEMORY,
                "no memory for a figure");
  for (int r = 0; r < rows; r++) fig->weight[r] = 1.0;
  for (size_t i = 0; i < panels; i++) {
    fig->panel[i].fig = fig;
    axis_init(&fig->panel[i].x, false);
    axis_init(&fig->panel[i].y, true);
    axis_init(&fig->panel[i].z, true);
  }
  GLIA_TRY_TO(fail, st, glia_meter_create_(&fig->meter));
  *out = fig;
  return GLIA_OK;

fail:
  glia_figure_destroy(&fig);
  return st;
}

static void names_free(struct axis *a)
{
  for (int64_t i = 0; i < a->n_name; i++) free(a->name[i]);
  free(a->name);
  a->name = NULL;
  a->n_name = 0;
}

static void panel_free(struct glia_panel *p)
{
  for (int64_t i = 0; i < p->n_series; i++) {
    struct series *s = &p->series[i];
    free(s->label);
    free(s->x);
    free(s->y);
    free(s->lo);
    free(s->hi);
    free(s->edge);
    free(s->count);
  }
  free(p->series);
  free(p->title);
  free(p->xlabel);
  free(p->ylabel);
  names_free(&p->y);
  names_free(&p->z);
}

void glia_figure_destroy(struct glia_figure **fig)
{
  struct glia_figure *f = *fig;

  if (f == NULL) return;
  if (f->panel != NULL)
    for (int i = 0; i <= f->rows * f->cols; i++) panel_free(&f->panel[i]);
  free(f->panel);
  free(f->weight);
  free(f->title);
  glia_meter_destroy_(&f->meter);
  free(f);
  *fig = NULL;
}

/* Replace *slot by a copy of text. */
static void set_text(struct glia_figure *fig, char **slot, const char *text)
{
  if (fig->status != GLIA_OK) return;
  free(*slot);
  *slot = NULL;
  if (text == NULL) return;
  *slot = glia_text_clean_(text);
  if (*slot == NULL) glia_figure_fail_(fig, GLIA_E_MEMORY, "no memory for a text");
}

void glia_figure_title(struct glia_figure *fig, const char *title)
{
  set_text(fig, &fig->title, title);
}

void glia_figure_share_x(struct glia_figure *fig) { fig->share_x = true; }

void glia_figure_row_weights(struct glia_figure *fig, const double *weight)
{
  for (int r = 0; r < fig->rows; r++) {
    if (!(weight[r] > 0.0 && isfinite(weight[r]))) {
      glia_figure_fail_(fig, GLIA_E_ARGUMENT, "row %d of the figure has weight %g: expected > 0", r,
                        weight[r]);
      return;
    }
    fig->weight[r] = weight[r];
  }
}

struct glia_panel *glia_figure_panel(struct glia_figure *fig, int row, int col)
{
  if (row >= 0 && row < fig->rows && col >= 0 && col < fig->cols) {
    struct glia_panel *p = &fig->panel[row * fig->cols + col];
    p->asked_for = true;
    return p;
  }
  glia_figure_fail_(fig, GLIA_E_ARGUMENT, "panel (%d, %d) of a figure of %d x %d panels", row, col,
                    fig->rows, fig->cols);
  return &fig->panel[fig->rows * fig->cols];
}

void glia_panel_title(struct glia_panel *p, const char *title)
{
  set_text(p->fig, &p->title, title);
}

void glia_panel_xlabel(struct glia_panel *p, const char *label)
{
  set_text(p->fig, &p->xlabel, label);
}

void glia_panel_ylabel(struct glia_panel *p, const char *label)
{
  set_text(p->fig, &p->ylabel, label);
}

void glia_panel_log_x(struct glia_panel *p) { p->x.log = true; }

void glia_panel_log_y(struct glia_panel *p) { p->y.log = true; }

static void set_limits(struct glia_panel *p, struct axis *a, double lo, double hi)
{
  if (fabs(lo) > HUGE_VALUE || fabs(hi) > HUGE_VALUE || lo >= hi)
    glia_figure_fail_(p->fig, GLIA_E_ARGUMENT, "limits of an axis from %g to %g: expected lo < hi",
                      lo, hi);
  a->fixed_lo = lo;
  a->fixed_hi = hi;
}

void glia_panel_limits_x(struct glia_panel *p, double lo, double hi)
{
  set_limits(p, &p->x, lo, hi);
}

void glia_panel_limits_y(struct glia_panel *p, double lo, double hi)
{
  set_limits(p, &p->y, lo, hi);
}

void glia_panel_time_elapsed(struct glia_panel *p) { p->x.clock = CLOCK_ELAPSED; }

void glia_panel_time_utc(struct glia_panel *p) { p->x.clock = CLOCK_UTC; }

void glia_panel_no_legend(struct glia_panel *p) { p->legend_off = true; }

void glia_panel_names(struct glia_panel *p, int64_t n, const char *const *name)
{
  if (p->fig->status != GLIA_OK) return;
  names_free(&p->y);
  if (n < 1) return;
  p->y.name = calloc((size_t)n, sizeof *p->y.name);
  p->y.n_name = p->y.name != NULL ? n : 0;
  if (p->y.name == NULL) glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for names");
  for (int64_t i = 0; i < p->y.n_name; i++)
    set_text(p->fig, &p->y.name[i], name[i] != NULL ? name[i] : "");
}

/* ---- series ---- */

/* Copy of from [n]; NULL stays NULL. */
static double *copy(struct glia_figure *fig, int64_t n, const double *from)
{
  if (from == NULL || fig->status != GLIA_OK) return NULL;
  double *to = malloc((size_t)(n > 0 ? n : 1) * sizeof *to);
  if (to == NULL)
    glia_figure_fail_(fig, GLIA_E_MEMORY, "no memory for %lld values", (long long)n);
  else if (n > 0)
    memcpy(to, from, (size_t)n * sizeof *to);
  return to;
}

static double *count_up(struct glia_figure *fig, int64_t n)
{
  if (fig->status != GLIA_OK) return NULL;
  double *to = malloc((size_t)(n > 0 ? n : 1) * sizeof *to);
  if (to == NULL)
    glia_figure_fail_(fig, GLIA_E_MEMORY, "no memory for %lld values", (long long)n);
  else
    for (int64_t i = 0; i < n; i++) to[i] = (double)i;
  return to;
}

/* Take the look from the style, or the defaults. */
static void dress(struct glia_panel *p, struct series *s, const struct glia_style *style)
{
  static const struct glia_style plain = {0};

  if (style == NULL) style = &plain;
  int colour = style->colour;
  if (colour == 0) colour = ++p->next_colour;
  s->colour = glia_colour_of_(colour);
  s->width_pt = style->width_pt > 0.0 ? style->width_pt : 1.25;
  s->size_pt = style->size_pt > 0.0 ? style->size_pt : 3.5;
  s->opacity = style->opacity > 0.0 && style->opacity <= 1.0 ? style->opacity : 0.0;
  s->dash = style->dash;
  if (style->dash == GLIA_DASH_SOLID && style->colour == 0)
    s->dash = (glia_dash)((colour - 1) / 7 % 4);
  s->mark = style->mark;
  set_text(p->fig, &s->label, style->label);
}

/* A new series at the end of the panel, or NULL when the figure has failed. */
static struct series *add(struct glia_panel *p, enum kind kind, int64_t n)
{
  if (p->fig->status != GLIA_OK) return NULL;
  if (n < 0) {
    glia_figure_fail_(p->fig, GLIA_E_ARGUMENT, "a series of %lld values", (long long)n);
    return NULL;
  }
  if (p->n_series == p->room) {
    const int64_t room = 2 * p->room + 8;
    struct series *s = realloc(p->series, (size_t)room * sizeof *s);
    if (s == NULL) {
      glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a series");
      return NULL;
    }
    p->series = s;
    p->room = room;
  }
  struct series *s = &p->series[p->n_series++];
  *s = (struct series){.kind = kind, .n = n};
  return s;
}

/* What all series over x have in common. */
static void add_over_x(struct glia_panel *p, enum kind kind, int64_t n, const double *x,
                       const double *y, const double *lo, const double *hi,
                       const struct glia_style *style)
{
  struct series *s = add(p, kind, n);

  if (s == NULL) return;
  s->x = x != NULL ? copy(p->fig, n, x) : count_up(p->fig, n);
  s->y = copy(p->fig, n, y);
  s->lo = copy(p->fig, n, lo);
  s->hi = copy(p->fig, n, hi);
  dress(p, s, style);
}

void glia_panel_line(struct glia_panel *p, int64_t n, const double *x, const double *y,
                     const struct glia_style *style)
{
  add_over_x(p, KIND_LINE, n, x, y, NULL, NULL, style);
}

void glia_panel_points(struct glia_panel *p, int64_t n, const double *x, const double *y,
                       const struct glia_style *style)
{
  add_over_x(p, KIND_POINTS, n, x, y, NULL, NULL, style);
}

void glia_panel_errorbars(struct glia_panel *p, int64_t n, const double *x, const double *y,
                          const double *lo, const double *hi, const struct glia_style *style)
{
  add_over_x(p, KIND_ERRORBARS, n, x, y, lo, hi, style);
}

void glia_panel_band(struct glia_panel *p, int64_t n, const double *x, const double *lo,
                     const double *hi, const struct glia_style *style)
{
  add_over_x(p, KIND_BAND, n, x, NULL, lo, hi, style);
}

void glia_panel_histogram(struct glia_panel *p, int64_t n, const double *value, int bins,
                          bool density, const struct glia_style *style)
{
  if (bins < 0 || bins > 100000) {
    glia_figure_fail_(p->fig, GLIA_E_ARGUMENT, "a histogram of %d bins: expected 0 to 100000",
                      bins);
    return;
  }
  add_over_x(p, KIND_HISTOGRAM, n, value, NULL, NULL, NULL, style);
  if (p->fig->status != GLIA_OK) return;
  p->series[p->n_series - 1].bins_wanted = bins;
  p->series[p->n_series - 1].density = density;
}

void glia_panel_bars(struct glia_panel *p, int64_t n, const double *value, const char *const *name,
                     const struct glia_style *style)
{
  add_over_x(p, KIND_BARS, n, value, NULL, NULL, NULL, style);
  glia_panel_names(p, n, name);
}

/* Edges of cells: as given, or 0, 1, …; they must rise. */
static double *edges(struct glia_figure *fig, int64_t n, const double *edge)
{
  for (int64_t i = 0; edge != NULL && i < n; i++) {
    if (fabs(edge[i]) <= HUGE_VALUE && (i == 0 || edge[i] > edge[i - 1])) continue;
    glia_figure_fail_(fig, GLIA_E_ARGUMENT, "edge %lld of a heat map is %g after %g: must rise",
                      (long long)i, edge[i], i > 0 ? edge[i - 1] : (double)-INFINITY);
    return NULL;
  }
  return edge != NULL ? copy(fig, n, edge) : count_up(fig, n);
}

void glia_panel_heatmap(struct glia_panel *p, const struct glia_heatmap *h)
{
  if (h->rows < 0 || h->cols < 0 || (h->rows > 0 && h->cols > CELLS_MAX / h->rows)) {
    glia_figure_fail_(p->fig, GLIA_E_ARGUMENT, "a heat map of %lld x %lld cells",
                      (long long)h->rows, (long long)h->cols);
    return;
  }
  struct series *s = add(p, KIND_HEATMAP, h->rows * h->cols);
  if (s == NULL) return;
  s->rows = h->rows;
  s->cols = h->cols;
  s->lo = copy(p->fig, s->n, h->value);
  s->x = edges(p->fig, h->cols + 1, h->x_edge);
  s->y = edges(p->fig, h->rows + 1, h->y_edge);
  s->map = h->map;
  s->zlog = h->log;
  s->zauto = h->lo == 0.0 && h->hi == 0.0;
  s->zlo = h->lo;
  s->zhi = h->hi;
  if (!s->zauto && !(h->lo < h->hi && h->hi - h->lo < HUGE_VALUE && (!h->log || h->lo > 0.0)))
    glia_figure_fail_(p->fig, GLIA_E_ARGUMENT, "colours of a heat map from %g to %g", h->lo, h->hi);
  set_text(p->fig, &s->label, h->label);
  if (h->name != NULL && h->y_edge == NULL) glia_panel_names(p, h->rows, h->name);
}

void glia_panel_span(struct glia_panel *p, double x0, double x1, const char *label)
{
  add_over_x(p, KIND_SPAN, 1, &x0, NULL, NULL, &x1,
             &(struct glia_style){.label = label, .colour = 2});
}

void glia_panel_hline(struct glia_panel *p, double y, const char *label)
{
  add_over_x(p, KIND_HLINE, 1, NULL, &y, NULL, NULL,
             &(struct glia_style){.label = label, .colour = GLIA_COLOUR_INK});
}

void glia_panel_vline(struct glia_panel *p, double x, const char *label)
{
  add_over_x(p, KIND_VLINE, 1, &x, NULL, NULL, NULL,
             &(struct glia_style){.label = label, .colour = GLIA_COLOUR_INK});
}
