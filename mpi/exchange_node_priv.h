/* State of the exchange through memory that the ranks of a node share; see exchange_node.c. */
#ifndef GLIA_EXCHANGE_NODE_PRIV_H
#define GLIA_EXCHANGE_NODE_PRIV_H

#include "exchange_priv.h"

#include <stdalign.h>
#include <stdatomic.h>

enum {
  MOST_COMMON = 8
}; /* blocks of memory in which totals are known to be everybody's; in others they are copied */

/* How far one rank is with one bucket, in steps; written by it alone. */
struct mark {
  alignas(64) atomic_uint_fast64_t arrived;
  atomic_uint_fast64_t added, left;
};

typedef enum { ARRIVING, ADDING, CROSSING, COPYING, LEAVING } phase;

struct node_slot {
  /* plan: a function of bucket, v and the ranks */
  bool planned, whole;
  struct glia_bucket bucket;
  int64_t v;
  int64_t *cut; /* [local_size + 1] */
  int n_nodes;
  struct store node, first; /* of the local ranks, see glia_exchange_nodes_ */
  struct store join;        /* struct glia_part [n_nodes]: work space */
  struct store
      room; /* the nodes of a small bucket, and their sum where another rank writes it for all */
  /* total, then nodes, then `where` they stand instead; of a small bucket: twice the nodes, without `where` */
  void *memory;
  size_t memory_bytes, total_bytes, node_bytes;
  /* step */
  uint64_t step;
  phase phase;
  int arrived, copied; /* local ranks seen to have arrived; slices copied */
  int64_t added;       /* elements of the own slice that are summed */
  int n_own;
  struct glia_part own[2 * GLIA_TREE_MAX_PARTS];
  char *total;
  bool common; /* total is memory of all local ranks: each writes its slice, nobody copies */
};

struct node_exchange {
  struct exchange x;      /* first */
  struct glia_comm *node; /* the ranks of this node */
  int local_rank, local_size, n_nodes;
  int *comm_rank;    /* [local_size] rank in comm of each local rank */
  struct mark *mark; /* [n_slots + 1, local_size], shared; the last are of meetings */
  uint64_t meetings; /* to which this rank came */
  size_t mark_bytes;
  struct glia_comm *across; /* equal local ranks of all nodes; NULL with one node */
  struct exchange *messages;
  struct node_slot *slot;
  struct {
    char *from;
    size_t bytes;
  } common[MOST_COMMON]; /* memory that was handed out to share */
};

extern const struct exchange_scheme glia_exchange_node_scheme_;

/** Memory that all ranks of the node see; see struct glia_exchange. */
GLIA_NODISCARD glia_status glia_exchange_node_share_(void *self, size_t bytes, void **memory);
void glia_exchange_node_unshare_(void *self, void **memory, size_t bytes);

/** Free all but communicators. Collective: no. */
void glia_exchange_node_release_(struct node_exchange *e);

#endif
