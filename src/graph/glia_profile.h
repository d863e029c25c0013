/* Where a step goes: the units that an entry point was compiled to, and which layer each belongs to. How long they took tells
 * glia_timeline_sums of glia_timeline.h, by kernel and node.
 */
#ifndef GLIA_PROFILE_H
#define GLIA_PROFILE_H

#include "glia_program.h"

/** What nodes are built for from here on: a layer, a parameter. Derivatives belong to what they are derived from. NULL: nothing.
 *  Says nothing of what is computed: hash and bits do not depend on it. Ownership: the text is copied. */
GLIA_API void glia_graph_scope(struct glia_graph *g, const char *name);

/** The scope that a value was built in; NULL: none. */
GLIA_API const char *glia_scope_of(const struct glia_graph *g, glia_value v);

/* A unit of a schedule: a kernel call, or a group of elementwise nodes. */
struct glia_unit_info {
  const char *entry;
  const char *region;           /* "prologue", "micro-batch", "epilogue" */
  const char *kernel;           /* "gemm f32", "group" */
  const char *scope;            /* NULL: none */
  const struct glia_node *node; /* of a group the last one; of a copy what is copied */
  int members;                  /* nodes; 0: a copy */
  double
      bytes; /* of memory that it reads and writes, each array once; broadcasts as they are stored */
};

/** Units of an entry point in their order, constants left out. out [most]; returns their number, which may exceed most. */
GLIA_API int glia_program_units(const struct glia_program *p, const char *entry, int most,
                                struct glia_unit_info *out);

/** Operators of the elementwise nodes of a unit, by its place in that order, one kernel each. out [most]; returns their number, which
 *  may exceed most; 0 when it is no group. *elements: of each. */
GLIA_API int glia_program_unit_operators(const struct glia_program *p, const char *entry, int unit,
                                         int most, const struct glia_op **out, int64_t *elements);

#endif
