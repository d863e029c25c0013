/* Spectra as pictures. */
#include "glia_figure.h"
#include "glia_theory.h"
#include "spectrum.h"

#include <math.h>
#include <stdlib.h>

enum { PANELS_MAX = 12, CURVE = 200 };

/* How many eigenvalues the fitted law expects in a bin of `width` in the logarithm: on a logarithmic axis bars of counts and this curve
 * have the same area, while a density per unit would make towers of the smallest. Returns the height of its peak. */
static double law(struct glia_panel *p, const struct glia_spectrum *f, double smallest,
                  double width)
{
  const double m = (double)(f->rows > f->cols ? f->rows : f->cols);
  const double bulk = (double)(f->rank - f->spikes), alpha = m / bulk;
  const double lo = fmax(f->bulk_lo, fmin(smallest, 0.5 * f->bulk_hi));
  double x[CURVE], y[CURVE], peak = 0.0;

  for (int i = 0; i < CURVE; i++) {
    x[i] = lo * pow(f->bulk_hi / lo, (i + 0.5) / CURVE);
    y[i] = glia_theory_density(alpha, x[i] / f->noise_variance * alpha) / f->noise_variance *
           alpha * bulk * x[i] * width;
    peak = fmax(peak, y[i]);
  }
  glia_panel_line(p, CURVE, x, y, &(struct glia_style){.label = "Marchenko-Pastur"});
  return peak;
}

static void panel(struct glia_panel *p, const struct matrix *m)
{
  const struct glia_spectrum *f = &m->found;
  const double extent = (double)(f->rows > f->cols ? f->rows : f->cols);
  const int bins = f->rank > 160 ? 40 : f->rank > 20 ? (int)f->rank / 4 : 5;
  double *e = calloc(2 * (size_t)f->rank + 1, sizeof *e);

  glia_panel_title(p, m->path);
  glia_panel_xlabel(p, "eigenvalue");
  glia_panel_ylabel(p, "eigenvalues in a bin");
  if (e == NULL) return;
  for (int64_t i = 0; i < f->rank; i++) e[i] = m->s[i] * m->s[i] / extent;
  glia_panel_log_x(p);
  glia_panel_histogram(p, f->rank, e, bins, false, &(struct glia_style){.label = "found"});
  if (!isnan(f->noise_variance)) {
    const double peak = law(p, f, e[f->rank - 1], log(e[0] / e[f->rank - 1]) / bins);
    for (int64_t i = 0; i < f->spikes; i++)
      e[f->rank + i] = 0.06 * peak; /* above the axis, to be seen */
    if (f->spikes > 0)
      glia_panel_points(
          p, f->spikes, e, e + f->rank,
          &(struct glia_style){.label = "spikes", .mark = GLIA_MARK_TRIANGLE, .size_pt = 5.0});
  }
  free(e);
}

glia_status spectrum_draw(int n, const struct matrix *m, const char *path)
{
  int shown = 0, place = 0;
  struct glia_figure *fig;

  for (int i = 0; i < n; i++) shown += m[i].s != NULL && m[i].found.rank > 1;
  GLIA_CHECK(shown > 0, GLIA_E_DATA, "no matrix here has a spectrum to draw");
  if (shown > PANELS_MAX) shown = PANELS_MAX;
  const int cols = shown == 1 ? 1 : 2, rows = (shown + cols - 1) / cols;
  GLIA_TRY(glia_figure_create(3.5 * cols, 2.5 * rows, rows, cols, &fig));
  for (int i = 0; i < n && place < shown; i++)
    if (m[i].s != NULL && m[i].found.rank > 1) {
      panel(glia_figure_panel(fig, place / cols, place % cols), &m[i]);
      place++;
    }
  const glia_status st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  return st;
}
