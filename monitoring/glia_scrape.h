/* What a scrape brings: the Prometheus text of any exporter, taken apart. */
#ifndef GLIA_SCRAPE_H
#define GLIA_SCRAPE_H

#include "glia_sampler.h"

enum { GLIA_SCRAPE_SERIES_MAX = 1 << 16, GLIA_SCRAPE_NAME_BYTES = 512 };

struct glia_scrape_series {
  const char *name; /* with its labels, not closed by 0: n bytes of the text */
  size_t n;
  glia_metric_kind kind;
  double value; /* NaN where the exporter says so */
};

struct glia_scrape {
  int64_t n;
  int64_t capacity;
  struct glia_scrape_series *series;
  int64_t malformed; /* lines that are neither comment nor sample, or too long */
};

/** Take a text [size] apart; names point into it. Lines that make no sense are counted and passed over. Kinds come from # TYPE,
 *  else from the name (_total, _sum, _count, _bucket), else from what our own samplers call so. Ownership: glia_scrape_free.
 *  Errors: GLIA_E_DATA (more series than GLIA_SCRAPE_SERIES_MAX, or not one line that makes sense), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_scrape_read(const char *text, size_t size,
                                                     struct glia_scrape *out);
GLIA_API void glia_scrape_free(struct glia_scrape *scrape);

#endif
