/* NumPy's .npy: a magic word, a version, a Python dictionary as text, the elements.
 * Source: numpy.lib.format, versions 1.0 to 3.0. */
#include "npy_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 1 << 16 };
static const int64_t COUNT_MAX = (int64_t)1 << 48;

static const struct {
  const char *code; /* behind the byte order */
  glia_dtype dtype;
  size_t bytes;
  glia_widen widen;
} types[] = {{"f4", GLIA_F32, 4, GLIA_WIDEN_NONE}, {"f8", GLIA_F64, 8, GLIA_WIDEN_NONE},
             {"f2", GLIA_F32, 2, GLIA_WIDEN_F16},  {"i1", GLIA_I8, 1, GLIA_WIDEN_NONE},
             {"u1", GLIA_U8, 1, GLIA_WIDEN_NONE},  {"b1", GLIA_U8, 1, GLIA_WIDEN_NONE},
             {"i2", GLIA_I32, 2, GLIA_WIDEN_I16},  {"u2", GLIA_I32, 2, GLIA_WIDEN_U16},
             {"i4", GLIA_I32, 4, GLIA_WIDEN_NONE}, {"i8", GLIA_I64, 8, GLIA_WIDEN_NONE}};

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

static glia_status read_type(const char *path, const char *text, struct glia_npy *a)
{
  const char *p = value_of(text, "'descr'");
  size_t t = 0;

  GLIA_CHECK(p != NULL && *p == '\'', GLIA_E_DATA, "%s: its header tells no plain element type",
             path);
  const size_t n = strcspn(p + 1, "'");
  while (t < GLIA_COUNT(types) && !(n == 3 && strncmp(p + 2, types[t].code, 2) == 0)) t++;
  GLIA_CHECK(t < GLIA_COUNT(types) && strchr("<>|=", p[1]) != NULL, GLIA_E_UNSUPPORTED,
             "%s holds '%.*s'; f2, f4, f8, i1, u1, i2, u2, i4, i8 and b1 are read", path,
             (int)(n < 32 ? n : 32), p + 1);
  a->type.dtype = types[t].dtype;
  a->stored = (struct glia_stored){types[t].dtype, types[t].bytes, types[t].widen,
                                   p[1] == '>' && types[t].bytes > 1};
  memcpy(a->code, types[t].code, 3);
  return GLIA_OK;
}

static glia_status read_shape(const char *path, const char *text, struct glia_npy *a)
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
    a->type.dim[rank] = n;
    GLIA_CHECK(n == 0 || count <= COUNT_MAX / n, GLIA_E_DATA, "%s is impossibly large", path);
    if (n > 0) count *= n;
    p = end;
    while (*p == ',' || isspace((unsigned char)*p) || *p == 'L') p++;
    GLIA_CHECK(*p != '\0', GLIA_E_DATA, "%s: its header tells no shape", path);
  }
  a->type.rank = rank;
  return GLIA_OK;
}

static glia_status read_dictionary(const char *path, const char *text, struct glia_npy *a)
{
  const char *order = value_of(text, "'fortran_order'");

  GLIA_TRY(read_type(path, text, a));
  GLIA_TRY(read_shape(path, text, a));
  GLIA_CHECK(order != NULL, GLIA_E_DATA, "%s: its header tells no order", path);
  GLIA_CHECK(strncmp(order, "False", 5) == 0 || a->type.rank < 2, GLIA_E_UNSUPPORTED,
             "%s is in Fortran order: save it with numpy.ascontiguousarray", path);
  return GLIA_OK;
}

glia_status glia_npy_header_(glia_npy_read *read, void *self, const char *path,
                             struct glia_npy *out)
{
  unsigned char head[8] = {0};
  unsigned char length[4] = {0};

  *out = (struct glia_npy){0};
  glia_status st = read(self, head, sizeof head);
  if (st != GLIA_E_DATA) GLIA_TRY(st); /* shorter than that: no .npy either */
  GLIA_CHECK(st == GLIA_OK && memcmp(head, "\x93NUMPY", 6) == 0, GLIA_E_DATA,
             "%s is not an .npy file", path);
  GLIA_CHECK(head[6] >= 1 && head[6] <= 3, GLIA_E_UNSUPPORTED, "%s has version %d of .npy", path,
             head[6]);
  const size_t length_bytes = head[6] == 1 ? 2 : 4;
  GLIA_TRY(read(self, length, length_bytes));
  const size_t n = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                   (size_t)length[3] << 24;
  GLIA_CHECK(n > 0 && n < HEADER_MAX, GLIA_E_DATA, "%s has a header of %zu bytes", path, n);
  out->header_bytes = sizeof head + length_bytes + n;
  char *text = calloc(1, n + 1);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%s", path);
  st = read(self, text, n);
  if (st == GLIA_OK) st = read_dictionary(path, text, out);
  free(text);
  return st;
}

size_t glia_npy_make_header_(const struct glia_type *type, char out[GLIA_NPY_HEADER_MAX])
{
  static const char *const codes[] = {
      [GLIA_F32] = "<f4", [GLIA_F64] = "<f8", [GLIA_I32] = "<i4", [GLIA_I64] = "<i8",
      [GLIA_I8] = "|i1",  [GLIA_U8] = "|u1",  [GLIA_BOOL] = "|b1"};
  int n = 10;

  n += snprintf(out + n, GLIA_NPY_HEADER_MAX - 10,
                "{'descr': '%s', 'fortran_order': False, 'shape': (", codes[type->dtype]);
  for (int i = 0; i < type->rank; i++)
    n += snprintf(out + n, (size_t)(GLIA_NPY_HEADER_MAX - n), "%s%lld", i > 0 ? ", " : "",
                  (long long)type->dim[i]);
  n += snprintf(out + n, (size_t)(GLIA_NPY_HEADER_MAX - n), "%s), }", type->rank == 1 ? "," : "");
  while ((n + 1) % 64 != 0) out[n++] = ' ';
  out[n++] = '\n';
  memcpy(out, "\x93NUMPY\x01\x00", 8);
  out[8] = (char)((n - 10) & 255);
  out[9] = (char)((n - 10) >> 8);
  return (size_t)n;
}
