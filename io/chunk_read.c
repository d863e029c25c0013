/* Chunks without HDF5: see chunk_priv.h.  Source of the filters: the HDF5 file format, version 3 (deflate is zlib's, shuffle
 * puts the first bytes of all elements first). */
#include "chunk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static glia_status read_bytes(int fd, const char *name, int64_t offset, size_t n, void *out)
{
  char *to = out;

  while (n > 0) {
    const ssize_t got = pread(fd, to, n, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    GLIA_CHECK(got >= 0, GLIA_E_IO, "cannot read %s: %s", name, strerror(errno));
    GLIA_CHECK(got > 0, GLIA_E_IO, "%s became shorter while it was read", name);
    to += got;
    offset += got;
    n -= (size_t)got;
  }
  return GLIA_OK;
}

/* Whole rows, our byte order, and no filters but shuffle before deflate? */
static bool is_ours(hid_t array, const struct glia_h5_array *info, struct glia_chunks *c)
{
  hid_t create = H5Dget_create_plist(array);
  hid_t type = H5Dget_type(array);
  hsize_t dim[H5S_MAX_RANK] = {0};
  bool ok = H5Tequal(type, glia_h5_type_(info->type.dtype)) > 0 &&
            H5Pget_chunk(create, H5S_MAX_RANK, dim) == info->type.rank;
  const int n = H5Pget_nfilters(create);

  c->shuffle = c->deflate = -1;
  for (int i = 1; ok && i < info->type.rank; i++) ok = (int64_t)dim[i] == info->type.dim[i];
  for (int i = 0; ok && i < n; i++) {
    unsigned flags = 0;
    size_t none = 0;
    const H5Z_filter_t f = H5Pget_filter2(create, (unsigned)i, &flags, &none, NULL, 0, NULL, NULL);
    ok = (f == H5Z_FILTER_SHUFFLE && c->shuffle < 0 && c->deflate < 0) ||
         (f == H5Z_FILTER_DEFLATE && c->deflate < 0);
    if (f == H5Z_FILTER_SHUFFLE) c->shuffle = i;
    if (f == H5Z_FILTER_DEFLATE) c->deflate = i;
  }
  glia_h5_close_(&type);
  glia_h5_close_(&create);
  return ok;
}

glia_status glia_chunks_find_(hid_t array, const char *name, const struct glia_h5_array *info,
                              int64_t file_bytes, struct glia_chunks *out)
{
  *out = (struct glia_chunks){.bytes = info->chunk_bytes,
                              .element_bytes = glia_dtype_size(info->type.dtype)};
  if (!info->chunked || !is_ours(array, info, out)) return GLIA_OK;
  const int64_t n = (info->type.dim[0] + info->chunk_rows - 1) / info->chunk_rows;
  out->place = malloc((size_t)n * sizeof *out->place);
  GLIA_CHECK(out->place != NULL, GLIA_E_MEMORY, "%s: %lld chunks", name, (long long)n);
  for (int64_t i = 0; i < n; i++) {
    const hsize_t at[H5S_MAX_RANK] = {(hsize_t)(i * info->chunk_rows)};
    unsigned mask = 0;
    haddr_t offset = HADDR_UNDEF;
    hsize_t bytes = 0;
    GLIA_TRY_H5(H5Dget_chunk_info_by_coord(array, at, &mask, &offset, &bytes), GLIA_E_DATA,
                "%s: chunk %lld", name, (long long)i);
    if (offset == HADDR_UNDEF) return GLIA_OK; /* filled by HDF5 when read */
    GLIA_CHECK(bytes > 0 && bytes <= UINT32_MAX && offset <= (haddr_t)file_bytes &&
                   bytes <= (hsize_t)file_bytes - offset,
               GLIA_E_DATA, "%s: chunk %lld lies outside the file: was it cut short?", name,
               (long long)i);
    out->place[i] = (struct glia_chunk_place){(int64_t)offset, (uint32_t)bytes, mask};
  }
  out->n = n;
  return GLIA_OK;
}

size_t glia_chunks_packed_max_(const struct glia_chunks *c)
{
  size_t most = 0;

  for (int64_t i = 0; i < c->n; i++)
    if (c->place[i].bytes > most) most = c->place[i].bytes;
  return most;
}

bool glia_chunks_plain_(const struct glia_chunks *c)
{
  bool plain = c->n > 0 && c->shuffle < 0 && c->deflate < 0;

  for (int64_t i = 0; i < c->n && plain; i++) plain = c->place[i].bytes == c->bytes;
  return plain;
}

static void unshuffle(const unsigned char *from, size_t bytes, size_t size, unsigned char *to)
{
  const size_t n = bytes / size;

  for (size_t k = 0; k < size; k++)
    for (size_t i = 0; i < n; i++) to[i * size + k] = from[k * n + i];
  memcpy(to + n * size, from + n * size, bytes - n * size);
}

static bool applies(const struct glia_chunk_place *p, int filter)
{
  return filter >= 0 && (p->mask >> filter & 1) == 0;
}

glia_status glia_chunk_read_(const struct glia_chunks *c, int fd, const char *name, int64_t i,
                             unsigned char *packed, unsigned char *mixed, unsigned char *out)
{
  const struct glia_chunk_place *p = &c->place[i];
  const bool shuffled = applies(p, c->shuffle) && c->element_bytes > 1;
  const bool deflated = applies(p, c->deflate);
  unsigned char *whole = shuffled ? mixed : out;

  GLIA_CHECK(deflated || p->bytes == c->bytes, GLIA_E_DATA, "%s: chunk %lld has %u bytes of %zu",
             name, (long long)i, (unsigned)p->bytes, c->bytes);
  GLIA_TRY(read_bytes(fd, name, p->offset, p->bytes, deflated ? packed : whole));
  if (deflated) {
    uLongf got = c->bytes;
    const int e = uncompress(whole, &got, packed, p->bytes);
    GLIA_CHECK(e == Z_OK && got == c->bytes, GLIA_E_DATA, "%s: chunk %lld is damaged", name,
               (long long)i);
  }
  if (shuffled) unshuffle(mixed, c->bytes, c->element_bytes, out);
  return GLIA_OK;
}
