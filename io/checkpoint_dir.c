/* A folder of checkpoints: which there are, the newest good one, keeping a few. */
#include "glia_checkpoint.h"
#include "glia_log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PREFIX_BYTES = 5, DIGITS_MIN = 10, DIGITS_MAX = 18 };

char *glia_checkpoint_path(const char *dir, int64_t step)
{
  const size_t n = strlen(dir) + 48;
  char *path = malloc(n);

  if (path != NULL) snprintf(path, n, "%s/step-%010" PRId64 ".h5", dir, step);
  return path;
}

/* The step of a name "step-0000000042.h5" + suffix, -1 for other names. */
static int64_t step_of(const char *name, const char *suffix)
{
  size_t n = 0;

  if (strncmp(name, "step-", PREFIX_BYTES) != 0) return -1;
  while (isdigit((unsigned char)name[PREFIX_BYTES + n])) n++;
  if (n < DIGITS_MIN || n > DIGITS_MAX || strcmp(name + PREFIX_BYTES + n, suffix) != 0) return -1;
  return strtoll(name + PREFIX_BYTES, NULL, 10);
}

static int by_value(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a;
  const int64_t y = *(const int64_t *)b;

  return (x > y) - (x < y);
}

static glia_status list(const char *dir, const char *suffix, int *n, int64_t **step)
{
  int64_t *all = NULL;
  int count = 0;
  DIR *d = opendir(dir);

  *n = 0;
  *step = NULL;
  if (d == NULL && (errno == ENOENT || errno == ENOTDIR)) return GLIA_OK;
  GLIA_CHECK(d != NULL, GLIA_E_IO, "cannot read folder %s: %s", dir, strerror(errno));
  for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
    const int64_t s = step_of(e->d_name, suffix);
    if (s < 0) continue;
    int64_t *more = realloc(all, (size_t)(count + 1) * sizeof *more);
    if (more == NULL) {
      free(all);
      closedir(d);
      return GLIA_FAIL(GLIA_E_MEMORY, "a list of %d checkpoints", count);
    }
    all = more;
    all[count++] = s;
  }
  closedir(d);
  if (count > 1) qsort(all, (size_t)count, sizeof *all, by_value);
  *n = count;
  *step = all;
  return GLIA_OK;
}

glia_status glia_checkpoint_list(const char *dir, int *n, int64_t **step)
{
  return list(dir, ".h5", n, step);
}

glia_status glia_checkpoint_open_newest(const char *dir, struct glia_checkpoint **out)
{
  int64_t *step = NULL;
  int n = 0;
  char last[512] = "";

  *out = NULL;
  GLIA_TRY(glia_checkpoint_list(dir, &n, &step));
  for (int i = n - 1; i >= 0 && *out == NULL; i--) {
    char *path = glia_checkpoint_path(dir, step[i]);
    if (path == NULL || glia_checkpoint_open(path, out) != GLIA_OK) {
      snprintf(last, sizeof last, "%s", path != NULL ? glia_trace_message() : "out of memory");
      glia_log(GLIA_LOG_WARN, "io", "checkpoint-skipped", "file=\"%s\" why=\"%s\"",
               path != NULL ? path : dir, last);
    }
    free(path);
  }
  free(step);
  GLIA_CHECK(*out != NULL || n == 0, GLIA_E_DATA,
             "%s: none of its %d checkpoints can be read; the oldest: %s", dir, n, last);
  return GLIA_OK;
}

glia_status glia_checkpoint_open_path(const char *path, struct glia_checkpoint **out)
{
  struct stat info;

  *out = NULL;
  if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) return glia_checkpoint_open(path, out);
  GLIA_TRY(glia_checkpoint_open_newest(path, out));
  GLIA_CHECK(*out != NULL, GLIA_E_MISSING, "%s holds no checkpoint (step-*.h5)", path);
  return GLIA_OK;
}

/* Remove all but the last `keep` of those with this suffix. */
static glia_status remove_old(const char *dir, const char *suffix, int keep)
{
  int64_t *step = NULL;
  int n = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(list(dir, suffix, &n, &step));
  for (int i = 0; i < n - keep && st == GLIA_OK; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/step-%010" PRId64 "%s", dir, step[i], suffix);
    if (unlink(path) != 0 && errno != ENOENT)
      st = GLIA_FAIL(GLIA_E_IO, "cannot remove %s: %s", path, strerror(errno));
  }
  free(step);
  return st;
}

glia_status glia_checkpoint_prune(const char *dir, int keep)
{
  GLIA_CHECK(keep >= 1, GLIA_E_ARGUMENT, "keep %d checkpoints, expected at least 1", keep);
  GLIA_TRY(remove_old(dir, ".h5", keep));
  return remove_old(
      dir, ".h5.tmp",
      0); /* of runs that were killed while writing: one writer per folder, by its lock */
}
