/* See 32_truth.h. */
#include "32_truth.h"

#include <math.h>
#include <string.h>

static void rates(const double *u, double *du)
{
  du[0] = 2.0 / 3.0 * u[0] - 4.0 / 3.0 * u[0] * u[1];
  du[1] = -u[1] + u[0] * u[1];
}

/* RK4 from a start, h = 1e-3: out [ORBIT, 2]. */
void truth_orbit(const double start[2], double *out)
{
  const double h = 1e-3;
  double u[2] = {start[0], start[1]};

  for (int i = 0; i < ORBIT; i++) {
    double k[4][2], v[2];
    out[2 * i] = u[0];
    out[2 * i + 1] = u[1];
    rates(u, k[0]);
    for (int q = 1; q < 4; q++) {
      for (int c = 0; c < 2; c++) v[c] = u[c] + (q == 3 ? h : 0.5 * h) * k[q - 1][c];
      rates(v, k[q]);
    }
    for (int c = 0; c < 2; c++) u[c] += h / 6.0 * (k[0][c] + 2.0 * (k[1][c] + k[2][c]) + k[3][c]);
  }
}

double truth_product(int which, const double *u)
{
  return (which == 0 ? -4.0 / 3.0 : 1.0) * u[0] * u[1];
}

enum { INNER = 4 };

/* u_t = 0.02 u_xx + u (1 - u) on [-1, 1], no flux, t in [0, 4]: second differences, RK4 with h = 0.0025: out [TIMES, SPACE]. */
static void reaction_rate(const double *u, double *du)
{
  const double dx = 2.0 / (SPACE - 1);

  for (int i = 0; i < SPACE; i++) {
    const double left = u[i > 0 ? i - 1 : 1], right = u[i < SPACE - 1 ? i + 1 : SPACE - 2];
    du[i] = 0.02 * (left - 2.0 * u[i] + right) / (dx * dx) + u[i] * (1.0 - u[i]);
  }
}

void truth_reaction(double *out)
{
  const double h = 4.0 / (TIMES - 1) / INNER;
  double u[SPACE], v[SPACE], k[4][SPACE];

  for (int i = 0; i < SPACE; i++) {
    const double x = -1.0 + 2.0 * i / (SPACE - 1);
    u[i] = 0.02 + 0.5 * exp(-20.0 * (x + 0.3) * (x + 0.3));
  }
  for (int t = 0; t < TIMES; t++) {
    memcpy(out + t * SPACE, u, sizeof u);
    for (int s = 0; s < INNER; s++) {
      reaction_rate(u, k[0]);
      for (int q = 1; q < 4; q++) {
        for (int i = 0; i < SPACE; i++) v[i] = u[i] + (q == 3 ? h : 0.5 * h) * k[q - 1][i];
        reaction_rate(v, k[q]);
      }
      for (int i = 0; i < SPACE; i++)
        u[i] += h / 6.0 * (k[0][i] + 2.0 * (k[1][i] + k[2][i]) + k[3][i]);
    }
  }
}
