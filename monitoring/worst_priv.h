/* The worst of a time just past: for gauges that any number of readers ask, at any pace. */
#ifndef GLIA_WORST_PRIV_H
#define GLIA_WORST_PRIV_H

#include <math.h>

/** All zero: nothing yet. Whoever shares it locks. */
struct glia_worst {
  double now, before; /* of the half minute that runs, and of the one before it */
  double since_s;     /* when that which runs began */
};

static const double GLIA_WORST_S = 30.0;

static inline void glia_worst_turn_(struct glia_worst *w, double now_s)
{
  if (now_s - w->since_s < GLIA_WORST_S) return;
  w->before = now_s - w->since_s < 2.0 * GLIA_WORST_S ? w->now : 0.0;
  w->now = 0.0;
  w->since_s = now_s;
}

/** now_s: of a clock that does not step. */
static inline void glia_worst_add_(struct glia_worst *w, double value, double now_s)
{
  glia_worst_turn_(w, now_s);
  w->now = fmax(w->now, value);
}

/** Over the last half to whole minute; 0: nothing came. */
static inline double glia_worst_(struct glia_worst *w, double now_s)
{
  glia_worst_turn_(w, now_s);
  return fmax(w->now, w->before);
}

#endif
