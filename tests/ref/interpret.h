/* The oracle of the compiled program: nodes in order, one reference kernel each, an array per value. */
#ifndef INTERPRET_H
#define INTERPRET_H

#include "glia_ops.h"

struct interpretation {
  int32_t n;
  void **at; /* [n] array of value v, NULL where no root needs it */
};

/** Compute what roots [n] need.
 *  input  [inputs of the graph] arrays; state [states of the graph] arrays, NULL when none is read
 *  A batch_sum is its operand: one micro-batch.  Ends the program when memory is short.
 *  Ownership: the caller calls interpretation_free. */
struct interpretation interpret(const struct glia_graph *g, void *const *input, void *const *state,
                                int n, const glia_value *roots);
void interpretation_free(struct interpretation *p);

/** Element i of an array as a number, and back. */
double element(const struct glia_type *t, const void *data, int64_t i);
void set_element(const struct glia_type *t, void *data, int64_t i, double v);

/** Zeroed memory for an array of type t. Ends the program when there is none. */
void *array_of(const struct glia_type *t);

#endif
