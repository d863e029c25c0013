/* Truncated Taylor series in several variables, many at a time: the kernels of jets (glia_jet.h).
 *
 * x [..., n rows, width] holds the coefficients of rows x width series: coefficient a of all of them in rows a rows .. (a + 1) rows - 1. Which
 * powers of the variables they belong to is the same for all, a set that is closed downwards (with x^2 come x and 1).
 * A function of a series follows its differential equation, coefficient by coefficient; a product is a sum over
 * what its powers split into.  Source: griewank2000. */
#ifndef GLIA_SERIES_H
#define GLIA_SERIES_H

#include "glia_op.h"

enum { GLIA_SERIES_VARIABLES = 8, GLIA_SERIES_ORDER = 4, GLIA_SERIES_MOST = 88 };

/* Powers by rising order, each once, 1 first. Other sets are refused: GLIA_E_SHAPE in the graph. */
struct glia_series {
  int n;
  uint16_t power[GLIA_SERIES_MOST]; /* glia_series_power */
};

/* What no set takes. */
enum { GLIA_SERIES_NO_POWER = 0xffff };

/** A power by its exponents order [n_variables]: a number of the variable, from 1, in each four bits. GLIA_SERIES_NO_POWER: their sum is above
 *  GLIA_SERIES_ORDER, or a variable behind the first GLIA_SERIES_VARIABLES has one. */
GLIA_API uint16_t glia_series_power(int n_variables, const uint8_t *order);

typedef enum { GLIA_SERIES_TANH, GLIA_SERIES_SIN, GLIA_SERIES_COS } glia_series_function;

/** f(z + bias), elementwise: z [..., n rows, width], bias [..., width] is added to the values, GLIA_NONE: nothing is.
 *  Differentiable as often as one likes. Errors (in the graph): GLIA_E_SHAPE; GLIA_E_ARGUMENT: no such function. */
GLIA_API glia_value glia_series_apply(struct glia_graph *g, const struct glia_series *s,
                                      glia_series_function f, glia_value z, glia_value bias);

/** c = a b, cut off behind the set: c_k = sum over i + j = k of a_i b_j. a, b [..., n rows, width].
 *  Errors (in the graph): GLIA_E_SHAPE. */
GLIA_API glia_value glia_series_times(struct glia_graph *g, const struct glia_series *s,
                                      glia_value a, glia_value b);

/** The adjoint of x -> a x: c_i = sum over k of a_(k - i) y_k. Shapes and errors as for products. */
GLIA_API glia_value glia_series_correlate(struct glia_graph *g, const struct glia_series *s,
                                          glia_value a, glia_value y);

#endif
