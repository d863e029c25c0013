/* Reading the record of a run, through the same checks as any archive. */
#include "glia_archive.h"
#include "glia_run_record.h"
#include "run_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS_MAX = 1 << 26 };

void glia_run_clear_(struct glia_run *r)
{
  for (int i = 0; i < r->n_facts; i++) {
    free((char *)(uintptr_t)r->fact[i].name);
    free((char *)(uintptr_t)r->fact[i].text);
  }
  for (int i = 0; i < r->n_columns; i++) {
    if (r->column != NULL) free(r->column[i]);
    if (r->value != NULL) free(r->value[i]);
  }
  glia_texts_free(r->n_nodes, &r->node);
  free(r->config);
  free(r->fact);
  free(r->step);
  free(r->column);
  free(r->value);
  free(r->time_step);
  free(r->compute);
  free(r->wait);
  free(r->input);
  free(r->session);
  *r = (struct glia_run){0};
}

void glia_run_free(struct glia_run **run)
{
  if (run == NULL || *run == NULL) return;
  glia_run_clear_(*run);
  free(*run);
  *run = NULL;
}

/* An array of this type and rank, in new memory; its extents in dim [rank]. */
static glia_status get(struct glia_archive *a, const char *path, glia_dtype dtype, int rank,
                       int64_t *dim, void **out)
{
  struct glia_type type;
  char text[128];

  GLIA_TRY(glia_archive_type(a, path, &type));
  GLIA_CHECK(type.dtype == dtype && type.rank == rank && glia_type_count(&type) <= ROWS_MAX,
             GLIA_E_DATA, "/%s is %s, which no record of a run holds", path,
             glia_type_text(&type, text, sizeof text));
  for (int i = 0; i < rank; i++) dim[i] = type.dim[i];
  *out = calloc((size_t)glia_type_count(&type) + 1, glia_dtype_size(dtype));
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "/%s", path);
  return glia_archive_get(a, &(struct glia_array){path, type, *out});
}

/* How many rows are there; written last, so never more than are complete. */
static glia_status get_n(struct glia_archive *a, const char *path, int64_t *out)
{
  *out = 0;
  return glia_archive_get(a, &(struct glia_array){path, glia_type_make(GLIA_I64, 0, NULL), out});
}

static glia_status read_steps(struct glia_archive *a, struct glia_run *r)
{
  char **name = NULL;
  int64_t n_names = 0, room = 0;
  void *p = NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY(get_n(a, "steps/n", &r->n));
  st = get(a, "steps/step", GLIA_I64, 1, &room, &p);
  r->step = p;
  GLIA_TRY(st);
  GLIA_CHECK(r->n >= 0 && r->n <= room, GLIA_E_DATA, "/steps/n is %lld of %lld rows",
             (long long)r->n, (long long)room);
  GLIA_TRY_TO(out, st, glia_archive_members(a, "steps", &n_names, &name));
  r->column = calloc((size_t)n_names + 1, sizeof *r->column);
  r->value = calloc((size_t)n_names + 1, sizeof *r->value);
  GLIA_CHECK_TO(out, st, r->column != NULL && r->value != NULL, GLIA_E_MEMORY, "columns");
  for (int64_t i = 0; i < n_names; i++) {
    char path[300];
    int64_t rows = 0;
    if (strcmp(name[i], "n") == 0 || strcmp(name[i], "step") == 0) continue;
    snprintf(path, sizeof path, "steps/%.200s", name[i]);
    r->column[r->n_columns++] = name[i];
    name[i] = NULL;
    st = get(a, path, GLIA_F64, 1, &rows, &p);
    r->value[r->n_columns - 1] = p;
    p = NULL;
    if (st == GLIA_OK && rows != room)
      st = GLIA_FAIL(GLIA_E_DATA, "/%s has %lld rows, /steps/step %lld", path, (long long)rows,
                     (long long)room);
    if (st != GLIA_OK) break;
  }
out:
  glia_texts_free(n_names, &name);
  return st;
}

static glia_status read_times(struct glia_archive *a, struct glia_run *r)
{
  static const char *const path[] = {"times/compute_s", "times/wait_s", "times/input_s"};
  float **to[] = {&r->compute, &r->wait, &r->input};
  int64_t room = 0;
  void *p = NULL;

  GLIA_TRY(get_n(a, "times/n", &r->n_times));
  glia_status st = get(a, "times/step", GLIA_I64, 1, &room, &p);
  r->time_step = p;
  GLIA_TRY(st);
  GLIA_CHECK(r->n_times >= 0 && r->n_times <= room, GLIA_E_DATA, "/times/n is %lld of %lld rows",
             (long long)r->n_times, (long long)room);
  for (int i = 0; i < 3; i++) {
    int64_t dim[2] = {0, 0};
    p = NULL;
    st = get(a, path[i], GLIA_F32, 2, dim, &p);
    *to[i] = p;
    GLIA_TRY(st);
    GLIA_CHECK(dim[0] == room && dim[1] > 0 && (i == 0 || dim[1] == r->ranks), GLIA_E_DATA,
               "/%s is [%lld, %lld]", path[i], (long long)dim[0], (long long)dim[1]);
    r->ranks = dim[1];
  }
  return GLIA_OK;
}

static glia_status read_sessions(struct glia_archive *a, struct glia_run *r)
{
  static const char *const path[] = {"sessions/first_step", "sessions/last_step", "sessions/ranks",
                                     "sessions/threads",    "sessions/start_s",   "sessions/end_s"};
  void *column[6] = {NULL};
  char **reason = NULL;
  int64_t n = -1, n_reasons = 0;
  glia_status st = GLIA_OK;

  for (int i = 0; i < 6; i++) {
    int64_t rows = 0;
    GLIA_TRY_TO(out, st, get(a, path[i], i < 4 ? GLIA_I64 : GLIA_F64, 1, &rows, &column[i]));
    GLIA_CHECK_TO(out, st, n < 0 || rows == n, GLIA_E_DATA, "/%s has %lld rows, expected %lld",
                  path[i], (long long)rows, (long long)n);
    n = rows;
  }
  GLIA_TRY_TO(out, st, glia_archive_get_texts(a, "sessions/reason", &n_reasons, &reason));
  GLIA_CHECK_TO(out, st, n_reasons == n, GLIA_E_DATA, "/sessions/reason has %lld rows",
                (long long)n_reasons);
  r->session = calloc((size_t)n + 1, sizeof *r->session);
  GLIA_CHECK_TO(out, st, r->session != NULL, GLIA_E_MEMORY, "sessions");
  r->n_sessions = n;
  for (int64_t i = 0; i < n; i++) {
    struct glia_run_session *s = &r->session[i];
    *s = (struct glia_run_session){.first_step = ((int64_t *)column[0])[i],
                                   .last_step = ((int64_t *)column[1])[i],
                                   .ranks = ((int64_t *)column[2])[i],
                                   .threads = ((int64_t *)column[3])[i],
                                   .start_s = ((double *)column[4])[i],
                                   .end_s = ((double *)column[5])[i]};
    snprintf(s->reason, sizeof s->reason, "%s", reason[i]);
  }
out:
  for (int i = 0; i < 6; i++) free(column[i]);
  glia_texts_free(n_reasons, &reason);
  return st;
}

static glia_status read_all(struct glia_archive *a, struct glia_run *r)
{
  char **text = NULL;
  int64_t n = 0;

  GLIA_TRY(read_steps(a, r));
  GLIA_TRY(read_times(a, r));
  GLIA_TRY(read_sessions(a, r));
  GLIA_TRY(glia_archive_get_texts(a, "nodes", &r->n_nodes, &r->node));
  GLIA_TRY(glia_archive_get_int(a, "run", "stride", &r->stride));
  GLIA_TRY(glia_archive_get_texts(a, "config", &n, &text));
  if (n == 1) r->config = strdup(text[0]);
  glia_texts_free(n, &text);
  GLIA_CHECK(r->config != NULL, GLIA_E_DATA, "/config is not one text");
  return glia_archive_attributes_(a, "run", &r->n_facts, &r->fact);
}

/* A folder that glia collect writes (docs/formats/store.md): it has tiers. */
static bool is_store(const char *path)
{
  static const char *const tier[] = {"full", "1m", "10m"};
  char at[4096];
  struct stat s;

  for (size_t i = 0; i < GLIA_COUNT(tier); i++)
    if (snprintf(at, sizeof at, "%s/%s", path, tier[i]) < (int)sizeof at && stat(at, &s) == 0 &&
        S_ISDIR(s.st_mode))
      return true;
  return false;
}

glia_status glia_run_read(const char *path, struct glia_run **out)
{
  struct glia_archive *a = NULL;
  struct stat s;
  char inside[4096];
  glia_status st = GLIA_OK;

  *out = NULL;
  if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
    GLIA_CHECK(snprintf(inside, sizeof inside, "%s/run.h5rec", path) < (int)sizeof inside,
               GLIA_E_ARGUMENT, "%s: a name too long", path);
    GLIA_CHECK(access(inside, F_OK) == 0 || !is_store(path), GLIA_E_DATA,
               "%s is a store of glia collect, expected a run: glia detect status has its alarms",
               path);
    path = inside;
  }
  struct glia_run *r = calloc(1, sizeof *r);
  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "%s", path);
  GLIA_TRY_TO(out, st, glia_archive_open(path, "run", GLIA_RUN_FORMAT, &a));
  st = read_all(a, r);
  if (st != GLIA_OK) {
    char why[512];
    snprintf(why, sizeof why, "%s", glia_trace_message());
    st = GLIA_FAIL(st, "%s: %s", path, why);
  }
out:
  glia_archive_close(&a);
  if (st == GLIA_OK)
    *out = r;
  else
    glia_run_free(&r);
  return st;
}
