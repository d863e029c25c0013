/* Figures and reports: every kind of series in every format, hard data, and the promises of glia_figure.h.
 * With FIGURES=folder in the environment the pictures stay there to be looked at. */
#include "figure_rig.h"
#include "glia_report.h"

#include <cairo.h>
#include <math.h>

static void draw_losses(struct glia_panel *p)
{
  static double x[N], train[N], valid[N], lo[N], hi[N];
  unsigned seed = 1;

  for (int i = 0; i < N; i++) {
    x[i] = 25.0 * i;
    const double base = 0.02 + 2.3 * exp(-i / 40.0) + 0.3 * exp(-i / 150.0);
    train[i] = base * exp(0.08 * noise(&seed));
    valid[i] = base * 1.15 + 0.02 + 1e-4 * i;
    lo[i] = valid[i] * 0.86;
    hi[i] = valid[i] * 1.16;
  }
  glia_panel_title(p, "Loss of five runs");
  glia_panel_xlabel(p, "step");
  glia_panel_ylabel(p, "loss (nat)");
  glia_panel_log_y(p);
  glia_panel_band(p, N, x, lo, hi, &(struct glia_style){.colour = 2});
  glia_panel_line(p, N, x, train, &(struct glia_style){.label = "train", .colour = 1});
  glia_panel_line(p, N, x, valid,
                  &(struct glia_style){.label = "validation, mean and range", .colour = 2});
  glia_panel_hline(p, 0.05, "target");
}

static void draw_metrics(struct glia_panel *p)
{
  static const char *const names[] = {"cpu.user",      "cpu.system", "cpu.iowait",   "load1",
                                      "mem.available", "mem.dirty",  "pressure.cpu", "pressure.mem",
                                      "pressure.io",   "net.rx",     "disk.read",    "ctxt"};
  static double value[12 * 120];
  static double edge[121];
  unsigned seed = 7;

  for (int t = 0; t <= 120; t++) edge[t] = 1.0 * t;
  for (int m = 0; m < 12; m++)
    for (int t = 0; t < 120; t++) {
      const double fault = t >= 70 && t < 95 && (m < 2 || m == 3 || m == 6 || m == 11) ? 3.2 : 0.0;
      value[120 * m + t] = 0.6 * noise(&seed) + 0.6 * sin(t / (6.0 + m)) + fault;
    }
  for (int t = 30; t < 34; t++) value[120 * 9 + t] = NAN;
  glia_panel_title(p, "Twelve metrics of node n01");
  glia_panel_heatmap(p, &(struct glia_heatmap){.rows = 12,
                                               .cols = 120,
                                               .value = value,
                                               .x_edge = edge,
                                               .name = names,
                                               .lo = -4.0,
                                               .hi = 4.0,
                                               .map = GLIA_MAP_DIVERGING,
                                               .label = "deviation (\xcf\x83)"});
  glia_panel_span(p, 70.0, 95.0, "fault injected");
  glia_panel_time_elapsed(p);
}

static void draw_score(struct glia_panel *p)
{
  static double x[120], y[120];
  unsigned seed = 9;

  for (int t = 0; t < 120; t++) {
    x[t] = t + 0.5;
    y[t] = 0.4 * exp(0.25 * noise(&seed)) * (t >= 71 && t < 96 ? 9.0 : 1.0);
  }
  glia_panel_line(p, 120, x, y, &(struct glia_style){.label = "reconstruction error"});
  glia_panel_ylabel(p, "score");
  glia_panel_hline(p, 1.6, "threshold");
  glia_panel_span(p, 70.0, 95.0, NULL);
  glia_panel_vline(p, 73.0, "alarm");
  glia_panel_time_elapsed(p);
}

static void draw_histogram(struct glia_panel *p)
{
  static double value[5000], x[N], y[N];
  unsigned seed = 3;

  for (int i = 0; i < 5000; i++) value[i] = 12.0 + 1.5 * noise(&seed);
  for (int i = 0; i < N; i++) {
    x[i] = 6.0 + 12.0 * i / (N - 1);
    y[i] = exp(-0.5 * pow((x[i] - 12.0) / 1.5, 2.0)) / (1.5 * sqrt(2.0 * acos(-1.0)));
  }
  glia_panel_title(p, "Step time");
  glia_panel_xlabel(p, "step time (ms)");
  glia_panel_ylabel(p, "density (1/ms)");
  glia_panel_histogram(p, 5000, value, 0, true, &(struct glia_style){.label = "measured"});
  glia_panel_line(p, N, x, y, &(struct glia_style){.label = "normal law"});
}

static void draw_scaling(struct glia_panel *p)
{
  double ranks[7], speed[7], lo[7], hi[7], ideal[7];
  unsigned seed = 5;

  for (int i = 0; i < 7; i++) {
    ranks[i] = pow(2.0, i);
    ideal[i] = ranks[i];
    speed[i] = ranks[i] / (1.0 + 0.01 * ranks[i]) * exp(0.03 * noise(&seed));
    lo[i] = speed[i] * 0.88;
    hi[i] = speed[i] * 1.12;
  }
  glia_panel_title(p, "Strong scaling");
  glia_panel_xlabel(p, "ranks");
  glia_panel_ylabel(p, "speed-up");
  glia_panel_log_x(p);
  glia_panel_log_y(p);
  glia_panel_line(p, 7, ranks, ideal,
                  &(struct glia_style){.label = "ideal", .colour = 7, .dash = GLIA_DASH_DASHED});
  glia_panel_errorbars(p, 7, ranks, speed, lo, hi, &(struct glia_style){.label = "measured"});
}

static void draw_mean(struct glia_panel *p)
{
  static double x[N], y[N], lo[N], hi[N], px[60], py[60];
  unsigned seed = 11;

  for (int i = 0; i < N; i++) {
    x[i] = 10.0 * i / N;
    y[i] = sin(x[i]);
    lo[i] = y[i] - 0.3 - 0.03 * x[i];
    hi[i] = y[i] + 0.3 + 0.03 * x[i];
  }
  for (int i = 0; i < 60; i++) {
    px[i] = 10.0 * i / 60.0;
    py[i] = sin(px[i]) + 0.25 * noise(&seed);
  }
  glia_panel_title(p, "Posterior");
  glia_panel_xlabel(p, "x (m)");
  glia_panel_ylabel(p, "u (m/s)");
  glia_panel_band(p, N, x, lo, hi, &(struct glia_style){.label = "95 % interval", .colour = 1});
  glia_panel_line(p, N, x, y, &(struct glia_style){.label = "mean", .colour = 1});
  glia_panel_points(p, 60, px, py, &(struct glia_style){.label = "data", .colour = 2});
}

static void draw_causes(struct glia_panel *p)
{
  static const char *const names[] = {"cpu.user", "load1", "pressure.cpu", "ctxt", "mem.available"};
  const double share[] = {41.0, 28.5, 17.0, 8.0, 1.5};

  glia_panel_title(p, "Causes of the alarm");
  glia_panel_xlabel(p, "share of the score (%)");
  glia_panel_bars(p, 5, share, names, NULL);
}

static struct glia_figure *timeline(void)
{
  struct glia_figure *fig = figure(7.0, 4.2, 2, 1);

  glia_figure_share_x(fig);
  glia_figure_row_weights(fig, (const double[]){2.2, 1.0});
  draw_metrics(glia_figure_panel(fig, 0, 0));
  draw_score(glia_figure_panel(fig, 1, 0));
  return fig;
}

static struct glia_figure *gallery(void)
{
  struct glia_figure *fig = figure(7.0, 6.6, 3, 2);

  glia_figure_title(fig, "A gallery");
  draw_losses(glia_figure_panel(fig, 0, 0));
  draw_histogram(glia_figure_panel(fig, 0, 1));
  draw_scaling(glia_figure_panel(fig, 1, 0));
  draw_mean(glia_figure_panel(fig, 1, 1));
  draw_metrics(glia_figure_panel(fig, 2, 0));
  draw_causes(glia_figure_panel(fig, 2, 1));
  return fig;
}

static void papers_figures_are_written(void)
{
  static const char *const names[] = {"gallery.svg", "gallery.pdf", "gallery.png", "gallery.html"};
  struct glia_figure *fig = gallery();

  for (int i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder(names[i])), GLIA_OK);
    CU_ASSERT_EQUAL(access(in_folder(names[i]), R_OK), 0);
  }
  glia_figure_destroy(&fig);
  CU_ASSERT_PTR_NULL(fig);
  fig = timeline();
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("timeline.svg")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("timeline.png")), GLIA_OK);
  glia_figure_destroy(&fig);
}

/* ---- the files ---- */

static void png_has_192_dots_per_inch_and_is_not_blank(void)
{
  cairo_surface_t *s = cairo_image_surface_create_from_png(in_folder("gallery.png"));
  unsigned char *data = cairo_image_surface_get_data(s);
  long long ink = 0;
  long long paper = 0;

  CU_ASSERT_EQUAL_FATAL(cairo_surface_status(s), CAIRO_STATUS_SUCCESS);
  CU_ASSERT_EQUAL(cairo_image_surface_get_width(s), 7 * 192);
  CU_ASSERT_EQUAL(cairo_image_surface_get_height(s), 1267);
  for (int j = 0; j < cairo_image_surface_get_height(s); j++)
    for (int i = 0; i < cairo_image_surface_get_width(s); i++) {
      uint32_t dot;
      memcpy(&dot, data + j * cairo_image_surface_get_stride(s) + 4 * i, sizeof dot);
      paper += (dot & 0xffffff) == 0xffffff;
      ink += (dot & 0xffffff) != 0xffffff;
    }
  CU_ASSERT(ink > 100000);
  CU_ASSERT(paper > 600000);
  cairo_surface_destroy(s);
}

/* Runs a short Python program on a file of the folder; false when it fails, true without Python. */
static bool python(const char *program, const char *name)
{
  char command[2048];
  const char *python3 = getenv("PYTHON3");

  if (python3 == NULL || strcmp(python3, "none") == 0) {
    tap_note("no Python: %s is not parsed", name);
    return true;
  }
  snprintf(command, sizeof command, "'%s' -c '%s' '%s'", python3, program, in_folder(name));
  return system(command) == 0;
}

static void svg_is_xml_with_its_texts(void)
{
  static const char parse[] = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
  static const char *const texts[] = {
      ">A gallery<",     ">loss (nat)<", ">fault injected<",      ">pressure.cpu<",
      ">95 % interval<", ">speed-up<",   "data:image/png;base64,"};

  CU_ASSERT(python(parse, "gallery.svg"));
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    CU_ASSERT(holds("gallery.svg", texts[i]));
  CU_ASSERT_FALSE(holds("gallery.svg", ">no data<"));
  CU_ASSERT_FALSE(holds("gallery.svg", "nan"));
  CU_ASSERT_FALSE(holds("gallery.svg", "inf"));
}

static void html_holds_picture_and_link(void)
{
  CU_ASSERT(holds("gallery.html", "<!doctype html>"));
  CU_ASSERT(holds("gallery.html", "<svg "));
  CU_ASSERT(holds("gallery.html", "href=\"gallery.csv\""));
  CU_ASSERT_FALSE(holds("gallery.html", "src=\"http"));
  CU_ASSERT_FALSE(holds("gallery.html", "<?xml"));
}

static void pdf_is_whole_and_dateless(void)
{
  size_t n = 0;
  char *pdf = slurp("gallery.pdf", &n);

  CU_ASSERT_PTR_NOT_NULL_FATAL(pdf);
  CU_ASSERT(n > 10000);
  CU_ASSERT_EQUAL(strncmp(pdf, "%PDF-", 5), 0);
  CU_ASSERT_EQUAL(strncmp(pdf + n - 6, "%%EOF\n", 6), 0);
  free(pdf);
}

static void csv_holds_every_number(void)
{
  const double x[] = {1.0, 2.0, 3.0};
  const double y[] = {0.1, NAN, 1e-300};
  const double v[] = {1.0, 2.0, 3.0, 4.5};
  const char *const names[] = {"a", "b,\"c\""};
  struct glia_figure *fig = figure(4.0, 3.0, 1, 2);
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);

  glia_panel_title(p, "first");
  glia_panel_line(p, 3, x, y, &(struct glia_style){.label = "l"});
  glia_panel_band(p, 1, x, x, x + 1, NULL);
  glia_panel_errorbars(p, 1, x, x + 1, x, x + 2, &(struct glia_style){.label = "e"});
  glia_panel_histogram(p, 4, v, 2, false, &(struct glia_style){.label = "h"});
  glia_panel_span(p, 1.0, INFINITY, "s");
  glia_panel_hline(p, 0.25, "t");
  glia_panel_heatmap(glia_figure_panel(fig, 0, 1),
                     &(struct glia_heatmap){.rows = 2, .cols = 2, .value = v, .name = names});
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("numbers.svg")), GLIA_OK);
  CU_ASSERT(holds("numbers.csv", "panel,kind,series,x,x_hi,y,y_lo,y_hi,value\n"));
  CU_ASSERT(holds("numbers.csv", "first,line,l,1,,0.1,,,\n"));
  CU_ASSERT(holds("numbers.csv", "first,line,l,2,,nan,,,\n"));
  CU_ASSERT(holds("numbers.csv", "first,line,l,3,,1e-300,,,\n"));
  CU_ASSERT(holds("numbers.csv", "first,band,,1,,,1,2,\n"));
  CU_ASSERT(holds("numbers.csv", "first,errorbars,e,1,,2,1,3,\n"));
  CU_ASSERT(holds("numbers.csv", "first,histogram,h,1,2.75,2,,,\n"));
  CU_ASSERT(holds("numbers.csv", "first,span,s,1,inf,,,,\n"));
  CU_ASSERT(holds("numbers.csv", "first,hline,t,,,0.25,,,\n"));
  CU_ASSERT(holds("numbers.csv", "1/2,heatmap,a,0,1,,,,1\n"));
  CU_ASSERT(holds("numbers.csv", "1/2,heatmap,\"b,\"\"c\"\"\",1,2,,,,4.5\n"));
  glia_figure_destroy(&fig);
}

static void same_calls_give_same_bytes(void)
{
  static const char *const endings[] = {"svg", "png", "pdf", "csv"};
  struct glia_figure *fig = gallery();

  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("again.svg")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("again.png")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("again.pdf")), GLIA_OK);
  glia_figure_destroy(&fig);
  for (int i = 0; i < 4; i++) {
    char a[32], b[32];
    size_t na = 0, nb = 0;
    snprintf(a, sizeof a, "gallery.%s", endings[i]);
    snprintf(b, sizeof b, "again.%s", endings[i]);
    char *x = slurp(a, &na);
    char *y = slurp(b, &nb);
    CU_ASSERT(x != NULL && y != NULL && na == nb && memcmp(x, y, na) == 0);
    free(x);
    free(y);
  }
}

/* ---- hard data ---- */

static void texts_are_shown_not_obeyed(void)
{
  static const char evil[] = "<script>&\"alert('x')\"";
  static const char shown[] = "&lt;script&gt;&amp;&quot;alert(&#39;x&#39;)&quot;";
  const double x[] = {1.0, 2.0};
  const char *const names[] = {evil, "\xff\x01 bytes"};
  static const char parse[] = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
  struct glia_figure *fig = figure(9.0, 6.0, 1, 2);
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);

  glia_figure_title(fig, evil);
  glia_panel_title(p, evil);
  glia_panel_xlabel(p, evil);
  glia_panel_ylabel(p, evil);
  glia_panel_line(p, 2, x, x, &(struct glia_style){.label = evil});
  glia_panel_span(p, 1.0, 2.0, evil);
  glia_panel_hline(p, 1.5, evil);
  glia_panel_bars(glia_figure_panel(fig, 0, 1), 2, x, names, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("evil.svg")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("evil.html")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("evil.png")), GLIA_OK);
  CU_ASSERT(python(parse, "evil.svg"));
  CU_ASSERT(holds("evil.svg", shown));
  CU_ASSERT(holds("evil.html", shown));
  CU_ASSERT_FALSE(holds("evil.svg", "<script"));
  CU_ASSERT_FALSE(holds("evil.html", "<script"));
  CU_ASSERT(holds("evil.svg", "\xef\xbf\xbd\xef\xbf\xbd bytes"));
  CU_ASSERT(holds("evil.csv", "\"<script>&\"\"alert('x')\"\"\""));
  glia_figure_destroy(&fig);
}

static void long_texts_are_cut(void)
{
  static char text[5000];
  const double x[] = {1.0, 2.0};
  const char *const names[] = {text, text};
  struct glia_figure *fig = figure(3.4, 2.4, 1, 2);

  for (size_t i = 0; i + 3 < sizeof text; i += 2) memcpy(text + i, "\xc3\xa4", 3);
  glia_figure_title(fig, text);
  for (int i = 0; i < 2; i++) {
    struct glia_panel *p = glia_figure_panel(fig, 0, i);
    glia_panel_title(p, text);
    glia_panel_xlabel(p, text);
    glia_panel_ylabel(p, text);
    if (i == 0) glia_panel_line(p, 2, x, x, &(struct glia_style){.label = text});
    if (i == 1) glia_panel_bars(p, 2, x, names, NULL);
    glia_panel_vline(p, 1.0, text);
    glia_panel_hline(p, 1.0, text);
  }
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("long.png")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("long.svg")), GLIA_OK);
  CU_ASSERT(holds("long.svg", "\xc3\xa4\xe2\x80\xa6</text>"));
  glia_figure_destroy(&fig);
}

static void clocks_have_round_ticks(void)
{
  const double day[] = {1769817600.0 - 7200.0, 1769817600.0 + 3600.0 * 30.0}; /* 2026-01-31 */
  const double hours[] = {0.0, 4.0 * 3600.0};
  const double y[] = {0.0, 1.0};
  struct glia_figure *fig = figure(6.0, 3.0, 1, 2);

  glia_panel_line(glia_figure_panel(fig, 0, 0), 2, day, y, NULL);
  glia_panel_time_utc(glia_figure_panel(fig, 0, 0));
  glia_panel_line(glia_figure_panel(fig, 0, 1), 2, hours, y, NULL);
  glia_panel_time_elapsed(glia_figure_panel(fig, 0, 1));
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("clock.svg")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("clock.png")), GLIA_OK);
  CU_ASSERT(holds("clock.svg", ">01-31<"));
  CU_ASSERT(holds("clock.svg", ">12:00<"));
  CU_ASSERT(holds("clock.svg", ">time (UTC, from 2026-01-31)<"));
  CU_ASSERT(holds("clock.svg", ">time (h)<") || holds("clock.svg", ">time (h:min)<"));
  glia_figure_destroy(&fig);
}

/* ---- refusals ---- */

static void first_failure_is_kept(void)
{
  const double falling[] = {2.0, 1.0};
  const double v[] = {1.0};
  struct glia_figure *fig = figure(3.4, 2.4, 1, 1);

  CU_ASSERT_EQUAL(glia_figure_status(fig), GLIA_OK);
  glia_panel_line(glia_figure_panel(fig, 3, 0), 1, v, v, NULL);
  CU_ASSERT_EQUAL(glia_figure_status(fig), GLIA_E_ARGUMENT);
  glia_panel_limits_x(glia_figure_panel(fig, 0, 0), 2.0, 1.0);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("never.svg")), GLIA_E_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(), "panel (3, 0) of a figure of 1 x 1 panels");
  CU_ASSERT_NOT_EQUAL(access(in_folder("never.svg"), F_OK), 0);
  glia_figure_destroy(&fig);

  fig = figure(3.4, 2.4, 1, 1);
  glia_panel_heatmap(glia_figure_panel(fig, 0, 0),
                     &(struct glia_heatmap){.rows = 1, .cols = 1, .value = v, .x_edge = falling});
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("never.svg")), GLIA_E_ARGUMENT);
  glia_figure_destroy(&fig);
  CU_ASSERT_EQUAL(glia_figure_create(0.0, 2.0, 1, 1, &fig), GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NULL(fig);
  CU_ASSERT_EQUAL(glia_figure_create(2.0, (double)NAN, 1, 1, &fig), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_figure_create(2.0, 2.0, 0, 1, &fig), GLIA_E_ARGUMENT);
  glia_figure_destroy(&fig);
}

static void unwritable_paths_leave_nothing(void)
{
  const double v[] = {1.0, 2.0};
  struct glia_figure *fig = figure(3.4, 2.4, 1, 1);

  glia_panel_line(glia_figure_panel(fig, 0, 0), 2, v, v, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("nowhere/x.svg")), GLIA_E_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "nowhere/x.svg"));
  CU_ASSERT_EQUAL(mkdir(in_folder("taken.svg"), 0777), 0); /* cannot be replaced by a file */
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("taken.svg")), GLIA_E_EXISTS);
  CU_ASSERT_NOT_EQUAL(access(in_folder("taken.csv"), F_OK), 0);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("x.gif")), GLIA_E_ARGUMENT);
  CU_ASSERT_NOT_EQUAL(access(in_folder("x.csv"), F_OK), 0);
  glia_figure_destroy(&fig);
}

static void somebodys_data_are_not_overwritten(void)
{
  const double v[] = {1.0, 2.0};
  struct glia_figure *fig = figure(3.4, 2.4, 1, 1);
  FILE *f = fopen(in_folder("mine.csv"), "w");

  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fputs("a,b\n1,2\n", f);
  fclose(f);
  glia_panel_line(glia_figure_panel(fig, 0, 0), 2, v, v, NULL);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("mine.svg")), GLIA_E_EXISTS);
  CU_ASSERT(holds("mine.csv", "a,b\n1,2\n"));
  CU_ASSERT_NOT_EQUAL(access(in_folder("mine.svg"), F_OK), 0);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("own.svg")), GLIA_OK);
  CU_ASSERT_EQUAL(glia_figure_write(fig, in_folder("own.svg")), GLIA_OK);
  glia_figure_destroy(&fig);
}

/* ---- reports ---- */

static void reports_hold_sections_and_figures(void)
{
  static const char *const header[] = {"node", "score"};
  static const char *const row[] = {"n01 <b>", "3.5"};
  struct glia_report *r = NULL;
  struct glia_figure *fig = timeline();

  CU_ASSERT_EQUAL_FATAL(glia_report_create("Incident <1>", &r), GLIA_OK);
  glia_report_verdict(r, GLIA_VERDICT_BAD, "Fault found on n01 from 01:10 to 01:35.");
  glia_report_heading(r, "What & when");
  glia_report_paragraph(r, "The alarm rose three seconds after the fault.");
  glia_report_figure(r, fig, "Deviation of twelve metrics, and the score.");
  glia_report_table(r, 2, header);
  glia_report_row(r, row);
  glia_report_fact(r, "wall time", "%d s", 3);
  glia_report_listing(r, "seed: 1\nmodel:\n  - linear: 10\n");
  CU_ASSERT_EQUAL(glia_report_write(r, in_folder("report.html")), GLIA_OK);
  glia_report_destroy(&r);
  CU_ASSERT_PTR_NULL(r);
  glia_figure_destroy(&fig);
  CU_ASSERT(holds("report.html", "<h1>Incident &lt;1&gt;</h1>"));
  CU_ASSERT(holds("report.html", "<h2>What &amp; when</h2>"));
  CU_ASSERT(holds("report.html", "<td>n01 &lt;b&gt;</td><td class=\"n\">3.5</td>"));
  CU_ASSERT(holds("report.html", ">fault injected</text>"));
  CU_ASSERT(holds("report.html", "seed: 1\nmodel:\n  - linear: 10\n</pre>"));
  CU_ASSERT(holds("report.html", "data:text/csv;base64,cGFuZWws")); /* "panel," */
  CU_ASSERT_FALSE(holds("report.html", "http://cdn"));
}

static void reports_keep_their_first_failure(void)
{
  static const char *const row[] = {"a"};
  struct glia_report *r = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_report_create("x", &r), GLIA_OK);
  glia_report_row(r, row);
  CU_ASSERT_EQUAL(glia_report_write(r, in_folder("bad.html")), GLIA_E_ARGUMENT);
  CU_ASSERT_NOT_EQUAL(access(in_folder("bad.html"), F_OK), 0);
  glia_report_destroy(&r);
  CU_ASSERT_EQUAL_FATAL(glia_report_create("x", &r), GLIA_OK);
  CU_ASSERT_EQUAL(glia_report_write(r, in_folder("nowhere/x.html")), GLIA_E_IO);
  glia_report_destroy(&r);
  glia_report_destroy(&r);
}

int main(void)
{
  static const struct tap_test tests[] = {
      TAP(papers_figures_are_written),
      TAP(png_has_192_dots_per_inch_and_is_not_blank),
      TAP(svg_is_xml_with_its_texts),
      TAP(html_holds_picture_and_link),
      TAP(pdf_is_whole_and_dateless),
      TAP(csv_holds_every_number),
      TAP(same_calls_give_same_bytes),
      TAP(texts_are_shown_not_obeyed),
      TAP(long_texts_are_cut),
      TAP(clocks_have_round_ticks),
      TAP(first_failure_is_kept),
      TAP(unwritable_paths_leave_nothing),
      TAP(somebodys_data_are_not_overwritten),
      TAP(reports_hold_sections_and_figures),
      TAP(reports_keep_their_first_failure),
      TAP(nothing_is_left_behind),
  };

  return figure_main("figure", tests, sizeof tests / sizeof tests[0]);
}
