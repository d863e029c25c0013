/* What is proven of a table and the messages of a cut, against what threads over the loopback do with them. */
#include "pipeline_rig.h"
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = PIPELINE_RIG_MOST };

static int kind_named(const char *name)
{
  int k = 0;

  while (strcmp(glia_schedule_names()[k], name) != 0) k++;
  return k;
}

static void refused(const struct glia_schedule *s, const char *sentence)
{
  struct glia_schedule_play play;

  CU_ASSERT_EQUAL(glia_schedule_prove(s, &play), GLIA_E_ARGUMENT);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(), sentence);
  tap_note("%s", glia_trace_message());
  glia_trace_clear();
}

/* Three ranks, 1f1b, and one message more than those of the chain. */
static void a_message_in_a_bad_order_is_refused(void)
{
  struct glia_message message[8];
  struct glia_schedule *s = NULL;
  struct glia_schedule_play play;

  CU_ASSERT_EQUAL_FATAL(glia_schedule_make(kind_named("1f1b"), 3, 1, 4, &s), GLIA_OK);
  struct glia_message *chain = s->message;
  struct glia_message *more = &message[s->n_messages];
  memcpy(message, chain, (size_t)s->n_messages * sizeof *chain);
  s->message = message;
  /* forward from the first to the last: as the chain does, two messages wait */
  *more = (struct glia_message){.to = 2, .made = 0, .read = 0, .bytes = 8, .what = "a skip"};
  s->n_messages++;
  CU_ASSERT_EQUAL(glia_schedule_prove(s, &play), GLIA_OK);
  CU_ASSERT_EQUAL(play.waiting_bytes[0], 3 * 8);
  CU_ASSERT_EQUAL(play.waiting_bytes[2], 0);
  /* made by the last one's backward, read by the first one's forward */
  *more = (struct glia_message){.from = 2, .to = 0, .made = 1, .read = 0, .what = "a loop"};
  refused(s,
          "1f1b would never end: stage 0 on rank 0, before forward of micro-batch 0, waits for a "
          "loop of micro-batch 0 from stage 2 on rank 2; stage 2 on rank 2, before forward of "
          "micro-batch 0, waits for the values of stage 1 of micro-batch 0 from stage 1 on rank "
          "1; stage 1 on rank 1, before forward of micro-batch 0, waits for the values of stage "
          "0 of micro-batch 0 from stage 0 on rank 0");
  s->message = chain;
  glia_schedule_destroy(&s);
}

/* The first and the last stage share a weight, whose gradient goes past all others. */
static const char tied[] =
    "seed: 3\ndata: {file: none.h5, batch: 32, micro_batch: 4}\n"
    "model: [{embedding: {count: 8, size: 4}, name: e}, {linear: {units: 4, last_axis: true}}, "
    "{linear: {units: 4, last_axis: true}}, {linear: {units: 4, last_axis: true}}, "
    "{linear: {units: 4, last_axis: true}}, {linear: {units: 4, last_axis: true}}, "
    "{linear: {units: 4, last_axis: true}}, {unembedding: e}]\n"
    "loss: {name: l1}\nmax_steps: 1\n";

static void expect_late(struct glia_schedule *s)
{
  for (int k = 0; k < s->n_messages; k++) s->message[k].expected = s->message[k].read;
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  (void)worker;
  return pipeline_rig_fill(self, index, data);
}

static glia_status steps(struct member *m, const char *entry, int n, int64_t micro_batches)
{
  const struct glia_feed feed = {.self = m, .fill = fill};
  const int64_t seed = 1;
  const double rate = 0.01;

  GLIA_TRY(glia_engine_set(m->engine, "rate", &rate));
  GLIA_TRY(glia_engine_set(m->engine, "seed", &seed));
  for (int64_t step = 1; step <= n; step++) {
    GLIA_TRY(glia_engine_set(m->engine, "step", &step));
    GLIA_TRY(glia_engine_step(m->engine, entry, micro_batches, &feed));
  }
  return GLIA_OK;
}

static glia_status two_steps(struct member *m)
{
  return steps(m, "train", 2, m->schedule->micro_batches);
}

static bool all_end(struct member *m, int ranks)
{
  int ended = 0;

  pipeline_rig_go(m, ranks, two_steps);
  for (int r = 0; r < ranks; r++) {
    ended += m[r].status == GLIA_OK;
    if (m[r].status == GLIA_OK) continue;
    CU_ASSERT_EQUAL(m[r].status, GLIA_E_INTERNAL);
    CU_ASSERT(strstr(m[r].trace, "wait for each other for ever") != NULL);
  }
  CU_ASSERT(ended == 0 || ended == ranks);
  return ended == ranks;
}

/* Receives that begin only in front of the task that reads: as the executor once had them, and hung. */
static void the_old_order_is_found_in_the_table(void)
{
  struct train_rig alone;
  struct member m[MOST];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;

  train_rig_start(&alone, tied, "points", 1, NULL);
  pipeline_rig_cut_evenly(alone.model, 8, &cut);
  for (int late = 0; late < 2; late++) {
    pipeline_rig_cut(&alone, m, messenger, &cut, kind_named("interleaved"), 4, 2, 8);
    for (int r = 0; r < 4 && late; r++) expect_late(m[r].schedule);
    pipeline_rig_build(m, 4);
    if (late)
      refused(m[0].schedule,
              "interleaved would never end: stage 4 on rank 0, before forward of micro-batch 5, "
              "waits for the value of 03-linear of micro-batch 5 from stage 3 on rank 3; stage 3 "
              "on rank 3, before forward of micro-batch 5, waits until stage 0 on rank 0 expects a "
              "gradient of 07-unembedding of micro-batch 0");
    CU_ASSERT_EQUAL(all_end(m, 4), !late);
    pipeline_rig_end(m, messenger, 4);
  }
  train_rig_end(&alone);
}

/* ---- local learning: queues across steps */

static struct glia_schedule *local_table(int ranks)
{
  struct glia_schedule *s = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_schedule_make(kind_named("local"), ranks, 1, 4, &s), GLIA_OK);
  for (int k = 0; k < s->n_messages; k++) s->message[k].bytes = 8;
  return s;
}

/* Whatever the queue, from one message on, and never more than it waits. */
static void a_queue_bounds_what_waits(void)
{
  struct glia_schedule *s = local_table(3);
  struct glia_schedule_play play;

  CU_ASSERT_EQUAL(s->ahead, 4);
  for (s->ahead = 6; s->ahead >= 1; s->ahead--) {
    CU_ASSERT_EQUAL(glia_schedule_prove(s, &play), GLIA_OK);
    CU_ASSERT_EQUAL(play.waiting_bytes[0], (size_t)s->ahead * 8);
    CU_ASSERT_EQUAL(play.waiting_bytes[2], 0);
  }
  s->ahead = 4;
  glia_schedule_destroy(&s);
}

static void a_local_table_that_was_changed_is_refused(void)
{
  struct glia_schedule *s = local_table(3);
  struct glia_message *const m = s->message, kept = m[1];
  struct glia_task *const t = s->row[1].task, first = t[0];

  t[0] = t[1];
  t[1] = first; /* two in another order */
  refused(s, "local: rank 1, task 0 is forward of micro-batch 1 where 0 is due: sums need their "
             "order");
  t[1] = t[0];
  t[0] = first;
  s->row[2].n--; /* the last one is not read */
  refused(s, "local: rank 2 runs forward on 3 of 4 micro-batches");
  s->row[2].n++;
  m[1].to = 0; /* the values of stage 1 go back */
  refused(s, "local would never end: stage 0 on rank 0, before forward of micro-batch 0, waits for "
             "the values of stage 1 of micro-batch 0 from stage 1 on rank 1; stage 1 on rank 1, "
             "before forward of micro-batch 0, waits for the values of stage 0 of micro-batch 0 "
             "from stage 0 on rank 0");
  m[1] = kept;
  m[1].made = 1; /* by nobody */
  refused(s, "local: the values of stage 1 goes from segment 1 of rank 1 to segment 0 of rank 2, "
             "of 1 and 3");
  m[1] = kept;
  m[1].expected = 1; /* not before it is waited for */
  refused(s, "local: the values of stage 1 is expected in front of segment 1, and read by segment "
             "0");
  m[1] = kept;
  const int slots = s->row[1].slots;
  s->row[1].slots = 0;
  refused(s, "local would never end: stage 1 on rank 1, before forward of micro-batch 0, waits for "
             "ever: it has room for 0 micro-batches");
  s->row[1].slots = slots;
  glia_schedule_destroy(&s);
}

/* Units of one layer, of which the last two are one module. */
static const char units[] =
    "seed: 3\ndata: {file: none.h5, batch: 16, micro_batch: 4}\n"
    "model: [{linear: 6}, tanh, {linear: 6}, tanh, {linear: 6}, tanh, {linear: 6}, tanh, {linear: "
    "6}, tanh, {linear: 2}]\nlocal: {depth: 1}\nloss: cross_entropy\nmax_steps: 1\n";

static glia_status eight_steps(struct member *m)
{
  return steps(m, "train", 8, m->schedule->micro_batches);
}

/* Run with queues of all lengths; a table without one of its messages, or without queues, is of no use to an engine. */
static void queues_of_all_lengths_run(void)
{
  struct train_rig alone;
  struct member m[MOST];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;
  struct glia_schedule_play play;
  struct glia_engine *e = NULL;

  train_rig_start(&alone, units, "points", 1, NULL);
  pipeline_rig_cut_evenly(alone.model, 3, &cut);
  for (int ahead = 1; ahead <= 5; ahead++) {
    pipeline_rig_cut(&alone, m, messenger, &cut, kind_named("local"), 3, 1, 4);
    for (int r = 0; r < 3; r++) m[r].schedule->ahead = ahead;
    CU_ASSERT_EQUAL(glia_schedule_prove(m[0].schedule, &play), GLIA_OK);
    pipeline_rig_build(m, 3);
    pipeline_rig_go(m, 3, eight_steps);
    for (int r = 0; r < 3; r++) CU_ASSERT_EQUAL(m[r].status, GLIA_OK);
    const struct glia_pipeline how = {m[0].stage, &messenger[0], m[0].schedule};
    m[0].schedule->n_messages = 0;
    CU_ASSERT_EQUAL(glia_engine_create_pipeline(m[0].program, 1, NULL, 16, &how, &e),
                    GLIA_E_ARGUMENT);
    CU_ASSERT(strstr(glia_trace_message(), "to rank 1 is not in the table") != NULL);
    glia_trace_clear();
    m[0].schedule->ahead = 0;
    CU_ASSERT_EQUAL(glia_schedule_bind(m[0].schedule, m[0].stage), GLIA_E_ARGUMENT);
    glia_trace_clear();
    m[0].schedule->ahead = ahead;
    pipeline_rig_end(m, messenger, 3);
  }
  train_rig_end(&alone);
}

/* ---- random cuts, tables and orders */

static uint64_t key;

static int draw(int n)
{
  key = key * 6364136223846793005u + 1442695040888963407u;
  return (int)((key >> 33) % (uint64_t)n);
}

static void say(char *text, size_t size, const char *format, ...)
{
  const size_t used = strlen(text);
  va_list args;

  va_start(args, format);
  vsnprintf(text + used, size - used, format, args);
  va_end(args);
}

/* Layers that all have one shape; some read from far before, some losses stand in the middle, some weights are used twice. */
static void make_model(int layers, int micro_batches, char *yaml, size_t size)
{
  const bool ends_tied = draw(2) == 0;

  yaml[0] = '\0';
  say(yaml, size, "data: {file: none.h5, batch: %d, micro_batch: 4}\nmax_steps: 1\nmodel:\n",
      4 * micro_batches);
  say(yaml, size, "- {embedding: {count: 8, size: 4}, name: l0}\n");
  for (int i = 1; i < layers; i++) {
    const int what = draw(10);
    if (i + 1 == layers && ends_tied)
      say(yaml, size, "- {unembedding: l0, name: l%d}\n", i);
    else if (what < 3 && i > 1)
      say(yaml, size, "- {add: null, name: l%d, from: [l%d, l%d]}\n", i, i - 1, draw(i - 1));
    else if (what == 3)
      say(yaml, size, "- {tanh: null, name: l%d}\n", i);
    else
      say(yaml, size, "- {linear: {units: 4, last_axis: true}, name: l%d}\n", i);
  }
  say(yaml, size, "loss: [{name: l1, of: l%d}", layers - 1);
  for (int n = draw(3); n > 0; n--)
    say(yaml, size, ", {name: l1, of: l%d, weight: 0.1}", draw(layers));
  say(yaml, size, "]\n%s", draw(2) == 0 ? "clip_norm: 1\n" : "");
}

static void cut_anywhere(const struct glia_model *model, int stages, struct glia_model_cut *out)
{
  double cost[64];

  for (int i = 0; i < 64; i++) cost[i] = i < glia_model_layers(model) ? 1.0 + draw(8) : 0.0;
  CU_ASSERT_EQUAL_FATAL(glia_model_cut_balanced(model, cost, stages, out), GLIA_OK);
}

/* Any order in which each segment takes micro-batches in theirs, and each micro-batch goes through the segments. */
static void shuffle(struct glia_schedule *s, int rank)
{
  struct glia_schedule_row *row = &s->row[rank];
  int next[16] = {0}, most = 0;

  for (int k = 0; k < row->n; k++) {
    int may[16], n = 0;
    for (int i = 0; i < s->segments; i++)
      if (i == 0 ? next[0] < s->micro_batches : next[i] < next[i - 1]) may[n++] = i;
    const int i = may[draw(n)];
    row->task[k] = (struct glia_task){(int16_t)i, next[i]++};
    if (next[0] - next[s->segments - 1] + (i == s->segments - 1) > most)
      most = next[0] - next[s->segments - 1] + (i == s->segments - 1);
  }
  row->slots = most + draw(2);
}

static void twist(struct glia_schedule *s, char *text, size_t size)
{
  const int how = draw(4);

  text[0] = '\0';
  for (int r = 0; r < s->ranks && how >= 2; r++)
    if (draw(2) == 0) {
      shuffle(s, r);
      say(text, size, "%s%d", text[0] == '\0' ? "any order on " : ", ", r);
    }
  for (int k = 0; k < s->n_messages && how % 2 == 1; k++)
    if (draw(2) == 0) {
      s->message[k].expected = s->message[k].read;
      say(text, size, "%s%s", k > 0 ? ", " : " late ", s->message[k].what);
    }
}

static void copy_table(const struct glia_schedule *from, struct glia_schedule *to)
{
  for (int r = 0; r < from->ranks; r++) {
    memcpy(to->row[r].task, from->row[r].task, (size_t)from->row[r].n * sizeof *to->row[r].task);
    to->row[r].slots = from->row[r].slots;
  }
  memcpy(to->message, from->message, (size_t)from->n_messages * sizeof *to->message);
}

/* A messenger that counts what was sent and not waited for. */
struct counting {
  struct glia_messenger face, inner;
  size_t now, most, bytes[512];
};

static glia_status count_send(void *self, int handle, int channel, int to, size_t bytes,
                              const void *data)
{
  struct counting *c = self;

  c->bytes[handle] = bytes;
  c->now += bytes;
  if (c->now > c->most) c->most = c->now;
  return c->inner.send(c->inner.self, handle, channel, to, bytes, data);
}

static glia_status pass_receive(void *self, int handle, int channel, int from, size_t bytes,
                                void *data)
{
  struct counting *c = self;

  return c->inner.receive(c->inner.self, handle, channel, from, bytes, data);
}

static glia_status count_wait(void *self, int handle, const char *what, void (*idle)(void *arg),
                              void *arg)
{
  struct counting *c = self;
  const glia_status st = c->inner.wait(c->inner.self, handle, what, idle, arg);

  c->now -= c->bytes[handle];
  c->bytes[handle] = 0;
  return st;
}

static glia_status pass_share(void *self, int n, double *x, void (*idle)(void *arg), void *arg)
{
  struct counting *c = self;

  return c->inner.share(c->inner.self, n, x, idle, arg);
}

static glia_status pass_open(void *self, int n, int shared)
{
  struct counting *c = self;

  CU_ASSERT_FATAL((size_t)n <= GLIA_COUNT(c->bytes));
  return c->inner.open(c->inner.self, n, shared);
}

static void do_nothing(void *self) { (void)self; }

static void count(struct counting *c, struct member *m)
{
  *c = (struct counting){.inner = *m->messenger};
  c->face = (struct glia_messenger){.self = c,
                                    .rank = c->inner.rank,
                                    .size = c->inner.size,
                                    .begin = do_nothing,
                                    .send = count_send,
                                    .receive = pass_receive,
                                    .poll = do_nothing,
                                    .wait = count_wait,
                                    .share = pass_share,
                                    .open = pass_open};
  m->messenger = &c->face;
}

/* Forward alone ends whatever the table of steps is. */
static glia_status look_forward(struct member *m)
{
  return steps(m, "eval", 1, 1 + (int64_t)(key >> 33) % 9);
}

/* One case: whether it ends, and it was proven to. */
static bool proven_as_run(int number)
{
  static struct counting counting[MOST];
  struct train_rig alone;
  struct member m[MOST];
  struct glia_messenger messenger[MOST];
  struct glia_model_cut cut;
  struct glia_schedule_play play;
  char yaml[2048], text[512];

  key = (uint64_t)number;
  (void)draw(2);
  const int kind = draw(4), ranks = 2 + draw(3);
  const int chunks = glia_schedule_interleaves(kind) ? 1 + draw(3) : 1;
  const int micros = glia_schedule_interleaves(kind) ? ranks * (1 + draw(2)) : 1 + draw(6);
  make_model(ranks * chunks + draw(4), micros, yaml, sizeof yaml);
  train_rig_start(&alone, yaml, "points", 1, NULL);
  cut_anywhere(alone.model, ranks * chunks, &cut);
  pipeline_rig_cut(&alone, m, messenger, &cut, kind, ranks, chunks, micros);
  twist(m[0].schedule, text, sizeof text);
  for (int r = 0; r < ranks; r++) {
    if (r > 0) copy_table(m[0].schedule, m[r].schedule);
    count(&counting[r], &m[r]);
  }
  const bool proven = glia_schedule_prove(m[0].schedule, &play) == GLIA_OK;
  pipeline_rig_build(m, ranks);
  pipeline_rig_go(m, ranks, look_forward);
  for (int r = 0; r < ranks; r++) {
    CU_ASSERT_EQUAL(m[r].status, GLIA_OK);
    counting[r].most = 0;
  }
  const bool ended = all_end(m, ranks);
  bool good = ended == proven;
  for (int r = 0; r < ranks && ended; r++) good = good && counting[r].most == play.waiting_bytes[r];
  if (!good)
    tap_note("case %d, %s %d ranks of %d stages, %d micro-batches%s: %s, but %s\n%s", number,
             m[0].schedule->name, ranks, chunks, micros, text,
             proven ? "proven" : glia_trace_message(), ended ? "it ended" : "it did not", yaml);
  CU_ASSERT(good);
  glia_trace_clear();
  pipeline_rig_end(m, messenger, ranks);
  train_rig_end(&alone);
  return ended;
}

static void what_is_proven_ends_and_nothing_else(void)
{
  const int cases = getenv("GLIA_TEST_LONG") != NULL ? 1000 : 60;
  int ended = 0;

  for (int i = 0; i < cases; i++) ended += proven_as_run(i);
  tap_note("%d of %d cases end", ended, cases);
  CU_ASSERT(ended > cases / 4 && cases - ended > cases / 8); /* it can tell */
}

TAP_MAIN("messages", TAP(a_message_in_a_bad_order_is_refused),
         TAP(the_old_order_is_found_in_the_table), TAP(a_queue_bounds_what_waits),
         TAP(a_local_table_that_was_changed_is_refused), TAP(queues_of_all_lengths_run),
         TAP(what_is_proven_ends_and_nothing_else))
