/* Layer parallel: a graph cut into stages, one or several of them on each rank.
 *
 *     glia_stage_cut(whole, &cut, rank, &stage);              // the graph of one rank
 *     glia_stage_compile(stage, kernels, bucket_bytes, &program);
 *     glia_engine_create_stage(program, stage, &run, &engine); // then as any engine
 *
 * A node belongs to the stage of the layer that it was built for (glia_profile.h: scopes), derivatives to the layer that they are
 * derived from. What one stage makes and another reads crosses as a message, once per micro-batch: forward an activation, backward
 * its cotangent; any two stages may be joined, so layers may read what lies several cuts before them, and a parameter may be used by
 * two stages (its gradient is then the same sum as in one process). What depends on data alone is computed wherever it is read.
 * Behind the micro-batches scalars that several ranks need (loss, parts of the gradient's norm) are shared in one message; all
 * nodes are those of the whole graph, in its order: so a step has the same bits as in one process.
 *
 * The micro-batch region of a rank is a list of segments: forward of each of its stages, then backward from the last to the first,
 * in two parts where gradients of weights are to fill waiting time. In which order segments and micro-batches go: glia_schedule.h.
 */
#ifndef GLIA_STAGE_H
#define GLIA_STAGE_H

#include "glia_program.h"

enum { GLIA_STAGE_MAX_RANKS = 64 };

struct glia_cut {
  int ranks;  /* of the pipeline, at most GLIA_STAGE_MAX_RANKS */
  int chunks; /* stages of each rank: stage s is on rank s % ranks */
  /** Stage of what was built in a scope; -1: it says nothing. The text is never NULL. */
  int (*stage_of)(const void *self, const char *scope);
  const void *self;
  glia_value loss; /* what was differentiated: its ancestors run forward; GLIA_NONE: nothing was */
  bool split;      /* backward in two parts */
  /** Local learning: parts that learn by losses of their own, one or several in a stage; nothing goes backward from one to another. Each
   *  is a segment. 0: none. part_of: as stage_of. */
  int parts;
  int (*part_of)(const void *self, const char *scope);
};

struct glia_stage;

/** The graph of one rank: the whole one's entry points and inputs, states that this rank needs, and what crosses.
 *  Collective: no, but the same arguments on all ranks.
 *  Ownership: *out is yours to destroy; whole is borrowed until then.
 *  Errors: GLIA_E_UNSUPPORTED (sums that micro-batches read again; a layer that reads one behind it; a parameter changed on one
 *  stage by what another holds), GLIA_E_MEMORY, those of the graph. */
GLIA_API GLIA_NODISCARD glia_status glia_stage_cut(const struct glia_graph *whole,
                                                   const struct glia_cut *cut, int rank,
                                                   struct glia_stage **out);
GLIA_API void glia_stage_destroy(struct glia_stage **stage);

/** Ownership: borrowed for the stage's life. */
GLIA_API const struct glia_graph *glia_stage_graph(const struct glia_stage *stage);

/** Compile it. Ownership and errors: as glia_program_compile. */
GLIA_API GLIA_NODISCARD glia_status glia_stage_compile(const struct glia_stage *stage,
                                                       const struct glia_kernels *kernels,
                                                       size_t bucket_bytes,
                                                       struct glia_program **out);

/** A whole graph with local learning, in one piece: one part runs behind the other, so that only one's values are in memory.
 *  cut  ranks and chunks 1
 *  Ownership and errors: as glia_program_compile, and those of glia_stage_cut. */
GLIA_API GLIA_NODISCARD glia_status glia_parts_compile(const struct glia_graph *g,
                                                       const struct glia_cut *cut,
                                                       const struct glia_kernels *kernels,
                                                       size_t bucket_bytes,
                                                       struct glia_program **out);

/** A stage within a budget for each micro-batch that it has in memory: entry and bytes of budget count, and work.
 *  Errors: as glia_program_compile_within; GLIA_E_UNSUPPORTED (parts of local learning). */
GLIA_API GLIA_NODISCARD glia_status glia_stage_compile_within(const struct glia_stage *stage,
                                                              const struct glia_kernels *kernels,
                                                              size_t bucket_bytes,
                                                              const struct glia_budget *budget,
                                                              struct glia_program **out);

/** Slot in this rank's graph of state i of the whole; -1: it is not here. */
GLIA_API int glia_stage_state(const struct glia_stage *stage, int i);
/** Rank that holds state i and changes it. */
GLIA_API int glia_stage_owner(const struct glia_stage *stage, int i);

/* What goes from one rank of the pipeline to another with every micro-batch. */
struct glia_message {
  int channel;
  int from, to;   /* ranks */
  int made, read; /* segments: sent behind the one, waited for in front of the other */
  int expected; /* segment in front of which its receive is begun: 0, as soon as the micro-batch has memory */
  size_t bytes;
  char what[52];
};
/** Those of an entry point, of all ranks: the same list on each.  Returns their number; 0 where there is no such entry point.
 *  Ownership: *out is borrowed for the stage's life. */
GLIA_API int glia_stage_messages(const struct glia_stage *stage, const char *entry,
                                 const struct glia_message **out);

/* What crosses from or to this rank with every micro-batch. */
struct glia_stage_traffic {
  int messages_in, messages_out;
  size_t bytes_in, bytes_out;
};
GLIA_API struct glia_stage_traffic glia_stage_traffic(const struct glia_stage *stage,
                                                      const char *entry);

/* How ranks of a pipeline reach each other: handed in when the engine is made. Loopback in graph/, MPI in mpi/. Called by the thread
 * that runs the step. */
struct glia_messenger {
  void *self;
  int rank, size;
  /** A step begins. */
  void (*begin)(void *self);
  /** Start to send to / to receive from a rank of the pipeline: `bytes` at data, untouched until handle was waited for.
   *  channel  tells messages of one pair of ranks apart; those of one channel keep their order
   *  handle   0 to n - 1, see open; must not be under way
   *  Errors: GLIA_E_MPI. */
  glia_status (*send)(void *self, int handle, int channel, int to, size_t bytes, const void *data);
  glia_status (*receive)(void *self, int handle, int channel, int from, size_t bytes, void *data);
  /** Look after messages that are under way: they may move only when somebody looks. Cheap. */
  void (*poll)(void *self);
  /** Wait until it is done; calls idle(arg) over and over meanwhile. what: for messages. Errors: GLIA_E_MPI. */
  glia_status (*wait)(void *self, int handle, const char *what, void (*idle)(void *arg), void *arg);
  /** x [size][n]: row `rank` comes in, all rows go out. Collective: yes, over the pipeline. Errors: GLIA_E_MPI. */
  glia_status (*share)(void *self, int n, double *x, void (*idle)(void *arg), void *arg);
  /** Make room for handles 0 to n - 1 and for rows of up to `shared` numbers, once, before the first message: a step allocates nothing.
   *  Errors: GLIA_E_MEMORY. */
  glia_status (*open)(void *self, int n, int shared);
};

/** A pipeline of threads of one process: messenger of rank r is out[r]. out [ranks]. Where all of them wait for each other their waits
 *  fail with GLIA_E_INTERNAL.
 *  Ownership: destroy when all threads are done. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_messenger_loopback(int ranks, struct glia_messenger *out);
GLIA_API void glia_messenger_loopback_destroy(int ranks, struct glia_messenger *m);

#endif
