/* Every input of the corpus through its target: what once made a reader fall stays mended. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  fuzz_target *run;
} targets[] = {
#define X(name) {#name, fuzz_##name},
#include "targets.def"
#undef X
};

/* Inputs in the folder; -1: there is none. */
static int replay(const char *folder, fuzz_target *run)
{
  DIR *dir = opendir(folder);
  int n = 0;

  if (dir == NULL) return -1;
  for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
    char path[1024];
    static unsigned char data[1 << 20];
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) abort();
    const size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    /* a copy of just that size, so that a sanitizer sees a byte too far */
    unsigned char *copy = malloc(size > 0 ? size : 1);
    if (copy == NULL) abort();
    memcpy(copy, data, size);
    run(copy, size);
    free(copy);
    n++;
  }
  closedir(dir);
  return n;
}

int main(void)
{
  const char *src = getenv("srcdir");
  int failures = 0;

  printf("1..%zu\n", GLIA_COUNT(targets));
  for (size_t i = 0; i < GLIA_COUNT(targets); i++) {
    char folder[512];
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", src != NULL ? src : ".",
             targets[i].name);
    const int n = replay(folder, targets[i].run);
    failures += n <= 0;
    printf("%s %zu - %s comes back from %d inputs\n", n > 0 ? "ok" : "not ok", i + 1,
           targets[i].name, n);
    fflush(stdout);
  }
  return failures > 0;
}
