/* A graph cut into stages: what belongs where, what crosses, and the graph of one rank. */
#ifndef STAGE_PRIV_H
#define STAGE_PRIV_H

#include "glia_stage.h"
#include "graph_priv.h"

enum { SEGMENT_FORWARD, SEGMENT_BACKWARD, SEGMENT_WEIGHTS };

/* A value that crosses with every micro-batch. Its place in the list is its channel: the same on all ranks. */
struct crossing {
  glia_value v;
  int from, to;
};

/* A scalar of the epilogue that several ranks need. */
struct shared {
  glia_value v;
  int entry, owner; /* owner -1: the sum of all ranks' */
  int level;        /* shared behind so many others */
};

/* The analysis of the whole graph: the same on all ranks. */
struct plan {
  const struct glia_graph *g;
  struct glia_cut cut;
  int32_t n;
  bool *micro, *state, *total, *forward, *pinned; /* of each node: see plan_nodes */
  int16_t *home;                                  /* stage, -1: none */
  int8_t *part;                                   /* of local learning */
  int16_t *level;                                 /* of the entry point that is planned */
  uint64_t **need;                                /* [entries][nodes] ranks, by bits */
  int n_crossings, crossings_capacity;
  struct crossing *crossing;
  int n_shared, shared_capacity;
  struct shared *shared;
  uint64_t *state_need; /* [states] ranks */
  int *state_owner;     /* [states] the one that writes it; -1: all that need it, or nobody does */
};

GLIA_NODISCARD glia_status glia_plan_make_(const struct glia_graph *whole,
                                           const struct glia_cut *cut, struct plan *p);
void glia_plan_fini_(struct plan *p);

static inline bool glia_plan_needs_(const struct plan *p, int entry, int rank, glia_value v)
{
  return p->need[entry][v] >> rank & 1;
}

/* While segments are found: of each node the first that reads it, which sum it leads to, and whether to a message backward. */
struct leads {
  int8_t segment;
  bool back;
  int32_t sum;
};
enum { NO_SEGMENT = 127, LATE = -1 }; /* nobody reads it; see note_late in stage.c */

/* Segments of an entry point's values on a rank, by node of the whole graph. all [nodes] */
void glia_plan_segments_(const struct plan *p, int entry, int rank, struct leads *all);

/* One end of a crossing, on this rank. */
struct channel {
  int index, peer;
  bool out;
  int input;    /* of this rank's graph, where it comes in */
  int *output;  /* [entries] of this rank's entry point, where it goes out; -1: not in this one */
  int *segment; /* [entries] in front of or behind which it travels; -1: not in this one */
  size_t bytes;
};

struct sharing; /* a call-back of the epilogue: see stage.c */

/* A state that another rank changes, or that this one changes for others. */
struct replica {
  int state, own, peer; /* of the whole; of this rank's graph */
  bool out;
};

struct glia_stage {
  const struct glia_graph *whole;
  struct glia_cut cut;
  int rank;
  struct glia_graph *g;
  int entries, segments;
  int8_t **segment; /* [entries][values of g] */
  int n_inputs;     /* of the whole: the first ones of g, in the same order */
  int *n_messages;  /* [entries] of all ranks */
  struct glia_message **message;
  int n_channels;
  struct channel *channel;
  int n_replicas;
  struct replica *replica;
  int first_replica_channel; /* behind all crossings */
  int n_states;
  int *state, *owner; /* [states of the whole] */
  int n_sharings;
  struct sharing **sharing;
  struct glia_arena arena;
};

/* What crosses in each entry point. */
GLIA_NODISCARD glia_status glia_stage_list_messages_(struct glia_stage *s, const struct plan *p);

/* Who carries what is shared; idle is called meanwhile. */
void glia_stage_bind_(struct glia_stage *s, struct glia_messenger *m, void (*idle)(void *arg),
                      void *arg);
/* Most numbers that this stage shares at once. */
int glia_stage_shared_(const struct glia_stage *s);

/* First failure of a sharing since the last call. */
GLIA_NODISCARD glia_status glia_stage_outcome_(struct glia_stage *s);

/* Number of a segment: forward of chunks 0, 1, ..., then backward (and weights) of chunks ..., 1, 0. */
static inline int glia_segment_of_(const struct glia_cut *c, int kind, int chunk)
{
  if (kind == SEGMENT_FORWARD) return chunk;
  const int back = c->chunks - 1 - chunk;
  return c->chunks + (c->split ? 2 * back + (kind == SEGMENT_WEIGHTS) : back);
}

static inline int glia_segments_(const struct glia_cut *c)
{
  return c->parts > 0 ? c->parts : c->chunks * (c->split ? 3 : 2);
}

#endif
