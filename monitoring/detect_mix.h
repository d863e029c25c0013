/* The combined detector: several views of a sample, each turned to the same measure, and their mean.
 *
 * Views of a scaled sample x [columns], where columns have a spread of 1 in training:
 *   usual   distance from what is usual at this time of the day
 *   recent  the same, with level and spread following the node slowly; they stand still while it is alarmed
 *   next    error of a linear forecast from the last samples and from yesterday
 *   slow    mean over some minutes against what is usual: a shift inside the usual range
 * A member is the second largest magnitude of a view, so that one column alone (a disk that was cleaned up, a new daemon) cannot raise
 * it, but for `next`, where the forecasts of other columns look at it, too; then the distance of `usual` by the covariance of columns
 * (what each does is usual, what they do together is not), without the column that adds most to it;
 * where the day tells most of what a node does, the mean magnitude of `next` besides. Of each the logarithm, less its mean in
 * training, over its spread there, and of these the mean: a sample's score is its exponential. What is given out is the geometric mean of two
 * means of scores: over three samples, which tells when something begins and ends, and over `window` samples, which tells that it lasts.
 *
 * One sample at a time, with the state in a stream: batches and live nodes take the same way.
 * Training rows may hold faults: what is furthest from usual by the whole distance is left out, by rounds, before all is fitted. Its scores count
 * for the threshold all the same, unless the rows are said to hold faults.
 * Source: garg2021 (arXiv:2109.11428) for how much the scoring matters; hoerl1970 for the forecast; mahalanobis1936 for the distance; rousseeuw1999
 * for leaving rows out by rounds.
 */
#ifndef DETECT_MIX_H
#define DETECT_MIX_H

#include "glia_status.h"

enum {
  GLIA_MIX_LAGS = 10, /* at most */
  GLIA_MIX_BINS = 288,
  GLIA_MIX_PHASES = 6,
  GLIA_MIX_SLOW = 15,
  GLIA_MIX_MEMBERS = 6,
  GLIA_MIX_BRIEF = 3,
  GLIA_MIX_WINDOW_MAX = 64
};

struct glia_mix {
  int n;                        /* columns */
  int lags;                     /* samples that the forecast looks at */
  int inputs;                   /* of the forecast */
  double period_s;              /* usual time between samples */
  double level_tau, spread_tau; /* samples in which level and spread follow */
  uint8_t daily;                /* there is a profile of the day */
  double *season; /* [BINS, n] in scaled units; 0 where a column has none; NULL unless daily */
  double *centre, *scale; /* [n] of x less season */
  double *slow_scale;     /* [n] of means over the last slow_samples */
  int slow_samples;
  double *inverse;                 /* [n, n] of the covariance of `usual`, shrunk */
  float *weight;                   /* [inputs, n] */
  double *residual;                /* [n] spread of the forecast's errors */
  double middle[GLIA_MIX_MEMBERS]; /* of the logarithms of members in training */
  double width[GLIA_MIX_MEMBERS];
};

/* Inputs of the forecast. */
int glia_mix_inputs_(int n, int lags, bool daily);

/* Usual time (s) between samples: the median, whatever gaps there are; 1 where there is none. */
double glia_mix_period_(int64_t n, const int64_t *time_ns);

/* Samples of the window: `most`, of twenty minutes at most, but no fewer than five. */
int glia_mix_window_(double period_s, int most);

/* Samples of the view `slow`: up to a quarter of an hour. */
int glia_mix_slow_samples_(double period_s);

/* What a node's samples leave behind. */
struct glia_mix_stream {
  const struct glia_mix *mix;
  int64_t seen;
  int64_t last_ns;
  double *lag; /* [LAGS, n] the last scaled samples, newest first by `head` */
  int head;
  double *day;     /* [BINS, n] means of the last day's bins; NULL unless daily */
  double *day_sum; /* [n] of the bin that is being filled */
  int64_t day_count;
  int64_t bin;            /* number of the bin that is being filled, since 1970; -1: none */
  double *level, *spread; /* [n] of the view `recent` */
  double *past;           /* [SLOW, n] the last samples less season, NaN where missing */
  int past_head;
  double *usual, *recent, *slow, *next; /* [n] the last sample in each view; NaN where missing */
  double *input;                        /* [inputs] */
  float *narrow;                        /* [inputs + n] the same, and what is forecast of it */
  double *work;                         /* [2, n] */
  double member[GLIA_MIX_MEMBERS];      /* of the last sample */
  double score[GLIA_MIX_WINDOW_MAX];    /* of the last samples, before their means; by seen % MAX */
  int64_t scores;                       /* since the last gap */
  bool judging; /* a threshold is to be placed: means are over the scores that there are */
};

/* What a node did, to be fitted on: rows x [n, columns], NaN where missing, in the order of time. */
struct glia_mix_rows {
  int64_t n;
  const double *x;
  const int64_t *time_ns;
  uint8_t *keep;  /* [n] 0: not fitted on */
  uint8_t *judge; /* [n] 0: its score does not count for the threshold */
};

/* floor [2, columns]: the least scale, and of errors of the forecast, of which 0 asks for nothing; faulty: share of the rows that are under faults, 0 = not known. Those furthest out are not fitted on, their keep becomes 0: of that share and of
 * a tenth, where there are rows enough to tell; of that share judge becomes 0, too; window: at most so many samples, becomes how many they are; log_score [r->n]: logarithms of scores over so many, NaN where
 * not judged, by a mix that was not fitted on them where the fit would know them by heart (detect_mix_cross.c). */
glia_status glia_mix_fit_(struct glia_mix *mix, int columns, const struct glia_mix_rows *r,
                          const double *floor, double faulty, int *window, double *log_score);
/* Parts of it, on rows in r->keep, for a mix that has room: what is usual; then slow and forecast. */
glia_status glia_mix_room_(struct glia_mix *m, int columns, const struct glia_mix_rows *r);
glia_status glia_mix_fit_levels_(struct glia_mix *m, const struct glia_mix_rows *r,
                                 const double *floor);
glia_status glia_mix_fit_views_(struct glia_mix *m, const struct glia_mix_rows *r,
                                const double *floor);
/* inverse, from sums of products [columns, columns] of `usual` over so many rows, which it spoils. */
glia_status glia_mix_invert_(struct glia_mix *m, int64_t rows, double *squares);
/* middle and width of members v [MEMBERS, room], `rows` of each. */
void glia_mix_fit_members_(struct glia_mix *m, int64_t rows, int64_t room, const double *v);
/* How large deviations, errors and members are, and log_score, by mixes that did not see the rows. */
glia_status glia_mix_cross_(struct glia_mix *m, const struct glia_mix_rows *r, const double *floor,
                            int window, double *log_score);

void glia_mix_free_(struct glia_mix *mix);

glia_status glia_mix_stream_open_(struct glia_mix_stream *s, const struct glia_mix *mix);
void glia_mix_stream_close_(struct glia_mix_stream *s);
/* The score of one sample x [n], NaN = missing, over the last `window` samples. still: the node is alarmed, nothing follows. */
double glia_mix_stream_push_(struct glia_mix_stream *s, int64_t time_ns, const double *x,
                             bool still, int window);
/* What column j usually is at the time of the last sample (scaled). */
double glia_mix_stream_usual_(const struct glia_mix_stream *s, int j);

/* What fitting shares with scoring: bins of five minutes, and what the forecast looks at. */
#define GLIA_MIX_DAY_S 86400.0
#define GLIA_MIX_CLIP  10.0 /* of inputs of the forecast */
int64_t glia_mix_bin_(int64_t time_ns);
int glia_mix_bin_in_day_(int64_t bin);
/* The bin in the day of this sample; bins that are over become part of yesterday. */
int glia_mix_advance_(struct glia_mix_stream *s, int64_t time_ns);
/* Distance of u = `usual` by the covariance of columns, sqrt(u' inverse u / n): of all columns, or without the one that adds most (where
 * column i is not known the square is smaller by (inverse u)_i^2 / inverse_ii). What is missing is taken for usual. work [2, n]. */
double glia_mix_distance_(const struct glia_mix *m, const double *usual, bool whole, double *work);
/* Fill s->input. */
void glia_mix_input_(struct glia_mix_stream *s, int bin);
/* The sample goes where forecasts look; what is missing is taken for the sample before. */
void glia_mix_remember_(struct glia_mix_stream *s, const double *x);
#endif
