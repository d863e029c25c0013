/* A folder for a test's files, removed at exit; and small file tools. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_dir[256];
static pid_t scratch_owner;

static void scratch_remove(void)
{
  char command[512];

  if (scratch_dir[0] == '\0' || getpid() != scratch_owner) return; /* not in forked children */
  snprintf(command, sizeof command, "rm -rf '%s'", scratch_dir);
  if (system(command) != 0) fprintf(stderr, "cannot remove %s\n", scratch_dir);
}

/* Path of `name` in the folder; valid to the end of the program. */
static inline const char *scratch(const char *name)
{
  enum { NAMES = 512 };
  static char *path[NAMES];
  static int used;
  char wanted[320];

  if (scratch_dir[0] == '\0') {
    const char *tmp = getenv("TMPDIR");
    snprintf(scratch_dir, sizeof scratch_dir, "%s/glia-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(scratch_dir) == NULL) abort();
    scratch_owner = getpid();
    atexit(scratch_remove);
  }
  snprintf(wanted, sizeof wanted, "%.200s/%.100s", scratch_dir, name);
  for (int i = 0; i < used; i++)
    if (strcmp(path[i], wanted) == 0) return path[i];
  if (used == NAMES) abort();
  path[used] = strdup(wanted);
  if (path[used] == NULL) abort();
  return path[used++];
}

static inline int scratch_exists(const char *path) { return access(path, F_OK) == 0; }

/* Whole file; the caller frees. */
static inline char *scratch_slurp(const char *path, size_t *size)
{
  FILE *f = fopen(path, "rb");
  struct stat s;

  if (f == NULL || fstat(fileno(f), &s) != 0) abort();
  char *data = malloc((size_t)s.st_size + 1);
  if (data == NULL || fread(data, 1, (size_t)s.st_size, f) != (size_t)s.st_size) abort();
  data[s.st_size] = '\0';
  fclose(f);
  *size = (size_t)s.st_size;
  return data;
}

static inline void scratch_spill(const char *path, const void *data, size_t size)
{
  FILE *f = fopen(path, "wb");

  if (f == NULL || fwrite(data, 1, size, f) != size) abort();
  fclose(f);
}

#endif
