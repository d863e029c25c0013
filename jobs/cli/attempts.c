/* Failed attempts; see attempts.h. */
#include "attempts.h"

#include "glia_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 512, COUNTED_MAX = 64 };

static char file[4096]; /* DIR/failures; empty: nothing is noted */
static char who[160];   /* " attempt=... host=... pid=..." */
static atomic_llong current;

static const struct {
  int number;
  const char *name;
} crashes[] = {{SIGSEGV, "SIGSEGV"},
               {SIGBUS, "SIGBUS"},
               {SIGFPE, "SIGFPE"},
               {SIGILL, "SIGILL"},
               {SIGABRT, "SIGABRT"}};
static struct sigaction before[GLIA_COUNT(crashes)];

int attempts_failed(const char *dir, int64_t step)
{
  long long seen[COUNTED_MAX];
  char path[4096];
  char line[LINE_BYTES];
  int n = 0;

  if (snprintf(path, sizeof path, "%s/failures", dir) >= (int)sizeof path) return 0;
  FILE *f = fopen(path, "r");
  while (f != NULL && n < COUNTED_MAX && fgets(line, sizeof line, f) != NULL) {
    long long s = -1, attempt = 0;
    int k = 0;
    if (sscanf(line, "step=%lld attempt=%llx", &s, (unsigned long long *)&attempt) != 2) continue;
    while (k < n && seen[k] != attempt) k++; /* several ranks may have failed in one run */
    if (s == step && k == n) seen[n++] = attempt;
  }
  if (f != NULL) fclose(f);
  return n;
}

void attempts_forget(const char *dir)
{
  char path[4096], aside[4096];

  if (snprintf(path, sizeof path, "%s/failures", dir) >= (int)sizeof path ||
      snprintf(aside, sizeof aside, "%s/failures.damaged", dir) >= (int)sizeof aside)
    return;
  if (rename(path, aside) != 0 && errno != ENOENT)
    glia_log(GLIA_LOG_WARN, "train", "not-set-aside", "file=\"%s\"", path);
}

/* Digits of v behind *to; async-signal-safe. */
static char *put_number(char *to, long long v)
{
  char digits[24];
  int n = 0;

  do digits[n++] = (char)('0' + v % 10);
  while ((v /= 10) > 0);
  while (n > 0) *to++ = digits[--n];
  return to;
}

static char *put_text(char *to, const char *text)
{
  while (*text != '\0') *to++ = *text++;
  return to;
}

/* Async-signal-safe. One write, so that lines of several ranks do not mix. */
static void append(const char *why)
{
  char line[LINE_BYTES];
  char *end = put_text(line, "step=");

  if (file[0] == '\0') return;
  end = put_number(end, atomic_load(&current));
  end = put_text(end, who);
  end = put_text(end, " why=");
  end = put_text(end, why);
  *end++ = '\n';
  const int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) return;
  const ssize_t n = write(fd, line, (size_t)(end - line));
  (void)n; /* there is nobody to tell */
  close(fd);
}

static void on_crash(int number)
{
  for (size_t i = 0; i < GLIA_COUNT(crashes); i++) {
    if (crashes[i].number != number) continue;
    append(crashes[i].name);
    sigaction(number, &before[i], NULL);
  }
  raise(number);
}

void attempts_begin(const char *dir, int64_t step, int64_t attempt)
{
  char host[64] = "";
  struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_NODEFER};

  if (gethostname(host, sizeof host - 1) != 0) strcpy(host, "unknown");
  atomic_store(&current, step);
  snprintf(who, sizeof who, " attempt=%" PRIx64 " host=%s pid=%ld", (uint64_t)attempt, host,
           (long)getpid());
  if (snprintf(file, sizeof file, "%s/failures", dir) >= (int)sizeof file) file[0] = '\0';
  sigemptyset(&action.sa_mask);
#ifndef __SANITIZE_ADDRESS__ /* it has handlers of its own, which say more */
  for (size_t i = 0; i < GLIA_COUNT(crashes); i++)
    sigaction(crashes[i].number, &action, &before[i]);
#endif
}

void attempts_advance(int64_t step) { atomic_store(&current, step); }

void attempts_end(void) { file[0] = '\0'; }

/* Failures of the surroundings say nothing about the checkpoint. */
static bool is_its_own(glia_status st)
{
  static const glia_status not [] = {GLIA_OK,       GLIA_E_IO,   GLIA_E_BUSY,   GLIA_E_CONFIG,
                                     GLIA_E_USAGE,  GLIA_E_MPI,  GLIA_E_MEMORY, GLIA_E_MISSING,
                                     GLIA_E_EXISTS, GLIA_E_RANKS};

  for (size_t i = 0; i < GLIA_COUNT(not ); i++)
    if (st == not [i]) return false;
  return true;
}

void attempts_note(glia_status st)
{
  if (is_its_own(st)) append(glia_status_name(st));
}
