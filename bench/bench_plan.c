/* bench plan: what `glia train --plan` predicts beside what a run then takes: of the models of bench train one rank, data groups, stages by
 * every schedule and grids, on the ranks of this run, and of the same models the stages of modules that learn alone. Run it under mpirun.
 *
 * Predicted times rest on one rank's layers and on messages between two ranks, whatever the number of ranks here. Where a node has
 * more ranks than cores, prediction and run share them. Tasks and bubble are those of cores of one's own (jobs/cli/idle.h), which hold
 * on a busy machine too; a whole step by the clock needs a quiet one. All models are predicted and run in three rounds, each way cut as
 * it was predicted; of each quantity the round counts whose ratio is the median, and the spread is that of the rounds. Where others took
 * part of a core that was meant to be a rank's own, or of those that the ranks share, it is predicted or run again, and the worst that
 * was left is told. */
#include "advise.h"
#include "bench.h"
#include "stages.h"
#include "workload.h"

#include "glia_agree.h"
#include "glia_cpus.h"
#include "glia_log.h"
#include "glia_pipeline.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  MICRO_BATCHES = 8,
  WARM_STEPS = 2,
  LEAST_STEPS = 7,
  MOST_STEPS = 200,
  ROUNDS = 3,
  TRIES = 3,
  MOST_MODELS = 12
};
static const double long_enough_s = 0.5;
static const double little =
    0.05; /* part of the time that others may have had a core; 0.01 to 0.03 on a quiet machine */

struct found {
  double step_s, tasks_s, bubble, memory_bytes, stage_bytes;
  double lost; /* part of the time that others had a rank's core */
};

/* What became of a model's ways in a round. */
struct round {
  int n;
  double lost; /* as predicted */
  struct advice way[ADVISE_MOST];
  struct found found[ADVISE_MOST];
};

/* A model with its rows. */
struct bed {
  struct bench_report *r;
  struct glia_comm *all, *alone; /* alone: rank 0, else NULL */
  bool own_cores;                /* each rank has one */
  const struct workload_kind *kind;
  int depth; /* of auxiliary networks; -1: none. Of modules that learn alone the stages are looked at, as the rest is predicted as ever */
  char config[2048];
  int64_t rows;
  void *x, *y;
  struct glia_field field[2];
  struct round round[ROUNDS];
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

static glia_status make_bed(struct bed *b, const struct workload_kind *kind, int depth)
{
  char local[32] = "";
  const int64_t micro = kind->batch / 4;

  b->kind = kind;
  b->depth = depth;
  b->rows = MICRO_BATCHES * micro;
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
  char parallel[512] = "parallel={stages: 1}";

  if (a->kind >= 0)
    snprintf(parallel, sizeof parallel, "parallel={stages: %d, schedule: %s, cuts: %s}", a->stages,
             glia_schedule_names()[a->kind], a->cuts);
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

/* One quantity of a way, by rounds. */
struct pairs {
  double predicted[ROUNDS], measured[ROUNDS];
};

static void put(struct bed *b, struct tally *t, int way, const char *what, const char *unit,
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
  struct bench_row *row =
      bench_add(b->r, unit, p->predicted[at], "measured", p->measured[at], (double)NAN, "%s %s%s",
                b->kind->name, b->round[0].way[way].name, what);
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
static void put_bubble(struct bed *b, int way)
{
  double predicted[ROUNDS], measured[ROUNDS];

  for (int k = 0; k < ROUNDS; k++) {
    predicted[k] = 1e2 * b->round[k].way[way].bubble;
    measured[k] = 1e2 * b->round[k].found[way].bubble;
    if (isnan(measured[k])) return;
  }
  bench_add(b->r, "% waits", bench_median(predicted, ROUNDS), "measured",
            bench_median(measured, ROUNDS), (double)NAN, "%s %s", b->kind->name,
            b->round[0].way[way].name);
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

static glia_status one_way(const struct bed *b, const struct advice *a, struct found *least)
{
  const bool all = a->groups * a->stages == glia_comm_size(b->all);
  struct glia_comm *comm = all ? b->all : b->alone;
  bool disturbed = true;

  if (a->why_not[0] != '\0' || (b->depth >= 0 && a->kind < 0)) return GLIA_OK;
  for (int try = 0; try < TRIES && disturbed; try++) {
    const struct clocks from = look_at_clocks();
    struct found f = {0};
    glia_status st = GLIA_OK;
    if (all || comm != NULL) st = run_way(b, comm, a, &f);
    GLIA_TRY(glia_agree(b->all, st));
    GLIA_TRY(others_part(b, &from, &f.lost));
    if (try == 0 || f.lost < least->lost) *least = f;
    disturbed = f.lost > little;
  }
  return GLIA_OK;
}

static glia_status predict(struct bed *b, struct round *least)
{
  static struct round r;
  bool disturbed = true;

  for (int try = 0; try < TRIES && disturbed; try++) {
    struct session s = {.comm = b->all, .once_per_node = true};
    struct advise_basis basis;
    const struct clocks from = look_at_clocks();
    r = (struct round){.n = 0};
    glia_status st = open_session(b, &s, "parallel={stages: 1, binding: none}");
    if (st == GLIA_OK) st = advise_predict(&s, glia_comm_size(b->all), &r.n, r.way, &basis);
    close_session(&s);
    GLIA_TRY(glia_agree(b->all, st));
    GLIA_TRY(others_part(b, &from, &r.lost));
    if (try == 0 || r.lost < least->lost) *least = r;
    disturbed = r.lost > little;
  }
  return GLIA_OK;
}

static void cannot_be(struct bench_report *r, const struct workload_kind *kind, const char *way,
                      const char *why)
{
  struct bench_row *row =
      bench_add(r, "ms", (double)NAN, NULL, (double)NAN, (double)NAN, "%s %s", kind->name, way);

  if (row != NULL) snprintf(row->note, sizeof row->note, "%s", why);
}

static void put_way(struct bed *b, int way, struct tally t[4])
{
  const struct advice *a = &b->round[0].way[way];
  struct pairs step, memory, tasks, sent;

  if (b->depth >= 0 && a->kind < 0) return;
  if (a->why_not[0] != '\0') {
    cannot_be(b->r, b->kind, a->name, a->why_not);
    return;
  }
  for (int k = 0; k < ROUNDS; k++) {
    const struct advice *p = &b->round[k].way[way];
    const struct found *f = &b->round[k].found[way];
    step.predicted[k] = 1e3 * p->step_s;
    step.measured[k] = 1e3 * f->step_s;
    memory.predicted[k] = p->memory_bytes / 1048576.0;
    memory.measured[k] = f->memory_bytes / 1048576.0;
    tasks.predicted[k] = 1e3 * p->tasks_s;
    tasks.measured[k] = 1e3 * f->tasks_s;
    sent.predicted[k] = p->stage_bytes / 1048576.0;
    sent.measured[k] = f->stage_bytes / 1048576.0;
  }
  put(b, &t[0], way, "", "ms", &step);
  put(b, &t[1], way, ", memory", "MiB", &memory);
  if (a->kind < 0) return;
  put(b, &t[3], way, ", tasks", "ms", &tasks);
  put(b, &t[2], way, ", sent", "MiB", &sent);
  put_bubble(b, way);
}

static glia_status one_round(struct bed *b, struct round *r)
{
  glia_status st = predict(b, r);

  for (int i = 0; i < r->n && st == GLIA_OK; i++) st = one_way(b, &r->way[i], &r->found[i]);
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

static glia_status all_rounds(struct bed *bed, int n)
{
  glia_status st = GLIA_OK;

  for (int k = 0; k < ROUNDS; k++)
    for (int i = 0; i < n && st == GLIA_OK; i++) {
      bed[i].r->progress(bed[i].r->self, bed[i].kind->name);
      st = one_round(&bed[i], &bed[i].round[k]);
    }
  return st;
}

static void report(struct bench_report *r, struct bed *bed, int n)
{
  struct tally t[4] = {{0}};

  for (int i = 0; i < n; i++)
    for (int k = 0; k < bed[i].round[0].n; k++) put_way(&bed[i], k, t);
  conclude(r, &t[0], "step");
  conclude(r, &t[1], "memory");
  conclude(r, &t[2], "messages");
  conclude(r, &t[3], "tasks on own cores");
  double lost = 0.0;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < ROUNDS; k++) {
      lost = fmax(lost, bed[i].round[k].lost);
      for (int w = 0; w < bed[i].round[k].n; w++) lost = fmax(lost, bed[i].round[k].found[w].lost);
    }
  bench_add(r, "%", 1e2 * lost, NULL, (double)NAN, (double)NAN,
            bed[0].own_cores ? "others had a rank's core, most" : "others had the cores, most");
}

/* A model, and (local) the same as modules that learn alone, with auxiliary networks as deep as it has layers for: *made tells whether it
 * can be; a row says why not. */
static glia_status make_model(struct bed *b, const struct workload_kind *kind, bool local,
                              bool *made)
{
  const struct bed fresh = *b;
  glia_status st = GLIA_OK;

  for (int depth = local ? ADVISE_DEPTH : -1; depth >= -1; depth--) {
    struct session s = {.comm = b->all};
    GLIA_TRY(glia_agree(b->all, make_bed(b, kind, depth)));
    st = glia_agree(b->all, open_session(b, &s, "parallel={stages: 1, binding: none}"));
    close_session(&s);
    *made = st == GLIA_OK;
    if (*made || !local) return st;
    if (depth == 0 || st != GLIA_E_CONFIG) break; /* else the model may be too short */
    glia_trace_clear();
    clear_bed(b);
    *b = fresh;
  }
  if (glia_comm_rank(b->all) == 0) cannot_be(b->r, kind, "local", glia_trace_message());
  glia_trace_clear();
  clear_bed(b);
  return GLIA_OK;
}

static glia_status make_models(struct bench_report *r, const struct bed *plain, struct bed *bed,
                               int *n)
{
  for (const struct workload_kind *k = workload_table(); k->name != NULL; k++)
    for (int local = 0; local < 2; local++) {
      bool made = false;
      if (k->yaml == NULL || !is_wanted(r, k->name) || *n == MOST_MODELS) continue;
      bed[*n] = *plain;
      const glia_status st = make_model(&bed[*n], k, local == 1, &made);
      *n += made || st != GLIA_OK; /* what it holds is freed with the others */
      GLIA_TRY(st);
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
  if (st == GLIA_OK) st = all_rounds(bed, n);
  if (st == GLIA_OK && glia_comm_rank(all) == 0) report(r, bed, n);
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
