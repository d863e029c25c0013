/* Faults for the kill matrix, preloaded into glia: a process that ends in the middle of writing a checkpoint.
 *
 * GLIA_FAULT=CALL:N:HOW  in the N-th (from 1) CALL on a file whose name has "step-" in it
 *   CALL  pwrite, fsync, rename, fsyncdir (of a folder), any (each of the first three counts)
 *   HOW   before, after (kill there), torn (pwrite: half of the bytes, then kill; of the page cache's bytes),
 *         full, quota (the call, and all later ones, fail with ENOSPC or EDQUOT)
 * A kill is SIGKILL to itself: nothing of the process runs any more.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char call[16];
static char how[16];
static long number;
static atomic_long count;
static atomic_int refused; /* errno of every write from now on, 0: none */

__attribute__((constructor)) static void read_wish(void)
{
  const char *wish = getenv("GLIA_FAULT");

  if (wish == NULL || sscanf(wish, "%15[^:]:%ld:%15s", call, &number, how) != 3) number = 0;
}

static int of_checkpoint(int fd, int *folder)
{
  char link[64];
  char name[4096];
  struct stat s;

  *folder = fstat(fd, &s) == 0 && S_ISDIR(s.st_mode);
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, name, sizeof name - 1);
  if (n <= 0) return 0;
  name[n] = '\0';
  return strstr(name, "step-") != NULL;
}

static void die(void)
{
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* Is it this call's turn? */
static int turn(const char *name)
{
  if (number <= 0 || (strcmp(call, name) != 0 && strcmp(call, "any") != 0)) return 0;
  return atomic_fetch_add(&count, 1) + 1 == number;
}

static int is(const char *wish) { return strcmp(how, wish) == 0; }

/* From this call on nothing is written, should the wish be so. */
static int refuse(int now)
{
  if (now && is("full")) atomic_store(&refused, ENOSPC);
  if (now && is("quota")) atomic_store(&refused, EDQUOT);
  if (atomic_load(&refused) != 0) errno = atomic_load(&refused);
  return atomic_load(&refused);
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
  static ssize_t (*real)(int, const void *, size_t, off_t);
  int folder;

  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
  if (number <= 0 || !of_checkpoint(fd, &folder)) return real(fd, data, bytes, at);
  const int now = turn("pwrite");
  if (refuse(now)) return -1;
  if (now && is("before")) die();
  if (now && is("torn")) { /* whole pages, which writes past the page cache must have */
    if (real(fd, data, bytes < 8192 ? bytes / 2 : bytes / 8192 * 4096, at) >= 0) die();
  }
  const ssize_t n = real(fd, data, bytes, at);
  if (now) die();
  return n;
}

ssize_t pwrite64(int fd, const void *data, size_t bytes, off_t at)
{
  return pwrite(fd, data, bytes, at);
}

int fsync(int fd)
{
  static int (*real)(int);
  int folder = 0;

  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "fsync");
  if (number <= 0 || (!of_checkpoint(fd, &folder) && !folder)) return real(fd);
  const int now = turn(folder ? "fsyncdir" : "fsync");
  if (refuse(now)) return -1;
  if (now && is("before")) die();
  const int result = real(fd);
  if (now) die();
  return result;
}

int rename(const char *from, const char *to)
{
  static int (*real)(const char *, const char *);

  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "rename");
  if (number <= 0 || strstr(to, "step-") == NULL) return real(from, to);
  const int now = turn("rename");
  if (refuse(now)) return -1;
  if (now && is("before")) die();
  const int result = real(from, to);
  if (now) die();
  return result;
}
