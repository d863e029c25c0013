/* Rows for studies: see fashion.h. */
#include "fashion.h"

#include "glia_dataset.h"
#include "glia_random.h"

#include <stdlib.h>

enum { SIDE = 28 };

void study_rows_free(struct study_rows *r)
{
  free(r->x);
  free(r->y);
}

static glia_status check_images(const struct glia_source *s)
{
  const int x = glia_source_field(s, "x"), y = glia_source_field(s, "y");

  GLIA_CHECK(x >= 0 && y >= 0 && s->field[x].row.dtype == GLIA_U8 &&
                 glia_type_count(&s->field[x].row) == SIDE * SIDE &&
                 glia_dtype_size(s->field[y].row.dtype) <= 8 && s->field[y].row.rank == 0,
             GLIA_E_DATA, "%s: expected images of 28 x 28 bytes in x and labels in y", s->name);
  return GLIA_OK;
}

/* Rows pick[0 .. n) of an open split. */
static glia_status read_rows(struct glia_source *s, int64_t n, const int64_t *pick,
                             struct study_rows *out)
{
  const int x = glia_source_field(s, "x"), y = glia_source_field(s, "y");
  uint8_t image[SIDE * SIDE];

  *out = (struct study_rows){n, STUDY_FASHION_INPUTS,
                             calloc((size_t)(n * STUDY_FASHION_INPUTS), sizeof(float)),
                             calloc((size_t)n, sizeof(int32_t))};
  GLIA_CHECK(out->x != NULL && out->y != NULL, GLIA_E_MEMORY, "%lld images", (long long)n);
  for (int64_t i = 0; i < n; i++) {
    int64_t label = 0; /* little-endian, whole and not negative */
    GLIA_TRY(s->read(s->self, x, 1, &pick[i], image));
    GLIA_TRY(s->read(s->self, y, 1, &pick[i], &label));
    GLIA_CHECK(label >= 0 && label < STUDY_FASHION_CLASSES, GLIA_E_DATA,
               "%s: label %lld, expected 0 to 9", s->name, (long long)label);
    out->y[i] = (int32_t)label;
    for (int r = 0; r < SIDE; r++)
      for (int c = 0; c < SIDE; c++)
        out->x[i * STUDY_FASHION_INPUTS + r / 2 * (SIDE / 2) + c / 2] +=
            (float)image[r * SIDE + c] / (4.0F * 255.0F);
  }
  return GLIA_OK;
}

glia_status study_fashion(const char *path, const char *split, int64_t n, int64_t seed,
                          struct study_rows *out)
{
  struct glia_source *s = NULL;
  int64_t *order = NULL;

  *out = (struct study_rows){0};
  GLIA_TRY(glia_dataset_open(path, split, 0, &s));
  const uint64_t key = glia_random_stream((uint64_t)seed, "study/networks/rows");
  glia_status st = check_images(s);
  if (st == GLIA_OK && s->n < n)
    st = GLIA_FAIL(GLIA_E_DATA, "%s has %lld rows, expected %lld", s->name, (long long)s->n,
                   (long long)n);
  if (st == GLIA_OK) {
    order = malloc((size_t)s->n * sizeof *order);
    if (order == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "an order of %lld rows", (long long)s->n);
  }
  for (int64_t i = 0; st == GLIA_OK && i < s->n; i++) order[i] = i;
  for (int64_t i = 0; st == GLIA_OK && i < n; i++) {
    const double u = glia_random_unit(glia_random_bits(key, 0, (uint64_t)i));
    const int64_t j = i + (int64_t)(u * (double)(s->n - i)), keep = order[i];
    order[i] = order[j];
    order[j] = keep;
  }
  if (st == GLIA_OK) st = read_rows(s, n, order, out);
  free(order);
  glia_source_close(&s);
  return st;
}

glia_status study_rows_source(const char *name, const struct study_rows *r, int64_t first,
                              int64_t n, struct glia_source **out)
{
  const struct glia_field field[] = {
      {"x", glia_type_make(GLIA_F32, 1, &r->inputs), 1.0, 0.0},
      {"y", glia_type_make(GLIA_I32, 0, NULL), 1.0, 0.0},
  };
  const void *const data[] = {r->x + first * r->inputs, r->y + first};

  return glia_source_from_memory(name, n, (int)GLIA_COUNT(field), field, data, out);
}
