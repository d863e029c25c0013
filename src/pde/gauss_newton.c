/* Levenberg-Marquardt with QR over ranks: see glia_fit.h. */
#include "glia_fit.h"

#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RAISES = 8, HALVINGS = 10 };

/* A full step asks for ten times less damping, one below SHORT for ten times more. Measured on Poisson's equation in the plane:
 * taking the best of several dampings at once ends at 1e-4, since the damping that pays now keeps the next ones large. */
static const double DAMPING_LO = 1e-22, DAMPING_START = 1e-6, SHORT = 0.03;

const char *glia_fit_reason_text(glia_fit_reason r)
{
  static const char *const text[] = {"steps",   "time",     "tolerance",
                                     "stalled", "diverged", "stopped"};

  return text[r];
}

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

glia_status glia_cloud_loss(const struct glia_cloud *c, double *loss, double *gradient)
{
  const int64_t n = glia_pinn_size(c->pinn);
  double sum, *part = NULL;
  glia_status st = GLIA_OK;

  *loss = 0.0;
  if (gradient != NULL) {
    memset(gradient, 0, (size_t)n * sizeof *gradient);
    part = malloc((size_t)n * sizeof *part);
    GLIA_CHECK(part != NULL, GLIA_E_MEMORY, "a gradient of %lld", (long long)n);
  }
  for (int g = 0; g < glia_pinn_groups(c->pinn) && st == GLIA_OK; g++) {
    if (c->points[g].n == 0) continue;
    st = glia_pinn_sum(c->pinn, g, &c->points[g], &sum, part);
    *loss += sum;
    for (int64_t i = 0; part != NULL && i < n; i++) gradient[i] += part[i];
  }
  free(part);
  return st;
}

/* Rows first .. first + n - 1 of [J r], groups one after another, points in order. */
static glia_status read_rows(void *self, int64_t first, int64_t n, double *out)
{
  const struct glia_cloud *c = self;
  const int64_t size = glia_pinn_size(c->pinn), cols = size + 1;
  glia_status st = GLIA_OK;

  for (int g = 0; g < glia_pinn_groups(c->pinn) && n > 0 && st == GLIA_OK; g++) {
    const struct glia_pinn_points *p = &c->points[g];
    const int64_t m = glia_pinn_residuals(c->pinn, g), rows = p->n * m,
                  d = glia_pinn_coords(c->pinn);
    if (first >= rows) {
      first -= rows;
      continue;
    }
    const int64_t take = rows - first < n ? rows - first : n;
    const int64_t lo = first / m, hi = (first + take + m - 1) / m, skip = first - lo * m;
    const struct glia_pinn_points some = {.n = hi - lo,
                                          .x = p->x + lo * d,
                                          .weight = p->weight != NULL ? p->weight + lo : NULL,
                                          .target = p->target != NULL ? p->target + lo * m : NULL};
    double *r = malloc((size_t)((hi - lo) * m) * sizeof *r);
    double *j = malloc((size_t)((hi - lo) * m * size) * sizeof *j);
    if (r == NULL || j == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)take);
    if (st == GLIA_OK) st = glia_pinn_rows(c->pinn, g, &some, r, j);
    for (int64_t i = 0; i < take && st == GLIA_OK; i++, out += cols) {
      memcpy(out, j + (skip + i) * size, (size_t)size * sizeof *out);
      out[size] = r[skip + i];
    }
    free(r);
    free(j);
    n -= take;
    first = 0;
  }
  return st;
}

struct fit {
  const struct glia_cloud *cloud;
  const struct glia_fit_options *o;
  struct glia_comm *comm;
  int64_t n, cols;
  double *r, *work, *below; /* [cols, cols] by columns */
  double *step, *trial;     /* [n] */
  double start_s;
  struct glia_fit_state now;
  int64_t evaluations;
};

/* step = argmin |R p + c|^2 + damping |p|^2. */
static glia_status solve(struct fit *f, double damping)
{
  const int64_t n = f->n, m = f->cols;

  memcpy(f->work, f->r, (size_t)(m * m) * sizeof *f->work);
  memset(f->below, 0, (size_t)(m * m) * sizeof *f->below);
  for (int64_t i = 0; i < n; i++) f->below[i * m + i] = sqrt(damping);
  GLIA_TRY(glia_dense_r_join(m, f->work, f->below));
  for (int64_t i = 0; i < n; i++) f->step[i] = -f->work[n * m + i];
  for (int64_t j = n - 1; j >= 0; j--) {
    const double *column = f->work + j * m;
    f->step[j] /= column[j];
    for (int64_t i = 0; i < j; i++) f->step[i] -= column[i] * f->step[j];
  }
  return GLIA_OK;
}

/* The loss a part t of the step away; infinite where it is not finite. */
static glia_status look(struct fit *f, const double *theta, double t, double *loss)
{
  for (int64_t i = 0; i < f->n; i++) f->trial[i] = theta[i] + t * f->step[i];
  glia_pinn_set(f->cloud->pinn, f->trial);
  GLIA_TRY(glia_cloud_loss(f->cloud, loss, NULL));
  f->evaluations++;
  if (!isfinite(*loss)) *loss = (double)INFINITY;
  return GLIA_OK;
}

/* Halve the step until the loss falls, and on while that pays; *at 0: it never falls. */
static glia_status search(struct fit *f, const double *theta, double *at)
{
  double loss, best = f->now.loss, t = 1.0;

  *at = 0.0;
  for (int k = 0; k < HALVINGS; k++, t *= 0.5) {
    GLIA_TRY(look(f, theta, t, &loss));
    if (loss < best) {
      best = loss;
      *at = t;
    } else if (*at > 0.0)
      break;
  }
  f->now.loss = best;
  return GLIA_OK;
}

/* One accepted step, or *found = false. */
static glia_status advance(struct fit *f, double *theta, bool *found)
{
  double at = 0.0;

  for (int k = 0; k < RAISES && at == 0.0; k++) {
    if (k > 0) f->now.damping *= 100.0;
    GLIA_TRY(glia_agree(f->comm, solve(f, f->now.damping)));
    /* ranks with other processors must not part */
    GLIA_TRY(glia_comm_bcast(f->comm, f->step, (size_t)f->n * sizeof *f->step, 0));
    GLIA_TRY(search(f, theta, &at));
  }
  *found = at > 0.0;
  for (int64_t i = 0; i < f->n; i++) theta[i] += at * f->step[i];
  if (at == 1.0)
    f->now.damping = fmax(DAMPING_LO, 0.1 * f->now.damping);
  else if (at < SHORT)
    f->now.damping *= 10.0;
  return GLIA_OK;
}

static int64_t total_rows(const struct glia_cloud *c)
{
  int64_t n = 0;

  for (int g = 0; g < glia_pinn_groups(c->pinn); g++)
    n += c->points[g].n * glia_pinn_residuals(c->pinn, g);
  return n;
}

/* What ends a fit before its next step; true: *reason says why. The same on all ranks: rank 0's clock counts. */
static glia_status ended(struct fit *f, const double *theta, bool *end, glia_fit_reason *reason)
{
  bool stop = false, fresh = false;

  f->now.time_s = now_s() - f->start_s;
  GLIA_TRY(glia_comm_bcast(f->comm, &f->now.time_s, sizeof f->now.time_s, 0));
  *end = true;
  if (!isfinite(f->now.loss)) {
    *reason = GLIA_FIT_DIVERGED;
    return GLIA_OK;
  }
  if (f->o->before != NULL) GLIA_TRY(f->o->before(f->o->self, &f->now, theta, &stop, &fresh));
  if (fresh) {
    glia_pinn_set(f->cloud->pinn, theta);
    GLIA_TRY(glia_cloud_loss(f->cloud, &f->now.loss, NULL));
  }
  if (stop)
    *reason = GLIA_FIT_STOPPED;
  else if (f->now.step >= f->o->steps)
    *reason = GLIA_FIT_STEPS;
  else if (f->o->time_s > 0.0 && f->now.time_s >= f->o->time_s)
    *reason = GLIA_FIT_TIME;
  else if (f->now.loss <= f->o->tolerance)
    *reason = GLIA_FIT_TOLERANCE;
  else
    *end = false;
  return GLIA_OK;
}

static glia_status run(struct fit *f, double *theta, struct glia_fit_result *out)
{
  bool end = false, found = true;

  glia_pinn_set(f->cloud->pinn, theta);
  GLIA_TRY(glia_cloud_loss(f->cloud, &f->now.loss, NULL));
  for (;;) {
    GLIA_TRY(ended(f, theta, &end, &out->reason));
    if (end) break;
    const struct glia_rows rows = {(void *)(uintptr_t)f->cloud, total_rows(f->cloud), f->cols,
                                   read_rows};
    glia_pinn_set(f->cloud->pinn, theta);
    GLIA_TRY(glia_tsqr(f->comm, &rows, f->r));
    GLIA_TRY(advance(f, theta, &found));
    if (!found) {
      out->reason = GLIA_FIT_STALLED;
      break;
    }
    f->now.step++;
  }
  glia_pinn_set(f->cloud->pinn, theta);
  out->steps = f->now.step;
  out->loss = f->now.loss;
  out->evaluations = f->evaluations;
  out->time_s = f->now.time_s;
  return GLIA_OK;
}

glia_status glia_fit_gauss_newton(const struct glia_cloud *c, const struct glia_fit_options *o,
                                  double *theta, struct glia_fit_result *out)
{
  const int64_t n = glia_pinn_size(c->pinn), m = n + 1;
  struct fit f = {.cloud = c, .o = o, .comm = glia_pinn_comm(c->pinn), .n = n, .cols = m};
  glia_status st = GLIA_OK;

  *out = (struct glia_fit_result){0};
  f.start_s = now_s();
  f.now.damping = DAMPING_START;
  f.r = malloc(3 * (size_t)(m * m) * sizeof *f.r);
  f.step = malloc(2 * (size_t)m * sizeof *f.step);
  if (f.r == NULL || f.step == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "three matrices of %lld x %lld", (long long)m, (long long)m);
  st = glia_agree(f.comm, st);
  if (st == GLIA_OK) {
    f.work = f.r + m * m;
    f.below = f.work + m * m;
    f.trial = f.step + m;
    st = run(&f, theta, out);
  }
  free(f.r);
  free(f.step);
  return st;
}
