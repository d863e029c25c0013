/* A stage that is run alone for --plan stands still where it would wait for a message, and nowhere else, and none of that is time of its
 * tasks. */
#include "advise_priv.h"
#include "tap_mpi.h"

#include "glia_log.h"
#include "glia_source.h"

#include <math.h>

enum { MICRO = 4, BATCHES = 6, ROWS = MICRO * BATCHES, FIELDS = 3, STAGES = 2, SEGMENTS = 2 };
/* Steps that are run at least: two that do not count, and three. */
enum { STEPS = 5 };

static const char config[] =
    "seed: 1\ndata: {file: made-up, batch: 24, micro_batch: 4}\nmodel: [{linear: 8}, tanh, "
    "{linear: 2}]\nloss: cross_entropy\noptimizer: {adam: {lr: 0.01}}\nmax_steps: 1\n";

static float x[ROWS][FIELDS];
static uint8_t y[ROWS];

static void open_session(struct session *s)
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

/* What the slowest rank took. */
static double try_it(const struct session *s, const struct advise_trial *t,
                     double task_s[SEGMENTS][BATCHES])
{
  const double from_s = glia_time_s();
  double end_s = -1.0, took_s;

  CU_ASSERT_EQUAL_FATAL(advise_trial_(s, t, &task_s[0][0], &end_s), GLIA_OK);
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

  open_session(&s);
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
    const double took_s = try_it(&s, &t, task_s);
    CU_ASSERT(took_s > STEPS * (BATCHES * short_s + t.tail_s));
    CU_ASSERT(took_s < long_s);
    for (int k = 0; k < SEGMENTS * BATCHES; k++)
      CU_ASSERT((&task_s[0][0])[k] > 0.0 && (&task_s[0][0])[k] < 0.5 * short_s);
  }
  struct glia_comm *world = s.comm;
  s.comm = NULL;
  session_close(&s);
  glia_comm_destroy(&world);
}

TAP_MPI_MAIN("advise", TAP(a_stage_alone_waits_where_messages_are_read))
