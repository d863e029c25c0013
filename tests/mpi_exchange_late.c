/* The watch on ranks that stall, of the exchange through shared memory: wherever its ranks wait for one. Part of mpi_exchange.c. */
#include "exchange_rig.h"
#include "glia_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int n_logged;
static char logged[1024];

static void keep_line(void *self, glia_log_level level, const char *line)
{
  (void)self;
  (void)level;
  snprintf(logged, sizeof logged, "%s", line);
  n_logged++;
}

static void nap(void) { nanosleep(&(struct timespec){.tv_sec = 1}, NULL); }

/* Rank 1 comes late, the others tell so once. */
static void late(struct glia_exchange *x, void (*come)(struct glia_exchange *x), const char *op)
{
  n_logged = 0;
  glia_log_set_sink(keep_line, NULL);
  come(x);
  glia_log_set_sink(NULL, NULL);
  CU_ASSERT_EQUAL(n_logged, x->rank == 1 ? 0 : 1);
  if (x->rank != 1) CU_ASSERT_PTR_NOT_NULL(strstr(logged, op));
  if (x->rank != 1) CU_ASSERT_PTR_NOT_NULL(strstr(logged, "missing=\"1 ("));
}

static void meet(struct glia_exchange *x)
{
  if (x->rank == 1) nap();
  CU_ASSERT_EQUAL(x->meet(x->self), GLIA_OK);
}

static void take_memory(struct glia_exchange *x)
{
  void *memory = NULL;

  if (x->rank == 1) nap();
  CU_ASSERT_EQUAL(x->share(x->self, 64, &memory), GLIA_OK);
  x->unshare(x->self, &memory, 64);
}

/* It has shown its part of a sum and has not looked since: the others have their sums, but cannot lay the memory out anew. */
static void change_size(struct glia_exchange *x)
{
  struct work w[2];

  for (int i = 0; i < 2; i++) {
    work_create(&w[i], 0, GLIA_F32, 100, 8 - i);
    work_through(&w[i], x, 1);
    if (i == 0 && x->rank != 1) CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
    CU_ASSERT_EQUAL(work_start(&w[i], x, false), GLIA_OK);
    if (i == 0 && x->rank == 1) CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
    if (i == 0 && x->rank == 1) nap();
    CU_ASSERT_EQUAL(x->wait(x->self, &w[i].bucket), GLIA_OK);
    CU_ASSERT(work_is_right(&w[i], false));
    work_destroy(&w[i]);
  }
}

void a_rank_late_at_a_meeting_is_named(void)
{
  CU_ASSERT_EQUAL_FATAL(open_world(), GLIA_OK);
  if (glia_comm_size(world) == 1 || KIND != GLIA_EXCHANGE_NODE)
    TAP_SKIP("needs two ranks that share memory");
  setenv("GLIA_STALL_WARN_S", "0.3", 1);
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  CU_ASSERT_EQUAL(x->meet(x->self), GLIA_OK);
  late(x, meet, "op=\"meeting of the node\"");
  late(x, take_memory, "op=\"a ");
  const struct glia_bucket bucket = {.dtype = GLIA_F32, .n = 100};
  CU_ASSERT_EQUAL(glia_exchange_mpi_reserve(x, &bucket, 8), GLIA_OK); /* nobody waits for memory */
  late(x, change_size, "op=\"exchange bucket 0\"");
  unsetenv("GLIA_STALL_WARN_S");
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}
