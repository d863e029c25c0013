/* Small made-up datasets: the same rows for the same seed, on any machine. */
#ifndef GLIA_SYNTH_H
#define GLIA_SYNTH_H

#include "glia_status.h"

/* One kind of data: a pure function of (seed, row). */
struct glia_synth {
  const char *name;
  const char *help;
  int n_inputs;
  int n_classes; /* 0: a regression with one target */
  /** Row `i` of stream `key`: x [n_inputs]; *y is the class or the target. `task` is the key of what all rows share (the weights
   *  of a teacher). noise: standard deviation. */
  void (*row)(uint64_t key, uint64_t task, int64_t i, double noise, double *x, double *y);
};

/** All kinds; returns how many. */
GLIA_API int glia_synth_kinds(const struct glia_synth **out);

/** The kind of this name, or NULL. */
GLIA_API const struct glia_synth *glia_synth_find(const char *name);

/** Write a dataset: /train with n rows, /test with n_test (0: none); x float32 [n, inputs], y int32 [n] or float32 [n, 1].
 *
 *  noise  >= 0: standard deviation of what is added
 *
 *  Errors: GLIA_E_ARGUMENT, GLIA_E_EXISTS, GLIA_E_IO.
 */
GLIA_API GLIA_NODISCARD glia_status glia_synth_write(const struct glia_synth *kind, int64_t n,
                                                     int64_t n_test, uint64_t seed, double noise,
                                                     const char *path, bool force);

#endif
