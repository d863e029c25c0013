/* Grids refined by two until the answer stays: see glia_classical.h. */
#include "classical_priv.h"

#include "glia_agree.h"
#include "glia_mpi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cells a side: of the first grid and the last. A change below CLOSE is rounding and the tolerance of the steps in time. */
enum { FIRST_LINE = 64, LAST_LINE = 8192, FIRST_PLANE = 16, LAST_PLANE = 256, SAMPLES = 257 };
static const double CLOSE = 1e-9;

/* Relative L2 distance at the nodes that both have. */
static double distance(const struct glia_system_ *s, const struct glia_grid_ *coarse,
                       const struct glia_grid_ *fine)
{
  const int m = s->p->n_unknowns;
  double wrong = 0.0, size = 0.0;

  for (int64_t t = 0; t < fine->snapshots; t++)
    for (int64_t j = 0; j < coarse->m[1]; j++)
      for (int64_t i = 0; i < coarse->m[0]; i++)
        for (int f = 0; f < m; f++) {
          const int64_t y = coarse->m[1] > 1 ? 2 * j : j;
          const double a = coarse->u[((t * coarse->m[1] + j) * coarse->m[0] + i) * m + f];
          const double b = fine->u[((t * fine->m[1] + y) * fine->m[0] + 2 * i) * m + f];
          wrong += (a - b) * (a - b);
          size += b * b;
        }
  return size > 0.0 ? sqrt(wrong / size) : sqrt(wrong);
}

/* Samples for the network to be compared at: every node, or every 2^k-th. */
static glia_status take_samples(const struct glia_system_ *s, const struct glia_grid_ *g,
                                struct glia_classical *out)
{
  const struct glia_problem *p = s->p;
  const int most = s->n_space == 1 ? SAMPLES : 65, m = p->n_unknowns;
  int stride = 1;

  while ((g->m[0] - 1) / stride + 1 > most) stride *= 2;
  const int64_t n = g->snapshots * ((g->m[0] - 1) / stride + 1) * ((g->m[1] - 1) / stride + 1);
  out->x = calloc((size_t)(n * p->n_coords), sizeof *out->x);
  out->u = calloc((size_t)(n * m), sizeof *out->u);
  GLIA_CHECK(out->x != NULL && out->u != NULL, GLIA_E_MEMORY, "%lld samples", (long long)n);
  for (int64_t t = 0; t < g->snapshots; t++)
    for (int j = 0; j < g->m[1]; j += stride)
      for (int i = 0; i < g->m[0]; i += stride) {
        double *x = out->x + out->n * p->n_coords;
        if (p->time >= 0)
          x[p->time] = p->lo[p->time] +
                       (double)(t + 1) * (p->hi[p->time] - p->lo[p->time]) / GLIA_GRID_TIMES_;
        for (int a = 0; a < s->n_space; a++)
          x[s->axis[a]] = fmin(p->lo[s->axis[a]] + (a == 0 ? i : j) * g->h[a], p->hi[s->axis[a]]);
        if (!glia_problem_inside(p, x)) continue;
        memcpy(out->u + out->n * m, g->u + ((t * g->m[1] + j) * g->m[0] + i) * m,
               (size_t)m * sizeof *out->u);
        out->n++;
      }
  return GLIA_OK;
}

static glia_status refine(const struct glia_system_ *s, struct glia_comm *comm, double time_s,
                          struct glia_classical *out, struct glia_grid_ *best)
{
  const double start_s = MPI_Wtime();
  const int last = s->n_space == 1 ? LAST_LINE : LAST_PLANE;

  out->change = (double)NAN;
  for (int n = s->n_space == 1 ? FIRST_LINE : FIRST_PLANE; n <= last; n *= 2) {
    struct glia_grid_ g;
    const double begin_s = MPI_Wtime();
    const glia_status st = glia_grid_solve_(s, comm, n, time_s - (begin_s - start_s), &g);
    double clock[2] = {MPI_Wtime() - begin_s, MPI_Wtime() - start_s};
    if (st != GLIA_OK || !g.ok) {
      free(g.u);
      return st;
    }
    GLIA_TRY(glia_comm_bcast(comm, clock, sizeof clock, 0));
    const double change = best->u != NULL ? distance(s, best, &g) : (double)NAN;
    free(best->u);
    *best = g;
    out->wall_s = clock[0];
    out->change = change;
    /* the next one costs two to four times as much */
    if (change < CLOSE || clock[1] + (s->n_space == 1 ? 2.5 : 5.0) * clock[0] > time_s) break;
  }
  return GLIA_OK;
}

glia_status glia_classical_solve(struct glia_problem *p, struct glia_comm *comm, double time_s,
                                 struct glia_classical *out)
{
  struct glia_system_ *s = calloc(1, sizeof *s);
  struct glia_grid_ g = {0};
  glia_status st = GLIA_OK;

  *out = (struct glia_classical){0};
  if (s == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a system");
  if (st == GLIA_OK) st = glia_system_make_(p, s, out->why);
  st = glia_agree(comm, st);
  if (st == GLIA_OK && out->why[0] == '\0') {
    st = refine(s, comm, time_s, out, &g);
    if (st == GLIA_OK && g.u == NULL)
      snprintf(out->why, sizeof out->why,
               "its equations were not solved on the first grid in %.0f s", time_s);
    if (st == GLIA_OK && g.u != NULL) {
      out->solved = true;
      out->nodes = (int64_t)g.m[0] * g.m[1];
      out->steps = g.steps;
      st = take_samples(s, &g, out);
    }
    st = glia_agree(comm, st);
  }
  if (s != NULL) glia_system_fini_(s);
  free(s);
  free(g.u);
  return st;
}

void glia_classical_fini(struct glia_classical *c)
{
  free(c->x);
  free(c->u);
  *c = (struct glia_classical){0};
}
