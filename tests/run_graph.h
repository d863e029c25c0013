/* Values of a graph by a compiled program, for tests. */
#ifndef RUN_GRAPH_H
#define RUN_GRAPH_H

#include "glia_ops.h"
#include "glia_program.h"

/** Compile an entry point with outputs roots [n], set the inputs (of micro-batches: one), run one step, copy the outputs.
 *  kernels  NULL = reference kernels
 *  input    [inputs of the graph] arrays
 *  out      [n]; the caller frees each with free()
 *  Returns false, with a note in the log, when something failed. */
bool run_graph(struct glia_graph *g, const struct glia_kernels *kernels, void *const *input, int n,
               const glia_value *roots, void **out);

/** The same on so many workers, which share out what comes after the micro-batch. */
bool run_graph_on(int workers, struct glia_graph *g, const struct glia_kernels *kernels,
                  void *const *input, int n, const glia_value *roots, void **out);

#endif
