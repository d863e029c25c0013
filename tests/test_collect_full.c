/* A collector whose disk stands still: it asks no more, so that agents keep their rows, and loses none when the disk goes on. */
#include "glia_collect.h"
#include "glia_log.h"
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

enum { METRICS = 100, EACH = 40, WAITING = 64 << 10, ROW_BYTES = 4 * METRICS, RING_ROWS = 100000 };

/* ---- the disk: ours is called in place of the C library's */

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool still;
} disk = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};

int fdatasync(int fd)
{
  pthread_mutex_lock(&disk.mutex);
  while (disk.still) pthread_cond_wait(&disk.changed, &disk.mutex);
  pthread_mutex_unlock(&disk.mutex);
  return (int)syscall(SYS_fdatasync, fd);
}

static void hold_disk(bool still)
{
  pthread_mutex_lock(&disk.mutex);
  disk.still = still;
  pthread_cond_broadcast(&disk.changed);
  pthread_mutex_unlock(&disk.mutex);
}

/* ---- an agent that has EACH rows more whenever it is asked; the first metric is the row's number */

struct agent {
  pthread_mutex_t mutex;
  struct glia_ring *ring;
  struct glia_buffer text;
  struct glia_metric metric[METRICS];
  char name[METRICS][16];
  int64_t clock[METRICS], begin_ns;
  struct glia_server *server;
  atomic_llong told;
};

static int64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void answer(void *self, const struct glia_request *request, struct glia_answer *out)
{
  struct agent *a = self;
  const char *after = glia_request_argument(request, "after");
  double row[METRICS] = {0};

  if (strcmp(request->path, "/rows") != 0) {
    out->status = 404;
    return;
  }
  pthread_mutex_lock(&a->mutex);
  for (int i = 0; i < EACH; i++) {
    const int64_t number = glia_ring_next(a->ring), ns = number * 1000000;
    row[0] = (double)number;
    glia_ring_add(a->ring, &(struct glia_sample_time){ns, a->begin_ns + ns}, row);
  }
  const struct glia_rows_head head = {.run = 7,
                                      .boot = 1,
                                      .schema = glia_rows_schema(METRICS, a->metric, a->clock),
                                      .now_ns = now_ns()};
  a->text.n = 0;
  glia_rows_write(&a->text, &head, a->ring, after != NULL ? strtoll(after, NULL, 10) : 0, EACH,
                  true, METRICS, a->metric, a->clock);
  a->told = glia_ring_next(a->ring) - 1;
  pthread_mutex_unlock(&a->mutex);
  *out = (struct glia_answer){
      .status = 200, .type = GLIA_ROWS_TYPE, .body = a->text.text, .size_bytes = a->text.n};
}

static void agent_begin(struct agent *a)
{
  const struct glia_server_options http = {.listen = "127.0.0.1:0"};

  pthread_mutex_init(&a->mutex, NULL);
  a->begin_ns = now_ns();
  for (int i = 0; i < METRICS; i++) {
    snprintf(a->name[i], sizeof a->name[i], "m%d", i);
    a->metric[i] = (struct glia_metric){a->name[i], "1", GLIA_METRIC_GAUGE, "made up"};
    a->clock[i] = -1;
  }
  CU_ASSERT_EQUAL_FATAL(glia_ring_create(METRICS, RING_ROWS, INT64_MAX, &a->ring), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_server_start(&http, answer, a, &a->server), GLIA_OK);
}

static void agent_end(struct agent *a)
{
  glia_server_stop(&a->server);
  glia_ring_destroy(&a->ring);
  glia_buffer_free(&a->text);
  pthread_mutex_destroy(&a->mutex);
}

/* ---- the collector, in a thread */

struct collector {
  struct glia_collect *c;
  struct glia_collect_result result;
  glia_status status;
};

static atomic_int over;
static int is_over(void) { return over; }

static void *collect(void *self)
{
  struct collector *x = self;

  x->status = glia_collect_run(x->c, 0.0, &x->result);
  return NULL;
}

static void nap(double s)
{
  const struct timespec t = {.tv_nsec = (long)(1e9 * s)};

  nanosleep(&t, NULL);
}

/* Until the agent has told no more for half a second, `more` = false, or 20 answers more; false: not within 20 s. */
static bool wait_for(const struct agent *a, bool more)
{
  const int64_t before = a->told;
  int64_t last = before;
  int same = 0;

  for (int i = 0; i < 400; i++) {
    nap(0.05);
    same = a->told == last ? same + 1 : 0;
    last = a->told;
    if (more ? last - before >= (int64_t)20 * EACH : last > 0 && same >= 10) return true;
  }
  return false;
}

static void check_rows(const char *path, int64_t rows)
{
  struct glia_telemetry_node node;
  struct glia_telemetry *t;

  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "n1", &node), GLIA_OK);
  CU_ASSERT_EQUAL(node.n, rows);
  int64_t wrong = 0;
  for (int64_t i = 0; i < node.n; i++) wrong += (int64_t)node.values[i * node.n_metrics] != i + 1;
  CU_ASSERT_EQUAL(wrong, 0);
  glia_telemetry_node_free(&node);
  glia_telemetry_close(&t);
}

static void a_disk_that_stands_still_holds_up_and_loses_nothing(void)
{
  static struct agent a;
  struct collector x = {0};
  const struct glia_collect_options o = {
      .store = {.path = scratch("store"), .flush_s = 0.05, .waiting_bytes = WAITING},
      .period_s = 0.02,
      .stop = is_over};
  char url[64];
  pthread_t thread;

  agent_begin(&a);
  CU_ASSERT_EQUAL_FATAL(glia_collect_open(&o, &x.c), GLIA_OK);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", glia_server_port(a.server));
  CU_ASSERT_EQUAL_FATAL(glia_collect_node(x.c, "n1", url), GLIA_OK);
  hold_disk(true);
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, collect, &x), 0);
  CU_ASSERT(wait_for(&a, false));
  /* what is being written, what waits, and an answer more of each */
  CU_ASSERT(a.told >= WAITING / (2 * ROW_BYTES) &&
            a.told <= 2 * (WAITING / ROW_BYTES + (int64_t)EACH));
  hold_disk(false);
  CU_ASSERT(wait_for(&a, true));
  over = 1;
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(x.status, GLIA_OK);
  CU_ASSERT_EQUAL(x.result.lost_rows, 0);
  CU_ASSERT(x.result.rows >= a.told - EACH); /* the last answer may be on its way */
  CU_ASSERT_EQUAL(glia_collect_close(&x.c), GLIA_OK);
  agent_end(&a);
  check_rows(o.store.path, x.result.rows);
}

TAP_MAIN("collect_full", TAP(a_disk_that_stands_still_holds_up_and_loses_nothing))
