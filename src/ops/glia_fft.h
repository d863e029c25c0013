/* Discrete Fourier transforms over the last one or two axes. A complex number is a pair on a last axis of 2: real, imaginary.
 * Forward: X[k] = sum_j x[j] e^(-2 pi i j k / n). All are linear and closed under derivatives: the adjoint of a transform is one. */
#ifndef GLIA_FFT_H
#define GLIA_FFT_H

#include "glia_op.h"

/** Complex to complex over axes of x [..., n, 2] (axes = 1) or [..., n1, n2, 2] (2); the inverse divides by the number of points. */
GLIA_API glia_value glia_fft(struct glia_graph *g, glia_value x, int axes);
GLIA_API glia_value glia_ifft(struct glia_graph *g, glia_value x, int axes);

/** Of real numbers: x [..., n] -> [..., n/2 + 1, 2], what is left out follows by symmetry. Over two axes the last is halved. */
GLIA_API glia_value glia_rfft(struct glia_graph *g, glia_value x, int axes);
/** Its inverse: x [..., n/2 + 1, 2] -> [..., n]. n: extent of the last axis of the result. The imaginary part of what is its own
 *  mirror image (place 0, and n/2 for even n) is not read. */
GLIA_API glia_value glia_irfft(struct glia_graph *g, glia_value x, int axes, int64_t n);

/* For kernels: what a node `fft` asks for. */
typedef enum { GLIA_FFT_COMPLEX, GLIA_FFT_FROM_REAL, GLIA_FFT_TO_REAL } glia_fft_kind;
struct glia_fft_shape {
  glia_fft_kind kind;
  int sign;        /* of the exponent; -1 from real, +1 to real */
  int64_t batches; /* leading axes */
  int64_t rows, n; /* points; rows = 1 over one axis */
  int64_t half;    /* n/2 + 1: columns of the complex side of a real transform; n otherwise */
};
GLIA_API struct glia_fft_shape glia_fft_shape_of(const struct glia_attr *attr,
                                                 const struct glia_type *x,
                                                 const struct glia_type *y);

#endif
