/* IDX: big-endian arrays behind a header of two zeros, element type, rank, extents.
 * Source: the page of the MNIST database (yann.lecun.com/exdb/mnist). */
#include "import_priv.h"

static const struct {
  unsigned char code;
  glia_dtype dtype;
  size_t bytes;
} types[] = {{0x08, GLIA_U8, 1},  {0x09, GLIA_I8, 1},  {0x0b, GLIA_I32, 2},
             {0x0c, GLIA_I32, 4}, {0x0d, GLIA_F32, 4}, {0x0e, GLIA_F64, 8}};

static glia_status header(struct glia_stream *s, struct glia_import_array *a)
{
  const char *path = glia_stream_path_(s);
  unsigned char head[4] = {0};
  unsigned char extent[4] = {0};
  int64_t count = 1;
  size_t got = 0;
  size_t t = 0;

  GLIA_TRY(glia_stream_read_(s, head, sizeof head, &got));
  while (t < GLIA_COUNT(types) && types[t].code != head[2]) t++;
  GLIA_CHECK(
      got == sizeof head && head[0] == 0 && head[1] == 0 && t < GLIA_COUNT(types) && head[3] >= 1,
      GLIA_E_DATA,
      "%s is not an IDX file: it begins with %02x %02x %02x %02x, expected 00 00, a type, a rank",
      path, head[0], head[1], head[2], head[3]);
  GLIA_CHECK(head[3] <= GLIA_MAX_RANK, GLIA_E_UNSUPPORTED, "%s has rank %d, at most %d is read",
             path, head[3], (int)GLIA_MAX_RANK);
  a->row = (struct glia_type){.dtype = types[t].dtype, .rank = head[3] - 1};
  a->stored = (struct glia_stored){types[t].dtype, types[t].bytes,
                                   types[t].bytes == 2 ? GLIA_WIDEN_I16 : GLIA_WIDEN_NONE,
                                   types[t].bytes > 1};
  for (int i = 0; i < head[3]; i++) {
    GLIA_TRY(glia_stream_read_all_(s, extent, sizeof extent));
    const int64_t n = (int64_t)extent[0] << 24 | extent[1] << 16 | extent[2] << 8 | extent[3];
    if (i == 0) a->n = n;
    if (i > 0) a->row.dim[i - 1] = n;
    GLIA_CHECK(i == 0 || n == 0 || count <= GLIA_IMPORT_ROW_MAX / n, GLIA_E_DATA,
               "%s has impossibly large rows", path);
    if (i > 0) count *= n;
  }
  return GLIA_OK;
}

glia_status glia_import_idx(struct glia_import_pair train, struct glia_import_pair valid,
                            struct glia_import_pair test, const struct glia_import_out *out)
{
  return glia_import_pairs_((struct glia_import_pair[3]){train, valid, test}, header, 0.0, 0.0,
                            "IDX files", out);
}
