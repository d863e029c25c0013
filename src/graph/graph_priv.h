/* Inside of the graph; for the files of this room. */
#ifndef GRAPH_PRIV_H
#define GRAPH_PRIV_H

#include "glia_arena.h"
#include "glia_op.h"

struct glia_graph {
  const struct glia_basis *basis;
  struct glia_arena arena; /* nodes, names: freed together */
  struct glia_node **node;
  int32_t n, capacity;
  glia_value *bucket; /* open addressing; GLIA_NONE = empty */
  int32_t n_buckets;  /* a power of two */
  struct glia_state *state;
  int n_states, states_capacity;
  struct glia_input *input;
  int n_inputs, inputs_capacity;
  struct glia_entry **entry;
  int n_entries, entries_capacity;
  glia_value failed;  /* the input behind glia_failed, GLIA_NONE until asked for */
  glia_status status; /* first failure of building */
  char message[512];
};

/* The leaves, and the door to the epilogue: operators that the executor treats itself. */
extern const struct glia_op glia_op_input_, glia_op_state_, glia_op_full_, glia_op_batch_sum_;

/* Make room for one more element of `size` bytes in *array. */
GLIA_NODISCARD bool glia_grow_(void **array, int n, int *capacity, size_t size);

/* Whether value id depends on any of x [n_x]: mark [graph size] is allocated here and freed by the caller; x itself counts.
 * NULL on lack of memory. */
bool *glia_reach_(const struct glia_graph *g, int n_x, const glia_value *x);

#endif
