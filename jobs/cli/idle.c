/* Waiting in pipelines: see idle.h. */
#include "idle.h"

#include "glia_agree.h"
#include "glia_clock.h"

#include <math.h>
#include <stdlib.h>

/* Of a task, as numbers that ranks send. */
enum { START, END, BUSY, WAIT, OWN, TASK_CPU, OWN_CPU, FIELDS };

struct look {
  const struct glia_schedule *s;
  int ranks, per_step;
  int64_t steps;
  double *x; /* [ranks][steps * per_step][FIELDS] */
};

static const double *task_of(const struct look *l, int rank, int64_t i)
{
  return l->x + ((int64_t)rank * l->steps * l->per_step + i) * FIELDS;
}

/* Steps that are not looked at: the first one finds cold memory, and with local learning queues that are empty. */
static int64_t warm(const struct glia_schedule *s)
{
  const int64_t most = (int64_t)s->ahead * (s->ranks - 1);

  return s->ahead > 0 && s->micro_batches > 0 ? most / s->micro_batches + 2 : 1;
}

/* Every rank's last tasks, of the same steps, on one clock. */
static glia_status gather(struct glia_comm *pipe, const struct glia_engine *e, struct look *l)
{
  const int64_t kept = glia_engine_pipeline_tasks(e, 0, NULL), per = l->per_step;
  const int64_t ran = glia_engine_pipeline(e).steps, cold = warm(l->s);
  struct glia_pipeline_task *task = calloc((size_t)kept + 1, sizeof *task);
  double offset_s, error_s;
  glia_status st = task != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "times of tasks");

  l->steps = per > 0 ? kept / per : 0;
  if (l->steps > ran - cold) l->steps = ran > cold ? ran - cold : 0;
  GLIA_TRY_TO(out, st, glia_agree(pipe, st));
  GLIA_TRY_TO(out, st, glia_comm_reduce_i64(pipe, GLIA_COMM_MIN, &l->steps, 1));
  const int64_t n = l->steps * per;
  l->x = calloc((size_t)l->ranks * (size_t)n * FIELDS + 1, sizeof *l->x);
  GLIA_TRY_TO(out, st, glia_agree(pipe, l->x != NULL ? GLIA_OK : GLIA_E_MEMORY));
  GLIA_TRY_TO(out, st, glia_comm_clock(pipe, &offset_s, &error_s));
  glia_engine_pipeline_tasks(e, kept, task);
  for (int64_t i = 0; i < n; i++) {
    const struct glia_pipeline_task *t = &task[kept - n + i];
    double *to = l->x + ((int64_t)glia_comm_rank(pipe) * n + i) * FIELDS;
    to[START] = t->start_s + offset_s;
    to[END] = t->end_s + offset_s;
    to[BUSY] = t->busy_s;
    to[WAIT] = t->wait_s;
    to[OWN] = t->own_s;
    to[TASK_CPU] = t->cpu_s;
    to[OWN_CPU] = t->own_cpu_s;
  }
  for (int r = 0; r < l->ranks && st == GLIA_OK; r++)
    st =
        glia_comm_bcast(pipe, l->x + (int64_t)r * n * FIELDS, (size_t)n * FIELDS * sizeof *l->x, r);
out:
  free(task);
  return st;
}

struct sums {
  double span, tasks, own, waits, cpu;
  double *
      spans; /* of each step, from the first task of any rank to the last; of one rank alone, else NULL */
};

/* A step: from the first start of any rank to the last end; who has not begun, or has ended, waits. */
static void clock_step(const struct look *l, int64_t step, struct sums *sum)
{
  const int64_t first = step * l->per_step, last = first + l->per_step - 1;
  double begin = 0.0, end = 0.0;

  for (int r = 0; r < l->ranks; r++) {
    const double from = task_of(l, r, first)[START] - task_of(l, r, first)[OWN];
    if (r == 0 || from < begin) begin = from;
    if (r == 0 || task_of(l, r, last)[END] > end) end = task_of(l, r, last)[END];
  }
  for (int r = 0; r < l->ranks; r++) {
    double tasks = 0.0, own = 0.0;
    for (int64_t i = first; i <= last; i++) {
      tasks += task_of(l, r, i)[BUSY];
      own += task_of(l, r, i)[OWN];
      sum[r].cpu += task_of(l, r, i)[TASK_CPU];
    }
    sum[r].span += end - begin;
    sum[r].tasks += tasks;
    sum[r].own += own;
    sum[r].waits += end - begin - tasks - own;
  }
}

/* Local learning: of each rank all tasks but the first, with what lies in front of them. */
static void clock_run(const struct look *l, struct sums *sum)
{
  for (int r = 0; r < l->ranks; r++) {
    for (int64_t i = 1; i < l->steps * l->per_step; i++) {
      const double *t = task_of(l, r, i);
      sum[r].tasks += t[BUSY];
      sum[r].own += t[OWN];
      sum[r].waits += t[WAIT];
      sum[r].cpu += t[TASK_CPU];
    }
    sum[r].span = sum[r].tasks + sum[r].own + sum[r].waits;
  }
}

/* Play `steps` steps from `first` on as one table. */
static glia_status play(const struct look *l, const struct glia_schedule *table, int64_t first,
                        double *each, struct sums *sum)
{
  struct glia_schedule_play p;

  for (int r = 0; r < l->ranks; r++)
    for (int k = 0; k < table->row[r].n; k++) {
      const struct glia_task *t = &table->row[r].task[k];
      const double *x = task_of(l, r, first * l->per_step + k);
      each[(r * table->segments + t->segment) * table->micro_batches + t->micro] =
          x[TASK_CPU] + x[OWN_CPU];
    }
  GLIA_TRY(glia_schedule_replay(table, each, NULL, &p));
  for (int r = 0; r < l->ranks; r++) {
    const double span = table->ahead > 0 ? p.own[r] : p.span;
    sum[r].span += span;
    sum[r].waits += span - p.busy[r];
  }
  sum[0].spans[first] = p.span;
  return GLIA_OK;
}

static int kind_of(const struct glia_schedule *s)
{
  int kind = 0;

  while (glia_schedule_is_local(kind) != (s->ahead > 0)) kind++;
  return kind;
}

static glia_status play_all(const struct look *l, struct sums *sum)
{
  const bool local = l->s->ahead > 0;
  struct glia_schedule *run = NULL;
  glia_status st = GLIA_OK;

  if (local)
    GLIA_TRY(glia_schedule_make(kind_of(l->s), l->ranks, 1, (int)(l->steps * l->per_step), &run));
  const struct glia_schedule *table = local ? run : l->s;
  double *each = calloc(
      (size_t)l->ranks * (size_t)table->segments * (size_t)table->micro_batches + 1, sizeof *each);
  if (each == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "times of tasks");
  for (int64_t k = 0; k < (local ? 1 : l->steps) && st == GLIA_OK; k++)
    st = play(l, table, k, each, sum);
  free(each);
  glia_schedule_destroy(&run);
  return st;
}

static int smaller(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

/* Of steps the one in the middle: now and then one is long since others had the machine. Local learning has one span for all. */
static double step_of(const struct look *l, const struct sums *cores)
{
  double most = 0.0;

  qsort(cores[0].spans, (size_t)l->steps, sizeof *cores[0].spans, smaller);
  if (l->s->ahead == 0) return cores[0].spans[l->steps / 2];
  for (int r = 0; r < l->ranks; r++) most = fmax(most, cores[r].span / (double)l->steps);
  return most;
}

static void conclude(const struct look *l, const struct sums *clock, const struct sums *cores,
                     struct idle *out)
{
  out->step_own_cores_s = step_of(l, cores);
  for (int r = 0; r < l->ranks; r++) {
    const struct idle_stage s = {.tasks = clock[r].tasks / clock[r].span,
                                 .own = clock[r].own / clock[r].span,
                                 .waits = clock[r].waits / clock[r].span,
                                 .core = clock[r].cpu / clock[r].tasks,
                                 .waits_own_cores = cores[r].waits / cores[r].span};
    out->stage[r] = s;
    out->mean.tasks += s.tasks / l->ranks;
    out->mean.own += s.own / l->ranks;
    out->mean.waits += s.waits / l->ranks;
    out->mean.core += s.core / l->ranks;
    out->mean.waits_own_cores += s.waits_own_cores / l->ranks;
  }
  out->steps = l->steps;
}

glia_status idle_measure(struct glia_comm *pipe, const struct glia_engine *e,
                         const struct glia_schedule *s, struct idle *out)
{
  struct look l = {.s = s, .ranks = s->ranks, .per_step = s->row[glia_comm_rank(pipe)].n};
  struct sums clock[GLIA_STAGE_MAX_RANKS] = {{0}}, cores[GLIA_STAGE_MAX_RANKS] = {{0}};

  *out = (struct idle){.ranks = s->ranks};
  glia_status st = gather(pipe, e, &l);
  if (st == GLIA_OK && l.steps > 0) {
    for (int64_t k = 0; k < l.steps && s->ahead == 0; k++) clock_step(&l, k, clock);
    if (s->ahead > 0) clock_run(&l, clock);
    cores[0].spans = calloc((size_t)l.steps, sizeof *cores[0].spans);
    if (cores[0].spans == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "times of steps");
    if (st == GLIA_OK) st = play_all(&l, cores);
    if (st == GLIA_OK) conclude(&l, clock, cores, out);
  }
  free(cores[0].spans);
  free(l.x);
  return glia_agree(pipe, st);
}
