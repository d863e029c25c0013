/* A figure from back to front: paper, grids, series, axes, texts. */
#include "figure_priv.h"

#include <math.h>
#include <string.h>

#define SPINE 0.8

static void draw_grid(const struct glia_panel *p, struct canvas *c)
{
  for (int i = 0; i < p->x.n_tick; i++) {
    const double x = glia_axis_place_(&p->x, p->x.tick[i]);
    glia_canvas_line_(c, x, p->y.p0, x, p->y.p1, RULE, 0.6, GLIA_DASH_SOLID);
  }
  for (int i = 0; p->y.n_name == 0 && i < p->y.n_tick; i++) {
    const double y = glia_axis_place_(&p->y, p->y.tick[i]);
    glia_canvas_line_(c, p->x.p0, y, p->x.p1, y, RULE, 0.6, GLIA_DASH_SOLID);
  }
}

static void draw_x_axis(const struct glia_panel *p, struct canvas *c)
{
  const double y = p->y.p0;

  glia_canvas_line_(c, p->x.p0, y, p->x.p1, y, INK, SPINE, GLIA_DASH_SOLID);
  for (int i = 0; i < p->x.n_tick; i++) {
    const double x = glia_axis_place_(&p->x, p->x.tick[i]);
    glia_canvas_line_(c, x, y, x, y + 3.0, INK, 0.7, GLIA_DASH_SOLID);
    if (p->hide_x) continue;
    c->ops->text(c, x, y + 5.0 + p->x.font_pt * 0.8, p->x.label[i],
                 &(struct glyphs){.size_pt = p->x.font_pt, .anchor = ANCHOR_MIDDLE, .colour = INK});
  }
  for (int i = 0; i < p->x.n_minor; i++) {
    const double x = glia_axis_place_(&p->x, p->x.minor[i]);
    glia_canvas_line_(c, x, y, x, y + 1.8, INK, 0.5, GLIA_DASH_SOLID);
  }
}

static void draw_y_axis(const struct glia_panel *p, struct canvas *c)
{
  const double x = p->x.p0;
  const bool named = p->y.n_name > 0;

  glia_canvas_line_(c, x, p->y.p0, x, p->y.p1, INK, SPINE, GLIA_DASH_SOLID);
  for (int i = 0; i < p->y.n_tick; i++) {
    const double y = glia_axis_place_(&p->y, p->y.tick[i]);
    if (!named) glia_canvas_line_(c, x - 3.0, y, x, y, INK, 0.7, GLIA_DASH_SOLID);
    c->ops->text(c, x - 5.0, y + p->y.font_pt * 0.36, p->y.label[i],
                 &(struct glyphs){.size_pt = p->y.font_pt, .anchor = ANCHOR_END, .colour = INK});
  }
  for (int i = 0; i < p->y.n_minor; i++) {
    const double y = glia_axis_place_(&p->y, p->y.minor[i]);
    glia_canvas_line_(c, x - 1.8, y, x, y, INK, 0.5, GLIA_DASH_SOLID);
  }
}

/* The axis' label cut to the room there is, then what the ticks add to it. */
void glia_axis_text_(const struct glia_panel *p, const struct axis *a, const char *label,
                     double room, char *out, size_t size)
{
  const bool clock = a->clock != CLOCK_NONE;

  if (label == NULL || label[0] == '\0') label = clock ? "time" : "";
  room -= glia_meter_width_(p->fig->meter, a->unit, FONT_LABEL, false);
  glia_meter_shorten_(p->fig->meter, label, FONT_LABEL, room, out, size - sizeof a->unit - 4);
  const size_t n = strlen(out);
  if (a->unit[0] != '\0')
    snprintf(out + n, size - n, "%s%s", n == 0 ? "" : clock ? " " : "   ", a->unit);
}

static void draw_labels(const struct glia_panel *p, struct canvas *c)
{
  struct glyphs g = {.size_pt = FONT_LABEL, .anchor = ANCHOR_MIDDLE, .colour = INK};
  char text[512];

  const double left = p->plot.x - p->margin.left;
  const double right = p->plot.x + p->plot.w + p->margin.right;
  glia_axis_text_(p, &p->x, p->xlabel, right - left, text, sizeof text);
  if (text[0] != '\0' && !p->hide_x) {
    const double half = glia_meter_width_(p->fig->meter, text, FONT_LABEL, false) / 2.0;
    const double x = fmin(fmax(p->plot.x + p->plot.w / 2.0, left + half), right - half);
    c->ops->text(c, x, p->y.p0 + 5.5 + FONT_TICK + FONT_LABEL * 1.15, text, &g);
  }
  g.upward = true;
  glia_axis_text_(p, &p->y, p->ylabel, p->plot.h + 16.0, text, sizeof text);
  if (text[0] != '\0')
    c->ops->text(c, p->plot.x - p->margin.left + FONT_LABEL * 0.9, p->plot.y + p->plot.h / 2.0,
                 text, &g);
  if (p->title == NULL) return;
  glia_meter_shorten_(p->fig->meter, p->title, FONT_TITLE * 1.1, p->plot.w + p->margin.right, text,
                      sizeof text);
  c->ops->text(c, p->plot.x, p->title_y, text,
               &(struct glyphs){.size_pt = FONT_TITLE, .bold = true, .colour = INK});
}

/* Bars above the plot, where spans are. */
static void draw_span_marks(const struct glia_panel *p, struct canvas *c)
{
  for (int64_t i = 0; i < p->n_series; i++) {
    double x0, x1;
    if (p->series[i].kind != KIND_SPAN || !glia_span_ends_(p, &p->series[i], &x0, &x1)) continue;
    glia_canvas_rect_(c, x0, p->plot.y - 3.2, fmax(x1 - x0, 1.0), 2.0,
                      &(struct paint){.fill = p->series[i].colour});
  }
}

/* Names of horizontal lines: above or below one of their ends, where the data are not. */
static void draw_hline_names(struct glia_panel *p, struct canvas *c)
{
  struct probe probe;
  bool filled = false;

  for (int64_t i = 0; i < p->n_series; i++) {
    const struct series *s = &p->series[i];
    const double y = s->kind == KIND_HLINE ? glia_axis_place_(&p->y, s->y[0]) : (double)NAN;
    char text[256];
    double best = INFINITY;
    struct rect at = {0};
    if (!(y >= p->y.p1 && y <= p->y.p0) || s->label == NULL) continue;
    if (!filled) {
      glia_probe_init_(&probe, p->plot);
      for (int64_t k = 0; k < p->n_series; k++)
        if (p->series[k].kind > KIND_VLINE || p->series[k].kind == KIND_HISTOGRAM ||
            p->series[k].kind == KIND_BARS)
          glia_series_draw_(p, &p->series[k], &probe.canvas);
      if (p->legend == LEGEND_INSIDE)
        glia_canvas_rect_(&probe.canvas, p->legend_box.x, p->legend_box.y, p->legend_box.w,
                          p->legend_box.h, &(struct paint){.fill = INK});
      filled = true;
    }
    glia_meter_shorten_(p->fig->meter, s->label, FONT_TICK, 0.6 * p->plot.w, text, sizeof text);
    const double w = glia_meter_width_(p->fig->meter, text, FONT_TICK, false) + 3.0;
    const double h = FONT_TICK * 1.2;
    for (int k = 0; k < 6; k++) {
      const double side = k / 2 == 0 ? 1.0 : k / 2 == 1 ? 0.0 : 0.5;
      const struct rect box = {p->plot.x + side * (p->plot.w - w),
                               k % 2 == 0 ? y - h - 1.0 : y + 1.0, w, h};
      double cover = glia_probe_cover_(&probe, box) + 0.001 * k;
      if (box.y < p->plot.y || box.y + h > p->y.p0) cover += 1.0;
      if (cover >= best) continue;
      best = cover;
      at = box;
    }
    if (best > 0.02)
      glia_canvas_rect_(c, at.x, at.y, at.w, at.h, &(struct paint){.fill = 0xffffffc0u});
    c->ops->text(c, at.x + 1.5, at.y + h * 0.78, text,
                 &(struct glyphs){.size_pt = FONT_TICK, .colour = INK});
    glia_canvas_rect_(&probe.canvas, at.x, at.y, at.w, at.h, &(struct paint){.fill = INK});
  }
}

static void draw_notes(const struct glia_panel *p, struct canvas *c)
{
  const long long low = p->dropped_log;
  const long long infinite = p->dropped_inf;
  char text[160] = "";

  if (low > 0)
    snprintf(text, sizeof text, "not shown: %lld value%s \xe2\x89\xa4 0%s", low,
             low == 1 ? "" : "s", infinite > 0 ? ", " : "");
  if (infinite > 0) {
    const size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "%s%lld infinite", low > 0 ? "" : "not shown: ", infinite);
  }
  const struct glyphs g = {.size_pt = FONT_NOTE, .anchor = ANCHOR_END, .colour = FAINT};
  if (text[0] != '\0')
    c->ops->text(c, p->x.p1, p->plot.y + p->plot.h + p->margin.bottom - 1.0, text, &g);
  if (!p->x.any || !p->y.any)
    c->ops->text(c, p->plot.x + p->plot.w / 2.0, p->plot.y + p->plot.h / 2.0, "no data",
                 &(struct glyphs){.size_pt = FONT_LABEL, .anchor = ANCHOR_MIDDLE, .colour = FAINT});
}

static void draw_panel(struct glia_panel *p, struct canvas *c)
{
  c->ops->clip(c, p->plot.x, p->plot.y, p->plot.w, p->plot.h);
  if (p->heat == NULL) draw_grid(p, c);
  for (int kind = 0; kind < KIND_COUNT; kind++)
    for (int64_t i = 0; i < p->n_series; i++) {
      const bool over_map = p->heat != NULL && p->series[i].kind == KIND_SPAN;
      if ((int)p->series[i].kind == kind && !over_map) glia_series_draw_(p, &p->series[i], c);
    }
  for (int64_t i = 0; p->heat != NULL && i < p->n_series; i++)
    if (p->series[i].kind == KIND_SPAN) glia_series_draw_(p, &p->series[i], c);
  c->ops->unclip(c);
  draw_x_axis(p, c);
  draw_y_axis(p, c);
  draw_labels(p, c);
  draw_span_marks(p, c);
  glia_above_draw_(p, c);
  if (p->heat != NULL) glia_colour_bar_draw_(p, c);
  if (p->legend != LEGEND_NONE) glia_legend_draw_(p, c);
  draw_hline_names(p, c);
  draw_notes(p, c);
}

void glia_figure_draw_(struct glia_figure *fig, struct canvas *c)
{
  char text[512];

  glia_canvas_rect_(c, 0.0, 0.0, fig->width, fig->height, &(struct paint){.fill = PAPER});
  if (fig->title != NULL) {
    glia_meter_shorten_(fig->meter, fig->title, FONT_FIGURE * 1.1, fig->width - 16.0, text,
                        sizeof text);
    c->ops->text(c, 8.0, 4.0 + FONT_FIGURE, text,
                 &(struct glyphs){.size_pt = FONT_FIGURE, .bold = true, .colour = INK});
  }
  for (int i = 0; i < fig->rows * fig->cols; i++)
    if (fig->panel[i].asked_for) draw_panel(&fig->panel[i], c);
}
