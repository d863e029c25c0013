/* Levenberg-Marquardt: p = argmin |J p + r|^2 + mu |p|^2 by QR over the rows of all ranks.
 *
 * J^T J is never formed: its condition number is the square of J's, which for a network is 1e8 and more, so that steps from it end
 * at an error of 1e-4. R of [J r] comes from TSQR; each damping asks for the QR of two triangles.
 *
 * Many rows are first added up in groups with random signs, anew each step: a few rows a weight tell the way as long as it is far.
 * Losses are always those of all rows. Where the way is no longer found, groups are halved, to single rows in the end.
 * Source: marquardt1963, webb2026 (the gain, and sums of rows).
 */
#include "fit_priv.h"

#include "glia_agree.h"
#include "glia_dense.h"
#include "glia_random.h"
#include "glia_spectrum.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 60, TRIES_SUMMED = 6, ROWS_A_WEIGHT = 3 };

/* The damping is the smallest, by threes, at which the loss falls by at least GAIN of what the linear model foretells: long steps along
 * the valley, which is narrow and bent, each of which keeps little of its promise. Damping by a high gain, or by any scale of the
 * weights of their own, creeps: docs/adr/0032 has the figures. */
static const double GAIN = 0.075, FACTOR = 3.0, DAMPING_START = 1e-3, DAMPING_LO = 1e-24;

struct levenberg {
  int64_t n, cols;          /* weights; with the residual beside them */
  double *r, *work, *below; /* [cols, cols] by columns */
  int64_t of;               /* rows that are added up to one */
  uint64_t key;             /* of this step's signs */
  const struct glia_cloud *cloud;
  double *step, *kept; /* [n]; [cols]: theta of the best damping so far, and room */
};

static int64_t summed_rows(const struct levenberg *s) { return glia_cloud_rows_(s->cloud) / s->of; }

/* Rows of random sums: of each part of all rows one, at a place and with a sign drawn by the step.  Source: clarkson2013. */
static glia_status read_summed(void *self, int64_t first, int64_t n, double *out)
{
  const struct levenberg *s = self;
  const int64_t rows = summed_rows(s), cols = s->cols;
  double *part = malloc((size_t)(n * cols) * sizeof *part);
  glia_status st = GLIA_OK;

  GLIA_CHECK(part != NULL, GLIA_E_MEMORY, "%lld rows", (long long)n);
  memset(out, 0, (size_t)(n * cols) * sizeof *out);
  for (int64_t j = 0; j < s->of && st == GLIA_OK; j++) {
    const int64_t shift =
        (int64_t)(glia_random_uniform(s->key, (uint64_t)s->of, (uint64_t)j) * (double)rows);
    for (int64_t k = 0, m; k < n && st == GLIA_OK; k += m) {
      const int64_t at = (first + k + shift) % rows;
      m = rows - at < n - k ? rows - at : n - k;
      st = glia_cloud_read_((void *)(uintptr_t)s->cloud, j * rows + at, m, part);
      for (int64_t i = 0; i < m && st == GLIA_OK; i++) {
        const double sign =
            glia_random_uniform(s->key, 0, (uint64_t)(j * rows + at + i)) < 0.5 ? -1.0 : 1.0;
        for (int64_t c = 0; c < cols; c++) out[(k + i) * cols + c] += sign * part[i * cols + c];
      }
    }
  }
  free(part);
  return st;
}

/* R of [J r], or of sums of its rows. */
static glia_status factor(struct glia_fit_ *f, struct levenberg *s, const double *theta)
{
  const bool summed = s->of > 1;
  struct glia_rows rows = {(void *)(uintptr_t)s->cloud, summed_rows(s), s->cols, glia_cloud_read_};

  if (summed) {
    rows.self = s;
    rows.read = read_summed;
    s->key = glia_random_stream((uint64_t)f->now.step, "summed rows");
  }
  glia_pinn_set(s->cloud->pinn, theta);
  return glia_tsqr(f->comm, &rows, s->r);
}

/* What the linear model says the loss falls by: |r|^2 - |J p + r|^2. s->work is overwritten. */
static double foretold(struct levenberg *s)
{
  const double *z = s->r + s->n * s->cols;
  double *left = s->work, fall = 0.0;

  memcpy(left, z, (size_t)s->n * sizeof *left);
  for (int64_t j = 0; j < s->n; j++)
    for (int64_t i = 0; i <= j; i++) left[i] += s->r[j * s->cols + i] * s->step[j];
  for (int64_t i = 0; i < s->n; i++) fall += z[i] * z[i] - left[i] * left[i];
  return fall;
}

/* The step at a damping. */
static glia_status solve(struct levenberg *s, double damping)
{
  const int64_t n = s->n, m = s->cols;

  memcpy(s->work, s->r, (size_t)(m * m) * sizeof *s->work);
  memset(s->below, 0, (size_t)(m * m) * sizeof *s->below);
  for (int64_t i = 0; i < n; i++) s->below[i * m + i] = sqrt(damping);
  GLIA_TRY(glia_dense_r_join(m, s->work, s->below));
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
  /* ranks with other processors must not part */
  GLIA_TRY(glia_comm_bcast(f->comm, s->step, (size_t)f->n * sizeof *s->step, 0));
  GLIA_TRY(glia_fit_look_(f, theta, 1.0, s->step, loss));
  *good = *loss < f->now.loss && f->now.loss - *loss >= GAIN * foretold(s);
  return GLIA_OK;
}

/* Dampings one after another: *found, with theta in s->kept and the loss there. */
static glia_status search(struct glia_fit_ *f, struct levenberg *s, const double *theta,
                          bool *found, int *rises, double *best)
{
  double loss, damping = f->now.damping == 0.0 ? DAMPING_START : f->now.damping;
  bool good, down = false;

  *rises = 0;
  for (int k = 0; k < (s->of > 1 ? TRIES_SUMMED : TRIES); k++) {
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
    *rises += !down;
  }
  return GLIA_OK;
}

static glia_status step(struct glia_fit_ *f, void *self, double *theta, bool *found)
{
  struct levenberg *s = self;
  double best = 0.0;
  int rises;

  for (*found = false;; s->of /= 2) {
    GLIA_TRY(factor(f, s, theta));
    GLIA_TRY(search(f, s, theta, found, &rises, &best));
    if (*found || s->of == 1) break;
  }
  if (rises >= 3 && s->of > 1) s->of /= 2;
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
  free(s);
}

static glia_status start(struct glia_fit_ *f, const double *theta, void **self)
{
  struct levenberg *s = calloc(1, sizeof *s);
  const int64_t m = f->n + 1;

  (void)theta;
  if (s != NULL) {
    *s = (struct levenberg){.n = f->n, .cols = m, .cloud = f->cloud};
    s->of = glia_cloud_rows_(f->cloud) / (ROWS_A_WEIGHT * f->n);
    if (s->of < 1) s->of = 1;
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
  return glia_agree(f->comm, GLIA_OK);
}

const struct glia_fit_method_ glia_fit_levenberg_ = {.name = "levenberg-marquardt",
                                                     .source = "marquardt1963",
                                                     .open = start,
                                                     .step = step,
                                                     .close = finish};
