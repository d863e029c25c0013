/* Streams over plain, gzip and xz files. */
#include "stream_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { IN_BYTES = 1 << 17, OUT_BYTES = 1 << 17 };
static const uint64_t XZ_MEMORY_BYTES = (uint64_t)512
                                        << 20; /* what a decoder may take for its dictionary */

typedef enum { PLAIN, GZIP, XZ } packing;

struct glia_stream {
  char *path;
  int fd;
  packing packing;
  struct glia_progress *progress;
  unsigned char in[IN_BYTES]; /* as in the file */
  size_t in_at;
  size_t in_end;
  bool in_eof;
  unsigned char out[OUT_BYTES]; /* unpacked */
  size_t out_at;
  size_t out_end;
  bool out_eof;
  bool between; /* gzip: at the edge of two members */
  bool ready;   /* the decoder is set up */
  z_stream gz;
  lzma_stream xz;
};

const char *glia_stream_path_(const struct glia_stream *s) { return s->path; }

static glia_status refill(struct glia_stream *s)
{
  if (s->in_at < s->in_end || s->in_eof) return GLIA_OK;
  ssize_t n = -1;
  do n = read(s->fd, s->in, sizeof s->in);
  while (n < 0 && errno == EINTR);
  GLIA_CHECK(n >= 0, GLIA_E_IO, "cannot read %s: %s", s->path, strerror(errno));
  s->in_at = 0;
  s->in_end = (size_t)n;
  s->in_eof = n == 0;
  if (s->progress != NULL)
    glia_progress_update(s->progress, s->progress->done + 1e-6 * (double)n, NULL);
  return GLIA_OK;
}

static glia_status open_decoder(struct glia_stream *s)
{
  static const unsigned char gzip[2] = {0x1f, 0x8b};
  static const unsigned char xz[6] = {0xfd, '7', 'z', 'X', 'Z', 0};

  GLIA_TRY(refill(s));
  if (s->in_end >= sizeof gzip && memcmp(s->in, gzip, sizeof gzip) == 0) s->packing = GZIP;
  if (s->in_end >= sizeof xz && memcmp(s->in, xz, sizeof xz) == 0) s->packing = XZ;
  bool ok = true;
  if (s->packing == GZIP) ok = inflateInit2(&s->gz, 15 + 16) == Z_OK;
  if (s->packing == XZ)
    ok = lzma_stream_decoder(&s->xz, XZ_MEMORY_BYTES, LZMA_CONCATENATED) == LZMA_OK;
  GLIA_CHECK(ok, GLIA_E_MEMORY, "%s: a decoder", s->path);
  s->ready = true;
  return GLIA_OK;
}

glia_status glia_stream_open_(const char *path, struct glia_progress *progress,
                              struct glia_stream **out)
{
  struct glia_stream *s = calloc(1, sizeof *s);
  struct stat info;
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "%s", path);
  s->fd = -1;
  s->progress = progress;
  s->path = strdup(path);
  GLIA_CHECK_TO(fail, st, s->path != NULL, GLIA_E_MEMORY, "%s", path);
  s->fd = open(path, O_RDONLY | O_CLOEXEC);
  GLIA_CHECK_TO(fail, st, s->fd >= 0,
                errno == ENOENT || errno == ENOTDIR ? GLIA_E_MISSING : GLIA_E_IO, "%s: %s", path,
                strerror(errno));
  GLIA_CHECK_TO(fail, st, fstat(s->fd, &info) == 0 && !S_ISDIR(info.st_mode), GLIA_E_IO,
                "%s is a folder", path);
  GLIA_TRY_TO(fail, st, open_decoder(s));
  *out = s;
  return GLIA_OK;
fail:
  glia_stream_close_(&s);
  return st;
}

void glia_stream_close_(struct glia_stream **s)
{
  if (s == NULL || *s == NULL) return;
  if ((*s)->ready && (*s)->packing == GZIP) inflateEnd(&(*s)->gz);
  if ((*s)->ready && (*s)->packing == XZ) lzma_end(&(*s)->xz);
  if ((*s)->fd >= 0) close((*s)->fd);
  free((*s)->path);
  free(*s);
  *s = NULL;
}

/* A gzip file is one or more members; after the last, zeros may fill a block. */
static glia_status unpack_gzip(struct glia_stream *s)
{
  while (s->out_end == 0) {
    GLIA_TRY(refill(s));
    if (s->in_eof) {
      GLIA_CHECK(s->between, GLIA_E_DATA, "%s is cut short", s->path);
      s->out_eof = true;
      return GLIA_OK;
    }
    if (s->between) {
      while (s->in_at < s->in_end && s->in[s->in_at] == 0) s->in_at++;
      if (s->in_at == s->in_end) continue;
      GLIA_CHECK(s->in[s->in_at] == 0x1f, GLIA_E_DATA, "%s has garbage after its end", s->path);
      inflateReset(&s->gz);
      s->between = false;
    }
    s->gz.next_in = s->in + s->in_at;
    s->gz.avail_in = (uInt)(s->in_end - s->in_at);
    s->gz.next_out = s->out;
    s->gz.avail_out = OUT_BYTES;
    const int e = inflate(&s->gz, Z_NO_FLUSH);
    s->in_at = s->in_end - s->gz.avail_in;
    s->out_end = OUT_BYTES - s->gz.avail_out;
    GLIA_CHECK(e == Z_OK || e == Z_STREAM_END || e == Z_BUF_ERROR, GLIA_E_DATA, "%s is damaged: %s",
               s->path, s->gz.msg != NULL ? s->gz.msg : "not gzip");
    s->between = e == Z_STREAM_END;
  }
  return GLIA_OK;
}

static glia_status unpack_xz(struct glia_stream *s)
{
  while (s->out_end == 0 && !s->out_eof) {
    GLIA_TRY(refill(s));
    s->xz.next_in = s->in + s->in_at;
    s->xz.avail_in = s->in_end - s->in_at;
    s->xz.next_out = s->out;
    s->xz.avail_out = OUT_BYTES;
    const lzma_ret e = lzma_code(&s->xz, s->in_eof ? LZMA_FINISH : LZMA_RUN);
    s->in_at = s->in_end - s->xz.avail_in;
    s->out_end = OUT_BYTES - s->xz.avail_out;
    s->out_eof = e == LZMA_STREAM_END;
    GLIA_CHECK(e != LZMA_MEMLIMIT_ERROR, GLIA_E_UNSUPPORTED, "%s needs more than 512 MiB to unpack",
               s->path);
    GLIA_CHECK(e != LZMA_BUF_ERROR || !s->in_eof, GLIA_E_DATA, "%s is cut short", s->path);
    GLIA_CHECK(e == LZMA_OK || e == LZMA_STREAM_END || e == LZMA_BUF_ERROR, GLIA_E_DATA,
               "%s is damaged (xz error %d)", s->path, (int)e);
  }
  return GLIA_OK;
}

static glia_status unpack(struct glia_stream *s)
{
  s->out_at = 0;
  s->out_end = 0;
  if (s->out_eof) return GLIA_OK;
  if (s->packing == GZIP) return unpack_gzip(s);
  if (s->packing == XZ) return unpack_xz(s);
  GLIA_TRY(refill(s));
  memcpy(s->out, s->in + s->in_at, s->in_end - s->in_at);
  s->out_end = s->in_end - s->in_at;
  s->in_at = s->in_end;
  s->out_eof = s->in_eof;
  return GLIA_OK;
}

glia_status glia_stream_read_(struct glia_stream *s, void *out, size_t size, size_t *got)
{
  *got = 0;
  while (*got < size) {
    if (s->out_at == s->out_end) {
      GLIA_TRY(unpack(s));
      if (s->out_at == s->out_end) break;
    }
    const size_t have = s->out_end - s->out_at;
    const size_t now = have < size - *got ? have : size - *got;
    memcpy((char *)out + *got, s->out + s->out_at, now);
    s->out_at += now;
    *got += now;
  }
  return GLIA_OK;
}

glia_status glia_stream_read_all_(struct glia_stream *s, void *out, size_t size)
{
  size_t got = 0;

  GLIA_TRY(glia_stream_read_(s, out, size, &got));
  GLIA_CHECK(got == size, GLIA_E_DATA, "%s ends too early: %zu more bytes expected", s->path,
             size - got);
  return GLIA_OK;
}

int glia_stream_get_(struct glia_stream *s, glia_status *st)
{
  if (s->out_at == s->out_end) {
    *st = unpack(s);
    if (*st != GLIA_OK || s->out_at == s->out_end) return -1;
  }
  return s->out[s->out_at++];
}

glia_status glia_stream_expect_end_(struct glia_stream *s)
{
  glia_status st = GLIA_OK;
  const int c = glia_stream_get_(s, &st);

  GLIA_TRY(st);
  GLIA_CHECK(c < 0, GLIA_E_DATA, "%s is longer than its header says", s->path);
  return GLIA_OK;
}
