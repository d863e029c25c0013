/* How each kind of series is drawn. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>

uint32_t glia_series_fill_(const struct series *s)
{
  const double usual = s->kind == KIND_BAND ? 0.25 : s->kind == KIND_HISTOGRAM ? 0.6 : 1.0;

  return glia_colour_fade_(s->colour, s->opacity > 0.0 ? s->opacity : usual);
}

static uint32_t line_colour(const struct series *s)
{
  return glia_colour_fade_(s->colour, s->opacity > 0.0 ? s->opacity : 1.0);
}

/* Points between two gaps, which no line reaches, as dots. */
static void draw_lone_points(struct glia_panel *p, const struct series *s, const struct path *line,
                             struct canvas *c)
{
  struct path lone = {0};

  for (int64_t i = 0; i < line->n; i++) {
    const bool begins = i == 0 || isnan(line->xy[2 * i - 2]);
    const bool ends = i + 1 == line->n || isnan(line->xy[2 * i + 2]);
    if (!begins || !ends || isnan(line->xy[2 * i])) continue;
    glia_path_gap_(&lone);
    glia_path_add_(&lone, line->xy[2 * i], line->xy[2 * i + 1]);
  }
  if (lone.failed) glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a line");
  c->ops->path(c, lone.n, lone.xy,
               &(struct paint){.stroke = line_colour(s), .width_pt = 2.2 * s->width_pt});
  glia_path_free_(&lone);
}

static void draw_line(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  struct path path = {0};

  glia_thin_line_(p, s, &path);
  if (path.failed) glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a line");
  c->ops->path(c, path.n, path.xy,
               &(struct paint){.stroke = line_colour(s), .width_pt = s->width_pt, .dash = s->dash});
  draw_lone_points(p, s, &path, c);
  glia_path_free_(&path);
}

static void draw_band(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  struct path path = {0};

  glia_thin_band_(p, s, &path);
  if (path.failed) glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a band");
  /* The hairline keeps a band without height in sight. */
  c->ops->path(c, path.n, path.xy,
               &(struct paint){.fill = glia_series_fill_(s),
                               .stroke = glia_series_fill_(s),
                               .width_pt = 0.5,
                               .closed = true});
  glia_path_free_(&path);
}

/* The outline of a mark of radius 1. */
static int outline(glia_mark mark, const double **xy)
{
  static const double square[] = {-0.88, -0.88, 0.88, -0.88, 0.88, 0.88, -0.88, 0.88};
  static const double triangle[] = {0.0, -1.15, 1.1, 0.8, -1.1, 0.8};
  static const double diamond[] = {0.0, -1.25, 1.25, 0.0, 0.0, 1.25, -1.25, 0.0};
  static const double cross[] = {-0.9, -0.9, 0.9, 0.9, NAN, NAN, -0.9, 0.9, 0.9, -0.9};

  switch (mark) {
  case GLIA_MARK_SQUARE:
    *xy = square;
    return 4;
  case GLIA_MARK_TRIANGLE:
    *xy = triangle;
    return 3;
  case GLIA_MARK_DIAMOND:
    *xy = diamond;
    return 4;
  case GLIA_MARK_CROSS:
    *xy = cross;
    return 5;
  default:
    *xy = NULL;
    return 0;
  }
}

/* Marks at at [n, 2]; of circles, the parts of a path. */
void glia_marks_draw_(const struct series *s, struct canvas *c, int64_t n, const double *at)
{
  const double *shape;
  const int corners = outline(s->mark, &shape);
  const bool cross = s->mark == GLIA_MARK_CROSS;
  struct path path = {0};

  if (corners == 0) {
    c->ops->path(c, n, at, &(struct paint){.stroke = line_colour(s), .width_pt = s->size_pt});
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    if (isnan(at[2 * i])) continue;
    glia_path_gap_(&path);
    for (int k = 0; k < corners; k++)
      glia_path_add_(&path, at[2 * i] + shape[2 * k] * s->size_pt / 2.0,
                     at[2 * i + 1] + shape[2 * k + 1] * s->size_pt / 2.0);
  }
  c->ops->path(c, path.n, path.xy,
               &(struct paint){.fill = cross ? NONE : line_colour(s),
                               .stroke = cross ? line_colour(s) : NONE,
                               .width_pt = 1.0,
                               .closed = !cross});
  glia_path_free_(&path);
}

static void draw_points(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  struct path path = {0};

  glia_thin_dots_(p, s, &path);
  if (path.failed) glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for points");
  glia_marks_draw_(s, c, path.n, path.xy);
  glia_path_free_(&path);
}

/* One bar per quarter of a point at most: those that would cover each other are joined. */
static void draw_errorbars(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  const int columns = (int)ceil(p->plot.w * 4.0) + 1;
  double *end = calloc((size_t)columns * 3, sizeof *end); /* x, upper, lower; x 0 = none */
  struct path path = {0};

  for (int64_t i = 0; end != NULL && i < s->n; i++) {
    const double x = glia_axis_place_(&p->x, s->x[i]);
    const double a = glia_axis_place_(&p->y, s->lo[i]);
    const double b = glia_axis_place_(&p->y, s->hi[i]);
    const double column = floor((x - p->plot.x) * 4.0);
    if (!(column >= 0.0 && column < columns) || isnan(a) || isnan(b)) continue;
    double *e = end + 3 * (size_t)column;
    const bool first = e[0] == 0.0;
    if (first) e[0] = x;
    e[1] = first ? b : fmin(e[1], b);
    e[2] = first ? a : fmax(e[2], a);
  }
  for (int k = 0; end != NULL && k < columns; k++) {
    if (end[3 * k] == 0.0) continue;
    glia_path_gap_(&path);
    glia_path_add_(&path, end[3 * k], end[3 * k + 1]);
    glia_path_add_(&path, end[3 * k], end[3 * k + 2]);
  }
  if (end == NULL || path.failed)
    glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for error bars");
  c->ops->path(c, path.n, path.xy, &(struct paint){.stroke = line_colour(s), .width_pt = 0.9});
  glia_path_free_(&path);
  free(end);
  draw_points(p, s, c);
}

static void draw_histogram(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  const double base = p->y.p0;
  struct path path = {0};

  if (s->bins == 0) return;
  const bool wide = p->plot.w / s->bins >= 4.0;
  double column = NAN;
  for (int b = 0; b < s->bins; b++) {
    const double x0 = glia_axis_place_(&p->x, s->edge[b]);
    const double x1 = glia_axis_place_(&p->x, s->edge[b + 1]);
    const double zero = glia_axis_shows_(&p->y, 0.0) ? glia_axis_place_(&p->y, 0.0) : base;
    const double y = s->count[b] > 0.0 ? glia_axis_place_(&p->y, s->count[b]) : zero;
    if (wide && y < zero) {
      glia_canvas_rect_(
          c, x0, y, x1 - x0, zero - y,
          &(struct paint){.fill = glia_series_fill_(s), .stroke = PAPER, .width_pt = 0.5});
    } else if (!wide) {
      if (path.n == 0) glia_path_add_(&path, x0, zero);
      if (path.n > 2 && floor(x0 * 4.0) == column) { /* the highest of a column is seen */
        double *before = path.xy + 2 * path.n;
        before[-1] = before[-3] = fmin(before[-1], y);
        before[-2] = x1;
      } else {
        column = floor(x0 * 4.0);
        glia_path_add_(&path, x0, y);
        glia_path_add_(&path, x1, y);
      }
      if (b == s->bins - 1) glia_path_add_(&path, x1, zero);
    }
    if (path.failed) break;
  }
  if (path.failed) glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a histogram");
  c->ops->path(c, path.n, path.xy, &(struct paint){.fill = glia_series_fill_(s), .closed = true});
  glia_path_free_(&path);
}

static void draw_bars(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  const double zero = glia_axis_shows_(&p->x, 0.0) ? glia_axis_place_(&p->x, 0.0) : p->x.p0;

  for (int64_t i = 0; i < s->n; i++) {
    const double x = glia_axis_place_(&p->x, s->x[i]);
    const double y0 = glia_axis_place_(&p->y, (double)i - 0.36);
    const double y1 = glia_axis_place_(&p->y, (double)i + 0.36);
    if (isnan(x)) continue;
    glia_canvas_rect_(c, fmin(x, zero), y0, fabs(x - zero), y1 - y0,
                      &(struct paint){.fill = glia_series_fill_(s)});
  }
  glia_canvas_line_(c, zero, p->y.p0, zero, p->y.p1, INK, 0.8, GLIA_DASH_SOLID);
}

/* Ends on the page of a span or vertical line; false when it lies outside. */
bool glia_span_ends_(const struct glia_panel *p, const struct series *s, double *x0, double *x1)
{
  const double a = s->x[0];
  const double b = s->kind == KIND_SPAN ? s->hi[0] : a;

  if (isnan(a) || isnan(b)) return false;
  const double left = glia_axis_shows_(&p->x, a) ? glia_axis_place_(&p->x, a)
                      : a > 0.0                  ? p->x.p1
                                                 : p->x.p0;
  const double right = glia_axis_shows_(&p->x, b) ? glia_axis_place_(&p->x, b)
                       : b > 0.0                  ? p->x.p1
                                                  : p->x.p0;
  *x0 = fmax(fmin(left, right), p->x.p0);
  *x1 = fmin(fmax(left, right), p->x.p1);
  return *x0 <= *x1;
}

/* Shaded behind lines; over a heat map only its ends, so that the colours stay true. */
static void draw_span(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  double x0, x1;

  if (!glia_span_ends_(p, s, &x0, &x1)) return;
  if (p->heat == NULL) {
    glia_canvas_rect_(c, x0, p->plot.y, fmax(x1 - x0, 0.5), p->plot.h,
                      &(struct paint){.fill = glia_colour_fade_(s->colour, 0.13)});
    return;
  }
  const double end[] = {x0, x1};
  for (int i = 0; i < 2; i++) {
    glia_canvas_line_(c, end[i], p->plot.y, end[i], p->plot.y + p->plot.h, PAPER, 1.8,
                      GLIA_DASH_SOLID);
    glia_canvas_line_(c, end[i], p->plot.y, end[i], p->plot.y + p->plot.h, s->colour, 1.0,
                      GLIA_DASH_DASHED);
  }
}

static void draw_rule(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  if (s->kind == KIND_HLINE) {
    const double y = glia_axis_place_(&p->y, s->y[0]);
    if (!isnan(y)) glia_canvas_line_(c, p->x.p0, y, p->x.p1, y, s->colour, 0.8, GLIA_DASH_DASHED);
  } else {
    const double x = glia_axis_place_(&p->x, s->x[0]);
    if (!isnan(x)) glia_canvas_line_(c, x, p->y.p0, x, p->y.p1, s->colour, 0.8, GLIA_DASH_DASHED);
  }
}

void glia_series_draw_(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  switch (s->kind) {
  case KIND_LINE:
    draw_line(p, s, c);
    break;
  case KIND_POINTS:
    draw_points(p, s, c);
    break;
  case KIND_ERRORBARS:
    draw_errorbars(p, s, c);
    break;
  case KIND_BAND:
    draw_band(p, s, c);
    break;
  case KIND_HISTOGRAM:
    draw_histogram(p, s, c);
    break;
  case KIND_BARS:
    draw_bars(p, s, c);
    break;
  case KIND_HEATMAP:
    glia_heatmap_draw_(p, s, c);
    break;
  case KIND_SPAN:
    draw_span(p, s, c);
    break;
  default:
    draw_rule(p, s, c);
  }
}
