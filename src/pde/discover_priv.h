/* What the files of discovery share. */
#ifndef DISCOVER_PRIV_H
#define DISCOVER_PRIV_H

#include "glia_discover.h"

enum { GLIA_WEAK_POWER_ = 10, GLIA_WEAK_PARTS_ = 64 };

/* Test functions: products over coordinates of (1 - s^2)^10, s = j / m, |j| <= m, at positions first + k stride. */
struct glia_weak_ {
  const struct glia_discovery *d;
  const struct glia_grid_data *g;
  int64_t m[GLIA_PDE_COORDS], stride[GLIA_PDE_COORDS], count[GLIA_PDE_COORDS], rows;
};

/* A part of a term: factor * D^order of a function of the fields, whose values are tabled on the grid. */
struct glia_weak_part_ {
  double factor;
  uint8_t order[GLIA_EXPR_COORDS];
  int expression; /* g; or c(v), to be integrated over v = unknown */
  int unknown;    /* < 0: the expression as it is */
  bool estimated; /* it reads derivatives: of smoothed data */
};

/* A term as a sum of parts. Errors: GLIA_E_MEMORY. */
glia_status glia_weak_parts_(struct glia_discovery *d, int e, struct glia_weak_part_ *out, int *n);

/* Half widths from the spectra of the data times scale, positions from those; noise [unknowns] as in glia_found.
 * Errors: GLIA_E_DATA (a grid too small), GLIA_E_MEMORY. */
glia_status glia_weak_windows_(struct glia_weak_ *w, double scale, double *noise);

/* k-th derivative of the test function on nodes -m .. m, per step of the grid: out [2 m + 1]. */
void glia_weak_kernel_(int64_t m, int k, double *out);

/* Integrate values [n of the grid] against D^order of test functions, with the sign of parts: out [rows]. */
glia_status glia_weak_integrate_(const struct glia_weak_ *w, const double *value,
                                 const uint8_t *order, double *out);

/* D^order of an unknown, smoothed by test functions, on the whole grid: out [n]. */
glia_status glia_weak_smooth_(const struct glia_weak_ *w, const double *value, const uint8_t *order,
                              double *out);

#endif
