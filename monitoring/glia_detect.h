/* Which node behaves abnormally, and by which metrics: one autoencoder per node, trained on what the node does when it is well.
 *
 *     GLIA_TRY(glia_detector_train(comm, &options, &node, &d));          // all ranks together
 *     GLIA_TRY(glia_detector_score(d, &other_rows_of_the_node, &result));
 *     for (i = 0; i < result.n_alarms; i++) ... result.alarm[i].cause[0].metric ...
 *
 * The error of every metric is divided by what it is on validation rows, so that a metric that is never told well counts for
 * little; the score of a sample is the root mean square over metrics, then the mean over the last samples. No label is used:
 * the threshold comes from scores of validation rows, which are every fourth block of time (rows drawn at random would
 * have their neighbours in training).
 * Source: borghesi2018 (arXiv:1811.05269).
 */
#ifndef GLIA_DETECT_H
#define GLIA_DETECT_H

#include "glia_comm.h"
#include "glia_telemetry.h"

enum { GLIA_MODELS_FORMAT = 1, GLIA_DETECT_CAUSES = 8 };

typedef enum {
  GLIA_DETECT_BOTTLENECK, /* standardised metrics through a narrow middle; squared error */
  GLIA_DETECT_SPARSE, /* borghesi2018: metrics in [0, 1], ten hidden units per metric, few of them active; absolute error */
  GLIA_DETECT_COMBINED /* several views of a sample in one score, no network; what glia detect train takes by default */
} glia_detect_kind;

/** "bottleneck", "sparse", "combined". */
GLIA_API const char *glia_detect_kind_name(glia_detect_kind kind);

struct glia_detect_options {
  glia_detect_kind kind;
  int64_t epochs; /* over the training rows */
  uint64_t seed;
  double
      budget_per_week; /* combined: false alarms that this node may raise in a week; places the threshold */
  double
      faulty; /* combined: share of the training rows that are under faults, at most 0.3: the furthest out are neither fitted on nor place the threshold; 0: not known, see docs/adr/0049 */
  double k;   /* threshold: exp(median + k * 1.4826 MAD) of log scores on validation rows ... */
  double quantile; /* ... but at least this quantile of them */
  int window; /* a score is the mean over this many samples, the last one included; combined: the geometric mean
                 of that, of twenty minutes at most but five samples at least, and of the mean over three */
  int persistence; /* so many samples in a row above the threshold make an alarm */
  const struct glia_detector *
      warm; /* networks begin at its weights, by column name (hidden units: the first as many as it has), instead of at random; NULL: none */
  void (*progress)(void *self, const char *node,
                   double done); /* share of the training done; may be NULL */
  void *self;                    /* of progress */
  bool (*stop)(void *self);      /* asked at every step; may be NULL */
};

/** What suits a kind. */
GLIA_API struct glia_detect_options glia_detect_defaults(glia_detect_kind kind);

struct glia_detector;

/** Train the model of one node on its telemetry: on rows [0, train_rows) where the file says so, else on all.
 *
 *  Columns that are constant or mostly missing are left out. What is missing otherwise is taken for the column's median. A row
 *  of which more than half is missing is not used, nor one of which the hypervisor gave
 *  more than 5 % of the time to others.
 *
 *  comm  NULL: one process. The model has the same bits for any number of ranks.
 *
 *  Collective: yes, same options and node.
 *  Ownership:  *out is yours to destroy.
 *  Errors:     GLIA_E_DATA (too few rows or metrics, no convergence), GLIA_E_MEMORY, GLIA_E_MPI; GLIA_E_BUSY when stop
 *              said so; on all ranks alike.
 */
GLIA_API GLIA_NODISCARD glia_status glia_detector_train(struct glia_comm *comm,
                                                        const struct glia_detect_options *options,
                                                        const struct glia_telemetry_node *node,
                                                        struct glia_detector **out);

/** What networks d [n] of several nodes have in common: the mean of each weight over those that have it. The one with most columns takes them, and
 *  is no detector any more but one to begin at (options.warm): *which. Axes of columns go by name, hidden units by number; how many of these there are
 *  follows from the number of columns, so a narrower network counts for the first of them. By number they are alike only in networks that began at one
 *  another's weights (options.warm): those drawn at random for other columns have nothing in common. Errors: GLIA_E_UNSUPPORTED (kind combined), GLIA_E_MEMORY.  Source: mcmahan2017. */
GLIA_API GLIA_NODISCARD glia_status glia_detectors_average(int n, struct glia_detector *const *d,
                                                           int *which);

/** Bring a detector from the rank that trained it, alone, to all: so ranks share the nodes of a site. Of the kind combined.
 *
 *  d  *d at owner; made on the other ranks
 *
 *  Collective: yes, same owner.
 *  Ownership:  *d is yours to destroy; NULL on other ranks after a failure.
 *  Errors:     GLIA_E_UNSUPPORTED (another kind), GLIA_E_MEMORY, GLIA_E_MPI; on all ranks alike. */
GLIA_API GLIA_NODISCARD glia_status glia_detector_share(struct glia_comm *comm, int owner,
                                                        struct glia_detector **d);

/** Take what `d` would raise an alarm for out of the rows that train the next model: their values become missing. Returns how many rows.
 *  For models that are trained again on what came since: what is sick must not become usual.
 *  Errors: those of glia_detector_score. */
GLIA_API GLIA_NODISCARD glia_status glia_detector_mask_alarms(struct glia_detector *d,
                                                              struct glia_telemetry_node *node,
                                                              int64_t *masked);

/** Free *d and set it to NULL; NULL is welcome. */
GLIA_API void glia_detector_destroy(struct glia_detector **d);

/* A metric that the model uses, or why it does not. */
struct glia_detect_column {
  const char *name;
  const char *unit;
  const char *dropped; /* NULL: used; else "constant", "missing", "identifier", "intermittent" */
};

/** Facts about a detector; all texts borrowed from it. */
struct glia_detector_info {
  const char *node;
  glia_detect_kind kind;
  int n_columns;                           /* used */
  int n_all;                               /* of the telemetry */
  const struct glia_detect_column *column; /* [n_all] the used ones first, then those left out */
  const double *spread; /* [n_columns] usual size of the error of a scaled metric */
  int64_t rows_train, rows_valid;
  double train_loss; /* at the end */
  double threshold;  /* of the score: so many in a row make an alarm */
  double
      flag; /* 99th percentile of scores on training (combined) or validation rows: a sample above is unusual */
  double
      max_error_p95; /* 95th percentile of max_error on validation rows: the threshold of borghesi2018 */
  int64_t train_begin_ns, train_end_ns; /* times of the first and last row of the training */
  const char *config;                   /* YAML of the network */
};
GLIA_API void glia_detector_info(const struct glia_detector *d, struct glia_detector_info *out);

/** SHA-256 of its parameters, as `parameters_sha256` of its file tells it: milliseconds for each megabyte of them. GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_detector_sha256(const struct glia_detector *d,
                                                         char out[65]);

/** The smallest budget of false alarms a week that the training rows can tell a threshold for: one in a hundred times their time. Smaller ones
 *  get that threshold. NaN where the kind has no budget. */
GLIA_API double glia_detector_budget_least(const struct glia_detector *d);

/** The threshold that another budget of false alarms a week would give this node; NaN where the kind has no budget. */
GLIA_API double glia_detector_threshold(const struct glia_detector *d, double budget_per_week);

/** Take that threshold from now on. Errors: GLIA_E_UNSUPPORTED where the kind has no budget. */
GLIA_API GLIA_NODISCARD glia_status glia_detector_set_budget(struct glia_detector *d,
                                                             double budget_per_week);

/** One metric's part in an alarm. */
struct glia_detect_cause {
  int column;         /* of the detector */
  const char *metric; /* borrowed from the detector, as is unit */
  const char *unit;
  double observed, expected; /* means over the alarm (unit) */
  double share;              /* of all squared errors in the alarm; combined: of all magnitudes */
};

struct glia_detect_alarm {
  int64_t first, last; /* samples, both inclusive */
  int64_t raised;      /* the sample that made it an alarm */
  int64_t start_ns, end_ns;
  double peak; /* highest score */
  int n_causes;
  struct glia_detect_cause cause[GLIA_DETECT_CAUSES]; /* the greatest share first */
};

struct glia_detect_result {
  int64_t n; /* samples */
  int n_columns;
  double threshold, flag;
  float *score; /* [n]; NaN where the sample was not scored */
  float *
      max_error; /* [n] max_j |y_j - x_j| of scaled metrics, no mean over time: the score of borghesi2018 */
  float *error;                /* [n, n_columns] x - y of scaled metrics, NaN where missing */
  float *expected;             /* [n, n_columns] (unit of the metric) */
  int64_t n_scored, n_imputed; /* samples; values taken for the median */
  int64_t
      n_stolen; /* samples not scored: the hypervisor gave more than 5 % of their time to others */
  int64_t n_alarmed; /* samples inside alarms */
  int64_t n_alarms;
  struct glia_detect_alarm *alarm;
};

/** Score samples of the node; metrics are found by name, in whatever order they come.
 *  Ownership: glia_detect_result_free; it borrows names from d.
 *  Errors:    GLIA_E_DATA, naming the metrics that the model knows and the telemetry lacks; GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_detector_score(struct glia_detector *d,
                                                        const struct glia_telemetry_node *node,
                                                        struct glia_detect_result *out);
GLIA_API void glia_detect_result_free(struct glia_detect_result *r);

struct glia_detect_stream;

/** Score one sample after the other as it comes, by the code that scores files: the same scores and alarms.
 *
 *  metric  names [n_metrics] of the columns that samples will have
 *
 *  Ownership: glia_detect_stream_close(out); d must outlive it.
 *  Errors:    GLIA_E_DATA, naming the metrics that the model knows and the samples lack; GLIA_E_UNSUPPORTED (a network: those score
 *             files); GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_detect_stream_open(struct glia_detector *d, int n_metrics,
                                                            const char *const *metric,
                                                            struct glia_detect_stream **out);
/** The next sample [n_metrics], NaN = missing. Is there an alarm now? Allocates nothing. */
GLIA_API bool glia_detect_stream_push(struct glia_detect_stream *s, int64_t time_ns,
                                      const float *values);
/** Of the last sample; NaN where it was not scored. */
GLIA_API double glia_detect_stream_score(const struct glia_detect_stream *s);
/** Samples so far that were not scored because the hypervisor gave more than 5 % of their time to others. */
GLIA_API int64_t glia_detect_stream_stolen(const struct glia_detect_stream *s);
/** The alarm that is on, or the last one, with its causes so far; `first`, `last` and `raised` are not told. Borrowed until the next call. */
GLIA_API const struct glia_detect_alarm *glia_detect_stream_alarm(struct glia_detect_stream *s);
GLIA_API void glia_detect_stream_close(struct glia_detect_stream **s);

/** The exact 95 % interval of the mean of which k events were seen: [*lo, *hi]. Source: garwood1936. */
GLIA_API void glia_poisson_interval(int64_t k, double *lo, double *hi);

/** Write detectors to one file of kind "models" (docs/formats/models.md). Collective: no. Errors: GLIA_E_EXISTS, GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_detectors_write(const char *path, bool force, int n,
                                                         struct glia_detector *const *d);

/* A node that has no model since its rows trained none, and why. */
struct glia_detect_left {
  char *node;
  char *reason;
};

/** The same with the nodes that have no model: left [n_left], as the file keeps them. */
GLIA_API GLIA_NODISCARD glia_status glia_detectors_write_all(const char *path, bool force, int n,
                                                             struct glia_detector *const *d,
                                                             int n_left,
                                                             const struct glia_detect_left *left);

/** Read those; none in files of older versions. Ownership: glia_detect_left_free. Errors: as glia_detectors_read. */
GLIA_API GLIA_NODISCARD glia_status glia_detectors_read_left(const char *path, int *n,
                                                             struct glia_detect_left **out);
GLIA_API void glia_detect_left_free(int n, struct glia_detect_left **left);

/** Read them. Ownership: glia_detectors_free. Errors: GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA, GLIA_E_SHAPE, GLIA_E_CONFIG. */
GLIA_API GLIA_NODISCARD glia_status glia_detectors_read(const char *path, int *n,
                                                        struct glia_detector ***out);
GLIA_API void glia_detectors_free(int n, struct glia_detector ***d);

#endif
