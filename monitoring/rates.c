/* Counters to rates; see glia_rates.h. */
#include "glia_rates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct glia_rates {
  int64_t n;
  glia_metric_kind *kind; /* [n] */
  double *last;           /* [n] the row before */
  int64_t *clock;         /* [n] column that tells when it was read, -1: with the row */
  float *held;            /* [n] last rate, for what was not read anew */
  int64_t last_ns;
  int64_t epoch;
  bool fresh; /* no row before */
};

glia_status glia_rates_create(int64_t n, const glia_metric_kind *kinds, struct glia_rates **out)
{
  *out = NULL;
  GLIA_CHECK(n >= 0 && n < INT32_MAX, GLIA_E_ARGUMENT, "%lld metrics", (long long)n);
  struct glia_rates *r = calloc(1, sizeof *r);
  const size_t room = n > 0 ? (size_t)n : 1;
  if (r != NULL) {
    *r = (struct glia_rates){.n = n, .fresh = true};
    r->kind = calloc(room, sizeof *r->kind);
    r->last = calloc(room, sizeof *r->last);
    r->clock = calloc(room, sizeof *r->clock);
    r->held = calloc(room, sizeof *r->held);
  }
  if (r == NULL || r->kind == NULL || r->last == NULL || r->clock == NULL || r->held == NULL) {
    glia_rates_destroy(&r);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory for the rates of %lld metrics", (long long)n);
  }
  if (n > 0) memcpy(r->kind, kinds, (size_t)n * sizeof *kinds);
  for (int64_t i = 0; i < n; i++) r->clock[i] = -1;
  *out = r;
  return GLIA_OK;
}

void glia_rates_set_clock(struct glia_rates *rates, int64_t column, int64_t clock)
{
  rates->clock[column] = clock >= 0 && clock < rates->n ? clock : -1;
}

/* Rate of column i over dt_s, the time between the rows unless the column has a clock of its own. */
static float rate(const struct glia_rates *r, int64_t i, double dt_s, const double *in)
{
  const int64_t c = r->clock[i];

  if (c >= 0 && !isnan(in[c])) {
    dt_s = in[c] - r->last[c];
    if (dt_s == 0.0 && !isnan(in[i])) return r->held[i]; /* the same reading again */
  }
  if (dt_s > 0.0 && in[i] >= r->last[i]) /* false when anything is missing */
    return (float)((in[i] - r->last[i]) / dt_s);
  return GLIA_MISSING;
}

void glia_rates_convert(struct glia_rates *rates, int64_t monotonic_ns, int64_t epoch,
                        const double *in, float *out)
{
  const double dt_s = 1e-9 * (double)(monotonic_ns - rates->last_ns);
  const bool follows = !rates->fresh && epoch == rates->epoch;

  for (int64_t i = 0; i < rates->n; i++) {
    if (rates->kind[i] == GLIA_METRIC_GAUGE) {
      out[i] = (float)in[i];
    } else {
      out[i] = follows ? rate(rates, i, dt_s, in) : GLIA_MISSING;
      rates->held[i] = out[i];
    }
  }
  memcpy(rates->last, in, (size_t)rates->n * sizeof *in);
  rates->last_ns = monotonic_ns;
  rates->epoch = epoch;
  rates->fresh = false;
}

void glia_rates_carry(struct glia_rates *to, const struct glia_rates *from)
{
  const int64_t n = from->n < to->n ? from->n : to->n;

  memcpy(to->last, from->last, (size_t)n * sizeof *to->last);
  memcpy(to->held, from->held, (size_t)n * sizeof *to->held);
  for (int64_t i = n; i < to->n; i++) to->last[i] = (double)GLIA_MISSING;
  to->last_ns = from->last_ns;
  to->epoch = from->epoch;
  to->fresh = from->fresh;
}

void glia_rates_reset(struct glia_rates *rates) { rates->fresh = true; }

const char *glia_rates_unit(const struct glia_metric *metric, char *out, size_t size)
{
  snprintf(out, size, "%s%s", metric->unit, metric->kind == GLIA_METRIC_COUNTER ? "/s" : "");
  return out;
}

void glia_rates_destroy(struct glia_rates **rates)
{
  if (*rates == NULL) return;
  free((*rates)->kind);
  free((*rates)->last);
  free((*rates)->clock);
  free((*rates)->held);
  free(*rates);
  *rates = NULL;
}
