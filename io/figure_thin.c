/* From values to points on the page, no more of them than can be seen. Points that follow each other within one column of
 * half a point keep their first, lowest, highest and last: the line through these covers the same dots of the page. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>

#define COLUMNS_PER_PT 2.0
#define RUNS_MAX       12000
#define EXACT_MAX      3000 /* so few marks or edges of a band keep their exact places */

struct column {
  double at; /* number of the column, NaN: none open */
  double first[2], lowest[2], highest[2], last[2];
  bool low_first; /* the lowest came before the highest */
};

static void put(struct path *out, const double *a)
{
  if (out->n > 0 && out->xy[2 * out->n - 2] == a[0] && out->xy[2 * out->n - 1] == a[1]) return;
  glia_path_add_(out, a[0], a[1]);
}

static void flush(struct column *c, struct path *out)
{
  if (isnan(c->at)) return;
  put(out, c->first);
  put(out, c->low_first ? c->lowest : c->highest);
  put(out, c->low_first ? c->highest : c->lowest);
  put(out, c->last);
  c->at = NAN;
}

static void start(struct column *c, double column, const double *at)
{
  c->at = column;
  for (int k = 0; k < 2; k++) c->first[k] = c->lowest[k] = c->highest[k] = at[k];
}

/* A gap inside one column cannot be seen and is closed. */
void glia_thin_line_(const struct glia_panel *p, const struct series *s, struct path *out)
{
  struct column c = {.at = NAN};
  bool gap = false;

  for (int64_t i = 0; i < s->n; i++) {
    const double at[2] = {glia_axis_place_(&p->x, s->x[i]), glia_axis_place_(&p->y, s->y[i])};
    if (isnan(at[0]) || isnan(at[1])) {
      gap = true;
      continue;
    }
    const double column = floor(at[0] * COLUMNS_PER_PT);
    if (column != c.at || (gap && s->n <= EXACT_MAX)) {
      flush(&c, out);
      if (gap) glia_path_gap_(out);
      start(&c, column, at);
    }
    gap = false;
    if (at[1] < c.lowest[1]) {
      for (int k = 0; k < 2; k++) c.lowest[k] = at[k];
      c.low_first = false;
    }
    if (at[1] > c.highest[1]) {
      for (int k = 0; k < 2; k++) c.highest[k] = at[k];
      c.low_first = true;
    }
    for (int k = 0; k < 2; k++) c.last[k] = at[k];
  }
  flush(&c, out);
}

/* Close a polygon: back along its lower side. */
static void close_band(struct path *low, struct path *out)
{
  while (low->n > 0) {
    low->n--;
    glia_path_add_(out, low->xy[2 * low->n], low->xy[2 * low->n + 1]);
  }
  glia_path_gap_(out);
}

/* The envelope of a band, as polygons. */
void glia_thin_band_(const struct glia_panel *p, const struct series *s, struct path *out)
{
  struct path low = {0};
  double column = NAN;
  bool gap = false;

  for (int64_t i = 0; i < s->n && !out->failed && !low.failed; i++) {
    const double x = glia_axis_place_(&p->x, s->x[i]);
    const double a = glia_axis_place_(&p->y, s->lo[i]);
    const double b = glia_axis_place_(&p->y, s->hi[i]);
    if (isnan(x) || isnan(a) || isnan(b)) {
      gap = true;
      continue;
    }
    if (s->n > EXACT_MAX && floor(x * COLUMNS_PER_PT) == column) {
      double *upper = out->xy + 2 * out->n - 1;
      double *lower = low.xy + 2 * low.n - 1;
      *upper = fmin(*upper, b);
      *lower = fmax(*lower, a);
    } else {
      if (gap) close_band(&low, out);
      column = floor(x * COLUMNS_PER_PT);
      glia_path_add_(out, x, b);
      glia_path_add_(&low, x, a);
    }
    gap = false;
  }
  close_band(&low, out);
  out->failed |= low.failed;
  glia_path_free_(&low);
}

/* Marks on a grid of cells of `size` points: runs of neighbours become one stroke. */
static int64_t runs(const struct glia_panel *p, const struct series *s, double size, bool join,
                    struct path *out)
{
  const int w = (int)ceil(p->plot.w / size) + 1;
  const int h = (int)ceil(p->plot.h / size) + 1;
  unsigned char *hit = calloc((size_t)w * (size_t)h, 1);
  int64_t n = 0;

  out->n = 0;
  out->failed |= hit == NULL;
  for (int64_t i = 0; hit != NULL && i < s->n; i++) {
    const double x = (glia_axis_place_(&p->x, s->x[i]) - p->plot.x) / size;
    const double y = (glia_axis_place_(&p->y, s->y[i]) - p->plot.y) / size;
    if (x >= 0.0 && x < w && y >= 0.0 && y < h) hit[(size_t)y * (size_t)w + (size_t)x] = 1;
  }
  for (int j = 0; hit != NULL && j < h; j++)
    for (int i = 0; i < w; i++) {
      const unsigned char *row = hit + (size_t)j * (size_t)w;
      if (!row[i]) continue;
      const int first = i;
      while (join && i + 1 < w && row[i + 1]) i++;
      const double y = p->plot.y + (j + 0.5) * size;
      glia_path_gap_(out);
      glia_path_add_(out, p->plot.x + (first + 0.5) * size, y);
      if (i > first) glia_path_add_(out, p->plot.x + (i + 0.5) * size, y);
      n++;
    }
  free(hit);
  return n;
}

void glia_thin_dots_(const struct glia_panel *p, const struct series *s, struct path *out)
{
  const bool join = s->mark == GLIA_MARK_CIRCLE;

  if (s->n <= EXACT_MAX) {
    for (int64_t i = 0; i < s->n; i++) {
      const double x = glia_axis_place_(&p->x, s->x[i]);
      const double y = glia_axis_place_(&p->y, s->y[i]);
      if (isnan(x) || isnan(y)) continue;
      glia_path_gap_(out);
      glia_path_add_(out, x, y);
    }
    return;
  }
  for (double size = 0.25; size <= 2.5 && !out->failed; size *= 1.5)
    if (runs(p, s, size, join, out) <= RUNS_MAX) return;
}
