/* Curves of a run: see run_picture.h. */
#include "run_picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const double *run_picture_column(const struct glia_run *r, const char *name)
{
  for (int i = 0; i < r->n_columns; i++)
    if (strcmp(r->column[i], name) == 0) return r->value[i];
  return NULL;
}

/* x of the curves: steps, or seconds since the first start. [n + 1] */
static double *abscissa(const struct glia_run *r, bool time)
{
  double *x = malloc(((size_t)r->n + 1) * sizeof *x);
  const double *t = run_picture_column(r, "time_s");

  if (x == NULL) return NULL;
  for (int64_t i = 0; i < r->n; i++)
    x[i] = !time                            ? (double)r->step[i]
           : t != NULL && r->n_sessions > 0 ? t[i] - r->session[0].start_s
                                            : (double)NAN;
  return x;
}

/* Mean over a window that ends at each row. */
static double *smooth(int64_t n, const double *y, int64_t window)
{
  double *out = malloc(((size_t)n + 1) * sizeof *out);

  for (int64_t i = 0; out != NULL && i < n; i++) {
    const int64_t from = i + 1 > window ? i + 1 - window : 0;
    double sum = 0.0;
    for (int64_t k = from; k <= i; k++) sum += y[k];
    out[i] = sum / (double)(i + 1 - from);
  }
  return out;
}

glia_status run_picture_curve(struct glia_panel *p, const struct glia_run *r, const char *name,
                              const char *what, bool time, int64_t window, int colour)
{
  const double *y = run_picture_column(r, what);

  GLIA_CHECK(y != NULL, GLIA_E_MISSING, "%s has no column %s", name, what);
  double *x = abscissa(r, time);
  double *mean = smooth(r->n, y, window);
  if (x != NULL && mean != NULL) {
    if (window > 1)
      glia_panel_line(p, r->n, x, y,
                      &(struct glia_style){.colour = colour, .opacity = 0.25, .width_pt = 0.6});
    glia_panel_line(p, r->n, x, mean, &(struct glia_style){.label = name, .colour = colour});
  }
  const bool enough = x != NULL && mean != NULL;
  free(x);
  free(mean);
  GLIA_CHECK(enough, GLIA_E_MEMORY, "a curve of %lld rows", (long long)r->n);
  return GLIA_OK;
}

double run_picture_fact(const struct glia_run *r, const char *name)
{
  for (int i = 0; i < r->n_facts; i++)
    if (strcmp(r->fact[i].name, name) == 0 && r->fact[i].kind == GLIA_ATTRIBUTE_REAL)
      return r->fact[i].r;
  return (double)NAN;
}

void run_picture_marks(struct glia_panel *p, const struct glia_run *r)
{
  const double stop = run_picture_fact(r, "theory_stop_step");

  for (int64_t i = 0; i < r->n_sessions; i++)
    if (r->session[i].first_step > 0)
      glia_panel_vline(p, (double)r->session[i].first_step, i < 4 ? "resumed" : NULL);
  if (isfinite(stop)) glia_panel_vline(p, stop, "theory");
}

void run_picture_times(struct glia_panel *p, const struct glia_run *r, const char *name)
{
  const float *part[3] = {r->compute, r->wait, r->input};
  static const char *const word[3] = {"compute", "exposed wait", "input"};
  double *x = malloc(((size_t)r->n_times + 1) * sizeof *x);
  double *y = malloc(((size_t)r->n_times + 1) * sizeof *y);

  for (int i = 0; i < 3 && x != NULL && y != NULL; i++) {
    char label[200];
    for (int64_t t = 0; t < r->n_times; t++) {
      double worst = (double)NAN;
      for (int64_t k = 0; k < r->ranks; k++) worst = fmax(worst, (double)part[i][t * r->ranks + k]);
      x[t] = (double)r->time_step[t];
      y[t] = 1e3 * worst;
    }
    snprintf(label, sizeof label, "%s%s%s", name != NULL ? name : "", name != NULL ? ": " : "",
             word[i]);
    glia_panel_line(p, r->n_times, x, y, &(struct glia_style){.label = label});
  }
  free(x);
  free(y);
}
