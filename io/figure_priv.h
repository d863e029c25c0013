/* Inside of figures. A figure is built (figure.c), then for each file: ranges and bins (figure_range.c), places
 * (figure_layout.c) with ticks (figure_tick.c), and strokes (figure_draw.c, figure_series.c) on a canvas. A canvas is one
 * of three: Cairo (PDF, PNG), SVG text, or a coarse grid that tells where the data are, so that the legend stands elsewhere.
 * Lengths are in points (1/72 inch), y downwards; colours are 0xRRGGBBAA.
 */
#ifndef GLIA_FIGURE_PRIV_H
#define GLIA_FIGURE_PRIV_H

#include "glia_figure.h"

#include <stdio.h>

#define INK        0x262626ffu /* texts and axes */
#define FAINT      0x707070ffu /* notes */
#define RULE       0xe4e4e4ffu /* grid */
#define PAPER      0xffffffffu
#define NONE       0x00000000u
#define HUGE_VALUE 1e307 /* what is larger counts as infinite, so that ranges do not overflow */

#define GLIA_FONT   "DejaVu Sans"
#define FONT_TICK   7.5
#define FONT_LABEL  8.5
#define FONT_TITLE  9.0
#define FONT_FIGURE 11.0
#define FONT_NOTE   6.5

/* ---- canvas ---- */

struct paint {
  uint32_t fill, stroke;
  double width_pt;
  glia_dash dash;
  bool closed;
};

enum anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END };

struct glyphs {
  double size_pt;
  enum anchor anchor;
  bool bold;
  bool upward; /* rotated by 90 degrees */
  uint32_t colour;
};

struct canvas {
  const struct canvas_ops *ops;
};

struct canvas_ops {
  /* xy [n, 2]; a NaN starts a new part; a part of one point is a dot. */
  void (*path)(struct canvas *c, int64_t n, const double *xy, const struct paint *paint);
  void (*text)(struct canvas *c, double x, double y, const char *text, const struct glyphs *g);
  /* rgb [h, w] 0xRRGGBBAA stretched over the rectangle. */
  void (*image)(struct canvas *c, double x, double y, double width, double height, int w, int h,
                const uint32_t *rgb);
  void (*clip)(struct canvas *c, double x, double y, double width, double height);
  void (*unclip)(struct canvas *c);
};

/* Growing list of points. */
struct path {
  double *xy; /* [n, 2] */
  int64_t n, room;
  bool failed;
};

void glia_path_add_(struct path *p, double x, double y);
void glia_path_gap_(struct path *p);
void glia_path_free_(struct path *p);

void glia_canvas_rect_(struct canvas *c, double x, double y, double w, double h,
                       const struct paint *paint);
void glia_canvas_line_(struct canvas *c, double x0, double y0, double x1, double y1,
                       uint32_t stroke, double width_pt, glia_dash dash);

/* ---- text ---- */

/* Measures text as Cairo sets it. */
struct meter;
glia_status glia_meter_create_(struct meter **out);
void glia_meter_destroy_(struct meter **m);
double glia_meter_width_(const struct meter *m, const char *text, double size_pt, bool bold);
/* Copy text into out [size], cut to max_pt with an ellipsis. */
void glia_meter_shorten_(const struct meter *m, const char *text, double size_pt, double max_pt,
                         char *out, size_t size);

/* Copy of text with what is not UTF-8 or not printable replaced; NULL without memory. */
char *glia_text_clean_(const char *text);
/* Text as XML and HTML read it. */
void glia_text_escape_(FILE *f, const char *text);
void glia_base64_(FILE *f, const unsigned char *data, size_t n);

/* ---- the figure ---- */

enum kind {
  KIND_SPAN, /* in drawing order */
  KIND_HEATMAP,
  KIND_BAND,
  KIND_HISTOGRAM,
  KIND_BARS,
  KIND_HLINE,
  KIND_VLINE,
  KIND_LINE,
  KIND_ERRORBARS,
  KIND_POINTS,
  KIND_COUNT,
};

struct series {
  enum kind kind;
  char *label; /* or NULL */
  uint32_t colour;
  double width_pt, size_pt, opacity;
  glia_dash dash;
  glia_mark mark;
  int64_t n;
  double *x, *y, *lo, *hi; /* [n] or NULL; heat map: x [cols + 1], y [rows + 1], value in lo */
  /* histogram: x the values, edge [bins + 1], count [bins], made for each file */
  int bins_wanted, bins;
  bool density;
  double *edge, *count;
  /* heat map */
  int64_t rows, cols;
  double zlo, zhi;
  bool zlog, zauto;
  glia_map map;
};

#define TICK_MAX  64
#define MINOR_MAX 256

enum clock { CLOCK_NONE, CLOCK_ELAPSED, CLOCK_UTC };

struct axis {
  bool log, vertical;
  enum clock clock;
  int64_t n_name;
  char **name; /* [n_name] or NULL */
  double fixed_lo, fixed_hi;
  double lo, hi;  /* range shown; lo stands at p0 */
  bool any;       /* data were seen */
  bool from_zero; /* bars start here */
  bool tight;     /* heat maps fill the panel */
  double p0, p1;  /* ends on the page */
  int n_tick;
  double tick[TICK_MAX];
  char label[TICK_MAX][96];
  int n_minor;
  double minor[MINOR_MAX];
  char unit[64]; /* what the ticks add to the axis' label: "×10⁶", "(min:s)" */
  double font_pt;
  double name_room; /* widest name, points */
};

struct rect {
  double x, y, w, h;
};

struct margin {
  double left, right, top, bottom;
};

enum legend {
  LEGEND_NONE,
  LEGEND_INSIDE, /* a box where no data are */
  LEGEND_HEAD,   /* lines at the head of the plot, over the data */
  LEGEND_ABOVE,
};

struct glia_panel {
  struct glia_figure *fig;
  char *title, *xlabel, *ylabel;
  struct axis x, y;
  bool asked_for; /* by glia_figure_panel: others stay blank */
  bool legend_off;
  int next_colour;
  struct series *series;
  int64_t n_series, room;
  /* made for each file */
  bool hide_x; /* a panel below labels x */
  struct rect plot;
  struct margin margin;
  enum legend legend;
  struct rect legend_box;
  double bar_right; /* right end of the colour bar's texts, from the plot */
  double title_y;   /* base line, common to a row */
  int legend_rows;  /* lines of a legend at or above the head of the plot */
  double data_hi;   /* upper end of y without room for a legend */
  int note_rows;    /* rows of names above the plot */
  int64_t dropped_log, dropped_inf;
  struct axis z; /* colour bar */
  const struct series *heat;
};

struct glia_figure {
  double width, height; /* points */
  int rows, cols;
  char *title;
  bool share_x;
  double *weight;           /* [rows] */
  struct glia_panel *panel; /* [rows * cols + 1], the last for calls outside the grid */
  glia_status status;
  char why[512];
  struct meter *meter;
};

/* Keep the figure's first failure. */
void glia_figure_fail_(struct glia_figure *fig, glia_status st, const char *format, ...)
    GLIA_PRINTF(3, 4);

/* Position on the page of a value, NaN when the axis cannot show it. */
double glia_axis_place_(const struct axis *a, double value);
bool glia_axis_shows_(const struct axis *a, double value);

/* Move the upper end of the range from hi, so that `share` of the axis lies above it. */
void glia_axis_headroom_(struct axis *a, double hi, double share);

void glia_figure_ranges_(struct glia_figure *fig);
void glia_axis_ticks_(struct axis *a, const struct meter *m);
void glia_figure_layout_(struct glia_figure *fig);
void glia_figure_draw_(struct glia_figure *fig, struct canvas *c);
void glia_series_draw_(struct glia_panel *p, const struct series *s, struct canvas *c);
void glia_heatmap_draw_(struct glia_panel *p, const struct series *s, struct canvas *c);
void glia_colour_bar_draw_(const struct glia_panel *p, struct canvas *c);

/* Legend: box from the entries, then its place. */
bool glia_legend_measure_(struct glia_panel *p);
void glia_legend_place_(struct glia_panel *p);
void glia_legend_draw_(const struct glia_panel *p, struct canvas *c);

/* Names above the plot of spans and lines: how many rows they need, then the drawing. */
int glia_above_rows_(struct glia_panel *p);
void glia_above_draw_(const struct glia_panel *p, struct canvas *c);

/* Label of an axis with the unit that its ticks need, within room points. */
void glia_axis_text_(const struct glia_panel *p, const struct axis *a, const char *label,
                     double room, char *out, size_t size);

/* Ends on the page of a span or vertical line; false when it lies outside. */
bool glia_span_ends_(const struct glia_panel *p, const struct series *s, double *x0, double *x1);
/* Marks at at [n, 2], NaN between them or not. */
void glia_marks_draw_(const struct series *s, struct canvas *c, int64_t n, const double *at);
uint32_t glia_series_fill_(const struct series *s);

/* Points of a series on the page, thinned to what can be seen. */
void glia_thin_line_(const struct glia_panel *p, const struct series *s, struct path *out);
void glia_thin_dots_(const struct glia_panel *p, const struct series *s, struct path *out);
void glia_thin_band_(const struct glia_panel *p, const struct series *s, struct path *out);

uint32_t glia_colour_of_(int index);
uint32_t glia_colour_fade_(uint32_t colour, double opacity);
/* t in [0, 1]; NaN: the colour of missing cells. */
uint32_t glia_map_colour_(glia_map map, double t);

/* Where the data are: a coarse grid over a rectangle. */
#define PROBE_CELLS 64
struct probe {
  struct canvas canvas;
  struct rect area;
  unsigned char hit[PROBE_CELLS][PROBE_CELLS];
};
void glia_probe_init_(struct probe *p, struct rect area);
double glia_probe_cover_(const struct probe *p, struct rect box);

/* Ranges and layout, before any of the following; the figure's first failure. */
glia_status glia_figure_prepare_(struct glia_figure *fig);

/* Draw on a file. */
glia_status glia_figure_svg_(struct glia_figure *fig, FILE *f, bool standalone);
glia_status glia_figure_pdf_(struct glia_figure *fig, FILE *f);
glia_status glia_figure_png_(struct glia_figure *fig, FILE *f);
void glia_figure_csv_(struct glia_figure *fig, FILE *f);
glia_status glia_figure_html_(struct glia_figure *fig, FILE *f, const char *csv_name);
/* rgb [h, w] as a PNG file into *out (malloc), n bytes. */
glia_status glia_png_encode_(int w, int h, const uint32_t *rgb, unsigned char **out, size_t *n);
/* Style sheet of HTML pages. */
extern const char glia_page_style_[];
#define GLIA_CSV_HEADER "panel,kind,series,x,x_hi,y,y_lo,y_hi,value"

#endif
