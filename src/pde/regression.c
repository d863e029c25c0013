/* Sparse regression from triangles: see glia_regression.h. */
#include "regression_priv.h"

#include "glia_dense.h"
#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

glia_status glia_regression_init(int n, int blocks, struct glia_regression *out)
{
  *out = (struct glia_regression){.n = n, .blocks = blocks};
  GLIA_CHECK(n >= 1 && n <= GLIA_REGRESSION_MOST, GLIA_E_ARGUMENT, "%d columns, expected 1 to %d",
             n, GLIA_REGRESSION_MOST);
  out->r = calloc((size_t)blocks * (size_t)((n + 1) * (n + 1)), sizeof *out->r);
  GLIA_CHECK(out->r != NULL, GLIA_E_MEMORY, "%d blocks of %d columns", blocks, n);
  return GLIA_OK;
}

void glia_regression_fini(struct glia_regression *s)
{
  free(s->r);
  s->r = NULL;
}

glia_status glia_regression_block(struct glia_regression *s, int block, int64_t rows,
                                  const double *a)
{
  const int64_t m = s->n + 1;
  double *by_column = malloc((size_t)(rows * m) * sizeof *by_column);

  GLIA_CHECK(by_column != NULL, GLIA_E_MEMORY, "%lld rows", (long long)rows);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < m; j++) by_column[j * rows + i] = a[i * m + j];
  const glia_status st = glia_dense_r(rows, m, by_column, s->r + block * m * m);
  free(by_column);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < s->n; j++) s->sum[j] += a[i * m + j];
  s->rows += rows;
  return st;
}

/* R of blocks number which[0 .. n-1], one above the other, columns of the support and the target alone: out [k, k]. */
static glia_status stack(const struct glia_regression *s, int n, const int *which, int k,
                         const int *column, double *out)
{
  const int64_t m = s->n + 1, rows = n * m;
  double *a = malloc((size_t)(rows * k) * sizeof *a);

  GLIA_CHECK(a != NULL, GLIA_E_MEMORY, "%lld rows", (long long)rows);
  for (int j = 0; j < k; j++)
    for (int b = 0; b < n; b++)
      memcpy(a + j * rows + b * m, s->r + (which[b] * m + column[j]) * m, (size_t)m * sizeof *a);
  const glia_status st = glia_dense_r(rows, k, a, out);
  free(a);
  return st;
}

/* Columns of a support, the target behind them. Returns their number with it. */
static int columns(int n, uint64_t support, int *column)
{
  int k = 0;

  for (int i = 0; i < n; i++)
    if (support >> i & 1U) column[k++] = i;
  column[k++] = n;
  return k;
}

/* Solve R x = y for an upper triangle r [k, k] with the target last. false: columns depend on each other. */
static bool back_substitute(int k, const double *r, double *x)
{
  for (int i = 0; i < k - 1; i++) {
    double square = 0.0;
    for (int j = 0; j <= i; j++) square += r[i * k + j] * r[i * k + j];
    if (!(fabs(r[i * k + i]) > 1e-12 * sqrt(square))) return false;
    x[i] = r[(k - 1) * k + i];
  }
  for (int j = k - 2; j >= 0; j--) {
    x[j] /= r[j * k + j];
    for (int i = 0; i < j; i++) x[i] -= r[j * k + i] * x[j];
  }
  return true;
}

glia_status glia_regression_solve_(const struct glia_look_ *l, const double *r, uint64_t support,
                                   double *x, double *square)
{
  const int m = l->s->n + 1;
  int column[GLIA_REGRESSION_MOST + 1];
  const int k = columns(l->s->n, support, column);

  for (int j = 0; j < k; j++) memcpy(l->work + j * m, r + column[j] * m, (size_t)m * sizeof *r);
  GLIA_TRY(glia_dense_r(m, k, l->work, l->small));
  *square = l->small[k * k - 1] * l->small[k * k - 1];
  if (!back_substitute(k, l->small, x)) *square = (double)INFINITY;
  return GLIA_OK;
}

/* Square of |block b| (y - theta x). */
static double miss(const struct glia_regression *s, int b, uint64_t support, const double *x)
{
  const int m = s->n + 1;
  const double *r = s->r + (int64_t)b * m * m;
  int column[GLIA_REGRESSION_MOST + 1];
  const int k = columns(s->n, support, column);
  double square = 0.0;

  for (int i = 0; i < m; i++) {
    double v = r[s->n * m + i];
    for (int j = 0; j < k - 1; j++) v -= r[column[j] * m + i] * x[j];
    square += v * v;
  }
  return square;
}

/* What is left on each block when the others were fitted: into out [blocks]. */
static glia_status held_out(const struct glia_look_ *l, uint64_t support, double *out)
{
  const int m = l->s->n + 1;
  double x[GLIA_REGRESSION_MOST + 1], square;

  for (int b = 0; b < l->s->blocks; b++) {
    GLIA_TRY(glia_regression_solve_(l, l->without + (int64_t)b * m * m, support, x, &square));
    out[b] = isfinite(square) ? miss(l->s, b, support, x) : (double)INFINITY;
  }
  return GLIA_OK;
}

static glia_status prepare(struct glia_look_ *l)
{
  const struct glia_regression *s = l->s;
  const size_t m = (size_t)s->n + 1, blocks = (size_t)s->blocks;
  int which[1024], column[GLIA_REGRESSION_MOST + 1];

  GLIA_CHECK(blocks >= 1 && blocks <= GLIA_COUNT(which), GLIA_E_ARGUMENT, "%d blocks", s->blocks);
  for (size_t i = 0; i < blocks * m * m; i++)
    GLIA_CHECK(isfinite(s->r[i]), GLIA_E_DATA, "rows that are not finite");
  l->room = calloc((blocks + 3) * m * m, sizeof *l->room);
  l->step_held = calloc((m + 1) * blocks, sizeof *l->step_held);
  GLIA_CHECK(l->room != NULL && l->step_held != NULL, GLIA_E_MEMORY, "%d columns", s->n);
  l->all = l->room;
  l->work = l->all + m * m;
  l->small = l->work + m * m;
  l->without = l->small + m * m;
  for (int i = 0; i <= s->n; i++) column[i] = i;
  for (int b = 0; b < s->blocks; b++) which[b] = b;
  GLIA_TRY(stack(s, s->blocks, which, s->n + 1, column, l->all));
  for (int b = 0; b < s->blocks && s->blocks > 1; b++) {
    int n = 0;
    for (int i = 0; i < s->blocks; i++)
      if (i != b) which[n++] = i;
    GLIA_TRY(stack(s, n, which, s->n + 1, column, l->without + (size_t)b * m * m));
  }
  for (size_t i = 0; i < m; i++) l->target += l->all[(m - 1) * m + i] * l->all[(m - 1) * m + i];
  return GLIA_OK;
}

/* Errors of each support on the way. */
static glia_status judge(struct glia_look_ *l, struct glia_regression_result *out)
{
  const struct glia_regression *s = l->s;
  const double n = (double)s->rows, all = l->target > 0.0 ? l->target : 1.0;
  double x[GLIA_REGRESSION_MOST + 1], square;

  for (int k = 0; k < out->n_steps; k++) {
    struct glia_regression_step *step = &out->step[k];
    double *held = l->step_held + (int64_t)k * s->blocks, sum = 0.0;
    GLIA_TRY(glia_regression_solve_(l, l->all, step->support, x, &square));
    step->error = sqrt(square / all);
    step->bic = n * log(fmax(square, 1e-30 * all) / n) +
                log(n) * (double)__builtin_popcountll(step->support);
    step->held_out = (double)NAN;
    if (s->blocks == 1) continue;
    GLIA_TRY(held_out(l, step->support, held));
    for (int b = 0; b < s->blocks; b++) sum += held[b];
    step->held_out = sqrt(sum / all);
  }
  return GLIA_OK;
}

/* Is the held-out error of step a above that of step b by more than one standard error of the difference? */
static bool worse(const struct glia_look_ *l, int a, int b)
{
  const int n = l->s->blocks;
  const double *x = l->step_held + (int64_t)a * n, *y = l->step_held + (int64_t)b * n;
  double mean = 0.0, square = 0.0;

  for (int i = 0; i < n; i++) mean += (x[i] - y[i]) / n;
  if (!isfinite(mean)) return true;
  for (int i = 0; i < n; i++) square += (x[i] - y[i] - mean) * (x[i] - y[i] - mean);
  return mean > sqrt(square / (n - 1.0) / n);
}

static int choose(const struct glia_look_ *l, const struct glia_regression_result *r)
{
  const bool held = l->o->choice == GLIA_REGRESSION_HELD_OUT && l->s->blocks > 1;
  const double ignore = l->o->ignore * l->o->ignore;
  int best = 0;

  for (int k = 1; k < r->n_steps; k++) {
    const struct glia_regression_step *a = &r->step[k], *b = &r->step[best];
    if (held ? a->held_out < b->held_out : a->bic < b->bic) best = k;
  }
  for (int k = 0; k < best; k++) {
    const double a = r->step[k].error, b = r->step[best].error;
    if (a * a - b * b < ignore) return k;
    if (held && !worse(l, k, best)) return k;
  }
  return best;
}

/* One standard error of each coefficient: by drawing blocks with replacement, or from R^-1 R^-T. */
static glia_status errors(const struct glia_look_ *l, uint64_t support, double *error)
{
  const struct glia_regression *s = l->s;
  int which[1024], column[GLIA_REGRESSION_MOST + 1], done = 0;
  const int k = columns(s->n, support, column), draws = s->blocks > 1 ? l->o->draws : 0;
  const uint64_t key = glia_random_stream(l->o->seed, "sparse/bootstrap");
  double x[GLIA_REGRESSION_MOST + 1], mean[GLIA_REGRESSION_MOST + 1] = {0.0};

  memset(error, 0, (size_t)(k - 1) * sizeof *error);
  for (int d = 0; d < draws; d++) {
    for (int b = 0; b < s->blocks; b++)
      which[b] = (int)(glia_random_bits(key, (uint64_t)d, (uint64_t)b) % (uint64_t)s->blocks);
    GLIA_TRY(stack(s, s->blocks, which, k, column, l->small));
    if (!back_substitute(k, l->small, x)) continue;
    done++;
    for (int i = 0; i < k - 1; i++) {
      const double off = x[i] - mean[i];
      mean[i] += off / done;
      error[i] += off * (x[i] - mean[i]);
    }
  }
  for (int i = 0; i < k - 1 && draws > 0; i++) error[i] = sqrt(error[i] / fmax(1.0, done - 1.0));
  return draws > 0 ? GLIA_OK : glia_regression_covariance_(l, support, error);
}

/* Fit the support; drop the term nearest to zero in errors until all are certain. */
static glia_status settle(struct glia_look_ *l, uint64_t support,
                          struct glia_regression_result *out)
{
  for (;;) {
    double square, worst = (double)INFINITY;
    int column[GLIA_REGRESSION_MOST + 1], drop = -1;
    const int k = columns(l->s->n, support, column) - 1;
    GLIA_TRY(glia_regression_solve_(l, l->all, support, out->coefficient, &square));
    GLIA_TRY(errors(l, support, out->error));
    for (int i = 0; i < k && l->o->choice == GLIA_REGRESSION_HELD_OUT; i++) {
      const double far = fabs(out->coefficient[i]) / out->error[i];
      if (far < l->o->certain && far < worst) {
        worst = far;
        drop = column[i];
      }
    }
    out->n_terms = k;
    memcpy(out->term, column, (size_t)k * sizeof *column);
    out->left = sqrt(square / (l->target > 0.0 ? l->target : 1.0));
    if (drop < 0) return GLIA_OK;
    support &= ~(UINT64_C(1) << drop);
  }
}

glia_status glia_regression_fit(const struct glia_regression *s,
                                const struct glia_regression_options *o,
                                struct glia_regression_result *out)
{
  struct glia_look_ l = {.s = s, .o = o};
  glia_status st = prepare(&l);

  *out = (struct glia_regression_result){0};
  if (st == GLIA_OK)
    st = o->way == GLIA_REGRESSION_SUBSETS ? glia_regression_subsets_(&l, out)
                                           : glia_regression_thresholds_(&l, out);
  if (st == GLIA_OK) st = judge(&l, out);
  if (st == GLIA_OK) {
    out->chosen = choose(&l, out);
    st = settle(&l, out->step[out->chosen].support, out);
  }
  free(l.room);
  free(l.step_held);
  return st;
}
