/* Elements as other programs store them, and as we keep them. */
#ifndef GLIA_IO_ELEMENTS_PRIV_H
#define GLIA_IO_ELEMENTS_PRIV_H

#include "glia_type.h"

typedef enum {
  GLIA_WIDEN_NONE,
  GLIA_WIDEN_I16, /* to i32 */
  GLIA_WIDEN_U16, /* to i32 */
  GLIA_WIDEN_F16, /* to f32 */
  GLIA_WIDEN_BF16 /* to f32 */
} glia_widen;

struct glia_stored {
  glia_dtype dtype; /* as kept */
  size_t bytes;     /* of an element in the file */
  glia_widen widen;
  bool swap; /* the file has the other byte order */
};

/* n elements at the start of `data`, which has room for them as kept, from stored to kept. */
void glia_elements_keep_(const struct glia_stored *s, size_t n, void *data);

/* f32 to f16, to nearest, ties to even; what is too large becomes infinite. For bf16 see glia_bf16.h. */
uint16_t glia_half_from_(float v);
float glia_float_from_half_(uint16_t h);

/* Element i of kept data as a number, and a number into it (rounded to nearest for integers). */
double glia_element_get_(glia_dtype t, const void *data, int64_t i);
void glia_element_set_(glia_dtype t, void *data, int64_t i, double v);

#endif
