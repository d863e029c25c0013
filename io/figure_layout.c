/* Where everything stands: margins measured from texts, equal plots, the legend where the data are not. */
#include "figure_priv.h"

#include <math.h>
#include <string.h>

#define OUTER           4.0 /* around the figure */
#define TICK            3.0
#define TO_LABEL        2.5
#define BETWEEN         9.0 /* between panels */
#define BAR_GAP         7.0
#define BAR             8.0
#define ABOVE_ROW       8.5
#define ENTRY           10.5
#define SWATCH          16.0
#define LEGEND_ROWS_MAX 6

/* ---- legend ---- */

static bool has_span(const struct glia_panel *p)
{
  for (int64_t i = 0; i < p->n_series; i++)
    if (p->series[i].kind == KIND_SPAN) return true;
  return false;
}

/* Height of names and marks of spans, between plot and legend. */
static double above_height(const struct glia_panel *p)
{
  return 4.0 + p->note_rows * ABOVE_ROW + (has_span(p) ? 3.0 : 0.0);
}

static bool has_entry(const struct series *s)
{
  return s->label != NULL && s->kind != KIND_SPAN && s->kind != KIND_HEATMAP &&
         s->kind != KIND_HLINE && s->kind != KIND_VLINE;
}

static int entries_that_fit(const struct glia_panel *p)
{
  return (int)fmax(floor((p->plot.h - 6.0) / ENTRY), 1.0);
}

/* Size of the box; false when there is nothing to show. */
bool glia_legend_measure_(struct glia_panel *p)
{
  const double most = fmax(p->plot.w, 40.0);
  double widest = 0.0;
  char text[256];
  int n = 0;

  for (int64_t i = 0; !p->legend_off && i < p->n_series; i++) {
    if (!has_entry(&p->series[i])) continue;
    glia_meter_shorten_(p->fig->meter, p->series[i].label, FONT_TICK, most, text, sizeof text);
    widest = fmax(widest, glia_meter_width_(p->fig->meter, text, FONT_TICK, false));
    n++;
  }
  if (n > entries_that_fit(p)) n = entries_that_fit(p);
  p->legend_box.w = SWATCH + 4.0 + widest + 10.0;
  p->legend_box.h = n * ENTRY + 5.0;
  return n > 0;
}

static int flow(const struct glia_panel *p, struct canvas *c);

/* Make room over the data, inside the plot, for the lines of the legend. */
static bool make_headroom(struct glia_panel *p)
{
  const double share = (p->legend_rows * ENTRY + 6.0) / p->plot.h;

  if (!isnan(p->y.fixed_hi) || p->y.n_name > 0 || p->heat != NULL || share > 0.4) return false;
  glia_axis_headroom_(&p->y, p->data_hi, share);
  return true;
}

/* Choose the freest of nine places that hide no data; else over the data; else above the plot. */
void glia_legend_place_(struct glia_panel *p)
{
  static const double across[] = {1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.5, 0.5, 0.5};
  static const double down[] = {0.0, 0.0, 1.0, 1.0, 0.5, 0.5, 0.0, 1.0, 0.5};
  const double gap = 4.0;
  const struct rect room = {p->plot.x + gap, p->plot.y + gap,
                            p->plot.w - p->legend_box.w - 2.0 * gap,
                            p->plot.h - p->legend_box.h - 2.0 * gap};
  double best = INFINITY;
  struct probe probe;

  if (p->legend == LEGEND_ABOVE || p->legend == LEGEND_HEAD) return;
  glia_probe_init_(&probe, p->plot);
  for (int64_t i = 0; i < p->n_series; i++)
    if (p->series[i].kind != KIND_SPAN) glia_series_draw_(p, &p->series[i], &probe.canvas);
  for (size_t i = 0; i < GLIA_COUNT(across) && room.w >= 0.0 && room.h >= 0.0; i++) {
    struct rect box = p->legend_box;
    box.x = room.x + across[i] * room.w;
    box.y = room.y + down[i] * room.h;
    const double cover = glia_probe_cover_(&probe, box);
    if (cover >= best) continue;
    best = cover;
    p->legend_box.x = box.x;
    p->legend_box.y = box.y;
  }
  p->legend = LEGEND_INSIDE;
  if (best < 0.004) return;
  p->legend_rows = flow(p, NULL);
  p->legend = make_headroom(p) ? LEGEND_HEAD : LEGEND_ABOVE;
}

static void swatch(const struct series *s, struct canvas *c, double x, double y)
{
  const double alpha = s->opacity > 0.0 ? s->opacity : 1.0;
  const uint32_t line = glia_colour_fade_(s->colour, alpha);
  const double dot[] = {x + SWATCH / 2.0, y};

  switch (s->kind) {
  case KIND_BAND:
  case KIND_HISTOGRAM:
  case KIND_BARS:
    glia_canvas_rect_(c, x, y - 3.0, SWATCH, 6.0, &(struct paint){.fill = glia_series_fill_(s)});
    break;
  case KIND_ERRORBARS:
    glia_canvas_line_(c, dot[0], y - 4.0, dot[0], y + 4.0, line, 0.9, GLIA_DASH_SOLID);
    glia_marks_draw_(s, c, 1, dot);
    break;
  case KIND_POINTS:
    glia_marks_draw_(s, c, 1, dot);
    break;
  default:
    glia_canvas_line_(c, x, y, x + SWATCH, y, line, s->width_pt, s->dash);
  }
}

static void entry(const struct series *s, const char *text, struct canvas *c, double x, double y)
{
  const struct glyphs g = {.size_pt = FONT_TICK, .colour = INK};

  if (s != NULL) swatch(s, c, x, y);
  c->ops->text(c, s != NULL ? x + SWATCH + 4.0 : x, y + FONT_TICK * 0.36, text, &g);
}

/* Entries one under the other, in the plot. */
static void draw_inside(const struct glia_panel *p, struct canvas *c)
{
  const struct rect *b = &p->legend_box;
  const int most = entries_that_fit(p);
  double y = b->y + 2.5 + ENTRY / 2.0;
  char text[256];
  int all = 0;
  int n = 0;

  glia_canvas_rect_(c, b->x, b->y, b->w, b->h, &(struct paint){.fill = 0xffffffd8u});
  for (int64_t i = 0; i < p->n_series; i++) all += has_entry(&p->series[i]);
  for (int64_t i = 0; i < p->n_series; i++) {
    if (!has_entry(&p->series[i])) continue;
    if (n + 1 == most && all > most) {
      snprintf(text, sizeof text, "\xe2\x80\xa6 %d more", all - n);
      entry(NULL, text, c, b->x + 5.0, y);
      return;
    }
    glia_meter_shorten_(p->fig->meter, p->series[i].label, FONT_TICK, b->w - SWATCH - 13.5, text,
                        sizeof text);
    entry(&p->series[i], text, c, b->x + 5.0, y);
    y += ENTRY;
    n++;
  }
}

/* Entries side by side in lines, above the plot or at its head; returns the number of lines. c NULL: only count. */
static int flow(const struct glia_panel *p, struct canvas *c)
{
  const bool head = p->legend == LEGEND_HEAD;
  const double top = head ? p->plot.y + 2.0 : p->plot.y - above_height(p) - p->legend_rows * ENTRY;
  const double left = p->plot.x + (head ? 5.0 : 0.0);
  const double width = p->plot.w - 5.0;
  double x = 0.0;
  char text[256];
  int row = 0;

  for (int64_t i = 0; i < p->n_series; i++) {
    const struct series *s = &p->series[i];
    if (!has_entry(s)) continue;
    glia_meter_shorten_(p->fig->meter, s->label, FONT_TICK, width - SWATCH - 4.0, text,
                        sizeof text);
    const double w = SWATCH + 4.0 + glia_meter_width_(p->fig->meter, text, FONT_TICK, false);
    if (x > 0.0 && x + w > width) {
      x = 0.0;
      if (row + 1 == LEGEND_ROWS_MAX) return row + 1;
      row++;
    }
    if (c != NULL) entry(s, text, c, left + x, top + (row + 0.5) * ENTRY);
    x += w + 10.0;
  }
  return row + 1;
}

void glia_legend_draw_(const struct glia_panel *p, struct canvas *c)
{
  if (p->legend == LEGEND_INSIDE) draw_inside(p, c);
  if (p->legend == LEGEND_HEAD)
    glia_canvas_rect_(c, p->plot.x + 1.0, p->plot.y, p->plot.w - 1.0, p->legend_rows * ENTRY + 3.0,
                      &(struct paint){.fill = 0xffffffd8u});
  if (p->legend != LEGEND_INSIDE) flow(p, c);
}

/* ---- names above the plot ---- */

#define ABOVE_MAX 64
#define ROWS_MAX  3

struct above {
  double x;
  int row;
  char text[128];
};

/* Give each name the lowest row where it is free; what fits in no row is left out. */
static int arrange(const struct glia_panel *p, struct above *above, int *rows)
{
  double until[ROWS_MAX] = {-INFINITY, -INFINITY, -INFINITY};
  int n = 0;

  *rows = 0;
  for (int64_t i = 0; i < p->n_series && n < ABOVE_MAX; i++) {
    const struct series *s = &p->series[i];
    struct above *a = &above[n];
    double x0, x1;
    if ((s->kind != KIND_SPAN && s->kind != KIND_VLINE) || s->label == NULL) continue;
    if (!glia_span_ends_(p, s, &x0, &x1)) continue;
    glia_meter_shorten_(p->fig->meter, s->label, FONT_TICK, fmax(0.6 * p->plot.w, x1 - x0), a->text,
                        sizeof a->text);
    const double half = glia_meter_width_(p->fig->meter, a->text, FONT_TICK, false) / 2.0;
    a->x = fmin(fmax((x0 + x1) / 2.0, p->plot.x + half), p->plot.x + p->plot.w - half);
    for (a->row = 0; a->row < ROWS_MAX; a->row++)
      if (a->x - half > until[a->row] + 4.0) break;
    if (a->row == ROWS_MAX) continue;
    until[a->row] = a->x + half;
    if (a->row + 1 > *rows) *rows = a->row + 1;
    n++;
  }
  return n;
}

int glia_above_rows_(struct glia_panel *p)
{
  struct above above[ABOVE_MAX];
  int rows;

  arrange(p, above, &rows);
  return rows;
}

void glia_above_draw_(const struct glia_panel *p, struct canvas *c)
{
  struct above above[ABOVE_MAX];
  int rows;
  const int n = arrange(p, above, &rows);

  for (int i = 0; i < n; i++)
    c->ops->text(c, above[i].x, p->plot.y - 5.0 - above[i].row * ABOVE_ROW, above[i].text,
                 &(struct glyphs){.size_pt = FONT_TICK, .anchor = ANCHOR_MIDDLE, .colour = INK});
}

/* ---- margins ---- */

static double widest_label(const struct axis *a, const struct meter *m)
{
  double widest = 0.0;

  for (int i = 0; i < a->n_tick; i++)
    widest = fmax(widest, glia_meter_width_(m, a->label[i], a->font_pt, false));
  return widest;
}

static bool has_text(const char *label, const struct axis *a)
{
  return (label != NULL && label[0] != '\0') || a->unit[0] != '\0';
}

static void measure(struct glia_panel *p)
{
  const struct meter *m = p->fig->meter;
  struct margin *out = &p->margin;

  p->note_rows = glia_above_rows_(p);
  out->left = TICK + TO_LABEL + widest_label(&p->y, m);
  if (has_text(p->ylabel, &p->y)) out->left += FONT_LABEL * 1.45;
  out->bottom = p->hide_x ? 4.0 : TICK + TO_LABEL + FONT_TICK;
  if (!p->hide_x && has_text(p->xlabel, &p->x)) out->bottom += FONT_LABEL * 1.4;
  if (p->dropped_inf + p->dropped_log > 0) out->bottom += FONT_NOTE * 1.4;
  if (p->legend != LEGEND_INSIDE) p->legend_rows = flow(p, NULL);
  out->top = above_height(p) + (p->legend == LEGEND_ABOVE ? p->legend_rows * ENTRY : 0.0);
  if (p->title != NULL && p->title[0] != '\0') out->top += FONT_TITLE * 1.5;
  out->right = 4.0;
  if (!p->hide_x && p->x.n_tick > 0) {
    const int last = p->x.n_tick - 1;
    const double over = glia_axis_place_(&p->x, p->x.tick[last]) +
                        glia_meter_width_(m, p->x.label[last], p->x.font_pt, false) / 2.0;
    out->right = fmax(out->right, over - p->plot.x - p->plot.w);
  }
  if (p->heat != NULL) {
    out->right = BAR_GAP + BAR + TICK + TO_LABEL + widest_label(&p->z, m);
    if (has_text(p->heat->label, &p->z)) out->right += FONT_LABEL * 1.45;
    p->bar_right = out->right;
  }
}

/* ---- the grid ---- */

/* Margins common to a column (or, of a row, top and bottom). */
static struct margin widest_margin(const struct glia_figure *fig, int row, int col)
{
  struct margin all = {0};

  for (int i = 0; i < fig->rows * fig->cols; i++) {
    const struct margin *m = &fig->panel[i].margin;
    if (i % fig->cols == col) {
      all.left = fmax(all.left, m->left);
      all.right = fmax(all.right, m->right);
    }
    if (i / fig->cols == row) {
      all.top = fmax(all.top, m->top);
      all.bottom = fmax(all.bottom, m->bottom);
    }
  }
  return all;
}

/* Share what the margins leave among the plots. */
static void spread(struct glia_figure *fig)
{
  double width = fig->width - 2.0 * OUTER - (fig->cols - 1) * BETWEEN;
  double height = fig->height - 2.0 * OUTER - (fig->rows - 1) * BETWEEN / 2.0;
  const double head = fig->title != NULL ? FONT_FIGURE * 1.6 : 0.0;
  double weights = 0.0;

  for (int c = 0; c < fig->cols; c++) {
    const struct margin m = widest_margin(fig, 0, c);
    width -= m.left + m.right;
  }
  for (int r = 0; r < fig->rows; r++) {
    const struct margin m = widest_margin(fig, r, 0);
    height -= m.top + m.bottom;
    weights += fig->weight[r];
  }
  height -= head;
  double y = OUTER + head;
  for (int r = 0; r < fig->rows; r++) {
    double x = OUTER;
    struct margin m = {0};
    const double h = fmax(height * fig->weight[r] / weights, 12.0);
    for (int c = 0; c < fig->cols; c++) {
      m = widest_margin(fig, r, c);
      const double w = fmax(width / fig->cols, 12.0);
      fig->panel[r * fig->cols + c].plot = (struct rect){x + m.left, y + m.top, w, h};
      fig->panel[r * fig->cols + c].title_y = y + FONT_TITLE * 1.05;
      x += m.left + w + m.right + BETWEEN;
    }
    y += m.top + h + m.bottom + BETWEEN / 2.0;
  }
}

static void scale_axes(struct glia_panel *p)
{
  p->x.p0 = p->plot.x;
  p->x.p1 = p->plot.x + p->plot.w;
  p->y.p0 = p->z.p0 = p->plot.y + p->plot.h;
  p->y.p1 = p->z.p1 = p->plot.y;
  p->y.name_room = fmin(0.4 * p->fig->width / p->fig->cols, 130.0);
  glia_axis_ticks_(&p->x, p->fig->meter);
  glia_axis_ticks_(&p->y, p->fig->meter);
  if (p->heat != NULL) glia_axis_ticks_(&p->z, p->fig->meter);
}

void glia_figure_layout_(struct glia_figure *fig)
{
  const int panels = fig->rows * fig->cols;

  for (int i = 0; i < panels; i++) {
    fig->panel[i].margin = (struct margin){.left = 30.0, .right = 6.0, .top = 6.0, .bottom = 24.0};
    fig->panel[i].legend = LEGEND_NONE;
    fig->panel[i].data_hi = fig->panel[i].y.hi;
  }
  /* Ticks depend on the plots and the plots on the ticks' texts: a few rounds settle it. */
  for (int round = 0; round < 4; round++) {
    spread(fig);
    for (int i = 0; i < panels; i++) {
      struct glia_panel *p = &fig->panel[i];
      if (p->legend == LEGEND_HEAD) make_headroom(p);
      scale_axes(p);
      if (!glia_legend_measure_(p))
        p->legend = LEGEND_NONE;
      else if (round >= 1)
        glia_legend_place_(p);
      measure(p);
    }
  }
}
