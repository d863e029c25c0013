/* Levenberg-Marquardt: p = argmin |J p + r|^2 + mu |p|^2 by QR over the rows of all ranks.
 *
 * J^T J is never formed: its condition number is the square of J's, which for a network is 1e8 and more, so that steps from it end
 * at an error of 1e-4. R of [J r] comes from TSQR; each damping asks for the QR of two triangles.
 *
 * Many rows are not factored: random sums of them are, and conjugate gradients over all rows do the rest. Steps are bent along the valley
 * and led back to its floor (fit_sketch.c).
 * Source: marquardt1963, webb2026 (the gain).
 */
#include "fit_priv.h"

#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_random.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 60 };

/* The damping is the smallest, by threes, at which the loss falls by at least GAIN of what the linear model foretells: long steps along
 * the valley, which is narrow and bent, each of which keeps little of its promise. Damping by a high gain, or by any scale of the
 * weights of their own, creeps: docs/adr/0032 has the figures. */
static const double GAIN = 0.075, FACTOR = 3.0, DAMPING_START = 1e-3, DAMPING_LO = 1e-24;

/* Where conjugate gradients do the rest, the factor of one damping serves others this near: what it leaves is two bundles of eigenvalues. */
static const double NEAR = 10.0;

struct levenberg {
  int64_t n, cols;          /* weights; with the residual beside them */
  double *r, *work, *below; /* [cols, cols] by columns */
  double damping;           /* below the factor in `work`; 0: none is there */
  struct glia_sketch_ *sketch;
  const struct glia_cloud *cloud;
  double *step, *kept; /* [n]; [cols]: theta of the best damping so far, and room */
};

/* R of [J r], or of sums of its rows. */
static glia_status factor(struct glia_fit_ *f, struct levenberg *s, const double *theta)
{
  s->damping = 0.0;
  glia_pinn_set(s->cloud->pinn, theta);
  return glia_sketch_factor_(s->sketch, glia_random_stream((uint64_t)f->now.step, "summed rows"),
                             s->r);
}

/* What the linear model says the loss falls by: |r|^2 - |J p + r|^2. s->below is overwritten. */
static double foretold(struct levenberg *s)
{
  const double *z = s->r + s->n * s->cols;
  double *left = s->below, fall = 0.0;

  memcpy(left, z, (size_t)s->n * sizeof *left);
  for (int64_t j = 0; j < s->n; j++)
    for (int64_t i = 0; i <= j; i++) left[i] += s->r[j * s->cols + i] * s->step[j];
  for (int64_t i = 0; i < s->n; i++) fall += z[i] * z[i] - left[i] * left[i];
  return fall;
}

/* s->work: the factor with the damping below it, or one near enough. */
static glia_status damp(struct levenberg *s, double damping)
{
  const int64_t n = s->n, m = s->cols;
  const double most = glia_sketch_is_exact_(s->sketch) ? 1.0 : NEAR;

  if (s->damping >= damping / most && s->damping <= damping * most) return GLIA_OK;
  memcpy(s->work, s->r, (size_t)(m * m) * sizeof *s->work);
  memset(s->below, 0, (size_t)(m * m) * sizeof *s->below);
  for (int64_t i = 0; i < n; i++) s->below[i * m + i] = sqrt(damping);
  GLIA_TRY(glia_dense_r_join(m, s->work, s->below));
  s->damping = damping;
  return GLIA_OK;
}

/* The step of the factor in s->work. */
static glia_status solve(struct levenberg *s, double damping)
{
  const int64_t n = s->n, m = s->cols;

  GLIA_TRY(damp(s, damping));
  for (int64_t i = 0; i < n; i++) s->step[i] = -s->work[n * m + i];
  for (int64_t j = n - 1; j >= 0; j--) {
    const double *column = s->work + j * m;
    s->step[j] /= column[j];
    for (int64_t i = 0; i < j; i++) s->step[i] -= column[i] * s->step[j];
  }
  return GLIA_OK;
}

/* Take the step at a damping: does it keep enough of its promise? */
static glia_status look(struct glia_fit_ *f, struct levenberg *s, const double *theta,
                        double damping, double *loss, bool *good)
{
  GLIA_TRY(glia_agree(f->comm, solve(s, damping)));
  GLIA_TRY(glia_comm_bcast(f->comm, s->step, (size_t)f->n * sizeof *s->step, 0));
  double fall = foretold(s);
  GLIA_TRY(glia_sketch_solve_(s->sketch, s->work, damping, s->step, &fall));
  GLIA_TRY(glia_sketch_bend_(s->sketch, s->work, damping, theta, s->step, f->trial));
  /* ranks with other processors must not part: on where to look, nor on what is good */
  GLIA_TRY(glia_comm_bcast(f->comm, s->step, (size_t)f->n * sizeof *s->step, 0));
  GLIA_TRY(glia_comm_bcast(f->comm, &fall, sizeof fall, 0));
  GLIA_TRY(glia_sketch_return_(s->sketch, s->work, damping, theta, s->step, f->trial));
  GLIA_TRY(glia_comm_bcast(f->comm, s->step, (size_t)f->n * sizeof *s->step, 0));
  GLIA_TRY(glia_fit_look_(f, theta, 1.0, s->step, loss));
  *good = *loss < f->now.loss && f->now.loss - *loss >= GAIN * fall;
  return GLIA_OK;
}

/* Dampings one after another: *found, with theta in s->kept and the loss there. */
static glia_status search(struct glia_fit_ *f, struct levenberg *s, const double *theta,
                          bool *found, double *best)
{
  double loss, damping = f->now.damping == 0.0 ? DAMPING_START : f->now.damping;
  bool good, down = false;

  for (int k = 0; k < TRIES; k++) {
    GLIA_TRY(look(f, s, theta, damping, &loss, &good));
    if (good) {
      memcpy(s->kept, f->trial, (size_t)f->n * sizeof *s->kept);
      *best = loss;
      f->now.damping = damping;
    }
    *found = *found || good;
    /* down from the last damping while that is good, or up until it is */
    if (k == 0) down = good;
    if (good != down || (down && damping <= DAMPING_LO)) break;
    damping = down ? fmax(DAMPING_LO, damping / FACTOR) : damping * FACTOR;
  }
  return GLIA_OK;
}

static glia_status step(struct glia_fit_ *f, void *self, double *theta, bool *found)
{
  struct levenberg *s = self;
  double best = 0.0;

  *found = false;
  GLIA_TRY(factor(f, s, theta));
  GLIA_TRY(search(f, s, theta, found, &best));
  if (*found) {
    memcpy(theta, s->kept, (size_t)f->n * sizeof *theta);
    f->now.loss = best;
  }
  return GLIA_OK;
}

static void finish(void *self)
{
  struct levenberg *s = self;

  if (s == NULL) return;
  free(s->r);
  free(s->step);
  glia_sketch_destroy_(&s->sketch);
  free(s);
}

static glia_status start(struct glia_fit_ *f, const double *theta, void **self)
{
  struct levenberg *s = calloc(1, sizeof *s);
  const int64_t m = f->n + 1;

  (void)theta;
  if (s != NULL) {
    *s = (struct levenberg){.n = f->n, .cols = m, .cloud = f->cloud};
    s->r = malloc(3 * (size_t)(m * m) * sizeof *s->r);
    s->step = calloc(2 * (size_t)m, sizeof *s->step);
  }
  *self = s;
  if (s == NULL || s->r == NULL || s->step == NULL)
    return glia_agree(f->comm, GLIA_FAIL(GLIA_E_MEMORY, "three matrices of %lld x %lld",
                                         (long long)m, (long long)m));
  s->work = s->r + m * m;
  s->below = s->work + m * m;
  s->kept = s->step + m;
  GLIA_TRY(glia_agree(f->comm, GLIA_OK));
  return glia_sketch_create_(f->cloud, &s->sketch);
}

const struct glia_fit_method_ glia_fit_levenberg_ = {.name = "levenberg-marquardt",
                                                     .source = "marquardt1963",
                                                     .squares = 3,
                                                     .rows_shared = 1,
                                                     .open = start,
                                                     .step = step,
                                                     .close = finish};
