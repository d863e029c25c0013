/* Measures of predictions: pure functions over arrays, in float64, the same bits for the same rows in the same order.
 *
 * Ties change nothing: equal scores are one threshold, share a rank, or count by their mean over all orders. What has no
 * meaning (one class alone, a constant target) is NaN, not an error. Collective: no.
 *
 *     glia_metric_auroc(n, score, positive, &auc);
 *
 * Errors of all: GLIA_E_DATA (a NaN among scores or targets; a label outside its range), GLIA_E_MEMORY.
 */
#ifndef GLIA_METRICS_H
#define GLIA_METRICS_H

#include "glia_status.h"

/* Binary: score [n], larger = more likely positive; positive [n], 0 or not. */

/** Probability that a positive scores above a negative, a tie counting half. NaN where a class is missing. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_auroc(int64_t n, const double *score,
                                                      const uint8_t *positive, double *out);

/** Average precision: sum over thresholds of (recall gained) x precision, without interpolation. NaN without positives.
 *  Of a random score it is the share of positives. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_auc_pr(int64_t n, const double *score,
                                                       const uint8_t *positive, double *out);

/** F1 = 2 tp / (2 tp + fp + fn) of "score >= threshold is positive". NaN where there are neither positives nor alarms. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_f1_at(int64_t n, const double *score,
                                                      const uint8_t *positive, double threshold,
                                                      double *out);

/** Largest F1 over all thresholds, and the threshold that gives it: the largest among equals; may be NULL.
 *  NaN without positives. It looks at the labels: an upper limit, not a rate that a detector earns. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_best_f1(int64_t n, const double *score,
                                                        const uint8_t *positive, double *out,
                                                        double *threshold);

/* Classes: label and predicted [n], 0 .. n_classes - 1. */

/** Share of rows with predicted = label. NaN for n = 0. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_accuracy(int64_t n, const int64_t *label,
                                                         const int64_t *predicted, double *out);

/** Mean over the classes that occur (as a label or a prediction) of their F1. NaN for n = 0. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_f1_macro(int64_t n, int64_t n_classes,
                                                         const int64_t *label,
                                                         const int64_t *predicted, double *out);

/** Expected calibration error: mean over rows of |share of hits - mean confidence| of the row's bin; n_bins bins of equal
 *  width, ((i) / n_bins, (i + 1) / n_bins].
 *  confidence  [n] in [0, 1];  hit [n]: whether the prediction was right
 *  Source: guo2017 (arXiv:1706.04599). */
GLIA_API GLIA_NODISCARD glia_status glia_metric_ece(int64_t n, const double *confidence,
                                                    const uint8_t *hit, int n_bins, double *out);

/* Numbers: predicted and target [n]. */

/** 1 - sum of squared errors / sum of squares about the mean of the target. NaN for a constant target. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_r2(int64_t n, const double *predicted,
                                                   const double *target, double *out);

/** Correlation of ranks, ties at their mean rank. NaN where one side is constant. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_spearman(int64_t n, const double *predicted,
                                                         const double *target, double *out);

/* Rankings: score [n_queries, n_items], larger = earlier; gain [n_queries, n_items] >= 0, 0 = not relevant. The mean over
 * the queries that have something relevant; NaN when none has. */

/** Share of a query's relevant items (gain > 0) that are among its first k. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_recall_at(int64_t n_queries, int64_t n_items,
                                                          const double *score, const double *gain,
                                                          int64_t k, double *out);

/** Discounted gain of the first k, sum of gain / log2(1 + place), over that of the best order.
 *  Source: jarvelin2002; ties as mcsherry2008. */
GLIA_API GLIA_NODISCARD glia_status glia_metric_ndcg_at(int64_t n_queries, int64_t n_items,
                                                        const double *score, const double *gain,
                                                        int64_t k, double *out);

#endif
