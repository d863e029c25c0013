/* Pairs of values of one graph that must be equal, whichever way each is built: a node with a rule of its own beside the same written out. One graph at a
 * time: begin, given and same as often as wanted, distance, end. */
#ifndef PAIRS_H
#define PAIRS_H

#include "glia_ops.h"

extern struct glia_graph *g; /* from begin to end */

void begin(void);
void end(void);
const struct glia_type *type_of(glia_value v);
/* A float64 input with values in (-size, size). */
glia_value given(double size, int rank, const int64_t *dim);
/* An int64 scalar. */
glia_value given_count(int64_t count);
/* The elements of all of them, in the order in which they were asked for. */
void *const *given_data(void);
/* The sum of all elements. */
glia_value total(glia_value x);
/* a and b must be equal; GLIA_NONE: a gradient that is zero. */
void same(glia_value a, glia_value b);
/* Runs the graph: the largest difference of the pairs, relative to the largest number of its pair (at least 1); infinite when they cannot be had. */
double distance(void);
#endif
