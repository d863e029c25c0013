/* Adam on all rows at once, at a rate that falls as 1 / (1 + step / 1000).  Source: kingma2014. */
#include "fit_priv.h"

#include "glia_agree.h"

#include <math.h>
#include <stdlib.h>

static const double RATE = 5e-3, FIRST = 0.9, SECOND = 0.999, EPSILON = 1e-12;

struct adam {
  double *gradient, *mean, *square; /* [n] */
  int64_t step;
};

/* Always takes its step: the loss may rise. */
static glia_status step(struct glia_fit_ *f, void *self, double *theta, bool *found)
{
  struct adam *s = self;

  glia_pinn_set(f->cloud->pinn, theta);
  GLIA_TRY(glia_cloud_loss(f->cloud, &f->now.loss, s->gradient));
  f->evaluations++;
  *found = true;
  /* no step from where the slope is none: theta stays what can be looked at */
  for (int64_t i = 0; i < f->n; i++)
    if (!isfinite(s->gradient[i])) f->now.loss = (double)NAN;
  if (!isfinite(f->now.loss)) return GLIA_OK;
  s->step++;
  const double rate = RATE / (1.0 + (double)s->step / 1000.0);
  const double one = 1.0 - pow(FIRST, (double)s->step), two = 1.0 - pow(SECOND, (double)s->step);
  for (int64_t i = 0; i < f->n; i++) {
    const double g = s->gradient[i];
    s->mean[i] = FIRST * s->mean[i] + (1.0 - FIRST) * g;
    s->square[i] = SECOND * s->square[i] + (1.0 - SECOND) * g * g;
    theta[i] -= rate * (s->mean[i] / one) / (sqrt(s->square[i] / two) + EPSILON);
  }
  return GLIA_OK;
}

static void finish(void *self)
{
  struct adam *s = self;

  if (s == NULL) return;
  free(s->gradient);
  free(s);
}

static glia_status start(struct glia_fit_ *f, const double *theta, void **self)
{
  struct adam *s = calloc(1, sizeof *s);

  (void)theta;
  *self = s;
  if (s != NULL) s->gradient = calloc(3 * (size_t)f->n, sizeof *s->gradient);
  if (s == NULL || s->gradient == NULL)
    return glia_agree(f->comm, GLIA_FAIL(GLIA_E_MEMORY, "%lld weights", (long long)f->n));
  s->mean = s->gradient + f->n;
  s->square = s->mean + f->n;
  return glia_agree(f->comm, GLIA_OK);
}

const struct glia_fit_method_ glia_fit_adam_ = {
    .name = "adam", .source = "kingma2014", .open = start, .step = step, .close = finish};
