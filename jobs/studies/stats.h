/* Statistics of small samples: means, spreads, and intervals by Student's t. */
#ifndef STUDY_STATS_H
#define STUDY_STATS_H

#include <stdbool.h>
#include <stdint.h>

/** The t below which a share p, in (0, 1), of Student's distribution with nu > 0 degrees of freedom lies.
 *  Source: abramowitz1964, 26.7 and 26.5.8. */
double stats_student_quantile(double p, double nu);

/* Mean and standard deviation (n - 1 in the denominator). NaN: too few values, or one of them is NaN. */
double stats_mean(int64_t n, const double *x);
double stats_sd(int64_t n, const double *x);

/* A value and where its true one lies with a given certainty; lo and hi are NaN where the sample is too small to say. */
struct stats_interval {
  double value, lo, hi;
  double nu; /* degrees of freedom; 0 where there are none */
};

/** Of a mean. Source: student1908. */
struct stats_interval stats_mean_interval(int64_t n, const double *x, double level);

/** Of the mean of a[i] - b[i], both [n], paired by i. */
struct stats_interval stats_paired(int64_t n, const double *a, const double *b, double level);

/** Of mean(a) - mean(b) where nothing pairs them and their spreads may differ. Source: welch1947. */
struct stats_interval stats_unpaired(int64_t na, const double *a, int64_t nb, const double *b,
                                     double level);

#endif
