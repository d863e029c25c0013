/* The journal: records that are whole or not there. See store_priv.h.
 *
 * A record: uint32 length of the payload, uint32 CRC-32 of the payload that begins with the journal's salt, payload. A kill may tear the last
 * one; it fails its check. The salt is drawn for each journal: nothing that a node names or measures looks like a record of it. */
#include "store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zlib.h>

enum { HEAD = 8, PAYLOAD_MAX = 1 << 24 };

static void put32(char *at, uint32_t v)
{
  for (int i = 0; i < 4; i++) at[i] = (char)(v >> (8 * i) & 0xff);
}

static uint32_t get32(const unsigned char *at)
{
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t sum(uint32_t salt, const void *data, size_t n)
{
  return (uint32_t)crc32(salt, data, (uInt)n);
}

uint32_t glia_journal_salt_(void)
{
  uint32_t salt;

  if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) != (ssize_t)sizeof salt)
    salt = (uint32_t)time(NULL) * 2654435761U;
  return salt;
}

void glia_journal_head_(uint32_t salt, char out[GLIA_JOURNAL_HEAD_BYTES])
{
  memcpy(out, GLIA_JOURNAL_MAGIC, GLIA_JOURNAL_MAGIC_BYTES);
  put32(out + GLIA_JOURNAL_MAGIC_BYTES, salt);
  put32(out + GLIA_JOURNAL_MAGIC_BYTES + 4, sum(0, out, GLIA_JOURNAL_MAGIC_BYTES + 4));
}

/* A file that begins with neither a magic nor, as the oldest did, with a whole record is not ours to cut. */
glia_status glia_journal_open_(struct glia_journal *j, const char *name)
{
  const size_t magic = GLIA_JOURNAL_MAGIC_BYTES;
  const size_t known = j->size < magic ? j->size : magic;
  size_t n, zeros = 0;

  j->at = 0;
  j->salt = 0;
  j->numbered = true;
  j->headless = false;
  if (memcmp(j->data, GLIA_JOURNAL_MAGIC, known) == 0) {
    if (j->size < GLIA_JOURNAL_HEAD_BYTES) return GLIA_OK; /* torn there */
    j->at = GLIA_JOURNAL_HEAD_BYTES;
    j->salt = get32(j->data + magic);
    j->headless = sum(0, j->data, magic + 4) != get32(j->data + magic + 4);
    return GLIA_OK;
  }
  while (zeros < j->size && j->data[zeros] == 0) zeros++;
  if (zeros == j->size) return GLIA_OK; /* the machine fell before its bytes came to the disk */
  j->numbered = false;
  if (memcmp(j->data, GLIA_JOURNAL_MAGIC_1, known) == 0) {
    j->at = known == magic ? magic : 0;
    return GLIA_OK;
  }
  GLIA_CHECK(glia_journal_next_(j, &n) != NULL, GLIA_E_DATA,
             "%s is no journal of a collector: move it away", name);
  j->at = 0;
  return GLIA_OK;
}

void glia_journal_begin_(struct glia_buffer *b, size_t *at)
{
  static const char head[HEAD];

  *at = b->n;
  glia_buffer_add(b, head, HEAD);
}

void glia_journal_put_(struct glia_buffer *b, const void *data, size_t n)
{
  glia_buffer_add(b, data, n);
}

void glia_journal_end_(struct glia_buffer *b, size_t at, uint32_t salt)
{
  if (b->failed) return;
  const size_t n = b->n - at - HEAD;
  put32(b->text + at, (uint32_t)n);
  put32(b->text + at + 4, sum(salt, b->text + at + HEAD, n));
}

static bool good(const struct glia_journal *j, size_t at, size_t *n)
{
  if (j->size - at < HEAD) return false;
  const unsigned char *head = j->data + at;
  *n = get32(head);
  return *n > 0 && *n <= PAYLOAD_MAX && *n <= j->size - at - HEAD &&
         sum(j->salt, head + HEAD, *n) == get32(head + 4);
}

const unsigned char *glia_journal_next_(struct glia_journal *j, size_t *n)
{
  if (!good(j, j->at, n)) return NULL;
  const unsigned char *payload = j->data + j->at + HEAD;
  j->at += HEAD + *n;
  return payload;
}

/* Could a record begin here, as far as is seen without its checksum? */
static bool may_begin(const struct glia_journal *j, size_t at)
{
  const unsigned char *p = j->data + at + HEAD;
  const size_t n = get32(j->data + at), left = j->size - at - HEAD;

  return n > 2 && n <= PAYLOAD_MAX && n <= left && p[0] >= GLIA_JOURNAL_COLUMN &&
         p[0] <= GLIA_JOURNAL_MARK && p[1] > 0 && n > 2 + (size_t)p[1] &&
         memchr(p + 2, '\0', p[1]) == NULL;
}

bool glia_journal_find_(struct glia_journal *j)
{
  size_t n;

  for (size_t at = j->at + 1; at < j->size && j->size - at > HEAD; at++) {
    if (!may_begin(j, at) || !good(j, at, &n)) continue;
    j->at = at;
    return true;
  }
  return false;
}

bool glia_journal_torn_(const struct glia_journal *j)
{
  const size_t left = j->size - j->at;
  size_t zeros = 0;

  while (zeros < left && j->data[j->at + zeros] == 0) zeros++;
  return left < HEAD || zeros == left || get32(j->data + j->at) > left - HEAD;
}
