/* A graph lowered to fixed schedules of kernels over one planned arena: what a step runs.
 *
 * Each entry point becomes three lists of units (prologue, micro-batch, epilogue). A unit is one kernel call, or a group of
 * elementwise nodes of one size run in tiles that stay in L1 (fusion). Addresses are (base, offset), so one schedule serves
 * every worker. Everything that can change bits is a pure function of graph and kernel table: ranks, threads and timings
 * are no inputs.
 */
#ifndef GLIA_PROGRAM_H
#define GLIA_PROGRAM_H

#include "glia_exchange.h"
#include "glia_op.h"

/* How a kernel is chosen: handed in by kernels/; NULL = reference kernels only. */
struct glia_kernel_choice {
  const char *name; /* "openblas sgemm" */
  void (*run)(const struct glia_call *c);
  size_t scratch_bytes;
  const void *
      plan; /* handed to run as it is, which may run in several threads at once; borrowed for ever */
};
/* Elementwise nodes that one kernel computes, with the bits of their references run one by one. */
enum { GLIA_FUSED_IN = 6, GLIA_FUSED_INSIDE = 12 };
struct glia_fused {
  const char *name;
  void (*run)(const struct glia_call *c);
  int n_in, n_inside;
  glia_value in[GLIA_FUSED_IN];         /* what run reads, in its order */
  glia_value inside[GLIA_FUSED_INSIDE]; /* nodes whose values nobody gets to see */
};
/* A kernel that a tile runs, as whoever runs several as one sees it. */
enum { GLIA_TURN_MOST = 6 };
struct glia_in_turn {
  const char *name; /* of the operator, or of its fused kernel */
  glia_dtype dtype; /* that chose the kernel */
  int64_t which;    /* the operator's attr.i[0] */
  int n_in;
  int from[GLIA_FUSED_IN];    /* which of those before it makes the operand; -1: none */
  bool steady[GLIA_FUSED_IN]; /* the operand is one number, all over the tile */
  int last; /* of them that reads the result; GLIA_TURN_MOST: somebody else does, or will */
};
struct glia_joined {
  int n; /* so many of them */
  void (*run)(const struct glia_call *const *c);
  /* run takes the last two operands of the i-th the other way round; and reads of its k-th, in run's order, the first number alone */
  bool exchanged[GLIA_TURN_MOST], single[GLIA_TURN_MOST][GLIA_FUSED_IN];
};
struct glia_kernels {
  const char *level; /* what the choice depends on: CPU kernel level, for the checkpoint */
  /** A faster kernel for this node than its reference; false when there is none. Pure: same node, same choice. */
  bool (*pick)(const struct glia_graph *g, const struct glia_node *n,
               struct glia_kernel_choice *out);
  /** A kernel for an elementwise node and some of those that it is made from: the first from number `from` on that there is; returns the
   *  number after its own, 0 when there is none. NULL: there are none at all. Pure, like pick. It is taken where nobody else reads
   *  what is inside; else the next is asked for. */
  int (*fuse)(const struct glia_graph *g, const struct glia_node *n, int from,
              struct glia_fused *out);
  /** A kernel for the first few of n that are run in turn over the same elements, with their bits; false: there is none. NULL: there are
   *  none at all. Pure, like pick. It reads an element of all operands before it writes that element of any result, and need not write
   *  what nobody but those few reads. */
  bool (*join)(int n, const struct glia_in_turn *turn, struct glia_joined *out);
};

struct glia_program;

/** Compile all entry points of a graph.
 *  kernels  borrowed for the program's life; NULL = reference kernels
 *  Ownership: *out is yours to destroy; g is borrowed until then.
 *  Errors: the graph's own failure; GLIA_E_SHAPE (a state written from a micro-batch value without batch_sum, a value
 *  that mixes both regions); GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_program_compile(const struct glia_graph *g,
                                                         const struct glia_kernels *kernels,
                                                         struct glia_program **out);

/** The same with sums over micro-batches in buckets of up to so many bytes: small ones start earlier, large ones cost fewer
 *  messages. A bucket holds more where one sum is larger, and where what stands before it is a sixteenth of that or less. No bit depends
 *  on it. */
GLIA_API GLIA_NODISCARD glia_status glia_program_compile_buckets(const struct glia_graph *g,
                                                                 const struct glia_kernels *kernels,
                                                                 size_t bucket_bytes,
                                                                 struct glia_program **out);
enum { GLIA_BUCKET_BYTES = 1 << 20 }; /* what glia_program_compile takes */

/* Memory for the values of one micro-batch, where some of those that the backward pass reads are computed again for it. */
struct glia_budget {
  const char *entry; /* that trains */
  glia_value loss;   /* what it differentiates */
  size_t bytes;      /* micro_bytes of no entry point shall be more; 0: as few as can be had */
  double (*work)(const struct glia_graph *g,
                 const struct glia_node *n); /* of a node, in any unit */
};
/** The same within a budget: as little as it takes is computed again, by operators and inputs as before, so no bit depends on it. A
 *  function of graph, kernel table and budget.
 *  Errors: GLIA_E_CONFIG (it cannot be met; the message has the least that can).  Source: kirisame2021, chen2016. */
GLIA_API GLIA_NODISCARD glia_status glia_program_compile_within(const struct glia_graph *g,
                                                                const struct glia_kernels *kernels,
                                                                size_t bucket_bytes,
                                                                const struct glia_budget *budget,
                                                                struct glia_program **out);
GLIA_API void glia_program_destroy(struct glia_program **p);

/* What compiling came to, for tests, --plan and benches. */
struct glia_program_info {
  int nodes;                /* of this entry point, alive */
  int units[3];             /* prologue, micro-batch, epilogue */
  int groups;               /* fused elementwise units among them */
  size_t state_bytes;       /* shared by all entry points */
  size_t shared_bytes;      /* prologue and epilogue values */
  size_t micro_bytes;       /* per worker */
  size_t micro_lower_bound; /* largest sum of live values: no plan can need less */
  size_t scratch_bytes;     /* per worker: of kernels, and the memory of loops' bodies */
  size_t sums_bytes;        /* one set of batch sums */
  size_t kept_bytes;        /* micro_bytes as they were without a budget */
  double extra_work;        /* of a micro-batch for it, as a part of what it was */
  int phases; /* passes over the micro-batches, each with an exchange of sums: see glia_batch_sum */
};
/** Figures of an entry point; false when there is none of that name. */
GLIA_API bool glia_program_info(const struct glia_program *p, const char *entry,
                                struct glia_program_info *out);

/** Buckets of batch sums that a step of this entry point hands to the exchange, in order.
 *  out  [most]  Returns their number, which may exceed most; 0 when there is no such entry point. */
GLIA_API int glia_program_buckets(const struct glia_program *p, const char *entry, int most,
                                  struct glia_bucket *out);

/** Check the memory plan: no two values alive at one time share bytes. GLIA_E_INTERNAL names the pair. */
GLIA_API GLIA_NODISCARD glia_status glia_program_verify(const struct glia_program *p);

/** Readable listing of an entry point's units, for --plan and debugging. The caller frees *out with free(). */
GLIA_API GLIA_NODISCARD glia_status glia_program_print(const struct glia_program *p,
                                                       const char *entry, char **out);

#endif
