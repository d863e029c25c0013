/* bench plan: what `glia train --plan` predicts beside what a run then takes: of the models of bench train one rank, data groups, stages by
 * every schedule and grids, on the ranks of this run. Run it under mpirun.
 *
 * Predicted times rest on one rank's layers and on messages between two ranks, whatever the number of ranks here. Where a node has
 * more ranks than cores, prediction and run share them. Tasks and bubble are those of cores of one's own (jobs/cli/idle.h), which hold
 * on a busy machine too; a whole step by the clock needs a quiet one. Every way is run in two rounds, and the quicker run counts. */
#include "advise.h"
#include "bench.h"
#include "stages.h"
#include "workload.h"

#include "glia_log.h"
#include "glia_pipeline.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MICRO_BATCHES = 8, WARM_STEPS = 2, LEAST_STEPS = 7, MOST_STEPS = 200, ROUNDS = 2 };
static const double long_enough_s = 0.5;

/* A model with its rows. */
struct bed {
  struct bench_report *r;
  struct glia_comm *all, *alone; /* alone: rank 0, else NULL */
  const struct workload_kind *kind;
  char config[2048];
  int64_t rows;
  void *x, *y;
  struct glia_field field[2];
};

struct found {
  double step_s, tasks_s, bubble, memory_bytes, stage_bytes;
};

/* Largest difference to what was predicted, and how many there were. */
struct tally {
  int n, within;
  double worst;
};

static void *make_up(const struct glia_type *row, int64_t rows, int64_t classes, uint64_t stream)
{
  const int64_t n = rows * glia_type_count(row);
  char *to = malloc((size_t)rows * glia_type_bytes(row) + 1);

  for (int64_t i = 0; to != NULL && i < n; i++) {
    const double u = glia_random_uniform(7, stream, (uint64_t)i);
    if (row->dtype == GLIA_F32)
      ((float *)(void *)to)[i] = (float)u;
    else
      ((uint8_t *)to)[i] = (uint8_t)((double)(classes > 0 ? classes : 1) * u);
  }
  return to;
}

static glia_status make_bed(struct bed *b, const struct workload_kind *kind)
{
  const int64_t micro = kind->batch / 4;

  b->kind = kind;
  b->rows = MICRO_BATCHES * micro;
  b->field[0] = (struct glia_field){"x", kind->x, 1.0, 0.0};
  b->field[1] = (struct glia_field){"y", kind->y, 1.0, 0.0};
  if (kind->y.dtype == GLIA_BOOL) b->field[1].row.dtype = GLIA_U8; /* nobody reads it */
  b->x = make_up(&b->field[0].row, b->rows, kind->classes, 0);
  b->y = make_up(&b->field[1].row, b->rows, kind->classes, 1);
  snprintf(b->config, sizeof b->config,
           "seed: 1\ndata: {file: made-up, batch: %lld, micro_batch: %lld}\nmax_steps: 1\n%s",
           (long long)b->rows, (long long)micro, kind->yaml);
  GLIA_CHECK(b->x != NULL && b->y != NULL, GLIA_E_MEMORY, "%lld rows", (long long)b->rows);
  return GLIA_OK;
}

static void clear_bed(struct bed *b)
{
  free(b->x);
  free(b->y);
  b->x = b->y = NULL;
}

static glia_status open_session(const struct bed *b, struct session *s, const char *parallel)
{
  const void *const data[2] = {b->x, b->y};

  GLIA_TRY(glia_source_from_memory("made-up", b->rows, 2, b->field, data, &s->train));
  GLIA_TRY(session_configure_text(s, b->kind->name, b->config, 1, &parallel));
  return session_build(s);
}

static void close_session(struct session *s)
{
  s->comm = NULL; /* the bed's */
  session_close(s);
}

struct steps {
  int64_t most;
  int n;
  double took_s[MOST_STEPS];
};

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct steps *t = self;

  if (info->step > WARM_STEPS && t->n < MOST_STEPS) t->took_s[t->n++] = info->wall_s;
  if (info->step >= t->most) *action = GLIA_STOP;
  return GLIA_OK;
}

static glia_status look(struct session *s, struct steps *t, struct found *f)
{
  const struct glia_pipeline_stat p = glia_engine_pipeline(s->engine);
  json_t *report = NULL;
  double most[3] = {bench_median(t->took_s, t->n),
                    (double)glia_engine_memory(s->engine) + (double)p.queue_bytes,
                    p.steps > 0 ? (double)p.bytes_sent / (double)p.steps : 0.0};

  GLIA_TRY(stages_report(s->stages, s, &report));
  json_decref(report);
  GLIA_TRY(glia_comm_reduce_f64(s->comm, GLIA_COMM_MAX, most, 3));
  const struct idle *idle = stages_idle(s->stages);
  *f = (struct found){.step_s = most[0],
                      .tasks_s = idle != NULL ? idle->step_own_cores_s : (double)NAN,
                      .bubble = idle != NULL ? idle->mean.waits_own_cores : (double)NAN,
                      .memory_bytes = most[1],
                      .stage_bytes = most[2]};
  return GLIA_OK;
}

static glia_status run_way(const struct bed *b, struct glia_comm *comm, const struct advice *a,
                           struct found *f)
{
  const double n = long_enough_s / a->step_s + WARM_STEPS;
  struct session s = {.comm = comm, .staged = true, .once_per_node = true};
  struct steps t = {.most = n < LEAST_STEPS  ? LEAST_STEPS
                            : n > MOST_STEPS ? MOST_STEPS
                                             : (int64_t)n};
  const struct glia_observer observer = {.self = &t, .step = after_step};
  struct glia_train_result result;
  char parallel[128] = "parallel={stages: 1}";

  if (a->kind >= 0)
    snprintf(parallel, sizeof parallel, "parallel={stages: %d, schedule: %s, cuts: measured}",
             a->stages, glia_schedule_names()[a->kind]);
  glia_status st = open_session(b, &s, parallel);
  if (st == GLIA_OK) st = session_initialize(&s);
  if (st == GLIA_OK) {
    s.config.epochs = -1;
    s.config.max_steps = MOST_STEPS + WARM_STEPS;
    const struct glia_train_job job = {.config = &s.config,
                                       .model = s.model,
                                       .engine = s.engine,
                                       .source = s.train,
                                       .observer = &observer,
                                       .meeting = &s.meeting};
    st = glia_train(&job, &result);
  }
  if (st == GLIA_OK) st = look(&s, &t, f);
  close_session(&s);
  return st;
}

static void put(struct bed *b, struct tally *t, const struct advice *a, const char *what,
                const char *unit, double predicted, double measured)
{
  const double off = fabs(predicted / measured - 1.0);

  if (!(measured > 0.0) || glia_log_rank() != 0) return;
  bench_add(b->r, unit, predicted, "measured", measured, (double)NAN, "%s %s%s", b->kind->name,
            a->name, what);
  t->n++;
  t->within += off <= 0.2;
  t->worst = fmax(t->worst, off);
}

/* Points of the span, for a bubble of 2 % that is 3 % is off by nothing. */
static void put_bubble(struct bed *b, const struct advice *a, const struct found *f)
{
  if (isnan(f->bubble) || glia_log_rank() != 0) return;
  bench_add(b->r, "% waits", 1e2 * a->bubble, "measured", 1e2 * f->bubble, (double)NAN, "%s %s",
            b->kind->name, a->name);
}

static glia_status one_way(const struct bed *b, const struct advice *a, struct found *quickest)
{
  const bool all = a->groups * a->stages == glia_comm_size(b->all);
  struct glia_comm *comm = all ? b->all : b->alone;
  struct found f = {0};
  glia_status st = GLIA_OK;

  if (a->why_not[0] != '\0') return GLIA_OK;
  if (all || comm != NULL) st = run_way(b, comm, a, &f);
  GLIA_TRY(glia_comm_barrier(b->all));
  GLIA_TRY(st);
  if (quickest->step_s == 0.0 || f.step_s < quickest->step_s) *quickest = f;
  return GLIA_OK;
}

static void put_way(struct bed *b, const struct advice *a, const struct found *f, struct tally t[4])
{
  const bool stages = a->kind >= 0;

  if (a->why_not[0] != '\0') {
    if (glia_log_rank() == 0)
      bench_add(b->r, "ms", (double)NAN, NULL, (double)NAN, (double)NAN, "%s %s: %s", b->kind->name,
                a->name, a->why_not);
    return;
  }
  put(b, &t[0], a, "", "ms", 1e3 * a->step_s, 1e3 * f->step_s);
  put(b, &t[1], a, ", memory", "MiB", a->memory_bytes / 1048576.0, f->memory_bytes / 1048576.0);
  if (stages) put(b, &t[3], a, ", tasks", "ms", 1e3 * a->tasks_s, 1e3 * f->tasks_s);
  if (stages)
    put(b, &t[2], a, ", sent", "MiB", a->stage_bytes / 1048576.0, f->stage_bytes / 1048576.0);
  if (stages) put_bubble(b, a, f);
}

static glia_status one_model(struct bed *b, struct tally t[4])
{
  static struct advice way[ADVISE_MOST];
  struct found found[ADVISE_MOST] = {{0}};
  struct session s = {.comm = b->all, .once_per_node = true};
  struct advise_basis basis;
  int n = 0;

  glia_status st = open_session(b, &s, "parallel={stages: 1}");
  if (st == GLIA_OK) st = advise_predict(&s, glia_comm_size(b->all), &n, way, &basis);
  close_session(&s);
  for (int i = 0; i < ROUNDS * n && st == GLIA_OK; i++) st = one_way(b, &way[i % n], &found[i % n]);
  for (int i = 0; i < n && st == GLIA_OK; i++) put_way(b, &way[i], &found[i], t);
  return st;
}

static bool is_wanted(const struct bench_report *r, const char *name)
{
  bool wanted = r->n_words == 0;

  for (int i = 0; i < r->n_words; i++) wanted = wanted || strcmp(r->word[i], name) == 0;
  return wanted;
}

static void conclude(struct bench_report *r, const struct tally *t, const char *what)
{
  bench_add(r, "%", 1e2 * t->worst, NULL, (double)NAN, (double)NAN,
            "%s: %d of %d within 20 %%, worst", what, t->within, t->n);
}

static glia_status run(struct bench_report *r, double seconds)
{
  static struct bed b;
  struct tally t[4] = {{0}};

  (void)seconds;
  b = (struct bed){.r = r};
  GLIA_TRY(glia_comm_world(&b.all));
  glia_status st = GLIA_OK;
  if (glia_comm_size(b.all) == 1)
    st = GLIA_FAIL(GLIA_E_USAGE, "one rank has nothing to share out: mpirun -n 2 glia bench plan");
  if (st == GLIA_OK) st = glia_comm_split(b.all, glia_comm_rank(b.all) == 0 ? 0 : -1, 0, &b.alone);
  for (const struct workload_kind *k = workload_table(); k->name != NULL && st == GLIA_OK; k++) {
    if (k->yaml == NULL || !is_wanted(r, k->name)) continue;
    r->progress(r->self, k->name);
    st = make_bed(&b, k);
    if (st == GLIA_OK) st = one_model(&b, t);
    clear_bed(&b);
  }
  if (st == GLIA_OK && glia_comm_rank(b.all) == 0) {
    conclude(r, &t[0], "step");
    conclude(r, &t[1], "memory");
    conclude(r, &t[2], "messages");
    conclude(r, &t[3], "tasks on own cores");
  }
  glia_comm_destroy(&b.alone);
  glia_comm_destroy(&b.all);
  return st;
}

const struct bench bench_plan_ = {
    .name = "plan",
    .what = "what glia train --plan predicts beside what runs take (under mpirun)",
    .run = run,
    .parts = true,
};
