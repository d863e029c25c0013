/* Logs: one event, one line, written at once. */
#include "glia_log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 2048 };

static const char *const level_name[] = {"error", "warn", "info", "debug"};

static struct {
  pthread_mutex_t lock;
  pthread_once_t once;
  glia_log_level level;
  bool all_ranks;
  int rank;
  int size;
  glia_log_sink *sink;
  void *self;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .once = PTHREAD_ONCE_INIT,
           .level = GLIA_LOG_INFO,
           .size = 1};

static void read_environment(void)
{
  const char *level = getenv("GLIA_LOG");
  const char *ranks = getenv("GLIA_LOG_RANKS");

  for (int i = 0; level != NULL && i < (int)GLIA_COUNT(level_name); i++)
    if (strcmp(level, level_name[i]) == 0) state.level = (glia_log_level)i;
  state.all_ranks = ranks != NULL && strcmp(ranks, "all") == 0;
}

static void lock_state(void)
{
  pthread_once(&state.once, read_environment);
  pthread_mutex_lock(&state.lock);
}

void glia_log_set_rank(int rank, int size)
{
  lock_state();
  state.rank = rank;
  state.size = size;
  pthread_mutex_unlock(&state.lock);
}

int glia_log_rank(void)
{
  lock_state();
  const int rank = state.rank;
  pthread_mutex_unlock(&state.lock);
  return rank;
}

void glia_log_set_sink(glia_log_sink *sink, void *self)
{
  lock_state();
  state.sink = sink;
  state.self = self;
  pthread_mutex_unlock(&state.lock);
}

void glia_log_set_level(glia_log_level level)
{
  lock_state();
  state.level = level;
  pthread_mutex_unlock(&state.lock);
}

bool glia_log_enabled(glia_log_level level)
{
  lock_state();
  const bool on =
      level <= state.level && (state.rank == 0 || state.all_ranks || level <= GLIA_LOG_WARN);
  pthread_mutex_unlock(&state.lock);
  return on;
}

/* One write per line: lines of several processes on one terminal or file do not mix. */
static void write_stderr(const char *line)
{
  char out[LINE_BYTES + 8];
  const char *clear = isatty(STDERR_FILENO) ? "\r\033[K" : ""; /* a progress bar may stand there */
  const int n = snprintf(out, sizeof out, "%s%s\n", clear, line);

  for (int at = 0; at < n;) {
    const ssize_t w = write(STDERR_FILENO, out + at, (size_t)(n - at));
    if (w <= 0) return;
    at += (int)w;
  }
}

static int begin_line(char *line, size_t size, glia_log_level level)
{
  struct timespec now;
  struct tm utc;
  char day[32];

  lock_state();
  const bool alone = state.size <= 1;
  pthread_mutex_unlock(&state.lock);
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
  int n = snprintf(line, size, "%s.%03ldZ %s", day, now.tv_nsec / 1000000, level_name[level]);
  if (alone) return n;
  return n + snprintf(line + n, size - (size_t)n, " rank=%d", glia_log_rank());
}

void glia_log(glia_log_level level, const char *room, const char *event, const char *format, ...)
{
  char line[LINE_BYTES];
  va_list args;

  if (!glia_log_enabled(level)) return;
  int n = begin_line(line, sizeof line, level);
  n += snprintf(line + n, sizeof line - (size_t)n, " %.64s %.128s", room, event);
  if (format != NULL && *format != '\0') {
    line[n++] = ' ';
    va_start(args, format);
    const int more = vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    if (more >= (int)sizeof line - n)
      memcpy(line + sizeof line - 4, "...", 4); /* cut, and it says so */
  }
  for (char *c = line; *c != '\0'; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';

  lock_state();
  if (state.sink != NULL)
    state.sink(state.self, level, line);
  else
    write_stderr(line);
  pthread_mutex_unlock(&state.lock);
}

static double seconds_of(clockid_t clock)
{
  struct timespec now;

  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double glia_time_s(void) { return seconds_of(CLOCK_MONOTONIC); }
double glia_cpu_s(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

/* Second number of the line: Documentation/scheduler/sched-stats of Linux. */
double glia_queued_s(void)
{
  char text[96] = "";
  const int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  const ssize_t n = file >= 0 ? read(file, text, sizeof text - 1) : -1;

  if (file >= 0) close(file);
  const char *second = n > 0 ? strchr(text, ' ') : NULL;
  return second != NULL ? 1e-9 * strtod(second, NULL) : 0.0;
}
