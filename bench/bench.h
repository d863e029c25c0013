/* Benches: each prints rows that stand next to a peer or a measured limit, taken in the same run.
 *
 * One bench = one file with a struct bench and a line in benches.def. Machines are shared and noisy: what is compared
 * alternates, and medians are reported.
 */
#ifndef BENCH_H
#define BENCH_H

#include "glia_status.h"

struct glia_program;

struct bench_row {
  char name[64];
  double value; /* ours */
  const char *unit;
  const char *peer;      /* what stands beside it; NULL: nothing */
  double peer_value;     /* in the same unit; NaN: none */
  double ratio;          /* > 1: Glia is better; NaN: none */
  double limit_fraction; /* of the measured limit; NaN: none */
  /* of the rounds, where a bench repeats: half the range that holds the middle half, relative to the median; 0: not told */
  double spread, peer_spread;
  char peer_text[96]; /* room for a peer's name that is no constant */
  char note[256];     /* on a line of its own, as why there is no value; "": none */
};

enum { BENCH_MAX_ROWS = 320 };

struct bench_report {
  int n;
  struct bench_row row[BENCH_MAX_ROWS];
  void (*progress)(void *self, const char *what);
  void (*show)(void *self); /* print what rows there are, in a bench that takes long */
  void *self;
  int64_t size_bytes; /* of what a bench makes up; 0: its own choice */
  int n_words;        /* parts of the bench that were asked for; 0: all */
  const char *const *word;
  /* where a step goes, NULL: nobody asks. Kernels of engines that are made while it is on are timed; look when one has run `steps`
   * steps of train */
  void (*time_kernels)(bool on);
  void (*look)(void *self, const char *what, const struct glia_program *p, int64_t steps);
};

struct bench {
  const char *name;
  const char *what; /* one line */
  glia_status (*run)(struct bench_report *r, double seconds);
  bool parts; /* r->word may name some of its parts */
};

/** All benches, NULL-terminated. */
const struct bench *const *bench_table(void);

/** Add a row; ratio is value / peer_value. NULL when the report is full. */
struct bench_row *bench_add(struct bench_report *r, const char *unit, double value,
                            const char *peer, double peer_value, double limit_fraction,
                            const char *name_format, ...) GLIA_PRINTF(7, 8);

/** Median of x [n], which is sorted in place. */
double bench_median(double *x, int n);

/** Half the range that holds the middle half of x [n], sorted, relative to the median. */
double bench_spread(const double *x, int n);

/** Read so many bytes once, the same at every call, and sum them up: NaN on lack of memory. */
double bench_read(size_t bytes);

/** Rate in flop/s of one large single-threaded float32 product (n = 1536): the limit that training is measured against. */
double bench_large_product(void);

#endif
