/* The synthetic node of the detector's tests: hidden load, frequency, power, temperature; metrics that mix them.
 *
 * One sample is a window of 300 s. Utilisation u, memory m and communication c belong to jobs of 2 to 24 windows, with jitter.
 * The clock frequency f follows u (governor "conservative"), or it does not (the faults):
 *   fr = .45 + .55 f,  p = .25 + .6 u fr^2 + .15 m,  T <- .5 T + .5 (ambient + .5 p),  fan = logistic(12 (T - .62)),
 *   ips = u fr (1 - .5 m)
 * A metric is a mix of two of the eight signals, a third of them through tanh, a third squared, plus noise.
 * Source: after borghesi2018 (arXiv:1811.05269), whose nodes had their governors changed.
 */
#ifndef DETECT_NODE_H
#define DETECT_NODE_H

#include "glia_telemetry.h"

#include <stdbool.h>

typedef enum { GOVERNOR_CONSERVATIVE, GOVERNOR_PERFORMANCE, GOVERNOR_POWERSAVE } detect_governor;

/* Samples [0, n_normal) of a well node, then n_fault under the governor given. `loads[j]`: metric j depends on f or p.
 * Free with glia_telemetry_node_free and free(). */
void detect_node_make(struct glia_telemetry_node *node, uint64_t seed, int n_metrics,
                      int64_t n_normal, int64_t n_fault, detect_governor governor, bool **loads);

/* The same node with its metrics in another order and one more in front, "another", which is constant. Free as above. */
void detect_node_shuffle(const struct glia_telemetry_node *from, struct glia_telemetry_node *to);

/* Area under the ROC curve of scores: chance that one of `bad` is above one of `good`. */
double detect_auc(int64_t n_good, const float *good, int64_t n_bad, const float *bad);

#endif
