/* A graph at a time, with inputs given as numbers and values expected as numbers. */
#ifndef BY_HAND_H
#define BY_HAND_H

#include "glia_ops.h"
#include "ref/interpret.h"

enum { MAX_INPUTS = 32 };

/* The graph and the arrays of its inputs, between begin and end. */
extern struct glia_graph *g;
extern void *data[MAX_INPUTS];

void begin(void);
/* Asserts that the graph is well. */
void end(void);

const struct glia_type *type_of(glia_value v);

/* A further input with these values. */
glia_value given(glia_dtype dtype, int rank, const int64_t *dim, const double *values);
glia_value row(int64_t n, const double *values);
#define ROW(...) row((int64_t)GLIA_COUNT(((double[]){__VA_ARGS__})), (const double[]){__VA_ARGS__})
#define DIMS(...)                                                                                  \
  (int64_t) GLIA_COUNT(((int64_t[]){__VA_ARGS__})), (const int64_t[]) { __VA_ARGS__ }

/* v [n] has these values; NaN equals NaN. */
void expect_near(int line, glia_value v, double tolerance, int64_t n, const double *values);
#define EXPECT(v, ...)                                                                             \
  expect_near(__LINE__, v, 0.0, (int64_t)GLIA_COUNT(((double[]){__VA_ARGS__})),                    \
              (const double[]){__VA_ARGS__})
#define EXPECT_NEAR(v, tolerance, ...)                                                             \
  expect_near(__LINE__, v, tolerance, (int64_t)GLIA_COUNT(((double[]){__VA_ARGS__})),              \
              (const double[]){__VA_ARGS__})

/* d sum(y) / dx */
glia_value gradient(glia_value y, glia_value x);

#endif
