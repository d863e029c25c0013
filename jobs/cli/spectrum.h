/* Matrices whose spectra are asked for, and what came out. */
#ifndef SPECTRUM_H
#define SPECTRUM_H

#include "glia_spectrum.h"

#include <stdio.h>

struct matrix {
  char path[320];
  struct glia_rows rows;
  double unit;  /* rounding of the stored numbers */
  int index;    /* of an array of a file, -1: read by rows */
  double *data; /* that array while it is worked on, [rows, cols] */
  bool finite;
  double *s; /* [min(rows, cols)] falling, once found */
  struct glia_spectrum found;
};

/** Histograms with the fitted law and the spikes, one panel a matrix. */
GLIA_NODISCARD glia_status spectrum_draw(int n, const struct matrix *m, const char *path);

#endif
