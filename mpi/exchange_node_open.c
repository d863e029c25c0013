/* The start of an exchange through shared memory: who sits where, and what all need before the first bucket. See exchange_node.c. */
#include "exchange_node_priv.h"
#include "glia_agree.h"
#include "shared_priv.h"

#include <stdlib.h>
#include <string.h>

#include "glia_log.h"

/* Ranks numbered node by node, nodes in the order of their first ranks. *rank: of this one; *nodes: 0 where nodes have
 * different numbers of ranks. */
static glia_status number_ranks(struct node_exchange *e, struct glia_comm *comm, int *rank)
{
  const int size = glia_comm_size(comm);
  int mine[2] = {glia_comm_rank(comm),
                 e->local_size}; /* first rank of the node, its number of ranks */
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_comm_cast_(e->node, mine, sizeof mine[0], 0));
  int *all = calloc((size_t)size, sizeof mine);
  const bool ok = all != NULL;
  GLIA_TRY_TO(done, st,
              glia_agree(comm, ok ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "%d ranks", size)));
  memcpy(all + 2 * glia_comm_rank(comm), mine, sizeof mine);
  GLIA_TRY_TO(done, st, glia_comm_fold_(comm, all, 2 * size, MPI_INT, MPI_MAX));
  int before = 0;
  bool even = true;
  e->n_nodes = 0;
  for (int r = 0; r < size; r++) {
    even = even && all[2 * r + 1] == e->local_size;
    if (all[2 * r] != r) continue; /* not the first of its node */
    e->n_nodes++;
    if (r < mine[0]) before++;
  }
  *rank = before * e->local_size + e->local_rank;
  e->comm_rank[e->local_rank] = glia_comm_rank(comm);
  GLIA_TRY_TO(done, st, glia_comm_fold_(e->node, e->comm_rank, e->local_size, MPI_INT, MPI_MAX));
  GLIA_CHECK_TO(done, st, even, GLIA_E_UNSUPPORTED, "nodes have different numbers of ranks");

done:
  free(all);
  return glia_agree(comm, st);
}

static glia_status open_node(struct node_exchange *e, struct glia_comm *comm)
{
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_agree(comm,
                      glia_comm_split(comm, glia_comm_node(comm), glia_comm_rank(comm), &e->node)));
  e->local_rank = glia_comm_rank(e->node);
  e->local_size = glia_comm_size(e->node);
  e->comm_rank = calloc((size_t)e->local_size, sizeof *e->comm_rank);
  if (e->comm_rank == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d ranks", e->local_size);
  return glia_agree(comm, st);
}

static glia_status open_marks(struct node_exchange *e, struct glia_comm *comm, int max_buckets)
{
  glia_status st = GLIA_OK;
  void *memory = NULL;

  e->mark_bytes = ((size_t)max_buckets + 1) * (size_t)e->local_size * sizeof *e->mark;
  for (int i = 0; i < max_buckets && st == GLIA_OK; i++) {
    e->slot[i].cut = calloc((size_t)e->local_size + 1, sizeof *e->slot[i].cut);
    if (e->slot[i].cut == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d buckets", max_buckets);
  }
  GLIA_TRY(glia_agree(comm, st));
  st = glia_shared_create_(e->node, e->mark_bytes, &memory);
  e->mark = memory;
  return glia_agree(comm, st);
}

static glia_status open_across(struct node_exchange *e, struct glia_comm *comm, int rank,
                               int threads, int max_buckets)
{
  if (e->n_nodes == 1) return GLIA_OK;
  GLIA_TRY(glia_agree(comm, glia_comm_split(comm, e->local_rank, rank, &e->across)));
  return glia_agree(comm, glia_exchange_messages_create_(e->across, threads * e->local_size,
                                                         max_buckets, &e->messages));
}

glia_status glia_exchange_node_create_(struct glia_comm *comm, int threads, int max_buckets,
                                       struct exchange **out)
{
  glia_status st = GLIA_OK;
  int rank = 0;
  struct node_exchange *e = calloc(1, sizeof *e);

  *out = NULL;
  if (e != NULL) e->slot = calloc((size_t)max_buckets, sizeof *e->slot);
  if (e == NULL || e->slot == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for an exchange of %d buckets", max_buckets);
  else
    st = glia_exchange_init_(&e->x, &glia_exchange_node_scheme_, comm, 0, threads, max_buckets);
  GLIA_TRY_TO(fail, st, glia_agree(comm, st));
  GLIA_TRY_TO(fail, st, open_node(e, comm));
  GLIA_TRY_TO(fail, st, number_ranks(e, comm, &rank));
  GLIA_TRY_TO(fail, st, open_marks(e, comm, max_buckets));
  GLIA_TRY_TO(fail, st, open_across(e, comm, rank, threads, max_buckets));
  e->x.face.rank = rank;
  e->x.face.node_rank = e->local_rank;
  e->x.face.node_size = e->local_size;
  e->x.face.share = glia_exchange_node_share_;
  e->x.face.unshare = glia_exchange_node_unshare_;
  *out = &e->x;
  return GLIA_OK;

fail:
  if (e != NULL) {
    glia_comm_destroy(&e->across);
    glia_comm_destroy(&e->node);
    glia_exchange_node_release_(e);
  }
  return st;
}
