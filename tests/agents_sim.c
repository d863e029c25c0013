/* Many agents in one process: /N/rows answers as agent N would. All tell the same rows, whose first metric is the row's number.
 * usage: agents_sim AGENTS METRICS PERIOD_S [SKEW_S [PAST]]; says "listening port=P". PAST: so many rows are there from the beginning, and all are told
 * at once. */
#include "glia_log.h"
#include "glia_rows.h"
#include "glia_server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { METRICS_MAX = 4096, RING_BYTES = 64 << 20 };

static struct glia_metric metric[METRICS_MAX];
static char name[METRICS_MAX][64];
static int64_t clock_of[METRICS_MAX];
static double row[METRICS_MAX];
static int64_t metrics;
static double total[METRICS_MAX]; /* what counters have beyond their number per second */
static long agents, past;
static double period_s, skew_s;
static uint64_t schema;
static struct glia_ring *ring;
static struct glia_buffer text;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int64_t ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Within -0.5 and 0.5. */
static double noise(void)
{
  static uint64_t state = 1;

  state = state * 6364136223846793005u + 1442695040888963407u;
  return (double)(state >> 11) * 0x1p-53 - 0.5;
}

/* Counters run at their number per second, from 10 on at that and up to a fifth more, gauges stand about theirs. ago: periods before now. */
static void add_row(int64_t ago)
{
  const int64_t shift = (int64_t)(1e9 * period_s) * ago;
  const struct glia_sample_time when = {ns(CLOCK_MONOTONIC) - shift,
                                        ns(CLOCK_REALTIME) - shift + (int64_t)(1e9 * skew_s)};

  row[0] = (double)glia_ring_next(ring);
  for (int64_t i = 1; i < metrics; i++) {
    if (i > 9) total[i] += (double)i * period_s * 0.2 * (noise() + 0.5);
    row[i] =
        i % 2 != 0 ? (double)i * 1e-9 * (double)when.monotonic_ns + total[i] : (double)i + noise();
  }
  glia_ring_add(ring, &when, row);
}

static void *tell(void *self)
{
  int64_t due = ns(CLOCK_MONOTONIC);

  (void)self;
  for (;;) {
    const struct timespec wake = {.tv_sec = due / 1000000000, .tv_nsec = due % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &wake, NULL);
    pthread_mutex_lock(&mutex);
    add_row(0);
    pthread_mutex_unlock(&mutex);
    due += (int64_t)(1e9 * period_s);
  }
  return NULL;
}

static void answer(void *self, const struct glia_request *request, struct glia_answer *out)
{
  char *end = NULL;
  const char *after = glia_request_argument(request, "after");
  const char *run = glia_request_argument(request, "run");
  const char *known = glia_request_argument(request, "schema");
  const long who = strtol(request->path + 1, &end, 10);

  (void)self;
  if (who < 0 || who >= agents || strcmp(end, "/rows") != 0) {
    out->status = 404;
    return;
  }
  const struct glia_rows_head head = {.run = 1000 + (uint64_t)who,
                                      .boot = 1,
                                      .schema = schema,
                                      .now_ns = ns(CLOCK_REALTIME) + (int64_t)(1e9 * skew_s)};
  const bool same = run != NULL && strtoull(run, NULL, 16) == head.run;
  text.n = 0;
  pthread_mutex_lock(&mutex);
  glia_rows_write(&text, &head, ring, same && after != NULL ? strtoll(after, NULL, 10) : 0,
                  past > 0 ? past : 100, known == NULL || strtoull(known, NULL, 16) != schema,
                  metrics, metric, clock_of);
  pthread_mutex_unlock(&mutex);
  out->type = GLIA_ROWS_TYPE;
  out->body = text.text;
  out->size_bytes = text.n;
}

int main(int argc, char **argv)
{
  const struct glia_server_options http = {.listen = "127.0.0.1:0", .peers = 1000000};
  struct glia_server *server = NULL;
  struct rlimit files;
  pthread_t thread;
  sigset_t ends;
  int which;

  if (argc < 4) return 64;
  agents = strtol(argv[1], NULL, 10);
  metrics = strtoll(argv[2], NULL, 10);
  period_s = strtod(argv[3], NULL);
  skew_s = argc > 4 ? strtod(argv[4], NULL) : 0.0;
  past = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
  if (metrics < 1 || metrics > METRICS_MAX || period_s < 0.01) return 64;
  for (int64_t i = 0; i < metrics; i++) {
    snprintf(name[i], sizeof name[i], i % 2 != 0 ? "sim_%lld_total" : "sim_%lld", (long long)i);
    metric[i] = (struct glia_metric){
        name[i], "1", i % 2 != 0 ? GLIA_METRIC_COUNTER : GLIA_METRIC_GAUGE, "simulated"};
    clock_of[i] = -1;
  }
  schema = glia_rows_schema(metrics, metric, clock_of);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  signal(SIGPIPE, SIG_IGN);
  if (glia_ring_create(metrics, 700 + past, RING_BYTES, &ring) != GLIA_OK) {
    fprintf(stderr, "agents_sim: %s\n", glia_trace_message());
    return 70;
  }
  for (int64_t i = past; i > 0; i--) add_row(i);
  if (pthread_create(&thread, NULL, tell, NULL) != 0 ||
      glia_server_start(&http, answer, NULL, &server) != GLIA_OK) {
    fprintf(stderr, "agents_sim: %s\n", glia_trace_message());
    return 70;
  }
  glia_log(GLIA_LOG_INFO, "sim", "listening", "port=%d", glia_server_port(server));
  sigwait(&ends, &which);
  glia_server_stop(&server);
  return 0;
}
