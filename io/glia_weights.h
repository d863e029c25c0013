/* Weights of other programs, by name: safetensors (one file, or split files behind their index), NumPy's .npz and .npy, and
 * checkpoints of ours. What a file claims about itself is checked before anything is read by it.
 *
 *     glia_weights_open("model.safetensors", &w);
 *     n = glia_weights_list(w, &list);
 *     glia_weights_read(w, 0, GLIA_F32, data);     // list[0].type, as float32
 */
#ifndef GLIA_WEIGHTS_H
#define GLIA_WEIGHTS_H

#include "glia_checkpoint.h"
#include "glia_yaml.h"

struct glia_weights;

/* One array. */
struct glia_weight {
  const char *name;   /* "fc1.weight"; in a checkpoint "params/01-linear/weight" */
  const char *stored; /* element type as the file calls it: "BF16", "f2" */
  struct glia_type
      type; /* as read: 16-bit floats of other programs become f32, 16-bit integers i32 */
};

/** Open a file, known by its content: .safetensors, .safetensors.index.json (split files beside it), .npz, .npy, checkpoint.
 *
 *  Collective: no.
 *  Ownership:  glia_weights_close(out).
 *  Errors:     GLIA_E_MISSING, GLIA_E_IO; GLIA_E_DATA (cut short, extents that do not fit their bytes, gaps or overlaps, a name twice,
 *              an index that names another folder); GLIA_E_UNSUPPORTED (element types, compression).
 */
GLIA_API GLIA_NODISCARD glia_status glia_weights_open(const char *path, struct glia_weights **out);
GLIA_API void glia_weights_close(struct glia_weights **w);

/** All arrays in byte order of their names, borrowed until it is closed; returns how many. */
GLIA_API int glia_weights_list(const struct glia_weights *w, const struct glia_weight **out);

/** Number of the array of that name, -1: none. */
GLIA_API int glia_weights_find(const struct glia_weights *w, const char *name);

/** Read array i into out [its extents] as `dtype`: its own, or any other float type when it is one.
 *  Errors: GLIA_E_DATA, GLIA_E_IO, GLIA_E_UNSUPPORTED (integers as floats or the reverse). */
GLIA_API GLIA_NODISCARD glia_status glia_weights_read(struct glia_weights *w, int i,
                                                      glia_dtype dtype, void *out);

/* Names of a model's arrays elsewhere. `names` (NULL: none) maps ours, without the leading "params/" or "state/", to theirs: a whole name
 * ("01-linear/weight": fc1.weight) or a layer (01-linear: fc1, then what follows has '.' for '/'). Without an entry a name has
 * '.' for '/': 01-linear.weight. */

/** Their name of an array into out [size]. Errors: GLIA_E_CONFIG, GLIA_E_ARGUMENT (too long). */
GLIA_API GLIA_NODISCARD glia_status glia_weights_name(const struct glia_yaml *names,
                                                      const char *path, char *out, size_t size);

/** Refuse a key of `names` that fits none of the arrays, with the nearest. Errors: GLIA_E_CONFIG. */
GLIA_API GLIA_NODISCARD glia_status glia_weights_check_names(const struct glia_yaml *names, int n,
                                                             const struct glia_array *array);

/** Fill the caller's arrays from a file of weights, floats converted to the caller's type; what else the file holds is left.
 *  Errors: as glia_weights_open; GLIA_E_MISSING, GLIA_E_SHAPE (name both sides). */
GLIA_API GLIA_NODISCARD glia_status glia_weights_take(const char *path,
                                                      const struct glia_yaml *names, int n,
                                                      const struct glia_array *array);

/* Element type of floats when written. */
typedef enum {
  GLIA_WEIGHTS_KEEP,
  GLIA_WEIGHTS_F32,
  GLIA_WEIGHTS_F16,
  GLIA_WEIGHTS_BF16
} glia_weights_as;

/** Write arrays under their paths as names.
 *
 *  path       ends with .safetensors or .npz
 *  as         safetensors: any; .npz: no BF16, which NumPy does not have
 *  max_bytes  > 0: safetensors in files of at most this much data each (or one array), NAME-00001-of-00003.safetensors, behind
 *             NAME.safetensors.index.json
 *
 *  Every file appears whole or not at all; the index is the last.
 *  Errors: GLIA_E_EXISTS, GLIA_E_IO, GLIA_E_ARGUMENT (another ending, a name twice, BF16 into .npz).
 */
GLIA_API GLIA_NODISCARD glia_status glia_weights_write(const char *path, bool force, int n,
                                                       const struct glia_array *array,
                                                       glia_weights_as as, int64_t max_bytes);

#endif
