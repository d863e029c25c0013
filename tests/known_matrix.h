/* A dense matrix with known singular values: rows of (1 - 2 u u^T) [diag(s); 0] (1 - 2 v v^T) with unit vectors u, v. */
#ifndef KNOWN_MATRIX_H
#define KNOWN_MATRIX_H

#include "glia_spectrum.h"

struct known_matrix {
  int64_t m, n;       /* m >= n */
  double *s;          /* [n] falling over `decades` */
  double *u, *v, *us; /* us [n] = s u, above */
};

/* s_i = 10^(-decades i / (n - 1)). */
struct known_matrix known_matrix_make(int64_t m, int64_t n, double decades);
void known_matrix_free(struct known_matrix *k);
struct glia_rows known_matrix_rows(struct known_matrix *k);

/* Largest difference between found [n] and the known values, in units of the largest. */
double known_matrix_error(const struct known_matrix *k, const double *found);

#endif
