/* Graphs on numbers written by hand, for tests: one graph at a time, evaluated by the reference kernels. */
#ifndef HAND_H
#define HAND_H

#include "glia_ops.h"
#include "ref/interpret.h"
#include "tap.h"

#include <math.h>

/* The graph between begin and end, and the data of its inputs. */
extern struct glia_graph *g;
extern void *data[];

void begin(void);
/** Destroys the graph, which must not have failed. */
void end(void);

/** A per-step input of these extents and numbers; columns = 0: of one axis. */
glia_value given(glia_dtype dtype, int64_t rows, int64_t columns, const double *v);
glia_value given_array(glia_dtype dtype, int rank, const int64_t *dim, const double *v);

/** v has n elements, each within `tolerance` of want's (NaN equals NaN). */
void expect(int line, glia_value v, int64_t n, const double *want, double tolerance);
/* Sums of a few numbers near 1000 at most: exact to 1e-14 beside the last of 1. */
#define EXPECT(v, ...)                                                                             \
  expect(__LINE__, v, (int64_t)GLIA_COUNT(((double[]){__VA_ARGS__})),                              \
         (const double[]){__VA_ARGS__}, 1e-14)

/** Gradient of <y, w> by x. */
glia_value gradient(glia_value y, glia_value w, glia_value x);

#endif
