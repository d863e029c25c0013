/* Figures of scores against labels, and the scores of simple detectors to compare with. */
#ifndef DETECT_MEASURES_H
#define DETECT_MEASURES_H

#include "glia_detect.h"

/* NaN: not defined. Sums while added up. */
struct measures {
  double auc_pr, auc_roc, best_f1;
  double f1;                     /* at the 99th percentile of training scores */
  double f1_alarm;               /* at the threshold of alarms; NaN: no such */
  double top1_cause;             /* share of spans with known causes */
  double event_recall;           /* share of labelled spans in which an alarm was raised */
  double false_episodes_per_day; /* alarms that neither began nor were raised in a labelled span */
  double delay_s;                /* median */
  double normal_in_alarm;        /* share of the samples labelled normal that are in an alarm */
  double adjusted_f1;            /* best, with point adjustment */
  int count[11];                 /* of each above, while added up */
};

/** Samples [from, n) with labels: score [n], NaN = lowest; flag, threshold: of f1 and f1_alarm (NaN: none); part [n, n_metrics]: blame of each metric, NULL: none.
 *  Leaves what needs alarms NaN. */
GLIA_NODISCARD glia_status measures_of(const struct glia_telemetry_node *node, int64_t from,
                                       const double *score, double flag, double threshold,
                                       const double *part, struct measures *out);
/** Did the alarm begin in a labelled span (its first sample above the threshold), or was it raised in one? Not one that was on before: it
 *  would be on without the span, too. */
bool measures_is_of_a_span(const struct glia_telemetry_node *node,
                           const struct glia_detect_alarm *a);
/** Samples from `from` on that are labelled normal (all, where there are no labels), and how many of them are in an alarm. */
void measures_alarmed(const struct glia_telemetry_node *node, const struct glia_detect_result *r,
                      int64_t from, int64_t *normal, int64_t *alarmed);
/** What needs alarms. */
void measures_alarms(const struct glia_telemetry_node *node, const struct glia_detect_result *r,
                     struct measures *out);

void measures_add(struct measures *sum, const struct measures *m);
void measures_mean(struct measures *sum);

/* Turn the scores of the test part by half of its length. */
void measures_turn(const struct glia_telemetry_node *node, double *score);

/* score [n], part [n, n_metrics], flag: 99th percentile over the training rows. */
GLIA_NODISCARD glia_status measures_zscore(const struct glia_telemetry_node *node, double *score,
                                           double *part, double *flag);
GLIA_NODISCARD glia_status measures_pca(const struct glia_telemetry_node *node, double *score,
                                        double *part, double *flag);
GLIA_NODISCARD glia_status measures_untrained(const struct glia_telemetry_node *node, double *score,
                                              double *part, double *flag);
GLIA_NODISCARD glia_status measures_random(const struct glia_telemetry_node *node, double *score,
                                           double *part, double *flag);

/** Smooth the scores of a simple detector as those of the models are: sqrt(a b), a the mean of the last 3, b that of the last 20 (of twenty minutes at
 *  most, but 5 at least), none over a gap of more than five periods; flag: of the smoothed ones. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status measures_smooth(const struct glia_telemetry_node *node, double *score,
                                           double *flag);

#endif
