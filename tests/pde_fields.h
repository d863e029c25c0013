/* Solutions of known equations, made by solvers of their own: what discovery is to find again. */
#ifndef PDE_FIELDS_H
#define PDE_FIELDS_H

#include <stdint.h>

/* u_t + u u_x = a u_xx + b u_xxxx on a period, by Fourier series and ETDRK4: u [nt, nx] at t = k dt behind `start`.
 * Source: kassam2005. a = nu, b = 0: Burgers; a = b = -1: Kuramoto and Sivashinsky. */
struct pde_wave {
  double a, b, period, start, dt;
  int nx, nt, substeps;               /* steps of the solver between two samples */
  void (*begin)(double x, double *u); /* at t = 0 */
};
int pde_wave_solve(const struct pde_wave *w, double *u); /* 0: it blew up, or no memory */

/* x' = f(x) by RK4 with `substeps` steps between samples: out [n, dim]. */
void pde_orbit(void (*f)(const double *x, double *dx), int dim, const double *x0, double dt,
               int substeps, int64_t n, double *out);
void pde_lorenz(const double *x, double *dx);

#endif
