/* Where a run lands: a file per finished cell, named by a hash over all that decides its values, so that a cell is run
 * again exactly when its definition has changed; and one file with the whole table. */
#include "study_priv.h"

#include "glia_archive.h"
#include "glia_kernels.h"
#include "glia_log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FORMAT = 1 };
static const char cell_kind[] = "study-cell";
static const char results_kind[] = "study";

static glia_status join(char **out, const char *dir, const char *rest)
{
  const size_t size = strlen(dir) + strlen(rest) + 2;

  *out = malloc(size);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "a path in %s", dir);
  snprintf(*out, size, "%s/%s", dir, rest);
  return GLIA_OK;
}

glia_status study_cell_path(const struct study_plan *p, int64_t cell, char **out)
{
  char hash[65], name[96];

  study_cell_hash(p, cell, hash);
  snprintf(name, sizeof name, "cells/%.24s.h5", hash);
  return join(out, p->dir, name);
}

glia_status study_cell_read(const struct study_plan *p, int64_t cell, double *value, bool *found)
{
  const struct glia_type type = glia_type_make(GLIA_F64, 1, (int64_t[]){study_measures(p->study)});
  struct glia_archive *a = NULL;
  char *path;

  *found = false;
  GLIA_TRY(study_cell_path(p, cell, &path));
  glia_status st = glia_archive_open(path, cell_kind, FORMAT, &a);
  if (st == GLIA_OK) {
    st = glia_archive_get(a, &(struct glia_array){"value", type, value});
    *found = st == GLIA_OK;
  }
  glia_archive_close(&a);
  if (st == GLIA_E_DATA || st == GLIA_E_SHAPE)
    glia_log(GLIA_LOG_WARN, "study", "cell-damaged", "file=%s action=\"run again\" reason=\"%s\"",
             path, glia_trace_message());
  free(path);
  if (st == GLIA_E_MISSING || st == GLIA_E_DATA || st == GLIA_E_SHAPE) {
    glia_trace_clear();
    st = GLIA_OK;
  }
  return st;
}

static glia_status put_attributes(struct glia_archive_writer *w, const char *group, int n,
                                  const struct glia_attribute *attribute)
{
  for (int i = 0; i < n; i++) GLIA_TRY(glia_archive_put_attribute(w, group, &attribute[i]));
  return GLIA_OK;
}

static glia_status put_measures(struct glia_archive_writer *w, const char *path,
                                const struct glia_study *s)
{
  const char *name[STUDY_MEASURES_MAX];
  const int n = study_measures(s);

  for (int i = 0; i < n; i++) name[i] = s->measure[i].name;
  return glia_archive_put_texts(w, path, n, name);
}

static glia_status write_cell(struct glia_archive_writer *w, const struct study_plan *p,
                              int64_t cell, const double *value, double wall_s)
{
  const struct glia_study *s = p->study;
  const struct study_place at = study_place(p, cell);
  const bool settings = s->setting != NULL && s->setting[0].name != NULL;
  const struct glia_attribute attribute[] = {
      glia_attribute_text("study", s->name),
      glia_attribute_text("variant", s->variant[at.variant].name),
      glia_attribute_text("setting", settings ? s->setting[at.setting].name : ""),
      glia_attribute_int("seed", s->first_seed + at.seed),
      glia_attribute_text("kernel_level", glia_kernels_level()),
      glia_attribute_real("wall_s", wall_s),
  };
  const int n = study_measures(s);
  double copy[STUDY_MEASURES_MAX];

  memcpy(copy, value, (size_t)n * sizeof *copy);
  GLIA_TRY(glia_archive_put(
      w, &(struct glia_array){"value", glia_type_make(GLIA_F64, 1, (int64_t[]){n}), copy}));
  GLIA_TRY(put_measures(w, "measures", s));
  return put_attributes(w, "cell", (int)GLIA_COUNT(attribute), attribute);
}

glia_status study_cell_write(const struct study_plan *p, int64_t cell, const double *value,
                             double wall_s)
{
  struct glia_archive_writer *w = NULL;
  char *path;

  GLIA_TRY(study_cell_path(p, cell, &path));
  glia_status st = glia_archive_create(path, cell_kind, FORMAT, true, &w);
  free(path);
  if (st == GLIA_OK) st = write_cell(w, p, cell, value, wall_s);
  if (st == GLIA_OK) st = glia_archive_commit(&w);
  glia_archive_abort(&w);
  return st;
}

/* Results of another study in this folder? */
static glia_status check_owner(const struct study_plan *p, const char *path)
{
  struct glia_archive *a = NULL;
  char *owner = NULL;

  glia_status st = glia_archive_open(path, results_kind, FORMAT, &a);
  if (st == GLIA_OK) st = glia_archive_get_text(a, "study", "name", &owner);
  glia_archive_close(&a);
  if (st == GLIA_E_MISSING) {
    glia_trace_clear();
    return GLIA_OK;
  }
  if (st == GLIA_OK && strcmp(owner, p->study->name) != 0)
    st = GLIA_FAIL(GLIA_E_EXISTS, "%s holds the study %s: give another --dir", p->dir, owner);
  free(owner);
  return st;
}

glia_status study_dir_prepare(const struct study_plan *p)
{
  char *path;

  GLIA_TRY(join(&path, p->dir, "results.h5"));
  glia_status st = check_owner(p, path);
  free(path);
  GLIA_TRY(st);
  GLIA_TRY(join(&path, p->dir, "cells"));
  if (mkdir(path, 0777) != 0 && errno != EEXIST)
    st = GLIA_FAIL(GLIA_E_IO, "%s: cannot be made: %s", path, strerror(errno));
  free(path);
  return st;
}

int64_t study_dir_count(const struct study_plan *p)
{
  int64_t n = 0;
  char *path;

  if (join(&path, p->dir, "cells") != GLIA_OK) return 0;
  DIR *dir = opendir(path);
  free(path);
  if (dir == NULL) return 0;
  for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
    const size_t length = strlen(e->d_name);
    n += length > 3 && strcmp(e->d_name + length - 3, ".h5") == 0;
  }
  closedir(dir);
  return n;
}

static glia_status put_reals(struct glia_archive_writer *w, const char *path, int64_t n, double *x)
{
  return glia_archive_put(
      w, &(struct glia_array){path, glia_type_make(GLIA_F64, 1, (int64_t[]){n}), x});
}

/* The whole table, with the names of its axes. */
static glia_status put_table(struct glia_archive_writer *w, const struct study_table *t)
{
  const struct glia_study *s = t->study;
  const int64_t extent[] = {t->variants, t->settings, t->seeds, t->measures};
  const char *name[STUDY_ROWS_MAX];
  int64_t seed[STUDY_SEEDS_MAX];

  GLIA_TRY(glia_archive_put(
      w, &(struct glia_array){"table/value", glia_type_make(GLIA_F64, 4, extent), t->value}));
  for (int i = 0; i < t->variants; i++) name[i] = s->variant[i].name;
  GLIA_TRY(glia_archive_put_texts(w, "table/variants", t->variants, name));
  for (int i = 0; i < t->settings; i++) name[i] = s->setting != NULL ? s->setting[i].name : "";
  GLIA_TRY(glia_archive_put_texts(w, "table/settings", t->settings, name));
  for (int64_t i = 0; i < t->seeds; i++) seed[i] = s->first_seed + i;
  GLIA_TRY(glia_archive_put(
      w, &(struct glia_array){"table/seeds", glia_type_make(GLIA_I64, 1, (int64_t[]){t->seeds}),
                              seed}));
  return put_measures(w, "table/measures", s);
}

static glia_status put_gates(struct glia_archive_writer *w, const struct study_table *t)
{
  enum { GATES = 64 };
  const char *name[GATES];
  double value[GATES], limit[GATES], pass[GATES], control[GATES];
  const int n = study_gates(t->study) < GATES ? study_gates(t->study) : GATES;

  if (n == 0) return GLIA_OK;
  for (int i = 0; i < n; i++) {
    const struct study_verdict v = study_judge(t, i, false);
    name[i] = v.gate->name;
    value[i] = v.value;
    limit[i] = v.gate->limit;
    pass[i] = v.pass ? 1.0 : 0.0;
    control[i] = v.control_value;
  }
  GLIA_TRY(glia_archive_put_texts(w, "gates/name", n, name));
  GLIA_TRY(put_reals(w, "gates/value", n, value));
  GLIA_TRY(put_reals(w, "gates/limit", n, limit));
  GLIA_TRY(put_reals(w, "gates/pass", n, pass));
  return put_reals(w, "gates/control_value", n, control);
}

static glia_status write_results(struct glia_archive_writer *w, const struct study_plan *p,
                                 const struct study_table *t)
{
  char definition[65];

  study_definition(p->study, definition);
  const struct glia_attribute attribute[] = {
      glia_attribute_text("name", p->study->name),
      glia_attribute_text("title", p->study->title),
      glia_attribute_text("definition", definition),
      glia_attribute_int("quick", p->quick),
      glia_attribute_int("pass", study_passes(t, false)),
  };
  GLIA_TRY(put_table(w, t));
  GLIA_TRY(put_gates(w, t));
  return put_attributes(w, "study", (int)GLIA_COUNT(attribute), attribute);
}

glia_status study_results_write(const struct study_plan *p, const struct study_table *t)
{
  struct glia_archive_writer *w = NULL;
  char *path;

  GLIA_TRY(join(&path, p->dir, "results.h5"));
  glia_status st = glia_archive_create(path, results_kind, FORMAT, true, &w);
  free(path);
  if (st == GLIA_OK) st = write_results(w, p, t);
  if (st == GLIA_OK) st = glia_archive_commit(&w);
  glia_archive_abort(&w);
  return st;
}
