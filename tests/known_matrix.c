/* See known_matrix.h. */
#include "known_matrix.h"

#include "glia_random.h"

#include <math.h>
#include <stdlib.h>

static double *unit_vector(int64_t n, const char *name)
{
  const uint64_t key = glia_random_stream(3, name);
  double *u = calloc((size_t)n, sizeof *u), norm = 0.0;

  for (int64_t i = 0; u != NULL && i < n; i++) {
    u[i] = glia_random_normal(key, 0, (uint64_t)i);
    norm += u[i] * u[i];
  }
  for (int64_t i = 0; u != NULL && i < n; i++) u[i] /= sqrt(norm);
  return u;
}

struct known_matrix known_matrix_make(int64_t m, int64_t n, double decades)
{
  struct known_matrix k = {m,
                           n,
                           calloc((size_t)n, sizeof(double)),
                           unit_vector(m, "u"),
                           unit_vector(n, "v"),
                           calloc((size_t)n, sizeof(double))};

  if (k.s == NULL || k.u == NULL || k.v == NULL || k.us == NULL) abort();
  for (int64_t i = 0; i < n; i++) {
    k.s[i] = pow(10.0, n > 1 ? -decades * (double)i / (double)(n - 1) : 0.0);
    k.us[i] = k.s[i] * k.u[i];
  }
  return k;
}

void known_matrix_free(struct known_matrix *k)
{
  free(k->s);
  free(k->u);
  free(k->v);
  free(k->us);
}

static glia_status read(void *self, int64_t first, int64_t n, double *out)
{
  const struct known_matrix *k = self;

  for (int64_t i = 0; i < n; i++) {
    const int64_t r = first + i;
    double row_v = 0.0, *row = out + i * k->n;
    for (int64_t j = 0; j < k->n; j++) row[j] = -2.0 * k->u[r] * k->us[j];
    if (r < k->n) row[r] += k->s[r];
    for (int64_t j = 0; j < k->n; j++) row_v += row[j] * k->v[j];
    for (int64_t j = 0; j < k->n; j++) row[j] -= 2.0 * row_v * k->v[j];
  }
  return GLIA_OK;
}

struct glia_rows known_matrix_rows(struct known_matrix *k)
{
  return (struct glia_rows){k, k->m, k->n, read};
}

double known_matrix_error(const struct known_matrix *k, const double *found)
{
  double worst = 0.0;

  for (int64_t i = 0; i < k->n; i++) worst = fmax(worst, fabs(found[i] - k->s[i]) / k->s[0]);
  return worst;
}
