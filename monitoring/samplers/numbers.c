/* The many small files of /sys; see numbers.h. */
#include "numbers.h"

#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, LINE_BYTES = 64, MOST_FILES = 4096 };

char **glia_paths_find_(const char *root, const char *pattern)
{
  char full[PATH_BYTES];
  glob_t found;
  char **path = NULL;

  const int n = snprintf(full, sizeof full, "%s/%s", root, pattern);
  if (n < 0 || (size_t)n >= sizeof full || glob(full, 0, NULL, &found) != 0) return NULL;
  const size_t count = found.gl_pathc < MOST_FILES ? found.gl_pathc : MOST_FILES;
  path = calloc(count + 1, sizeof *path);
  for (size_t i = 0; path != NULL && i < count; i++) {
    path[i] = strdup(found.gl_pathv[i]);
    if (path[i] == NULL) break;
  }
  globfree(&found);
  return path;
}

void glia_paths_free_(char **path)
{
  for (size_t i = 0; path != NULL && path[i] != NULL; i++) free(path[i]);
  free(path);
}

char *glia_line_read_(const char *path, char *out, size_t size)
{
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const ssize_t n = fd >= 0 ? pread(fd, out, size - 1, 0) : -1;

  out[n > 0 ? n : 0] = '\0';
  out[strcspn(out, "\n")] = '\0';
  if (fd >= 0) close(fd);
  return out;
}

double glia_number_read_(const struct glia_number_file *file)
{
  char text[LINE_BYTES];
  const ssize_t n = file->fd >= 0 ? pread(file->fd, text, sizeof text - 1, 0) : -1;

  if (n <= 0 || n == (ssize_t)sizeof text - 1) return (double)GLIA_MISSING;
  const bool negative = text[0] == '-';
  text[n] = '\0';
  struct glia_span rest = {text + negative, text + strcspn(text, ":")}; /* "4: ACTIVE" */
  const double v = glia_span_number_(&rest);
  return negative ? -v : v;
}

static glia_status open_rule(struct glia_numbers *s, const char *root, int r)
{
  char **path = glia_paths_find_(root, s->rule[r].pattern);
  int n = 0;

  while (path != NULL && path[n] != NULL) n++;
  if (n == 0) {
    free(path);
    return GLIA_OK;
  }
  s->file[r] = calloc((size_t)n, sizeof *s->file[r]);
  for (int i = 0; s->file[r] != NULL && i < n; i++)
    s->file[r][i] = (struct glia_number_file){
        .fd = open(path[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK), .path = path[i]};
  if (s->file[r] != NULL) s->n_files[r] = n;
  for (int i = s->n_files[r]; i < n; i++) free(path[i]);
  free(path);
  GLIA_CHECK(s->file[r] != NULL, GLIA_E_MEMORY, "no memory for %d files of %s", n,
             s->rule[r].pattern);
  return GLIA_OK;
}

glia_status glia_numbers_open_(struct glia_numbers *s, const char *root,
                               const struct glia_number_rule *rule, int n_rules)
{
  s->rule = rule;
  s->n_rules = n_rules < GLIA_NUMBERS_RULES ? n_rules : GLIA_NUMBERS_RULES;
  for (int r = 0; r < s->n_rules; r++) GLIA_TRY(open_rule(s, root, r));
  return GLIA_OK;
}

/* Several rules may feed one metric: they fold together, in the way of the last. */
void glia_numbers_sample_(struct glia_numbers *s, double *out)
{
  struct glia_fold fold[GLIA_NUMBERS_RULES] = {{0}};

  for (int r = 0; r < s->n_rules; r++) {
    struct glia_fold *f = &fold[s->rule[r].metric];
    for (int i = 0; i < s->n_files[r]; i++)
      glia_fold_add_(f, glia_number_read_(&s->file[r][i]) * s->rule[r].scale);
    out[s->rule[r].metric] = glia_fold_get_(f, s->rule[r].fold);
  }
}

void glia_numbers_close_(struct glia_numbers *s)
{
  for (int r = 0; r < s->n_rules; r++) {
    for (int i = 0; i < s->n_files[r]; i++) {
      if (s->file[r][i].fd >= 0) close(s->file[r][i].fd);
      free(s->file[r][i].path);
    }
    free(s->file[r]);
  }
  *s = (struct glia_numbers){0};
}

void glia_fold_add_(struct glia_fold *f, double v)
{
  if (isnan(v)) return;
  f->sum += v;
  f->least = f->n == 0 ? v : fmin(f->least, v);
  f->most = f->n == 0 ? v : fmax(f->most, v);
  f->n++;
}

double glia_fold_get_(const struct glia_fold *f, glia_fold_kind kind)
{
  if (f->n == 0) return (double)GLIA_MISSING;
  switch (kind) {
  case GLIA_FOLD_SUM:
    return f->sum;
  case GLIA_FOLD_MEAN:
    return f->sum / f->n;
  case GLIA_FOLD_LEAST:
    return f->least;
  case GLIA_FOLD_MOST:
    return f->most;
  }
  return (double)GLIA_MISSING;
}

/* Which of names [n] line l begins with, -1: none. Lines keep their places while the node is up, so what was there the last time is
 * tried first; where a name is not at its place any more all are looked up, and learnt anew with the next reading. */
static int name_of_line(struct glia_procfile *f, int l, struct glia_span *line,
                        const char *const *names, int n)
{
  if (l < f->n_index && f->index[l] < 0) return -1;
  const struct glia_span word = glia_span_word_(line);
  if (l < f->n_index) {
    if (glia_span_is_(word, names[f->index[l]])) return f->index[l];
    f->n_index = 0; /* the file changed: learn it anew */
  }
  return glia_span_find_(word, names, n);
}

/* Note which name each line has. */
static void learn(struct glia_procfile *f, struct glia_span rest, const char *const *names, int n)
{
  struct glia_span line, count = rest;
  int lines = 0;

  while (glia_span_line_(&count, &line)) lines++;
  int *index = realloc(f->index, ((size_t)lines + 1) * sizeof *index);
  if (index == NULL) return; /* it goes without */
  f->index = index;
  f->last[0] = '\0';
  for (f->n_index = 0; glia_span_line_(&rest, &line); f->n_index++) {
    const struct glia_span word = glia_span_word_(&line);
    const size_t size = (size_t)(word.end - word.at) + 1; /* with the blank behind it */
    f->index[f->n_index] = glia_span_find_(word, names, n);
    if (f->n_index + 1 == lines && f->whole && size < sizeof f->last && word.end < line.end)
      memcpy(f->last, word.at, size), f->last[size] = '\0';
  }
}

void glia_named_read_(struct glia_procfile *f, const char *const *names, int n, const char *unit,
                      double scale, double *out)
{
  struct glia_span rest = glia_procfile_read_(f);
  struct glia_span line;
  int l = 0;

  if (f->n_index == 0) learn(f, rest, names, n);
  for (; glia_span_line_(&rest, &line); l++) { /* "MemFree:   81920 kB", "pgfault 7977701" */
    const int i = name_of_line(f, l, &line, names, n);
    if (i < 0) continue;
    const double amount = glia_span_number_(&line);
    if (unit == NULL || glia_span_is_(glia_span_word_(&line), unit)) out[i] = amount * scale;
  }
  if (l != f->n_index) f->n_index = 0;
}
