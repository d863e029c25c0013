/* Measures that are said to foretell generalization, of a trained network; and how much a set of runs lets one trust them.
 *
 * Norms, margins, spectra, PAC-Bayes bounds with their search for sigma, sharpness, path norms, Fisher information. batch_norm after a
 * linear layer or a convolution is folded into it first, in the trained and in the initial network, so rescaling what it undoes
 * changes nothing. No measure that sees the training set alone can certify an overparameterised network
 * (gastpar2023): never read one without its family of runs.
 * Source: jiang2019 (equations by number), dziugaite2020. Departs: noise has the variance sigma^2 of the formulas; the code of
 * dziugaite2020 takes sigma^2 for its standard deviation.
 */
#ifndef GLIA_MEASURES_H
#define GLIA_MEASURES_H

#include "glia_hessian.h"

/* name, whether mu is a logarithm, what. Reported: sqrt(mu / m), or (log mu - log m) / 2, for m training rows; the last
 * group is reported as it is. */
#define GLIA_MEASURE_LIST(X)                                                                       \
  X(params, ROOT, "number of weights (20)")                                                        \
  X(inverse_margin, ROOT, "1 / gamma^2 (22)")                                                      \
  X(log_prod_spec, LOG, "product of squared spectral norms (32)")                                  \
  X(log_prod_spec_over_margin, LOG, "over gamma^2 (31)")                                           \
  X(log_spec_init_main, LOG, "with distances to the start (29)")                                   \
  X(log_spec_orig_main, LOG, "with Frobenius norms (30)")                                          \
  X(fro_over_spec, ROOT, "sum of squared Frobenius over spectral norms (33)")                      \
  X(log_sum_spec, LOG, "(35)")                                                                     \
  X(log_sum_spec_over_margin, LOG, "(34)")                                                         \
  X(log_prod_fro, LOG, "product of squared Frobenius norms (37)")                                  \
  X(log_prod_fro_over_margin, LOG, "(36)")                                                         \
  X(log_sum_fro, LOG, "(39)")                                                                      \
  X(log_sum_fro_over_margin, LOG, "(38)")                                                          \
  X(fro_distance, ROOT, "squared distance to the start (40)")                                      \
  X(spec_distance, ROOT, "squared spectral distance to the start (41)")                            \
  X(parameter_norm, ROOT, "squared norm (42)")                                                     \
  X(path_norm, ROOT, "(44)")                                                                       \
  X(path_norm_over_margin, ROOT, "(43)")                                                           \
  X(pacbayes_init, ROOT, "(48)")                                                                   \
  X(pacbayes_orig, ROOT, "(49)")                                                                   \
  X(pacbayes_flatness, ROOT, "1 / sigma^2 (53)")                                                   \
  X(pacbayes_mag_init, ROOT, "(56)")                                                               \
  X(pacbayes_mag_orig, ROOT, "(57)")                                                               \
  X(pacbayes_mag_flatness, ROOT, "1 / sigma'^2 (61)")                                              \
  X(sharpness_flatness, ROOT, "1 / alpha^2 of the worst case in a box")                            \
  X(sharpness_init, ROOT, "bound (48) with alpha for sigma")                                       \
  X(sharpness_orig, ROOT, "bound (49) with alpha for sigma")                                       \
  X(fisher_trace, PLAIN, "trace of the Gauss-Newton matrix: Fisher information for cross entropy") \
  X(hessian_max, PLAIN, "largest eigenvalue of the Hessian in magnitude")                          \
  X(cross_entropy, PLAIN, "mean training loss")                                                    \
  X(output_entropy, PLAIN, "mean entropy of the predicted classes")

typedef enum {
#define X(name, form, what) GLIA_MEASURE_##name,
  GLIA_MEASURE_LIST(X)
#undef X
      GLIA_MEASURE_COUNT_
} glia_measure;

GLIA_API const char *glia_measure_name(int measure);
GLIA_API const char *glia_measure_what(int measure);

struct glia_measures {
  double value[GLIA_MEASURE_COUNT_]; /* as reported; NaN where it has no meaning here */
  double gamma;                      /* 10th percentile of the margin */
  double sigma, sigma_mag, alpha;    /* of the searches */
  double train_accuracy, train_loss;
  int folded, unfolded; /* batch_norms */
};

struct glia_measures_job {
  struct glia_model *model;   /* extended for curvature before it was compiled */
  struct glia_engine *engine; /* one thread, one process; its states hold the trained network */
  struct glia_source *source; /* training rows with labels y */
  int64_t micro_batch, micro_batches;
  uint64_t seed;      /* of the noise */
  uint64_t init_seed; /* of the run: gives the initial network */
  /* Initial arrays that the seed does not give (`init:`), float64 by state slot; NULL entries, or NULL: by the seed. Borrowed. */
  const double *const *start;
  bool start_unknown; /* the initial network is lost: what counts from it is NaN */
  int64_t *
      planned; /* kept at the passes over the rows that are planned by now, those made among them, for progress; may be NULL */
};

/** All measures. The trained network's batch_norms stay folded, its function as it was.
 *  Collective: no; PETSc must have begun.
 *  Errors: GLIA_E_UNSUPPORTED (no labels, no float64 model, no weights), those of source and engine. */
GLIA_API GLIA_NODISCARD glia_status glia_measures_of(const struct glia_measures_job *job,
                                                     struct glia_measures *out);

/* How a measure ranks runs. */
struct glia_ranking {
  double tau;       /* Kendall's correlation with the gap over all pairs, ties counted as 0 */
  double tie_share; /* of all pairs */
  double psi;       /* mean over axes of tau among runs that differ in that axis alone */
  double worst;     /* largest share of wrong signs over the axes: the robust sign error */
  int worst_axis;   /* -1: no pair differs in one axis alone */
  int axes;         /* with such pairs */
};

/** Rank n runs by a measure against their gaps (test less training error).
 *  setting   [n, axes] which value of each hyper-parameter a run has
 *  test_rows of the test set: pairs count by the probability (Hoeffding's bound) that their gaps differ at all; 0: all alike
 *  Source: kendall1938, jiang2019, dziugaite2020. */
GLIA_API struct glia_ranking glia_rank(int n, const double *measure, const double *gap, int axes,
                                       const int *setting, int64_t test_rows);

#endif
