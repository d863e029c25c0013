/* Pictures good enough for a paper: lines, points, bands, histograms, bars and heat maps on linear, logarithmic and time
 * axes, as SVG, PDF, PNG or HTML, with the numbers beside them as CSV.
 *
 *     struct glia_figure *fig;
 *     GLIA_TRY(glia_figure_create(3.4, 2.4, 1, 1, &fig));
 *     struct glia_panel *p = glia_figure_panel(fig, 0, 0);
 *     glia_panel_xlabel(p, "step");
 *     glia_panel_ylabel(p, "loss (nat)");
 *     glia_panel_log_y(p);
 *     glia_panel_line(p, n, step, loss, &(struct glia_style){.label = "train"});
 *     st = glia_figure_write(fig, "loss.svg");
 *     glia_figure_destroy(&fig);
 *
 * A figure is a grid of panels. What goes wrong while it is built is kept, as in Cairo: the calls that follow do nothing
 * and glia_figure_write returns the first failure. Data and texts are copied. Texts are UTF-8 and shown as they are.
 * A NaN is a gap. Infinite values, and values <= 0 on a logarithmic axis, are left out, and the picture says how many.
 * A picture depends on the calls alone (and the machine's fonts): the same calls give the same bytes, no date is kept.
 * No function here is collective; a figure belongs to one thread at a time.
 */
#ifndef GLIA_FIGURE_H
#define GLIA_FIGURE_H

#include "glia_status.h"

struct glia_figure;
struct glia_panel;

/* Colours: 0 takes the panel's next one; 1 to 7 are blue, vermilion, green, purple, orange, sky blue, grey, which
 * colour-blind readers tell apart. After the seventh the colours come again with other dashes. */
#define GLIA_COLOUR_INK (-1) /* that of the axes */

typedef enum {
  GLIA_DASH_SOLID,
  GLIA_DASH_DASHED,
  GLIA_DASH_DOTTED,
  GLIA_DASH_DASHDOT,
} glia_dash;

typedef enum {
  GLIA_MARK_CIRCLE,
  GLIA_MARK_SQUARE,
  GLIA_MARK_TRIANGLE,
  GLIA_MARK_DIAMOND,
  GLIA_MARK_CROSS,
} glia_mark;

/** How a series looks; all zero is a good default, and NULL is taken for it. */
struct glia_style {
  const char *label; /* its line in the legend; NULL: not in the legend */
  int colour;
  double width_pt; /* of the line; 0 = 1.25 */
  glia_dash dash;
  glia_mark mark;
  double size_pt; /* diameter of a mark; 0 = 3.5 */
  double opacity; /* of lines and marks, or of the filled part; 0 = default */
};

/** Make a figure of rows x cols equal panels; 3.4 or 7 inches wide suit a page of two columns.
 *
 *  width_in, height_in  outer size in inches, each in [0.5, 100]
 *  rows, cols           grid of panels, each in [1, 64]
 *
 *  Ownership: the caller destroys *out; NULL on failure.
 *  Errors:    GLIA_E_ARGUMENT, GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_figure_create(double width_in, double height_in, int rows,
                                                       int cols, struct glia_figure **out);

/** Free *fig with its panels and set it to NULL; NULL is welcome. */
GLIA_API void glia_figure_destroy(struct glia_figure **fig);

/** Title above all panels. */
GLIA_API void glia_figure_title(struct glia_figure *fig, const char *title);

/** Panels of one column show the same range of x, which is labelled under the lowest alone. */
GLIA_API void glia_figure_share_x(struct glia_figure *fig);

/** Heights of the rows relative to each other: weight [rows], each > 0. */
GLIA_API void glia_figure_row_weights(struct glia_figure *fig, const double *weight);

/** Panel (row, col), counted from 0 at the upper left; one that is never asked for stays blank. Never NULL: outside the grid the figure keeps GLIA_E_ARGUMENT.
 *
 *  Ownership: borrowed until the figure is destroyed.
 */
GLIA_API struct glia_panel *glia_figure_panel(struct glia_figure *fig, int row, int col);

/** First failure of the calls so far, GLIA_OK when there is none. */
GLIA_API glia_status glia_figure_status(const struct glia_figure *fig);

/** Write the figure to `path`, in the format that its ending names: .svg, .pdf, .png (192 dots per inch) or .html, and
 *  its numbers to the same name ending in .csv: `panel,kind,series,x,x_hi,y,y_lo,y_hi,value`, one line per number shown.
 *
 *  Each file appears whole under its name or not at all. Series too dense for the format are thinned to what can be seen
 *  (the envelope of each column of half a point), the CSV never is. A CSV file that no figure wrote is not overwritten.
 *
 *  Errors: the figure's first failure, else GLIA_E_ARGUMENT (unknown ending), GLIA_E_IO, GLIA_E_EXISTS (that CSV, a folder), GLIA_E_BUSY (written elsewhere),
 *          GLIA_E_MEMORY.
 */
GLIA_API GLIA_NODISCARD glia_status glia_figure_write(struct glia_figure *fig, const char *path);

/** Would glia_figure_write refuse that name? To be asked before the work whose figure it is; leaves nothing behind.
 *  Errors: as there, but for the figure's own. */
GLIA_API GLIA_NODISCARD glia_status glia_figure_may_write(const char *path);

/** Texts of a panel; an axis' label carries its unit: "power (W)". */
GLIA_API void glia_panel_title(struct glia_panel *p, const char *title);
GLIA_API void glia_panel_xlabel(struct glia_panel *p, const char *label);
GLIA_API void glia_panel_ylabel(struct glia_panel *p, const char *label);

/** Logarithmic axes. */
GLIA_API void glia_panel_log_x(struct glia_panel *p);
GLIA_API void glia_panel_log_y(struct glia_panel *p);

/** Fix an end of an axis; NaN leaves it to the data. Errors kept: GLIA_E_ARGUMENT (infinite, or lo >= hi). */
GLIA_API void glia_panel_limits_x(struct glia_panel *p, double lo, double hi);
GLIA_API void glia_panel_limits_y(struct glia_panel *p, double lo, double hi);

/** x is a time in seconds: since the start, shown as s, min:s, h:min or days, or since 1970-01-01, shown as a UTC clock.
 *  The unit is added to the axis' label ("time" when it has none). */
GLIA_API void glia_panel_time_elapsed(struct glia_panel *p);
GLIA_API void glia_panel_time_utc(struct glia_panel *p);

/** y counts the named things 0, 1, …, n - 1 from the top. */
GLIA_API void glia_panel_names(struct glia_panel *p, int64_t n, const char *const *name);

/** No legend, although series have labels. It stands where the data are not, or above the plot. */
GLIA_API void glia_panel_no_legend(struct glia_panel *p);

/** Line through (x [n], y [n]), in the order given; x NULL = 0, 1, … */
GLIA_API void glia_panel_line(struct glia_panel *p, int64_t n, const double *x, const double *y,
                              const struct glia_style *style);

/** A mark at each (x [n], y [n]); x NULL = 0, 1, … */
GLIA_API void glia_panel_points(struct glia_panel *p, int64_t n, const double *x, const double *y,
                                const struct glia_style *style);

/** A mark at each (x [n], y [n]) with a bar from lo [n] to hi [n] (values of y, not distances). */
GLIA_API void glia_panel_errorbars(struct glia_panel *p, int64_t n, const double *x,
                                   const double *y, const double *lo, const double *hi,
                                   const struct glia_style *style);

/** Area between lo [n] and hi [n]; x NULL = 0, 1, … */
GLIA_API void glia_panel_band(struct glia_panel *p, int64_t n, const double *x, const double *lo,
                              const double *hi, const struct glia_style *style);

/** Histogram of value [n] in equal bins between the smallest and the largest (equal in log x on a logarithmic axis).
 *
 *  bins     number of bins up to 100000; 0 = by the rule of Freedman and Diaconis
 *  density  y is the share per unit of x (area 1) instead of the count
 *
 *  Source: freedman1981.
 */
GLIA_API void glia_panel_histogram(struct glia_panel *p, int64_t n, const double *value, int bins,
                                   bool density, const struct glia_style *style);

/** Horizontal bars from 0 to value [n], one per name, from the top; sets the names of the axis. */
GLIA_API void glia_panel_bars(struct glia_panel *p, int64_t n, const double *value,
                              const char *const *name, const struct glia_style *style);

typedef enum {
  GLIA_MAP_SEQUENTIAL, /* viridis: dark = low */
  GLIA_MAP_DIVERGING,  /* blue - white - red around the middle of the range */
} glia_map;

/** A grid of values shown as colours, row 0 at the top when the rows have names. */
struct glia_heatmap {
  int64_t rows, cols;
  const double *value;     /* [rows, cols]; NaN is left grey */
  const double *x_edge;    /* [cols + 1], rising; NULL = 0, 1, … */
  const double *y_edge;    /* [rows + 1], rising, row 0 lowest; NULL = rows have names or numbers */
  const char *const *name; /* [rows], with y_edge NULL; NULL = 0, 1, … */
  double lo, hi;           /* values of the first and last colour; both 0 = from the data */
  bool log;                /* colours go by the logarithm of the value */
  glia_map map;
  const char *label; /* beside the colour bar, with the unit */
};

/** Show a heat map. Where cells are finer than the picture, the value farthest from the map's quiet colour is shown (the
 *  highest; for a diverging map the one farthest from the middle), so that short events stay visible.
 *  Errors kept: GLIA_E_ARGUMENT (edges that do not rise, rows * cols over 2^31), GLIA_E_MEMORY. */
GLIA_API void glia_panel_heatmap(struct glia_panel *p, const struct glia_heatmap *h);

/** Shade x0 to x1 (an infinite end is the panel's) and name it above the panel: a fault, a job. NULL: no name. */
GLIA_API void glia_panel_span(struct glia_panel *p, double x0, double x1, const char *label);

/** Thin line across the panel, such as a threshold, with its name beside it; NULL: no name. */
GLIA_API void glia_panel_hline(struct glia_panel *p, double y, const char *label);
GLIA_API void glia_panel_vline(struct glia_panel *p, double x, const char *label);

#endif
