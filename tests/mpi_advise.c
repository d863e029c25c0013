/* A stage that is run alone for --plan stands still where it would wait for a message, and nowhere else, and none of that is time of its
 * tasks. With local learning nobody answers either: it ends all the same, and what the session holds stays as it was. */
#include "advise_priv.h"
#include "tap_mpi.h"

#include "glia_log.h"
#include "glia_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MICRO = 4, BATCHES = 6, ROWS = MICRO * BATCHES, FIELDS = 3, STAGES = 2, SEGMENTS = 2 };
/* Steps that are run at least: two that do not count, and three. */
enum { STEPS = 5 };

#define CONFIG(more, rest)                                                                         \
  "seed: 1\ndata: {file: made-up, batch: 24, micro_batch: 4}\nmodel: [{linear: 8}, tanh, " more    \
  "{linear: 2}]\nloss: cross_entropy\noptimizer: {adam: {lr: 0.01}}\nmax_steps: 1\n" rest
static const char plain[] = CONFIG("", ""),
                  modules[] = CONFIG("{linear: 8}, tanh, ", "local: {depth: 0}\n");

static float x[ROWS][FIELDS];
static uint8_t y[ROWS];

static void open_session(struct session *s, const char *config)
{
  static const struct glia_field field[2] = {
      {"x", {.dtype = GLIA_F32, .rank = 1, .dim = {FIELDS}}, 1.0, 0.0},
      {"y", {.dtype = GLIA_U8}, 1.0, 0.0}};
  static const void *const data[2] = {x, y};

  for (int i = 0; i < ROWS; i++) {
    y[i] = (uint8_t)(i % 2);
    for (int k = 0; k < FIELDS; k++) x[i][k] = (float)sin(i + 0.3 * k);
  }
  *s = (struct session){.comm = NULL};
  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&s->comm), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_source_from_memory("made-up", ROWS, 2, field, data, &s->train),
                        GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(session_configure_text(s, "a test", config, 0, NULL), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(session_build(s), GLIA_OK);
}

static void close_session(struct session *s)
{
  struct glia_comm *world = s->comm;

  s->comm = NULL;
  session_close(s);
  glia_comm_destroy(&world);
}

/* What the rank that was first took. */
static double try_it(const struct session *s, const struct advise_trial *t, double *task_s)
{
  const double from_s = glia_time_s();
  double end_s = -1.0, took_s;

  CU_ASSERT_EQUAL_FATAL(advise_trial_(s, t, task_s, &end_s), GLIA_OK);
  took_s = glia_time_s() - from_s;
  CU_ASSERT(end_s >= 0.0);
  CU_ASSERT_EQUAL(glia_comm_reduce_f64(s->comm, GLIA_COMM_MIN, &took_s, 1), GLIA_OK);
  return took_s;
}

/* Stage 0 waits in front of backward alone, stage 1 of forward alone. */
static void a_stage_alone_waits_where_messages_are_read(void)
{
  enum { FORWARD, BACKWARD };
  static const double long_s = 1e4, short_s = 0.01;
  struct session s;
  struct glia_model_cut layers;
  const double cost[] = {1.0, 0.0, 1.0, 0.0};

  open_session(&s, plain);
  CU_ASSERT_EQUAL_FATAL(glia_model_cut_balanced(s.model, cost, STAGES, &layers), GLIA_OK);
  const struct glia_cut cut = {.ranks = STAGES,
                               .chunks = 1,
                               .stage_of = glia_model_stage_of,
                               .self = &layers,
                               .loss = glia_model_loss_sum(s.model)};
  for (int stage = 0; stage < STAGES; stage++) {
    double wait_s[SEGMENTS][BATCHES], task_s[SEGMENTS][BATCHES] = {{0.0}};
    for (int i = 0; i < BATCHES; i++) {
      wait_s[FORWARD][i] = stage == 0 ? long_s : short_s;
      wait_s[BACKWARD][i] = stage == 0 ? short_s : long_s;
    }
    const struct advise_trial t = {.cut = &cut,
                                   .micro_batches = BATCHES, /* kind 0: 1f1b */
                                   .rank = stage,
                                   .plays = 1,
                                   .wait_s = &wait_s[0][0],
                                   .tail_s = stage == 1 ? 2.0 * short_s : 0.0};
    const double took_s = try_it(&s, &t, &task_s[0][0]);
    CU_ASSERT(took_s > STEPS * (BATCHES * short_s + t.tail_s));
    CU_ASSERT(took_s < long_s);
    for (int k = 0; k < SEGMENTS * BATCHES; k++)
      CU_ASSERT((&task_s[0][0])[k] > 0.0 && (&task_s[0][0])[k] < 0.5 * short_s);
  }
  close_session(&s);
}

/* All states of a session, one behind the other. */
static char *copy_states(const struct session *s, size_t *bytes)
{
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(s->model), &state);
  char *all = NULL;

  *bytes = 0;
  for (int i = 0; i < n; i++) {
    const size_t more = glia_type_bytes(&state[i].type);
    all = realloc(all, *bytes + more + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(all);
    memcpy(all + *bytes, glia_engine_state(s->engine, i), more);
    *bytes += more;
  }
  return all;
}

/* The first rank of local learning waits for room in its queue, the other one for messages; what it would send back does not come. */
static void try_modules(const struct session *s, const struct glia_cut *cut, int kind, int stage,
                        int batches)
{
  static const double short_s = 0.01;
  double wait_s[BATCHES], task_s[BATCHES] = {0.0}, all_s = 0.0;

  for (int i = 0; i < BATCHES; i++) wait_s[i] = short_s;
  const struct advise_trial t = {.cut = cut,
                                 .kind = kind,
                                 .micro_batches = batches,
                                 .rank = stage,
                                 .plays = 1,
                                 .wait_s = wait_s};
  CU_ASSERT(try_it(s, &t, task_s) > STEPS * batches * short_s);
  for (int i = 0; i < batches; i++) {
    CU_ASSERT(task_s[i] >= 0.0 && task_s[i] < 0.5 * short_s);
    all_s += task_s[i];
  }
  CU_ASSERT(all_s > 0.0);
}

static void modules_alone_wait_for_queues_and_leave_states_alone(void)
{
  struct session s;
  struct glia_model_cut layers;
  double cost[16] = {1.0};
  int kind = 0;
  size_t bytes, bytes_after;

  open_session(&s, modules);
  CU_ASSERT_EQUAL_FATAL(session_initialize(&s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_model_modules(s.model), STAGES);
  while (!glia_schedule_is_local(kind)) kind++;
  glia_model_cost(s.model, cost);
  CU_ASSERT_EQUAL_FATAL(glia_model_cut_balanced(s.model, cost, STAGES, &layers), GLIA_OK);
  const struct glia_cut cut = {.ranks = STAGES,
                               .chunks = 1,
                               .stage_of = glia_model_stage_of,
                               .self = &layers,
                               .loss = glia_model_loss_sum(s.model),
                               .parts = glia_model_modules(s.model),
                               .part_of = glia_model_part_of};
  char *before = copy_states(&s, &bytes);
  for (int stage = 0; stage < STAGES; stage++) {
    try_modules(&s, &cut, kind, stage, BATCHES);
    try_modules(&s, &cut, kind, stage, 1); /* a rank may be five steps ahead, which are told late */
  }
  char *after = copy_states(&s, &bytes_after);
  CU_ASSERT(bytes > 0 && bytes == bytes_after && memcmp(before, after, bytes) == 0);
  free(before);
  free(after);
  close_session(&s);
}

TAP_MPI_MAIN("advise", TAP(a_stage_alone_waits_where_messages_are_read),
             TAP(modules_alone_wait_for_queues_and_leave_states_alone))
