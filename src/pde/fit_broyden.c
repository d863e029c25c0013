/* Self-scaled Broyden with a dense inverse Hessian, and a line search to Wolfe's conditions.
 *
 * With s the step, y the change of the gradient, b = s.Bs/y.s, h = y.Hy/y.s and a = h b - 1:
 *     H <- (H - Hy (Hy)^T / y.Hy + phi v v^T) / tau + s s^T / y.s,   v = sqrt(y.Hy) (s / y.s - Hy / y.Hy)
 * where phi and tau are chosen by a and b so that large eigenvalues of H come down. All ranks hold H whole and do the same.
 * Source: albaali2014, urban2025.
 */
#include "fit_priv.h"

#include "glia_agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKS = 30 };
static const double FALL = 1e-4, BEND = 0.9; /* Wolfe's constants */

struct broyden {
  int64_t n;
  double *h;                                     /* [n, n] */
  double *gradient, *fresh, *step, *y, *hy, *at; /* [n] */
  bool begun, scaled;
};

static double dot(int64_t n, const double *a, const double *b)
{
  double sum = 0.0;

  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static void apply(const struct broyden *s, const double *x, double *out)
{
  for (int64_t i = 0; i < s->n; i++) out[i] = dot(s->n, s->h + i * s->n, x);
}

static void forget(struct broyden *s)
{
  memset(s->h, 0, (size_t)(s->n * s->n) * sizeof *s->h);
  for (int64_t i = 0; i < s->n; i++) s->h[i * s->n + i] = 1.0;
  s->scaled = false;
}

/* Loss, and slope along the step, a part t of it away; the gradient there into s->fresh. */
static glia_status look(struct glia_fit_ *f, struct broyden *s, const double *theta, double t,
                        double *loss, double *slope)
{
  for (int64_t i = 0; i < f->n; i++) s->at[i] = theta[i] + t * s->step[i];
  glia_pinn_set(f->cloud->pinn, s->at);
  GLIA_TRY(glia_cloud_loss(f->cloud, loss, s->fresh));
  f->evaluations++;
  *slope = dot(f->n, s->fresh, s->step);
  if (!isfinite(*loss) || !isfinite(*slope)) *loss = (double)INFINITY;
  return GLIA_OK;
}

/* Bracket and halve until Wolfe's conditions hold; *t = 0: the loss falls nowhere.  Source: nocedal2006. */
static glia_status search(struct glia_fit_ *f, struct broyden *s, const double *theta,
                          double slope0, double t0, double *t, double *loss)
{
  double lo = 0.0, hi = (double)INFINITY, slope, best = 0.0;

  *t = t0;
  for (int k = 0; k < LOOKS; k++) {
    GLIA_TRY(look(f, s, theta, *t, loss, &slope));
    if (!(*loss <= f->now.loss + FALL * *t * slope0))
      hi = *t;
    else if (slope < BEND * slope0) {
      lo = *t;
      best = *t;
    } else
      return GLIA_OK;
    *t = isfinite(hi) ? 0.5 * (lo + hi) : 2.0 * *t;
  }
  *t = best; /* a fall without the bend: better than none */
  return best > 0.0 ? look(f, s, theta, *t, loss, &slope) : GLIA_OK;
}

/* phi and tau of the update.  Source: urban2025, equations for the self-scaled Broyden family. */
static void choose(double a, double b, double h, int64_t n, double *phi, double *tau)
{
  const double c = sqrt(a / (1.0 + a)), rho = fmin(1.0, h * (1.0 - c));
  const double least = a > 0.0 ? (rho - 1.0) / a : 0.0, most = 1.0 / rho;
  const double theta = fmax(least, fmin(most, (1.0 - b) / b)), sigma = 1.0 + a * theta;
  const double first = fmin(1.0, 1.0 / b), root = pow(sigma, -1.0 / (double)(n - 1));

  *phi = (1.0 - theta) / sigma;
  *tau = theta > 0.0 ? first * fmin(root, 1.0 / theta) : fmin(first * root, sigma);
  if (!isfinite(*phi) || !isfinite(*tau) || *tau <= 0.0) {
    *phi = 1.0; /* BFGS */
    *tau = 1.0;
  }
}

/* step is already t times the direction p = -H g, so s.Bs = -t s.g. */
static void update(struct broyden *s, double t)
{
  const int64_t n = s->n;
  const double ys = dot(n, s->y, s->step);
  double phi, tau;

  if (!(ys > 0.0)) return;
  if (!s->scaled) { /* the first step tells the size of H */
    const double size = ys / dot(n, s->y, s->y);
    for (int64_t i = 0; i < n; i++) s->h[i * n + i] = size;
    s->scaled = true;
  }
  apply(s, s->y, s->hy);
  const double yhy = dot(n, s->y, s->hy), b = -t * dot(n, s->step, s->gradient) / ys;
  if (!(yhy > 0.0)) return;
  choose(fmax(0.0, yhy / ys * b - 1.0), b, yhy / ys, n, &phi, &tau);
  for (int64_t i = 0; i < n; i++) {
    const double vi = sqrt(yhy) * (s->step[i] / ys - s->hy[i] / yhy);
    double *row = s->h + i * n;
    for (int64_t j = 0; j < n; j++) {
      const double vj = sqrt(yhy) * (s->step[j] / ys - s->hy[j] / yhy);
      row[j] =
          (row[j] - s->hy[i] * s->hy[j] / yhy + phi * vi * vj) / tau + s->step[i] * s->step[j] / ys;
    }
  }
}

static glia_status step(struct glia_fit_ *f, void *self, double *theta, bool *found)
{
  struct broyden *s = self;
  const int64_t n = f->n;
  double t, loss, slope = 0.0;

  *found = false;
  if (!s->begun || f->fresh) {
    glia_pinn_set(f->cloud->pinn, theta);
    GLIA_TRY(glia_cloud_loss(f->cloud, &f->now.loss, s->gradient));
    s->begun = true;
  }
  for (int k = 0; k < 2 && slope >= 0.0; k++) {
    if (k == 1) forget(s); /* rounding made H indefinite */
    apply(s, s->gradient, s->step);
    for (int64_t i = 0; i < n; i++) s->step[i] = -s->step[i];
    slope = dot(n, s->step, s->gradient);
  }
  if (!(slope < 0.0)) return GLIA_OK;
  const double first = s->scaled ? 1.0 : fmin(1.0, 1.0 / sqrt(-slope));
  GLIA_TRY(search(f, s, theta, slope, first, &t, &loss));
  if (!(t > 0.0) || !(loss < f->now.loss)) return GLIA_OK;
  for (int64_t i = 0; i < n; i++) {
    s->step[i] *= t;
    s->y[i] = s->fresh[i] - s->gradient[i];
  }
  update(s, t);
  memcpy(s->gradient, s->fresh, (size_t)n * sizeof *s->gradient);
  memcpy(theta, s->at, (size_t)n * sizeof *theta);
  f->now.loss = loss;
  *found = true;
  return GLIA_OK;
}

static void finish(void *self)
{
  struct broyden *s = self;

  if (s == NULL) return;
  free(s->h);
  free(s->gradient);
  free(s);
}

static glia_status start(struct glia_fit_ *f, const double *theta, void **self)
{
  struct broyden *s = calloc(1, sizeof *s);
  const int64_t n = f->n;

  (void)theta;
  *self = s;
  if (s != NULL) {
    s->n = n;
    s->h = malloc((size_t)(n * n) * sizeof *s->h);
    s->gradient = calloc(6 * (size_t)n, sizeof *s->gradient);
  }
  if (s == NULL || s->h == NULL || s->gradient == NULL)
    return glia_agree(
        f->comm, GLIA_FAIL(GLIA_E_MEMORY, "a matrix of %lld x %lld", (long long)n, (long long)n));
  s->fresh = s->gradient + n;
  s->step = s->fresh + n;
  s->y = s->step + n;
  s->hy = s->y + n;
  s->at = s->hy + n;
  forget(s);
  return glia_agree(f->comm, GLIA_OK);
}

const struct glia_fit_method_ glia_fit_broyden_ = {.name = "ssbroyden",
                                                   .source = "urban2025",
                                                   .squares = 1,
                                                   .open = start,
                                                   .step = step,
                                                   .close = finish};
