/* glia agent --replay: see replay.h. A row is told when its time has come: the first one at once, the others by their distance to it,
 * divided by the speed. Times of rows are those of the replay, so a collector takes them for new ones. What is recorded are rates, so
 * all columns are gauges in their units. */
#include "replay.h"

#include "glia_log.h"
#include "glia_rows.h"
#include "glia_server.h"
#include "glia_telemetry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RING_BYTES = 64 << 20, ROWS_AT_ONCE = 200, PEERS = 4096 };
static const double nap_s = 0.2;

struct player {
  struct glia_telemetry_node node;
  struct glia_metric *metric;
  int64_t *clock;
  double *row;
  uint64_t schema, run;
  struct glia_ring *ring;
  int64_t told; /* rows in the ring so far */
};

struct replay {
  double speed;
  int64_t origin_ns;                /* first row of all nodes */
  int64_t start_ns, start_clock_ns; /* realtime and monotonic */
  int n;
  struct player *player;
  struct glia_buffer text;
};

static int64_t clock_ns(clockid_t clock)
{
  struct timespec t;

  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Rows whose time has come go to the ring. */
static void advance(const struct replay *r, struct player *p)
{
  const int64_t passed_ns = clock_ns(CLOCK_MONOTONIC) - r->start_clock_ns;
  const struct glia_telemetry_node *d = &p->node;

  for (; p->told < d->n; p->told++) {
    const int64_t at_ns = (int64_t)((double)(d->time_ns[p->told] - r->origin_ns) / r->speed);
    if (at_ns > passed_ns) return;
    for (int j = 0; j < d->n_metrics; j++)
      p->row[j] = (double)d->values[p->told * d->n_metrics + j];
    const struct glia_sample_time when = {r->start_clock_ns + at_ns, r->start_ns + at_ns};
    glia_ring_add(p->ring, &when, p->row);
  }
}

/* The player that "/NAME/rows" asks for, or NULL. */
static struct player *asked(const struct replay *r, const char *path)
{
  for (int i = 0; i < r->n; i++) {
    const size_t n = strlen(r->player[i].node.name);
    if (strncmp(path + 1, r->player[i].node.name, n) == 0 && strcmp(path + 1 + n, "/rows") == 0)
      return &r->player[i];
  }
  return NULL;
}

static uint64_t number(const struct glia_request *request, const char *name, int base)
{
  const char *text = glia_request_argument(request, name);

  return text != NULL && text[0] != '-' ? strtoull(text, NULL, base) : 0;
}

static void answer(void *self, const struct glia_request *request, struct glia_answer *out)
{
  struct replay *r = self;
  struct player *p = asked(r, request->path);

  if (p == NULL) {
    out->status = 404;
    return;
  }
  advance(r, p);
  const struct glia_rows_head head = {
      .run = p->run, .boot = 1, .schema = p->schema, .now_ns = clock_ns(CLOCK_REALTIME)};
  const int64_t after = (int64_t)(number(request, "after", 10) & INT64_MAX);
  r->text.n = 0;
  r->text.failed = false;
  glia_rows_write(&r->text, &head, p->ring, number(request, "run", 16) == p->run ? after : 0,
                  ROWS_AT_ONCE, number(request, "schema", 16) != p->schema, p->node.n_metrics,
                  p->metric, p->clock);
  out->type = GLIA_ROWS_TYPE;
  if (r->text.failed) out->status = 503;
  out->body = r->text.text;
  out->size_bytes = r->text.failed ? 0 : r->text.n;
}

static glia_status prepare(struct glia_telemetry *file, const char *name, struct player *p)
{
  GLIA_TRY(glia_telemetry_read_node(file, name, &p->node));
  GLIA_CHECK(p->node.n > 0, GLIA_E_DATA, "node %s has no rows", name);
  const size_t n = (size_t)p->node.n_metrics + 1;
  p->metric = calloc(n, sizeof *p->metric);
  p->clock = calloc(n, sizeof *p->clock);
  p->row = calloc(n, sizeof *p->row);
  GLIA_CHECK(p->metric != NULL && p->clock != NULL && p->row != NULL, GLIA_E_MEMORY, "node %s",
             name);
  for (int j = 0; j < p->node.n_metrics; j++) {
    p->metric[j] =
        (struct glia_metric){p->node.metric[j], p->node.unit[j], GLIA_METRIC_GAUGE, "recorded"};
    p->clock[j] = -1;
  }
  p->schema = glia_rows_schema(p->node.n_metrics, p->metric, p->clock);
  return glia_ring_create(p->node.n_metrics, p->node.n, RING_BYTES, &p->ring);
}

static glia_status load(struct replay *r, const char *path)
{
  struct glia_telemetry *file;
  char *const *name;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_telemetry_open(path, &file));
  const int n = glia_telemetry_nodes(file, &name);
  r->player = calloc((size_t)n + 1, sizeof *r->player);
  if (r->player == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d nodes", n);
  r->origin_ns = INT64_MAX;
  for (int i = 0; i < n && st == GLIA_OK; i++) {
    struct player *p = &r->player[r->n++];
    st = prepare(file, name[i], p);
    if (st == GLIA_OK && p->node.time_ns[0] < r->origin_ns) r->origin_ns = p->node.time_ns[0];
  }
  glia_telemetry_close(&file);
  GLIA_TRY(st);
  GLIA_CHECK(r->n > 0, GLIA_E_DATA, "%s has no nodes", path);
  return GLIA_OK;
}

static void unload(struct replay *r)
{
  for (int i = 0; i < r->n; i++) {
    struct player *p = &r->player[i];
    glia_ring_destroy(&p->ring);
    glia_telemetry_node_free(&p->node);
    free(p->metric);
    free(p->clock);
    free(p->row);
  }
  free(r->player);
  glia_buffer_free(&r->text);
}

static glia_status serve(struct glia_args *args, struct replay *r)
{
  const struct glia_server_options http = {
      .listen = glia_args_text(args, "listen", "127.0.0.1:0"),
      .token_file = glia_args_text(args, "token-file", NULL),
      .certificate_file = glia_args_text(args, "tls-cert", NULL),
      .key_file = glia_args_text(args, "tls-key", NULL),
      .client_ca_file = glia_args_text(args, "client-ca", NULL),
      .peers = PEERS};
  const double for_s = glia_args_duration(args, "for", 0.0);
  const struct timespec nap = {.tv_nsec = (long)(1e9 * nap_s)};
  struct glia_server *server;
  int64_t told = 0;

  r->start_ns = clock_ns(CLOCK_REALTIME);
  r->start_clock_ns = clock_ns(CLOCK_MONOTONIC);
  for (int i = 0; i < r->n; i++)
    r->player[i].run = (uint64_t)r->start_ns ^ (uint64_t)getpid() << 40 ^ (uint64_t)(i + 1);
  GLIA_TRY(glia_server_start(&http, answer, r, &server));
  glia_log(GLIA_LOG_INFO, "replay", "listening", "port=%d nodes=%d speed=%g",
           glia_server_port(server), r->n, r->speed);
  glia_stop_catch();
  while (glia_stop_requested() == 0 &&
         (for_s <= 0.0 || 1e-9 * (double)(clock_ns(CLOCK_MONOTONIC) - r->start_clock_ns) < for_s))
    nanosleep(&nap, NULL);
  glia_server_stop(&server);
  for (int i = 0; i < r->n; i++) told += r->player[i].told;
  glia_cli_print(args, "%d nodes, %lld rows told\n", r->n, (long long)told);
  return glia_cli_json(args, json_pack("{s:i, s:I}", "nodes", r->n, "rows", (json_int_t)told));
}

glia_status replay_run(struct glia_args *args)
{
  struct replay r = {.speed = glia_args_real(args, "speed", 1.0)};
  glia_status st = load(&r, glia_args_text(args, "replay", NULL));

  if (st == GLIA_OK) st = serve(args, &r);
  unload(&r);
  return st;
}
