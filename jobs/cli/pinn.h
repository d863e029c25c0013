/* A problem being solved by the command line: what pinn.c and its files share. */
#ifndef PINN_H
#define PINN_H

#include "cli.h"
#include "glia_solve.h"

/* Losses and errors of one seed, step by step. */
struct pinn_history {
  int64_t n, room;
  double *step, *loss, *error; /* [n]; error NaN where it was not measured */
};

void pinn_history_add(struct pinn_history *h, double step, double loss, double error);
void pinn_history_free(struct pinn_history *h);

/** Values on a regular grid: [points of coordinate 0, ...]; all coordinates beyond the second of space at their middle.
 *  Ownership: free x and u. */
struct pinn_grid {
  int64_t dim[GLIA_PDE_COORDS], n;
  double *axis[GLIA_PDE_COORDS]; /* [dim[c]] */
  double *x, *u;                 /* [n, coords], [n, unknowns]; NaN outside the domain */
};
glia_status pinn_grid_make(struct glia_solver *s, const struct glia_problem *p, int64_t side,
                           struct pinn_grid *out);
void pinn_grid_free(struct pinn_grid *g);

/* Where a fit stands. */
struct pinn_state {
  int64_t seed, step;
  double damping;
  double *theta; /* [glia_pinn_size], of a file that was read */
  struct glia_solve_points points;
  struct glia_solve_stage stage;
  double *placed; /* [glia_pinn_size]: likewise, room for points.theta */
};

/** Could the file beside the solution be written, and does no file take another's place? The files asked for by name the frame has looked at.
 *  NULL: not asked for. Rank 0. */
glia_status pinn_may_write(const struct glia_problem *p, const char *solution, const char *picture,
                           bool force);

/** Solution file, and XDMF beside it. Rank 0. */
glia_status pinn_write(const struct glia_problem *p, struct glia_solver *s,
                       const struct pinn_grid *g, const struct pinn_state *state,
                       const char *config, const char *path, bool force);

/** Weights and state of a solution file, into out->theta and out->placed, too. Collective: no.
 *  Errors: GLIA_E_MISSING, GLIA_E_DATA, GLIA_E_SHAPE (another network). */
glia_status pinn_read(struct glia_solver *s, const char *path, struct pinn_state *out);

/** Solution, error where it is known exactly, residual and history as a picture. Rank 0. */
glia_status pinn_draw(const struct glia_problem *p, struct glia_solver *s,
                      const struct pinn_grid *g, const struct pinn_history *h, const char *path);

/** The same problem by finite differences, told and as *out (null where they do not cover it).
 *  error, wall_s  of the network; error NaN without a reference
 *  Collective: yes. Ownership: *out is yours to release. */
glia_status pinn_classical(struct glia_args *a, struct glia_comm *comm, struct glia_problem *p,
                           struct glia_solver *solver, double error, double wall_s, json_t **out);

#endif
