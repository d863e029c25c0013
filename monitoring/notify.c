/* Alarms to others; see glia_notify.h. */
#include "glia_notify.h"

#include "collect_priv.h"

#include "glia_exposition.h"
#include "glia_log.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { WAITING_MAX = 4096, NAME_BYTES = 256, TIME_BYTES = 40, AGAIN_AT_ONCE = 512 };
static const double end_s = 5.0; /* what waits has so long when we end, at most */

/* One alarm, copied. */
struct told {
  char node[NAME_BYTES];
  char text[GLIA_WATCH_TEXT_BYTES];
  glia_watch_kind kind;
  bool active;
  int64_t start_ns, end_ns, job;
  double score, threshold;
  int64_t place; /* of one that is on, in `active` */
};

struct glia_notify {
  char *alertmanager, *command;
  double limit_s, repeat_s;
  pthread_t thread;
  bool running;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool stop;            /* from here on under the mutex */
  double stop_s;        /* nothing is delivered after it; infinite before the stop */
  bool missed;          /* one that waited was dropped: whatever is on is to be told again */
  struct told *waiting; /* [WAITING_MAX] a ring */
  int64_t first, next;
  struct glia_notify_facts facts;
  struct told **active; /* whatever is on [n_active], told or not */
  void *by_node;        /* a tree of the same */
  int64_t n_active, active_room;
};

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the words */

static void add_time(struct glia_buffer *b, int64_t ns)
{
  const time_t t = (time_t)(ns / 1000000000);
  char text[TIME_BYTES] = "";
  struct tm tm;

  if (gmtime_r(&t, &tm) != NULL) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
  glia_json_add_text_(b, text);
}

static void add_number(struct glia_buffer *b, double v)
{
  if (isfinite(v))
    glia_buffer_number(b, v);
  else
    glia_buffer_add(b, "null", 4);
}

/* What an Alertmanager takes: /api/v2/alerts. */
static void add_alert(struct glia_buffer *b, const struct told *a)
{
  static const char *const name[] = {"GliaNodeAbnormal", "GliaNodeUnlikePeers", "GliaNodeSilent"};

  glia_buffer_print(
      b, "{\"labels\":{\"alertname\":\"%s\",\"severity\":\"warning\",\"node\":", name[a->kind]);
  glia_json_add_text_(b, a->node);
  if (a->job > 0) glia_buffer_print(b, ",\"job_id\":\"%lld\"", (long long)a->job);
  glia_buffer_print(b, "},\"annotations\":{\"summary\":");
  glia_json_add_text_(b, a->text);
  glia_buffer_print(b, "},\"startsAt\":");
  add_time(b, a->start_ns);
  if (!a->active) {
    glia_buffer_print(b, ",\"endsAt\":");
    add_time(b, a->end_ns);
  }
  glia_buffer_print(b, "}");
}

/* What a command reads. */
static void add_line(struct glia_buffer *b, const struct told *a)
{
  glia_buffer_print(b, "{\"node\":");
  glia_json_add_text_(b, a->node);
  glia_buffer_print(b, ",\"kind\":\"%s\",\"active\":%s,\"start_ns\":%lld,\"job\":%lld,\"score\":",
                    glia_watch_kind_name(a->kind), a->active ? "true" : "false",
                    (long long)a->start_ns, (long long)a->job);
  add_number(b, a->score);
  glia_buffer_print(b, ",\"threshold\":");
  add_number(b, a->threshold);
  glia_buffer_print(b, ",\"text\":");
  glia_json_add_text_(b, a->text);
  glia_buffer_print(b, "}\n");
}

/* ---- the ways */

static size_t ignore(char *data, size_t size, size_t n, void *self)
{
  (void)data;
  (void)self;
  return size * n;
}

static double stop_time(struct glia_notify *n)
{
  pthread_mutex_lock(&n->mutex);
  const double s = n->stop_s;
  pthread_mutex_unlock(&n->mutex);
  return s;
}

/* libcurl asks now and then whether to go on. */
static int over(void *self, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
  (void)a;
  (void)b;
  (void)c;
  (void)d;
  return now_s() >= stop_time(self);
}

static bool post(struct glia_notify *n, const struct glia_buffer *body)
{
  CURL *e = curl_easy_init();
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  char url[1200];
  long status = 0;
  CURLcode code = CURLE_OUT_OF_MEMORY;

  snprintf(url, sizeof url, "%.1100s/api/v2/alerts", n->alertmanager);
  if (e != NULL && headers != NULL) {
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, body->text);
    curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)body->n);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, over);
    curl_easy_setopt(e, CURLOPT_XFERINFODATA, n);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(1e3 * n->limit_s));
    code = curl_easy_perform(e);
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
  }
  if (code != CURLE_OK || status != 200)
    glia_log(GLIA_LOG_WARN, "notify", "alertmanager", "url=%s status=%ld reason=\"%s\"", url,
             status, code != CURLE_OK ? curl_easy_strerror(code) : "refused");
  curl_slist_free_all(headers);
  if (e != NULL) curl_easy_cleanup(e);
  return code == CURLE_OK && status == 200;
}

/* /bin/sh -c command in a process group of its own, its standard input from us. -1: not started. */
static pid_t spawn(const char *command, int *input)
{
  char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(command), NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  int ends[2];
  pid_t pid = -1;

  *input = -1;
  if (argv[2] == NULL || pipe2(ends, O_CLOEXEC) != 0) {
    free(argv[2]);
    return -1;
  }
  sigemptyset(&none);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &none);
  if (posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environ) != 0) pid = -1;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  free(argv[2]);
  close(ends[0]);
  if (pid < 0)
    close(ends[1]);
  else
    *input = ends[1];
  return pid;
}

/* All of text to fd, as far as it goes until then. */
static void feed(int fd, const char *text, size_t size, double until_s)
{
  fcntl(fd, F_SETFL, O_NONBLOCK);
  while (size > 0 && now_s() < until_s) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    if (poll(&p, 1, 100) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0) return;
    const ssize_t done = write(fd, text, size);
    if (done < 0 && errno != EAGAIN && errno != EINTR) return;
    if (done <= 0) continue;
    text += done;
    size -= (size_t)done;
  }
}

static bool run_command(struct glia_notify *n, const struct glia_buffer *lines)
{
  const double begin_s = now_s(), until_s = begin_s + n->limit_s;
  const struct timespec nap = {.tv_nsec = 20000000};
  int input, status = 0;
  const pid_t pid = spawn(n->command, &input);
  bool ended = false;

  if (pid < 0) {
    glia_log(GLIA_LOG_WARN, "notify", "command", "reason=\"not started\"");
    return false;
  }
  feed(input, lines->text, lines->n, fmin(until_s, stop_time(n)));
  close(input);
  while (!(ended = waitpid(pid, &status, WNOHANG) == pid) && now_s() < fmin(until_s, stop_time(n)))
    nanosleep(&nap, NULL);
  if (!ended) {
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    glia_log(GLIA_LOG_WARN, "notify", "command", "reason=\"killed after %.1f s\"",
             now_s() - begin_s);
    return false;
  }
  if (status != 0) glia_log(GLIA_LOG_WARN, "notify", "command", "wait_status=%d", status);
  return status == 0;
}

/* ---- the thread */

static int by_node(const void *a, const void *b)
{
  const struct told *x = a, *y = b;

  return x->kind != y->kind ? (x->kind < y->kind ? -1 : 1) : strcmp(x->node, y->node);
}

/* Whatever is on stays known until it ends, also where it was never told. Under the mutex. */
static void keep_active(struct glia_notify *n, const struct told *a)
{
  struct told *const *found = tfind(a, &n->by_node, by_node);
  struct told *t = found != NULL ? *found : NULL;

  if (t != NULL && a->active) {
    const int64_t place = t->place;
    *t = *a;
    t->place = place;
  } else if (t != NULL) {
    tdelete(t, &n->by_node, by_node);
    n->active[t->place] = n->active[--n->n_active];
    n->active[t->place]->place = t->place;
    free(t);
  } else if (a->active) {
    if (n->n_active == n->active_room) {
      const int64_t room = n->active_room > 0 ? 2 * n->active_room : 16;
      struct told **more = realloc((void *)n->active, (size_t)room * sizeof(struct told *));
      if (more == NULL) return; /* it is told once */
      n->active = more;
      n->active_room = room;
    }
    t = malloc(sizeof *t);
    if (t == NULL) return;
    *t = *a;
    t->place = n->n_active;
    if (tsearch(t, &n->by_node, by_node) == NULL)
      free(t);
    else
      n->active[n->n_active++] = t;
  }
}

/* false: something failed. */
static bool deliver(struct glia_notify *n, int count, const struct told *told, bool command)
{
  struct glia_buffer alerts = {0}, lines = {0};
  int sent = 0, failed = 0;

  glia_buffer_add(&alerts, "[", 1);
  for (int i = 0; i < count; i++) {
    if (i > 0) glia_buffer_add(&alerts, ",", 1);
    add_alert(&alerts, &told[i]);
    add_line(&lines, &told[i]);
  }
  glia_buffer_add(&alerts, "]", 1);
  if (alerts.failed || lines.failed) {
    failed++;
  } else {
    /* the command first: at the end it may not wait for an Alertmanager that does not answer */
    if (n->command != NULL && command) run_command(n, &lines) ? sent++ : failed++;
    if (n->alertmanager != NULL) post(n, &alerts) ? sent++ : failed++;
  }
  glia_buffer_free(&alerts);
  glia_buffer_free(&lines);
  pthread_mutex_lock(&n->mutex);
  n->facts.sent += sent;
  n->facts.failed += failed;
  pthread_mutex_unlock(&n->mutex);
  return failed == 0;
}

/* Copies what waits, at most room; called under the mutex. */
static int take_waiting(struct glia_notify *n, int room, struct told *out)
{
  int count = 0;

  while (n->first < n->next && count < room) out[count++] = n->waiting[n->first++ % WAITING_MAX];
  return count;
}

/* An Alertmanager forgets alarms that nobody repeats. One that does not answer is asked again when it is time again. */
static void tell_again(struct glia_notify *n, struct told *batch)
{
  int count = 1;

  for (int64_t at = 0; count > 0; at += count) {
    pthread_mutex_lock(&n->mutex);
    const bool on = now_s() < n->stop_s;
    for (count = 0; on && count < AGAIN_AT_ONCE && at + count < n->n_active; count++)
      batch[count] = *n->active[at + count];
    pthread_mutex_unlock(&n->mutex);
    if (count > 0 && !deliver(n, count, batch, false)) return;
  }
}

static void *work(void *self)
{
  enum { AT_ONCE = 64 };
  struct glia_notify *n = self;
  struct told *batch = calloc(AGAIN_AT_ONCE, sizeof *batch);
  double repeat_s = now_s() + n->repeat_s;

  pthread_mutex_lock(&n->mutex);
  while (batch != NULL && now_s() < n->stop_s) {
    while (!n->stop && n->first == n->next && !n->missed && now_s() < repeat_s) {
      const struct timespec wake = {.tv_sec = (time_t)ceil(repeat_s)};
      pthread_cond_timedwait(&n->changed, &n->mutex, &wake);
    }
    const int count = take_waiting(n, AT_ONCE, batch);
    const bool again = now_s() >= repeat_s || (n->missed && n->first == n->next);
    if (count == 0 && !again && n->stop) break;
    if (again) n->missed = false;
    pthread_mutex_unlock(&n->mutex);
    if (count > 0) deliver(n, count, batch, true);
    if (again) {
      repeat_s = now_s() + n->repeat_s;
      if (n->alertmanager != NULL) tell_again(n, batch);
    }
    pthread_mutex_lock(&n->mutex);
  }
  if (n->next > n->first)
    glia_log(GLIA_LOG_WARN, "notify", "undelivered",
             "alarms=%lld reason=\"no time before the end\"", (long long)(n->next - n->first));
  pthread_mutex_unlock(&n->mutex);
  free(batch);
  return NULL;
}

/* ---- outside */

static void destroy(struct glia_notify *n)
{
  pthread_cond_destroy(&n->changed);
  pthread_mutex_destroy(&n->mutex);
  free(n->alertmanager);
  free(n->command);
  free(n->waiting);
  for (int64_t i = 0; i < n->n_active; i++) {
    tdelete(n->active[i], &n->by_node, by_node);
    free(n->active[i]);
  }
  free((void *)n->active);
  free(n);
}

glia_status glia_notify_start(const struct glia_notify_options *o, struct glia_notify **out)
{
  struct glia_notify *n = calloc(1, sizeof *n);
  pthread_condattr_t clock;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(n != NULL, GLIA_E_MEMORY, "no memory to tell of alarms");
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_mutex_init(&n->mutex, NULL);
  pthread_cond_init(&n->changed, &clock);
  pthread_condattr_destroy(&clock);
  n->stop_s = (double)INFINITY;
  n->limit_s = o->limit_s > 0.0 ? o->limit_s : 10.0;
  n->repeat_s = o->repeat_s > 0.0 ? o->repeat_s : 60.0;
  GLIA_CHECK_TO(fail, st,
                o->alertmanager == NULL || strncmp(o->alertmanager, "http://", 7) == 0 ||
                    strncmp(o->alertmanager, "https://", 8) == 0,
                GLIA_E_ARGUMENT, "%s: expected http://HOST:PORT of an Alertmanager",
                o->alertmanager);
  n->alertmanager = o->alertmanager != NULL ? strdup(o->alertmanager) : NULL;
  for (size_t k = n->alertmanager != NULL ? strlen(n->alertmanager) : 0;
       k > 0 && n->alertmanager[k - 1] == '/'; k--)
    n->alertmanager[k - 1] = '\0'; /* of //api it says 301 */
  n->command = o->command != NULL ? strdup(o->command) : NULL;
  n->waiting = calloc(WAITING_MAX, sizeof *n->waiting);
  GLIA_CHECK_TO(fail, st,
                n->waiting != NULL && (n->alertmanager != NULL || o->alertmanager == NULL) &&
                    (n->command != NULL || o->command == NULL),
                GLIA_E_MEMORY, "no memory to tell of alarms");
  n->running = pthread_create(&n->thread, NULL, work, n) == 0;
  GLIA_CHECK_TO(fail, st, n->running, GLIA_E_MEMORY, "no thread to tell of alarms");
  *out = n;
  return GLIA_OK;

fail:
  destroy(n);
  return st;
}

void glia_notify_alarm(struct glia_notify *n, const struct glia_watch_alarm *alarm)
{
  pthread_mutex_lock(&n->mutex);
  if (n->next - n->first == WAITING_MAX) {
    n->first++;
    n->facts.dropped++;
    n->missed = true;
  }
  struct told *t = &n->waiting[n->next++ % WAITING_MAX];
  *t = (struct told){.kind = alarm->kind,
                     .active = alarm->active,
                     .start_ns = alarm->start_ns,
                     .end_ns = alarm->end_ns,
                     .job = alarm->job,
                     .score = alarm->score,
                     .threshold = alarm->threshold};
  snprintf(t->node, sizeof t->node, "%s", alarm->node);
  snprintf(t->text, sizeof t->text, "%s", alarm->text);
  keep_active(n, t);
  pthread_cond_broadcast(&n->changed);
  pthread_mutex_unlock(&n->mutex);
}

void glia_notify_facts(struct glia_notify *n, struct glia_notify_facts *out)
{
  pthread_mutex_lock(&n->mutex);
  *out = n->facts;
  pthread_mutex_unlock(&n->mutex);
}

void glia_notify_stop(struct glia_notify **notify)
{
  struct glia_notify *n = *notify;

  if (n == NULL) return;
  pthread_mutex_lock(&n->mutex);
  n->stop = true;
  n->stop_s = now_s() + fmin(n->limit_s, end_s);
  pthread_cond_broadcast(&n->changed);
  pthread_mutex_unlock(&n->mutex);
  if (n->running) pthread_join(n->thread, NULL);
  destroy(n);
  *notify = NULL;
}
