/* NumPy's .npy into a dataset. */
#include "import_priv.h"
#include "npy_priv.h"

static glia_status read_stream(void *self, void *out, size_t n)
{
  return glia_stream_read_all_(self, out, n);
}

static glia_status header(struct glia_stream *s, struct glia_import_array *a)
{
  const char *path = glia_stream_path_(s);
  struct glia_npy npy;

  GLIA_TRY(glia_npy_header_(read_stream, s, path, &npy));
  GLIA_CHECK(npy.type.rank > 0, GLIA_E_SHAPE, "%s holds a single number, expected rows", path);
  a->n = npy.type.dim[0];
  a->row = glia_type_make(npy.type.dtype, npy.type.rank - 1, npy.type.dim + 1);
  GLIA_CHECK(glia_type_count(&a->row) <= GLIA_IMPORT_ROW_MAX, GLIA_E_DATA,
             "%s has impossibly large rows", path);
  a->stored = npy.stored;
  return GLIA_OK;
}

glia_status glia_import_npy(struct glia_import_pair train, struct glia_import_pair valid,
                            struct glia_import_pair test, double scale, double offset,
                            const struct glia_import_out *out)
{
  GLIA_CHECK(scale != 0.0, GLIA_E_ARGUMENT, "a scale of 0");
  return glia_import_pairs_((struct glia_import_pair[3]){train, valid, test}, header, scale, offset,
                            ".npy files", out);
}
