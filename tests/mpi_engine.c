/* Training on several ranks: the weights of one process, bit for bit; and a failure inside a step reaches all ranks. */
#include "glia_agree.h"
#include "glia_engine.h"
#include "glia_exchange_mpi.h"
#include "glia_kernels.h"
#include "glia_ops.h"
#include "tap_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { ROWS = 8, N_IN = 24, N_HIDDEN = 60, N_OUT = 5, MAX_V = 13, N_STEPS = 12 };

/* A run: which step it is, and where to fail. */
struct run {
  struct glia_graph *graph;
  struct glia_program *program;
  struct glia_engine *engine;
  struct glia_exchange *exchange;
  int64_t step, fail_step, fail_index;
};

static glia_value matrix(struct glia_graph *g, const char *name, bool state, int64_t n, int64_t m)
{
  const struct glia_type type = glia_type_make(GLIA_F32, 2, (const int64_t[]){n, m});

  return state ? glia_state(g, name, type) : glia_input(g, name, GLIA_PER_MICRO_BATCH, type);
}

/* tanh(x a) b against y: squared error, plain descent, held still in a step that failed somewhere. */
static struct glia_graph *model(void)
{
  static const int both[] = {0, 1};
  struct glia_graph *g = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_graph_new(&g), GLIA_OK);
  const glia_value x = matrix(g, "x", false, ROWS, N_IN);
  const glia_value y = matrix(g, "y", false, ROWS, N_OUT);
  const glia_value w[2] = {matrix(g, "a", true, N_IN, N_HIDDEN),
                           matrix(g, "b", true, N_HIDDEN, N_OUT)};
  const glia_value hidden = glia_tanh(g, glia_matmul(g, x, w[0], false, false));
  const glia_value d = glia_sub(g, glia_matmul(g, hidden, w[1], false, false), y);
  const glia_value loss = glia_reduce_sum(g, glia_mul(g, d, d), 2, both, false);
  const glia_value failed = glia_compare(g, GLIA_GT, glia_failed(g), glia_constant(g, 0.0));
  struct glia_entry *train = glia_graph_entry(g, "train");
  glia_value dw[2];
  glia_grad(g, loss, 2, w, dw);
  for (int i = 0; i < 2; i++) {
    const glia_value step = glia_mul(g, glia_batch_sum(g, dw[i]), glia_constant(g, 1e-3));
    glia_entry_write(g, train, w[i], glia_select(g, failed, w[i], glia_sub(g, w[i], step)));
  }
  glia_entry_output(g, train, "loss", glia_batch_sum(g, glia_cast(g, loss, GLIA_F64)));
  CU_ASSERT_EQUAL_FATAL(glia_graph_status(g), GLIA_OK);
  return g;
}

static void numbers(uint64_t key, int n, float *out)
{
  for (int i = 0; i < n; i++) {
    key = key * 6364136223846793005u + 1442695040888963407u;
    out[i] = (float)((double)(int64_t)key * 0x1p-63);
  }
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct run *r = self;

  (void)worker;
  GLIA_CHECK(r->step != r->fail_step || index != r->fail_index, GLIA_E_IO,
             "x.h5: cannot read micro-batch %lld", (long long)index);
  numbers((uint64_t)(r->step * 1000 + index), ROWS * N_IN, data[0]);
  numbers((uint64_t)(r->step * 1000 + index) + 77777, ROWS * N_OUT, data[1]);
  return GLIA_OK;
}

/* comm NULL: the loopback. Each sum has a bucket of its own. once: states are held once for all ranks. */
static void run_create(struct run *r, struct glia_comm *comm, int threads, glia_progress progress,
                       bool once)
{
  *r = (struct run){.graph = model(), .fail_step = -1};
  CU_ASSERT_EQUAL_FATAL(
      glia_program_compile_buckets(r->graph, glia_kernels_default(), 64, &r->program), GLIA_OK);
  if (comm != NULL)
    CU_ASSERT_EQUAL_FATAL(
        glia_exchange_mpi_create(comm, GLIA_EXCHANGE_NODE, threads, 8, &r->exchange), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_engine_create(r->program, threads, r->exchange, MAX_V, &r->engine),
                        GLIA_OK);
  if (once) CU_ASSERT_EQUAL_FATAL(glia_engine_share(r->engine), GLIA_OK);
  CU_ASSERT_EQUAL(glia_engine_shares(r->engine), once && glia_comm_size(comm) > 1);
  CU_ASSERT_EQUAL_FATAL(glia_engine_progress(r->engine, progress), GLIA_OK);
  numbers(5, N_IN * N_HIDDEN, glia_engine_state(r->engine, 0));
  numbers(6, N_HIDDEN * N_OUT, glia_engine_state(r->engine, 1));
}

static void run_destroy(struct run *r)
{
  glia_engine_destroy(&r->engine);
  glia_exchange_mpi_destroy(&r->exchange);
  glia_program_destroy(&r->program);
  glia_graph_destroy(&r->graph);
}

static glia_status run_step(struct run *r)
{
  static const int64_t vs[] = {MAX_V, 5, 8, 2, 1}; /* fewer micro-batches than workers among them */
  const struct glia_feed feed = {.self = r, .fill = fill};
  const glia_status st = glia_engine_step(r->engine, "train", vs[r->step % 5], &feed);

  r->step++;
  return st;
}

static bool same_state(struct run *a, struct run *b)
{
  return memcmp(glia_engine_state(a->engine, 0), glia_engine_state(b->engine, 0),
                N_IN * N_HIDDEN * sizeof(float)) == 0 &&
         memcmp(glia_engine_state(a->engine, 1), glia_engine_state(b->engine, 1),
                N_HIDDEN * N_OUT * sizeof(float)) == 0;
}

static double loss_of(struct run *r)
{
  const double *loss = glia_engine_output(r->engine, "train", "loss");

  return loss != NULL ? *loss : -1.0;
}

static void any_ranks_and_threads_train_the_same_bits(void)
{
  struct glia_comm *world = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  for (int ranks = 1; ranks <= glia_comm_size(world); ranks++) {
    struct glia_comm *c = NULL;
    CU_ASSERT_EQUAL_FATAL(glia_comm_split(world, glia_comm_rank(world) < ranks ? 0 : -1, 0, &c),
                          GLIA_OK);
    for (int way = 0; c != NULL && way < 2 * 3 * 2; way++) { /* threads, progress, states */
      struct run alone;
      struct run shared;
      run_create(&alone, NULL, 1, GLIA_PROGRESS_BLOCKING, false);
      run_create(&shared, c, 1 + way % 2, (glia_progress)(way / 2 % 3), way / 6 == 1);
      for (int i = 0; i < N_STEPS; i++) {
        CU_ASSERT_EQUAL(run_step(&alone), GLIA_OK);
        CU_ASSERT_EQUAL(run_step(&shared), GLIA_OK);
        CU_ASSERT_EQUAL(loss_of(&alone), loss_of(&shared));
        CU_ASSERT(loss_of(&alone) > 0.0);
      }
      CU_ASSERT(same_state(&alone, &shared));
      run_destroy(&shared);
      run_destroy(&alone);
    }
    glia_comm_destroy(&c);
    CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
  }
  glia_comm_destroy(&world);
}

/* A source that fails on one rank inside step 5: that rank finishes the step, nobody's weights move, all learn why, and the
 * next step works again. */
static void a_failed_fill_reaches_all_and_moves_nothing(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  for (int owner = 0; owner < glia_comm_size(c); owner++)
    for (int way = 0; way < 2 * 3; way++) {
      struct run before; /* five steps and no more */
      struct run r;
      run_create(&before, NULL, 1, GLIA_PROGRESS_BLOCKING, false);
      run_create(&r, c, 1 + way % 2, (glia_progress)(way / 2), way % 3 > 0);
      r.fail_step = 5; /* a step of MAX_V micro-batches */
      r.fail_index = glia_tree_range(MAX_V, glia_comm_size(c), owner);
      for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(run_step(&before), GLIA_OK);
        CU_ASSERT_EQUAL(glia_agree(c, run_step(&r)), GLIA_OK);
      }
      const glia_status st = run_step(&r);
      CU_ASSERT_EQUAL(st, glia_comm_rank(c) == owner ? GLIA_E_IO : GLIA_OK);
      CU_ASSERT_EQUAL(glia_agree(c, st), GLIA_E_IO);
      char want[100];
      snprintf(want, sizeof want, "x.h5: cannot read micro-batch %lld", (long long)r.fail_index);
      CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), want));
      snprintf(want, sizeof want, "rank %d failed: ", owner);
      CU_ASSERT(glia_comm_size(c) == 1 || strncmp(glia_trace_message(), want, strlen(want)) == 0);
      CU_ASSERT(same_state(&before, &r));
      CU_ASSERT_EQUAL(glia_agree(c, run_step(&r)), GLIA_OK);
      CU_ASSERT_FALSE(same_state(&before, &r));
      run_destroy(&r);
      run_destroy(&before);
    }
  glia_comm_destroy(&c);
}

/* What one rank writes all ranks read; and each state is written by one of them. */
static void the_states_of_a_node_are_held_once(void)
{
  struct glia_comm *c = NULL;
  struct run r;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  run_create(&r, c, 1, GLIA_PROGRESS_BLOCKING, true);
  CU_ASSERT_EQUAL(glia_comm_barrier(c), GLIA_OK);
  float *b = glia_engine_state(r.engine, 1);
  if (glia_comm_rank(c) == glia_comm_size(c) - 1) b[3] = 17.0F;
  CU_ASSERT_EQUAL(glia_comm_barrier(c), GLIA_OK);
  CU_ASSERT_EQUAL(b[3], 17.0F);
  CU_ASSERT_EQUAL(run_step(&r), GLIA_OK);
  run_destroy(&r);
  glia_comm_destroy(&c);
}

/* Where rank 0 may not make the memory, all ranks keep states of their own, and go on. */
static void without_memory_to_share_each_rank_has_its_own(void)
{
  struct rlimit limit, small;
  struct glia_comm *c = NULL;
  struct run alone, r;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  run_create(&alone, NULL, 1, GLIA_PROGRESS_BLOCKING, false);
  run_create(&r, c, 1, GLIA_PROGRESS_BLOCKING, false);
  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 100;
  if (glia_comm_rank(c) == 0) CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
  const glia_status st = glia_engine_share(r.engine);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
  CU_ASSERT_EQUAL(st, glia_comm_size(c) > 1 ? GLIA_E_MEMORY : GLIA_OK);
  CU_ASSERT_FALSE(glia_engine_shares(r.engine));
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(run_step(&alone), GLIA_OK);
    CU_ASSERT_EQUAL(run_step(&r), GLIA_OK);
  }
  CU_ASSERT(same_state(&alone, &r));
  run_destroy(&alone);
  run_destroy(&r);
  glia_comm_destroy(&c);
}

/* The loopback, with a note of what was done when; a sum is said to be there once it was waited for. */
struct witness {
  struct run r;
  struct glia_exchange face;
  double computed_s; /* by the worker, when the micro-batch began */
  int starts, early, waited;
  float b[N_HIDDEN * N_OUT]; /* the second state before the step */
  bool b_moved;              /* when the last bucket was waited for */
};

static struct witness *witness;

static glia_status note_start(void *self, const struct glia_bucket *b, int64_t v, int n,
                              const struct glia_part *parts, void *total)
{
  witness->starts++;
  witness->early += glia_engine_worker(witness->r.engine, 0).compute_s == witness->computed_s;
  CU_ASSERT_EQUAL(b->index, witness->starts - 1);
  return glia_exchange_loopback()->start(self, b, v, n, parts, total);
}

static glia_status note_wait(void *self, const struct glia_bucket *b)
{
  (void)self;
  witness->waited = b->index + 1;
  if (b->index == 3)
    witness->b_moved =
        memcmp(witness->b, glia_engine_state(witness->r.engine, 1), sizeof witness->b) != 0;
  return GLIA_OK;
}

static bool note_test(void *self, const struct glia_bucket *b)
{
  (void)self;
  return b->index < witness->waited;
}

static glia_status fill_and_note(void *self, int64_t index, int worker, void *const *data)
{
  witness->computed_s = glia_engine_worker(witness->r.engine, worker).compute_s;
  return fill(self, index, worker, data);
}

/* Sums of the failure flag, the loss, db and da, in this order. Polling, all but da start while the micro-batch that
 * makes them still runs, and b is updated before da is waited for; blocking, nothing is done behind a sum. */
static void sums_start_when_they_are_final_and_updates_wait_for_their_own(void)
{
  for (int polling = 0; polling < 2; polling++) {
    struct witness w = {.face = *glia_exchange_loopback()};
    witness = &w;
    run_create(&w.r, NULL, 1, GLIA_PROGRESS_BLOCKING, false);
    glia_engine_destroy(&w.r.engine);
    w.face.start = note_start;
    w.face.wait = note_wait;
    w.face.test = note_test;
    CU_ASSERT_EQUAL_FATAL(glia_engine_create(w.r.program, 1, &w.face, MAX_V, &w.r.engine), GLIA_OK);
    numbers(5, N_IN * N_HIDDEN, glia_engine_state(w.r.engine, 0));
    numbers(6, N_HIDDEN * N_OUT, glia_engine_state(w.r.engine, 1));
    memcpy(w.b, glia_engine_state(w.r.engine, 1), sizeof w.b);
    CU_ASSERT_EQUAL_FATAL(glia_engine_progress(w.r.engine, (glia_progress)polling), GLIA_OK);
    const struct glia_feed feed = {.self = &w.r, .fill = fill_and_note};
    CU_ASSERT_EQUAL(glia_engine_step(w.r.engine, "train", 5, &feed), GLIA_OK);
    CU_ASSERT_EQUAL(w.starts, 4);
    CU_ASSERT_EQUAL(w.waited, 4);
    CU_ASSERT_EQUAL(w.early >= 3, polling != 0);
    CU_ASSERT_EQUAL(w.early == 0, polling == 0);
    CU_ASSERT_EQUAL(w.b_moved, polling != 0);
    run_destroy(&w.r);
  }
}

/* Alone all is there as soon as it has started, nobody waits: what moves is then all that shows. */
static void time_that_moves_sums_is_part_of_what_shows(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  for (int way = 0; way < 2 * 3; way++) { /* alone or not, progress */
    struct run r;
    const glia_progress progress = (glia_progress)(way / 2);
    run_create(&r, way % 2 == 0 ? NULL : c, 1, progress, false);
    for (int i = 0; i < N_STEPS; i++) CU_ASSERT_EQUAL(run_step(&r), GLIA_OK);
    const struct glia_engine_stat s = glia_engine_stat(r.engine);
    CU_ASSERT_EQUAL(s.move_s > 0.0, progress == GLIA_PROGRESS_POLLING);
    CU_ASSERT(s.move_s >= 0.0 && s.wait_s >= 0.0);
    CU_ASSERT(s.move_s <= s.exposed_s);
    if (way % 2 == 0 && progress == GLIA_PROGRESS_POLLING) CU_ASSERT_EQUAL(s.move_s, s.exposed_s);
    run_destroy(&r);
  }
  glia_comm_destroy(&c);
}

TAP_MPI_MAIN("engine", TAP(time_that_moves_sums_is_part_of_what_shows),
             TAP(sums_start_when_they_are_final_and_updates_wait_for_their_own),
             TAP(the_states_of_a_node_are_held_once),
             TAP(without_memory_to_share_each_rank_has_its_own),
             TAP(any_ranks_and_threads_train_the_same_bits),
             TAP(a_failed_fill_reaches_all_and_moves_nothing))
