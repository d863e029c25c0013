/* Levenberg-Marquardt: p = argmin |J p + r|^2 + mu |D p|^2 by QR over the rows of all ranks.
 *
 * J^T J is never formed: its condition number is the square of J's, which for a network is 1e8 and more, so that steps from it end
 * at an error of 1e-4. R of [J r] comes from TSQR; each damping asks for the QR of two triangles.
 * Source: marquardt1963, more1978 (scaling), transtrum2012 (damping).
 */
#include "fit_priv.h"

#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 50 };

/* Damping falls by much after a step that was taken, and rises by little where none was: it stays the smallest that makes the loss
 * fall. Damping by the gain ratio asks for the largest fall of each step, and creeps: the valleys are narrow and bent, gains stay
 * near 0.6 and the damping never falls. Measured after 150 steps, gain ratio against this: wave 1.2e-6 and 5.2e-8, Poisson 8.3e-7
 * and 1.5e-7, heat 8.1e-6 and 5.5e-6; halved steps of little damping, 1.7e-6, 3.7e-7 and 1.3e-5. */
static const double LOWER = 0.1, RAISE = 2.0, DAMPING_START = 1e-3, DAMPING_LO = 1e-24;
static const double SCALE_LO = 1e-3; /* of the largest */

struct levenberg {
  int64_t n, cols;          /* weights; with the residual beside them */
  double *r, *work, *below; /* [cols, cols] by columns */
  double *step, *scale;     /* [n] */
};

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

static int64_t total_rows(const struct glia_cloud *c)
{
  int64_t n = 0;

  for (int g = 0; g < glia_pinn_groups(c->pinn); g++)
    n += c->points[g].n * glia_pinn_residuals(c->pinn, g);
  return n;
}

/* Column norms of J, which are those of R: each weight's scale is the largest so far. */
static void rescale(struct levenberg *s)
{
  double most = 0.0;

  for (int64_t j = 0; j < s->n; j++) {
    const double *column = s->r + j * s->cols;
    double square = 0.0;
    for (int64_t i = 0; i <= j; i++) square += column[i] * column[i];
    s->scale[j] = fmax(s->scale[j], sqrt(square));
    most = fmax(most, s->scale[j]);
  }
  for (int64_t j = 0; j < s->n; j++) s->scale[j] = fmax(s->scale[j], SCALE_LO * most);
}

/* The step at a damping. */
static glia_status solve(struct levenberg *s, double damping)
{
  const int64_t n = s->n, m = s->cols;

  memcpy(s->work, s->r, (size_t)(m * m) * sizeof *s->work);
  memset(s->below, 0, (size_t)(m * m) * sizeof *s->below);
  for (int64_t i = 0; i < n; i++) s->below[i * m + i] = sqrt(damping) * s->scale[i];
  GLIA_TRY(glia_dense_r_join(m, s->work, s->below));
  for (int64_t i = 0; i < n; i++) s->step[i] = -s->work[n * m + i];
  for (int64_t j = n - 1; j >= 0; j--) {
    const double *column = s->work + j * m;
    s->step[j] /= column[j];
    for (int64_t i = 0; i < j; i++) s->step[i] -= column[i] * s->step[j];
  }
  return GLIA_OK;
}

static glia_status step(struct glia_fit_ *f, void *self, double *theta, bool *found)
{
  struct levenberg *s = self;
  const struct glia_rows rows = {(void *)(uintptr_t)f->cloud, total_rows(f->cloud), s->cols,
                                 read_rows};
  double loss;

  *found = false;
  glia_pinn_set(f->cloud->pinn, theta);
  GLIA_TRY(glia_tsqr(f->comm, &rows, s->r));
  rescale(s);
  if (f->now.damping == 0.0) f->now.damping = DAMPING_START;
  for (int k = 0; k < TRIES && !*found; k++) {
    GLIA_TRY(glia_agree(f->comm, solve(s, f->now.damping)));
    /* ranks with other processors must not part */
    GLIA_TRY(glia_comm_bcast(f->comm, s->step, (size_t)f->n * sizeof *s->step, 0));
    GLIA_TRY(glia_fit_look_(f, theta, 1.0, s->step, &loss));
    *found = loss < f->now.loss;
    f->now.damping = *found ? fmax(DAMPING_LO, LOWER * f->now.damping) : RAISE * f->now.damping;
  }
  if (*found) {
    memcpy(theta, f->trial, (size_t)f->n * sizeof *theta);
    f->now.loss = loss;
  }
  return GLIA_OK;
}

static void finish(void *self)
{
  struct levenberg *s = self;

  if (s == NULL) return;
  free(s->r);
  free(s->step);
  free(s);
}

static glia_status start(struct glia_fit_ *f, const double *theta, void **self)
{
  struct levenberg *s = calloc(1, sizeof *s);
  const int64_t m = f->n + 1;

  (void)theta;
  if (s != NULL) {
    *s = (struct levenberg){.n = f->n, .cols = m};
    s->r = malloc(3 * (size_t)(m * m) * sizeof *s->r);
    s->step = calloc(2 * (size_t)m, sizeof *s->step);
  }
  *self = s;
  if (s == NULL || s->r == NULL || s->step == NULL)
    return glia_agree(f->comm, GLIA_FAIL(GLIA_E_MEMORY, "three matrices of %lld x %lld",
                                         (long long)m, (long long)m));
  s->work = s->r + m * m;
  s->below = s->work + m * m;
  s->scale = s->step + m;
  return glia_agree(f->comm, GLIA_OK);
}

const struct glia_fit_method_ glia_fit_levenberg_ = {.name = "levenberg-marquardt",
                                                     .source = "marquardt1963",
                                                     .open = start,
                                                     .step = step,
                                                     .close = finish};
