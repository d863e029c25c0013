/* A source that fails on one rank inside a step: all ranks leave the loop with the same status and know whose it was, the
 * state is that of the last whole step, and training can go on from there. */
#include "glia_agree.h"
#include "glia_exchange_mpi.h"
#include "tap_mpi.h"
#include "train_rig.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 12 };

/* Four steps an epoch, the last one partly filled; seven micro-batches a step, two reads (x, y) each. */
static const char yaml[] = "seed: 4\n"
                           "data: {file: none, batch: 56, micro_batch: 8}\n"
                           "model: [{linear: 7}, tanh, {dropout: 0.2}, {linear: 2}]\n"
                           "loss: cross_entropy\n"
                           "optimizer: {adam: {lr: 1e-2}}\n"
                           "clip_norm: 1\n";

/* A run whose rows can be lost: behind a step, so many reads into the next one. */
struct run {
  struct train_rig rig;
  struct glia_exchange *exchange;
  struct glia_meeting meeting;
  struct glia_observer observer;
  struct glia_source source;
  atomic_int left; /* reads until all fail; < 0: none does */
  int64_t fail_behind;
  int fail_reads;       /* < 0: never */
  int64_t blind_behind; /* step behind which the observer fails; 0: none */
  int64_t stop_behind;  /* step behind which it asks for a checkpoint; 0: none */
  struct glia_comm *comm;
};

static glia_status read_rows(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  struct run *r = self;
  const struct glia_source *inside = r->rig.source;

  if (atomic_load(&r->left) >= 0) {
    const int left = atomic_fetch_sub(&r->left, 1);
    if (left <= 0) atomic_store(&r->left, 0);
    GLIA_CHECK(left > 0, GLIA_E_IO, "%s: cannot read row %lld", inside->name, (long long)row[0]);
  }
  return inside->read(inside->self, field, n_rows, row, out);
}

static glia_status behind_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct run *r = self;

  GLIA_CHECK(info->step != r->blind_behind, GLIA_E_IO, "cannot write down step %lld",
             (long long)info->step);
  if (info->step == r->stop_behind) *action = GLIA_CHECKPOINT;
  if (info->step == r->fail_behind) atomic_store(&r->left, r->fail_reads);
  return GLIA_OK;
}

static glia_status agree(void *self, glia_status st) { return glia_agree(self, st); }

/* comm NULL: one process. */
static void run_create(struct run *r, struct glia_comm *comm, int threads)
{
  *r = (struct run){.fail_behind = -1, .fail_reads = -1, .meeting = {comm, agree}};
  atomic_store(&r->left, -1);
  if (comm != NULL)
    CU_ASSERT_EQUAL_FATAL(
        glia_exchange_mpi_create(comm, GLIA_EXCHANGE_NODE, threads, 2, &r->exchange), GLIA_OK);
  train_rig_start(&r->rig, yaml, "lost.h5", threads, r->exchange);
  r->observer = (struct glia_observer){.self = r, .step = behind_step};
  r->source = *r->rig.source;
  r->source.self = r;
  r->source.read = read_rows;
}

static void run_destroy(struct run *r)
{
  train_rig_end(&r->rig);
  glia_exchange_mpi_destroy(&r->exchange);
}

static glia_status train(struct run *r, int64_t first, int64_t last)
{
  return train_rig_train(&r->rig, &r->source, &r->observer, &r->meeting, first, last);
}

/* Ranks in `owners` (bits) lose their rows behind step k, some reads into the next one; `blamed` is the one that all name. */
static void lose(struct glia_comm *c, int threads, unsigned owners, int blamed, int64_t k,
                 int reads)
{
  const bool mine = (owners >> glia_comm_rank(c) & 1U) != 0;
  struct run whole; /* never fails, on one process */
  struct run r;
  char want[64];

  run_create(&whole, NULL, 1);
  run_create(&r, c, threads);
  CU_ASSERT_EQUAL(train(&whole, 0, k), GLIA_OK);
  r.fail_behind = k;
  if (mine) r.fail_reads = reads;
  if (mine && k == 0) atomic_store(&r.left, reads);
  CU_ASSERT_EQUAL(train(&r, 0, STEPS), GLIA_E_IO);
  snprintf(want, sizeof want, "rank %d failed: lost.h5: cannot read row", blamed);
  CU_ASSERT(glia_comm_size(c) == 1 || strncmp(glia_trace_message(), want, strlen(want)) == 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), "read_rows"));
  CU_ASSERT(train_rig_same(&whole.rig, &r.rig));

  atomic_store(&r.left, -1);
  r.fail_reads = -1;
  CU_ASSERT_EQUAL(train(&r, k, STEPS), GLIA_OK);
  CU_ASSERT_EQUAL(train(&whole, k, STEPS), GLIA_OK);
  CU_ASSERT(train_rig_same(&whole.rig, &r.rig));
  run_destroy(&r);
  run_destroy(&whole);
}

/* Collective, as writing one is. */
static glia_status write_checkpoint(void *self, int64_t step)
{
  (void)step;
  return glia_comm_barrier(((struct run *)self)->comm);
}

/* The others were about to write a checkpoint: nobody does, nobody waits. */
static void an_observer_that_fails_on_one_rank_stops_all(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  for (int owner = 0; owner < glia_comm_size(c); owner++) {
    struct run r;
    char want[64];
    run_create(&r, c, 1);
    r.comm = c;
    r.observer.checkpoint = write_checkpoint;
    r.stop_behind = 3;
    if (glia_comm_rank(c) == owner) r.blind_behind = 3;
    CU_ASSERT_EQUAL(train(&r, 0, STEPS), GLIA_E_IO);
    snprintf(want, sizeof want, "rank %d failed: cannot write down step 3", owner);
    CU_ASSERT(glia_comm_size(c) == 1 || strncmp(glia_trace_message(), want, strlen(want)) == 0);
    r.blind_behind = 0;
    CU_ASSERT_EQUAL(train(&r, 3, STEPS), GLIA_OK);
    run_destroy(&r);
  }
  glia_comm_destroy(&c);
}

/* In its first micro-batch (read 0), and in a later one or on another thread (read 3). */
static void a_source_that_fails_on_one_rank_stops_all_before_the_step(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  for (int owner = 0; owner < glia_comm_size(c); owner++)
    for (int threads = 1; threads <= 2; threads++) {
      lose(c, threads, 1U << owner, owner, 5, 0);
      lose(c, threads, 1U << owner, owner, 5, 3);
    }
  glia_comm_destroy(&c);
}

static void the_first_and_the_last_step_may_fail(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  const int last = glia_comm_size(c) - 1;
  lose(c, 1, 1U << last, last, 0, 1);
  lose(c, 2, 1U << last, last, STEPS - 1, 1);
  glia_comm_destroy(&c);
}

static void several_ranks_may_fail_in_one_step(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  const bool enough = glia_comm_size(c) > 2;
  if (enough) lose(c, 1, 6U, 1, 4, 2);
  if (enough) lose(c, 2, 6U, 1, 4, 0);
  glia_comm_destroy(&c);
  if (!enough) TAP_SKIP("fewer than three ranks");
}

static glia_status evaluate(struct run *r, struct glia_eval_result *out)
{
  return glia_evaluate(r->rig.model, r->rig.engine, &r->source, 8, 16, &r->meeting, out);
}

static void an_evaluation_that_fails_stops_all(void)
{
  struct glia_comm *c = NULL;
  struct glia_eval_result before;
  struct glia_eval_result after;
  struct run r;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  run_create(&r, c, 2);
  CU_ASSERT_EQUAL(evaluate(&r, &before), GLIA_OK);
  if (glia_comm_rank(c) == glia_comm_size(c) - 1) atomic_store(&r.left, 1);
  CU_ASSERT_EQUAL(evaluate(&r, &after), GLIA_E_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "lost.h5: cannot read row"));
  atomic_store(&r.left, -1);
  CU_ASSERT_EQUAL(evaluate(&r, &after), GLIA_OK);
  CU_ASSERT(before.n == TRAIN_RIG_ROWS && before.loss > 0.0 && before.accuracy > 0.0);
  CU_ASSERT(after.loss == before.loss && after.accuracy == before.accuracy);
  run_destroy(&r);
  glia_comm_destroy(&c);
}

TAP_MPI_MAIN("drain", TAP(an_observer_that_fails_on_one_rank_stops_all),
             TAP(a_source_that_fails_on_one_rank_stops_all_before_the_step),
             TAP(the_first_and_the_last_step_may_fail), TAP(several_ranks_may_fail_in_one_step),
             TAP(an_evaluation_that_fails_stops_all))
