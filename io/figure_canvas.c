/* What all canvases share, and the probe: a canvas that only remembers which parts of a panel are covered. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>

void glia_path_add_(struct path *p, double x, double y)
{
  if (p->n == p->room) {
    const int64_t room = 2 * p->room + 64;
    double *xy = realloc(p->xy, 2 * (size_t)room * sizeof *xy);
    if (xy == NULL) {
      p->failed = true;
      return;
    }
    p->xy = xy;
    p->room = room;
  }
  p->xy[2 * p->n] = x;
  p->xy[2 * p->n + 1] = y;
  p->n++;
}

void glia_path_gap_(struct path *p)
{
  if (p->n > 0 && !isnan(p->xy[2 * p->n - 1])) glia_path_add_(p, NAN, NAN);
}

void glia_path_free_(struct path *p)
{
  free(p->xy);
  *p = (struct path){0};
}

void glia_canvas_rect_(struct canvas *c, double x, double y, double w, double h,
                       const struct paint *paint)
{
  const double xy[] = {x, y, x + w, y, x + w, y + h, x, y + h};
  struct paint closed = *paint;

  closed.closed = true;
  c->ops->path(c, 4, xy, &closed);
}

void glia_canvas_line_(struct canvas *c, double x0, double y0, double x1, double y1,
                       uint32_t stroke, double width_pt, glia_dash dash)
{
  const double xy[] = {x0, y0, x1, y1};

  c->ops->path(c, 2, xy, &(struct paint){.stroke = stroke, .width_pt = width_pt, .dash = dash});
}

/* ---- probe ---- */

static void mark(struct probe *p, double x, double y)
{
  const double i = (x - p->area.x) / p->area.w * PROBE_CELLS;
  const double j = (y - p->area.y) / p->area.h * PROBE_CELLS;

  if (i >= 0.0 && i < PROBE_CELLS && j >= 0.0 && j < PROBE_CELLS) p->hit[(int)j][(int)i] = 1;
}

/* Cells along a segment; what lies outside is cut off first, so that far ends cost nothing. */
static void mark_segment(struct probe *p, const double *a, const double *b)
{
  double t0 = 0.0;
  double t1 = 1.0;
  const double low[] = {p->area.x, p->area.y};
  const double size[] = {p->area.w, p->area.h};

  for (int k = 0; k < 2; k++) {
    const double d = b[k] - a[k];
    if (d == 0.0) continue;
    const double s0 = (low[k] - a[k]) / d;
    const double s1 = (low[k] + size[k] - a[k]) / d;
    t0 = fmax(t0, fmin(s0, s1));
    t1 = fmin(t1, fmax(s0, s1));
  }
  if (t0 > t1) return;
  const double cells =
      (t1 - t0) * (fabs(b[0] - a[0]) / p->area.w + fabs(b[1] - a[1]) / p->area.h) * PROBE_CELLS;
  const int steps = 1 + (int)(2.0 * cells);
  for (int i = 0; i <= steps; i++) {
    const double t = t0 + (t1 - t0) * i / steps;
    mark(p, a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]));
  }
}

/* Cells inside the polygon, by the even-odd rule along the middle of each row of cells. */
static void mark_inside(struct probe *p, int64_t n, const double *xy)
{
  for (int j = 0; j < PROBE_CELLS; j++) {
    const double y = p->area.y + (j + 0.5) / PROBE_CELLS * p->area.h;
    unsigned char flip[PROBE_CELLS + 1] = {0};
    int64_t first = 0;
    for (int64_t i = 0; i < n; i++) {
      if (isnan(xy[2 * i])) {
        first = i + 1;
        continue;
      }
      const bool last = i + 1 == n || isnan(xy[2 * i + 2]);
      const double *a = xy + 2 * i;
      const double *b = last ? xy + 2 * first : a + 2;
      if ((a[1] > y) == (b[1] > y)) continue;
      const double x = a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
      const double cell = (x - p->area.x) / p->area.w * PROBE_CELLS + 0.5;
      flip[cell < 0.0 ? 0 : cell > PROBE_CELLS ? PROBE_CELLS : (int)cell] ^= 1;
    }
    for (int i = 0, in = 0; i < PROBE_CELLS; i++) {
      in ^= flip[i];
      p->hit[j][i] |= (unsigned char)in;
    }
  }
}

static void probe_path(struct canvas *c, int64_t n, const double *xy, const struct paint *paint)
{
  struct probe *p = (struct probe *)c;

  for (int64_t i = 0; i < n; i++) {
    if (isnan(xy[2 * i])) continue;
    mark(p, xy[2 * i], xy[2 * i + 1]);
    if (i + 1 < n && !isnan(xy[2 * i + 2])) mark_segment(p, xy + 2 * i, xy + 2 * i + 2);
  }
  if (paint->fill != NONE) mark_inside(p, n, xy);
}

static void probe_text(struct canvas *c, double x, double y, const char *text,
                       const struct glyphs *g)
{
  (void)c, (void)x, (void)y, (void)text, (void)g;
}

static void probe_image(struct canvas *c, double x, double y, double width, double height, int w,
                        int h, const uint32_t *rgb)
{
  const double xy[] = {x, y, x + width, y, x + width, y + height, x, y + height};

  (void)w, (void)h, (void)rgb;
  mark_inside((struct probe *)c, 4, xy);
}

static void probe_clip(struct canvas *c, double x, double y, double width, double height)
{
  (void)c, (void)x, (void)y, (void)width, (void)height;
}

static void probe_unclip(struct canvas *c) { (void)c; }

void glia_probe_init_(struct probe *p, struct rect area)
{
  static const struct canvas_ops ops = {probe_path, probe_text, probe_image, probe_clip,
                                        probe_unclip};

  *p = (struct probe){.canvas.ops = &ops, .area = area};
}

double glia_probe_cover_(const struct probe *p, struct rect box)
{
  const int i0 = (int)floor((box.x - p->area.x) / p->area.w * PROBE_CELLS);
  const int i1 = (int)ceil((box.x + box.w - p->area.x) / p->area.w * PROBE_CELLS);
  const int j0 = (int)floor((box.y - p->area.y) / p->area.h * PROBE_CELLS);
  const int j1 = (int)ceil((box.y + box.h - p->area.y) / p->area.h * PROBE_CELLS);
  int hit = 0;
  int all = 0;

  for (int j = j0 < 0 ? 0 : j0; j < j1 && j < PROBE_CELLS; j++)
    for (int i = i0 < 0 ? 0 : i0; i < i1 && i < PROBE_CELLS; i++, all++) hit += p->hit[j][i];
  return all > 0 ? (double)hit / all : 0.0;
}
