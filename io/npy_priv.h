/* The header of NumPy's .npy, in a file or in an archive of them. */
#ifndef GLIA_IO_NPY_PRIV_H
#define GLIA_IO_NPY_PRIV_H

#include "elements_priv.h"

struct glia_npy {
  struct glia_stored stored;
  struct glia_type type; /* of the whole array, as kept */
  char code[4];          /* "f4" */
  size_t header_bytes;   /* before the first element */
};

/* Exactly n bytes into out. */
typedef glia_status glia_npy_read(void *self, void *out, size_t n);

/* Read and check a header; `path` is for messages. Errors: GLIA_E_DATA, GLIA_E_UNSUPPORTED, and those of read. */
glia_status glia_npy_header_(glia_npy_read *read, void *self, const char *path,
                             struct glia_npy *out);

/* The header of a C-order array, padded as NumPy does; returns its bytes. */
enum { GLIA_NPY_HEADER_MAX = 512 };
size_t glia_npy_make_header_(const struct glia_type *type, char out[GLIA_NPY_HEADER_MAX]);

#endif
