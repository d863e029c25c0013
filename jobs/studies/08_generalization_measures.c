/* generalization-measures: can anything computed from sample and answer foretell the error of a biased learner?
 *
 * Linear maps from F_q^20 to F_q on uniform inputs. The learner answers inside the subspace V of the first 10 coordinates whenever
 * a map of V fits its n samples. In world 0 the true map lies in V, in world 1 it is any map. With n = dim V, and the samples
 * invertible on V, both worlds show the same samples and the same answers while the error is 0 in one and 1 - 1/q in
 * the other: a trained estimator, the method, must be at chance like the coin, its baseline. Control: n = 14 samples, more than
 * dim V, where a map of V that fits by chance is rare and the worlds come apart.
 * All arithmetic is exact, modulo q.  Source: gastpar2023 (arXiv:2309.13658), theorem 4.
 *
 * Shattered set: any labelling of 40 points is possible, 20 of them are the sample. In world 0 the learner answers with the true
 * labels, in world 1 with a random labelling that fits the sample: the same training error, 0, while on unseen points one errs never and
 * the other half the time. Sample and answer have one law in both worlds. Control: the estimator is shown the population.
 * Source: gastpar2023, theorem 2. */
#include "study.h"

#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  D = 20,
  V = 10,
  N_MAX = 14,
  ROWS = 20000,
  TEST_ROWS = 40000,
  FEATURES = N_MAX * D + N_MAX + 2 * D,
  POINTS = 40, /* of the shattered set */
  SEEN = 20
};

/* A stream of draws modulo q. */
struct draw {
  uint64_t key, index;
  int q;
};

static int next(struct draw *d)
{
  return (int)(glia_random_unit(glia_random_bits(d->key, 0, d->index++)) * d->q);
}

static int inverse(int a, int q)
{
  for (int b = 1; b < q; b++)
    if (a * b % q == 1) return b;
  return 0;
}

/* Solve x [n, D] restricted to the first `cols` columns for w [cols]; free unknowns are 0. Returns the rank, or -1 where nothing fits. */
static int solve(int q, int n, int cols, int x[N_MAX][D], const int *y, int *w)
{
  int a[N_MAX][D + 1], pivot[D], rank = 0;

  for (int i = 0; i < n; i++) {
    memcpy(a[i], x[i], (size_t)cols * sizeof(int));
    a[i][cols] = y[i];
  }
  for (int c = 0; c < cols && rank < n; c++) {
    int r = rank;
    while (r < n && a[r][c] == 0) r++;
    if (r == n) continue;
    for (int k = 0; k <= cols; k++) {
      const int keep = a[r][k];
      a[r][k] = a[rank][k];
      a[rank][k] = keep;
    }
    const int scale = inverse(a[rank][c], q);
    for (int k = 0; k <= cols; k++) a[rank][k] = a[rank][k] * scale % q;
    for (int i = 0; i < n; i++) {
      const int f = a[i][c];
      if (i == rank || f == 0) continue;
      for (int k = 0; k <= cols; k++) a[i][k] = (a[i][k] + (q - f) * a[rank][k]) % q;
    }
    pivot[rank++] = c;
  }
  for (int i = rank; i < n; i++)
    if (a[i][cols] != 0) return -1;
  memset(w, 0, (size_t)cols * sizeof *w);
  for (int i = 0; i < rank; i++) w[pivot[i]] = a[i][cols];
  return rank;
}

/* What the estimator sees of samples x, labels y and the answer h. */
static void describe(int q, int n, int x[N_MAX][D], const int *y, const int *h, float *out)
{
  memset(out, 0, FEATURES * sizeof *out);
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < D; k++) out[i * D + k] = (float)x[i][k] / (float)q;
    out[N_MAX * D + i] = (float)y[i] / (float)q;
  }
  for (int k = 0; k < D; k++) {
    out[N_MAX * D + N_MAX + k] = (float)h[k] / (float)q;
    out[N_MAX * D + N_MAX + D + k] = h[k] != 0 ? 1.0F : 0.0F;
  }
}

struct counts {
  int64_t draws, kept, right[2],
      of[2];    /* kept: samples of full rank on V; right: answers that are the true map */
  double wrong; /* share of unseen points with wrong labels, summed over all draws */
};

/* One sample of full rank on V, its answer, and its row. */
static void sample(struct draw *d, int n, int world, float *row, struct counts *count)
{
  int x[N_MAX][D], y[N_MAX], f[D], h[D] = {0}, inside[D] = {0};

  for (;;) {
    const int zero[N_MAX] = {0};
    count->draws++;
    for (int k = 0; k < D; k++) f[k] = world == 1 || k < V ? next(d) : 0;
    for (int i = 0; i < n; i++) {
      int sum = 0;
      for (int k = 0; k < D; k++) {
        x[i][k] = next(d);
        sum += x[i][k] * f[k];
      }
      y[i] = sum % d->q;
    }
    if (solve(d->q, n, V, x, zero, inside) == V) break;
  }
  count->kept++;
  memset(h, 0, sizeof h);
  if (solve(d->q, n, V, x, y, inside) >= 0)
    memcpy(h, inside, V * sizeof *h);
  else
    (void)solve(d->q, n, D, x, y, h); /* fits: the true map does */
  count->of[world]++;
  count->right[world] += memcmp(h, f, sizeof h) == 0;
  describe(d->q, n, x, y, h, row);
}

/* Sample and answer on a shattered set; where the answer errs, if the population is shown. */
static void shattered(struct draw *d, int world, bool shown, float *row, struct counts *count)
{
  int order[POINTS], truth[POINTS], wrong = 0;

  memset(row, 0, FEATURES * sizeof *row);
  for (int i = 0; i < POINTS; i++) {
    order[i] = i;
    truth[i] = next(d);
  }
  for (int i = 0; i < POINTS; i++) { /* the first SEEN of a random order are the sample */
    const int j =
        i + (int)(glia_random_unit(glia_random_bits(d->key, 0, d->index++)) * (POINTS - i));
    const int p = order[j];
    order[j] = order[i];
    order[i] = p;
    const int h = world == 1 && i >= SEEN ? next(d) : truth[p];
    if (i < SEEN) row[p] = truth[p] != 0 ? 1.0F : -1.0F;
    row[POINTS + p] = h != 0 ? 1.0F : -1.0F;
    if (shown && h != truth[p]) row[2 * POINTS + p] = 1.0F;
    wrong += h != truth[p];
  }
  count->of[world]++;
  count->right[world] += wrong == 0;
  count->wrong += wrong / (double)(POINTS - SEEN);
}

/* Rows of both worlds by turns; n = 0: of the shattered set. */
static glia_status make(const char *name, int64_t rows, struct draw *d, int n, bool shown, float *x,
                        int32_t *y, struct counts *count, struct glia_source **out)
{
  const struct glia_field field[] = {
      {"x", glia_type_make(GLIA_F32, 1, (int64_t[]){FEATURES}), 1.0, 0.0},
      {"y", glia_type_make(GLIA_I32, 0, NULL), 1.0, 0.0},
  };
  const void *const data[] = {x, y};

  for (int64_t i = 0; i < rows; i++) {
    y[i] = (int32_t)(i % 2);
    if (n > 0)
      sample(d, n, (int)y[i], x + i * FEATURES, count);
    else
      shattered(d, (int)y[i], shown, x + i * FEATURES, count);
  }
  return glia_source_from_memory(name, rows, (int)GLIA_COUNT(field), field, data, out);
}

static double of_measure(const struct study_cell *c, const char *name)
{
  for (int i = 0; c->study->measure[i].name != NULL; i++)
    if (strcmp(c->study->measure[i].name, name) == 0) return c->value[i];
  return (double)NAN;
}

/* Chance that n rows are of full rank on V. */
static double full_rank(int q, int n)
{
  double p = 1.0;

  for (int i = n - V + 1; i <= n; i++) p *= 1.0 - pow(q, -i);
  return p;
}

static glia_status estimate(struct study_cell *c, int n, bool shown, float *x, int32_t *y)
{
  const bool set = strcmp(c->setting->name, "shattered") == 0;
  const int q = (int)c->setting->value;
  struct draw d = {glia_random_stream((uint64_t)c->seed, "study/field"), 0, q};
  struct counts count = {0};
  struct glia_source *train = NULL, *test = NULL;

  glia_status st = make("train", ROWS, &d, set ? 0 : n, shown, x, y, &count, &train);
  if (st == GLIA_OK)
    st = make("test", TEST_ROWS, &d, set ? 0 : n, shown, x + (size_t)ROWS * FEATURES, y + ROWS,
              &count, &test);
  if (st == GLIA_OK) st = study_train(c, &train, &test);
  glia_source_close(&train);
  glia_source_close(&test);
  GLIA_TRY(st);
  if (c->stopped) return GLIA_OK;
  /* of world 1; that of world 0 is 0 where V holds the true map, or on the set always */
  const double loss = set ? 2.0 * count.wrong / (double)(ROWS + TEST_ROWS)
                          : (1.0 - (double)count.right[1] / (double)count.of[1]) * (1.0 - 1.0 / q);
  study_put(c, "chance_off", fabs(of_measure(c, "accuracy") - 0.5));
  study_put(c, "worst_error", (1.0 - of_measure(c, "accuracy")) * loss);
  if (!set)
    study_put(c, "rank_off", fabs((double)count.kept / (double)count.draws - full_rank(q, V)));
  study_put(c, "right_inside", (double)count.right[0] / (double)count.of[0]);
  return GLIA_OK;
}

static glia_status cell(struct study_cell *c)
{
  const bool control = strcmp(c->variant->name, "n-14") == 0;
  float *x = calloc((size_t)(ROWS + TEST_ROWS) * FEATURES, sizeof *x);
  int32_t *y = calloc(ROWS + TEST_ROWS, sizeof *y);
  glia_status st = GLIA_OK;

  if (x == NULL || y == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%d samples", ROWS + TEST_ROWS);
  if (st == GLIA_OK) st = estimate(c, control ? N_MAX : V, control, x, y);
  free(x);
  free(y);
  return st;
}

static const char config[] = "data: {file: made-up, batch: 100, micro_batch: 100}\n"
                             "model: [{linear: 32}, relu, {linear: 2}]\n"
                             "loss: cross_entropy\n"
                             "optimizer: {adam: {lr: 1e-3}}\n"
                             "epochs: 3\n";

static const struct study_variant variants[] = {
    {"coin", "an estimator that learns nothing: its rate is 0",
     (const char *const[]){"optimizer={sgd: {lr: 0}}", NULL}},
    {"n-10", "an estimator that sees sample and answer; as many samples as V has dimensions", NULL},
    {"n-14",
     "more samples than V has dimensions; of the shattered set, all labels are shown (control)",
     NULL},
    {0},
};

static const struct study_setting settings[] = {
    {"q2", "the field of 2 elements", 2.0, NULL},
    {"q7", "the field of 7 elements", 7.0, NULL},
    {"shattered", "any labelling of 40 points, half of them seen", 2.0, NULL},
    {0},
};

static const struct study_measure measures[] = {
    {"chance_off", "1", "distance of the estimator's balanced accuracy from one half"},
    {"accuracy", "1", "how often it tells the worlds apart, 40,000 samples, half from each"},
    {"worst_error", "1", "its mean error about the learner's error"},
    {"rank_off", "1",
     "distance of the share of samples of full rank on V from its product formula for n = 10"},
    {"right_inside", "1", "how often the answer is the true map where that lies in V"},
    {0},
};

static const struct study_gate gates[] = {
    {.name = "cannot-tell-q2",
     .setting = "q2",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.01,
     .why = "40,000 samples leave 0.0025 of sampling error in each cell"},
    {.name = "cannot-tell-q7",
     .setting = "q7",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.01,
     .why = "as for q = 2; with n = 14 the accuracy must exceed 0.98"},
    {.name = "no-certificate-q2",
     .setting = "q2",
     .measure = "worst_error",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.245,
     .why = "(1 - 1/q) / 2 = 0.25, less two sampling errors"},
    {.name = "no-certificate-q7",
     .setting = "q7",
     .measure = "worst_error",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.424,
     .why = "(1 - 1/q) / 2 = 0.4286, less two sampling errors"},
    {.name = "cannot-tell-shattered",
     .setting = "shattered",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.01,
     .why = "as for q = 2; shown the population the estimator must exceed 0.98"},
    {.name = "no-certificate-shattered",
     .setting = "shattered",
     .measure = "worst_error",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_LEAST,
     .limit = 0.245,
     .why = "errors of 0 and 1/2 on unseen points: half their distance, less two sampling errors"},
    {.name = "full-rank-q2",
     .setting = "q2",
     .measure = "rank_off",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.005,
     .why = "prod (1 - q^-i) = 0.289; 200,000 draws leave 0.001"},
    {.name = "full-rank-q7",
     .setting = "q7",
     .measure = "rank_off",
     .kind = STUDY_MEAN,
     .direction = STUDY_AT_MOST,
     .limit = 0.008,
     .why = "prod (1 - q^-i) = 0.837; 72,000 draws leave 0.0014"},
    {0},
};

const struct glia_study glia_study_generalization_measures_ = {
    .name = "generalization-measures",
    .number = 8,
    .title = "what sample and answer tell of the error of a biased learner over a finite field",
    .source = "gastpar2023",
    .version = 2,
    .config = config,
    STUDY_TABLES,
    .baseline = "coin",
    .method = "n-10",
    .control = "n-14",
    .first_seed = 1,
    .seeds = 5,
    .quick_seeds = 2,
};
