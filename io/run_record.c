/* Writing the record of a run; see glia_run_record.h. */
#include "glia_log.h"
#include "glia_run_record.h"
#include "h5_priv.h"
#include "run_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_MIN = 256, ROWS_MAX = 1 << 16, TIMES_BYTES_MAX = 1 << 24, TIMES_MIN = 64, SPLITS = 3 };

/* A column of the file: where its rows go. */
struct place {
  int64_t offset;
  int64_t row_bytes;
};

struct glia_run_writer {
  char *path;
  int fd;
  struct glia_run run;  /* memory for rows_max and times_max rows */
  struct glia_run *old; /* what the record was, if this start goes on with it */
  int64_t times_max;
  int64_t room, times_room;       /* rows that the file has place for */
  int64_t flushed, times_flushed; /* rows that it has */
  int64_t pending;                /* steps in the row that is not yet full */
  double sum[GLIA_RUN_COLUMNS_MAX];
  struct place steps[GLIA_RUN_COLUMNS_MAX + 1], times[SPLITS + 1], n_steps, n_times;
};

static const char *const split_name[SPLITS] = {"compute_s", "wait_s", "input_s"};

static float *split(struct glia_run *r, int i)
{
  return i == 0 ? r->compute : i == 1 ? r->wait : r->input;
}

static glia_status write_at(const struct glia_run_writer *w, int fd, const void *data,
                            int64_t bytes, int64_t at)
{
  const char *from = data;

  while (bytes > 0) {
    errno = ENOSPC; /* what a short write means */
    const ssize_t n = pwrite(fd, from, (size_t)bytes, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    GLIA_CHECK(n > 0, GLIA_E_IO, "cannot write %s: %s", w->path, strerror(errno));
    from += n;
    at += n;
    bytes -= n;
  }
  return GLIA_OK;
}

/* Reserve an array in the file that is being laid out. */
static glia_status reserve(hid_t file, const char *path, glia_dtype dtype, int rank,
                           const int64_t *dim, struct place *p)
{
  const struct glia_type type = glia_type_make(dtype, rank, dim);
  const struct glia_type row = glia_type_make(dtype, rank > 1 ? 1 : 0, rank > 1 ? dim + 1 : NULL);
  hid_t d = -1;

  const glia_status st = glia_h5_array_reserve_(file, path, &type, &p->offset, &d);
  p->row_bytes = (int64_t)glia_type_bytes(&row);
  glia_h5_close_(&d);
  return st;
}

static glia_status reserve_columns(struct glia_run_writer *w, hid_t file)
{
  const int64_t dim[2] = {w->times_room, w->run.ranks};
  char path[300];

  GLIA_TRY(reserve(file, "steps/n", GLIA_I64, 0, NULL, &w->n_steps));
  GLIA_TRY(reserve(file, "steps/step", GLIA_I64, 1, &w->room, &w->steps[0]));
  for (int i = 0; i < w->run.n_columns; i++) {
    snprintf(path, sizeof path, "steps/%.200s", w->run.column[i]);
    GLIA_TRY(reserve(file, path, GLIA_F64, 1, &w->room, &w->steps[i + 1]));
  }
  GLIA_TRY(reserve(file, "times/n", GLIA_I64, 0, NULL, &w->n_times));
  GLIA_TRY(reserve(file, "times/step", GLIA_I64, 1, &w->times_room, &w->times[0]));
  for (int i = 0; i < SPLITS; i++) {
    snprintf(path, sizeof path, "times/%s", split_name[i]);
    GLIA_TRY(reserve(file, path, GLIA_F32, 2, dim, &w->times[i + 1]));
  }
  return GLIA_OK;
}

static glia_status write_sessions(const struct glia_run *r, hid_t file)
{
  const int64_t n = r->n_sessions;
  const struct glia_type whole = glia_type_make(GLIA_I64, 1, &n);
  const struct glia_type real = glia_type_make(GLIA_F64, 1, &n);
  int64_t *v = malloc((size_t)n * 4 * sizeof *v);
  double *t = malloc((size_t)n * 2 * sizeof *t);
  const char **reason = malloc((size_t)n * sizeof *reason);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, v != NULL && t != NULL && reason != NULL, GLIA_E_MEMORY, "sessions");
  for (int64_t i = 0; i < n; i++) {
    const struct glia_run_session *s = &r->session[i];
    v[i] = s->first_step;
    v[n + i] = s->last_step;
    v[2 * n + i] = s->ranks;
    v[3 * n + i] = s->threads;
    t[i] = s->start_s;
    t[n + i] = s->end_s;
    reason[i] = s->reason;
  }
  GLIA_TRY_TO(out, st, glia_h5_array_write_(file, "sessions/first_step", &whole, v, NULL));
  GLIA_TRY_TO(out, st, glia_h5_array_write_(file, "sessions/last_step", &whole, v + n, NULL));
  GLIA_TRY_TO(out, st, glia_h5_array_write_(file, "sessions/ranks", &whole, v + 2 * n, NULL));
  GLIA_TRY_TO(out, st, glia_h5_array_write_(file, "sessions/threads", &whole, v + 3 * n, NULL));
  GLIA_TRY_TO(out, st, glia_h5_array_write_(file, "sessions/start_s", &real, t, NULL));
  GLIA_TRY_TO(out, st, glia_h5_array_write_(file, "sessions/end_s", &real, t + n, NULL));
  GLIA_TRY_TO(out, st, glia_h5_texts_write_(file, "sessions/reason", n, reason));
out:
  free(v);
  free(t);
  free(reason);
  return st;
}

static glia_status write_facts(const struct glia_run *r, hid_t file)
{
  hid_t group = glia_h5_group_make_(file, "run");
  glia_status st = GLIA_OK;

  GLIA_TRY_H5(group, GLIA_E_IO, "cannot create /run");
  GLIA_TRY_TO(out, st, glia_h5_put_int_(group, "stride", r->stride));
  for (int i = 0; i < r->n_facts; i++) {
    const struct glia_attribute *a = &r->fact[i];
    if (a->kind == GLIA_ATTRIBUTE_INT) st = glia_h5_put_int_(group, a->name, a->i);
    if (a->kind == GLIA_ATTRIBUTE_REAL) st = glia_h5_put_real_(group, a->name, a->r);
    if (a->kind == GLIA_ATTRIBUTE_TEXT) st = glia_h5_put_text_(group, a->name, a->text);
    if (st != GLIA_OK) break;
  }
out:
  glia_h5_close_(&group);
  return st;
}

/* All that HDF5 writes. */
static glia_status write_frame(struct glia_run_writer *w, struct glia_h5_out *o)
{
  const char *config = w->run.config;

  GLIA_TRY(glia_h5_out_begin_(o, w->path, "run", GLIA_RUN_FORMAT, true, GLIA_H5_GROWING));
  GLIA_TRY(reserve_columns(w, o->file));
  GLIA_TRY(write_sessions(&w->run, o->file));
  GLIA_TRY(glia_h5_texts_write_(o->file, "config", -1, &config));
  GLIA_TRY(
      glia_h5_texts_write_(o->file, "nodes", w->run.n_nodes, (const char *const *)w->run.node));
  GLIA_TRY(write_facts(&w->run, o->file));
  return glia_h5_out_close_(o);
}

/* Rows [from, to) of all columns, then how many there are. */
static glia_status write_rows(struct glia_run_writer *w, int fd, int64_t from, int64_t to)
{
  struct glia_run *r = &w->run;

  for (int i = 0; i <= r->n_columns; i++) {
    const struct place *p = &w->steps[i];
    const char *data = i == 0 ? (const char *)r->step : (const char *)r->value[i - 1];
    GLIA_TRY(write_at(w, fd, data + from * p->row_bytes, (to - from) * p->row_bytes,
                      p->offset + from * p->row_bytes));
  }
  return write_at(w, fd, &to, sizeof to, w->n_steps.offset);
}

static glia_status write_time_rows(struct glia_run_writer *w, int fd, int64_t from, int64_t to)
{
  struct glia_run *r = &w->run;

  for (int i = 0; i <= SPLITS; i++) {
    const struct place *p = &w->times[i];
    const char *data = i == 0 ? (const char *)r->time_step : (const char *)split(r, i - 1);
    GLIA_TRY(write_at(w, fd, data + from * p->row_bytes, (to - from) * p->row_bytes,
                      p->offset + from * p->row_bytes));
  }
  return write_at(w, fd, &to, sizeof to, w->n_times.offset);
}

/* Rows that are not there yet are NaN. */
static glia_status write_empty(struct glia_run_writer *w, int fd)
{
  const struct glia_run *r = &w->run;
  const int64_t rows = w->room - r->n;
  const int64_t cells = (w->times_room - r->n_times) * r->ranks;
  const size_t most = (size_t)(rows > cells ? rows : cells);
  double *real = malloc((most + 1) * sizeof *real);
  float *single = malloc((most + 1) * sizeof *single);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st, real != NULL && single != NULL, GLIA_E_MEMORY, "%s", w->path);
  for (size_t i = 0; i < most; i++) {
    real[i] = (double)NAN;
    single[i] = NAN;
  }
  for (int i = 1; i <= r->n_columns; i++)
    GLIA_TRY_TO(out, st,
                write_at(w, fd, real, rows * (int64_t)sizeof *real,
                         w->steps[i].offset + r->n * w->steps[i].row_bytes));
  for (int i = 1; i <= SPLITS; i++)
    GLIA_TRY_TO(out, st,
                write_at(w, fd, single, cells * (int64_t)sizeof *single,
                         w->times[i].offset + r->n_times * w->times[i].row_bytes));
out:
  free(real);
  free(single);
  return st;
}

static int64_t room_for(int64_t n)
{
  int64_t room = ROWS_MIN;

  while (room <= n) room *= 2;
  return room;
}

/* A new file in the place of the old one, with everything so far. */
static glia_status lay_out(struct glia_run_writer *w, bool final)
{
  struct glia_h5_out o = {.file = -1, .temp.fd = -1};
  struct glia_run *r = &w->run;
  glia_status st = GLIA_OK;

  w->room = final ? r->n : room_for(r->n);
  w->times_room = final ? r->n_times : room_for(r->n_times);
  glia_h5_lock_();
  st = write_frame(w, &o);
  glia_h5_unlock_();
  if (st == GLIA_OK) st = write_empty(w, o.temp.fd);
  if (st == GLIA_OK) st = write_rows(w, o.temp.fd, 0, r->n);
  if (st == GLIA_OK) st = write_time_rows(w, o.temp.fd, 0, r->n_times);
  if (st == GLIA_OK) st = glia_tempfile_commit_(&o.temp);
  glia_h5_lock_();
  glia_h5_out_abort_(&o);
  glia_h5_unlock_();
  GLIA_TRY(st);
  w->flushed = r->n;
  w->times_flushed = r->n_times;
  if (w->fd >= 0) close(w->fd);
  w->fd = final ? -1 : open(w->path, O_RDWR | O_CLOEXEC);
  GLIA_CHECK(final || w->fd >= 0, GLIA_E_IO, "cannot open %s: %s", w->path, strerror(errno));
  return GLIA_OK;
}

/* Two rows become one, of the later step and their mean. */
static void merge_rows(struct glia_run_writer *w)
{
  struct glia_run *r = &w->run;

  for (int64_t i = 0; i < r->n / 2; i++) {
    r->step[i] = r->step[2 * i + 1];
    for (int c = 0; c < r->n_columns; c++)
      r->value[c][i] = 0.5 * (r->value[c][2 * i] + r->value[c][2 * i + 1]);
  }
  r->n /= 2;
  r->stride *= 2;
  w->flushed = -1; /* all is to be written anew */
}

/* The steps since the last row become one. */
static void end_row(struct glia_run_writer *w, int64_t step)
{
  struct glia_run *r = &w->run;

  if (w->pending == 0) return;
  r->step[r->n] = step;
  for (int c = 0; c < r->n_columns; c++) {
    r->value[c][r->n] = w->sum[c] / (double)w->pending;
    w->sum[c] = 0.0;
  }
  w->pending = 0;
  if (++r->n == ROWS_MAX) merge_rows(w);
}

void glia_run_writer_step(struct glia_run_writer *w, int64_t step, const double *value)
{
  for (int c = 0; c < w->run.n_columns; c++) w->sum[c] += value[c];
  w->pending++;
  if (w->pending >= w->run.stride) end_row(w, step);
}

void glia_run_writer_times(struct glia_run_writer *w, int64_t step, const double *compute,
                           const double *wait, const double *input)
{
  struct glia_run *r = &w->run;
  const double *from[SPLITS] = {compute, wait, input};
  const int64_t ranks = r->n_nodes;

  r->time_step[r->n_times] = step;
  for (int i = 0; i < SPLITS; i++) {
    float *to = split(r, i) + r->n_times * r->ranks;
    for (int64_t k = 0; k < r->ranks; k++) to[k] = k < ranks ? (float)from[i][k] : NAN;
  }
  if (++r->n_times < w->times_max) return;
  for (int64_t t = 0; t < r->n_times / 2; t++) {
    r->time_step[t] = r->time_step[2 * t + 1];
    for (int i = 0; i < SPLITS; i++)
      for (int64_t k = 0; k < r->ranks; k++)
        split(r, i)[t * r->ranks + k] =
            0.5f * (split(r, i)[2 * t * r->ranks + k] + split(r, i)[(2 * t + 1) * r->ranks + k]);
  }
  r->n_times /= 2;
  w->times_flushed = -1;
}

glia_status glia_run_writer_flush(struct glia_run_writer *w)
{
  const struct glia_run *r = &w->run;

  if (w->flushed < 0 || w->times_flushed < 0 || r->n > w->room || r->n_times > w->times_room)
    return lay_out(w, false);
  if (r->n > w->flushed) GLIA_TRY(write_rows(w, w->fd, w->flushed, r->n));
  w->flushed = r->n;
  if (r->n_times > w->times_flushed)
    GLIA_TRY(write_time_rows(w, w->fd, w->times_flushed, r->n_times));
  w->times_flushed = r->n_times;
  return GLIA_OK;
}

static double wall_clock_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Texts and facts, copied. */
static glia_status describe(struct glia_run *r, const struct glia_run_start *s)
{
  r->config = strdup(s->config);
  r->n_columns = s->n_columns;
  r->column = calloc((size_t)s->n_columns + 1, sizeof *r->column);
  r->node = calloc((size_t)s->ranks + 1, sizeof *r->node);
  GLIA_CHECK(r->config != NULL && r->column != NULL && r->node != NULL, GLIA_E_MEMORY, "a record");
  for (int i = 0; i < s->n_columns; i++) {
    r->column[i] = strdup(s->column[i]);
    GLIA_CHECK(r->column[i] != NULL, GLIA_E_MEMORY, "a record");
  }
  for (; r->n_nodes < s->ranks; r->n_nodes++) {
    r->node[r->n_nodes] = strdup(s->node[r->n_nodes]);
    GLIA_CHECK(r->node[r->n_nodes] != NULL, GLIA_E_MEMORY, "a record");
  }
  return GLIA_OK;
}

static glia_status add_facts(struct glia_run *r, int n, const struct glia_attribute *fact)
{
  struct glia_attribute *more = realloc(r->fact, (size_t)(r->n_facts + n + 1) * sizeof *more);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%d facts of a run", n);
  r->fact = more;
  for (int i = 0; i < n; i++) {
    struct glia_attribute a = fact[i];
    a.name = strdup(a.name);
    a.text = a.kind == GLIA_ATTRIBUTE_TEXT ? strdup(a.text) : NULL;
    r->fact[r->n_facts++] = a;
    GLIA_CHECK(a.name != NULL && (a.text != NULL || a.kind != GLIA_ATTRIBUTE_TEXT), GLIA_E_MEMORY,
               "%d facts of a run", n);
  }
  return GLIA_OK;
}

/* A start that took no step knows nothing of some outcomes: they stay what they were. */
static glia_status add_outcome(struct glia_run *r, const struct glia_run *old, int n,
                               const struct glia_attribute *fact)
{
  const int first = r->n_facts;

  GLIA_TRY(add_facts(r, n, fact));
  for (int i = first; old != NULL && i < r->n_facts; i++) {
    struct glia_attribute *a = &r->fact[i];
    if (a->kind != GLIA_ATTRIBUTE_REAL || !isnan(a->r)) continue;
    for (int k = 0; k < old->n_facts; k++)
      if (old->fact[k].kind == GLIA_ATTRIBUTE_REAL && strcmp(old->fact[k].name, a->name) == 0)
        a->r = old->fact[k].r;
  }
  return GLIA_OK;
}

static glia_status get_memory(struct glia_run_writer *w)
{
  struct glia_run *r = &w->run;
  const int64_t most = TIMES_BYTES_MAX / (r->ranks * SPLITS * (int64_t)sizeof(float));

  w->times_max = ROWS_MIN;
  while (2 * w->times_max <= most && w->times_max < ROWS_MAX) w->times_max *= 2;
  r->step = calloc(ROWS_MAX, sizeof *r->step);
  r->value = calloc((size_t)r->n_columns + 1, sizeof *r->value);
  r->time_step = calloc((size_t)w->times_max, sizeof *r->time_step);
  r->compute = calloc((size_t)(w->times_max * r->ranks), sizeof *r->compute);
  r->wait = calloc((size_t)(w->times_max * r->ranks), sizeof *r->wait);
  r->input = calloc((size_t)(w->times_max * r->ranks), sizeof *r->input);
  GLIA_CHECK(r->step != NULL && r->value != NULL && r->time_step != NULL && r->compute != NULL &&
                 r->wait != NULL && r->input != NULL,
             GLIA_E_MEMORY, "the record of a run");
  for (int c = 0; c < r->n_columns; c++) {
    r->value[c] = calloc(ROWS_MAX, sizeof **r->value);
    GLIA_CHECK(r->value[c] != NULL, GLIA_E_MEMORY, "the record of a run");
  }
  return GLIA_OK;
}

/* Rows of an earlier start, up to the step that this one goes on from. */
static void take_rows(struct glia_run_writer *w, const struct glia_run *old, int64_t first_step)
{
  struct glia_run *r = &w->run;

  r->stride = old->stride;
  while (r->n < old->n && r->n < ROWS_MAX - 1 && old->step[r->n] <= first_step) {
    r->step[r->n] = old->step[r->n];
    for (int c = 0; c < r->n_columns; c++) {
      r->value[c][r->n] = (double)NAN;
      for (int k = 0; k < old->n_columns; k++)
        if (strcmp(r->column[c], old->column[k]) == 0) r->value[c][r->n] = old->value[k][r->n];
    }
    r->n++;
  }
  while (r->n_times < old->n_times && r->n_times < w->times_max - 1 &&
         old->time_step[r->n_times] <= first_step) {
    const int64_t t = r->n_times++;
    const float *from[SPLITS] = {old->compute, old->wait, old->input};
    r->time_step[t] = old->time_step[t];
    for (int i = 0; i < SPLITS; i++)
      for (int64_t k = 0; k < r->ranks; k++)
        split(r, i)[t * r->ranks + k] = k < old->ranks ? from[i][t * old->ranks + k] : NAN;
  }
}

static glia_status add_session(struct glia_run *r, const struct glia_run *old,
                               const struct glia_run_start *s)
{
  const int64_t before = old != NULL ? old->n_sessions : 0;

  r->session = calloc((size_t)before + 1, sizeof *r->session);
  GLIA_CHECK(r->session != NULL, GLIA_E_MEMORY, "the record of a run");
  for (int64_t i = 0; i < before; i++) r->session[i] = old->session[i];
  r->n_sessions = before + 1;
  r->session[before] = (struct glia_run_session){.first_step = s->first_step,
                                                 .last_step = -1,
                                                 .start_s = wall_clock_s(),
                                                 .end_s = (double)NAN,
                                                 .ranks = s->ranks,
                                                 .threads = s->threads};
  return GLIA_OK;
}

/* What an earlier start left; NULL: nothing, or nothing readable. */
static struct glia_run *read_old(const char *path, int64_t first_step)
{
  struct glia_run *old = NULL;
  char aside[4096];

  if (first_step <= 0 || access(path, F_OK) != 0) return NULL;
  if (glia_run_read(path, &old) == GLIA_OK) return old;
  snprintf(aside, sizeof aside, "%s.damaged", path);
  glia_log(GLIA_LOG_WARN, "io", "record-set-aside", "file=\"%s\" why=\"%s\"", path,
           glia_trace_message());
  glia_trace_clear();
  if (rename(path, aside) != 0) return NULL; /* it will be replaced */
  return NULL;
}

static void forget(struct glia_run_writer *w)
{
  if (w->fd >= 0) close(w->fd);
  glia_run_clear_(&w->run);
  glia_run_free(&w->old);
  free(w->path);
  free(w);
}

glia_status glia_run_writer_open(const char *dir, const struct glia_run_start *start,
                                 struct glia_run_writer **out)
{
  struct glia_run_writer *w = calloc(1, sizeof *w);
  struct glia_run *old = NULL;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "the record of a run");
  w->fd = -1;
  w->path = malloc(strlen(dir) + sizeof "/run.h5rec");
  GLIA_CHECK_TO(out, st, w->path != NULL, GLIA_E_MEMORY, "%s", dir);
  sprintf(w->path, "%s/run.h5rec", dir);
  GLIA_CHECK_TO(out, st, start->n_columns <= GLIA_RUN_COLUMNS_MAX, GLIA_E_ARGUMENT,
                "%d columns, at most %d", start->n_columns, GLIA_RUN_COLUMNS_MAX);
  old = read_old(w->path, start->first_step);
  w->run.ranks = old != NULL && old->ranks > start->ranks ? old->ranks : start->ranks;
  w->run.stride = 1;
  GLIA_TRY_TO(out, st, describe(&w->run, start));
  GLIA_TRY_TO(out, st, add_facts(&w->run, start->n_facts, start->fact));
  GLIA_TRY_TO(out, st, get_memory(w));
  GLIA_TRY_TO(out, st, add_session(&w->run, old, start));
  if (old != NULL) take_rows(w, old, start->first_step);
  GLIA_TRY_TO(out, st, lay_out(w, false));
  w->old = old;
  old = NULL;
  *out = w;
out:
  glia_run_free(&old);
  if (st != GLIA_OK) forget(w);
  return st;
}

glia_status glia_run_writer_close(struct glia_run_writer **pw, int64_t last_step,
                                  const char *reason, int n_facts,
                                  const struct glia_attribute *fact)
{
  struct glia_run_writer *w = pw != NULL ? *pw : NULL;
  glia_status st = GLIA_OK;

  if (w == NULL) return GLIA_OK;
  *pw = NULL;
  struct glia_run_session *s = &w->run.session[w->run.n_sessions - 1];
  s->last_step = last_step;
  s->end_s = wall_clock_s();
  snprintf(s->reason, sizeof s->reason, "%s", reason);
  if (last_step > 0) end_row(w, last_step);
  st = add_outcome(&w->run, last_step == s->first_step ? w->old : NULL, n_facts, fact);
  if (st == GLIA_OK) st = lay_out(w, true);
  forget(w);
  return st;
}
