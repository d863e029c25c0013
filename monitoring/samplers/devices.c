/* Tables of counters with one line per device; see devices.h. */
#include "devices.h"

#include <math.h>

void glia_device_sum_begin_(struct glia_device_sum *sum, int n_fields)
{
  *sum =
      (struct glia_device_sum){.n_fields = n_fields, .devices = 14695981039346656037u}; /* FNV-1a */
}

void glia_device_sum_add_(struct glia_device_sum *sum, struct glia_span name,
                          struct glia_span fields, int n_least)
{
  for (const char *p = name.at; p < name.end; p++)
    sum->devices = (sum->devices ^ (uint8_t)*p) * 1099511628211u;
  sum->devices = (sum->devices ^ '\n') * 1099511628211u;
  for (int i = 0; i < sum->n_fields; i++) {
    const double value = glia_span_number_(&fields);
    if (isnan(value) && i < n_least) sum->broken = true;
    sum->field[i] += value;
  }
}

void glia_device_sum_end_(const struct glia_device_sum *sum, bool whole, const double *scale,
                          uint64_t *devices, double *out)
{
  if (!whole || sum->broken || sum->n_lines == 0) return;
  const bool same = *devices == 0 || *devices == sum->devices;
  *devices = sum->devices;
  for (int i = 0; same && i < sum->n_fields; i++) out[i] = sum->field[i] * scale[i];
}
