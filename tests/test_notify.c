/* Who is told of alarms: a command that cannot hang, and an Alertmanager that does for a while. */
#include "glia_notify.h"
#include "scratch.h"
#include "tap.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void a_command_reads_alarms_and_cannot_hang(void)
{
  const struct glia_watch_alarm alarm = {.node = "n\"1",
                                         .kind = GLIA_WATCH_PEERS,
                                         .active = true,
                                         .start_ns = 12,
                                         .score = 7.5,
                                         .threshold = NAN,
                                         .job = 4,
                                         .text = "too hot"};
  struct glia_notify *n;
  struct glia_notify_facts f;
  const char *path = scratch("told");
  char command[600], *text;
  size_t size;

  snprintf(command, sizeof command, "cat >>'%s'", path);
  CU_ASSERT_EQUAL_FATAL(glia_notify_start(&(struct glia_notify_options){.command = command}, &n),
                        GLIA_OK);
  glia_notify_alarm(n, &alarm);
  glia_notify_stop(&n); /* delivers what waits */
  text = scratch_slurp(path, &size);
  CU_ASSERT_STRING_EQUAL(text, "{\"node\":\"n\\\"1\",\"kind\":\"peers\",\"active\":true,"
                               "\"start_ns\":12,\"job\":4,\"score\":7.5,\"threshold\":null,"
                               "\"text\":\"too hot\"}\n");
  free(text);
  /* one that sleeps, and has a child, is killed when its time is over */
  CU_ASSERT_EQUAL_FATAL(
      glia_notify_start(
          &(struct glia_notify_options){.command = "sleep 60 & sleep 60", .limit_s = 0.3}, &n),
      GLIA_OK);
  const double begin_s = now_s();
  glia_notify_alarm(n, &alarm);
  do {
    glia_notify_facts(n, &f);
  } while (f.failed == 0 && now_s() - begin_s < 20.0);
  CU_ASSERT_EQUAL(f.failed, 1);
  CU_ASSERT(now_s() - begin_s >= 0.3);
  glia_notify_stop(&n);
  /* nobody listens there */
  CU_ASSERT_EQUAL_FATAL(
      glia_notify_start(&(struct glia_notify_options){.alertmanager = "http://127.0.0.1:1"}, &n),
      GLIA_OK);
  glia_notify_alarm(n, &alarm);
  do {
    glia_notify_facts(n, &f);
  } while (f.failed == 0 && now_s() - begin_s < 40.0);
  CU_ASSERT_EQUAL(f.failed, 1);
  CU_ASSERT_EQUAL(f.sent, 0);
  glia_notify_stop(&n);
  CU_ASSERT_EQUAL(glia_notify_start(&(struct glia_notify_options){.alertmanager = "nonsense"}, &n),
                  GLIA_E_ARGUMENT);
  glia_trace_clear();
}

/* ---- an Alertmanager that hangs for a while: it takes connections and says nothing */

enum { DEAD = 6000 };
static struct {
  int listener;
  atomic_bool hangs, over;
  atomic_int known;
  bool seen[DEAD];
  pthread_t thread;
} manager;

static bool readable(int fd)
{
  struct pollfd p = {.fd = fd, .events = POLLIN};

  return poll(&p, 1, 20) > 0;
}

/* A whole request, closed by 0: its body's length is said in its head. false: gone, or we end. */
static bool read_request(int fd, char *text, size_t size)
{
  size_t n = 0, whole = size;

  while (n < whole) {
    while (!readable(fd))
      if (manager.over) return false;
    const ssize_t got = recv(fd, text + n, size - 1 - n, 0);
    if (got <= 0) return false;
    n += (size_t)got;
    text[n] = '\0';
    const char *end = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
    if (end != NULL && length != NULL)
      whole = (size_t)(end + 4 - text) + (size_t)strtoll(length + 16, NULL, 10);
  }
  return true;
}

static void *manage(void *unused)
{
  static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  enum { BYTES = 4 << 20 };
  char *text = malloc(BYTES);

  (void)unused;
  while (text != NULL && !manager.over) {
    if (!readable(manager.listener)) continue;
    const int fd = accept(manager.listener, NULL, NULL);
    const bool whole = fd >= 0 && read_request(fd, text, BYTES);
    struct pollfd gone = {.fd = fd, .events = POLLIN};
    while (whole && manager.hangs && !manager.over && poll(&gone, 1, 20) == 0) continue;
    if (whole && !manager.hangs) {
      for (const char *p = text; (p = strstr(p, "\"node\":\"n")) != NULL; p++) {
        const int64_t which = strtoll(p + 9, NULL, 10);
        if (which >= DEAD || manager.seen[which]) continue;
        manager.seen[which] = true;
        manager.known++;
      }
      CU_ASSERT(send(fd, good, sizeof good - 1, MSG_NOSIGNAL) > 0);
    }
    if (fd >= 0) close(fd);
  }
  free(text);
  return NULL;
}

static void manager_begin(char *url, size_t size)
{
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof at;

  memset(manager.seen, 0, sizeof manager.seen);
  manager.hangs = true;
  manager.over = false;
  manager.known = 0;
  manager.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CU_ASSERT_FATAL(bind(manager.listener, (struct sockaddr *)&at, n) == 0 &&
                  listen(manager.listener, 8) == 0 &&
                  getsockname(manager.listener, (struct sockaddr *)&at, &n) == 0);
  snprintf(url, size, "http://127.0.0.1:%d", ntohs(at.sin_port));
  CU_ASSERT_EQUAL_FATAL(pthread_create(&manager.thread, NULL, manage, NULL), 0);
}

static void manager_end(void)
{
  manager.over = true;
  pthread_join(manager.thread, NULL);
  close(manager.listener);
}

static void raise_alarms(struct glia_notify *n, int count)
{
  char name[16];

  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "n%d", i);
    glia_notify_alarm(
        n, &(struct glia_watch_alarm){
               .node = name, .kind = GLIA_WATCH_SILENT, .active = true, .text = "nothing comes"});
  }
}

/* A switch that fails: more alarms at once than may wait, and an Alertmanager that answers later. */
static void every_alarm_that_is_on_is_told(void)
{
  const struct timespec nap = {.tv_nsec = 20000000};
  struct glia_notify *n;
  char url[64];

  manager_begin(url, sizeof url);
  CU_ASSERT_EQUAL_FATAL(
      glia_notify_start(
          &(struct glia_notify_options){.alertmanager = url, .limit_s = 0.3, .repeat_s = 1.0}, &n),
      GLIA_OK);
  raise_alarms(n, DEAD);
  manager.hangs = false;
  for (const double begin_s = now_s(); manager.known < DEAD && now_s() - begin_s < 5.0;)
    nanosleep(&nap, NULL);
  tap_note("%d of %d alarms told", manager.known, DEAD);
  CU_ASSERT_EQUAL(manager.known, DEAD);
  glia_notify_stop(&n);
  manager_end();
}

static void an_end_waits_for_no_alertmanager(void)
{
  struct glia_notify *n;
  char url[64];

  manager_begin(url, sizeof url);
  CU_ASSERT_EQUAL_FATAL(
      glia_notify_start(&(struct glia_notify_options){.alertmanager = url, .limit_s = 1.0}, &n),
      GLIA_OK);
  raise_alarms(n, 10 * 64);
  const double begin_s = now_s();
  glia_notify_stop(&n);
  tap_note("ended after %.2f s", now_s() - begin_s);
  CU_ASSERT(now_s() - begin_s < 4.0);
  manager_end();
}

TAP_MAIN("notify", TAP(a_command_reads_alarms_and_cannot_hang), TAP(every_alarm_that_is_on_is_told),
         TAP(an_end_waits_for_no_alertmanager))
