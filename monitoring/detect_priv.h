/* Parts of the detector: columns (how a row becomes the network's input), the network, scores, alarms. */
#ifndef GLIA_DETECT_PRIV_H
#define GLIA_DETECT_PRIV_H

#include "detect_mix.h"
#include "glia_checkpoint.h"
#include "glia_detect.h"
#include "glia_train.h"

#define GLIA_DETECT_CLIP_TRAIN 10.0
#define GLIA_DETECT_CLIP_SCORE 50.0
/* Least scale of the combined kind: a hundredth of a share, or one per cent of what spans decades. */
#define GLIA_COLUMN_LEAST 0.01

/* A metric is gone after so long, and so many rows, without it. Slow sources are read each minute at most, rows repeat what was read, and a counter
 * has a rate from its second reading on: none of that is missing for so long. */
#define GLIA_GONE_S    180.0
#define GLIA_GONE_ROWS 10

/* What is fitted on training rows alone. Column j: v -> (f(v - level) - centre) / scale, with f = sign(v) log(1 + |v|) or v
 * itself, and level = running median of a relative column, 0 of others. */
struct glia_columns {
  int n;                             /* used */
  int n_all;                         /* used and dropped */
  struct glia_detect_column *column; /* [n_all] */
  double level_s;                    /* window of running medians */
  uint8_t *relative;                 /* [n] */
  uint8_t *logarithmic;              /* [n] */
  double *median;                    /* [n] (unit) of v - level: stands for what is missing */
  double *centre, *scale;            /* [n] */
  double *lo, *hi;                   /* [n] least and greatest scaled value in training */
};

/* row [n]: which rows to fit on. level: as below, NULL where level_s = 0. */
glia_status glia_columns_fit_(struct glia_columns *c, glia_detect_kind kind, double level_s,
                              const struct glia_telemetry_node *node, const float *level, int64_t n,
                              const int64_t *row);
void glia_columns_free_(struct glia_columns *c);
/* The known reason for which a column is left out that reads as text; "constant" for an unknown one. */
const char *glia_columns_reason_(const char *text);

/* The least scale of a metric of events (a rate): one event, or page where bytes are counted, in one period is what n samples have not shown yet, no
 * fault. bent as scales are. Others: GLIA_COLUMN_LEAST. */
double glia_column_least_(const char *unit, double period_s, int64_t n, bool logarithmic);

/* map [n]: metric of the node for each column. Errors: GLIA_E_DATA naming what is missing. */
glia_status glia_columns_match_(const struct glia_columns *c,
                                const struct glia_telemetry_node *node, int *map);

/* Medians of the level_s before each sample, of every metric [n, n_metrics], NaN at first; the caller frees. NULL when level_s = 0, which is no failure. */
glia_status glia_levels_(const struct glia_telemetry_node *node, double level_s, float **out);

/* Scale row `row` of the node to x [n], clipped; missing [n] marks what was not there or has no level yet.
 * Returns how many were not there. */
int glia_columns_apply_(const struct glia_columns *c, const int *map,
                        const struct glia_telemetry_node *node, const float *level, int64_t row,
                        double clip, float *x, uint8_t *missing);

/* The network's input for scaled rows x [rows, n]: within what it was trained on, where the kind wants that. A network may
 * carry on a line beyond the data it knows, and so would call a fault usual that moves metrics together.  x and out may be one. */
void glia_columns_limit_(const struct glia_columns *c, int64_t rows, const float *x, float *out);

/* From the network's output back to the unit of the metric; level: of this metric and row. */
double glia_columns_invert_(const struct glia_columns *c, int column, double level, double y);

/* A network, compiled, on its engine. */
struct glia_net {
  struct glia_yaml_doc *doc;
  struct glia_train_config config;
  struct glia_model *model;
  struct glia_program *program;
  struct glia_exchange *exchange; /* NULL: one process */
  struct glia_engine *engine;
};

/* YAML of the kind's network for n columns; the caller frees. NULL: out of memory. */
char *glia_net_config_(const struct glia_detect_options *options, int n);

/* micro_batch: 0 = the configuration's. Collective: yes. Errors: as glia_model_build; on all ranks alike. */
glia_status glia_net_open_(struct glia_net *net, struct glia_comm *comm, const char *config, int n,
                           int64_t micro_batch);
void glia_net_close_(struct glia_net *net); /* collective when it has an exchange */

/* Train on x [rows, columns] from the initial state, or from the weights of options->warm. Collective: yes. */
glia_status glia_net_train_(struct glia_net *net, struct glia_comm *comm,
                            const struct glia_detect_options *options, const char *name,
                            const struct glia_columns *columns, int64_t rows, const float *x,
                            double *train_loss);

/* Weights of `old` into arrays now [n] of a network for these columns: axes of columns by name, hidden units by number; what has no old one stays. The
 * first weight has the columns as inputs, the last weight and bias as outputs; paths are in the order of layers. */
glia_status glia_weights_carry_(int n, struct glia_array *now, const struct glia_columns *columns,
                                const struct glia_detector *old);

/* y [rows, n] for x [rows, n]; they may be one array. */
glia_status glia_net_predict_(struct glia_net *net, int64_t rows, int n, const float *x, float *y);

/* Above `from`, a generalised Pareto tail; `share` of all samples begin an excursion above it; scale 0: not fitted. */
struct glia_tail {
  double from, share, scale, shape;
};

struct glia_detector {
  struct glia_detect_options options;
  char *node;
  char *config;
  struct glia_columns columns;
  double *spread; /* [n] of the error of each scaled metric */
  double threshold, flag, max_error_p95, train_loss;
  int64_t rows_train, rows_valid;
  int64_t train_begin_ns, train_end_ns;
  struct glia_tail tail; /* combined: of log scores on training rows */
  int n_parameters;
  struct glia_array *parameter; /* paths "params/...", own memory */
  struct glia_net net;          /* for scoring; has the parameters */
  int lags;                     /* combined: samples that its forecast looks at */
  struct glia_mix *mix;         /* of the combined kind: looks at the parameters */
};

/* Open d->net and give it d's parameters: what remains to do when columns, config and parameters are there. */
glia_status glia_detector_ready_(struct glia_detector *d);

/* Copy the parameters of a trained network. */
glia_status glia_detector_take_(struct glia_detector *d, struct glia_net *net);

/* The combined kind: fit on rows row [n] of the first `rows`; columns are fitted already. */
glia_status glia_combined_train_(struct glia_detector *d, const struct glia_telemetry_node *node,
                                 int64_t n, const int64_t *row, int64_t rows);
glia_status glia_combined_score_(struct glia_detector *d, const struct glia_telemetry_node *node,
                                 struct glia_detect_result *r);
/* Look at parameters that are there. */
glia_status glia_combined_bind_(struct glia_detector *d);
/* get: fills an array of path and type given. */
glia_status glia_combined_read_(struct glia_detector *d,
                                glia_status (*get)(void *self, struct glia_array *a), void *self);

/* Errors of rows, scaled: e [rows, n] = x - y, NaN where missing. */
struct glia_errors {
  int64_t rows;
  int n;
  float *e;
};
/* Root mean square of e / spread over the metrics that are there, each capped. */
double glia_row_score_(const struct glia_detector *d, const float *e);
/* Largest |e|. */
double glia_row_max_(const struct glia_detector *d, const float *e);

/* Quantile q of x [n] by linear interpolation; sorts x. NaN for none. */
double glia_quantile_(int64_t n, double *x, double q);

/* Above the threshold `persistence` times in a row makes an alarm; it lasts until the score is below 0.8 of it. */
struct glia_alarming {
  int above; /* samples in a row, `persistence` at most */
};
/* The next score, NaN = none; is there an alarm now? */
bool glia_alarming_push_(struct glia_alarming *a, const struct glia_detector *d, double score);

/* One column's part in an alarm, summed over its samples. */
struct glia_blame {
  int column;
  int64_t n;
  double size, observed, expected;
};
void glia_blames_clear_(int n, struct glia_blame *part);
/* e: error as in struct glia_detect_result; NaN where missing. */
void glia_blame_add_(const struct glia_detector *d, struct glia_blame *part, double e,
                     double observed, double expected);
/* The greatest into a->cause; sorts part [n]. */
void glia_blames_rank_(const struct glia_detector *d, int n, struct glia_blame *part,
                       struct glia_detect_alarm *a);

/* Columns that tell how much time the hypervisor gave to others. */
struct glia_steal {
  int n;
  int *column;
  bool *stolen; /* [n] is it that time? the others are the rest */
  bool *idle;   /* [n] is it time in which nothing was done? */
};
glia_status glia_steal_open_(struct glia_steal *s, int n_metrics, const char *const *metric);
void glia_steal_close_(struct glia_steal *s);
/* More than a twentieth, in this sample? Never where idle time is not in it: most of the rest may be lacking. */
bool glia_stolen_(const struct glia_steal *s, const float *values);

/* A node that is watched live. */
struct glia_detect_stream {
  const struct glia_detector *detector;
  int n_metrics;
  int *map; /* [columns] metric of each */
  float *scaled;
  uint8_t *missing;
  double *x; /* [columns], NaN where missing */
  int n_missing;
  struct glia_steal steal;
  int64_t n_stolen; /* samples so far */
  struct glia_mix_stream mix;
  double score; /* NaN: not scored */
  struct glia_alarming alarming;
  bool begins;                      /* the next sample above the threshold is the first one */
  struct glia_blame *part, *ranked; /* [columns] */
  struct glia_detect_alarm alarm;
};
/* What column j usually is, in its unit. */
double glia_detect_stream_usual_(const struct glia_detect_stream *s, int j);

/* Fill alarms and n_alarmed of a result that has scores. values, map: what was observed. */
glia_status glia_alarms_find_(const struct glia_detector *d, const struct glia_telemetry_node *node,
                              const int *map, struct glia_detect_result *r);

#endif
