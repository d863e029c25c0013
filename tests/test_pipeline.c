/* Layer parallel on one process: stages are threads. Tables of schedules, and the same bits as in one piece. */
#include "pipeline_rig.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 50, MOST = PIPELINE_RIG_MOST, MICRO_BATCHES = 8 };

static int micro_batches = MICRO_BATCHES; /* of the schedules that are made */
static bool tight;                        /* values are computed again where that saves memory */
static int tighter;                       /* stages of which some were */

/* Skips over layers and over cuts, statistics, random masks, weights that the first and the last stage read, losses on layers in the
 * middle. */
#define EVERYTHING(BATCH)                                                                          \
  "seed: 3\n"                                                                                      \
  "data: {file: none.h5, batch: " #BATCH ", micro_batch: 4}\n"                                     \
  "model:\n"                                                                                       \
  "  - {embedding: {count: 8, size: 4}, name: e}\n"                                                \
  "  - flatten\n"                                                                                  \
  "  - linear: 12\n"                                                                               \
  "  - batch_norm\n"                                                                               \
  "  - tanh\n"                                                                                     \
  "  - {linear: 12, name: middle}\n"                                                               \
  "  - dropout: 0.2\n"                                                                             \
  "  - layer_norm\n"                                                                               \
  "  - {add: null, name: join, from: [04-tanh, 07-layer_norm]}\n"                                  \
  "  - linear: 12\n"                                                                               \
  "  - batch_norm\n"                                                                               \
  "  - relu\n"                                                                                     \
  "  - {residual: [{linear: 12}, tanh]}\n"                                                         \
  "  - reshape: [3, 4]\n"                                                                          \
  "  - unembedding: e\n"                                                                           \
  "  - flatten\n"                                                                                  \
  "  - linear: 2\n"                                                                                \
  "loss: [cross_entropy, {name: l1, of: middle, weight: 1e-2}, {name: l1, of: join, weight: "      \
  "1e-2}]\n"                                                                                       \
  "optimizer: {adam: {lr: 1e-2}}\n"                                                                \
  "lr_schedule: {cosine: {warmup: 3}}\n"                                                           \
  "ema: {decay: 0.9, eval: true}\n"                                                                \
  "clip_norm: 0.5\n"                                                                               \
  "max_steps: 50\n"
static const char everything[] = EVERYTHING(32);

/* One layer for each of eight stages; the first and the last share a weight, whose gradient goes from the last rank to the first, past
 * stages that the last rank has more of. A loss in the middle adds its cotangent to one that is a view. */
static const char tied[] = "seed: 3\n"
                           "data: {file: none.h5, batch: 32, micro_batch: 4}\n"
                           "model:\n"
                           "  - {embedding: {count: 8, size: 4}, name: e}\n"
                           "  - {linear: {units: 4, last_axis: true}, name: a}\n"
                           "  - {linear: {units: 4, last_axis: true}, name: b}\n"
                           "  - {linear: {units: 4, last_axis: true}, name: c}\n"
                           "  - {linear: {units: 4, last_axis: true}, name: d}\n"
                           "  - {linear: {units: 4, last_axis: true}, name: f}\n"
                           "  - {linear: {units: 4, last_axis: true}, name: g}\n"
                           "  - unembedding: e\n"
                           "loss: [{name: l1}, {name: l1, of: g, weight: 1e-1}]\n"
                           "optimizer: {adam: {lr: 1e-2}}\n"
                           "max_steps: 50\n";

/* One row a micro-batch: gradients of biases are views, some of what is received, and sums alone read them. */
static const char single[] =
    "seed: 3\n"
    "data: {file: none.h5, batch: 8, micro_batch: 1}\n"
    "model: [linear: 6, linear: 6, tanh, linear: 6, layer_norm, linear: 6, "
    "linear: 6, linear: 6, relu, linear: 6, linear: 6, linear: 2]\n"
    "loss: cross_entropy\n"
    "optimizer: {adam: {lr: 1e-2}}\n"
    "max_steps: 50\n";

/* What a stage is sent and nobody reads there, the value before it is rounded, may come at any time. */
static const char rounded[] =
    "seed: 3\n"
    "data: {file: none.h5, batch: 32, micro_batch: 4}\n"
    "dtype: bf16\n"
    "model: [linear: 6, tanh, linear: 6, linear: 6, relu, linear: 6, linear: 6, linear: 2]\n"
    "loss: cross_entropy\n"
    "optimizer: {adam: {lr: 1e-2}}\n"
    "max_steps: 50\n";

static glia_status run(struct member *m)
{
  const struct glia_train_job job = {.config = &m->rig->config,
                                     .model = m->rig->model,
                                     .engine = m->engine,
                                     .source = m->rig->source};

  GLIA_TRY(glia_train(&job, &m->result));
  return glia_evaluate(m->rig->model, m->engine, m->rig->source, m->rig->config.micro_batch, 5,
                       NULL, &m->eval);
}

static bool same_states(const struct train_rig *alone, const struct member *m, int ranks)
{
  const struct glia_state *state;
  const int n = glia_graph_states(glia_model_graph(alone->model), &state);
  bool same = n > 0;

  for (int i = 0; i < n; i++)
    for (int r = 0; r < ranks; r++) {
      const int own = glia_stage_state(m[r].stage, i);
      if (glia_stage_owner(m[r].stage, i) == r) same = same && own >= 0;
      if (own < 0) continue;
      const bool equal =
          memcmp(glia_engine_state(alone->engine, i), glia_engine_state(m[r].engine, own),
                 glia_type_bytes(&state[i].type)) == 0;
      if (!equal) tap_note("rank %d: %s differs", r, state[i].path);
      same = same && equal;
    }
  return same;
}

static void start(struct train_rig *alone, struct member *m, struct glia_messenger *messenger,
                  const struct glia_model_cut *cut, int kind, int ranks, int chunks)
{
  pipeline_rig_cut(alone, m, messenger, cut, kind, ranks, chunks, micro_batches);
  for (int r = 0; r < ranks; r++) m[r].tight = tight;
  pipeline_rig_build(m, ranks);
  for (int r = 0; r < ranks; r++) {
    struct glia_program_info info = {0};
    glia_program_info(m[r].program, "train", &info);
    tighter += info.extra_work > 0.0;
  }
}

static void compare(struct train_rig *alone, const struct glia_train_result *result,
                    const struct glia_eval_result *eval, int kind, int ranks, int chunks)
{
  struct member m[MOST];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;

  pipeline_rig_cut_evenly(alone->model, ranks * chunks, &cut);
  start(alone, m, messenger, &cut, kind, ranks, chunks);
  pipeline_rig_go(m, ranks, run);
  bool same = same_states(alone, m, ranks);
  for (int r = 0; r < ranks; r++) {
    if (m[r].status != GLIA_OK) tap_note("rank %d: %s", r, m[r].trace);
    same = same && m[r].status == GLIA_OK && m[r].result.train_loss == result->train_loss &&
           m[r].eval.loss == eval->loss &&
           (m[r].eval.accuracy == eval->accuracy ||
            (isnan(m[r].eval.accuracy) && isnan(eval->accuracy)));
  }
  tap_note("%s, %d ranks of %d stages: %s", glia_schedule_names()[kind], ranks, chunks,
           same ? "the same bits" : "DIFFERENT");
  CU_ASSERT(same);
  pipeline_rig_end(m, messenger, ranks);
}

/* 1 to 4 ranks with the schedules that take this number of micro-batches. */
static void every_schedule_of(const char *yaml, int batches)
{
  struct train_rig alone;
  struct glia_train_result result;
  struct glia_eval_result eval;

  micro_batches = batches;
  train_rig_start(&alone, yaml, "points", 1, NULL);
  const struct glia_train_job job = {.config = &alone.config,
                                     .model = alone.model,
                                     .engine = alone.engine,
                                     .source = alone.source};
  CU_ASSERT_EQUAL_FATAL(glia_train(&job, &result), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_evaluate(alone.model, alone.engine, alone.source,
                                      alone.config.micro_batch, 5, NULL, &eval),
                        GLIA_OK);
  for (int kind = 0; glia_schedule_names()[kind] != NULL; kind++)
    for (int ranks = 1; ranks <= 4; ranks++) {
      if (glia_schedule_is_local(kind)) continue;
      if (glia_schedule_interleaves(kind) ? batches % ranks != 0 : batches != MICRO_BATCHES)
        continue;
      compare(&alone, &result, &eval, kind, ranks, glia_schedule_interleaves(kind) ? 2 : 1);
    }
  train_rig_end(&alone);
  micro_batches = MICRO_BATCHES;
}

static void every_schedule_has_the_bits_of_one_piece(void)
{
  every_schedule_of(everything, MICRO_BATCHES);
  every_schedule_of(tied, MICRO_BATCHES);
  every_schedule_of(single, MICRO_BATCHES);
  every_schedule_of(rounded, MICRO_BATCHES);
  every_schedule_of(EVERYTHING(24), 6); /* interleaved on three ranks */
}

/* Each stage with as little memory for values as it can do with. */
static void stages_that_compute_values_again_have_the_same_bits(void)
{
  tight = true;
  tighter = 0;
  if (getenv("GLIA_TEST_LONG") != NULL)
    every_schedule_of(everything, MICRO_BATCHES);
  else
    every_schedule_of(EVERYTHING(24), 6); /* interleaved ones */
  CU_ASSERT(tighter >= 4);
  const int before = tighter;
  every_schedule_of(single, MICRO_BATCHES);
  tap_note("with one row a micro-batch %d stages computed values again", tighter - before);
  tap_note("%d stages computed values again", tighter);
  tight = false;
}

/* Bubble of tables, forward 1 and backward 2 units: (p - 1) / (m + p - 1) of what is not backward in two parts (narayanan2021, eq. 2). */
static void bubbles_are_those_of_the_papers(void)
{
  for (int p = 1; p <= 6; p++)
    for (int m = p; m <= 24; m += p) {
      const double plain = (p - 1.0) / (m + p - 1.0);
      const double interleaved = (p - 1.0) / (2.0 * m + p - 1.0);
      for (int kind = 0; glia_schedule_names()[kind] != NULL; kind++) {
        struct glia_schedule *s = NULL;
        struct glia_schedule_play play;
        const int chunks = glia_schedule_interleaves(kind) ? 2 : 1;
        CU_ASSERT_EQUAL_FATAL(glia_schedule_make(kind, p, chunks, m, &s), GLIA_OK);
        CU_ASSERT_EQUAL(glia_schedule_check(s, NULL, &play), GLIA_OK);
        const double bubble = glia_schedule_bubble(s, &play);
        if (strcmp(s->name, "zero_bubble") == 0)
          CU_ASSERT(p == 1 ? bubble == 0.0 : bubble < plain)
        else if (glia_schedule_interleaves(kind))
          CU_ASSERT(bubble < interleaved + 1e-12)
        else
          CU_ASSERT(bubble > plain - 1e-12 && bubble < plain + 1e-12);
        for (int r = 0; r < p; r++) {
          CU_ASSERT(play.slots[r] <= s->row[r].slots);
          if (strcmp(s->name, "gpipe") == 0) CU_ASSERT_EQUAL(s->row[r].slots, m);
          if (strcmp(s->name, "1f1b") == 0) CU_ASSERT_EQUAL(s->row[r].slots, p - r);
          if (strcmp(s->name, "zero_bubble") == 0) CU_ASSERT(s->row[r].slots <= p);
        }
        glia_schedule_destroy(&s);
      }
    }
}

/* Two stages, two micro-batches, 1f1b: forward takes 1 and 3, backward 2 and 4. */
static void a_table_that_is_played_tells_who_waits_where(void)
{
  const double task_s[2][2][2] = {{{1, 1}, {2, 2}}, {{3, 3}, {4, 4}}},
               waits[2][2][2] = {{{0, 0}, {6, 5}}, {{1, 0}, {0, 0}}};
  double wait_s[2][2][2];
  struct glia_schedule *s = NULL;
  struct glia_schedule_play play;

  CU_ASSERT_EQUAL_FATAL(glia_schedule_make(0, 2, 1, 2, &s), GLIA_OK);
  memset(wait_s, -1, sizeof wait_s);
  CU_ASSERT_EQUAL(glia_schedule_replay(s, &task_s[0][0][0], &wait_s[0][0][0], &play), GLIA_OK);
  CU_ASSERT(memcmp(wait_s, waits, sizeof waits) == 0);
  CU_ASSERT_EQUAL(play.span, 17.0);
  glia_schedule_destroy(&s);
}

static void the_check_refuses(struct glia_schedule *s, const char *what)
{
  struct glia_schedule_play play;

  CU_ASSERT_EQUAL(glia_schedule_check(s, NULL, &play), GLIA_E_ARGUMENT);
  CU_ASSERT(strstr(glia_trace(), what) != NULL);
  if (strstr(glia_trace(), what) == NULL) tap_note("%s", glia_trace());
  glia_trace_clear();
}

static void a_table_that_could_not_run_is_refused(void)
{
  struct glia_schedule *s = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_schedule_make(0, 2, 1, 4, &s), GLIA_OK);
  struct glia_task *t = s->row[1].task;
  /* rank 1: F0 B0 F1 B1 ...; backward before its forward */
  const struct glia_task kept[2] = {t[0], t[1]};
  t[0] = kept[1];
  t[1] = kept[0];
  the_check_refuses(s, "backward of micro-batch 0 (segment 1) where segment 0 is due");
  t[0] = kept[0];
  t[1] = kept[1];
  t[2].micro = 2;
  the_check_refuses(s, "where 1 is due");
  t[2].micro = 1;
  s->row[1].n--;
  the_check_refuses(s, "of 4 micro-batches");
  s->row[1].n++;
  s->row[0].slots = 1; /* F0 F1 B0 ...: the second forward finds no memory */
  the_check_refuses(s, "room for 1 micro-batches");
  glia_schedule_destroy(&s);
  CU_ASSERT_EQUAL(glia_schedule_make(2, 3, 2, 4, &s), GLIA_E_ARGUMENT);
  CU_ASSERT(strstr(glia_trace(), "multiple of 3") != NULL);
  glia_trace_clear();
}

/* Most work first; ranks that have none, or as much, go where the fewest are. */
static void ranks_are_dealt_out_by_work_and_then_by_number(void)
{
  static const double work[] = {1, 1, 1, 0, 0, 0, 0}, stages[] = {2, 3, 3};
  int core[7], n_of[5] = {0};

  glia_schedule_deal(3, stages, 2, core);
  CU_ASSERT(core[0] == 0 && core[1] == 0 && core[2] == 1);
  glia_schedule_deal(7, work, 5, core);
  for (int r = 0; r < 7; r++) n_of[core[r]]++;
  CU_ASSERT(core[0] != core[1] && core[1] != core[2] && core[0] != core[2]);
  for (int c = 0; c < 5; c++) CU_ASSERT(n_of[c] >= 1 && n_of[c] <= 3);
  CU_ASSERT_EQUAL(n_of[3] + n_of[4], 4);
}

static void a_batch_that_is_coupled_is_refused(void)
{
  static const char coupled[] = "data: {file: none.h5, batch: 32, micro_batch: 4}\n"
                                "model: [{linear: 4}, {batch_norm: {over: batch}}, {linear: 2}]\n"
                                "loss: cross_entropy\n";
  struct train_rig alone;
  struct glia_model_cut cut;
  struct glia_stage *stage = NULL;

  train_rig_start(&alone, coupled, "points", 1, NULL);
  pipeline_rig_cut_evenly(alone.model, 2, &cut);
  const struct glia_cut how = {.ranks = 2,
                               .chunks = 1,
                               .stage_of = glia_model_stage_of,
                               .self = &cut,
                               .loss = glia_model_loss_sum(alone.model)};
  CU_ASSERT_EQUAL(glia_stage_cut(glia_model_graph(alone.model), &how, 0, &stage),
                  GLIA_E_UNSUPPORTED);
  CU_ASSERT(strstr(glia_trace(), "01-batch_norm") != NULL);
  glia_trace_clear();
  train_rig_end(&alone);
}

/* A rank whose rows cannot be read in the second step. */
struct broken {
  struct member *m;
  int64_t fails_at; /* micro-batch, -1: none */
  int64_t step;
  bool kept;     /* the step that failed left the states as they were */
  double failed; /* what this rank learnt of it */
  glia_status status;
};

static glia_status fill_pattern(void *self, int64_t index, int worker, void *const *data)
{
  const struct broken *b = self;

  (void)worker;
  if (b->step == 2 && index == b->fails_at) return GLIA_FAIL(GLIA_E_IO, "no such row");
  return pipeline_rig_fill(b->m, index, data);
}

static glia_status steps_until_it_fails(struct broken *b)
{
  const struct glia_feed feed = {.self = b, .fill = fill_pattern};
  const struct glia_state *state;
  const int n = glia_graph_states(glia_stage_graph(b->m->stage), &state);
  const int64_t seed = 1;
  const double rate = 0.01;
  char *was[128] = {0};

  GLIA_TRY(glia_engine_set(b->m->engine, "rate", &rate));
  GLIA_TRY(glia_engine_set(b->m->engine, "seed", &seed));
  GLIA_TRY(glia_engine_set(b->m->engine, "step", &b->step));
  GLIA_TRY(glia_engine_step(b->m->engine, "train", MICRO_BATCHES, &feed));
  for (int i = 0; i < n && i < 128; i++) {
    was[i] = malloc(glia_type_bytes(&state[i].type));
    memcpy(was[i], glia_engine_state(b->m->engine, i), glia_type_bytes(&state[i].type));
  }
  b->step = 2;
  const glia_status st = glia_engine_step(b->m->engine, "train", MICRO_BATCHES, &feed);
  b->kept = true;
  for (int i = 0; i < n && i < 128; i++) {
    b->kept = b->kept && memcmp(was[i], glia_engine_state(b->m->engine, i),
                                glia_type_bytes(&state[i].type)) == 0;
    free(was[i]);
  }
  b->failed = *(const double *)glia_engine_output(b->m->engine, "train", "failed");
  return st;
}

static void *broken_main(void *arg)
{
  struct broken *b = arg;

  b->status = steps_until_it_fails(b);
  return NULL;
}

static void a_rank_that_fails_lets_the_others_end(void)
{
  enum { RANKS = 3 };
  struct train_rig alone;
  struct member m[MOST];
  struct broken b[RANKS];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;

  train_rig_start(&alone, everything, "points", 1, NULL);
  pipeline_rig_cut_evenly(alone.model, RANKS, &cut);
  for (int k = 0; k < 2 * RANKS;
       k++) { /* each rank, in its first micro-batch and in its last one */
    const int fails = k / 2, at = k % 2 == 0 ? 0 : MICRO_BATCHES - 1;
    start(&alone, m, messenger, &cut, 0, RANKS, 1);
    for (int r = 0; r < RANKS; r++) {
      b[r] = (struct broken){.m = &m[r], .fails_at = r == fails ? at : -1, .step = 1};
      pthread_create(&m[r].thread, NULL, broken_main, &b[r]);
    }
    for (int r = 0; r < RANKS; r++) pthread_join(m[r].thread, NULL);
    for (int r = 0; r < RANKS; r++) {
      CU_ASSERT_EQUAL(b[r].status, r == fails ? GLIA_E_IO : GLIA_OK);
      CU_ASSERT_EQUAL(b[r].failed, 1.0);
      CU_ASSERT(b[r].kept);
    }
    pipeline_rig_end(m, messenger, RANKS);
  }
  train_rig_end(&alone);
}

/* Of one rank: what its engine had added up when it first sent something. */
static struct {
  glia_status (*send)(void *self, int handle, int channel, int to, size_t bytes, const void *data);
  const struct glia_engine *engine;
  double joined_s; /* below 0: nothing was sent yet */
} noted;

static glia_status note_and_send(void *self, int handle, int channel, int to, size_t bytes,
                                 const void *data)
{
  if (noted.joined_s < 0.0) noted.joined_s = glia_engine_worker(noted.engine, 0).join_s;
  return noted.send(self, handle, channel, to, bytes, data);
}

/* The first message of the first stage goes before its sums (of batch_norm) are touched, since the other rank waits for it. */
static void messages_go_before_sums_are_added_up(void)
{
  enum { FIRST, RANKS = 2 };
  struct train_rig alone;
  struct member m[MOST];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;

  train_rig_start(&alone, everything, "points", 1, NULL);
  pipeline_rig_cut_evenly(alone.model, RANKS, &cut);
  start(&alone, m, messenger, &cut, 0, RANKS, 1);
  noted.send = messenger[FIRST].send;
  noted.engine = m[FIRST].engine;
  noted.joined_s = -1.0;
  messenger[FIRST].send = note_and_send;
  pipeline_rig_go(m, RANKS, run);
  CU_ASSERT_EQUAL(m[FIRST].status, GLIA_OK);
  CU_ASSERT_EQUAL(noted.joined_s, 0.0);
  CU_ASSERT(glia_engine_worker(m[FIRST].engine, 0).join_s > 0.0);
  pipeline_rig_end(m, messenger, RANKS);
  train_rig_end(&alone);
}

/* Three modules with heads and losses of their own; what stands between is `detach`, or a layer that lets gradients pass. */
#define MODULES(BETWEEN)                                                                           \
  "seed: 3\n"                                                                                      \
  "data: {file: none.h5, batch: 32, micro_batch: 4}\n"                                             \
  "model:\n"                                                                                       \
  "  - {linear: 12, name: a}\n"                                                                    \
  "  - batch_norm\n"                                                                               \
  "  - {tanh: , name: x1}\n"                                                                       \
  "  - {linear: 2, name: head1}\n"                                                                 \
  "  - {" BETWEEN ": , name: cut1, from: [x1]}\n"                                                  \
  "  - {linear: 12, name: b}\n"                                                                    \
  "  - {tanh: , name: x2}\n"                                                                       \
  "  - {linear: 2, name: head2}\n"                                                                 \
  "  - {" BETWEEN ": , name: cut2, from: [x2]}\n"                                                  \
  "  - {linear: 2, name: out}\n"                                                                   \
  "loss: [{name: cross_entropy, of: out}, {name: cross_entropy, of: head1}, "                      \
  "{name: cross_entropy, of: head2}]\n"                                                            \
  "optimizer: {sgd: {lr: 0.1, momentum: 0.9, nesterov: true}}\n"                                   \
  "parallel: {stages: 3, cuts: [cut1, cut2]}\n"                                                    \
  "max_steps: 50\n"

static void local_learning_sends_nothing_back(void)
{
  struct train_rig alone;
  struct member m[MOST];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;

  train_rig_start(&alone, MODULES("detach"), "points", 1, NULL);
  const struct glia_yaml *cuts =
      glia_yaml_get(glia_yaml_get(glia_yaml_root(alone.doc), "parallel"), "cuts");
  CU_ASSERT_EQUAL_FATAL(glia_model_cut_at(alone.model, cuts, 3, &cut), GLIA_OK);
  CU_ASSERT_EQUAL(train_rig_train(&alone, NULL, NULL, NULL, 0, STEPS), GLIA_OK);
  for (int kind = 0; glia_schedule_names()[kind] != NULL; kind++) {
    if (glia_schedule_interleaves(kind) || glia_schedule_is_local(kind)) continue;
    start(&alone, m, messenger, &cut, kind, 3, 1);
    for (int r = 0; r < 3; r++) {
      const struct glia_stage_traffic t = glia_stage_traffic(m[r].stage, "train");
      if (r == 0) CU_ASSERT_EQUAL(t.messages_in, 0);
      if (r == 2) CU_ASSERT_EQUAL(t.messages_out, 0);
      if (r > 0) CU_ASSERT(t.messages_in > 0);
    }
    pipeline_rig_go(m, 3, run);
    for (int r = 0; r < 3; r++) CU_ASSERT_EQUAL(m[r].status, GLIA_OK);
    CU_ASSERT(same_states(&alone, m, 3));
    pipeline_rig_end(m, messenger, 3);
  }
  train_rig_end(&alone);
}

/* One step from weights of which those of module b are moved: which parameters the step leaves elsewhere than without. */
static void step_from(const char *yaml, double move, struct train_rig *r)
{
  const struct glia_state *state;

  train_rig_start(r, yaml, "points", 1, NULL);
  const int n = glia_graph_states(glia_model_graph(r->model), &state);
  for (int i = 0; i < n; i++)
    if (strcmp(state[i].path, "params/b/weight") == 0)
      ((float *)glia_engine_state(r->engine, i))[0] += (float)move;
  CU_ASSERT_EQUAL(train_rig_train(r, NULL, NULL, NULL, 0, 1), GLIA_OK);
}

static bool moved(const char *yaml, const char *path)
{
  struct train_rig a, b;
  const struct glia_state *state;
  bool differs = false;

  step_from(yaml, 0.0, &a);
  step_from(yaml, 1e-2, &b);
  const int n = glia_graph_states(glia_model_graph(a.model), &state);
  for (int i = 0; i < n; i++)
    if (strcmp(state[i].path, path) == 0)
      differs = memcmp(glia_engine_state(a.engine, i), glia_engine_state(b.engine, i),
                       glia_type_bytes(&state[i].type)) != 0;
  train_rig_end(&a);
  train_rig_end(&b);
  return differs;
}

static void modules_are_isolated(void)
{
  CU_ASSERT(!moved(MODULES("detach"), "params/a/weight"));
  CU_ASSERT(!moved(MODULES("detach"), "params/head1/weight"));
  CU_ASSERT(moved(MODULES("detach"), "params/head2/weight"));
  CU_ASSERT(moved(MODULES("detach"), "params/out/weight"));
  CU_ASSERT(moved(MODULES("sin"), "params/a/weight"));
}

/* Six units with batch norm and dropout, two of them in the last module; one message of a micro-batch to a step, and several, also of one
 * row each. */
static void local_learning_has_the_bits_of_one_rank(void)
{
  static const char *const batch[] = {"batch: 32, micro_batch: 4", "batch: 4, micro_batch: 4",
                                      "batch: 8, micro_batch: 1"};
  char yaml[1024];

  for (int b = 0; b < 3; b++)
    for (int ranks = 1; ranks <= 4; ranks++) {
      struct train_rig alone;
      struct glia_train_result result;
      struct glia_eval_result eval;
      int kind = 0;
      while (!glia_schedule_is_local(kind)) kind++;
      snprintf(yaml, sizeof yaml,
               "seed: 3\ndata: {file: none.h5, %s}\n"
               "model: [{linear: 12}, batch_norm, relu, {linear: 12}, tanh, {dropout: 0.2}, "
               "{linear: 12}, "
               "layer_norm, relu, {linear: 12}, tanh, {linear: 12}, tanh, {linear: 12}, tanh, "
               "{linear: 2}]\n"
               "local: {depth: 1}\nloss: cross_entropy\noptimizer: {adam: {lr: 1e-2}}\n"
               "ema: {decay: 0.9, eval: true}\nlr_schedule: {cosine: {warmup: 3}}\nmax_steps: 50\n",
               batch[b]);
      train_rig_start(&alone, yaml, "points", 1, NULL);
      const struct glia_train_job job = {.config = &alone.config,
                                         .model = alone.model,
                                         .engine = alone.engine,
                                         .source = alone.source};
      CU_ASSERT_EQUAL_FATAL(glia_train(&job, &result), GLIA_OK);
      CU_ASSERT_EQUAL_FATAL(glia_evaluate(alone.model, alone.engine, alone.source,
                                          alone.config.micro_batch, 5, NULL, &eval),
                            GLIA_OK);
      micro_batches = b == 1 ? 1 : MICRO_BATCHES;
      compare(&alone, &result, &eval, kind, ranks, 1);
      micro_batches = MICRO_BATCHES;
      train_rig_end(&alone);
    }
}

TAP_MAIN("pipeline", TAP(bubbles_are_those_of_the_papers),
         TAP(a_table_that_is_played_tells_who_waits_where),
         TAP(a_table_that_could_not_run_is_refused), TAP(every_schedule_has_the_bits_of_one_piece),
         TAP(stages_that_compute_values_again_have_the_same_bits),
         TAP(ranks_are_dealt_out_by_work_and_then_by_number),
         TAP(a_batch_that_is_coupled_is_refused), TAP(a_rank_that_fails_lets_the_others_end),
         TAP(messages_go_before_sums_are_added_up), TAP(local_learning_sends_nothing_back),
         TAP(modules_are_isolated), TAP(local_learning_has_the_bits_of_one_rank))
