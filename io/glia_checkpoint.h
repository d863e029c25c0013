/* Checkpoints: DIR/step-%010d.h5, the same file for any number of ranks (docs/formats/checkpoint.md).
 *
 * Arrays are known by path: "params/01-linear/weight", "optimizer/m/01-linear/weight", "state/...". A file is written under
 * a temporary name, synced and renamed, so a newer one never harms an older one. Every array carries its checksum (XXH3, 128 bits), and
 * the file ends with a seal over them and all between: damage is found before HDF5 looks at a byte.
 */
#ifndef GLIA_CHECKPOINT_H
#define GLIA_CHECKPOINT_H

#include "glia_type.h"

enum { GLIA_CHECKPOINT_FORMAT = 4 };

/* A named array of the caller's. */
struct glia_array {
  const char *path;
  struct glia_type type;
  void *data;
};

typedef enum { GLIA_ATTRIBUTE_INT, GLIA_ATTRIBUTE_REAL, GLIA_ATTRIBUTE_TEXT } glia_attribute_kind;

/* A fact about the run, an attribute of /run: "seed", "kernel_level", "model_hash". */
struct glia_attribute {
  const char *name;
  glia_attribute_kind kind;
  int64_t i;
  double r;
  const char *text;
};

static inline struct glia_attribute glia_attribute_int(const char *name, int64_t i)
{
  return (struct glia_attribute){.name = name, .kind = GLIA_ATTRIBUTE_INT, .i = i};
}
static inline struct glia_attribute glia_attribute_real(const char *name, double r)
{
  return (struct glia_attribute){.name = name, .kind = GLIA_ATTRIBUTE_REAL, .r = r};
}
static inline struct glia_attribute glia_attribute_text(const char *name, const char *text)
{
  return (struct glia_attribute){.name = name, .kind = GLIA_ATTRIBUTE_TEXT, .text = text};
}

/** SHA-256 over the little-endian bytes of all arrays whose path starts with one of the prefixes ("params/"), in byte
 *  order of their paths; of no bytes when there is none. */
GLIA_API GLIA_NODISCARD glia_status glia_arrays_sha256(int n, const struct glia_array *array,
                                                       int n_prefixes, const char *const *prefix,
                                                       char out[65]);

/** The two hashes of a model: over "params/", and over "optimizer/" and "state/". */
GLIA_API GLIA_NODISCARD glia_status glia_parameters_sha256(int n, const struct glia_array *array,
                                                           char out[65]);
GLIA_API GLIA_NODISCARD glia_status glia_state_sha256(int n, const struct glia_array *array,
                                                      char out[65]);

/** Write DIR/step-%010d.h5, making DIR when it is missing; a file of the same step is replaced.
 *
 *  config     text of the run's configuration
 *  attribute  facts for /run; `step`, `parameters_sha256` and `state_sha256` are added
 *
 *  Collective: no; one rank writes, since state is replicated.
 *  Errors:     GLIA_E_IO (disk full, no permission; older checkpoints stay as they are), GLIA_E_ARGUMENT (paths).
 */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_write(const char *dir, int64_t step, int n,
                                                          const struct glia_array *array,
                                                          const char *config, int n_attributes,
                                                          const struct glia_attribute *attribute);

/** The sum that a checkpoint names for an array, of bytes that lie elsewhere than array->data. */
GLIA_API void glia_checkpoint_sum(const struct glia_array *array, const void *data, char out[65]);

/* Arrays that are not in the writer's memory all at once. */
struct glia_checkpoint_pieces {
  void *self;
  /** Bytes of array i, valid until the next call. Called once for each, in their order, until one fails. */
  glia_status (*fetch)(void *self, int i, const void **data);
  const char (*sum)[65];                        /* [n] of each array: glia_checkpoint_sum */
  const char *parameters_sha256, *state_sha256; /* of all, for /run; NULL: left out */
};

/** The same of arrays whose bytes come one by one; array[i].data is not looked at. Errors: those of fetch, too. */
GLIA_API GLIA_NODISCARD glia_status
glia_checkpoint_write_pieces(const char *dir, int64_t step, int n, const struct glia_array *array,
                             const struct glia_checkpoint_pieces *pieces, const char *config,
                             int n_attributes, const struct glia_attribute *attribute);

struct glia_checkpoint;

/** Open a checkpoint; its sums are verified first.
 *
 *  Collective: no.
 *  Ownership:  glia_checkpoint_close(out).
 *  Errors:     GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA (not a checkpoint, damaged, cut short).
 */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_open(const char *path,
                                                         struct glia_checkpoint **out);
GLIA_API void glia_checkpoint_close(struct glia_checkpoint **c);

/* What it holds; all borrowed until it is closed. */
GLIA_API int64_t glia_checkpoint_step(const struct glia_checkpoint *c);
GLIA_API const char *glia_checkpoint_config(const struct glia_checkpoint *c);
/** Arrays in byte order of their paths; data is NULL. */
GLIA_API int glia_checkpoint_arrays(const struct glia_checkpoint *c, const struct glia_array **out);
GLIA_API int glia_checkpoint_attributes(const struct glia_checkpoint *c,
                                        const struct glia_attribute **out);
/** An attribute by name, or NULL. */
GLIA_API const struct glia_attribute *glia_checkpoint_attribute(const struct glia_checkpoint *c,
                                                                const char *name);

/** Read arrays into the caller's memory.
 *
 *  array  paths, types and data of the caller; types must agree exactly. data NULL: the array is checked for, not read
 *  exact  also refuse arrays of the file that the caller did not ask for
 *
 *  On failure the caller's memory may be partly filled; paths and types are all checked before the first byte is read.
 *  Errors: GLIA_E_MISSING (names the path), GLIA_E_SHAPE (names both types, or an array too many), GLIA_E_DATA (checksum).
 */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_read(struct glia_checkpoint *c, int n,
                                                         const struct glia_array *array,
                                                         bool exact);

/** Steps of the checkpoints in a folder, ascending; a missing folder holds none. The caller frees *step with free(). */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_list(const char *dir, int *n, int64_t **step);

/** Path of the checkpoint of a step. The caller frees it with free(); NULL: out of memory. */
GLIA_API char *glia_checkpoint_path(const char *dir, int64_t step);

/** Open the newest good checkpoint of a folder. Damaged ones are passed over with a warning in the log that names them.
 *  *out is NULL when there is none at all.
 *  Errors: GLIA_E_DATA when there are some but none is good. */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_open_newest(const char *dir,
                                                                struct glia_checkpoint **out);

/** Open a checkpoint by its file, or by its folder: the newest good one. Errors: as above; GLIA_E_MISSING for a folder without any. */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_open_path(const char *path,
                                                              struct glia_checkpoint **out);

/** Delete all but the newest `keep` (at least 1). Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_checkpoint_prune(const char *dir, int keep);

#endif
