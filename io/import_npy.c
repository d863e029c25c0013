/* NumPy's .npy: a magic word, a version, a Python dictionary as text, the elements.
 * Source: numpy.lib.format, versions 1.0 to 3.0. */
#include "import_priv.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 1 << 16 };

static const struct {
  const char *code; /* behind the byte order */
  glia_dtype dtype;
  size_t bytes;
  bool is_signed;
} types[] = {{"f4", GLIA_F32, 4, true},  {"f8", GLIA_F64, 8, true}, {"i1", GLIA_I8, 1, true},
             {"u1", GLIA_U8, 1, false},  {"b1", GLIA_U8, 1, false}, {"i2", GLIA_I32, 2, true},
             {"u2", GLIA_I32, 2, false}, {"i4", GLIA_I32, 4, true}, {"i8", GLIA_I64, 8, true}};

/* What follows 'key': in the dictionary, without blanks before it; NULL when it is not there. */
static const char *value_of(const char *text, const char *key)
{
  const char *p = strstr(text, key);

  if (p == NULL) return NULL;
  p += strlen(key);
  while (isspace((unsigned char)*p)) p++;
  if (*p++ != ':') return NULL;
  while (isspace((unsigned char)*p)) p++;
  return p;
}

static glia_status read_type(const char *path, const char *text, struct glia_import_array *a)
{
  const char *p = value_of(text, "'descr'");
  size_t t = 0;

  GLIA_CHECK(p != NULL && *p == '\'', GLIA_E_DATA, "%s: its header tells no plain element type",
             path);
  const size_t n = strcspn(p + 1, "'");
  while (t < GLIA_COUNT(types) && !(n == 3 && strncmp(p + 2, types[t].code, 2) == 0)) t++;
  GLIA_CHECK(t < GLIA_COUNT(types) && strchr("<>|=", p[1]) != NULL, GLIA_E_UNSUPPORTED,
             "%s holds '%.*s'; f4, f8, i1, u1, i2, u2, i4, i8 and b1 are read", path,
             (int)(n < 32 ? n : 32), p + 1);
  a->row.dtype = types[t].dtype;
  a->element_bytes = types[t].bytes;
  a->is_signed = types[t].is_signed;
  a->widen = types[t].bytes == 2;
  a->swap = p[1] == '>' && types[t].bytes > 1;
  return GLIA_OK;
}

static glia_status read_shape(const char *path, const char *text, struct glia_import_array *a)
{
  const char *p = value_of(text, "'shape'");
  int rank = 0;
  int64_t count = 1;

  GLIA_CHECK(p != NULL && *p == '(', GLIA_E_DATA, "%s: its header tells no shape", path);
  for (p++; *p != ')'; rank++) {
    char *end = NULL;
    const long long n = isdigit((unsigned char)*p) ? strtoll(p, &end, 10) : -1;
    GLIA_CHECK(n >= 0 && n < ((int64_t)1 << 40), GLIA_E_DATA, "%s: its header tells no shape",
               path);
    GLIA_CHECK(rank < GLIA_MAX_RANK, GLIA_E_UNSUPPORTED, "%s has a rank above %d", path,
               (int)GLIA_MAX_RANK);
    if (rank == 0) a->n = n;
    if (rank > 0) a->row.dim[rank - 1] = n;
    GLIA_CHECK(rank == 0 || n == 0 || count <= ((int64_t)1 << 30) / n, GLIA_E_DATA,
               "%s has impossibly large rows", path);
    if (rank > 0) count *= n;
    p = end;
    while (*p == ',' || isspace((unsigned char)*p) || *p == 'L') p++;
    GLIA_CHECK(*p != '\0', GLIA_E_DATA, "%s: its header tells no shape", path);
  }
  GLIA_CHECK(rank > 0, GLIA_E_SHAPE, "%s holds a single number, expected rows", path);
  a->row.rank = rank - 1;
  return GLIA_OK;
}

static glia_status read_dictionary(const char *path, const char *text, struct glia_import_array *a)
{
  const char *order = value_of(text, "'fortran_order'");

  GLIA_TRY(read_type(path, text, a));
  GLIA_TRY(read_shape(path, text, a));
  GLIA_CHECK(order != NULL, GLIA_E_DATA, "%s: its header tells no order", path);
  GLIA_CHECK(strncmp(order, "False", 5) == 0 || a->row.rank == 0, GLIA_E_UNSUPPORTED,
             "%s is in Fortran order: save it with numpy.ascontiguousarray", path);
  return GLIA_OK;
}

static glia_status header(struct glia_stream *s, struct glia_import_array *a)
{
  const char *path = glia_stream_path_(s);
  unsigned char head[8] = {0};
  unsigned char length[4] = {0};
  size_t got = 0;

  GLIA_TRY(glia_stream_read_(s, head, sizeof head, &got));
  GLIA_CHECK(got == sizeof head && memcmp(head, "\x93NUMPY", 6) == 0, GLIA_E_DATA,
             "%s is not an .npy file", path);
  GLIA_CHECK(head[6] >= 1 && head[6] <= 3, GLIA_E_UNSUPPORTED, "%s has version %d of .npy", path,
             head[6]);
  GLIA_TRY(glia_stream_read_all_(s, length, head[6] == 1 ? 2 : 4));
  const size_t n = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                   (size_t)length[3] << 24;
  GLIA_CHECK(n > 0 && n < HEADER_MAX, GLIA_E_DATA, "%s has a header of %zu bytes", path, n);
  char *text = calloc(1, n + 1);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%s", path);
  glia_status st = glia_stream_read_all_(s, text, n);
  if (st == GLIA_OK) st = read_dictionary(path, text, a);
  free(text);
  return st;
}

glia_status glia_import_npy(struct glia_import_pair train, struct glia_import_pair valid,
                            struct glia_import_pair test, double scale, double offset,
                            const struct glia_import_out *out)
{
  GLIA_CHECK(scale != 0.0, GLIA_E_ARGUMENT, "a scale of 0");
  return glia_import_pairs_((struct glia_import_pair[3]){train, valid, test}, header, scale, offset,
                            ".npy files", out);
}
