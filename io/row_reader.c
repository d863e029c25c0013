/* Rows of one array: see row_reader_priv.h. */
#include "row_reader_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const size_t BLOCK_MAX_BYTES = (size_t)64 << 20;
static const size_t BLOCK_BYTES = (size_t)1 << 20; /* of an array without chunks */

/* Rows that are not wanted are read and dropped up to here: as much is copied in the time that another call takes. */
enum { GAP_BYTES = 16 << 10 };

/* Linux reads no more than its read-ahead, 128 KiB where nothing else was set, for one such request. */
enum { ASKED_BYTES = 128 << 10 };

/* An array is read past the page cache after so many misses, if its rows have no more bytes. */
enum { MISSED_LEAST = 4, SIGHTS_KEPT = 64, PAST_MOST_BYTES = 16 << 20 };

/* A wanted row and its place in the request. */
struct wish {
  int64_t row, to;
};

/* By rows: a radix sort, 11 bits a pass. */
static struct wish *sort(struct wish *a, struct wish *b, int64_t n, int64_t lo, int64_t hi)
{
  enum { BITS = 11, BINS = 1 << BITS };

  for (int shift = 0; (hi - lo) >> shift > 0; shift += BITS) {
    int64_t start[BINS + 1] = {0};
    for (int64_t i = 0; i < n; i++) start[((a[i].row - lo) >> shift & (BINS - 1)) + 1]++;
    for (int k = 0; k < BINS; k++) start[k + 1] += start[k];
    for (int64_t i = 0; i < n; i++) b[start[(a[i].row - lo) >> shift & (BINS - 1)]++] = a[i];
    struct wish *t = a;
    a = b;
    b = t;
  }
  return a;
}

/* The request in the order of the file. room [2 n_rows] */
static struct wish *in_order(int64_t n_rows, const int64_t *row, struct wish *room)
{
  int64_t lo = INT64_MAX, hi = 0;
  bool sorted = true;

  for (int64_t i = 0; i < n_rows; i++) {
    room[i] = (struct wish){row[i], i};
    if (row[i] < lo) lo = row[i];
    if (row[i] > hi) hi = row[i];
    sorted = sorted && (i == 0 || row[i - 1] <= row[i]);
  }
  return sorted ? room : sort(room, room + n_rows, n_rows, lo, hi);
}

/* Where a row of a plain array lies in the file. */
static int64_t offset_of(const struct glia_row_reader *r, int64_t row)
{
  if (r->info->offset >= 0) return r->info->offset + row * (int64_t)r->row_bytes;
  return r->chunks.place[row / r->info->chunk_rows].offset +
         row % r->info->chunk_rows * (int64_t)r->row_bytes;
}

static void add_piece(struct glia_pieces *p, char *to, size_t bytes)
{
  struct iovec *last = p->n > 0 ? &p->v[p->n - 1] : NULL;

  if (last != NULL && (char *)last->iov_base + last->iov_len == to)
    last->iov_len += bytes;
  else
    p->v[p->n++] = (struct iovec){to, bytes};
  p->end += (int64_t)bytes;
}

/* Read them; missed is told whether the page cache had not all of it, in which case nothing was waited for unless `wait`. */
static glia_status read_pieces(const struct glia_row_reader *r, struct glia_pieces *p, bool wait,
                               bool *missed)
{
  while (p->n > 0) {
#ifdef RWF_NOWAIT
    const ssize_t got =
        preadv2(r->fd, p->v + p->first, p->n, (off_t)p->offset, wait ? 0 : RWF_NOWAIT);
    if (got < 0 && !wait && (errno == EOPNOTSUPP || errno == ENOSYS)) {
      wait = true; /* this file system does not tell */
      continue;
    }
    if (!wait && (got <= 0 || (size_t)got < (size_t)(p->end - p->offset))) *missed = true;
    if (got < 0 && !wait && errno == EAGAIN) break;
#else
    const ssize_t got = preadv(r->fd, p->v + p->first, p->n, (off_t)p->offset);
#endif
    if (got < 0 && errno == EINTR) continue;
    GLIA_CHECK(got >= 0, GLIA_E_IO, "cannot read %s: %s", r->name, strerror(errno));
    GLIA_CHECK(got > 0, GLIA_E_IO, "%s became shorter while it was read", r->name);
    glia_pieces_drop_(p, (size_t)got);
    if (*missed && !wait) break;
  }
  return GLIA_OK;
}

/* Ask for these bytes of the file without waiting for them. */
static void ask_for(const struct glia_row_reader *r, int64_t offset, int64_t bytes)
{
  for (int64_t at = 0; at < bytes; at += ASKED_BYTES)
    (void)posix_fadvise(r->fd, (off_t)(offset + at),
                        (off_t)(bytes - at < ASKED_BYTES ? bytes - at : ASKED_BYTES),
                        POSIX_FADV_WILLNEED);
}

/* So of all rows from wish i on: the disk may then read them in the order that suits it, several at once. */
static void ask_for_rows(const struct glia_row_reader *r, const struct wish *w, int64_t i,
                         int64_t n_rows)
{
  int64_t lo = offset_of(r, w[i].row), hi = lo + (int64_t)r->row_bytes;

  for (; i < n_rows; i++) {
    const int64_t next = offset_of(r, w[i].row);
    if (next < lo || next - hi > GAP_BYTES) {
      ask_for(r, lo, hi - lo);
      lo = next;
    }
    hi = next + (int64_t)r->row_bytes;
  }
  ask_for(r, lo, hi - lo);
}

/* Rows from wish i on that one call can read, those wanted again once. Returns the first wish that is left. */
static int64_t gather(const struct glia_row_reader *r, const struct wish *w, int64_t i,
                      int64_t n_rows, char *out, char *dropped, struct glia_pieces *p)
{
  const int64_t most =
      r->row_bytes > GLIA_PAST_BYTES ? (int64_t)r->row_bytes : (int64_t)GLIA_PAST_BYTES;

  p->first = p->n = 0;
  p->offset = p->end = offset_of(r, w[i].row);
  for (; i < n_rows && p->n + 2 <= GLIA_PIECES; i++) {
    const int64_t offset = offset_of(r, w[i].row), gap = offset - p->end;
    if (p->n > 0 && w[i].row == w[i - 1].row) continue;
    if (gap < 0 || gap > GAP_BYTES || offset + (int64_t)r->row_bytes - p->offset > most) break;
    if (gap > 0) p->v[p->n++] = (struct iovec){dropped, (size_t)gap};
    p->end += gap;
    add_piece(p, out + (size_t)w[i].to * r->row_bytes, r->row_bytes);
  }
  return i;
}

/* From now on past the page cache, where that can be. */
static glia_status leave_cache(struct glia_row_reader *r)
{
  const size_t most = r->row_bytes > GLIA_PAST_BYTES ? r->row_bytes : GLIA_PAST_BYTES;

  if (r->decided || most > PAST_MOST_BYTES) return GLIA_OK;
  r->decided = true;
  return glia_past_cache_create_(r->fd, most, &r->past);
}

/* Before large stretches are first read: an array that the memory of this machine cannot hold is read past the page cache at once. */
static glia_status foresee(struct glia_row_reader *r)
{
  if (r->foreseen) return GLIA_OK;
  r->foreseen = true;
  return r->info->type.dim[0] * (int64_t)r->row_bytes > r->memory_bytes ? leave_cache(r) : GLIA_OK;
}

/* After a request through the cache, of whose stretches so many were found and missed. `known`: that had been there before; otherwise they
 * had when all rows were read once. What was there and is gone tells that the cache cannot hold the array, whatever was foreseen: from
 * then on it is read past it. Old sights fade. */
static glia_status note(struct glia_row_reader *r, int64_t n_rows, int64_t found, int64_t missed,
                        bool known)
{
  glia_status st = GLIA_OK;

  pthread_mutex_lock(&r->mutex);
  if (r->rows_read < r->info->type.dim[0]) {
    r->rows_read += n_rows;
    if (!known) found = missed = 0;
  }
  if (r->found + r->missed >= SIGHTS_KEPT) {
    r->found /= 2;
    r->missed /= 2;
  }
  r->found += found;
  r->missed += missed;
  if (r->missed >= MISSED_LEAST && r->missed > r->found) st = leave_cache(r);
  pthread_mutex_unlock(&r->mutex);
  return st;
}

/* Large stretches, in large pages. What was not yet brought is; what was, and is gone, comes as the kernel sees fit. */
static glia_status read_in_large_pages(struct glia_row_reader *r, int64_t n_rows,
                                       const struct wish *w, char *out, char *dropped)
{
  struct glia_pieces p;
  int64_t found = 0, missed = 0;

  for (int64_t i = 0; i < n_rows;) {
    bool gone = false;
    i = gather(r, w, i, n_rows, out, dropped, &p);
    const bool known = glia_large_pages_bring_(&r->pages, p.offset, p.end);
    if (known) GLIA_TRY(read_pieces(r, &p, false, &gone));
    found += known && !gone ? 1 : 0;
    missed += gone ? 1 : 0;
    GLIA_TRY(read_pieces(r, &p, true, &gone));
  }
  return note(r, n_rows, found, missed, true);
}

static glia_status read_through_cache(struct glia_row_reader *r, int64_t n_rows,
                                      const struct wish *w, char *out, char *dropped, bool large)
{
  struct glia_pieces p;
  bool missed = false;
  int64_t found = 0;

  for (int64_t i = 0; i < n_rows;) {
    const bool knew = missed;
    const int64_t next = gather(r, w, i, n_rows, out, dropped, &p);
    GLIA_TRY(read_pieces(r, &p, knew, &missed));
    if (!knew && missed) {
      ask_for_rows(r, w, i, n_rows);
      GLIA_TRY(read_pieces(r, &p, true, &missed));
    }
    found += missed ? 0 : 1;
    i = next;
  }
  return large ? note(r, n_rows, found, missed ? 1 : 0, false) : GLIA_OK;
}

/* Are these rows large stretches that lie apart? Of others, the kernel reads ahead or several ranks of a node want a part each. */
static bool stretches(const struct glia_row_reader *r, int64_t n_rows, const struct wish *w)
{
  const int64_t wanted = n_rows * (int64_t)r->row_bytes;
  int64_t n = 1, dropped = 0;

  for (int64_t i = 1; i < n_rows; i++) {
    const int64_t gap = offset_of(r, w[i].row) - offset_of(r, w[i - 1].row) - (int64_t)r->row_bytes;
    if (gap > GAP_BYTES)
      n++;
    else if (gap > 0)
      dropped += gap;
  }
  return wanted >= 4 * (int64_t)GLIA_PAST_BYTES && wanted / n >= GLIA_PAST_BYTES / 4 &&
         dropped <= wanted / 8;
}

static glia_status read_past_cache(struct glia_row_reader *r, int64_t n_rows, const struct wish *w,
                                   char *out, char *dropped)
{
  struct glia_pieces *p = NULL;
  bool missed = false;
  int64_t i = 0;

  do {
    while (i < n_rows && (p = glia_past_cache_room_(r->past)) != NULL) {
      i = gather(r, w, i, n_rows, out, dropped, p);
      glia_past_cache_ask_(r->past);
    }
    GLIA_TRY(glia_past_cache_take_(r->past, &p));
    if (p != NULL) GLIA_TRY(read_pieces(r, p, true, &missed));
  } while (p != NULL);
  return GLIA_OK;
}

static glia_status read_plain(struct glia_row_reader *r, int64_t n_rows, const struct wish *w,
                              char *out)
{
  const bool large = stretches(r, n_rows, w);
  char dropped[GAP_BYTES];
  glia_status st = GLIA_OK;

  pthread_mutex_lock(&r->mutex);
  if (large) st = foresee(r);
  const bool past = large && r->past != NULL;
  if (past) st = read_past_cache(r, n_rows, w, out, dropped);
  if (st != GLIA_OK) glia_past_cache_destroy_(&r->past); /* what it has under way is for `out` */
  pthread_mutex_unlock(&r->mutex);
  GLIA_TRY(st);
  if (!past && large && glia_large_pages_work_(&r->pages))
    GLIA_TRY(read_in_large_pages(r, n_rows, w, out, dropped));
  else if (!past)
    GLIA_TRY(read_through_cache(r, n_rows, w, out, dropped, large));
  for (int64_t i = 1; i < n_rows; i++) /* wanted again */
    if (w[i].row == w[i - 1].row)
      memcpy(out + (size_t)w[i].to * r->row_bytes, out + (size_t)w[i - 1].to * r->row_bytes,
             r->row_bytes);
  return GLIA_OK;
}

static glia_status load_block(const struct glia_row_reader *r, int64_t block, char *out)
{
  const int64_t lo = block * r->cache.rows;
  const int64_t hi = lo + r->cache.rows < r->cache.n ? lo + r->cache.rows : r->cache.n;

  if (r->chunks.n > 0)
    return glia_chunk_read_(&r->chunks, r->fd, r->name, block, r->packed, r->mixed,
                            (unsigned char *)out);
  glia_h5_lock_();
  const glia_status st = glia_h5_array_read_rows_(r->id, &r->info->type, lo, hi, out);
  glia_h5_unlock_();
  return st;
}

/* The row in the cache, its block loaded if need be. */
static glia_status cached_row(struct glia_row_reader *r, int64_t row, const char **out)
{
  struct glia_block_cache *c = &r->cache;
  const int64_t block = row / c->rows;
  char *room = NULL;
  int slot = 0;

  *out = glia_block_cache_look_(c, row);
  if (*out == NULL) {
    GLIA_TRY(glia_block_cache_room_(c, &room, &slot));
    GLIA_TRY(load_block(r, block, room));
    glia_block_cache_put_(c, block, slot);
    *out = glia_block_cache_look_(c, row);
  }
  glia_block_cache_used_(c, block);
  return GLIA_OK;
}

static void ask_for_blocks(const struct glia_row_reader *r, int64_t n_rows, const struct wish *w)
{
  const int64_t rows = r->cache.rows;

  for (int64_t i = 0, last = -1; i < n_rows; i++) {
    if (w[i].row / rows == last) continue;
    last = w[i].row / rows;
    if (glia_block_cache_look_(&r->cache, w[i].row) == NULL)
      ask_for(r, r->chunks.place[last].offset, r->chunks.place[last].bytes);
  }
}

static glia_status read_cached(struct glia_row_reader *r, int64_t n_rows, const struct wish *w,
                               char *out)
{
  glia_status st = GLIA_OK;

  pthread_mutex_lock(&r->mutex);
  if (r->chunks.n > 0) ask_for_blocks(r, n_rows, w);
  for (int64_t i = 0; i < n_rows && st == GLIA_OK; i++) {
    const char *from = NULL;
    st = cached_row(r, w[i].row, &from);
    if (st == GLIA_OK) memcpy(out + (size_t)w[i].to * r->row_bytes, from, r->row_bytes);
  }
  pthread_mutex_unlock(&r->mutex);
  return st;
}

glia_status glia_row_reader_read_(struct glia_row_reader *r, int64_t n_rows, const int64_t *row,
                                  int64_t *place, char *out)
{
  struct wish *room = malloc(2 * (size_t)n_rows * sizeof *room + 1);

  GLIA_CHECK(room != NULL, GLIA_E_MEMORY, "%s: %lld rows", r->name, (long long)n_rows);
  struct wish *w = in_order(n_rows, row, room);
  for (int64_t i = 0; i < n_rows && place != NULL; i++) {
    place[w[i].to] = i;
    w[i].to = i;
  }
  const glia_status st = r->plain ? read_plain(r, n_rows, w, out) : read_cached(r, n_rows, w, out);
  free(room);
  return st;
}

/* Where the chunks lie, when they can be read without HDF5 as blocks. */
static glia_status find_chunks(struct glia_row_reader *r, int64_t block_rows)
{
  struct stat s;

  GLIA_CHECK(fstat(r->fd, &s) == 0, GLIA_E_IO, "%s: %s", r->name, strerror(errno));
  if (r->info->chunked && block_rows == r->info->chunk_rows)
    GLIA_TRY(glia_chunks_find_(r->id, r->name, r->info, (int64_t)s.st_size, &r->chunks));
  r->plain = r->info->offset >= 0 || glia_chunks_plain_(&r->chunks);
  if (r->plain) return glia_large_pages_init_(&r->pages, r->fd, (int64_t)s.st_size);
  if (r->chunks.n == 0) return GLIA_OK;
  r->packed = malloc(glia_chunks_packed_max_(&r->chunks));
  r->mixed = malloc(r->chunks.bytes);
  GLIA_CHECK(r->packed != NULL && r->mixed != NULL, GLIA_E_MEMORY, "%s: a chunk of %zu bytes",
             r->name, r->chunks.bytes);
  return GLIA_OK;
}

glia_status glia_row_reader_init_(struct glia_row_reader *r, const char *name,
                                  const struct glia_h5_array *info, hid_t id, int fd,
                                  size_t row_bytes, size_t cache_bytes)
{
  const int64_t most = (int64_t)(BLOCK_MAX_BYTES / row_bytes) + 1;
  const int64_t usual = (int64_t)(BLOCK_BYTES / row_bytes);
  int64_t rows = info->chunked ? info->chunk_rows : usual > 0 ? usual : 1;

  if (rows > most) rows = most;
  *r = (struct glia_row_reader){
      .name = name, .info = info, .id = id, .fd = fd, .row_bytes = row_bytes, .ready = true};
  r->memory_bytes = glia_page_cache_bytes_();
  pthread_mutex_init(&r->mutex, NULL);
  GLIA_TRY(find_chunks(r, rows));
  if (r->plain) return GLIA_OK;
  return glia_block_cache_init_(&r->cache, info->type.dim[0], rows, row_bytes, cache_bytes);
}

void glia_row_reader_fini_(struct glia_row_reader *r)
{
  if (!r->ready) return;
  glia_block_cache_fini_(&r->cache);
  glia_past_cache_destroy_(&r->past);
  glia_large_pages_fini_(&r->pages);
  free(r->chunks.place);
  free(r->packed);
  free(r->mixed);
  pthread_mutex_destroy(&r->mutex);
  *r = (struct glia_row_reader){0};
}
