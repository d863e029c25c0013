/* TensorBoard's event files: see glia_event_file.h and docs/formats/run-record.md. A record is its length (u64), a checksum of the length
 * (u32), an Event in protobuf's encoding, a checksum of that; all little-endian. */
#include "glia_event_file.h"

#include "tempfile_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 1 << 16, TAG_MAX = 100, EVENT_MAX = 512 };

/* Fields of the messages, each with its wire type: (number << 3) | type. */
enum {
  EVENT_WALL_TIME = 1 << 3 | 1,
  EVENT_STEP = 2 << 3 | 0,
  EVENT_FILE_VERSION = 3 << 3 | 2,
  EVENT_SUMMARY = 5 << 3 | 2,
  EVENT_SESSION_LOG = 7 << 3 | 2,
  SUMMARY_VALUE = 1 << 3 | 2,
  VALUE_TAG = 1 << 3 | 2,
  VALUE_SIMPLE = 2 << 3 | 5,
  SESSION_STATUS = 1 << 3 | 0,
  SESSION_START = 1
};

struct glia_event_file {
  FILE *f;
  char *path;
  char buffer[BUFFER_BYTES];
  uint32_t table[256];
};

struct bytes {
  unsigned char at[EVENT_MAX];
  size_t n;
};

/* CRC-32C (polynomial of Castagnoli), bits reversed.  Source: RFC 3720, appendix B.4. */
static void make_table(uint32_t table[256])
{
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) c = (c & 1) != 0 ? c >> 1 ^ UINT32_C(0x82f63b78) : c >> 1;
    table[i] = c;
  }
}

/* Turned and shifted, so that the checksum of data that hold checksums stays a good one.  Source: lib/hash/crc32c.h. */
static uint32_t masked(const uint32_t table[256], const unsigned char *data, size_t n)
{
  uint32_t c = UINT32_MAX;

  for (size_t i = 0; i < n; i++) c = table[(c ^ data[i]) & 0xff] ^ c >> 8;
  c = ~c;
  return (c >> 15 | c << 17) + UINT32_C(0xa282ead8);
}

static void put_fixed(struct bytes *b, uint64_t v, int n)
{
  for (int i = 0; i < n; i++) b->at[b->n++] = (unsigned char)(v >> 8 * i);
}

static void put_varint(struct bytes *b, uint64_t v)
{
  for (; v >= 0x80; v >>= 7) b->at[b->n++] = (unsigned char)(v | 0x80);
  b->at[b->n++] = (unsigned char)v;
}

static void put_bytes(struct bytes *b, int field, const void *data, size_t n)
{
  put_varint(b, (uint64_t)field);
  put_varint(b, n);
  memcpy(b->at + b->n, data, n);
  b->n += n;
}

static struct bytes event_of(double time_s, int64_t step)
{
  struct bytes b = {.n = 0};
  uint64_t bits;

  memcpy(&bits, &time_s, sizeof bits);
  put_varint(&b, EVENT_WALL_TIME);
  put_fixed(&b, bits, 8);
  if (step != 0) {
    put_varint(&b, EVENT_STEP);
    put_varint(&b, (uint64_t)step);
  }
  return b;
}

static void write_record(struct glia_event_file *e, const struct bytes *event)
{
  struct bytes head = {.n = 0}, tail = {.n = 0};

  put_fixed(&head, event->n, 8);
  put_fixed(&head, masked(e->table, head.at, 8), 4);
  put_fixed(&tail, masked(e->table, event->at, event->n), 4);
  fwrite(head.at, 1, head.n, e->f);
  fwrite(event->at, 1, event->n, e->f);
  fwrite(tail.at, 1, tail.n, e->f);
}

static double now_s(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The version, and from which step on this file speaks. */
static void write_start(struct glia_event_file *e, int64_t first_step)
{
  static const char version[] = "brain.Event:2";
  struct bytes b = event_of(now_s(), 0);

  put_bytes(&b, EVENT_FILE_VERSION, version, sizeof version - 1);
  write_record(e, &b);
  if (first_step == 0) return;
  b = event_of(now_s(), first_step + 1);
  put_bytes(&b, EVENT_SESSION_LOG, (const unsigned char[]){SESSION_STATUS, SESSION_START}, 2);
  write_record(e, &b);
}

glia_status glia_event_file_open(const char *dir, int64_t first_step, struct glia_event_file **out)
{
  struct glia_event_file *e = calloc(1, sizeof *e);
  const size_t size = strlen(dir) + 400;
  char host[200] = "host";
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "%s", dir);
  e->path = malloc(size);
  GLIA_CHECK_TO(fail, st, e->path != NULL, GLIA_E_MEMORY, "%s", dir);
  if (gethostname(host, sizeof host - 1) != 0) strcpy(host, "host");
  /* readers take the files of a folder in the order of their names */
  snprintf(e->path, size, "%s/events.out.tfevents.%010lld.%s.%ld", dir, (long long)now_s(), host,
           (long)getpid());
  GLIA_TRY_TO(fail, st, glia_make_folder_(dir));
  e->f = fopen(e->path, "wb");
  GLIA_CHECK_TO(fail, st, e->f != NULL, GLIA_E_IO, "cannot write %s: %s", e->path, strerror(errno));
  setvbuf(e->f, e->buffer, _IOFBF, sizeof e->buffer);
  make_table(e->table);
  write_start(e, first_step);
  GLIA_TRY_TO(fail, st, glia_event_file_flush(e));
  *out = e;
  return GLIA_OK;
fail:
  if (e->f != NULL) fclose(e->f);
  free(e->path);
  free(e);
  return st;
}

void glia_event_file_scalar(struct glia_event_file *e, int64_t step, double time_s, const char *tag,
                            double value)
{
  struct bytes b = event_of(time_s, step), inner = {.n = 0}, summary = {.n = 0};
  const float simple = (float)value;
  uint32_t bits;

  memcpy(&bits, &simple, sizeof bits);
  put_bytes(&inner, VALUE_TAG, tag, strnlen(tag, TAG_MAX));
  put_varint(&inner, VALUE_SIMPLE);
  put_fixed(&inner, bits, 4);
  put_bytes(&summary, SUMMARY_VALUE, inner.at, inner.n);
  put_bytes(&b, EVENT_SUMMARY, summary.at, summary.n);
  write_record(e, &b);
}

glia_status glia_event_file_flush(struct glia_event_file *e)
{
  errno = 0;
  GLIA_CHECK(fflush(e->f) == 0 && ferror(e->f) == 0, GLIA_E_IO, "cannot write %s: %s", e->path,
             errno != 0 ? strerror(errno) : "an earlier write failed");
  return GLIA_OK;
}

glia_status glia_event_file_close(struct glia_event_file **pe)
{
  struct glia_event_file *e = *pe;

  if (e == NULL) return GLIA_OK;
  *pe = NULL;
  glia_status st = glia_event_file_flush(e);
  if (fclose(e->f) != 0 && st == GLIA_OK)
    st = GLIA_FAIL(GLIA_E_IO, "cannot write %s: %s", e->path, strerror(errno));
  free(e->path);
  free(e);
  return st;
}
