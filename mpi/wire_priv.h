/* float32 numbers in fewer bytes, for the way between ranks: wire is GLIA_WIRE_BF16 or GLIA_WIRE_INT8. */
#ifndef GLIA_WIRE_PRIV_H
#define GLIA_WIRE_PRIV_H

#include "glia_exchange_mpi.h"

enum { WIRE_BLOCK = 128 }; /* int8: elements of one scale; SEGMENT_ELEMENTS is a multiple */

/** Bytes of n elements; those of the first n, if n is a multiple of WIRE_BLOCK. */
size_t glia_wire_bytes_(glia_wire wire, int64_t n);

/** x [n] as bytes. int8: per block a float32 scale (the largest magnitude / 127) and the nearest of its multiples.
 *  residual  NULL, or [n]: what was left out before goes along (`first`), and what is left out now is kept: error feedback (source:
 *            karimireddy2019). Not `first`: x is another summand of the same step, whose rest adds to it. What is not finite is sent as it
 *            is (int8: the whole block as NaN) and leaves no rest. */
void glia_wire_encode_(glia_wire wire, int64_t n, const float *x, float *residual, bool first,
                       void *to);
void glia_wire_decode_(glia_wire wire, int64_t n, const void *from, float *x);

#endif
