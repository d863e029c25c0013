/* What tests of figures share: a folder for pictures (FIGURES=folder keeps them), and what a file holds. */
#ifndef FIGURE_RIG_H
#define FIGURE_RIG_H

#include "glia_figure.h"
#include "tap.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N 400

static char folder[512];

static inline const char *in_folder(const char *name)
{
  static char path[2][640];
  static int turn;

  turn = 1 - turn;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

/* Whole file, NUL added; NULL when there is none. Caller frees. */
static inline char *slurp(const char *name, size_t *size)
{
  FILE *f = fopen(in_folder(name), "r");
  char *text = NULL;
  size_t n = 0;

  if (f == NULL) return NULL;
  fseek(f, 0, SEEK_END);
  n = (size_t)ftell(f);
  rewind(f);
  text = calloc(n + 1, 1);
  if (text != NULL && fread(text, 1, n, f) != n) text[0] = '\0';
  fclose(f);
  if (size != NULL) *size = n;
  return text;
}

static inline bool holds(const char *name, const char *what)
{
  char *text = slurp(name, NULL);
  const bool found = text != NULL && strstr(text, what) != NULL;

  free(text);
  return found;
}

/* The same numbers on every machine. */
static inline double noise(unsigned *seed)
{
  double sum = 0.0;

  for (int i = 0; i < 12; i++) {
    *seed = *seed * 1664525u + 1013904223u;
    sum += (double)(*seed >> 8) / (double)(1u << 24);
  }
  return sum - 6.0;
}

static inline struct glia_figure *figure(double w, double h, int rows, int cols)
{
  struct glia_figure *fig = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_figure_create(w, h, rows, cols, &fig), GLIA_OK);
  return fig;
}

/* ---- figures as papers have them ---- */

/* No temporary file is left by anything above. */
static inline void nothing_is_left_behind(void)
{
  DIR *dir = opendir(folder);
  int half = 0;

  CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
  for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
    const char *dot = strrchr(e->d_name, '.');
    half += dot != NULL && strcmp(dot, ".tmp") == 0;
  }
  closedir(dir);
  CU_ASSERT_EQUAL(half, 0);
}

static inline void remove_folder(void)
{
  DIR *dir = opendir(folder);

  if (dir == NULL) return;
  for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
    if (e->d_name[0] != '.' && unlink(in_folder(e->d_name)) != 0) rmdir(in_folder(e->d_name));
  closedir(dir);
  rmdir(folder);
}

/* Run tests [n] in the folder. */
static inline int figure_main(const char *name, const struct tap_test *tests, size_t n)
{
  const char *keep = getenv("FIGURES");

  snprintf(folder, sizeof folder, "%s", keep != NULL ? keep : "test_figure.XXXXXX");
  if (keep == NULL && mkdtemp(folder) == NULL) return 99;
  const int code = tap_run(name, tests, n);
  if (keep == NULL) remove_folder();
  return code;
}

#endif
