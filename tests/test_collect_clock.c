/* Clocks that are put right: a node's, and the collector's own. Rows go on, none is lost that says when it is from, and none is from later than it came. */
#include "collect_priv.h"

#include "glia_rows.h"
#include "glia_telemetry.h"
#include "scratch.h"
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { RING_ROWS = 10000 };
static const int64_t second = 1000000000;

/* ---- ours is called in place of the C library's: the collector's clock is so far ahead */

static atomic_llong ahead_ns;
static atomic_llong passed_ns; /* time that passes at once, for everybody */

static int64_t true_ns(clockid_t clock)
{
  struct timespec t;

  syscall(SYS_clock_gettime, clock, &t);
  return (int64_t)t.tv_sec * second + t.tv_nsec + passed_ns;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
  const int64_t ns = true_ns(clock) + (clock == CLOCK_REALTIME ? ahead_ns : 0);

  *t = (struct timespec){.tv_sec = (time_t)(ns / second), .tv_nsec = (long)(ns % second)};
  return 0;
}

/* ---- an agent that tells the rows that it had when it was asked before, then has one more; the metric is the row's number */

static struct {
  struct glia_ring *ring;
  struct glia_buffer text;
  struct glia_metric metric;
  int64_t clock;
  struct glia_server *server;
  atomic_llong skew_ns, told;
} agent = {.metric = {"m", "1", GLIA_METRIC_GAUGE, "made up"}, .clock = -1};

static void answer(void *self, const struct glia_request *request, struct glia_answer *out)
{
  const char *after = glia_request_argument(request, "after");
  const struct glia_rows_head head = {
      .run = 7, .boot = 1, .schema = 5, .now_ns = true_ns(CLOCK_REALTIME) + agent.skew_ns};

  (void)self;
  if (strcmp(request->path, "/rows") != 0) {
    out->status = 404;
    return;
  }
  agent.text.n = 0;
  glia_rows_write(&agent.text, &head, agent.ring, after != NULL ? strtoll(after, NULL, 10) : 0, 500,
                  true, 1, &agent.metric, &agent.clock);
  agent.told = glia_ring_next(agent.ring) - 1;
  glia_ring_add(
      agent.ring,
      &(struct glia_sample_time){true_ns(CLOCK_MONOTONIC), true_ns(CLOCK_REALTIME) + agent.skew_ns},
      &(double){(double)glia_ring_next(agent.ring)});
  *out = (struct glia_answer){
      .status = 200, .type = GLIA_ROWS_TYPE, .body = agent.text.text, .size_bytes = agent.text.n};
}

static void agent_begin(void)
{
  const struct glia_server_options http = {.listen = "127.0.0.1:0"};

  agent.skew_ns = agent.told = 0;
  CU_ASSERT_EQUAL_FATAL(glia_ring_create(1, RING_ROWS, INT64_MAX, &agent.ring), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_server_start(&http, answer, NULL, &agent.server), GLIA_OK);
}

static void agent_end(void)
{
  glia_server_stop(&agent.server);
  glia_ring_destroy(&agent.ring);
}

/* ---- the collector, a second or so at a time */

static struct glia_collect *open_collect(const char *store)
{
  const struct glia_collect_options o = {.store = {.path = store}, .period_s = 0.02};
  struct glia_collect *c;
  char url[64];

  CU_ASSERT_EQUAL_FATAL(glia_collect_open(&o, &c), GLIA_OK);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", glia_server_port(agent.server));
  CU_ASSERT_EQUAL_FATAL(glia_collect_node(c, "n1", url), GLIA_OK);
  return c;
}

/* Rows that came meanwhile. */
static int64_t run(struct glia_collect *c)
{
  struct glia_collect_result r;
  const int64_t before = c->target[0]->rows;

  CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 0.6, &r), GLIA_OK);
  return c->target[0]->rows - before;
}

static void close_collect(struct glia_collect **c)
{
  CU_ASSERT_EQUAL(glia_collect_close(c), GLIA_OK);
}

/* Rows of the store [*n], the earliest file first. */
static void read_store(const char *path, struct glia_telemetry_node *node)
{
  struct glia_telemetry *t;

  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "n1", node), GLIA_OK);
  glia_telemetry_close(&t);
}

/* Every row once, of a time that is its own within a second and a half. */
static void a_node_is_put_right(const char *path, int64_t skew_ns)
{
  const int64_t begin_ns = true_ns(CLOCK_REALTIME);
  struct glia_telemetry_node node;
  struct glia_collect *c;
  int64_t late = 0, falling = 0;

  agent_begin();
  agent.skew_ns = skew_ns;
  c = open_collect(path);
  CU_ASSERT(run(c) > 5);
  agent.skew_ns = 0;
  CU_ASSERT(run(c) > 5);
  CU_ASSERT_STRING_EQUAL(c->target[0]->problem, "");
  close_collect(&c);
  c = open_collect(path);
  CU_ASSERT(run(c) > 5);
  close_collect(&c);
  agent_end();
  read_store(path, &node);
  tap_note("%lld of %lld rows", (long long)node.n, (long long)agent.told);
  CU_ASSERT(node.n >= agent.told - 1); /* the last answer may be on its way */
  for (int64_t i = 0; i < node.n; i++) {
    late += node.time_ns[i] < begin_ns - 3 * second / 2 ||
            node.time_ns[i] > true_ns(CLOCK_REALTIME) + 3 * second / 2;
    falling += i > 0 && node.time_ns[i] <= node.time_ns[i - 1];
  }
  CU_ASSERT_EQUAL(late, 0);
  CU_ASSERT_EQUAL(falling, 0);
  glia_telemetry_node_free(&node);
}

static void a_node_an_hour_ahead_is_put_right(void)
{
  a_node_is_put_right(scratch("ahead"), 3600 * second);
}

static void a_node_ten_years_behind_is_put_right(void)
{
  a_node_is_put_right(scratch("behind"), -3652 * 86400 * second);
}

/* It is told, for its rows stand in the future until then. */
static void our_own_clock_is_put_right(void)
{
  const char *path = scratch("own");
  struct glia_telemetry_node node;
  struct glia_collect *c;

  agent_begin();
  ahead_ns = 3600 * second;
  c = open_collect(path);
  CU_ASSERT(run(c) > 5);
  ahead_ns = 0;
  CU_ASSERT(run(c) > 5);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->target[0]->problem, "a clock was wrong"));
  close_collect(&c);
  agent_end();
  read_store(path, &node);
  CU_ASSERT(node.n >= agent.told - 1);
  glia_telemetry_node_free(&node);
}

/* Ten minutes of rows that nobody asked for, 500 of them an answer, and the clock is put right before they are: each answer places its rows. known: it
 * was asked before. */
static void a_node_is_put_right_while_it_waits(const char *path, int64_t skew_ns, bool known)
{
  enum { WAITING = 1500 };
  int64_t truth[RING_ROWS] = {0}, first, wrong = 0;
  struct glia_telemetry_node node;
  struct glia_collect_result r;
  struct glia_collect *c;

  agent_begin();
  agent.skew_ns = skew_ns;
  c = open_collect(path);
  CU_ASSERT(!known || run(c) > 5);
  for (int i = 0; i < 1000 && c->target[0]->busy; i++) /* no answer takes ten minutes */
    CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 1e-3, &r), GLIA_OK);
  first = glia_ring_next(agent.ring);
  for (int i = 0; i < WAITING; i++) {
    passed_ns += 2 * second / 5;
    truth[first + i] = true_ns(CLOCK_REALTIME);
    glia_ring_add(agent.ring,
                  &(struct glia_sample_time){true_ns(CLOCK_MONOTONIC), truth[first + i] + skew_ns},
                  &(double){(double)(first + i)});
  }
  agent.skew_ns = 0;
  CU_ASSERT(run(c) >= WAITING);
  CU_ASSERT_STRING_EQUAL(c->target[0]->problem, "");
  close_collect(&c);
  agent_end();
  read_store(path, &node);
  CU_ASSERT(node.n >= agent.told - 1);
  for (int64_t i = 0; i < node.n; i++) {
    const int64_t is = truth[(int64_t)node.values[i]];
    wrong += is != 0 && llabs(node.time_ns[i] - is) > 3 * second / 2;
  }
  tap_note("%lld of %lld rows, %lld of another time", (long long)node.n, (long long)agent.told,
           (long long)wrong);
  CU_ASSERT_EQUAL(wrong, 0);
  glia_telemetry_node_free(&node);
}

static void a_node_ahead_is_put_right_while_it_waits(void)
{
  a_node_is_put_right_while_it_waits(scratch("waits ahead"), 3600 * second, true);
}

static void a_node_behind_is_put_right_while_it_waits(void)
{
  a_node_is_put_right_while_it_waits(scratch("waits behind"), -3600 * second, true);
}

static void a_node_ahead_was_put_right_before_it_was_asked(void)
{
  a_node_is_put_right_while_it_waits(scratch("unknown"), 3600 * second, false);
}

static void *put_right(void *unused)
{
  const struct timespec nap = {.tv_nsec = 300000000};

  nanosleep(&nap, NULL);
  ahead_ns = 0;
  return unused;
}

/* Rows of both times, taken in one run, can be read back. */
static void our_own_clock_is_put_right_in_mid_run(void)
{
  const char *path = scratch("middle");
  struct glia_telemetry_node node;
  struct glia_collect *c;
  pthread_t thread;

  agent_begin();
  ahead_ns = 60 * second;
  c = open_collect(path);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, put_right, NULL), 0);
  const int64_t taken = run(c);
  pthread_join(thread, NULL);
  close_collect(&c);
  agent_end();
  read_store(path, &node);
  tap_note("%lld of %lld rows", (long long)node.n, (long long)taken);
  CU_ASSERT(taken > 5 && node.n == taken);
  glia_telemetry_node_free(&node);
}

/* The wrong time is what a later run finds in the store. */
static void our_own_clock_is_put_right_while_nobody_collects(void)
{
  const char *path = scratch("between");
  struct glia_collect *c;

  agent_begin();
  ahead_ns = 3600 * second;
  c = open_collect(path);
  CU_ASSERT(run(c) > 5);
  close_collect(&c);
  ahead_ns = 0;
  c = open_collect(path);
  CU_ASSERT(run(c) > 5);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->target[0]->problem, "a clock was wrong"));
  close_collect(&c);
  agent_end();
}

TAP_MAIN("collect_clock", TAP(a_node_an_hour_ahead_is_put_right),
         TAP(a_node_ten_years_behind_is_put_right), TAP(our_own_clock_is_put_right),
         TAP(our_own_clock_is_put_right_in_mid_run),
         TAP(our_own_clock_is_put_right_while_nobody_collects),
         TAP(a_node_ahead_is_put_right_while_it_waits),
         TAP(a_node_behind_is_put_right_while_it_waits),
         TAP(a_node_ahead_was_put_right_before_it_was_asked))
