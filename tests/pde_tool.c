/* Solutions of known equations as CSV on standard output: pde_tool burgers | lorenz | heat | noise. */
#include "glia_random.h"
#include "pde_fields.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void bumps(double x, double *u) { *u = sin(x) + 0.5 * cos(2.0 * x + 1.0); }

static int burgers(void)
{
  enum { NX = 128, NT = 101 };
  static double u[NX * NT];
  const struct pde_wave w = {.a = 0.1,
                             .period = 2.0 * M_PI,
                             .dt = 0.03,
                             .nx = NX,
                             .nt = NT,
                             .substeps = 5,
                             .begin = bumps};

  if (!pde_wave_solve(&w, u)) return 1;
  printf("t,x,u\n");
  for (int t = 0; t < NT; t++)
    for (int i = 0; i < NX; i++)
      printf("%.17g,%.17g,%.17g\n", w.dt * t, w.period * i / NX, u[t * NX + i]);
  return 0;
}

static int lorenz(void)
{
  enum { N = 1001 };
  static double x[3 * N];

  pde_orbit(pde_lorenz, 3, (const double[]){-8.0, 7.0, 27.0}, 0.01, 10, N, x);
  printf("t,x,y,z\n");
  for (int i = 0; i < N; i++)
    printf("%.17g,%.17g,%.17g,%.17g\n", 0.01 * i, x[3 * i], x[3 * i + 1], x[3 * i + 2]);
  return 0;
}

static int heat(bool noise)
{
  const uint64_t key = glia_random_stream(1, "test/pde_tool");

  printf("t,x,u\n");
  for (int t = 0; t <= 50; t++)
    for (int i = 0; i <= 60; i++) {
      const double a = 0.02 * t, x = i / 60.0;
      const double u = exp(-0.1 * M_PI * M_PI * a) * sin(M_PI * x) +
                       0.5 * exp(-0.4 * M_PI * M_PI * a) * sin(2.0 * M_PI * x);
      printf("%.17g,%.17g,%.17g\n", a, x,
             noise ? glia_random_normal(key, (uint64_t)t, (uint64_t)i) : u);
    }
  return 0;
}

int main(int argc, char **argv)
{
  const char *what = argc == 2 ? argv[1] : "";

  if (strcmp(what, "burgers") == 0) return burgers();
  if (strcmp(what, "lorenz") == 0) return lorenz();
  if (strcmp(what, "heat") == 0 || strcmp(what, "noise") == 0) return heat(what[0] == 'n');
  fprintf(stderr, "usage: pde_tool burgers | lorenz | heat | noise\n");
  return 64;
}
