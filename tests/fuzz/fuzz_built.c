/* Files that are HDF5, but not what our readers expect: bytes say how each array and attribute departs from a good file, and HDF5 writes
 * it. So what is tried is what our readers check, not how HDF5 takes damage. No bytes: the good file. */
#include "fuzz.h"
#include "seal_priv.h"

#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEPARTS = 128, CELLS_MAX = 4096, RANK_MAX = 10 };

/* What to do next; 0 when there is no more. */
struct script {
  const uint8_t *at;
  size_t left;
};

/* An array of a good file; values [cells], or 1 where NULL. */
struct plan {
  const char *path;
  const char *type; /* u1, i4, i8, f4, f8 */
  int rank;
  hsize_t dim[3], chunk; /* chunk: rows of a packed chunk, 0: contiguous */
  const double *value;
};

static uint8_t next(struct script *s)
{
  if (s->left == 0) return 0;
  s->left--;
  return *s->at++;
}

static hid_t type_of(const char *name)
{
  if (strcmp(name, "u1") == 0) return H5Tcopy(H5T_STD_U8LE);
  if (strcmp(name, "i1") == 0) return H5Tcopy(H5T_STD_I8LE);
  if (strcmp(name, "i4") == 0) return H5Tcopy(H5T_STD_I32LE);
  if (strcmp(name, "i8") == 0) return H5Tcopy(H5T_STD_I64LE);
  return H5Tcopy(strcmp(name, "f4") == 0 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE);
}

/* Types that are read, that are not, and that look like those that are. */
static hid_t other_type(struct script *s)
{
  static const char *const plain[] = {"u1", "i1", "i4", "i8", "f4", "f8"};
  const uint8_t which = next(s) % 20;
  hid_t t = -1;

  if (which < 6) return type_of(plain[which]);
  switch (which) {
  case 6:
    return H5Tcopy(H5T_STD_I64BE);
  case 7:
    return H5Tcopy(H5T_IEEE_F32BE);
  case 8:
    return H5Tcopy(H5T_STD_U64LE);
  case 9:
    return H5Tcopy(H5T_STD_I16LE);
  case 10: /* a float of our size and another layout */
    t = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(t, 31, 20, 11, 0, 20);
    return t;
  case 11: /* an integer with padding */
    t = H5Tcopy(H5T_STD_I32LE);
    H5Tset_precision(t, 1 + next(s) % 32);
    return t;
  case 12:
    t = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(t, 15, 7, 8, 0, 7);
    H5Tset_size(t, 2);
    H5Tset_ebias(t, 127);
    return t;
  case 13:
    t = H5Tcopy(H5T_C_S1);
    H5Tset_size(t, 1 + next(s));
    return t;
  case 14:
    t = H5Tcopy(H5T_C_S1);
    H5Tset_size(t, H5T_VARIABLE);
    return t;
  case 15:
    t = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(t, "a", 0, H5T_STD_I64LE);
    return t;
  case 16:
    return H5Tarray_create2(H5T_STD_U8LE, 1, (hsize_t[]){1 + next(s) % 8U});
  case 17:
    return H5Tvlen_create(H5T_STD_U8LE);
  case 18:
    return H5Tenum_create(H5T_STD_U8LE);
  default:
    t = H5Tcreate(H5T_OPAQUE, 4);
    H5Tset_tag(t, "x");
    return t;
  }
}

static hsize_t other_extent(struct script *s, hsize_t usual)
{
  const uint8_t b = next(s);

  switch (b % 8) {
  case 0:
    return usual;
  case 1:
    return usual + 1;
  case 2:
    return usual > 0 ? usual - 1 : 0;
  case 3:
    return 0;
  case 4:
    return b / 8;
  case 5:
    return (hsize_t)1 << b / 8;
  case 6:
    return (hsize_t)1 << (32 + b / 8 % 32);
  default:
    return ((hsize_t)1 << b / 8) - 1;
  }
}

static double other_value(struct script *s)
{
  static const double value[] = {0.0, 1.0,    -1.0,   2.0,    3.0,    7.0,     8.0,    255.0,
                                 1e9, 0x1p31, 0x1p32, 0x1p62, 0x1p63, -0x1p63, 0x1p40, 1e300};
  const uint8_t b = next(s);

  if (b >= 240) return b % 2 == 0 ? (double)NAN : (double)INFINITY;
  return b < 128 ? (double)b : value[b % 16];
}

/* A value of a type at `out`; what cannot hold it gets what HDF5 makes of it. */
static void put_value(hid_t type, double v, int64_t at, void *out)
{
  const size_t size = H5Tget_size(type);
  double number[CELLS_MAX / 8] = {v};
  const H5T_class_t class = H5Tget_class(type);

  memset(out, 'a', size);
  if ((class == H5T_INTEGER || class == H5T_FLOAT) && size <= 8 &&
      H5Tconvert(H5T_NATIVE_DOUBLE, type, 1, number, NULL, H5P_DEFAULT) >= 0)
    memcpy(out, number, size);
  else if (class == H5T_STRING && H5Tis_variable_str(type) > 0)
    memcpy(out, &(char *){at % 2 == 0 ? "text" : ""}, sizeof(char *));
  else if (class == H5T_VLEN)
    memset(out, 0, size);
}

static void write_cells(hid_t d, hid_t type, int64_t cells, const double *usual, int64_t n_usual,
                        const double *other)
{
  const size_t size = H5Tget_size(type);
  char *all = calloc((size_t)cells + 1, size);

  if (all == NULL) abort();
  for (int64_t i = 0; i < cells; i++) {
    double v = usual != NULL && i < n_usual ? usual[i] : 1.0;
    if (other != NULL && i == (int64_t)other[0]) v = other[1];
    put_value(type, v, i, all + (size_t)i * size);
  }
  H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, all);
  free(all);
}

/* A chunk with a damaged byte, cut, or with filters left out. */
static void damage_chunk(struct script *s, hid_t d, int rank, hsize_t rows)
{
  static unsigned char raw[1 << 16];
  hsize_t at[H5S_MAX_RANK] = {next(s) % 4U * rows}, size = 0;
  uint32_t mask = 0;

  H5Dflush(d);
  if (rank < 1 || H5Dget_chunk_storage_size(d, at, &size) < 0 || size == 0 || size > sizeof raw ||
      H5Dread_chunk(d, H5P_DEFAULT, at, &mask, raw) < 0)
    return;
  const uint8_t what = next(s);
  if ((what & 1) != 0) raw[(next(s) + 256U * next(s)) % size] ^= next(s);
  if ((what & 2) != 0) size = 1 + (size - 1) * next(s) / 255;
  if ((what & 4) != 0) mask ^= next(s);
  if ((what & 8) != 0) size = size + next(s) < sizeof raw ? size + next(s) : size;
  H5Dwrite_chunk(d, H5P_DEFAULT, mask, at, size, raw);
}

static void put_attribute(struct script *s, hid_t at, const char *name)
{
  hid_t type = other_type(s);
  const hsize_t n = next(s) % 4U; /* 0: a single one */
  hid_t space =
      n == 0 ? H5Screate(next(s) % 8 == 7 ? H5S_NULL : H5S_SCALAR) : H5Screate_simple(1, &n, NULL);
  char cells[4 * 2048];

  if (H5Aexists(at, name) > 0) H5Adelete(at, name);
  hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  const double v = other_value(s);
  for (hsize_t i = 0; i < (n > 0 ? n : 1) && H5Tget_size(type) <= 2048; i++)
    put_value(type, v, (int64_t)i, cells + i * H5Tget_size(type));
  if (a >= 0) {
    H5Awrite(a, type, cells);
    H5Aclose(a);
  }
  H5Sclose(space);
  H5Tclose(type);
}

static void put_number(hid_t at, const char *name, hid_t type, const void *value)
{
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t a = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);

  H5Awrite(a, type, value);
  H5Aclose(a);
  H5Sclose(space);
}

static void put_text(hid_t at, const char *name, const char *text)
{
  hid_t type = H5Tcopy(H5T_C_S1);

  H5Tset_size(type, strlen(text) + 1);
  put_number(at, name, type, text);
  H5Tclose(type);
}

/* Something else where an array belongs. */
static void put_other_object(struct script *s, hid_t file, hid_t links, const char *path)
{
  hid_t id = -1;

  switch (next(s) % 6) {
  case 0:
    return; /* nothing */
  case 1:
    id = H5Gcreate2(file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(id);
    return;
  case 2:
    H5Lcreate_soft("/elsewhere", file, path, links, H5P_DEFAULT);
    return;
  case 3:
    H5Lcreate_external("/dev/null", "/", file, path, links, H5P_DEFAULT);
    return;
  case 4: /* a group that holds itself */
    H5Lcreate_hard(file, "/", file, path, links, H5P_DEFAULT);
    return;
  default:
    id = H5Tcopy(H5T_STD_I32LE);
    H5Tcommit2(file, path, id, links, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(id);
  }
}

static void set_filters(struct script *s, hid_t create, uint8_t how)
{
  if ((how & 1) != 0) H5Pset_shuffle(create);
  if ((how & 2) != 0) H5Pset_deflate(create, 1);
  if ((how & 4) != 0) H5Pset_fletcher32(create);
  if ((how & 8) != 0) H5Pset_shuffle(create);
  if ((how & 16) != 0) H5Pset_deflate(create, 1 + next(s) % 9);
}

/* How it is stored. Returns the rows of a chunk, 0: there are none. */
static hsize_t set_layout(struct script *s, hid_t create, const struct plan *p, bool other,
                          int rank, const hsize_t *dim)
{
  hsize_t chunk[RANK_MAX] = {p->chunk};

  for (int i = 1; i < rank; i++) chunk[i] = dim[i] > 0 && dim[i] < 1024 ? dim[i] : 1;
  const uint8_t how = other ? next(s) % 5 : 0;
  if (how == 1) H5Pset_layout(create, H5D_COMPACT);
  if (how == 2) H5Pset_external(create, "/dev/null", 0, H5F_UNLIMITED); /* it is written to */
  if (how == 3) H5Pset_alloc_time(create, H5D_ALLOC_TIME_LATE);
  if (how != 4 && (how != 0 || p->chunk == 0)) return 0;
  if (how == 4) {
    chunk[0] = 1 + next(s) % 9U;
    if (rank > 1 && next(s) % 2 == 1) chunk[1] = 1 + next(s) % 3U;
  }
  if (rank == 0 || H5Pset_chunk(create, rank, chunk) < 0) return 0;
  set_filters(s, create, how == 4 ? next(s) : 3);
  return chunk[0];
}

static hid_t create_array(struct script *s, hid_t file, hid_t links, const struct plan *p,
                          uint8_t departs, hid_t *type, int *rank, int64_t *cells, hsize_t *chunk)
{
  hsize_t dim[RANK_MAX] = {p->dim[0], p->dim[1], p->dim[2]};
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);

  *type = (departs & 1) != 0 ? other_type(s) : type_of(p->type);
  *rank = p->rank;
  if ((departs & 2) != 0) {
    if (next(s) % 2 == 1) *rank = next(s) % RANK_MAX;
    for (int i = 0; i < *rank; i++) dim[i] = other_extent(s, i < p->rank ? dim[i] : 1);
  }
  *cells = 1;
  for (int i = 0; i < *rank; i++)
    *cells = dim[i] > CELLS_MAX || *cells > CELLS_MAX ? CELLS_MAX + 1 : *cells * (int64_t)dim[i];
  *chunk = set_layout(s, create, p, (departs & 4) != 0, *rank, dim);
  if (*cells > CELLS_MAX && *chunk == 0) H5Pset_alloc_time(create, H5D_ALLOC_TIME_LATE);
  hid_t space = H5Screate_simple(*rank, dim, NULL);
  hid_t d = H5Dcreate2(file, p->path, *type, space, links, create, H5P_DEFAULT);
  H5Sclose(space);
  H5Pclose(create);
  return d;
}

static void put_array(struct script *s, hid_t file, hid_t links, const struct plan *p)
{
  static const char *const attributes[] = {"scale", "offset", "xxh128", "bool"};
  const uint8_t b = next(s), departs = b >= DEPARTS ? b : 0;
  hid_t type = -1;
  int rank = 0;
  int64_t cells = 0, usual = 1;
  hsize_t chunk = 0;

  if ((departs & 32) != 0) {
    put_other_object(s, file, links, p->path);
    return;
  }
  hid_t d = create_array(s, file, links, p, departs, &type, &rank, &cells, &chunk);
  for (int i = 0; i < p->rank; i++) usual *= (int64_t)p->dim[i];
  if (d >= 0) {
    const double other[2] = {next(s) % 16, (departs & 8) != 0 ? other_value(s) : 0.0};
    if (cells <= CELLS_MAX)
      write_cells(d, type, cells, p->value, usual, (departs & 8) != 0 ? other : NULL);
    if ((departs & 16) != 0) put_attribute(s, d, attributes[next(s) % 4]);
    if ((departs & 64) != 0 && chunk > 0) damage_chunk(s, d, rank, chunk);
    H5Dclose(d);
  }
  H5Tclose(type);
}

/* Texts [n], or a single one where n < 0. */
static void put_texts(struct script *s, hid_t file, hid_t links, const char *path, int n)
{
  const struct plan p = {
      .path = path, .type = "u1", .rank = n >= 0, .dim = {n >= 0 ? (hsize_t)n : 0}};
  const uint8_t b = next(s);

  if (b >= DEPARTS) {
    put_array(s, file, links, &p);
    return;
  }
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, b % 2 == 0 ? 8 : H5T_VARIABLE);
  hid_t space = n < 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, p.dim, NULL);
  hid_t d = H5Dcreate2(file, path, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  if (d >= 0) {
    write_cells(d, type, n < 0 ? 1 : n, NULL, 0, NULL);
    H5Dclose(d);
  }
  H5Sclose(space);
  H5Tclose(type);
}

/* Where the file says that a chunk lies, and how long it is: before the address the old kind of B-tree has 4 bytes of length, 4 of the
 * mask of filters, and the chunk's place. */
static void move_chunk(struct script *s, unsigned char *image, size_t bytes, const hsize_t *at,
                       int n)
{
  const uint8_t b = next(s);

  if (b < DEPARTS || n == 0) return;
  const uint64_t from = at[b % (unsigned)n];
  const int rank = next(s) % 4;
  const uint64_t to = other_extent(s, from) + (next(s) % 2 == 0 ? 0 : bytes);
  const uint32_t length = (uint32_t)other_extent(s, 16);
  for (size_t i = 64; i + 8 <= bytes; i++) {
    if (memcmp(image + i, &from, 8) != 0) continue;
    memcpy(image + i, &to, 8);
    if ((b & 64) != 0) memcpy(image + i - 8 * (size_t)(rank + 2), &length, sizeof length);
    return;
  }
}

static int find_chunks(hid_t file, const char *path, hsize_t at[8])
{
  hid_t d = H5Lexists(file, "train", H5P_DEFAULT) > 0 ? H5Dopen2(file, path, H5P_DEFAULT) : -1;
  hsize_t n = 0, size = 0, offset[H5S_MAX_RANK];
  unsigned mask = 0;
  haddr_t where = 0;
  int found = 0;

  if (d < 0) return 0;
  if (H5Dget_num_chunks(d, H5S_ALL, &n) < 0) n = 0;
  for (hsize_t i = 0; i < n && found < 8; i++)
    if (H5Dget_chunk_info(d, H5S_ALL, i, offset, &mask, &where, &size) >= 0) at[found++] = where;
  H5Dclose(d);
  return found;
}

typedef void fuzz_fill(struct script *s, hid_t file, hid_t links);

/* The file in memory as a path; NULL: it could not be made. */
static const char *build(struct script *s, const char *kind, fuzz_fill *fill)
{
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), links = H5Pcreate(H5P_LINK_CREATE);
  static unsigned char image[1 << 20];
  hsize_t chunk[8];

  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  H5Pset_create_intermediate_group(links, 1);
  H5Pset_fapl_core(access, 1 << 16, 0);
  hid_t file = H5Fcreate("built", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  if (file < 0) abort();
  put_text(file, "glia_kind", kind);
  put_number(file, "glia_format", H5T_NATIVE_INT64, &(int64_t){1});
  const uint8_t root = next(s);
  if (root >= DEPARTS) put_attribute(s, file, root % 2 == 0 ? "glia_kind" : "glia_format");
  fill(s, file, links);
  const int n = find_chunks(file, "train/x", chunk);
  H5Fflush(file, H5F_SCOPE_GLOBAL);
  const ssize_t bytes = H5Fget_file_image(file, image, sizeof image);
  H5Fclose(file);
  H5Pclose(links);
  H5Pclose(access);
  H5Eclear2(H5E_DEFAULT);
  if (bytes <= 0) return NULL;
  move_chunk(s, image, (size_t)bytes, chunk, n);
  return fuzz_file(image, (size_t)bytes);
}

/* Sealed, so that what the seal would have found reaches what stands behind it. */
static void seal(const char *path)
{
  const int fd = open(path, O_RDWR | O_CLOEXEC);

  if (fd < 0 || glia_seal_write_(fd, path) != GLIA_OK) abort();
  close(fd);
}

static void put_all(struct script *s, hid_t file, hid_t links, int n, const struct plan *plan)
{
  for (int i = 0; i < n; i++) put_array(s, file, links, &plan[i]);
}

static void fill_rows(struct script *s, hid_t file, hid_t links)
{
  static const struct plan plan[] = {{"train/x", "u1", 3, {8, 2, 3}, 3, NULL},
                                     {"train/y", "i4", 1, {8}, 0, NULL},
                                     {"train/z", "f4", 2, {8, 2}, 4, NULL},
                                     {"test/x", "u1", 3, {2, 2, 3}, 0, NULL}};

  put_all(s, file, links, (int)GLIA_COUNT(plan), plan);
}

static void fill_ragged(struct script *s, hid_t file, hid_t links)
{
  static const double train[] = {0, 2, 2, 7}, test[] = {0, 1, 3};
  static const struct plan plan[] = {
      {"train/x", "f4", 2, {7, 2}, 3, NULL},  {"train/x_ptr", "i8", 1, {4}, 0, train},
      {"train/y", "i4", 1, {3}, 0, NULL},     {"test/x", "f4", 2, {3, 2}, 0, NULL},
      {"test/x_ptr", "i8", 1, {3}, 0, test},  {"train/e", "i8", 1, {7}, 0, NULL},
      {"train/e_ptr", "i4", 1, {4}, 0, train}};

  put_all(s, file, links, (int)GLIA_COUNT(plan), plan);
}

static void fill_graph(struct script *s, hid_t file, hid_t links)
{
  static const double ptr[] = {0, 2, 3, 4}, idx[] = {1, 2, 0, 0}, mask[] = {1, 0, 1};
  static const struct plan plan[] = {
      {"graph/ptr", "i8", 1, {4}, 0, ptr},    {"graph/idx", "i8", 1, {4}, 0, idx},
      {"graph/val", "f4", 1, {4}, 0, NULL},   {"nodes/x", "f4", 2, {3, 2}, 2, NULL},
      {"nodes/train", "u1", 1, {3}, 0, mask}, {"nodes/y", "i4", 1, {3}, 0, mask}};

  put_all(s, file, links, (int)GLIA_COUNT(plan), plan);
}

static hid_t group(hid_t file, const char *path, hid_t links)
{
  return H5Lexists(file, path, H5P_DEFAULT) > 0
             ? -1
             : H5Gcreate2(file, path, links, H5P_DEFAULT, H5P_DEFAULT);
}

/* A group with a number and perhaps something else under the same or another name. */
static void put_group(struct script *s, hid_t file, hid_t links, const char *path, const char *name)
{
  hid_t g = group(file, path, links);

  if (g < 0) return;
  put_number(g, name, H5T_NATIVE_INT64, &(int64_t){3});
  const uint8_t b = next(s);
  if (b >= DEPARTS) put_attribute(s, g, b % 2 == 0 ? name : "other");
  H5Gclose(g);
}

static void fill_checkpoint(struct script *s, hid_t file, hid_t links)
{
  static const struct plan plan[] = {{"params/0-linear/weight", "f4", 2, {2, 3}, 0, NULL},
                                     {"optimizer/m/0-linear/weight", "f4", 2, {2, 3}, 2, NULL},
                                     {"state/mask", "u1", 1, {4}, 0, NULL},
                                     {"state/n", "i8", 0, {0}, 0, NULL}};

  put_texts(s, file, links, "config", -1);
  put_group(s, file, links, "run", "step");
  put_all(s, file, links, (int)GLIA_COUNT(plan), plan);
}

static void fill_telemetry(struct script *s, hid_t file, hid_t links)
{
  static const double time[] = {0, 1, 2, 3}, cause[] = {0, 1, 0, 2, 3, 1};
  static const struct plan plan[] = {
      {"nodes/n1/time", "i8", 1, {4}, 0, time},  {"nodes/n1/values", "f4", 2, {4, 2}, 2, NULL},
      {"labels/n1", "i1", 1, {4}, 0, NULL},      {"causes/n1", "i8", 2, {2, 3}, 0, cause},
      {"events/time", "i8", 1, {2}, 0, time},    {"scores/n1/time", "i8", 1, {4}, 0, time},
      {"scores/n1/value", "f4", 1, {4}, 0, NULL}};

  put_group(s, file, links, "nodes/n1", "train_rows");
  put_group(s, file, links, "scores/n1", "threshold");
  put_texts(s, file, links, "nodes/n1/names", 2);
  put_texts(s, file, links, "nodes/n1/units", 2);
  put_texts(s, file, links, "events/node", 2);
  put_texts(s, file, links, "events/text", 2);
  put_all(s, file, links, (int)GLIA_COUNT(plan), plan);
}

static void fill_run(struct script *s, hid_t file, hid_t links)
{
  static const double two[] = {2};
  static const struct plan plan[] = {
      {"steps/n", "i8", 0, {0}, 0, two},           {"steps/step", "i8", 1, {4}, 0, NULL},
      {"steps/train_loss", "f8", 1, {4}, 0, NULL}, {"times/n", "i8", 0, {0}, 0, two},
      {"times/step", "i8", 1, {2}, 0, NULL},       {"times/compute_s", "f4", 2, {2, 3}, 0, NULL},
      {"times/wait_s", "f4", 2, {2, 3}, 0, NULL},  {"times/input_s", "f4", 2, {2, 3}, 0, NULL},
      {"sessions/first_step", "i8", 1, {1}, 0, 0}, {"sessions/last_step", "i8", 1, {1}, 0, NULL},
      {"sessions/ranks", "i8", 1, {1}, 0, NULL},   {"sessions/threads", "i8", 1, {1}, 0, NULL},
      {"sessions/start_s", "f8", 1, {1}, 0, NULL}, {"sessions/end_s", "f8", 1, {1}, 0, NULL}};

  put_texts(s, file, links, "config", -1);
  put_texts(s, file, links, "nodes", 3);
  put_texts(s, file, links, "sessions/reason", 1);
  put_group(s, file, links, "run", "stride");
  put_all(s, file, links, (int)GLIA_COUNT(plan), plan);
}

#define TARGET(name, kind, sealed, read)                                                           \
  void fuzz_built_##name(const uint8_t *data, size_t size)                                         \
  {                                                                                                \
    struct script s = {data, size};                                                                \
    const bool closed = (sealed) && next(&s) != 255;                                               \
    const char *path = build(&s, kind, fill_##name);                                               \
    if (path != NULL && closed) seal(path);                                                        \
    if (path != NULL) read(path);                                                                  \
  }

TARGET(rows, "dataset", false, fuzz_read_dataset)
TARGET(ragged, "dataset", false, fuzz_read_dataset)
TARGET(graph, "dataset", false, fuzz_read_graph)
TARGET(checkpoint, "checkpoint", true, fuzz_read_checkpoint)
TARGET(telemetry, "telemetry", false, fuzz_read_telemetry)
TARGET(run, "run", true, fuzz_read_run)
