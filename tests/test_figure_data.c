/* Figures of hard data: gaps, infinities, a million points, values that a logarithmic axis cannot show. */
#include "figure_rig.h"

#include <cairo.h>
#include <math.h>

static void log_axis_counts_what_it_cannot_show(void)
{
  const double x[] = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0};
  const double y[] = {1.0, 0.0, -3.0, 10.0, INFINITY, 100.0};
  struct glia_figure *fig = figure(3.4, 2.4, 1, 1);
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);

  glia_panel_log_y(p);
  glia_panel_line(p, 6, x, y, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("log.svg")), GLIA_OK);
  CU_ASSERT(holds("log.svg", ">not shown: 2 values \xe2\x89\xa4 0, 1 infinite<"));
  glia_figure_destroy(&fig);
}

/* Values in every kind of series, on linear and logarithmic axes, in every format. */
static void survives(const char *what, int64_t n, const double *x, const double *y)
{
  static const char *const endings[] = {"svg", "png", "pdf", "html"};

  for (int log = 0; log < 2; log++) {
    struct glia_figure *fig = figure(7.0, 6.0, 3, 2);
    for (int i = 0; i < 6; i++) {
      struct glia_panel *p = glia_figure_panel(fig, i / 2, i % 2);
      const struct glia_style s = {.label = what, .mark = (glia_mark)(i % 5)};
      if (log) glia_panel_log_x(p);
      if (log) glia_panel_log_y(p);
      if (i == 0) glia_panel_line(p, n, x, y, &s);
      if (i == 1) glia_panel_points(p, n, x, y, &s);
      if (i == 2) glia_panel_errorbars(p, n, x, y, y, y, &s);
      if (i == 3) glia_panel_band(p, n, x, y, y, &s);
      if (i == 4) glia_panel_histogram(p, n, y, 0, log, &s);
      if (i == 5)
        glia_panel_heatmap(
            p, &(struct glia_heatmap){.rows = n > 0, .cols = n, .value = y, .log = log});
      glia_panel_span(p, n > 0 ? x[0] : 0.0, INFINITY, what);
      glia_panel_hline(p, n > 0 ? y[0] : 1.0, what);
    }
    for (int i = 0; i < 4; i++) {
      char name[64];
      snprintf(name, sizeof name, "%s%d.%s", what, log, endings[i]);
      CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder(name)), GLIA_OK);
      if (i == 0) CU_ASSERT_FALSE(holds(name, "\"nan"));
      if (i == 0) CU_ASSERT_FALSE(holds(name, " nan"));
    }
    glia_figure_destroy(&fig);
  }
}

static void hard_data_are_drawn(void)
{
  const double count[] = {1.0, 2.0, 3.0, 4.0};
  const double nans[] = {NAN, NAN, NAN, NAN};
  const double infinite[] = {INFINITY, -INFINITY, INFINITY, 1.0};
  const double wide[] = {1e-300, 1.0, 1e300, -1e300};
  const double tiny[] = {1e-300, 2e-300, 5e-324, 0.0};
  const double same[] = {7.25, 7.25, 7.25, 7.25};
  const double near[] = {1e9, 1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0};
  const double most[] = {1.7e308, -1.7e308, 0.0, 1.0};

  survives("empty", 0, NULL, NULL);
  survives("single", 1, count, count);
  survives("nan", 4, count, nans);
  survives("nan-x", 4, nans, nans);
  survives("infinite", 4, count, infinite);
  survives("wide", 4, wide, wide);
  survives("tiny", 4, tiny, tiny);
  survives("constant", 4, same, same);
  survives("near", 4, near, near);
  survives("most", 4, most, most);
  CU_ASSERT(holds("empty0.svg", ">no data<"));
  CU_ASSERT(holds("near0.svg", "+ 1000000000<"));
  CU_ASSERT(holds("wide0.svg", "\xc3\x97"
                               "10\xc2\xb3\xe2\x81\xb0\xe2\x81\xb0<"));
  CU_ASSERT(holds("wide1.svg", ">10\xe2\x81\xbb\xc2\xb2\xe2\x81\xb0\xe2\x81\xb0<"));
  CU_ASSERT(holds("tiny0.svg", "\xc3\x97"
                               "10\xe2\x81\xbb\xc2\xb3\xe2\x81\xb0\xe2\x81\xb0<"));
}

static void a_million_points_stay_small(void)
{
  const int64_t n = 1000000;
  double *x = malloc((size_t)n * sizeof *x);
  double *y = malloc((size_t)n * sizeof *y);
  unsigned seed = 2;
  size_t size = 0;

  CU_ASSERT_FATAL(x != NULL && y != NULL);
  for (int64_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (double)i;
    y[i] = (double)(seed >> 8) / (1 << 24) + sin((double)i / 1e5);
  }
  y[n / 3] = 9.0; /* one event among a million stays visible */
  struct glia_figure *fig = figure(7.0, 4.0, 1, 2);
  glia_panel_line(glia_figure_panel(fig, 0, 0), n, x, y, NULL);
  glia_panel_points(glia_figure_panel(fig, 0, 1), n, x, y, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("million.svg")), GLIA_OK);
  free(slurp("million.svg", &size));
  tap_note("svg of a line and points of 1e6: %zu bytes", size);
  CU_ASSERT(size > 10000 && size < 300000);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("million.pdf")), GLIA_OK);
  free(slurp("million.pdf", &size));
  CU_ASSERT(size < 300000);
  CU_ASSERT(holds("million.csv", "1/1,line,,333333,,9,,,\n"));
  glia_figure_destroy(&fig);
  free(x);
  free(y);
}

static void short_events_survive_thinning(void)
{
  static double quiet[100000], loud[100000];
  struct glia_figure *a = figure(3.0, 2.0, 2, 1);
  struct glia_figure *b = figure(3.0, 2.0, 2, 1);
  size_t na = 0, nb = 0;

  loud[54321] = 1.0; /* one cell of a hundred thousand */
  for (int i = 0; i < 2; i++) {
    struct glia_figure *fig = i == 0 ? a : b;
    glia_panel_limits_y(glia_figure_panel(fig, 0, 0), 0.0, 1.0);
    glia_panel_line(glia_figure_panel(fig, 0, 0), 100000, NULL, i == 0 ? quiet : loud, NULL);
    glia_panel_heatmap(
        glia_figure_panel(fig, 1, 0),
        &(struct glia_heatmap){
            .rows = 1, .cols = 100000, .value = i == 0 ? quiet : loud, .lo = 0.0, .hi = 1.0});
  }
  CU_ASSERT_EQUAL(glia_figure_write(a, in_folder("quiet.png")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(b, in_folder("loud.png")), GLIA_OK);
  cairo_surface_t *x = cairo_image_surface_create_from_png(in_folder("quiet.png"));
  cairo_surface_t *y = cairo_image_surface_create_from_png(in_folder("loud.png"));
  const int stride = cairo_image_surface_get_stride(x);
  for (int j = 0; j < 384; j++) {
    const int differ = memcmp(cairo_image_surface_get_data(x) + j * stride,
                              cairo_image_surface_get_data(y) + j * stride, 4 * 576) != 0;
    if (j < 192)
      na += (size_t)differ;
    else
      nb += (size_t)differ;
  }
  CU_ASSERT(na > 80); /* the line rises through most of the upper panel */
  CU_ASSERT(nb > 80); /* and the lower panel has a light column */
  cairo_surface_destroy(x);
  cairo_surface_destroy(y);
  glia_figure_destroy(&a);
  glia_figure_destroy(&b);
}

static void a_hundred_thousand_gaps_stay_small(void)
{
  static double y[200000];
  struct glia_figure *fig = figure(7.0, 4.0, 1, 2);
  size_t size = 0;

  for (int i = 0; i < 200000; i++) y[i] = i % 2 == 0 ? sin(i / 1e4) : (double)NAN;
  glia_panel_line(glia_figure_panel(fig, 0, 0), 200000, NULL, y, NULL);
  glia_panel_band(glia_figure_panel(fig, 0, 1), 200000, NULL, y, y, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("gaps.svg")), GLIA_OK);
  free(slurp("gaps.svg", &size));
  CU_ASSERT(size > 1000 && size < 300000);
  glia_figure_destroy(&fig);
}

/* Parts of a path in the SVG: a gap begins another, a point between two gaps is a dot. */
static void a_gap_is_a_gap(void)
{
  const double y[] = {1.0, 2.0, NAN, 3.0, NAN, 4.0, 5.0, 6.0};
  struct glia_figure *fig = figure(3.0, 2.0, 1, 1);

  glia_panel_line(glia_figure_panel(fig, 0, 0), 8, NULL, y, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("gap.svg")), GLIA_OK);
  glia_figure_destroy(&fig);
  char *svg = slurp("gap.svg", NULL);
  char *line = svg != NULL ? strstr(svg, "stroke=\"#0072b2\"") : NULL;
  int parts = 0;
  CU_ASSERT_PTR_NOT_NULL_FATAL(line);
  for (const char *c = line; *c != '/'; c++) parts += *c == 'M';
  CU_ASSERT_EQUAL(parts, 3);
  CU_ASSERT_PTR_NOT_NULL(strstr(line, "stroke-width=\"2.75\"")); /* the dot */
  free(svg);
}

/* ---- texts ---- */

int main(void)
{
  static const struct tap_test tests[] = {
      TAP(log_axis_counts_what_it_cannot_show),
      TAP(hard_data_are_drawn),
      TAP(a_million_points_stay_small),
      TAP(a_hundred_thousand_gaps_stay_small),
      TAP(a_gap_is_a_gap),
      TAP(short_events_survive_thinning),
      TAP(nothing_is_left_behind),
  };

  return figure_main("figure_data", tests, sizeof tests / sizeof tests[0]);
}
