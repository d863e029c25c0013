/* Element types and shapes. */
#include "glia_type.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
  const char *name;
  size_t bytes;
  bool is_float;
} dtypes[] = {
#define X(NAME, name, ctype, bytes, is_float) {#name, bytes, is_float},
    GLIA_DTYPE_LIST(X) GLIA_STORAGE_LIST(X)
#undef X
};

const char *glia_dtype_name(glia_dtype t)
{
  return (unsigned)t < GLIA_COUNT(dtypes) ? dtypes[t].name : "?";
}
size_t glia_dtype_size(glia_dtype t) { return dtypes[t].bytes; }
bool glia_dtype_is_float(glia_dtype t) { return dtypes[t].is_float; }

int64_t glia_type_count(const struct glia_type *t)
{
  int64_t n = 1;

  for (int i = 0; i < t->rank; i++) n *= t->dim[i];
  return n;
}

size_t glia_type_bytes(const struct glia_type *t)
{
  return (size_t)glia_type_count(t) * dtypes[t->dtype].bytes;
}

bool glia_type_same_shape(const struct glia_type *a, const struct glia_type *b)
{
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

bool glia_type_equal(const struct glia_type *a, const struct glia_type *b)
{
  return a->dtype == b->dtype && glia_type_same_shape(a, b);
}

struct glia_type glia_type_make(glia_dtype dtype, int rank, const int64_t *dim)
{
  struct glia_type t = {.dtype = dtype, .rank = rank};

  for (int i = 0; i < rank; i++) t.dim[i] = dim[i];
  return t;
}

const char *glia_type_text(const struct glia_type *t, char *out, size_t size)
{
  size_t used = (size_t)snprintf(out, size, "%s [", glia_dtype_name(t->dtype));

  for (int i = 0; i < t->rank && used < size; i++)
    used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, i > 0 ? ", " : "", t->dim[i]);
  if (used < size) snprintf(out + used, size - used, "]");
  return out;
}
