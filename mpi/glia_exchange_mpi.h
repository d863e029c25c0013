/* Sums over micro-batches across ranks: the exchange of glia_exchange.h, in two kinds with the same bits.
 *
 * Every rank knows from (v, ranks, threads) which nodes of the canonical tree each rank holds, and a bucket's elements are
 * cut into slices. An element is added in the order of the tree, so the bits depend neither on the kind nor on the number
 * of ranks. Small buckets are added whole by everybody, which saves the way back.
 *
 *   messages  one slice per rank: each sends slice s of its nodes to rank s, which adds them and sends the sum to all
 *   node      the ranks of a node put their nodes into memory that they share; local rank s adds slice s, sums it with local
 *             rank s of the other nodes by messages (all slices in parallel), and all read the sum where it stands
 *
 * GLIA_STALL_WARN_S (5): a wait that lasts longer logs one line with the ranks that are missing.
 * GLIA_STALL_ABORT_S (300): one that lasts longer fails with GLIA_E_MPI and that text; the program decides what then.
 */
#ifndef GLIA_EXCHANGE_MPI_H
#define GLIA_EXCHANGE_MPI_H

#include "glia_comm.h"
#include "glia_exchange.h"

typedef enum { GLIA_EXCHANGE_MESSAGES, GLIA_EXCHANGE_NODE } glia_exchange_kind;

/* How float32 numbers travel in messages. */
typedef enum {
  GLIA_WIRE_F32,
  GLIA_WIRE_BF16, /* half the bytes: rounded to the nearest bf16 */
  GLIA_WIRE_INT8 /* about a quarter: whole multiples of a scale per 128 numbers; what rounding leaves goes along in the next step */
} glia_wire;

/* Steps that an exchange will be asked for: a bucket in steps of up to v micro-batches. */
struct glia_exchange_need {
  struct glia_bucket bucket;
  int64_t v;
};

/** The best exchange over the ranks of comm, with its memory: kind node where the ranks of every node can share that much
 *  memory and are equally many, else messages, which one line of the log explains.
 *
 *  need  [n_needs] all steps to come
 *
 *  For the rest see glia_exchange_mpi_create. */
GLIA_API GLIA_NODISCARD glia_status glia_exchange_mpi_open(struct glia_comm *comm, int threads,
                                                           int n_needs,
                                                           const struct glia_exchange_need *need,
                                                           struct glia_exchange **out);

/** Exchange of one kind over the ranks of comm, the same for all of them. (*out)->rank numbers them node by node, which may differ from
 *  the rank in comm.
 *
 *  threads      workers of each rank; worker w of size * threads runs micro-batches glia_tree_range(v, size * threads, w)
 *  max_buckets  buckets have index 0 to max_buckets - 1; each may be under way once at a time
 *
 *  start, poll and wait are called by one thread, the one that may call MPI; wait moves all buckets. A start that fails for
 *  its arguments or for memory leaves the other ranks waiting: end the program. After GLIA_E_MPI every call fails.
 *
 *  Collective: yes, same arguments.
 *  Ownership:  *out is yours to destroy; comm is borrowed until then.
 *  Errors:     GLIA_E_ARGUMENT, GLIA_E_MEMORY, GLIA_E_RANKS (other arguments elsewhere), GLIA_E_MPI, GLIA_E_UNSUPPORTED (kind node,
 *              where nodes have different numbers of ranks); on all ranks alike.
 */
GLIA_API GLIA_NODISCARD glia_status glia_exchange_mpi_create(struct glia_comm *comm,
                                                             glia_exchange_kind kind, int threads,
                                                             int max_buckets,
                                                             struct glia_exchange **out);

/** Get all memory that a bucket needs in steps of up to v micro-batches now, so that no start asks for more: memory that ranks
 *  share is made together, and a start that has to make it waits for late ranks without a limit.
 *  Collective: yes, same arguments; agree on the status. Errors: GLIA_E_ARGUMENT, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_exchange_mpi_reserve(struct glia_exchange *exchange,
                                                              const struct glia_bucket *bucket,
                                                              int64_t v);

/** Let sums of float32 in buckets of more than 4 KiB (and at most 2 GiB as they travel) go in fewer bytes between ranks that share no memory. Each number is rounded once on its
 *  way to the rank that adds it, and the sum once on its way back. All ranks get the same sums, but they depend on how the ranks are
 *  spread over nodes, and for int8 on the steps before. Where nothing travels by message, sums stay exact.
 *  Collective: yes, same wire, before the first start. Errors: GLIA_E_RANKS, GLIA_E_MEMORY, on all ranks alike. */
GLIA_API GLIA_NODISCARD glia_status glia_exchange_mpi_wire(struct glia_exchange *exchange,
                                                           glia_wire wire);

/** Whether anything would travel by message. */
GLIA_API bool glia_exchange_mpi_travels(const struct glia_exchange *exchange);

/* What this rank did since the exchange was made. */
struct glia_exchange_stat {
  int64_t buckets; /* started */
  int64_t bytes_sent;
  int64_t allocations; /* grows on the first use of a size alone */
  int64_t stalls;      /* waits past GLIA_STALL_WARN_S */
  double wait_s;       /* inside wait */
};

GLIA_API struct glia_exchange_stat glia_exchange_mpi_stat(const struct glia_exchange *exchange);

/** Destroy *exchange and set it to NULL; NULL is welcome. With messages under way it keeps their memory. Collective: yes. */
GLIA_API void glia_exchange_mpi_destroy(struct glia_exchange **exchange);

#endif
