/* Heat maps, as pictures of four dots per point, and their colour bars. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>

#define DOTS_PER_PT 4.0
#define DOTS_MAX    4096

/* For each of the n dots of [p0, p0 + n / scale], the cells [first, last] that it shows; last < first: none. A cell wider
 * than a dot owns the dots whose middle it covers; a narrower one, the dot in which its own middle lies. */
static void cells_of_dots(const struct axis *a, int64_t cells, const double *edge, double shift,
                          double p0, double scale, int n, int64_t *first, int64_t *last)
{
  for (int i = 0; i < n; i++) {
    first[i] = INT64_MAX;
    last[i] = -1;
  }
  for (int64_t k = 0; k < cells; k++) {
    const double a0 = (glia_axis_place_(a, edge[k] + shift) - p0) * scale;
    const double a1 = (glia_axis_place_(a, edge[k + 1] + shift) - p0) * scale;
    const double lo = fmin(a0, a1);
    const double hi = fmax(a0, a1);
    if (isnan(a0) || isnan(a1) || hi <= 0.0 || lo >= n) continue;
    int from = (int)ceil(fmax(lo, 0.0) - 0.5);
    int to = (int)ceil(fmin(hi, n) - 0.5) - 1;
    if (hi - lo < 1.0) {
      const double middle = (lo + hi) / 2.0;
      if (middle < 0.0 || middle >= n) continue;
      from = to = (int)middle;
    }
    for (int i = from < 0 ? 0 : from; i <= to && i < n; i++) {
      if (k < first[i]) first[i] = k;
      if (k > last[i]) last[i] = k;
    }
  }
}

/* Which of two values a dot shows: the one farther from the quiet colour. */
static double louder(const struct series *s, double middle, double a, double b)
{
  if (isnan(a)) return b;
  if (isnan(b)) return a;
  if (s->map == GLIA_MAP_DIVERGING) return fabs(b - middle) > fabs(a - middle) ? b : a;
  return fmax(a, b);
}

static uint32_t colour_of(const struct axis *z, glia_map map, double value)
{
  if (!glia_axis_shows_(z, value)) return glia_map_colour_(map, NAN);
  if (z->log) return glia_map_colour_(map, log10(value / z->lo) / log10(z->hi / z->lo));
  return glia_map_colour_(map, (value - z->lo) / (z->hi - z->lo));
}

struct dots {
  int w, h;
  int64_t *first_col, *last_col, *first_row, *last_row;
  uint32_t *rgb;
};

static void paint_row(const struct glia_panel *p, const struct series *s, const struct dots *d,
                      int j)
{
  const double middle = (p->z.lo + p->z.hi) / 2.0;

  for (int i = 0; i < d->w; i++) {
    double value = NAN;
    for (int64_t r = d->first_row[j]; r <= d->last_row[j]; r++)
      for (int64_t k = d->first_col[i]; k <= d->last_col[i]; k++) {
        const double v = s->lo[r * s->cols + k];
        if (glia_axis_shows_(&p->z, v)) value = louder(s, middle, value, v);
      }
    const bool none = d->last_row[j] < 0 || d->last_col[i] < 0;
    d->rgb[(size_t)j * (size_t)d->w + (size_t)i] = none ? NONE : colour_of(&p->z, s->map, value);
  }
}

void glia_heatmap_draw_(struct glia_panel *p, const struct series *s, struct canvas *c)
{
  struct dots d = {.w = (int)fmin(ceil(p->plot.w * DOTS_PER_PT), DOTS_MAX),
                   .h = (int)fmin(ceil(p->plot.h * DOTS_PER_PT), DOTS_MAX)};
  const size_t w = (size_t)d.w;
  const size_t h = (size_t)d.h;
  int64_t *table = malloc(2 * (w + h) * sizeof *table);

  d.rgb = malloc(w * h * sizeof *d.rgb);
  if (table == NULL || d.rgb == NULL) {
    glia_figure_fail_(p->fig, GLIA_E_MEMORY, "no memory for a heat map");
  } else if (s->n > 0) {
    d.first_col = table;
    d.last_col = table + w;
    d.first_row = table + 2 * w;
    d.last_row = table + 2 * w + h;
    cells_of_dots(&p->x, s->cols, s->x, 0.0, p->plot.x, d.w / p->plot.w, d.w, d.first_col,
                  d.last_col);
    cells_of_dots(&p->y, s->rows, s->y, p->y.n_name > 0 ? -0.5 : 0.0, p->plot.y, d.h / p->plot.h,
                  d.h, d.first_row, d.last_row);
    for (int j = 0; j < d.h; j++) paint_row(p, s, &d, j);
    c->ops->image(c, p->plot.x, p->plot.y, p->plot.w, p->plot.h, d.w, d.h, d.rgb);
  }
  free(table);
  free(d.rgb);
}

void glia_colour_bar_draw_(const struct glia_panel *p, struct canvas *c)
{
  const double x = p->plot.x + p->plot.w + 7.0;
  const double w = 8.0;
  uint32_t rgb[256];
  char text[512];

  for (int i = 0; i < 256; i++) rgb[i] = glia_map_colour_(p->heat->map, (255 - i) / 255.0);
  c->ops->image(c, x, p->plot.y, w, p->plot.h, 1, 256, rgb);
  for (int i = 0; i < p->z.n_tick; i++) {
    const double y = glia_axis_place_(&p->z, p->z.tick[i]);
    glia_canvas_line_(c, x + w, y, x + w + 2.5, y, INK, 0.7, GLIA_DASH_SOLID);
    c->ops->text(c, x + w + 4.5, y + p->z.font_pt * 0.36, p->z.label[i],
                 &(struct glyphs){.size_pt = p->z.font_pt, .colour = INK});
  }
  glia_axis_text_(p, &p->z, p->heat->label, p->plot.h + 20.0, text, sizeof text);
  if (text[0] == '\0') return;
  c->ops->text(c, p->plot.x + p->plot.w + p->bar_right - 2.0, p->plot.y + p->plot.h / 2.0, text,
               &(struct glyphs){
                   .size_pt = FONT_LABEL, .anchor = ANCHOR_MIDDLE, .upward = true, .colour = INK});
}
