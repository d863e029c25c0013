/* The singular spectrum of a matrix that ranks share, and what random-matrix theory says about it.
 *
 * All singular values are found to a backward error of rounding: tall matrices by QR factorisations of blocks of rows, joined
 * along the canonical tree, then LAPACK on the factor. Never the product A^T A, which loses what is below 1e-8 of the largest.
 * Blocks and tree depend on the shape alone, so the values have the same bits for any number of ranks.
 * Source: demmel2012 (doi:10.1137/080731992).
 */
#ifndef GLIA_SPECTRUM_H
#define GLIA_SPECTRUM_H

#include "glia_comm.h"

/* A matrix by its rows. */
struct glia_rows {
  void *self;
  int64_t rows, cols;
  /** Rows first .. first + n - 1 into out [n, cols]. Collective: no. */
  glia_status (*read)(void *self, int64_t first, int64_t n, double *out);
};

enum {
  GLIA_SPECTRUM_DENSE_MAX = 8192
}; /* smaller extent up to which a factor is kept on one rank */

/** R [cols, cols] (column-major, upper) of A = QR, on all ranks, with the same bits for any number of them.
 *  Collective: yes. Errors: those of read, agreed on; GLIA_E_MEMORY; GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_tsqr(struct glia_comm *comm, const struct glia_rows *a,
                                              double *r);

/** The same by blocks of so many rows: what glia_tsqr chooses is one core's best, a few blocks a rank keep all busy. The bits depend
 *  on the block. */
GLIA_API GLIA_NODISCARD glia_status glia_tsqr_by(struct glia_comm *comm, const struct glia_rows *a,
                                                 int64_t block, double *r);

/** All singular values, falling, into s [min(rows, cols)] on all ranks. A smaller extent above GLIA_SPECTRUM_DENSE_MAX goes to
 *  ScaLAPACK through SLEPc, where bits may depend on the number of ranks; PETSc must have begun.
 *  Collective: yes. Errors: as glia_tsqr. */
GLIA_API GLIA_NODISCARD glia_status glia_singular_values(struct glia_comm *comm,
                                                         const struct glia_rows *a, double *s);
/** The same by ScaLAPACK at any size. */
GLIA_API GLIA_NODISCARD glia_status glia_singular_values_scalapack(struct glia_comm *comm,
                                                                   const struct glia_rows *a,
                                                                   double *s);

/** Singular values, falling, of a random matrix: independent standard normals [rows >= cols], plus `spike` sqrt(rows) u v^T for
 *  unit vectors u, v. Exact in law, by a bidiagonal matrix of chi variables. Source: dumitriu2002.
 *  Errors: GLIA_E_ARGUMENT, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_spectrum_of_noise(int64_t rows, int64_t cols, double spike,
                                                           uint64_t seed, double *s);

/** Distribution function of Tracy and Widom's law for real matrices, to 1e-9.
 *  Source: bornemann2010 (arXiv:0804.2543), tracy1996. */
GLIA_API double glia_tracy_widom(double x);

/* A power law p(x) ~ x^-alpha for x >= xmin. */
struct glia_tail {
  double alpha; /* NaN: no tail was found */
  double xmin;
  double distance; /* of Kolmogorov and Smirnov */
  double sigma;    /* (alpha - 1) / sqrt(n) */
  double lo, hi;   /* 95 % bootstrap interval of alpha; NaN from glia_tail_published */
  int64_t n;       /* values in the tail */
};

/** The estimator of Martin and Mahoney's WeightWatcher: maximum likelihood at the xmin with the smallest one-sided distance.
 *  x  [n] rising, > 0.  Source: clauset2009, martin2021. */
GLIA_API struct glia_tail glia_tail_published(int64_t n, const double *x);

/** The longest tail of at least 50 values that the test for exponentials of unknown scale does not reject at 10 % (two-sided
 *  distance, in the logarithm), with a studentised bootstrap interval. So a tail is as long as the data allow, and its alpha is less
 *  noisy than at the smallest distance. alpha is NaN where there is none.
 *  Source: stephens1974, efron1979.  Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_tail_fit(int64_t n, const double *x, uint64_t seed,
                                                  struct glia_tail *out);

struct glia_spectrum_options {
  double
      level; /* false-alarm rate of a spike on pure noise; 0: 0.01. After k spikes it is level / (k + 1) */
  double unit;   /* rounding of the stored numbers: 0 exact, 0x1p-24 for f32 */
  uint64_t seed; /* of bootstrap and noise draws */
  int noise_spectra; /* pure-noise matrices to judge the fit by; 0: 199, fewer for large matrices; -1: none */
};

/* What a spectrum says. Eigenvalues are those of A^T A over the larger extent. NaN: has no meaning here, and `note` says why. */
struct glia_spectrum {
  int64_t rows, cols, count; /* count: singular values */
  char note[160];            /* "" : nothing to say */
  double singular_value_max, singular_value_min;
  int64_t rank, frozen; /* frozen: directions below the rounding of the numbers */
  double log_norm;      /* log10 of the sum of eigenvalues */
  double log_spectral_norm, stable_rank, entropy;
  /* Marchenko and Pastur's law with the variance of the bulk */
  double noise_variance, bulk_lo, bulk_hi, soft_rank;
  double fit_distance,
      fit_p; /* Kolmogorov's distance of the bulk; share of noise matrices that fit no better */
  int64_t spikes; /* above the bulk by Tracy and Widom's law */
  double spike_level, spike_threshold,
      spike_p; /* spike_p: of the largest eigenvalue, under noise alone */
  struct glia_tail tail, published;
  double alpha_weighted, log_alpha_norm; /* with tail.alpha */
};

/** Describe the singular values s [min(rows, cols)], falling.
 *  Collective: no.  Errors: GLIA_E_ARGUMENT, GLIA_E_DATA (singular values whose squares are no doubles), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_spectrum_describe(int64_t rows, int64_t cols,
                                                           const double *s,
                                                           const struct glia_spectrum_options *o,
                                                           struct glia_spectrum *out);

#endif
