/* Inside of the graph; for the files of this room. */
#ifndef GRAPH_PRIV_H
#define GRAPH_PRIV_H

#include "glia_arena.h"
#include "glia_control.h"

struct glia_graph {
  const struct glia_basis *basis;
  struct glia_arena arena; /* nodes, names: freed together */
  struct glia_node **node;
  int32_t n, capacity;
  const char **scope; /* of each node: see glia_profile.h */
  int scopes_capacity;
  const char *building; /* the scope now */
  glia_value *bucket;   /* open addressing; GLIA_NONE = empty */
  int32_t n_buckets;    /* a power of two */
  struct glia_state *state;
  int n_states, states_capacity;
  struct glia_input *input;
  int n_inputs, inputs_capacity;
  struct glia_entry **entry;
  int n_entries, entries_capacity;
  struct glia_body **body; /* what control-flow nodes repeat or derive by; shared between graphs */
  int n_bodies, bodies_capacity;
  bool is_body;  /* has no states, inputs or batch sums of its own */
  bool as_given; /* nodes are taken as they come: they were simplified when they were first made */
  glia_value failed;  /* the input behind glia_failed, GLIA_NONE until asked for */
  glia_status status; /* first failure of building */
  char message[512];
};

/* How a value gets into a body. */
typedef enum { ROLE_CARRY, ROLE_EACH, ROLE_CAPTURE } body_role;

struct body_in {
  body_role role;
  int carry;        /* ROLE_CARRY: its number */
  glia_value outer; /* what it stands for in the graph around; while the body is built */
};
struct body_carry {
  int in;
  glia_value next;
};
struct body_out {
  glia_value value;
  bool sum; /* over the steps; else rows */
};

/* A graph that a control-flow node holds. Input i of g is in[i], and operand i of the node. */
struct glia_body {
  int refs; /* graphs whose tables hold it */
  struct glia_graph *g;
  struct body_in *in;
  int n_in, in_capacity;
  struct body_carry *carry;
  int n_carries, carries_capacity;
  struct body_out *out;
  int n_out, out_capacity;
  glia_value stop;                      /* GLIA_NONE: none */
  const struct glia_external *external; /* a call-back instead of a graph */
  char hash[65];
  /* while it is built */
  struct glia_graph *outer;
  glia_value count;
  int asked_carries, asked_outs; /* also those that failed: so many results the caller expects */
};

/* The body named by attr.i[k] of a node, NULL where there is none. */
const struct glia_body *glia_body_of_(const struct glia_graph *g, const struct glia_node *n, int k);

/* A body's place in the table of g, counted from 1: an equal one's where there is one. Takes *b. 0 on failure. */
int64_t glia_body_intern_(struct glia_graph *g, struct glia_body **b);
void glia_body_release_(struct glia_body *b);

/* Roots [n] of body f in g, its inputs standing for arg [f->n_in]. A root that is a splat of zeros gives GLIA_NONE. */
void glia_inline_(struct glia_graph *g, const struct glia_body *f, const glia_value *arg, int n,
                  const glia_value *roots, glia_value *out);

/* Carry, each or capture, by role. */
glia_value glia_body_lead_(struct glia_body *b, body_role role, glia_value outer);

/* An input of a body that stands for no value around it. */
glia_value glia_body_input_(struct glia_body *b, struct glia_type type);

/* A new leaf without a number, to be replaced: never alive. */
glia_value glia_hole_(struct glia_graph *g, struct glia_type type);

/* Make roots [n] of `from`, and what they need, again in `to`. map [size of from]: the values in `to` that stand for those of
 * `from`, GLIA_NONE where there is none yet; inputs of `from` that roots need must be there. */
void glia_replay_(struct glia_graph *to, const struct glia_graph *from, int n,
                  const glia_value *roots, glia_value *map);

/* Node n of `from` in `to`, on in [n->n_in] of `to`. */
glia_value glia_remake_(struct glia_graph *to, const struct glia_graph *from,
                        const struct glia_node *n, const glia_value *in);

/* An array of n (+ 1) values GLIA_NONE; NULL on lack of memory. The caller frees it. */
glia_value *glia_values_(int64_t n);

/* The leaves, and the door to the epilogue: operators that the executor treats itself. */
extern const struct glia_op glia_op_input_, glia_op_state_, glia_op_full_, glia_op_batch_sum_,
    glia_op_hole_;

/* Control flow. */
extern const struct glia_op glia_op_result_, glia_op_scan_, glia_op_fixed_point_, glia_op_custom_,
    glia_op_recompute_, glia_op_after_, glia_op_external_;

static inline bool glia_is_loop_(const struct glia_node *n)
{
  return n->op == &glia_op_scan_ || n->op == &glia_op_fixed_point_;
}

/* Make room for one more element of `size` bytes in *array. */
GLIA_NODISCARD bool glia_grow_(void **array, int n, int *capacity, size_t size);

/* Whether value id depends on any of x [n_x]: mark [graph size] is allocated here and freed by the caller; x itself counts.
 * NULL on lack of memory. */
bool *glia_reach_(const struct glia_graph *g, int n_x, const glia_value *x);

#endif
