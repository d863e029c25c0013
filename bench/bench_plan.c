/* bench plan: what `glia train --plan` predicts beside what a run then takes: of the models of bench train one rank, data groups, stages by
 * every schedule and grids, on the ranks of this run, and of the same models the stages of modules that learn alone. Run it under mpirun.
 * Its parts are models, schedules, grids as GROUPSxSTAGES, and micro-batches of a step: `glia bench plan mlp 1f1b 2x2 24`. A step has 8; of
 * the first model also 24, more than a way is tried with, so that the rest of them is told from those.
 *
 * Where a node has more ranks than cores, prediction and run share them, and a way is predicted by a shorter run. Tasks and bubble are those of cores of one's own
 * (jobs/cli/idle.h), which hold on a busy machine too; a whole step by the clock needs a quiet one.
 *
 * Virtual machines change their speed by half within seconds, so predictions and runs of a way take turns: beside each of three runs stands
 * the mean of what was predicted right before and right after it, for the one cut. Of each quantity the run counts whose ratio is the
 * median, and the spread is that of the three. Where others took part of a core that was meant to be a rank's own, or of those that the
 * ranks share, a run is repeated, twice for a way at most, and the worst that was left is told. */
#include "advise.h"
#include "bench.h"
#include "plan_words.h"
#include "workload.h"

#include "glia_agree.h"
#include "glia_cpus.h"
#include "glia_log.h"
#include "glia_progress.h"
#include "glia_random.h"
#include "glia_schedule.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  ROUNDS = 3,
  AGAIN = 2, /* of a way */
  MOST_MODELS = 24
};
static const double long_enough_s = 0.5;
static const double little =
    0.05; /* part of the time that others may have had a core; 0.01 to 0.03 on a quiet machine */

/* A way, and what became of it. */
struct round {
  struct advice a; /* as predicted */
  struct advice_run f;
  double lost; /* part of the time that others had a rank's core */
};

/* A model with its rows. */
struct bed {
  struct bench_report *r;
  struct glia_comm *all, *alone; /* alone: rank 0, else NULL */
  bool own_cores;                /* each rank has one */
  const struct workload_kind *kind;
  int micro_batches; /* of a step */
  char name[64];
  int depth; /* of auxiliary networks; -1: none. Of modules that learn alone the stages are looked at, as the rest is predicted as ever */
  char config[2048];
  int64_t rows;
  void *x, *y;
  struct glia_field field[2];
  struct session s; /* of the predictions */
  struct advisor *advisor;
};

/* Largest difference to what was predicted, and how many there were. */
struct tally {
  int n, within;
  double worst;
};
struct tallies {
  struct tally step, run, memory, sent,
      tasks; /* run: steps of ways that were tried by a shorter run */
  double lost;
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

static glia_status make_bed(struct bed *b, const struct workload_kind *kind, int depth)
{
  char local[32] = "";
  const int64_t micro = kind->batch / 4;

  b->kind = kind;
  b->depth = depth;
  b->rows = b->micro_batches * micro;
  snprintf(b->name, sizeof b->name, "%s", kind->name);
  if (b->micro_batches != PLAN_MICRO_BATCHES)
    snprintf(b->name, sizeof b->name, "%s, %d micro-batches,", kind->name, b->micro_batches);
  b->field[0] = (struct glia_field){"x", kind->x, 1.0, 0.0};
  b->field[1] = (struct glia_field){"y", kind->y, 1.0, 0.0};
  if (kind->y.dtype == GLIA_BOOL) b->field[1].row.dtype = GLIA_U8; /* nobody reads it */
  b->x = make_up(&b->field[0].row, b->rows, kind->classes, 0);
  b->y = make_up(&b->field[1].row, b->rows, kind->classes, 1);
  if (depth >= 0) snprintf(local, sizeof local, "local: {depth: %d}\n", depth);
  snprintf(b->config, sizeof b->config,
           "seed: 1\ndata: {file: made-up, batch: %lld, micro_batch: %lld}\nmax_steps: 1\n%s%s",
           (long long)b->rows, (long long)micro, kind->yaml, local);
  GLIA_CHECK(b->x != NULL && b->y != NULL, GLIA_E_MEMORY, "%lld rows", (long long)b->rows);
  return GLIA_OK;
}

static void clear_bed(struct bed *b)
{
  free(b->x);
  free(b->y);
  b->x = b->y = NULL;
}

/* Of the whole model; nobody is bound while ways are measured. */
static glia_status open_session(const struct bed *b, struct session *s)
{
  const void *const data[2] = {b->x, b->y};

  GLIA_TRY(glia_source_from_memory("made-up", b->rows, 2, b->field, data, &s->train));
  GLIA_TRY(session_configure_text(s, b->name, b->config, 0, NULL));
  s->config.binding = GLIA_BINDING_NONE;
  return session_build(s);
}

static void close_session(struct session *s)
{
  s->comm = NULL; /* the bed's */
  session_close(s);
}

/* One quantity of a way, by rounds. */
struct pairs {
  double predicted[ROUNDS], measured[ROUNDS];
};

static void put(struct bed *b, struct tally *t, const char *way, const char *what, const char *unit,
                const struct pairs *p)
{
  double ratio[ROUNDS], predicted[ROUNDS], measured[ROUNDS];
  int at = 0;

  for (int k = 0; k < ROUNDS; k++) {
    predicted[k] = p->predicted[k];
    measured[k] = p->measured[k];
    ratio[k] = predicted[k] / measured[k];
    if (!(measured[k] > 0.0)) return;
  }
  const double median = bench_median(ratio, ROUNDS), off = fabs(median - 1.0);
  while (p->predicted[at] / p->measured[at] != median) at++;
  struct bench_row *row = bench_add(b->r, unit, p->predicted[at], "measured", p->measured[at],
                                    (double)NAN, "%s %s%s", b->name, way, what);
  if (row != NULL) {
    (void)bench_median(predicted, ROUNDS);
    (void)bench_median(measured, ROUNDS);
    row->spread = bench_spread(predicted, ROUNDS);
    row->peer_spread = bench_spread(measured, ROUNDS);
  }
  t->n++;
  t->within += off <= 0.2;
  t->worst = fmax(t->worst, off);
}

/* Points of the span, for a bubble of 2 % that is 3 % is off by nothing. */
static void put_bubble(struct bed *b, const struct round *r)
{
  double predicted[ROUNDS], measured[ROUNDS];

  for (int k = 0; k < ROUNDS; k++) {
    predicted[k] = 1e2 * r[k].a.bubble;
    measured[k] = 1e2 * r[k].f.bubble;
    if (isnan(measured[k])) return;
  }
  bench_add(b->r, "% waits", bench_median(predicted, ROUNDS), "measured",
            bench_median(measured, ROUNDS), (double)NAN, "%s %s", b->name, r[0].a.name);
}

/* Clocks from which others' part of the time is told. */
struct clocks {
  double s, queued_s, own_s, node_s; /* of this process; of all CPUs of its node */
};

/* What all CPUs of the node have worked. 0: not known. */
static double node_busy_s(void)
{
  double user = 0.0, nice = 0.0, kernel = 0.0;
  FILE *f = fopen("/proc/stat", "r");

  if (f == NULL) return 0.0;
  if (fscanf(f, "cpu %lf %lf %lf", &user, &nice, &kernel) != 3) user = nice = kernel = 0.0;
  fclose(f);
  return (user + nice + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static struct clocks look_at_clocks(void)
{
  struct timespec own = {0};

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
  return (struct clocks){glia_time_s(), glia_queued_s(),
                         (double)own.tv_sec + 1e-9 * (double)own.tv_nsec, node_busy_s()};
}

/* Others' part of the time since, the same on all ranks: how long a rank waited for its core, or, where ranks share cores, what others
 * had of all of this node. */
static glia_status others_part(const struct bed *b, const struct clocks *from, double *part)
{
  const struct clocks to = look_at_clocks();
  double own_s = to.own_s - from->own_s, took_s = to.s - from->s;

  *part = (to.queued_s - from->queued_s) / took_s;
  if (b->own_cores) return glia_comm_reduce_f64(b->all, GLIA_COMM_MAX, part, 1);
  GLIA_TRY(glia_comm_reduce_f64(b->all, GLIA_COMM_SUM, &own_s, 1));
  *part =
      glia_comm_local_size(b->all) < glia_comm_size(b->all)
          ? 0.0
          : (to.node_s - from->node_s - own_s) / (took_s * (double)sysconf(_SC_NPROCESSORS_ONLN));
  return glia_comm_bcast(b->all, part, sizeof *part, 0);
}

static bool is_run(const struct bed *b, const struct advice *a)
{
  return a->why_not[0] == '\0' && (b->depth < 0 || a->kind >= 0);
}

/* The mean of what was predicted before and after. */
static void between(struct advice *a, const struct advice *after)
{
  a->step_s = 0.5 * (a->step_s + after->step_s);
  a->tasks_s = 0.5 * (a->tasks_s + after->tasks_s);
  a->bubble = 0.5 * (a->bubble + after->bubble);
}

/* Run a way as it stands, and predict it again. */
static glia_status run_and_predict(struct bed *b, int way, struct round *r)
{
  int n;
  const struct advice *now = &advisor_ways(b->advisor, &n)[way];
  const bool all = now->groups * now->stages == glia_comm_size(b->all);
  struct glia_comm *comm = all ? b->all : b->alone;
  const struct clocks from = look_at_clocks();
  glia_status st = GLIA_OK;

  *r = (struct round){.a = *now};
  if (all || comm != NULL) st = advisor_run(&b->s, comm, now, long_enough_s, 0, &r->f);
  GLIA_TRY(glia_agree(b->all, st));
  GLIA_TRY(advisor_time(b->advisor, way, true));
  between(&r->a, now);
  return others_part(b, &from, &r->lost);
}

static glia_status all_rounds(struct bed *b, int way, struct round *r)
{
  int again = AGAIN;

  GLIA_TRY(advisor_time(b->advisor, way, true));
  for (int k = 0; k < ROUNDS; k++) {
    GLIA_TRY(run_and_predict(b, way, &r[k]));
    if (r[k].lost <= little || again-- <= 0) continue;
    struct round other;
    GLIA_TRY(run_and_predict(b, way, &other));
    if (other.lost < r[k].lost) r[k] = other;
  }
  return GLIA_OK;
}

static void cannot_be(const struct bed *b, const char *way, const char *why)
{
  struct bench_row *row =
      bench_add(b->r, "ms", (double)NAN, NULL, (double)NAN, (double)NAN, "%s %s", b->name, way);

  if (row != NULL) snprintf(row->note, sizeof row->note, "%s", why);
}

static void put_way(struct bed *b, const struct round *r, struct tallies *t)
{
  const struct advice *a = &r[0].a;
  struct pairs step, memory, tasks, sent;

  for (int k = 0; k < ROUNDS; k++) {
    const struct advice *p = &r[k].a;
    const struct advice_run *f = &r[k].f;
    step.predicted[k] = 1e3 * p->step_s;
    step.measured[k] = 1e3 * f->step_s;
    memory.predicted[k] = p->memory_bytes / 1048576.0;
    memory.measured[k] = f->memory_bytes / 1048576.0;
    tasks.predicted[k] = 1e3 * p->tasks_s;
    tasks.measured[k] = 1e3 * f->tasks_s;
    sent.predicted[k] = p->stage_bytes / 1048576.0;
    sent.measured[k] = f->stage_bytes / 1048576.0;
    t->lost = fmax(t->lost, r[k].lost);
  }
  if (a->from == ADVISE_RUN)
    put(b, &t->run, a->name, ", shorter run", "ms", &step);
  else
    put(b, &t->step, a->name, "", "ms", &step);
  put(b, &t->memory, a->name, ", memory", "MiB", &memory);
  if (a->kind < 0) return;
  if (a->from != ADVISE_RUN) put(b, &t->tasks, a->name, ", tasks", "ms", &tasks);
  put(b, &t->sent, a->name, ", sent", "MiB", &sent);
  put_bubble(b, r);
}

static void conclude(struct bench_report *r, const struct tally *t, const char *what)
{
  bench_add(r, "%", 1e2 * t->worst, NULL, (double)NAN, (double)NAN,
            "%s: %d of %d within 20 %%, worst", what, t->within, t->n);
}

/* Rows of a way, as soon as they are known. */
static glia_status one_way(struct bed *b, int way, struct tallies *t, struct glia_progress *p)
{
  struct round r[ROUNDS];
  int n;
  const struct advice *a = &advisor_ways(b->advisor, &n)[way];
  const bool mine = glia_comm_rank(b->all) == 0;

  if (b->depth >= 0 && a->kind < 0) return GLIA_OK;
  if (is_run(b, a)) GLIA_TRY(all_rounds(b, way, r));
  if (!mine) return GLIA_OK;
  glia_progress_clear(p);
  if (is_run(b, a))
    put_way(b, r, t);
  else
    cannot_be(b, a->name, a->why_not);
  b->r->show(b->r->self);
  return GLIA_OK;
}

static glia_status all_ways(struct bed *b, struct tallies *t, struct glia_progress *p, int at)
{
  char text[128];
  int n;
  const struct advice *a = advisor_ways(b->advisor, &n);

  for (int i = 0; i < n; i++) {
    if (!plan_wants_kind(b->r, a[i].kind) || !plan_wants_grid(b->r, a[i].groups, a[i].stages))
      continue;
    snprintf(text, sizeof text, "%s %s", b->name, a[i].name);
    glia_progress_update(p, at + (double)i / n, text);
    GLIA_TRY(one_way(b, i, t, p));
  }
  return GLIA_OK;
}

static glia_status one_model(struct bed *b, struct tallies *t, struct glia_progress *p, int at)
{
  b->s = (struct session){.comm = b->all, .once_per_node = true};
  glia_status st = glia_agree(b->all, open_session(b, &b->s));
  if (st == GLIA_OK) st = advisor_open(&b->s, glia_comm_size(b->all), &b->advisor);
  if (st == GLIA_OK) st = all_ways(b, t, p, at);
  advisor_close(&b->advisor);
  close_session(&b->s);
  return st;
}

static glia_status all_models(struct bench_report *r, struct bed *bed, int n)
{
  struct tallies t = {.lost = 0.0};
  struct glia_progress p;
  glia_status st = GLIA_OK;

  glia_progress_begin(&p, "bench plan", "models", n);
  for (int i = 0; i < n && st == GLIA_OK; i++) st = one_model(&bed[i], &t, &p, i);
  glia_progress_end(&p);
  if (st != GLIA_OK || glia_comm_rank(bed[0].all) != 0) return st;
  if (t.step.n > 0) conclude(r, &t.step, "step");
  if (t.run.n > 0) conclude(r, &t.run, "step, by a shorter run");
  conclude(r, &t.memory, "memory");
  conclude(r, &t.sent, "messages");
  if (t.tasks.n > 0) conclude(r, &t.tasks, "tasks on own cores");
  bench_add(r, "%", 1e2 * t.lost, NULL, (double)NAN, (double)NAN,
            bed[0].own_cores ? "others had a rank's core, most" : "others had the cores, most");
  return GLIA_OK;
}

/* A model, and (local) the same as modules that learn alone, with auxiliary networks as deep as it has layers for, and modules for its ranks: *made
 * tells whether it can be; a row says why not. */
static glia_status make_model(struct bed *b, const struct workload_kind *kind, bool local,
                              bool *made)
{
  const struct bed fresh = *b;
  glia_status st = GLIA_OK;

  for (int depth = local ? ADVISE_DEPTH : -1; depth >= -1; depth--) {
    struct session s = {.comm = b->all};
    GLIA_TRY(glia_agree(b->all, make_bed(b, kind, depth)));
    st = glia_agree(b->all, open_session(b, &s));
    const bool fits = !local || (st == GLIA_OK &&
                                 advisor_fits(glia_comm_size(b->all), glia_model_modules(s.model)));
    close_session(&s);
    *made = st == GLIA_OK;
    if (*made && (fits || depth == 0)) return st;
    if (!local) return st;
    if (depth == 0 || (st != GLIA_OK && st != GLIA_E_CONFIG))
      break; /* else the model may be too short */
    glia_trace_clear();
    clear_bed(b);
    *b = fresh;
  }
  if (glia_comm_rank(b->all) == 0) cannot_be(b, "local", glia_trace_message());
  glia_trace_clear();
  clear_bed(b);
  return GLIA_OK;
}

/* A model by itself, and as modules that learn alone. */
static glia_status make_both(struct bench_report *r, const struct bed *plain,
                             const struct workload_kind *kind, struct bed *bed, int *n)
{
  for (int local = 0; local < 2; local++) {
    bool made = false;
    if (*n == MOST_MODELS || (local == 1 && !plan_wants_local(r))) continue;
    bed[*n] = *plain;
    const glia_status st = make_model(&bed[*n], kind, local == 1, &made);
    *n += made || st != GLIA_OK; /* what it holds is freed with the others */
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

static glia_status make_models(struct bench_report *r, const struct bed *plain, struct bed *bed,
                               int *n)
{
  const struct workload_kind *first = workload_table();

  for (const struct workload_kind *k = first; k->name != NULL; k++)
    for (int more = 0; more < 2; more++) {
      struct bed own = *plain;
      own.micro_batches = more ? PLAN_MORE_MICRO_BATCHES : PLAN_MICRO_BATCHES;
      if (k->yaml == NULL || !plan_wants_model(r, k->name) ||
          !plan_wants_micro_batches(r, own.micro_batches, k == first || !more))
        continue;
      GLIA_TRY(make_both(r, &own, k, bed, n));
    }
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  static struct bed bed[MOST_MODELS];
  struct glia_comm *all = NULL, *alone = NULL;
  struct glia_cpus cpus;
  int n = 0;

  (void)seconds;
  GLIA_TRY(plan_check_words(r));
  GLIA_TRY(glia_comm_world(&all));
  glia_status st = GLIA_OK;
  if (glia_comm_size(all) == 1)
    st = GLIA_FAIL(GLIA_E_USAGE, "one rank has nothing to share out: mpirun -n 2 glia bench plan");
  if (st == GLIA_OK) st = glia_cpus_look(NULL, &cpus);
  int64_t own = st == GLIA_OK && cpus.node_cores >= glia_comm_local_size(all);
  if (st == GLIA_OK) st = glia_comm_reduce_i64(all, GLIA_COMM_MIN, &own, 1);
  if (st == GLIA_OK) st = glia_comm_split(all, glia_comm_rank(all) == 0 ? 0 : -1, 0, &alone);
  const struct bed plain = {.r = r, .all = all, .alone = alone, .own_cores = own == 1};
  if (st == GLIA_OK) st = make_models(r, &plain, bed, &n);
  if (st == GLIA_OK && n > 0) st = all_models(r, bed, n);
  for (int i = 0; i < n; i++) clear_bed(&bed[i]);
  glia_comm_destroy(&alone);
  glia_comm_destroy(&all);
  return st;
}

const struct bench bench_plan_ = {
    .name = "plan",
    .what = "what glia train --plan predicts beside what runs take (under mpirun)",
    .run = run,
    .parts = true,
};
