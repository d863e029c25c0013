/* Steps of several phases on several ranks: the weights of one process, bit for bit. */
#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "phases_rig.h"
#include "tap_mpi.h"

#include <string.h>

enum { PARTS = 8, BUCKETS = 16 };

static bool same_state(const struct phases_result *a, const struct phases_result *b)
{
  return memcmp(a->w, b->w, sizeof a->w) == 0 && memcmp(a->v, b->v, sizeof a->v) == 0;
}

static void ranks_and_threads_change_no_bit_of_a_coupled_batch(void)
{
  struct phases_result alone, shared;
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(phases_train(PHASES_COUPLED, PARTS, 1, NULL, PHASES_STEPS, -1, &alone),
                        GLIA_OK);
  for (int threads = 1; threads <= 2; threads++) {
    struct glia_exchange *x = NULL;
    CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, GLIA_EXCHANGE_NODE, threads, BUCKETS, &x),
                          GLIA_OK);
    CU_ASSERT_EQUAL(phases_train(PHASES_COUPLED, PARTS, threads, x, PHASES_STEPS, -1, &shared),
                    GLIA_OK);
    CU_ASSERT(same_state(&alone, &shared));
    CU_ASSERT_EQUAL(alone.loss, shared.loss);
    glia_exchange_mpi_destroy(&x);
  }
  glia_comm_destroy(&c);
}

/* One rank cannot read in the last step: all finish its phases, and the weights are those of the steps before. */
static void a_failure_on_one_rank_goes_through_all_phases(void)
{
  struct phases_result before, r;
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  CU_ASSERT_EQUAL(phases_train(PHASES_COUPLED, PARTS, 1, NULL, PHASES_STEPS - 1, -1, &before),
                  GLIA_OK);
  struct glia_exchange *x = NULL;
  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, GLIA_EXCHANGE_NODE, 1, BUCKETS, &x), GLIA_OK);
  const glia_status st = phases_train(PHASES_COUPLED, PARTS, 1, x, PHASES_STEPS, PARTS - 1, &r);
  CU_ASSERT_EQUAL(st, x->rank == x->size - 1 ? GLIA_E_IO : GLIA_OK);
  CU_ASSERT_EQUAL(glia_agree(c, st), GLIA_E_IO);
  CU_ASSERT(same_state(&before, &r));
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

TAP_MPI_MAIN("phases", TAP(ranks_and_threads_change_no_bit_of_a_coupled_batch),
             TAP(a_failure_on_one_rank_goes_through_all_phases))
