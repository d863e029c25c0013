/* Importers of single files. */
#include "fuzz.h"
#include "glia_import.h"

static struct glia_import_out where(void)
{
  return (struct glia_import_out){.path = fuzz_out(), .force = true};
}

void fuzz_idx(const uint8_t *data, size_t size)
{
  const struct glia_import_pair file = {fuzz_file(data, size), NULL}, none = {0};
  const struct glia_import_out out = where();

  (void)!glia_import_idx(file, none, none, &out);
}

void fuzz_npy(const uint8_t *data, size_t size)
{
  const struct glia_import_pair file = {fuzz_file(data, size), NULL}, none = {0};
  const struct glia_import_out out = where();

  (void)!glia_import_npy(file, none, none, 1.0, 0.0, &out);
}

/* The first byte says how the columns are used. */
void fuzz_csv(const uint8_t *data, size_t size)
{
  static const char *const target[] = {"2"};
  static const char *const category[] = {"3"};
  const struct glia_import_out out = where();

  if (size == 0) return;
  struct glia_import_csv o = {.train = fuzz_file(data + 1, size - 1),
                              .label = (data[0] & 3) == 1 ? "1" : NULL,
                              .n_targets = (data[0] & 3) == 2,
                              .target = target,
                              .test_fraction = (data[0] & 4) != 0 ? 0.5 : 0.0,
                              .header = data[0] >> 3 & 1,
                              .n_categories = (data[0] & 64) != 0,
                              .category = category,
                              .missing = (data[0] & 32) != 0   ? GLIA_MISSING_MEAN
                                         : (data[0] & 16) != 0 ? GLIA_MISSING_DROP
                                                               : GLIA_MISSING_REFUSE};
  (void)!glia_import_csv(&o, &out, NULL);
}
