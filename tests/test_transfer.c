/* Send and receive as operators of a graph: what is sent over stages comes back as a derivative by itself. */
#include "glia_ops.h"
#include "glia_pipeline.h"
#include "glia_transfer.h"
#include "tap.h"

#include <pthread.h>
#include <string.h>

enum { MICRO_BATCHES = 8 };

/* A graph that is cut by send and receive before it is differentiated: v (w x) on two stages, both learn. */
struct by_hand {
  struct glia_graph *g;
  struct glia_stage *stage;
  struct glia_program *program;
  struct glia_engine *engine;
  struct glia_schedule *schedule;
  pthread_t thread;
  glia_status status;
};

static int no_stage(const void *self, const char *scope)
{
  (void)self;
  (void)scope;
  return -1;
}

static void learn(struct glia_graph *g, struct glia_entry *e, glia_value state, glia_value d)
{
  const glia_value step = glia_mul(g, glia_batch_sum(g, d), glia_constant(g, 1e-3));

  glia_entry_write(g, e, state, glia_sub(g, state, step));
}

static glia_value graph_by_hand(struct glia_graph *g)
{
  const struct glia_type type = glia_type_make(GLIA_F64, 1, (int64_t[]){6});
  struct glia_entry *e = glia_graph_entry(g, "train");
  const glia_value x = glia_input(g, "x", GLIA_PER_MICRO_BATCH, type);
  const glia_value p[2] = {glia_state(g, "w", type), glia_state(g, "v", type)};
  const glia_value h = glia_receive(g, glia_send(g, glia_tanh(g, glia_mul(g, x, p[0])), 0, 1));
  const glia_value y = glia_mul(g, h, p[1]);
  const glia_value loss = glia_reduce_sum(g, glia_mul(g, y, y), -1, NULL, false);
  glia_value d[2];

  glia_grad(g, loss, 2, p, d);
  for (int i = 0; i < 2; i++) learn(g, e, p[i], d[i]);
  glia_entry_output(g, e, "loss", glia_batch_sum(g, loss));
  return loss;
}

static glia_status fill_by_hand(void *self, int64_t index, int worker, void *const *data)
{
  (void)self;
  (void)worker;
  for (int k = 0; k < 6 && data[0] != NULL; k++)
    ((double *)data[0])[k] = 0.1 * (double)(k + 1) - 0.05 * (double)index;
  return GLIA_OK;
}

static glia_status steps_by_hand(struct glia_engine *e, const struct glia_graph *g)
{
  const struct glia_feed feed = {.fill = fill_by_hand};
  const struct glia_state *state;
  const int n = glia_graph_states(g, &state);

  for (int i = 0; i < n; i++)
    for (int k = 0; k < 6; k++)
      ((double *)glia_engine_state(e, i))[k] = state[i].path[0] == 'w' ? 1.0 + k : 2.0 - 0.3 * k;
  for (int s = 0; s < 5; s++) GLIA_TRY(glia_engine_step(e, "train", MICRO_BATCHES, &feed));
  return GLIA_OK;
}

static void *by_hand_main(void *arg)
{
  struct by_hand *b = arg;

  b->status = steps_by_hand(b->engine, glia_stage_graph(b->stage));
  return NULL;
}

static void what_is_sent_by_hand_comes_back_by_itself(void)
{
  struct by_hand b[2] = {0};
  struct glia_messenger messenger[2];
  struct glia_program *program = NULL;
  struct glia_engine *alone = NULL;
  struct glia_graph *g = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_graph_new(&g), GLIA_OK);
  const struct glia_cut cut = {
      .ranks = 2, .chunks = 1, .stage_of = no_stage, .loss = graph_by_hand(g)};
  CU_ASSERT_EQUAL_FATAL(glia_graph_status(g), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_program_compile(g, NULL, &program), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_engine_create(program, 1, NULL, MICRO_BATCHES, &alone), GLIA_OK);
  CU_ASSERT_EQUAL(steps_by_hand(alone, g), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_messenger_loopback(2, messenger), GLIA_OK);
  for (int r = 0; r < 2; r++) {
    CU_ASSERT_EQUAL_FATAL(glia_schedule_make(0, 2, 1, MICRO_BATCHES, &b[r].schedule), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_stage_cut(g, &cut, r, &b[r].stage), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_schedule_bind(b[r].schedule, b[r].stage), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_stage_compile(b[r].stage, NULL, 4096, &b[r].program), GLIA_OK);
    const struct glia_pipeline how = {b[r].stage, &messenger[r], b[r].schedule};
    CU_ASSERT_EQUAL_FATAL(
        glia_engine_create_pipeline(b[r].program, 1, NULL, MICRO_BATCHES, &how, &b[r].engine),
        GLIA_OK);
    const struct glia_stage_traffic t = glia_stage_traffic(b[r].stage, "train");
    CU_ASSERT(t.messages_in == 1 && t.messages_out == 1);
    CU_ASSERT(glia_stage_state(b[r].stage, r) >= 0 && glia_stage_state(b[r].stage, 1 - r) < 0);
  }
  for (int r = 0; r < 2; r++) pthread_create(&b[r].thread, NULL, by_hand_main, &b[r]);
  for (int r = 0; r < 2; r++) pthread_join(b[r].thread, NULL);
  for (int r = 0; r < 2; r++) {
    CU_ASSERT_EQUAL(b[r].status, GLIA_OK);
    CU_ASSERT(memcmp(glia_engine_state(b[r].engine, glia_stage_state(b[r].stage, r)),
                     glia_engine_state(alone, r), 6 * sizeof(double)) == 0);
    CU_ASSERT_EQUAL(*(const double *)glia_engine_output(b[r].engine, "train", "loss"),
                    *(const double *)glia_engine_output(alone, "train", "loss"));
    glia_engine_destroy(&b[r].engine);
    glia_program_destroy(&b[r].program);
    glia_stage_destroy(&b[r].stage);
    glia_schedule_destroy(&b[r].schedule);
  }
  glia_messenger_loopback_destroy(2, messenger);
  glia_engine_destroy(&alone);
  glia_program_destroy(&program);
  glia_graph_destroy(&g);
}

TAP_MAIN("transfer", TAP(what_is_sent_by_hand_comes_back_by_itself))
