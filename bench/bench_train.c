/* bench train: whole training steps of six workloads on one worker, beside PyTorch's, alternating block by block with the same
 * weights and data; the memory plan beside the largest sum of live values; two workers beside one; evaluation of one row
 * beside reading the weights. */
#include "bench.h"
#include "limit.h"
#include "peer.h"

#include "glia_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char program[] = {
#include "bench/train_torch.inc"
    0};

enum { ROUNDS = 11, WARM = 3 };
static const double block_s = 0.12; /* of one block of steps, at least */

/* What a workload's rounds came to, seconds per step. */
struct times {
  double ours[ROUNDS], theirs[ROUNDS];
  int n_ours, n_theirs; /* steps in a block */
};

static glia_status time_ours(struct workload *w, int n, double *took_s)
{
  const double t0 = glia_time_s();

  GLIA_TRY(workload_run(w, n, NULL));
  *took_s = glia_time_s() - t0;
  return GLIA_OK;
}

static int steps_of_block(double step_s)
{
  const double n = block_s / step_s;

  return n < 1.0 ? 1 : n > 1e4 ? 10000 : (int)n + 1;
}

/* The first steps of both, from the same weights: losses agree, or something is not the same model. The first tells the
 * forward pass, the others gradient and update; in float32 they part by rounding. */
static glia_status compare(struct workload *w, struct peer *p)
{
  const double tolerance = w->kind->x.dtype == GLIA_F64 ? 1e-9 : 1e-3;

  for (int i = 0; i < WARM; i++) {
    double ours, theirs, took_s;
    GLIA_TRY(workload_run(w, 1, &ours));
    GLIA_TRY(peer_run(p, 1, &took_s, &theirs));
    GLIA_CHECK(fabs(ours - theirs) <= tolerance * fabs(theirs), GLIA_E_INTERNAL,
               "%s: the loss of step %d is %.9g, PyTorch's %.9g: not the same model", w->kind->name,
               i + 1, ours, theirs);
  }
  return GLIA_OK;
}

static glia_status alternate(struct workload *w, struct peer *p, struct times *t)
{
  double loss, took_s;

  GLIA_TRY(workload_run(w, WARM, NULL));
  GLIA_TRY(time_ours(w, WARM, &took_s));
  t->n_ours = steps_of_block(took_s / WARM);
  if (p->pid > 0) {
    GLIA_TRY(peer_run(p, WARM, &took_s, &loss));
    t->n_theirs = steps_of_block(took_s / WARM);
  }
  for (int i = 0; i < ROUNDS; i++) {
    /* afresh each round: after thousands of steps on one batch moments of dead units are denormal, which no training sees */
    workload_reset(w);
    GLIA_TRY(workload_run(w, 1, NULL)); /* the other has had the caches since */
    GLIA_TRY(time_ours(w, t->n_ours, &took_s));
    t->ours[i] = took_s / t->n_ours;
    if (p->pid == 0) continue;
    GLIA_TRY(peer_reset(p));
    GLIA_TRY(peer_run(p, 1, &took_s, &loss)); /* the same, and the optimizer makes its moments */
    GLIA_TRY(peer_run(p, t->n_theirs, &took_s, &loss));
    t->theirs[i] = took_s / t->n_theirs;
  }
  return GLIA_OK;
}

/* Share of the limit that a step reaches: the limit and a block of steps in turns, since the speed of a shared machine wanders by more
 * than the two differ; the median of the pairs. *best: that of each block's quickest step, as the limit is of the quickest calls. */
static glia_status fraction_of_limit(struct workload *w, int steps, double *out, double *best)
{
  enum { PAIRS = 5 };
  struct limit limit;
  double pair[PAIRS], quick[PAIRS];

  for (int i = 0; i < PAIRS; i++) {
    double took_s, sum_s = 0.0, least_s = INFINITY;
    GLIA_TRY(limit_measure(w, &limit));
    workload_reset(w);
    GLIA_TRY(workload_run(w, 1, NULL));
    for (int k = 0; k < steps; k++) {
      GLIA_TRY(time_ours(w, 1, &took_s));
      sum_s += took_s;
      least_s = fmin(least_s, took_s);
    }
    pair[i] = limit.limit_s * steps / sum_s;
    quick[i] = limit.limit_s / least_s;
  }
  *out = bench_median(pair, PAIRS);
  *best = bench_median(quick, PAIRS);
  return GLIA_OK;
}

static glia_status measure(struct bench_report *r, struct workload *w, struct peer *p)
{
  struct times t = {0};
  double theirs = NAN, their_spread = NAN;

  if (p->pid > 0) {
    GLIA_TRY(peer_build(p, w, 1));
    GLIA_TRY(compare(w, p));
  }
  GLIA_TRY(alternate(w, p, &t));
  const double ours = bench_median(t.ours, ROUNDS), spread = bench_spread(t.ours, ROUNDS);
  if (p->pid > 0) {
    theirs = bench_median(t.theirs, ROUNDS);
    their_spread = bench_spread(t.theirs, ROUNDS);
  }
  const double rows = (double)w->kind->batch;
  double reached = NAN, quickest = NAN;

  GLIA_TRY(fraction_of_limit(w, t.n_ours, &reached, &quickest));
  struct bench_row *row = bench_add(r, "samples/s", rows / ours, NULL, NAN, reached, "%s %s",
                                    w->kind->name, w->kind->what);
  if (row == NULL) return GLIA_OK;
  row->spread = spread;
  snprintf(row->note, sizeof row->note, "the quickest step of a block reaches %.2f of the limit",
           quickest);
  if (p->pid == 0) return GLIA_OK;
  snprintf(row->peer_text, sizeof row->peer_text, "PyTorch %.40s %.40s", p->version, p->variant);
  row->peer = row->peer_text;
  row->peer_value = rows / theirs;
  row->peer_spread = their_spread;
  row->ratio = theirs / ours;
  return GLIA_OK;
}

/* The plan of a worker's memory: the limit is what is alive at once. */
static void plan(struct bench_report *r, const struct workload *w)
{
  struct glia_program_info info;

  if (!glia_program_info(w->program, "train", &info)) return;
  bench_add(r, "MB", (double)info.micro_bytes / 1e6, NULL, NAN,
            (double)info.micro_lower_bound / (double)info.micro_bytes, "%s arena of a worker",
            w->kind->name);
}

/* What two workers lose to each other in a step: each writes half of the parameters, which both read, and half of the other's gradient
 * goes over; whoever writes what the other has read first takes it back. */
static glia_status hand_over(const struct workload *w, double *out_s)
{
  const struct glia_state *state = NULL;
  const struct glia_model_parameter *p;
  const int n = w->model != NULL ? glia_model_parameters(w->model, &p) : 0;
  size_t bytes = 0;
  double write_s = 0.0, read_s = 0.0;

  glia_graph_states(w->graph, &state);
  for (int i = 0; i < n; i++) bytes += glia_type_bytes(&state[p[i].state].type);
  if (bytes > 0) GLIA_TRY(limit_hand_over(bytes / 2, &write_s, &read_s));
  *out_s = 2.0 * (write_s + read_s);
  return GLIA_OK;
}

/* One and two workers on two halves of the batch. apart: two engines of one worker with a half each and an update of their own, which share
 * nothing; beside: how many times longer a step of one takes while the other runs. */
struct pair {
  struct workload w[2], apart[2];
  double took[2][ROUNDS], beside[ROUNDS];
};

static glia_status open_pair(struct pair *p, const struct workload_kind *kind,
                             const struct workload_kind *half)
{
  const int64_t micro_batch = workload_micro_batch(kind, 2);

  for (int k = 0; k < 2; k++) {
    GLIA_TRY(workload_open(&p->w[k], kind, micro_batch, k + 1));
    GLIA_TRY(workload_open(&p->apart[k], half, micro_batch, 1));
  }
  for (int k = 0; k < 2; k++) {
    GLIA_TRY(workload_run(&p->w[k], WARM, NULL));
    GLIA_TRY(workload_run(&p->apart[k], WARM, NULL));
  }
  return GLIA_OK;
}

static glia_status time_pair(struct pair *p)
{
  double took_s, alone_s, both_s;

  GLIA_TRY(time_ours(&p->w[0], WARM, &took_s));
  const int n = steps_of_block(took_s / WARM);
  for (int i = 0; i < ROUNDS; i++) {
    for (int k = 0; k < 2; k++) {
      workload_reset(&p->w[k]);
      GLIA_TRY(time_ours(&p->w[k], n, &took_s));
      p->took[k][i] = took_s / n;
    }
    for (int k = 0; k < 2; k++) workload_reset(&p->apart[k]);
    GLIA_TRY(limit_beside(p->apart, n, &alone_s, &both_s));
    p->beside[i] = both_s / alone_s;
  }
  return GLIA_OK;
}

/* Two workers beside one: the limit is half of its time, longer by what two cores lose that share nothing, and what goes over. */
static glia_status two_workers(struct bench_report *r, const struct workload_kind *kind)
{
  struct workload_kind half = *kind;
  struct pair p = {0};
  double over_s = 0.0;

  half.batch /= 2;
  glia_status st = open_pair(&p, kind, &half);
  if (st == GLIA_OK) st = time_pair(&p);
  if (st == GLIA_OK) st = hand_over(&p.w[1], &over_s);
  for (int k = 0; k < 2; k++) {
    workload_close(&p.w[k]);
    workload_close(&p.apart[k]);
  }
  GLIA_TRY(st);
  const double one = bench_median(p.took[0], ROUNDS), two = bench_median(p.took[1], ROUNDS);
  const double beside = bench_median(p.beside, ROUNDS);
  struct bench_row *row = bench_add(r, "samples/s", (double)kind->batch / two, NULL, NAN,
                                    (one / 2.0 * beside + over_s) / two,
                                    "%s two workers, %.2f times one", kind->name, one / two);
  if (row == NULL) return GLIA_OK;
  row->spread = bench_spread(p.took[1], ROUNDS);
  snprintf(row->note, sizeof row->note,
           "two engines that share nothing, each with an update of its own, do %.2f times the "
           "steps of one here (+-%.0f %%)",
           2.0 / beside, 100.0 * bench_spread(p.beside, ROUNDS));
  return GLIA_OK;
}

/* One row through the model: the limit is reading its weights once, at the rate at which as many bytes are summed up here. */
static glia_status one_row(struct bench_report *r, const struct workload_kind *kind)
{
  enum { CALLS = 50 };
  const struct glia_model_parameter *p;
  const struct glia_state *state = NULL;
  struct workload w;
  double ours[ROUNDS], reading[ROUNDS], checksum = 0.0;
  size_t bytes = 0;

  glia_status st = workload_open(&w, kind, 1, 1);
  const int n = st == GLIA_OK ? glia_model_parameters(w.model, &p) : 0;
  if (st == GLIA_OK) glia_graph_states(w.graph, &state);
  for (int i = 0; i < n; i++) bytes += glia_type_bytes(&state[p[i].state].type);
  if (st == GLIA_OK) st = workload_predict(&w, CALLS);
  for (int i = 0; i < ROUNDS && st == GLIA_OK; i++) {
    const double t0 = glia_time_s();
    st = workload_predict(&w, CALLS);
    const double t1 = glia_time_s();
    for (int k = 0; k < CALLS; k++) checksum += bench_read(bytes);
    ours[i] = (t1 - t0) / CALLS;
    reading[i] = (glia_time_s() - t1) / CALLS;
  }
  workload_close(&w);
  GLIA_TRY(st);
  GLIA_CHECK(isfinite(checksum), GLIA_E_MEMORY, "%zu bytes", bytes);
  const double took = bench_median(ours, ROUNDS);
  bench_add(r, "samples/s", 1.0 / took, NULL, NAN, bench_median(reading, ROUNDS) / took,
            "%s evaluation of one row", kind->name);
  return GLIA_OK;
}

/* Where a step goes: an engine of its own, whose kernels are timed one by one. */
static glia_status look(struct bench_report *r, const struct workload_kind *kind)
{
  enum { STEPS = 10 };
  struct workload w;

  if (r->look == NULL) return GLIA_OK;
  r->time_kernels(true);
  glia_status st = workload_open(&w, kind, workload_micro_batch(kind, 1), 1);
  if (st == GLIA_OK) st = workload_run(&w, STEPS, NULL);
  if (st == GLIA_OK) r->look(r->self, kind->name, w.program, STEPS);
  workload_close(&w);
  r->time_kernels(false);
  return st;
}

static glia_status run_one(struct bench_report *r, const struct workload_kind *kind, struct peer *p)
{
  struct workload w;

  r->progress(r->self, kind->name);
  glia_status st = workload_open(&w, kind, workload_micro_batch(kind, 1), 1);
  if (st == GLIA_OK) st = measure(r, &w, p);
  if (st == GLIA_OK) plan(r, &w);
  workload_close(&w);
  if (st == GLIA_OK) st = two_workers(r, kind);
  if (st == GLIA_OK && strcmp(kind->name, "autoencoder") == 0) st = one_row(r, kind);
  if (st == GLIA_OK) st = look(r, kind);
  return st;
}

static bool is_wanted(const struct bench_report *r, const char *name)
{
  bool wanted = r->n_words == 0;

  for (int i = 0; i < r->n_words; i++) wanted = wanted || strcmp(r->word[i], name) == 0;
  return wanted;
}

static glia_status check_words(const struct bench_report *r)
{
  for (int i = 0; i < r->n_words; i++) {
    const struct workload_kind *k = workload_table();
    while (k->name != NULL && strcmp(k->name, r->word[i]) != 0) k++;
    GLIA_CHECK(k->name != NULL, GLIA_E_USAGE,
               "no workload named %s: there are mlp, autoencoder, cnn, resnet, gpt, pinn",
               r->word[i]);
  }
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct peer p;
  glia_status st = GLIA_OK;

  (void)seconds;
  GLIA_TRY(check_words(r));
  GLIA_TRY(peer_open(&p, program));
  if (p.pid == 0)
    r->progress(r->self, "no Python with PyTorch and NumPy: only our own speeds (apt-get install "
                         "python3-torch, or set PYTHON3)");
  for (const struct workload_kind *k = workload_table(); k->name != NULL && st == GLIA_OK; k++)
    if (is_wanted(r, k->name)) st = run_one(r, k, &p);
  peer_close(&p);
  return st;
}

const struct bench bench_train_ = {
    .name = "train",
    .what = "training steps of six workloads on one worker, beside PyTorch's",
    .run = run,
    .parts = true,
};
