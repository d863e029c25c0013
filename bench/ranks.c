/* See ranks.h. */
#include "ranks.h"

#include "glia_agree.h"
#include "glia_exchange_mpi.h"

glia_status ranks_join(struct ranks *r, struct glia_comm *comm, struct workload *w, bool share)
{
  const int size = glia_comm_size(comm);
  struct glia_exchange_need need[RANKS_MOST_BUCKETS];

  *r = (struct ranks){.comm = comm};
  const int n = glia_program_buckets(w->program, "train", RANKS_MOST_BUCKETS, r->bucket);
  GLIA_CHECK(n <= RANKS_MOST_BUCKETS, GLIA_E_INTERNAL, "%d buckets", n);
  r->n_buckets = n;
  for (int b = 0; b < r->n_buckets; b++) need[b] = (struct glia_exchange_need){r->bucket[b], size};
  GLIA_TRY(glia_exchange_mpi_open(comm, 1, r->n_buckets, need, &r->exchange));
  glia_engine_destroy(&w->engine);
  GLIA_TRY(glia_agree(comm, glia_engine_create(w->program, 1, r->exchange, size, &w->engine)));
  if (share) GLIA_TRY(glia_engine_share(w->engine));
  workload_reset(w);
  return glia_comm_barrier(comm); /* nobody steps while another still writes what all share */
}

void ranks_leave(struct ranks *r)
{
  glia_exchange_mpi_destroy(&r->exchange);
  *r = (struct ranks){0};
}
