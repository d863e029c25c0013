/* What glia-agent does; see glia_serve.h. One thread samples, libmicrohttpd's thread answers, one lock is between them, and it
 * is never held over anything that waits: slow sources have threads of their own (lane.c). */
#include "glia_serve.h"

#include "glia_log.h"
#include "glia_rows.h"
#include "thread_priv.h"
#include "topology_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Ten minutes at 1 Hz of a node of 256 cores, some 2,400 metrics, are 12 MiB; a usual node's 320 metrics are 1.5. */
enum { RING_BYTES = 64 << 20, ROWS_BYTES = 1 << 20 };
/* A scrape later than this share of the period after the last sample takes one of its own, so that its rates are true. */
static const double fresh_share = 0.1;

struct glia_serve {
  struct glia_sample_set *set;
  const struct glia_metric *metric; /* [n] */
  int64_t n;
  int64_t *order; /* [n_served] */
  int64_t n_served;
  int64_t *clock; /* [n] */
  double period_s;
  char *root;
  struct glia_rows_head head;
  double start_s; /* realtime */
  struct glia_server *server;
  struct glia_buffer answer; /* of the server's thread */
  char *topology;            /* of the server's thread; NULL: nobody asked */
  pthread_t thread;
  bool running;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool stop;   /* from here on under the mutex, and so is `set` */
  double *row; /* [n] newest */
  struct glia_sample_time when;
  struct glia_ring *ring;
  int64_t late;
};

static int64_t clock_ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- sampling */

static uint64_t hash_text(uint64_t hash, const char *text)
{
  while (*text != '\0') hash = (hash ^ (uint8_t)*text++) * 1099511628211u;
  return hash != 0 ? hash : 1;
}

static uint64_t hash_file(const char *root, const char *path)
{
  char text[256] = "";
  char full[4096];

  snprintf(full, sizeof full, "%s/%s", root, path);
  const int fd = open(full, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 1;
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = '\0';
  return hash_text(14695981039346656037u, text);
}

/* Nodes do not all sample in the same instant: each has its own place within the period, by its name. */
static double phase(const struct glia_serve *s)
{
  return s->period_s * (double)(hash_file(s->root, "proc/sys/kernel/hostname") % 1000) / 1000.0;
}

static void *sample_steadily(void *self)
{
  struct glia_serve *s = self;
  const int64_t period_ns = (int64_t)(1e9 * s->period_s);
  const int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
  int64_t due_ns = now_ns - now_ns % period_ns + period_ns + (int64_t)(1e9 * phase(s));

  pthread_mutex_lock(&s->mutex);
  if (glia_sample_set_start(s->set) != GLIA_OK) { /* slow sources stay missing */
    glia_log(GLIA_LOG_WARN, "agent", "no-threads", "reason=\"%s\"", glia_trace_message());
    glia_trace_clear();
  }
  while (!s->stop) {
    const struct timespec wake = {.tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000};
    const int64_t before_ns = clock_ns(CLOCK_MONOTONIC);
    if (before_ns < due_ns) {
      pthread_cond_timedwait(&s->changed, &s->mutex, &wake);
      continue;
    }
    if (before_ns - due_ns > period_ns / 10) s->late++;
    glia_sample_take(s->set, s->row, &s->when);
    glia_ring_add(s->ring, &s->when, s->row);
    due_ns += period_ns * (1 + (clock_ns(CLOCK_MONOTONIC) - due_ns) / period_ns);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

/* ---- answers */

/* What the agent says about itself. */
static void add_own(struct glia_serve *s, glia_exposition_format format)
{
  struct rusage use;
  int64_t answered, refused;
  long long pages = 0, resident = 0;
  struct glia_sample_time oldest = s->when;

  getrusage(RUSAGE_SELF, &use);
  glia_server_counts(s->server, &answered, &refused);
  FILE *f = fopen("/proc/self/statm", "r");
  if (f != NULL) {
    if (fscanf(f, "%lld %lld", &pages, &resident) != 2) resident = 0;
    fclose(f);
  }
  if (glia_ring_first(s->ring) < glia_ring_next(s->ring))
    (void)glia_ring_row(s->ring, glia_ring_first(s->ring), &oldest);
  const struct glia_metric own[] = {
      {"glia_agent_info{version=\"" PACKAGE_VERSION "\"}", "1", GLIA_METRIC_GAUGE,
       "Version of the agent"},
      {"glia_agent_samples_total", "1", GLIA_METRIC_COUNTER, "Samples taken at the steady pace"},
      {"glia_agent_late_samples_total", "1", GLIA_METRIC_COUNTER,
       "Samples taken more than a tenth of the period after their time"},
      {"glia_agent_history_seconds", "s", GLIA_METRIC_GAUGE,
       "Age of the oldest row kept for collectors"},
      {"glia_agent_requests_total", "1", GLIA_METRIC_COUNTER, "HTTP requests answered"},
      {"glia_agent_refused_requests_total", "1", GLIA_METRIC_COUNTER, "HTTP requests refused"},
      {"node_time_seconds", "s", GLIA_METRIC_GAUGE, "The node's clock, since 1970"},
      {"process_cpu_seconds_total", "s", GLIA_METRIC_COUNTER, "CPU time of the agent"},
      {"process_resident_memory_bytes", "B", GLIA_METRIC_GAUGE, "Resident memory of the agent"},
      {"process_start_time_seconds", "s", GLIA_METRIC_GAUGE, "When the agent started, since 1970"},
  };
  const double value[GLIA_COUNT(own)] = {
      1.0,
      (double)(glia_ring_next(s->ring) - 1),
      (double)s->late,
      1e-9 * (double)(s->when.monotonic_ns - oldest.monotonic_ns),
      (double)answered,
      (double)refused,
      1e-9 * (double)s->when.realtime_ns,
      (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
          1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec),
      (double)resident * (double)sysconf(_SC_PAGESIZE),
      s->start_s};
  glia_exposition_add(&s->answer, format, (int64_t)GLIA_COUNT(own), own, NULL, value);
}

static void answer_metrics(struct glia_serve *s, const struct glia_request *request,
                           struct glia_answer *out)
{
  const glia_exposition_format format = glia_exposition_accept(request->accept);

  pthread_mutex_lock(&s->mutex);
  const int64_t age_ns = clock_ns(CLOCK_MONOTONIC) - s->when.monotonic_ns;
  if ((double)age_ns > 1e9 * fresh_share * s->period_s) glia_sample_take(s->set, s->row, &s->when);
  glia_exposition_add(&s->answer, format, s->n_served, s->metric, s->order, s->row);
  add_own(s, format);
  pthread_mutex_unlock(&s->mutex);
  glia_exposition_end(&s->answer, format);
  out->type = glia_exposition_type(format);
}

/* The number that an argument holds, or `otherwise`. */
static int64_t number(const struct glia_request *request, const char *name, int base,
                      int64_t otherwise)
{
  const char *text = glia_request_argument(request, name);
  char *end = NULL;

  if (text == NULL || text[0] == '\0' || text[0] == '-') return otherwise;
  errno = 0;
  const unsigned long long v = strtoull(text, &end, base);
  return *end == '\0' && errno == 0 ? (int64_t)v : otherwise;
}

/* /rows?run=HEX&schema=HEX&after=NUMBER: what came after the last row that the asker has, of this run of the agent. */
static void answer_rows(struct glia_serve *s, const struct glia_request *request,
                        struct glia_answer *out)
{
  const bool same_run = (uint64_t)number(request, "run", 16, 0) == s->head.run;
  const bool same_columns = (uint64_t)number(request, "schema", 16, 0) == s->head.schema;
  const int64_t limit = ROWS_BYTES / (8 * (s->n + 2)) + 1;
  int64_t after = same_run ? number(request, "after", 10, 0) : 0;

  if (after < 0 || after > INT64_MAX / 2) after = 0;
  pthread_mutex_lock(&s->mutex);
  s->head.now_ns = clock_ns(CLOCK_REALTIME);
  glia_rows_write(&s->answer, &s->head, s->ring, after, limit, !same_columns, s->n, s->metric,
                  s->clock);
  pthread_mutex_unlock(&s->mutex);
  out->type = GLIA_ROWS_TYPE;
}

static void answer_topology(struct glia_serve *s, struct glia_answer *out)
{
  if (s->topology == NULL && strcmp(s->root, "/") == 0 &&
      glia_topology_cpus_(&s->topology) != GLIA_OK)
    glia_trace_clear();
  if (s->topology == NULL)
    out->status = 404;
  else
    glia_buffer_add(&s->answer, s->topology, strlen(s->topology));
}

static void answer(void *self, const struct glia_request *request, struct glia_answer *out)
{
  static const char index[] = "glia-agent " PACKAGE_VERSION "\n/metrics\n/rows\n/topology\n";
  struct glia_serve *s = self;

  s->answer.n = 0;
  s->answer.failed = false;
  if (strcmp(request->path, "/metrics") == 0) {
    answer_metrics(s, request, out);
  } else if (strcmp(request->path, "/rows") == 0) {
    answer_rows(s, request, out);
  } else if (strcmp(request->path, "/topology") == 0) {
    answer_topology(s, out);
  } else {
    if (strcmp(request->path, "/") != 0) out->status = 404;
    glia_buffer_add(&s->answer, index, sizeof index - 1);
  }
  if (s->answer.failed) *out = (struct glia_answer){.status = 503};
  out->body = s->answer.text;
  out->size_bytes = s->answer.failed ? 0 : s->answer.n;
}

/* ---- start and stop */

static glia_status prepare(struct glia_serve *s, const struct glia_serve_options *o)
{
  const double rows = ceil(o->history_s / o->period_s) + 1.0;
  pthread_condattr_t clock;

  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->changed, &clock);
  pthread_condattr_destroy(&clock);
  GLIA_CHECK(o->period_s >= 0.01 && o->period_s <= 3600.0, GLIA_E_ARGUMENT,
             "a period of %g s: from 10 ms to 1 h is possible", o->period_s);
  GLIA_CHECK(rows >= 1.0 && rows <= 1e7, GLIA_E_ARGUMENT, "a history of %g s", o->history_s);
  s->period_s = o->period_s;
  s->root = strdup(o->root);
  GLIA_CHECK(s->root != NULL, GLIA_E_MEMORY, "no memory");
  GLIA_TRY(glia_sample_set_open_detailed(o->root, &s->set));
  s->n = glia_sample_set_count(s->set);
  s->metric = glia_sample_set_metrics(s->set);
  s->order = malloc((size_t)(s->n + 1) * sizeof *s->order);
  s->clock = malloc((size_t)(s->n + 1) * sizeof *s->clock);
  s->row = malloc((size_t)(s->n + 1) * sizeof *s->row);
  GLIA_CHECK(s->order != NULL && s->clock != NULL && s->row != NULL, GLIA_E_MEMORY,
             "no memory for %lld metrics", (long long)s->n);
  GLIA_TRY(glia_exposition_order(s->n, s->metric, s->order, &s->n_served));
  for (int64_t i = 0; i < s->n; i++) s->clock[i] = glia_sample_set_clock(s->set, i);
  GLIA_TRY(glia_ring_create(s->n, (int64_t)rows, RING_BYTES, &s->ring));
  if ((double)glia_ring_capacity(s->ring) < rows)
    glia_log(GLIA_LOG_WARN, "agent", "short-history",
             "asked_s=%g kept_s=%g reason=\"%lld metrics in %d MiB\"", o->history_s,
             o->period_s * (double)(glia_ring_capacity(s->ring) - 1), (long long)s->n,
             RING_BYTES >> 20);
  s->start_s = 1e-9 * (double)clock_ns(CLOCK_REALTIME);
  s->head.boot = hash_file(o->root, "proc/sys/kernel/random/boot_id");
  s->head.schema = glia_rows_schema(s->n, s->metric, s->clock);
  s->head.run =
      (uint64_t)clock_ns(CLOCK_REALTIME) * 2654435761u ^ (uint64_t)getpid() << 48 ^ s->head.boot;
  glia_sample_set_leave_slow(s->set); /* their threads start behind the first answer */
  glia_sample_take(s->set, s->row, &s->when);
  glia_ring_add(s->ring, &s->when, s->row);
  return GLIA_OK;
}

static glia_status start_sampling(struct glia_serve *s)
{
  const int failed = glia_thread_start_(&s->thread, sample_steadily, s);

  GLIA_CHECK(failed == 0, GLIA_E_MEMORY, "no thread to sample: %s", strerror(failed));
  s->running = true;
  return GLIA_OK;
}

glia_status glia_serve_start(const struct glia_serve_options *options, struct glia_serve **out)
{
  struct glia_serve *s = calloc(1, sizeof *s);
  glia_status st;

  *out = NULL;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "no memory");
  GLIA_TRY_TO(fail, st, prepare(s, options));
  GLIA_TRY_TO(fail, st, glia_server_start(&options->http, answer, s, &s->server));
  GLIA_TRY_TO(fail, st, start_sampling(s));
  *out = s;
  return GLIA_OK;

fail:
  glia_serve_stop(&s);
  return st;
}

int glia_serve_port(const struct glia_serve *serve) { return glia_server_port(serve->server); }

int64_t glia_serve_metrics(const struct glia_serve *serve) { return serve->n; }

void glia_serve_stop(struct glia_serve **serve)
{
  struct glia_serve *s = *serve;

  if (s == NULL) return;
  glia_server_stop(&s->server);
  if (s->running) {
    pthread_mutex_lock(&s->mutex);
    s->stop = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
  }
  glia_sample_set_close(&s->set);
  glia_ring_destroy(&s->ring);
  glia_buffer_free(&s->answer);
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->mutex);
  free(s->topology);
  free(s->order);
  free(s->clock);
  free(s->row);
  free(s->root);
  free(s);
  *serve = NULL;
}
