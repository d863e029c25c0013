/* The journal: records that are whole or not there. See store_priv.h.
 *
 * A record: uint32 length of the payload, uint32 CRC-32 of the payload, payload. A kill may tear the last one; it fails its check
 * and ends the journal. */
#include "store_priv.h"

#include <string.h>
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

void glia_journal_end_(struct glia_buffer *b, size_t at)
{
  if (b->failed) return;
  const size_t n = b->n - at - HEAD;
  put32(b->text + at, (uint32_t)n);
  put32(b->text + at + 4, (uint32_t)crc32(0, (const unsigned char *)b->text + at + HEAD, (uInt)n));
}

const unsigned char *glia_journal_next_(const unsigned char *data, size_t size, size_t *at,
                                        size_t *n)
{
  if (size - *at < HEAD) return NULL;
  const unsigned char *head = data + *at;
  *n = get32(head);
  if (*n == 0 || *n > PAYLOAD_MAX || *n > size - *at - HEAD) return NULL;
  if (crc32(0, head + HEAD, (uInt)*n) != get32(head + 4)) return NULL;
  *at += HEAD + *n;
  return head + HEAD;
}
