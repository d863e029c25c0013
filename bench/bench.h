/* Benches: each prints rows that stand next to a peer or a measured limit, taken in the same run.
 *
 * One bench = one file with a struct bench and a line in benches.def. Machines are shared and noisy: what is compared
 * alternates, and medians are reported.
 */
#ifndef BENCH_H
#define BENCH_H

#include "glia_status.h"

struct bench_row {
  char name[64];
  double value; /* ours */
  const char *unit;
  const char *peer;      /* what stands beside it; NULL: nothing */
  double peer_value;     /* in the same unit; NaN: none */
  double ratio;          /* > 1: Glia is better; NaN: none */
  double limit_fraction; /* of the measured limit; NaN: none */
};

enum { BENCH_MAX_ROWS = 64 };

struct bench_report {
  int n;
  struct bench_row row[BENCH_MAX_ROWS];
  void (*progress)(void *self, const char *what);
  void *self;
  int64_t size_bytes; /* of what a bench makes up; 0: its own choice */
};

struct bench {
  const char *name;
  const char *what; /* one line */
  glia_status (*run)(struct bench_report *r, double seconds);
};

/** All benches, NULL-terminated. */
const struct bench *const *bench_table(void);

/** Add a row; ratio is value / peer_value. NULL when the report is full. */
struct bench_row *bench_add(struct bench_report *r, const char *unit, double value,
                            const char *peer, double peer_value, double limit_fraction,
                            const char *name_format, ...) GLIA_PRINTF(7, 8);

/** Median of x [n], which is sorted in place. */
double bench_median(double *x, int n);

/** Rate in flop/s of one large single-threaded float32 product (n = 1536): the limit that training is measured against. */
double bench_large_product(void);

#endif
