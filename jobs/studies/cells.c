/* A run: cells that are not finished are dealt out to groups of ranks; each lands in its file at once. */
#include "study_priv.h"

#include "glia_agree.h"
#include "glia_log.h"
#include "glia_mpi.h"
#include "glia_progress.h"
#include "glia_run_lock.h"

#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct run {
  const struct study_plan *plan;
  struct glia_comm *world;
  struct glia_comm *group; /* NULL: a rank left over, which only waits */
  int groups;
  int64_t cells, pending;
  int64_t *todo;              /* [pending] */
  struct glia_run_lock *lock; /* rank 0 */
  struct glia_progress progress;
  int64_t files_before; /* in the folder, at the start */
  double counted_s;     /* when the folder was looked at last */
  double landed;        /* cells of all groups since the start, as of then */
};

int64_t study_cells(const struct study_plan *p)
{
  return (int64_t)study_variants(p->study) * study_settings(p->study) * p->seeds;
}

struct study_place study_place(const struct study_plan *p, int64_t cell)
{
  const int64_t row = cell / p->seeds;
  const int settings = study_settings(p->study);

  return (struct study_place){(int)(row / settings), (int)(row % settings), cell % p->seeds};
}

/* On rank 0: which cells are finished? */
static glia_status scan(const struct study_plan *p, int64_t cells, char *finished)
{
  double value[STUDY_MEASURES_MAX];

  GLIA_TRY(study_dir_prepare(p));
  for (int64_t i = 0; i < cells; i++) {
    bool found;
    GLIA_TRY(study_cell_read(p, i, value, &found));
    finished[i] = found;
  }
  return GLIA_OK;
}

/* Lock the folder, see what is there; all ranks learn what is left to do. */
static glia_status prepare(struct run *r)
{
  const bool first = glia_comm_rank(r->world) == 0;
  char *finished = calloc((size_t)r->cells, 1);
  glia_status st = GLIA_OK;

  r->todo = malloc((size_t)r->cells * sizeof *r->todo);
  if (finished == NULL || r->todo == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "a table of %lld cells", (long long)r->cells);
  if (st == GLIA_OK && first) st = glia_run_lock_acquire(r->plan->dir, 10.0, &r->lock);
  if (st == GLIA_OK && first) st = scan(r->plan, r->cells, finished);
  if (first) r->files_before = study_dir_count(r->plan);
  st = glia_agree(r->world, st);
  if (st == GLIA_OK) st = glia_comm_bcast(r->world, finished, (size_t)r->cells, 0);
  for (int64_t i = 0; st == GLIA_OK && i < r->cells; i++)
    if (!finished[i]) r->todo[r->pending++] = i;
  free(finished);
  return st;
}

static glia_status split(struct run *r)
{
  const int size = glia_comm_size(r->world), each = r->plan->group;
  const int mine = glia_comm_rank(r->world) / each;

  r->groups = size / each;
  return glia_comm_split(r->world, mine < r->groups ? mine : -1, 0, &r->group);
}

/* Rank 0 looks into the folder for what the other groups have done, at most once a second. */
static void show(struct run *r, double share)
{
  if (r->progress.silent) return;
  const double now_s = glia_time_s();
  if (now_s - r->counted_s > 1.0) {
    r->counted_s = now_s;
    r->landed = (double)(study_dir_count(r->plan) - r->files_before);
  }
  glia_progress_update(&r->progress, r->landed + share, NULL);
}

static void cell_progress(void *self, double share) { show(self, share); }

/* One cell, by all ranks of the group. */
static glia_status run_cell(struct run *r, int64_t cell, bool *stopped)
{
  const struct glia_study *s = r->plan->study;
  const struct study_place at = study_place(r->plan, cell);
  const bool settings = s->setting != NULL && s->setting[0].name != NULL;
  struct study_cell c = {.study = s,
                         .variant = &s->variant[at.variant],
                         .setting = settings ? &s->setting[at.setting] : NULL,
                         .seed = s->first_seed + at.seed,
                         .quick = r->plan->quick,
                         .data = r->plan->data,
                         .comm = r->group,
                         .progress = cell_progress,
                         .self = r};
  const double start_s = glia_time_s();

  for (int i = 0; i < STUDY_MEASURES_MAX; i++) c.value[i] = NAN;
  glia_status st = glia_agree(r->group, s->cell(&c));
  *stopped = c.stopped;
  if (st != GLIA_OK || c.stopped) return st;
  if (glia_comm_rank(r->group) == 0)
    st = study_cell_write(r->plan, cell, c.value, glia_time_s() - start_s);
  return glia_agree(r->group, st);
}

/* The group's share of the pending cells. *stopped: a signal came; the same on all its ranks. */
static glia_status run_cells(struct run *r, int64_t *done, bool *stopped)
{
  const int group = glia_comm_rank(r->world) / r->plan->group;

  if (r->group == NULL) return GLIA_OK;
  for (int64_t k = group; k < r->pending && !*stopped; k += r->groups) {
    int64_t wish = glia_stop_requested() != 0;
    GLIA_TRY(glia_comm_reduce_i64(r->group, GLIA_COMM_MAX, &wish, 1));
    *stopped = wish != 0;
    if (*stopped) break;
    const glia_status st = run_cell(r, r->todo[k], stopped);
    if (st != GLIA_OK) {
      char name[256];
      const struct study_place at = study_place(r->plan, r->todo[k]);
      glia_log(GLIA_LOG_ERROR, "study", "cell-failed", "row=\"%s\" seed=%lld reason=\"%s\"",
               study_row_name(r->plan->study, at.variant, at.setting, name, sizeof name),
               (long long)(r->plan->study->first_seed + at.seed), glia_trace_message());
      return st;
    }
    *done += !*stopped && glia_comm_rank(r->group) == 0;
    r->counted_s = 0.0;
    show(r, 0.0);
  }
  return GLIA_OK;
}

/* Wait for the other groups without taking their cores, and go on showing how far they are. */
static glia_status wait_for_all(struct run *r)
{
  const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
  MPI_Request request;
  int arrived = 0;

  GLIA_TRY_MPI(MPI_Ibarrier(glia_comm_mpi(r->world), &request));
  for (;;) {
    GLIA_TRY_MPI(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE));
    if (arrived) return GLIA_OK;
    show(r, 0.0);
    nanosleep(&pause, NULL);
  }
}

static glia_status run_pending(struct run *r, struct study_outcome *out)
{
  int64_t sum[2] = {0, 0}; /* cells run, groups stopped */
  bool stopped = false;

  GLIA_TRY(glia_agree(r->world, split(r)));
  glia_stop_catch();
  glia_progress_begin(&r->progress, "study", "cells", (double)r->pending);
  glia_status st = run_cells(r, &sum[0], &stopped);
  const glia_status met = wait_for_all(r);
  r->counted_s = 0.0;
  show(r, 0.0);
  glia_progress_end(&r->progress);
  GLIA_TRY(glia_agree(r->world, st != GLIA_OK ? st : met));
  sum[1] = stopped;
  GLIA_TRY(glia_comm_reduce_i64(r->world, GLIA_COMM_SUM, sum, 2));
  out->cells_run = sum[0];
  out->stopped = sum[1] > 0;
  return GLIA_OK;
}

/* The table is read back from the files, whoever ran the cells and when. */
static glia_status read_table(const struct run *r, struct study_table *t)
{
  const struct study_plan *p = r->plan;

  *t = (struct study_table){.study = p->study,
                            .variants = study_variants(p->study),
                            .settings = study_settings(p->study),
                            .measures = study_measures(p->study),
                            .seeds = p->seeds};
  t->value = malloc((size_t)(r->cells * t->measures) * sizeof *t->value);
  GLIA_CHECK(t->value != NULL, GLIA_E_MEMORY, "a table of %lld cells", (long long)r->cells);
  for (int64_t i = 0; i < r->cells; i++) {
    bool found;
    GLIA_TRY(study_cell_read(p, i, t->value + i * t->measures, &found));
    GLIA_CHECK(found, GLIA_E_IO, "%s: a finished cell is gone: run again", p->dir);
  }
  return GLIA_OK;
}

glia_status study_run(const struct study_plan *p, struct glia_comm *comm, struct study_outcome *out)
{
  struct run r = {.plan = p, .world = comm, .cells = study_cells(p)};

  *out = (struct study_outcome){.cells = r.cells};
  GLIA_CHECK(p->group <= glia_comm_size(comm), GLIA_E_USAGE,
             "%d ranks per cell, but only %d run: start more", p->group, glia_comm_size(comm));
  glia_status st = prepare(&r);
  if (st == GLIA_OK && r.pending > 0) st = run_pending(&r, out);
  if (st == GLIA_OK && !out->stopped && glia_comm_rank(comm) == 0) st = read_table(&r, &out->table);
  st = glia_agree(comm, st);
  glia_comm_destroy(&r.group);
  glia_run_lock_release(&r.lock);
  free(r.todo);
  return st;
}
