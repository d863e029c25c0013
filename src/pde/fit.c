/* The loop around the steps of a fit: see glia_fit.h. */
#include "fit_priv.h"
#include "pinn_priv.h"

#include "glia_agree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GLIA_FIT_METHOD(id) extern const struct glia_fit_method_ glia_fit_##id##_;
#include "fit_methods.def"
#undef GLIA_FIT_METHOD

static const struct glia_fit_method_ *const methods[] = {
#define GLIA_FIT_METHOD(id) &glia_fit_##id##_,
#include "fit_methods.def"
#undef GLIA_FIT_METHOD
};

const char *const *glia_fit_method_names(void)
{
  static const char *names[GLIA_COUNT(methods) + 1];

  for (size_t i = 0; i < GLIA_COUNT(methods); i++) names[i] = methods[i]->name;
  return names;
}

const char *glia_fit_reason_text(glia_fit_reason r)
{
  static const char *const text[] = {"steps",   "time",     "tolerance",
                                     "stalled", "diverged", "stopped"};

  return text[r];
}

double glia_fit_bytes(int method, int64_t rows, int64_t weights, const struct glia_comm *comm)
{
  const struct glia_fit_method_ *m = methods[method];
  const double n = (double)weights, all = (double)rows * n, local = glia_comm_local_size(comm);

  return 8.0 * local * (m->squares * n * n + m->rows * all) +
         8.0 * local / glia_comm_size(comm) * m->rows_shared * all;
}

bool glia_fit_draws_anew(int method) { return methods[method]->run == NULL; }

glia_status glia_cloud_read_(void *self, int64_t first, int64_t n, double *out)
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
    st = glia_pinn_joined_(c->pinn, g, &some, skip, take, out);
    out += take * cols;
    n -= take;
    first = 0;
  }
  return st;
}

glia_status glia_cloud_residuals_(const struct glia_cloud *c, int64_t first, int64_t n, double *out)
{
  const int64_t d = glia_pinn_coords(c->pinn);

  for (int g = 0; g < glia_pinn_groups(c->pinn) && n > 0; g++) {
    const struct glia_pinn_points *p = &c->points[g];
    const int64_t m = glia_pinn_residuals(c->pinn, g), rows = p->n * m;
    if (first >= rows) {
      first -= rows;
      continue;
    }
    const int64_t take = rows - first < n ? rows - first : n;
    const int64_t lo = first / m, hi = (first + take + m - 1) / m;
    const struct glia_pinn_points some = {.n = hi - lo,
                                          .x = p->x + lo * d,
                                          .weight = p->weight != NULL ? p->weight + lo : NULL,
                                          .target = p->target != NULL ? p->target + lo * m : NULL};
    double *r = malloc((size_t)((hi - lo) * m) * sizeof *r);
    GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "%lld rows", (long long)take);
    const glia_status st = glia_pinn_rows(c->pinn, g, &some, r, NULL);
    if (st == GLIA_OK) memcpy(out, r + first - lo * m, (size_t)take * sizeof *out);
    free(r);
    GLIA_TRY(st);
    out += take;
    n -= take;
    first = 0;
  }
  return GLIA_OK;
}

int64_t glia_cloud_rows_(const struct glia_cloud *c)
{
  int64_t n = 0;

  for (int g = 0; g < glia_pinn_groups(c->pinn); g++)
    n += c->points[g].n * glia_pinn_residuals(c->pinn, g);
  return n;
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

glia_status glia_fit_look_(struct glia_fit_ *f, const double *theta, double t, const double *step,
                           double *loss)
{
  for (int64_t i = 0; i < f->n; i++) f->trial[i] = theta[i] + t * step[i];
  glia_pinn_set(f->cloud->pinn, f->trial);
  GLIA_TRY(glia_cloud_loss(f->cloud, loss, NULL));
  f->evaluations++;
  if (!isfinite(*loss)) *loss = (double)INFINITY;
  return GLIA_OK;
}

glia_status glia_fit_ended_(struct glia_fit_ *f, const double *theta, bool *end,
                            glia_fit_reason *reason)
{
  bool stop = false;

  f->now.time_s = now_s() - f->start_s;
  f->fresh = false;
  GLIA_TRY(glia_comm_bcast(f->comm, &f->now.time_s, sizeof f->now.time_s, 0));
  *end = true;
  if (!isfinite(f->now.loss)) {
    *reason = GLIA_FIT_DIVERGED;
    return GLIA_OK;
  }
  if (f->o->before != NULL) GLIA_TRY(f->o->before(f->o->self, &f->now, theta, &stop, &f->fresh));
  if (f->fresh) {
    glia_pinn_set(f->cloud->pinn, theta);
    GLIA_TRY(glia_cloud_loss(f->cloud, &f->now.loss, NULL));
  }
  if (stop)
    *reason = GLIA_FIT_STOPPED;
  else if (!isfinite(f->now.loss)) /* at the fresh rows */
    *reason = GLIA_FIT_DIVERGED;
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

static glia_status step_by_step(struct glia_fit_ *f, const struct glia_fit_method_ *m, void *self,
                                double *theta, struct glia_fit_result *out)
{
  bool end = false, found = true;

  for (;;) {
    GLIA_TRY(glia_fit_ended_(f, theta, &end, &out->reason));
    if (end) break;
    GLIA_TRY(m->step(f, self, theta, &found));
    if (!isfinite(f->now.loss)) {
      out->reason = GLIA_FIT_DIVERGED;
      break;
    }
    if (!found) {
      out->reason = GLIA_FIT_STALLED;
      break;
    }
    f->now.step++;
  }
  return GLIA_OK;
}

static glia_status run(struct glia_fit_ *f, const struct glia_fit_method_ *m, void *self,
                       double *theta, struct glia_fit_result *out)
{
  GLIA_TRY(m->run != NULL ? m->run(f, self, theta, out) : step_by_step(f, m, self, theta, out));
  glia_pinn_set(f->cloud->pinn, theta);
  out->steps = f->now.step;
  out->loss = f->now.loss;
  out->damping = f->now.damping;
  out->evaluations = f->evaluations;
  out->time_s = f->now.time_s;
  return GLIA_OK;
}

glia_status glia_fit(const struct glia_cloud *c, int method, const struct glia_fit_options *o,
                     double *theta, struct glia_fit_result *out)
{
  const struct glia_fit_method_ *m = methods[method];
  struct glia_fit_ f = {.cloud = c, .o = o, .comm = glia_pinn_comm(c->pinn)};
  void *self = NULL;
  glia_status st = GLIA_OK;

  *out = (struct glia_fit_result){0};
  f.n = glia_pinn_size(c->pinn);
  f.start_s = now_s();
  f.now.step = o->first;
  f.now.damping = o->damping;
  f.trial = malloc((size_t)f.n * sizeof *f.trial);
  if (f.trial == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld weights", (long long)f.n);
  st = glia_agree(f.comm, st);
  if (st == GLIA_OK) {
    glia_pinn_set(c->pinn, theta);
    st = glia_cloud_loss(c, &f.now.loss, NULL);
  }
  if (st == GLIA_OK) st = m->open(&f, theta, &self);
  if (st == GLIA_OK) st = run(&f, m, self, theta, out);
  m->close(self);
  free(f.trial);
  return st;
}
