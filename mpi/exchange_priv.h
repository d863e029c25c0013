/* What the schemes of the exchange share: checks, waiting, the watch on ranks that stall; and the state of the messages. */
#ifndef GLIA_EXCHANGE_PRIV_H
#define GLIA_EXCHANGE_PRIV_H

#include "glia_exchange_mpi.h"
#include "mpi_priv.h"

/* Work of one poll, tens of microseconds; a segment of each node stays in cache while it is added. */
enum { SEGMENT_ELEMENTS = 8192, POLL_SEGMENTS = 8 };
enum { SMALL_BYTES = 4096 };  /* buckets up to here go whole to everybody */
enum { SLICE_ELEMENTS = 16 }; /* slices start at multiples: a cache line of float32 */
enum { MEETING = -1 };        /* in place of a bucket */
enum { MAX_BUCKETS = 16000 }; /* two tags each; MPI promises 32767 */

struct exchange;

/* How sums cross ranks. Buckets were checked; advance is called for active ones until it finds `done`. */
struct exchange_scheme {
  glia_status (*reserve)(struct exchange *x, const struct glia_bucket *b, int64_t v);
  glia_status (*start)(struct exchange *x, const struct glia_bucket *b, int64_t v, int n_parts,
                       const struct glia_part *parts, void *total);
  /** See what came for all buckets: once before they are advanced, however many they are, since a look at messages costs a call of
   *  the system. */
  glia_status (*look)(struct exchange *x);
  /** A bucket onward, adding at most `segments` segments. */
  glia_status (*advance)(struct exchange *x, int bucket, int64_t segments, bool *done);
  /** Numbers in messages from now on; whether there are messages at all. */
  glia_status (*wire)(struct exchange *x, glia_wire wire);
  bool (*travels)(const struct exchange *x);
  /** Come to a meeting of the node; whether all have. NULL: its ranks share nothing. */
  void (*come)(struct exchange *x);
  bool (*met)(const struct exchange *x);
  /** Ranks whose message or slice this bucket lacks, or who lack at the meeting (MEETING): "1 (gn2), 2 (gn3)". */
  void (*missing)(const struct exchange *x, int bucket, char *out, size_t size);
  /** Free x; messages may be under way. */
  void (*destroy)(struct exchange *x);
};

struct flight {
  bool started, active; /* start was called and wait not yet; something is missing */
};

/* The first member of every scheme's own state. */
struct exchange {
  struct glia_exchange face; /* first: what the caller holds */
  const struct exchange_scheme *scheme;
  struct glia_comm *comm;
  int threads, n_slots;
  int spins; /* polls before the core is given up */
  double warn_s, abort_s;
  struct flight *flight; /* [n_slots] */
  glia_status status;    /* once failed, always failed */
  char why[1024];
  struct glia_exchange_stat stat;
};

/** Fill what all schemes have. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_exchange_init_(struct exchange *x,
                                               const struct exchange_scheme *scheme,
                                               struct glia_comm *comm, int rank, int threads,
                                               int max_buckets);

/** The schemes. Collective: yes. Errors: GLIA_E_MEMORY, GLIA_E_MPI; of glia_exchange_node_create_ GLIA_E_UNSUPPORTED where
 *  nodes have different numbers of ranks; on all ranks alike. */
GLIA_NODISCARD glia_status glia_exchange_messages_create_(struct glia_comm *comm, int threads,
                                                          int max_buckets, struct exchange **out);
GLIA_NODISCARD glia_status glia_exchange_node_create_(struct glia_comm *comm, int threads,
                                                      int max_buckets, struct exchange **out);

/** A wait for a bucket, or for the meeting of the node (MEETING), lasts long: say so once, and in the end give up.
 *  *warned  false at first
 *  Errors: GLIA_E_MPI, after which the exchange stays unusable. */
GLIA_NODISCARD glia_status glia_exchange_watch_(struct exchange *x, int bucket, double waited_s,
                                                bool *warned);

/* Memory that only grows; its contents do not survive growth. */
struct store {
  void *data;
  size_t bytes;
};
bool glia_exchange_grow_(struct glia_exchange_stat *stat, struct store *s, size_t bytes);

/** Nodes of the tree that ranks first_rank to first_rank + n_ranks - 1 hold, in order, of `workers` in all.
 *  node     struct glia_part [*n_nodes]
 *  first    int [n_ranks + 1]: nodes first[r] to first[r + 1] are rank first_rank + r's
 *  Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_exchange_nodes_(struct glia_exchange_stat *stat, int64_t v,
                                                int64_t workers, int threads, int first_rank,
                                                int n_ranks, struct store *node,
                                                struct store *first, int *n_nodes);

/** The caller's parts, joined as far as they go, into own [2 GLIA_TREE_MAX_PARTS]; they must be want [n_want].
 *  Errors: GLIA_E_ARGUMENT. */
GLIA_NODISCARD glia_status glia_exchange_take_(const struct exchange *x,
                                               const struct glia_bucket *b, int64_t v, int n_parts,
                                               const struct glia_part *parts, int n_want,
                                               const struct glia_part *want, struct glia_part *own,
                                               int *n_own);

/** First elements of the slices of n elements over `size` ranks: cut [size + 1]. */
void glia_exchange_cut_(int64_t n, int size, int64_t *cut);

#endif
