/* Samples of a file as fields on a regular grid. */
#include "glia_discover.h"
#include "glia_fields.h"
#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Values that a coordinate takes, as lo + k step. */
static glia_status find_axis(const struct glia_problem *p, int c, int64_t n, int cols,
                             const double *rows, struct glia_grid_data *g)
{
  double *v = malloc((size_t)n * sizeof *v);
  const double near = 1e-9 * (p->hi[c] - p->lo[c]);
  int64_t m = 0;
  glia_status st = GLIA_OK;

  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "%lld samples", (long long)n);
  for (int64_t i = 0; i < n; i++) v[i] = rows[i * cols + c];
  qsort(v, (size_t)n, sizeof *v, by_value);
  for (int64_t i = 0; i < n; i++)
    if (m == 0 || v[i] - v[m - 1] > near) v[m++] = v[i];
  g->dim[c] = m;
  g->lo[c] = v[0];
  g->step[c] = m > 1 ? (v[m - 1] - v[0]) / (double)(m - 1) : 0.0;
  for (int64_t i = 0; i < m && st == GLIA_OK; i++)
    if (fabs(v[i] - v[0] - (double)i * g->step[c]) > 1e-3 * g->step[c])
      st = GLIA_FAIL(GLIA_E_DATA,
                     "%s: the values of '%s' are not equally spaced: %.9g where %.9g was expected",
                     p->data.file, p->coord[c], v[i], v[0] + (double)i * g->step[c]);
  free(v);
  return st;
}

static glia_status place(const struct glia_problem *p, int64_t n, int cols, const double *rows,
                         struct glia_grid_data *g)
{
  const int d = p->n_coords, m = p->n_unknowns;

  for (int64_t i = 0; i < g->n * m; i++) g->u[i] = (double)NAN;
  for (int64_t i = 0; i < n; i++) {
    int64_t at = 0;
    for (int c = 0; c < d; c++) {
      const double k = g->dim[c] > 1 ? (rows[i * cols + c] - g->lo[c]) / g->step[c] : 0.0;
      at = at * g->dim[c] + llround(k);
    }
    for (int k = 0; k < m; k++) g->u[k * g->n + at] = rows[i * cols + d + k];
  }
  for (int64_t i = 0; i < g->n * m; i++)
    GLIA_CHECK(isfinite(g->u[i]), GLIA_E_DATA,
               "%s: '%s' is missing at node %lld of the grid: data that are few or scattered need "
               "method: network",
               p->data.file, p->unknown[i / g->n], (long long)(i % g->n) + 1);
  return GLIA_OK;
}

static void add_noise(const struct glia_discovery *d, struct glia_grid_data *g)
{
  const uint64_t key = glia_random_stream(d->seed, "discover/noise");

  for (int k = 0; k < d->p.n_unknowns && d->p.data.noise > 0.0; k++) {
    double *u = g->u + k * g->n, mean = 0.0, square = 0.0;
    for (int64_t i = 0; i < g->n; i++) mean += u[i] / (double)g->n;
    for (int64_t i = 0; i < g->n; i++) square += (u[i] - mean) * (u[i] - mean) / (double)g->n;
    for (int64_t i = 0; i < g->n; i++)
      u[i] += d->p.data.noise * sqrt(square) * glia_random_normal(key, (uint64_t)k, (uint64_t)i);
  }
}

/* Drop samples outside the domain; the far end of a period repeats the near one. Returns how many stay. */
static int64_t inside(const struct glia_problem *p, int64_t n, int cols, double *rows)
{
  int64_t kept = 0;

  for (int64_t i = 0; i < n; i++) {
    bool in = true;
    for (int c = 0; c < p->n_coords; c++) {
      const double x = rows[i * cols + c], slack = 1e-9 * (p->hi[c] - p->lo[c]);
      in = in && x >= p->lo[c] - slack &&
           (p->periodic[c] ? x < p->hi[c] - slack : x <= p->hi[c] + slack);
    }
    if (in) memmove(rows + kept++ * cols, rows + i * cols, (size_t)cols * sizeof *rows);
  }
  return kept;
}

static glia_status make(const struct glia_discovery *d, int64_t n, double *rows,
                        struct glia_grid_data *g)
{
  const struct glia_problem *p = &d->p;
  const int cols = p->n_coords + p->n_unknowns;

  n = inside(p, n, cols, rows);
  GLIA_CHECK(n > 0, GLIA_E_DATA, "%s: no sample lies in the domain", p->data.file);
  g->n = 1;
  for (int c = 0; c < p->n_coords; c++) {
    GLIA_TRY(find_axis(p, c, n, cols, rows, g));
    GLIA_CHECK(g->dim[c] <= n && g->n <= n / g->dim[c] + 1, GLIA_E_DATA,
               "%s: %lld samples are not on a regular grid", p->data.file, (long long)n);
    g->n *= g->dim[c];
  }
  GLIA_CHECK(g->n == n, GLIA_E_DATA,
             "%s: %lld samples where a regular grid of their coordinates has %lld: data that are "
             "few or scattered need method: network",
             p->data.file, (long long)n, (long long)g->n);
  for (int c = 0; c < p->n_coords; c++)
    GLIA_CHECK(!p->periodic[c] ||
                   fabs((double)g->dim[c] * g->step[c] - p->hi[c] + p->lo[c]) < 1e-3 * g->step[c],
               GLIA_E_DATA, "%s: %lld values of '%s' spaced by %g do not fill its period %g",
               p->data.file, (long long)g->dim[c], p->coord[c], g->step[c], p->hi[c] - p->lo[c]);
  g->u = malloc((size_t)(g->n * p->n_unknowns) * sizeof *g->u);
  GLIA_CHECK(g->u != NULL, GLIA_E_MEMORY, "%lld samples", (long long)g->n);
  GLIA_TRY(place(p, n, cols, rows, g));
  add_noise(d, g);
  return GLIA_OK;
}

glia_status glia_grid_data_read(const struct glia_discovery *d, struct glia_grid_data *g)
{
  const struct glia_problem *p = &d->p;
  const char *name[GLIA_PDE_COORDS + GLIA_PDE_UNKNOWNS];
  double *rows = NULL;
  int64_t n;

  *g = (struct glia_grid_data){0};
  for (int i = 0; i < p->n_coords; i++) name[i] = p->coord[i];
  for (int i = 0; i < p->n_unknowns; i++) name[p->n_coords + i] = p->unknown[i];
  GLIA_TRY(glia_fields_read(p->data.file, p->n_coords, p->n_unknowns, name, &n, &rows));
  const glia_status st = make(d, n, rows, g);
  free(rows);
  return st;
}

void glia_grid_data_free(struct glia_grid_data *g)
{
  free(g->u);
  g->u = NULL;
}
