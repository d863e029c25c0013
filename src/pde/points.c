/* Inner points that follow the solution: drawn anew by the residual, or gathered once where rows are long. See pinn_priv.h. */
#include "pinn_priv.h"

#include "glia_agree.h"
#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 8, AT_ONCE = 8 * GLIA_PINN_BATCH_ };

/* First of n candidates of this rank: micro-batches are whole, so that a candidate stands in the same row for any number of ranks. */
static int64_t share_of(int64_t n, int rank, int size)
{
  const int64_t batches = (n + GLIA_PINN_BATCH_ - 1) / GLIA_PINN_BATCH_;
  const int64_t first = batches * rank / size * GLIA_PINN_BATCH_;

  return first < n ? first : n;
}

static double length(int64_t n, const double *v)
{
  double square = 0.0;

  for (int64_t i = 0; i < n; i++) square += v[i] * v[i];
  return sqrt(square);
}

/* Lengths of the residuals at points x [lo .. hi - 1, coords], or of their derivatives by the weights: into size [lo .. hi - 1]. */
static glia_status lengths(struct glia_pinn *p, bool derivatives, int64_t lo, int64_t hi,
                           const double *x, double *size)
{
  const int d = p->problem->n_coords, m = p->n_residuals[0];
  const int64_t cols = derivatives ? p->size : 0;
  double *r = malloc((size_t)(AT_ONCE * m) * sizeof *r);
  double *j = malloc((size_t)(AT_ONCE * m * cols + 1) * sizeof *j);
  glia_status st =
      r != NULL && j != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "rows of %d points", AT_ONCE);

  for (; lo < hi && st == GLIA_OK; lo += AT_ONCE) {
    const int64_t n = hi - lo < AT_ONCE ? hi - lo : AT_ONCE;
    const struct glia_pinn_points some = {.n = n, .x = x + lo * d};
    st = glia_pinn_rows(p, 0, &some, r, derivatives ? j : NULL);
    for (int64_t i = 0; i < n && st == GLIA_OK; i++)
      size[lo + i] = derivatives ? length(m * cols, j + i * m * cols) : length(m, r + i * m);
  }
  free(r);
  free(j);
  return st;
}

/* Candidates and what each is worth: 1 + its length / mean. */
struct crowd {
  int64_t n;
  double *x, *worth; /* [n, coords], [n] */
};

static void leave(struct crowd *c)
{
  free(c->x);
  free(c->worth);
}

/* Each rank looks at some of them. *known = false: the lengths are not numbers, or all zero. */
static glia_status meet(struct glia_pinn *p, bool derivatives, uint64_t seed, int64_t n,
                        struct crowd *c, bool *known)
{
  const int ranks = glia_comm_size(p->comm), rank = glia_comm_rank(p->comm);
  double mean = 0.0;
  glia_status st = GLIA_OK;

  *c = (struct crowd){.n = n};
  c->x = malloc((size_t)(n * p->problem->n_coords) * sizeof *c->x);
  c->worth = calloc((size_t)n, sizeof *c->worth);
  if (c->x == NULL || c->worth == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "%lld candidates", (long long)n);
  if (st == GLIA_OK) st = glia_problem_interior(p->problem, GLIA_POINTS_SOBOL, seed, n, c->x);
  if (st == GLIA_OK)
    st = lengths(p, derivatives, share_of(n, rank, ranks), share_of(n, rank + 1, ranks), c->x,
                 c->worth);
  GLIA_TRY(glia_agree(p->comm, st));
  GLIA_TRY(glia_comm_reduce_f64(p->comm, GLIA_COMM_SUM, c->worth, (int)n));
  for (int64_t i = 0; i < n; i++) mean += c->worth[i] / (double)n;
  *known = mean > 0.0 && isfinite(mean);
  for (int64_t i = 0; i < n; i++) c->worth[i] = c->worth[i] / mean + 1.0;
  return GLIA_OK;
}

/* Points in proportion to their worth, one at random from each n-th of it: in steps of equal size they would fall in step with the
 * sequence, any 2^k of which hold one of each 2^k-th of every coordinate, and leave out whole stretches. sum [crowd + 1] is room. */
static void take(const struct crowd *c, int d, uint64_t seed, int64_t n, double *x, double *sum)
{
  const uint64_t key = glia_random_stream(seed, "points drawn anew");

  sum[0] = 0.0;
  for (int64_t i = 0; i < c->n; i++) sum[i + 1] = sum[i] + c->worth[i];
  for (int64_t i = 0, j = 0; i < n; i++) {
    const double v = ((double)i + glia_random_uniform(key, 0, (uint64_t)i)) / (double)n * sum[c->n];
    while (j < c->n - 1 && sum[j + 1] <= v) j++;
    memcpy(x + i * d, c->x + j * d, (size_t)d * sizeof *x);
  }
}

glia_status glia_points_redraw_(struct glia_pinn *p, uint64_t seed, int64_t n, double *x)
{
  struct crowd c;
  bool known;
  glia_status st = meet(p, false, seed, CANDIDATES * n, &c, &known);

  if (st == GLIA_OK && known) {
    double *sum = malloc((size_t)(c.n + 1) * sizeof *sum);
    if (sum == NULL)
      st = GLIA_FAIL(GLIA_E_MEMORY, "%lld candidates", (long long)c.n);
    else
      take(&c, p->problem->n_coords, seed, n, x, sum);
    free(sum);
  }
  leave(&c);
  return glia_agree(p->comm, st);
}

struct place {
  double turn; /* its number in the sequence over its worth */
  int64_t at;
};

static int by_turn(const void *a, const void *b)
{
  const struct place *x = a, *y = b;

  if (x->turn != y->turn) return x->turn < y->turn ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
  const struct place *x = a, *y = b;

  return (x->at > y->at) - (x->at < y->at);
}

/* What a candidate stands for: one part in so many of the domain. */
static double part(const struct crowd *c, double last, int64_t at)
{
  return 1.0 / fmin(last * c->worth[at], (double)c->n);
}

/* The n candidates whose turn comes first: where all is worth w, the first w x last of the sequence, spread as evenly as these are
 * (all of them where that is more than there are). place [crowd] is room. */
static void spread(const struct crowd *c, int d, int64_t n, struct place *place, double *x,
                   double *weight)
{
  for (int64_t i = 0; i < c->n; i++) place[i] = (struct place){((double)i + 1.0) / c->worth[i], i};
  qsort(place, (size_t)c->n, sizeof *place, by_turn);
  const double last = place[n - 1].turn;
  double all = 0.0;
  for (int64_t i = 0; i < n; i++) all += part(c, last, place[i].at);
  qsort(place, (size_t)n, sizeof *place, by_place);
  for (int64_t i = 0; i < n; i++) {
    const int64_t at = place[i].at;
    memcpy(x + i * d, c->x + at * d, (size_t)d * sizeof *x);
    weight[i] = sqrt(part(c, last, at) / all);
  }
}

glia_status glia_points_gather_(struct glia_pinn *p, uint64_t seed, int64_t n, double *x,
                                double *weight)
{
  struct crowd c;
  bool known;
  glia_status st = meet(p, true, seed, CANDIDATES * n, &c, &known);

  if (st == GLIA_OK && known) {
    struct place *place = malloc((size_t)c.n * sizeof *place);
    if (place == NULL)
      st = GLIA_FAIL(GLIA_E_MEMORY, "%lld candidates", (long long)c.n);
    else
      spread(&c, p->problem->n_coords, n, place, x, weight);
    free(place);
  }
  leave(&c);
  return glia_agree(p->comm, st);
}
