/* Types of values: element type, rank, extents. Arrays are row-major, slowest extent first. */
#ifndef GLIA_TYPE_H
#define GLIA_TYPE_H

#include "glia_status.h"

enum { GLIA_MAX_RANK = 8 };

/* name, C type, bytes, is a float */
#define GLIA_DTYPE_LIST(X)                                                                         \
  X(F32, f32, float, 4, true)                                                                      \
  X(F64, f64, double, 8, true)                                                                     \
  X(I32, i32, int32_t, 4, false)                                                                   \
  X(I64, i64, int64_t, 8, false)                                                                   \
  X(I8, i8, int8_t, 1, false)                                                                      \
  X(U8, u8, uint8_t, 1, false)                                                                     \
  X(BOOL, bool, uint8_t, 1, false)

/* Types to store in, behind those: operators that move elements take them, glia_cast widens and narrows, and what computes is
 * float32. See glia_bf16.h. */
#define GLIA_STORAGE_LIST(X) X(BF16, bf16, uint16_t, 2, true)

typedef enum {
#define X(NAME, name, ctype, bytes, is_float) GLIA_##NAME,
  GLIA_DTYPE_LIST(X) GLIA_STORAGE_LIST(X)
#undef X
      GLIA_DTYPE_COUNT_
} glia_dtype;

struct glia_type {
  glia_dtype dtype;
  int32_t rank;
  int64_t dim[GLIA_MAX_RANK];
};

/** "f32". Never NULL. */
GLIA_API const char *glia_dtype_name(glia_dtype t);
GLIA_API size_t glia_dtype_size(glia_dtype t);
GLIA_API bool glia_dtype_is_float(glia_dtype t);

/** Number of elements: the product of the extents, 1 for a scalar. */
GLIA_API int64_t glia_type_count(const struct glia_type *t);
GLIA_API size_t glia_type_bytes(const struct glia_type *t);
GLIA_API bool glia_type_equal(const struct glia_type *a, const struct glia_type *b);
GLIA_API bool glia_type_same_shape(const struct glia_type *a, const struct glia_type *b);

/** A type from its extents: glia_type_make(GLIA_F32, 2, (int64_t[]){3, 4}). */
GLIA_API struct glia_type glia_type_make(glia_dtype dtype, int rank, const int64_t *dim);

/** "f32 [3, 4]" into out [size]; returns out. */
GLIA_API const char *glia_type_text(const struct glia_type *t, char *out, size_t size);

#endif
