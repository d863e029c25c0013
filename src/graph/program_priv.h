/* A compiled entry point, stage by stage: regions, units, memory, calls. */
#ifndef PROGRAM_PRIV_H
#define PROGRAM_PRIV_H

#include "control_priv.h"
#include "glia_program.h"

enum { TILE = 512, ALIGN_BYTES = 64, GROUP_MAX = 64, TILE_OPERANDS = 3, TILE_MOST = GLIA_FUSED_IN };

/* Where an address counts from. */
typedef enum {
  BASE_CONSTANT, /* computed once, when the engine is made */
  BASE_INPUT,    /* per-step inputs, common to all entry points */
  BASE_STATE,    /* common to all entry points */
  BASE_SHARED,   /* prologue and epilogue values */
  BASE_MICRO,    /* micro-batch values, one copy per worker */
  BASE_SUMS,     /* batch sums of the micro-batch that runs */
  BASE_TOTAL,    /* their totals, once they have been exchanged */
  BASE_COUNT,
  BASE_ARGUMENT /* in a body: what leads in and out, each a base of its own from here on */
} base;

struct place {
  int base;      /* BASE_COUNT: none */
  size_t offset; /* bytes */
};

typedef enum {
  REGION_PROLOGUE,
  REGION_MICRO,
  REGION_EPILOGUE,
  REGION_CONSTANT,
  REGION_DEAD
} region;
enum { REGIONS = 4 }; /* with units */

struct ref {
  struct place at;
  const struct glia_type *type;
  int64_t n;
};

/* One step of a group's tile program. Operands are registers (tile buffers) or memory at the tile's place. */
struct tile_operand {
  int reg;         /* >= 0: tile buffer; -1: memory */
  struct place at; /* memory: element 0 of the whole array */
  const struct glia_type *type;
  bool single; /* only its first number is read */
};
typedef enum { TILE_OP, TILE_BROADCAST, TILE_STORE, TILE_SUM } tile_kind;
struct tile_step {
  tile_kind kind;
  void (*run)(const struct glia_call *c);
  const struct glia_attr *attr;
  const struct glia_op *op; /* NULL: a load, a store, several nodes in one kernel */
  const char *name;         /* TILE_OP: of its kernel, and what chose it */
  glia_dtype dtype;
  int n_in;
  struct tile_operand in[TILE_MOST];
  struct tile_operand out;
  /* TILE_BROADCAST: result index -> source index, extents slowest first, merged */
  int rank;
  int64_t dim[GLIA_MAX_RANK], stride[GLIA_MAX_RANK];
  const struct glia_streamed *sum; /* TILE_SUM: out is whole, written behind the last tile */
  size_t kept;                     /* where it works, from the start of the scratch */
  bool once;                       /* the same in every tile: done before the first */
  int n_joined; /* TILE_OP: steps from here on, those done once aside, that one kernel runs; 0: its own */
  void (*joined)(const struct glia_call *const *c);
  bool steady; /* a broadcast that is one number over whole tiles: filled anew where it changes */
  bool single; /* and its readers want that number once */
};

struct unit {
  region region;
  int32_t order;                          /* of schedule, inside its region */
  const char *name;                       /* of the kernel */
  const struct glia_node *node;           /* single kernel; of a group, its last member */
  void (*run)(const struct glia_call *c); /* NULL: a group, or a copy */
  int n_in;
  struct ref *in;
  struct ref out;
  size_t scratch_bytes;
  const void *plan; /* of the kernel */
  int need;         /* in the epilogue: buckets that must be there, all of the first so many */
  int together; /* in the epilogue: so many from here on touch nothing that another writes; 0: not worth sharing out */
  /* in the epilogue, where the ranks of a node hold the states once: its writes are states, so the ranks share it out; all meet
   * before it */
  bool shared_out, meet;
  int64_t n; /* elements of a group */
  int n_steps, n_regs;
  struct tile_step *step; /* NULL: not a group */
  /* of a group of the epilogue that writes states only where a flag holds: its steps for when it does, without that choice; see tiles.c */
  struct place guard; /* the flag, one bool */
  int n_held;
  struct tile_step *held; /* NULL: there are none */
  struct loop *loop;      /* NULL: not a loop */
  /* a call-back, and its results: those that nobody reads go to the scratch */
  const struct glia_external *external;
  struct ref *results;
};

struct list {
  int n;
  struct unit *unit;
};

struct bucket_plan {
  glia_dtype dtype;
  size_t offset; /* in the sums */
  int64_t n;     /* elements, padding included */
  int ready;     /* of the micro-batch list: units before it, all of which it needs */
  int segment;   /* behind which it is final */
  /* while it is planned */
  int first_sum, n_sums;
  int32_t last;
};

/* A loop: its body as two lists over bases of its own, and what moves from step to step. */
struct loop_carry {
  int in, out; /* bases */
  int operand; /* of the unit: before the first step */
  size_t bytes;
  bool kept;                 /* every step begins with a row of `history` */
  struct ref history, final; /* final.at.base = BASE_COUNT: nobody reads it */
  size_t buffer[2];          /* in the loop's scratch */
};
struct loop_row { /* a value by step, coming in or going out */
  int base, operand;
  struct ref rows; /* going out */
  size_t bytes;    /* of one */
};
struct loop_sum {
  int base;
  struct ref total;
  size_t buffer; /* where a step computes its own */
};
struct loop_capture {
  int base, operand;
};
struct loop {
  struct compiled *body;
  const struct glia_body *from;
  int64_t steps;
  bool reverse;
  int count;      /* operand, -1: none */
  struct ref ran; /* number of steps run; base BASE_COUNT: nobody reads it */
  bool stops;
  struct place stop;
  int n_carries, n_rows_in, n_rows_out, n_sums, n_captures;
  struct loop_carry *carry;
  struct loop_row *row_in, *row_out;
  struct loop_sum *sum;
  struct loop_capture *capture;
  size_t n_bases, bases_at, shared_at, micro_at, scratch_at; /* in the scratch */
};

struct value_place { /* one value in one arena, for planning and verifying */
  glia_value v;
  base base;
  size_t offset, bytes;
  int32_t first, last; /* times of definition and last use */
};

struct compiled {
  const struct glia_entry *entry;
  struct list list[REGIONS];
  struct place *output; /* [entry->n_outputs] */
  bool *output_in_micro;
  struct place *input; /* of every graph input: micro-batch inputs in BASE_MICRO */
  bool *input_used;
  int segments; /* parts of the micro-batch list that run apart from each other, see glia_stage.h */
  int *segment_end;  /* [segments] of the micro-batch list */
  int phases;        /* a micro-batch part, an exchange and an epilogue part each */
  int *end[REGIONS]; /* [phases] of a region's list: where the phase ends */
  int n_buckets;
  int *buckets_end; /* [phases] */
  struct bucket_plan *bucket;
  size_t failed_offset; /* of glia_failed's lane in the sums; SIZE_MAX: none */
  size_t constant_bytes, shared_bytes, micro_bytes, sums_bytes, scratch_bytes;
  size_t micro_lower_bound;
  /* values behind the sums, in the order of their offsets: what ranks that hold the states once compute together */
  int n_common;
  size_t *common;     /* [n_common] offsets in BASE_TOTAL */
  bool shares_states; /* its states may be held once per node, see sharing.c */
  int nodes, groups;
  int n_values;
  struct value_place *value;
};

struct glia_program {
  const struct glia_graph *g;
  const struct glia_kernels *kernels;
  struct glia_arena arena;
  int n_entries;
  struct compiled *entry;
  size_t *state_offset; /* [states] in BASE_STATE */
  size_t *input_offset; /* [inputs] in BASE_INPUT, per-step ones */
  size_t state_bytes, input_bytes;
  struct glia_graph *own; /* g, where this program made it; NULL: it is the caller's */
  int budgeted;           /* entry point that was made to fit; -1: none */
  size_t kept_bytes;      /* what it took before */
  double extra_work;
  size_t bucket_bytes;          /* sums travel together up to here */
  int segments;                 /* at least 1 */
  const int8_t *const *segment; /* [entries] of each value; NULL: all of them are 0 */
};

/* What of a loop somebody needs: of its operands, carries and outs, given which results are alive. */
struct loop_live {
  bool *operand, *carry, *out;
};
bool glia_loop_live_(struct glia_arena *arena, const struct glia_graph *g,
                     const struct glia_node *y, const bool *result, struct loop_live *live);

/* What is known while one entry point or body is compiled; arrays are indexed by value. */
struct compiler {
  struct glia_program *p;
  const struct glia_graph *g;
  struct compiled *c;
  const struct glia_body *body; /* NULL: an entry point */
  int32_t n;
  region *region;
  int32_t *phase;        /* in which it runs; of a batch_sum, in which it is summed */
  const int8_t *segment; /* NULL: one */
  glia_value *root;      /* through views */
  int32_t *unit;         /* index into u, -1: none */
  bool *stored;          /* its root needs memory */
  struct place *place;
  struct place *summand; /* of a batch_sum: where a micro-batch leaves its part */
  int n_sums;
  glia_value *sum; /* all batch_sums that are alive, in order */
  /* units while they form: union-find, dependencies */
  int32_t n_units;
  struct forming *u;
  int32_t *order; /* units in schedule order */
};

struct forming {
  int32_t parent; /* union-find */
  bool group;
  region region;
  int32_t phase, segment;
  int64_t count;
  int32_t members, first; /* number; smallest value id */
  int32_t n_deps, deps_capacity;
  int32_t *dep; /* units, may be stale (use find) and repeated */
  int32_t stamp;
  glia_value node; /* single */
  bool copy_to_sum;
  int32_t position; /* in the schedule of its region */
  int32_t need;     /* in the epilogue, see struct unit */
};

/* The stages, in order. */
GLIA_NODISCARD glia_status glia_compile_regions_(struct compiler *k);
GLIA_NODISCARD glia_status glia_compile_units_(struct compiler *k);
GLIA_NODISCARD glia_status glia_compile_buckets_(struct compiler *k);
GLIA_NODISCARD glia_status glia_compile_memory_(struct compiler *k);
GLIA_NODISCARD glia_status glia_compile_calls_(struct compiler *k);
void glia_compile_together_(struct compiled *c);
GLIA_NODISCARD glia_status glia_compile_sharing_(struct glia_program *p, struct compiled *c);

/* All of them: an entry point, or (body != NULL) the body of a loop whose wanted results are the outputs of `entry`. */
GLIA_NODISCARD glia_status glia_compile_(struct glia_program *p, const struct glia_graph *g,
                                         const struct glia_body *body,
                                         const struct glia_entry *entry, struct compiled *c);
/* Entry points whose micro-batch region runs in `segments` parts. segment: [entries][values], borrowed until this returns. */
GLIA_NODISCARD glia_status glia_program_compile_segments_(const struct glia_graph *g,
                                                          const struct glia_kernels *kernels,
                                                          size_t bucket_bytes, int segments,
                                                          const int8_t *const *segment,
                                                          struct glia_program **out);
/* The same within a budget: see glia_program.h. The first `chunks` of several segments are forward. */
GLIA_NODISCARD glia_status glia_compile_within_(const struct glia_graph *g,
                                                const struct glia_kernels *kernels,
                                                size_t bucket_bytes, int segments, int chunks,
                                                const int8_t *const *segment,
                                                const struct glia_budget *budget,
                                                struct glia_program **out);
/* A loop node as a unit, its body compiled. */
GLIA_NODISCARD glia_status glia_compile_loop_(struct compiler *k, const struct glia_node *n,
                                              struct unit *u);

/* The type that chooses a node's reference kernel. */
static inline glia_dtype glia_key_dtype_(const struct glia_graph *g, const struct glia_node *n)
{
  return n->op->key < 0 || n->n_in == 0 ? n->type.dtype : g->node[n->in[n->op->key]]->type.dtype;
}

/* Elementwise nodes [n_members], in order, as one unit. */
GLIA_NODISCARD glia_status glia_compile_group_(struct compiler *k, const glia_value *member,
                                               int n_members, struct unit *u);

/* Let kernels of several results take over steps of a group's tile program. */
void glia_join_steps_(const struct glia_kernels *kernels, struct tile_step *step, int n_steps);

/* A call-back as a unit. */
GLIA_NODISCARD glia_status glia_compile_external_(struct compiler *k, const struct glia_node *n,
                                                  struct unit *u);

/* Where a body finds input i and leaves output o. */
static inline struct place glia_body_place_(const struct glia_body *b, int input, int output)
{
  return (struct place){BASE_ARGUMENT + (input >= 0 ? input : b->n_in + output), 0};
}

/* Segment of a micro-batch value. */
static inline int glia_segment_(const struct compiler *k, glia_value v)
{
  return k->segment != NULL && k->region[v] == REGION_MICRO ? k->segment[v] : 0;
}

/* How a node takes its input piece by piece; NULL: only as a whole, as in the epilogue, where workers share tiles out. */
static inline const struct glia_streamed *glia_streamed_(const struct compiler *k,
                                                         const struct glia_node *n)
{
  const region r = k->region[n->id];

  if (n->n_in != 1 || (r != REGION_MICRO && r != REGION_PROLOGUE)) return NULL;
  const struct glia_type *x = &k->g->node[n->in[0]]->type;
  const struct glia_streamed *s = n->op->streamed[x->dtype];
  return s != NULL && s->bytes(x, &n->attr) > 0 ? s : NULL;
}

/* Whether workers can share a unit out by blocks of what it reads. */
static inline bool glia_by_block_(const struct unit *u)
{
  return u->run != NULL && u->step == NULL && u->node->op->by_block;
}

/* Representative of a unit. */
int32_t glia_unit_find_(const struct compiler *k, int32_t u);

/* The value whose memory input i of node reads: through views, and, inside a group, through a broadcast. */
glia_value glia_source_of_(const struct compiler *k, const struct glia_node *node, int i);

/* Whether a node runs inside a group and value v is read there as a broadcast load. */
bool glia_is_fused_broadcast_(const struct compiler *k, glia_value v);

static inline size_t glia_round_up_(size_t n)
{
  return (n + (ALIGN_BYTES - 1)) & ~(size_t)(ALIGN_BYTES - 1);
}

/* Bytes that a group of this many registers and steps needs to run. */
size_t glia_group_scratch_(int n_regs, int n_steps);

/* Elements start .. start + n - 1 of a broadcast step's result, from its source. */
void glia_tile_load_(const struct tile_step *s, const void *from, void *to, int64_t start,
                     int64_t n);

/* Where a value lives in memory, with its type. */
struct ref glia_ref_(const struct compiler *k, glia_value v);

/* Run a loop in scratch of its unit's size. */
void glia_run_loop_(const struct unit *u, char *const *bases, char *scratch);

/* Run a list of units: base [BASE_COUNT] addresses, scratch of c->scratch_bytes. */
void glia_run_list_(const struct list *list, char *const *bases, void *scratch);

/* Worker `index` of the n of this rank, which is `rank` of `ranks` that hold the states once. */
struct share {
  int index, n, rank, ranks;
};

/* The share of a worker: of each group its tiles, of other units every n-th, among all ranks where they share a unit out. Units of the
 * list may not touch what another writes. */
void glia_run_share_(const struct list *list, char *const *bases, void *scratch,
                     const struct share *share);

/* Elements [lo, hi) of `count` for worker `index` of n: whole tiles. */
static inline void glia_share_(int64_t count, int index, int n, int64_t *lo, int64_t *hi)
{
  const int64_t tiles = (count + TILE - 1) / TILE;

  *lo = tiles * index / n * TILE;
  *hi = index + 1 == n ? count : tiles * (index + 1) / n * TILE;
}

#endif
