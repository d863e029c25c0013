/* Rows that studies of images share: Fashion-MNIST as means of 2 x 2 pixels, drawn by the seed. */
#ifndef FASHION_H
#define FASHION_H

#include "study.h"

enum { STUDY_FASHION_INPUTS = 14 * 14, STUDY_FASHION_CLASSES = 10 };

#define STUDY_FASHION_DATA                                                                         \
  "Fashion-MNIST (glia data import idx --train train-images-idx3-ubyte.gz "                        \
  "train-labels-idx1-ubyte.gz --test t10k-images-idx3-ubyte.gz t10k-labels-idx1-ubyte.gz "         \
  "-o fashion.h5)"

struct study_rows {
  int64_t n, inputs;
  float *x;   /* [n, inputs] */
  int32_t *y; /* [n] */
};

/** n different rows of a split of the data set at `path`, by the seed alone.
 *  Ownership: study_rows_free. Errors: GLIA_E_DATA, GLIA_E_MEMORY, those of the file. */
GLIA_NODISCARD glia_status study_fashion(const char *path, const char *split, int64_t n,
                                         int64_t seed, struct study_rows *out);
void study_rows_free(struct study_rows *r);

/** Rows first to first + n - 1 as fields x and y. Ownership: close *out; r is borrowed until then. */
GLIA_NODISCARD glia_status study_rows_source(const char *name, const struct study_rows *r,
                                             int64_t first, int64_t n, struct glia_source **out);

#endif
