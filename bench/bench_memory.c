/* Values computed again: bytes of a micro-batch, and what a step then takes, beside the same step with all of them kept. */
#include "bench.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "workload.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 9, PLANS = 4 };

/* The workload on a program of its own, of so many bytes: 0, as few as can be had. */
static glia_status open_within(struct workload *w, const struct workload_kind *kind, size_t bytes)
{
  GLIA_TRY(workload_open(w, kind, kind->batch, 1));
  glia_engine_destroy(&w->engine);
  glia_program_destroy(&w->program);
  GLIA_TRY(glia_model_compile_within(w->model, glia_kernels_default(), GLIA_BUCKET_BYTES, bytes,
                                     &w->program));
  GLIA_TRY(glia_engine_create(w->program, 1, NULL, 1, &w->engine));
  workload_reset(w);
  return workload_run(w, 2, NULL);
}

static size_t bytes_of(const struct workload *w)
{
  struct glia_program_info info = {0};

  glia_program_info(w->program, "train", &info);
  return info.micro_bytes;
}

static void tell(struct bench_report *r, const struct workload *w, double took_s, double all_s,
                 double spread)
{
  struct glia_program_info info = {0};

  glia_program_info(w->program, "train", &info);
  struct bench_row *row = bench_add(
      r, "samples/s", (double)w->kind->batch / took_s, "all kept", (double)w->kind->batch / all_s,
      NAN, "%s %.1f MB, %.0f %%, %.1f %% more work", w->kind->name, (double)info.micro_bytes / 1e6,
      1e2 * (double)info.micro_bytes / (double)info.kept_bytes, 1e2 * info.extra_work);
  if (row != NULL) row->spread = spread;
}

/* All kept, then the least and two between. */
static glia_status measure(struct bench_report *r, const struct workload_kind *kind)
{
  struct workload w[PLANS] = {0};
  double took[PLANS][ROUNDS];
  glia_status st = open_within(&w[0], kind, SIZE_MAX);

  if (st == GLIA_OK) st = open_within(&w[3], kind, 0);
  for (int k = 1; k < 3 && st == GLIA_OK; k++) {
    const size_t all = bytes_of(&w[0]), least = bytes_of(&w[3]);
    st = open_within(&w[k], kind, least + (all - least) * (size_t)(3 - k) / 3);
  }
  for (int i = 0; i < ROUNDS; i++)
    for (int k = 0; k < PLANS && st == GLIA_OK; k++) {
      const double t0 = glia_time_s();
      st = workload_run(&w[k], 1, NULL);
      took[k][i] = glia_time_s() - t0;
    }
  const double all_s = st == GLIA_OK ? bench_median(took[0], ROUNDS) : 0.0;
  for (int k = 1; k < PLANS && st == GLIA_OK; k++) {
    const double s = bench_median(took[k], ROUNDS);
    tell(r, &w[k], s, all_s, bench_spread(took[k], ROUNDS));
  }
  for (int k = 0; k < PLANS; k++) workload_close(&w[k]);
  return st;
}

static bool wanted(const struct bench_report *r, const char *name)
{
  bool yes = r->n_words == 0;

  for (int i = 0; i < r->n_words; i++) yes = yes || strcmp(r->word[i], name) == 0;
  return yes;
}

static glia_status run(struct bench_report *r, double seconds)
{
  (void)seconds;
  for (const struct workload_kind *k = workload_table(); k->name != NULL; k++) {
    if (k->yaml == NULL || !wanted(r, k->name)) continue;
    r->progress(r->self, k->name);
    GLIA_TRY(measure(r, k));
  }
  return GLIA_OK;
}

const struct bench bench_memory_ = {
    .name = "memory",
    .what = "steps of training with less memory for values, some computed again, beside all kept",
    .run = run,
    .parts = true,
};
