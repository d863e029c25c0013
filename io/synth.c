/* Small made-up datasets. */
#include "glia_synth.h"

#include "glia_dataset.h"
#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INPUTS_MAX = 16, LINEAR_INPUTS = 10, BLOBS = 4 };
static const double PI = 3.14159265358979323846;

/* Numbers of a row: salt 0, 1, ... */
static double uniform(uint64_t key, uint64_t salt, int64_t i)
{
  return glia_random_uniform(key, salt, (uint64_t)i);
}
static double normal(uint64_t key, uint64_t salt, int64_t i)
{
  return glia_random_normal(key, salt, (uint64_t)i);
}

/* Two half circles, one inside the other's opening. */
static void moons(uint64_t key, uint64_t task, int64_t i, double noise, double *x, double *y)
{
  const double angle = PI * uniform(key, 0, i);
  const bool lower = i % 2 == 1;

  (void)task;
  x[0] = (lower ? 1.0 - cos(angle) : cos(angle)) + noise * normal(key, 1, i);
  x[1] = (lower ? 0.5 - sin(angle) : sin(angle)) + noise * normal(key, 2, i);
  *y = lower;
}

/* Four clouds at corners of a square. */
static void blobs(uint64_t key, uint64_t task, int64_t i, double noise, double *x, double *y)
{
  const int64_t class = i % BLOBS;

  (void)task;
  x[0] = (class % 2 == 0 ? -1.0 : 1.0) + noise * normal(key, 0, i);
  x[1] = (class / 2 == 0 ? -1.0 : 1.0) + noise * normal(key, 1, i);
  *y = (double)class;
}

/* Two arms that wind around each other one and a half times. */
static void spirals(uint64_t key, uint64_t task, int64_t i, double noise, double *x, double *y)
{
  const double t = sqrt(uniform(key, 0, i)); /* even along the arm */
  const double angle = 3.0 * PI * t + (i % 2 == 1 ? PI : 0.0);

  (void)task;
  x[0] = t * cos(angle) + noise * normal(key, 1, i);
  x[1] = t * sin(angle) + noise * normal(key, 2, i);
  *y = (double)(i % 2);
}

/* y = w x + noise; w and x standard normal, w / sqrt(inputs), so that y has variance about 1. */
static void linear(uint64_t key, uint64_t task, int64_t i, double noise, double *x, double *y)
{
  *y = noise * normal(key, LINEAR_INPUTS, i);
  for (int k = 0; k < LINEAR_INPUTS; k++) {
    x[k] = normal(key, (uint64_t)k, i);
    *y += normal(task, 0, k) / sqrt((double)LINEAR_INPUTS) * x[k];
  }
}

static const struct glia_synth kinds[] = {
    {"blobs", "four clouds in the plane, four classes", 2, BLOBS, blobs},
    {"linear", "ten normal inputs, a noisy linear target", LINEAR_INPUTS, 0, linear},
    {"moons", "two half circles in the plane, two classes", 2, 2, moons},
    {"spirals", "two arms in the plane, two classes", 2, 2, spirals},
};

int glia_synth_kinds(const struct glia_synth **out)
{
  *out = kinds;
  return (int)GLIA_COUNT(kinds);
}

const struct glia_synth *glia_synth_find(const char *name)
{
  for (size_t i = 0; i < GLIA_COUNT(kinds); i++)
    if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
  return NULL;
}

static glia_status write_split(const struct glia_synth *kind, struct glia_dataset_writer *w,
                               const char *split, int64_t n, uint64_t seed, double noise)
{
  const struct glia_type row = glia_type_make(GLIA_F32, 1, (int64_t[]){kind->n_inputs});
  const struct glia_type label = glia_type_make(GLIA_I32, 0, NULL);
  const struct glia_type target = glia_type_make(GLIA_F32, 1, (int64_t[]){1});
  const bool classes = kind->n_classes > 0;
  char name[64];
  int x = 0;
  int y = 0;

  snprintf(name, sizeof name, "synth/%s", kind->name);
  const uint64_t task = glia_random_stream(seed, name);
  snprintf(name, sizeof name, "synth/%s/%s", kind->name, split);
  const uint64_t key = glia_random_stream(seed, name);
  snprintf(name, sizeof name, "%s/x", split);
  GLIA_TRY(glia_dataset_define(w, name, &row, n, 1.0, 0.0, &x));
  snprintf(name, sizeof name, "%s/y", split);
  GLIA_TRY(glia_dataset_define(w, name, classes ? &label : &target, n, 1.0, 0.0, &y));
  for (int64_t i = 0; i < n; i++) {
    double in[INPUTS_MAX];
    float stored[INPUTS_MAX];
    double value = 0.0;
    kind->row(key, task, i, noise, in, &value);
    for (int k = 0; k < kind->n_inputs; k++) stored[k] = (float)in[k];
    GLIA_TRY(glia_dataset_append(w, x, 1, stored));
    if (classes) GLIA_TRY(glia_dataset_append(w, y, 1, &(int32_t){(int32_t)value}));
    if (!classes) GLIA_TRY(glia_dataset_append(w, y, 1, &(float){(float)value}));
  }
  return GLIA_OK;
}

glia_status glia_synth_write(const struct glia_synth *kind, int64_t n, int64_t n_test,
                             uint64_t seed, double noise, const char *path, bool force)
{
  struct glia_dataset_writer *w = NULL;
  char source[128];
  glia_status st = GLIA_OK;

  GLIA_CHECK(n >= 1 && n_test >= 0, GLIA_E_ARGUMENT, "%lld rows for training, %lld for testing",
             (long long)n, (long long)n_test);
  GLIA_CHECK(isfinite(noise) && noise >= 0.0, GLIA_E_ARGUMENT, "a noise of %g", noise);
  GLIA_TRY(glia_dataset_create(path, force, &w));
  snprintf(source, sizeof source, "synth %s seed %llu noise %g", kind->name,
           (unsigned long long)seed, noise);
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", source));
  GLIA_TRY_TO(fail, st, write_split(kind, w, "train", n, seed, noise));
  if (n_test > 0) GLIA_TRY_TO(fail, st, write_split(kind, w, "test", n_test, seed, noise));
  GLIA_TRY_TO(fail, st, glia_dataset_commit(&w));
fail:
  glia_dataset_abort(&w);
  return st;
}
