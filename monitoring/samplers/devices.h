/* Tables of counters with one line per device, folded to sums: /proc/net/dev and /proc/diskstats. */
#ifndef GLIA_DEVICES_H
#define GLIA_DEVICES_H

#include "procfile.h"

enum { GLIA_DEVICE_FIELDS = 17 };

/** Sums over the devices of one reading. A cut or malformed line, or another set of devices than the time before, makes
 *  all sums missing: the sum over other devices is another counter, and its difference would be a lie. */
struct glia_device_sum {
  double field[GLIA_DEVICE_FIELDS];
  int n_fields;
  int n_lines;      /* of any device, counted or not */
  uint64_t devices; /* which ones: a hash of their names */
  bool broken;
};

void glia_device_sum_begin_(struct glia_device_sum *sum, int n_fields);

/** Add the counters in `fields`; those that an old kernel lacks become missing, less than n_least of them breaks the sum. */
void glia_device_sum_add_(struct glia_device_sum *sum, struct glia_span name,
                          struct glia_span fields, int n_least);

/** Write the sums times scale [n_fields] to out; *devices keeps the set of devices from one sample to the next (0 at first). */
void glia_device_sum_end_(const struct glia_device_sum *sum, bool whole, const double *scale,
                          uint64_t *devices, double *out);

#endif
