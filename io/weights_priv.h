/* Weights: what the formats share. */
#ifndef GLIA_IO_WEIGHTS_PRIV_H
#define GLIA_IO_WEIGHTS_PRIV_H

#include "elements_priv.h"
#include "glia_weights.h"

/* Where an array is. */
struct glia_weight_place {
  int file;       /* into the files of the set; .npz: the entry */
  int64_t offset; /* of the first byte */
  struct glia_stored stored;
};

struct glia_weights {
  char *path;
  int n, max;
  struct glia_weight *list;
  struct glia_weight_place *place;
  char **name; /* owned texts, as list */
  int n_files;
  int *fd; /* [n_files] */
  void *zip;
  struct glia_checkpoint *checkpoint;
  glia_status (*read)(struct glia_weights *w, int i, void *out); /* elements as stored */
};

/* Add an array; `stored` must live as long as the program. */
glia_status glia_weights_add_(struct glia_weights *w, const char *name, const char *stored,
                              const struct glia_type *type, const struct glia_weight_place *place);

/* Open one more file. */
glia_status glia_weights_file_(struct glia_weights *w, const char *path, int *out);

/* Bytes [offset, offset + n) of a file. Errors: GLIA_E_IO, GLIA_E_DATA (it ends before). */
glia_status glia_weights_pread_(const struct glia_weights *w, int file, int64_t offset, size_t n,
                                void *out);

glia_status glia_safetensors_open_(struct glia_weights *w, const char *path);
glia_status glia_safetensors_index_(struct glia_weights *w, const char *path);
glia_status glia_safetensors_write_(const char *path, bool force, int n,
                                    const struct glia_array *array, glia_weights_as as,
                                    int64_t max_bytes);
glia_status glia_npz_open_(struct glia_weights *w, const char *path);
void glia_npz_close_(struct glia_weights *w);
glia_status glia_npz_write_(const char *path, bool force, int n, const struct glia_array *array,
                            glia_weights_as as);

/* Type of a kept array as written, and its elements: out has room for them. */
size_t glia_weights_bytes_as_(const struct glia_array *a, glia_weights_as as);
void glia_weights_convert_(const struct glia_array *a, glia_weights_as as, void *out);

#endif
