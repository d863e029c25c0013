/* The collector's loop; see glia_collect.h. One thread speaks to all nodes at once (collect_wire.c), each with a time limit of its own:
 * who does not answer has one of a thousand places until then. */
#include "collect_priv.h"

#include "glia_log.h"
#include "glia_prometheus.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BODY_MAX = 16 << 20, URL_BYTES = 1024, CONNECTIONS_MOST = 4096, PLACES_MOST = 1024 };
static const double tick_s = 0.1, look_s = 0.01;
static const double connect_limit_s = 3.0;
static const double longest_pause_s = 10.0; /* between attempts at a node that does not answer */
static const double idle_s = 8.0; /* a connection is used again: agents close theirs after 10 s */

static int64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- nodes */

static glia_status check_new(struct glia_collect *c, const char *name)
{
  GLIA_CHECK(glia_names_find_(&c->by_name, name) < 0, GLIA_E_EXISTS, "node %s is listed twice",
             name);
  if (c->n < c->n_room) return GLIA_OK;
  const int64_t room = c->n_room > 0 ? 2 * c->n_room : 64;
  struct glia_target **more = realloc(c->target, (size_t)room * sizeof(struct glia_target *));
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld nodes", (long long)room);
  c->target = more;
  c->n_room = room;
  return GLIA_OK;
}

static glia_status add_node(struct glia_collect *c, const char *name, const char *url,
                            bool exporter)
{
  char full[URL_BYTES];
  int node; /* who cannot be one leaves nothing behind */

  GLIA_TRY(glia_address_(url, exporter, full, sizeof full));
  GLIA_TRY(check_new(c, name));
  GLIA_TRY(glia_store_node(c->store, name, &node));
  struct glia_target *t = calloc(1, sizeof *t);
  GLIA_CHECK(t != NULL, GLIA_E_MEMORY, "node %s", name);
  c->target[c->n++] = t; /* closing frees it */
  const size_t n = strlen(full);
  t->kind = exporter || (n > 8 && strcmp(full + n - 8, "/metrics") == 0) ? GLIA_TARGET_EXPORTER
                                                                         : GLIA_TARGET_AGENT;
  t->node = node;
  t->name = strdup(name);
  t->url = strdup(full);
  t->easy = curl_easy_init();
  GLIA_CHECK(t->name != NULL && t->url != NULL && t->easy != NULL, GLIA_E_MEMORY, "node %s", name);
  GLIA_TRY(glia_names_add_(&c->by_name, t->name, c->n - 1));
  GLIA_TRY(glia_intake_create(&t->intake));
  GLIA_TRY(glia_collect_watch_node_(c, t));
  const struct glia_store_mark mark = glia_store_mark(c->store, t->node);
  t->run = mark.run;
  t->number = mark.number;
  /* Nodes are spread over the period in a fixed way. */
  t->due_s = glia_time_s() + c->options.period_s * fmod((double)c->n * 0.6180339887, 1.0);
  c->due_s = fmin(c->due_s, t->due_s);
  return GLIA_OK;
}

/* It may be asked about its nodes already. */
static glia_status add_locked(struct glia_collect *c, const char *name, const char *url,
                              bool exporter)
{
  pthread_mutex_lock(&c->mutex);
  const glia_status st = add_node(c, name, url, exporter);
  pthread_mutex_unlock(&c->mutex);
  return st;
}

glia_status glia_collect_node(struct glia_collect *c, const char *name, const char *url)
{
  return add_locked(c, name, url, false);
}

glia_status glia_collect_exporter(struct glia_collect *c, const char *name, const char *url)
{
  return add_locked(c, name, url, true);
}

/* ---- one question */

static size_t on_data(char *data, size_t size, size_t n, void *self)
{
  struct glia_target *t = self;

  if (t->body.n + size * n > BODY_MAX) return 0; /* ends it with an error */
  glia_buffer_add(&t->body, data, size * n);
  return t->body.failed ? 0 : size * n;
}

static void make_url(const struct glia_target *t, char *out, size_t size)
{
  if (t->kind == GLIA_TARGET_EXPORTER)
    snprintf(out, size, "%s", t->url);
  else if (t->question == GLIA_TARGET_TOPOLOGY)
    snprintf(out, size, "%s/topology", t->url);
  else
    snprintf(out, size, "%s/rows?run=%" PRIx64 "&schema=%" PRIx64 "&after=%" PRId64, t->url, t->run,
             t->schema, t->number);
}

/* More answers at once than there are places come no sooner: a machine without time for them would give all of them up as late. Who failed last
 * time, and may hang again, has places of his own: those who answer do not wait behind thousands who do not, but for the first time limit. */
static int class_of(const struct glia_target *t) { return t->in_a_row > 0; }

static glia_status ask(struct glia_collect *c, struct glia_target *t)
{
  const double limit_s = c->options.timeout_s > 0.0 ? c->options.timeout_s : 10.0;
  char url[URL_BYTES];

  t->question = t->kind == GLIA_TARGET_AGENT && !t->known ? GLIA_TARGET_TOPOLOGY : GLIA_TARGET_ROWS;
  make_url(t, url, sizeof url);
  t->body.n = 0;
  t->body.failed = false;
  CURL *e = t->easy;
  curl_easy_setopt(e, CURLOPT_URL, url);
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
  curl_easy_setopt(e, CURLOPT_PRIVATE, t);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(1e3 * limit_s));
  curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(1e3 * fmin(limit_s, connect_limit_s)));
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, c->headers[t->kind]);
  curl_easy_setopt(e, CURLOPT_PROXY, "");
  /* libcurl looks at all connections that it keeps whenever an answer is done with: it keeps those alone that will serve. */
  curl_easy_setopt(e, CURLOPT_FORBID_REUSE, c->options.period_s > idle_s ? 1L : 0L);
  curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)idle_s);
  if (c->options.ca_file != NULL) curl_easy_setopt(e, CURLOPT_CAINFO, c->options.ca_file);
  GLIA_CHECK(glia_wire_ask_(c->wire, e), GLIA_E_MEMORY, "cannot ask %s", url);
  const double now_s = glia_time_s();
  if (t->began_s > 0.0 && t->began_s <= c->behind_s) t->excused_s += now_s - t->began_s;
  t->busy = true;
  const int64_t asked = ++c->asked[class_of(t)];
  if (asked > c->result.asked_most) c->result.asked_most = asked;
  t->began_s = now_s;
  if (t->first_s <= 0.0) t->first_s = now_s;
  return GLIA_OK;
}

/* The disk is behind, or the scores: agents keep their rows meanwhile. */
static bool behind(struct glia_collect *c)
{
  const bool yes = glia_store_full(c->store) || glia_collect_watch_full_(c);

  if (yes) c->behind_s = glia_time_s();
  return yes;
}

/* Ask one that is due, and say when next. */
static glia_status ask_now(struct glia_collect *c, struct glia_target *t, double now_s)
{
  const double period_s = c->options.period_s;

  GLIA_TRY(ask(c, t));
  double next_s = t->due_s > 0.0 ? t->due_s + period_s : now_s + period_s;
  if (next_s <= now_s) {
    next_s = now_s + period_s;
    t->late++;
    c->result.late++;
  }
  if (t->in_a_row > 2) next_s = now_s + fmin(longest_pause_s, period_s * (double)t->in_a_row);
  t->due_s = next_s;
  return GLIA_OK;
}

/* One class, from where there was no place last time. */
static glia_status ask_class(struct glia_collect *c, int class, double now_s)
{
  const int64_t first = c->first[class];

  for (int64_t k = 0; k < c->n; k++) {
    struct glia_target *t = c->target[(first + k) % c->n];
    if (t->busy || class_of(t) != class) continue;
    if (now_s < t->due_s) {
      c->due_s = fmin(c->due_s, t->due_s);
    } else if (c->asked[class] < c->places) {
      GLIA_TRY(ask_now(c, t, now_s));
    } else { /* an answer makes places */
      c->first[class] = (first + k) % c->n;
      c->crowded = true;
      break;
    }
  }
  return GLIA_OK;
}

/* Who is due and not busy is asked; who is still busy when due again is late. Each look goes over all nodes, so there are a hundred a second at most. */
static glia_status ask_due(struct glia_collect *c, double now_s)
{
  if (now_s < fmax(c->due_s, c->looked_s + look_s) || behind(c)) return GLIA_OK;
  c->due_s = (double)INFINITY;
  c->looked_s = now_s;
  c->crowded = false;
  GLIA_TRY(ask_class(c, 0, now_s));
  return ask_class(c, 1, now_s);
}

static glia_status answered(struct glia_collect *c, struct glia_target *t, CURLcode code)
{
  const int64_t received_ns = now_ns();
  long status = 0;
  char why[160];

  glia_wire_drop_(c->wire, t->easy);
  t->busy = false;
  c->asked[class_of(t)]--;
  t->scrapes++;
  c->result.scrapes++;
  curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK && t->question == GLIA_TARGET_TOPOLOGY && status == 404) {
    t->known = true;
    t->due_s = 0.0;
    return GLIA_OK;
  }
  if (code == CURLE_WRITE_ERROR)
    snprintf(why, sizeof why, "more than %d MiB", BODY_MAX >> 20);
  else if (code != CURLE_OK)
    snprintf(why, sizeof why, "%s", curl_easy_strerror(code));
  else
    snprintf(why, sizeof why, "HTTP status %ld", status);
  if (code != CURLE_OK || status != 200) {
    glia_target_fail_(c, t, why);
    return GLIA_OK;
  }
  const int64_t asked_ns = received_ns - (int64_t)(1e9 * (glia_time_s() - t->began_s));
  return glia_target_take_(c, t, asked_ns, received_ns);
}

static glia_status finish(struct glia_collect *c, CURL *easy, CURLcode code)
{
  struct glia_target *t = NULL;

  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
  const glia_status st = answered(c, t, code);
  c->due_s = c->crowded ? 0.0 : fmin(c->due_s, t->due_s);
  return st;
}

/* ---- the loop */

static glia_status step(struct glia_collect *c)
{
  CURLcode code;
  CURL *easy;

  GLIA_TRY(ask_due(c, glia_time_s()));
  glia_wire_turn_(c->wire);
  /* Who answered after a long time has as many rows: the next answer waits until there is room. */
  while (!behind(c) && (easy = glia_wire_done_(c->wire, &code)) != NULL)
    GLIA_TRY(finish(c, easy, code));
  glia_collect_watch_tick_(c);
  return glia_store_tick(c->store);
}

/* Until the next node is due, a tick at most; a tick while nobody is asked. */
static int pause_ms(struct glia_collect *c)
{
  const bool waiting = behind(c);
  const double now_s = glia_time_s();
  const double until_s =
      waiting ? now_s + tick_s : fmin(now_s + tick_s, fmax(c->due_s, c->looked_s + look_s));

  return until_s <= now_s ? 0 : (int)ceil(1e3 * (until_s - now_s));
}

static double cpu_s(void)
{
  struct rusage use;

  getrusage(RUSAGE_SELF, &use);
  return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

glia_status glia_collect_run(struct glia_collect *c, double duration_s,
                             struct glia_collect_result *result)
{
  const double begin_s = glia_time_s(), cpu_before_s = cpu_s();
  glia_status st = GLIA_OK;

  while (st == GLIA_OK && (duration_s <= 0.0 || glia_time_s() - begin_s < duration_s) &&
         (c->options.stop == NULL || c->options.stop() == 0)) {
    pthread_mutex_lock(&c->mutex);
    st = step(c);
    const int ms = pause_ms(c);
    pthread_mutex_unlock(&c->mutex);
    if (st == GLIA_OK) glia_wire_wait_(c->wire, ms);
  }
  pthread_mutex_lock(&c->mutex);
  if (st == GLIA_OK) st = glia_store_finish(c->store);
  c->result.nodes = c->n;
  c->result.wall_s = glia_time_s() - begin_s;
  c->result.cpu_s = cpu_s() - cpu_before_s;
  glia_store_facts(c->store, &c->result.store);
  glia_collect_watch_facts_(c, &c->result);
  *result = c->result;
  pthread_mutex_unlock(&c->mutex);
  return st;
}

/* ---- open and close */

static glia_status add_header(struct curl_slist **list, const char *line)
{
  struct curl_slist *more = curl_slist_append(*list, line);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "no memory");
  *list = more;
  return GLIA_OK;
}

static glia_status add_headers(struct glia_collect *c)
{
  char line[GLIA_TOKEN_BYTES + 32];

  for (size_t kind = 0; kind < GLIA_COUNT(c->headers); kind++)
    GLIA_TRY(add_header(&c->headers[kind],
                        "Accept: text/plain;version=0.0.4, application/vnd.glia.rows"));
  if (c->options.token == NULL) return GLIA_OK;
  snprintf(line, sizeof line, "Authorization: Bearer %s", c->options.token);
  return add_header(&c->headers[GLIA_TARGET_AGENT], line);
}

/* A thousand nodes are a thousand descriptors: as many as may be. A quarter is for connections that are kept, an eighth for each class of requests. */
static int64_t allow_descriptors(void)
{
  struct rlimit r;

  if (getrlimit(RLIMIT_NOFILE, &r) != 0) return 64;
  r.rlim_cur = r.rlim_max;
  setrlimit(RLIMIT_NOFILE, &r);
  return getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 1 << 30 ? (int64_t)r.rlim_cur : 1 << 30;
}

glia_status glia_collect_open(const struct glia_collect_options *options, struct glia_collect **out)
{
  struct glia_collect *c = calloc(1, sizeof *c);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(c != NULL, GLIA_E_MEMORY, "no memory for a collector");
  pthread_mutex_init(&c->mutex, NULL);
  c->options = *options;
  c->started_s = glia_time_s();
  const int64_t descriptors = allow_descriptors();
  const long connections =
      descriptors / 4 < CONNECTIONS_MOST ? (long)(descriptors / 4) : CONNECTIONS_MOST;
  c->places = descriptors / 8 < PLACES_MOST ? descriptors / 8 + 1 : PLACES_MOST;
  GLIA_CHECK_TO(fail, st, curl_global_init(CURL_GLOBAL_DEFAULT) == 0, GLIA_E_UNSUPPORTED,
                "libcurl does not start");
  GLIA_TRY_TO(fail, st, glia_wire_open_(connections, &c->wire));
  GLIA_TRY_TO(fail, st, add_headers(c));
  GLIA_TRY_TO(fail, st, glia_store_open(&options->store, &c->store));
  GLIA_TRY_TO(fail, st, glia_collect_watch_open_(c));
  if (options->http.listen != NULL)
    GLIA_TRY_TO(fail, st, glia_server_start(&options->http, glia_collect_answer_, c, &c->server));
  *out = c;
  return GLIA_OK;

fail:
  if (glia_collect_close(&c) != GLIA_OK) glia_trace_clear();
  return st;
}

int glia_collect_port(const struct glia_collect *c)
{
  return c->server != NULL ? glia_server_port(c->server) : 0;
}

glia_status glia_collect_close(struct glia_collect **collect)
{
  struct glia_collect *c = *collect;

  if (c == NULL) return GLIA_OK;
  glia_server_stop(&c->server);
  glia_names_forget_(&c->by_name);
  for (int64_t i = 0; i < c->n; i++) {
    if (c->target[i]->busy) glia_wire_drop_(c->wire, c->target[i]->easy);
    glia_target_free_(c->target[i]);
  }
  glia_wire_close_(&c->wire);
  for (size_t kind = 0; kind < GLIA_COUNT(c->headers); kind++)
    curl_slist_free_all(c->headers[kind]);
  const glia_status st = glia_store_close(&c->store);
  glia_collect_watch_close_(c);
  glia_buffer_free(&c->answer);
  pthread_mutex_destroy(&c->mutex);
  free(c->target);
  free(c);
  *collect = NULL;
  return st;
}
