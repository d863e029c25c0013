/* Identity of program and data; see identity.h. */
#include "identity.h"

#include "glia_sha256.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct text {
  char *at;
  size_t size, used;
};

static void put(struct text *t, const char *s)
{
  const size_t n = strlen(s);

  if (t->used + n + 1 > t->size) return;
  memcpy(t->at + t->used, s, n + 1);
  t->used += n;
}

/* A note of the loaded object: name and description, each padded to 4 bytes. */
static void put_build_id(struct text *t, const char *note, size_t bytes)
{
  for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= bytes;) {
    ElfW(Nhdr) head;
    memcpy(&head, note + at, sizeof head);
    const char *name = note + at + sizeof head;
    const unsigned char *id = (const unsigned char *)name + (head.n_namesz + 3) / 4 * 4;
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && memcmp(name, "GNU", 4) == 0)
      for (size_t i = 0; i < head.n_descsz; i++) {
        char hex[3];
        snprintf(hex, sizeof hex, "%02x", id[i]);
        put(t, hex);
      }
    at += sizeof head + (head.n_namesz + 3) / 4 * 4 + (head.n_descsz + 3) / 4 * 4;
  }
}

static int look_at(struct dl_phdr_info *o, size_t size, void *arg)
{
  struct text *t = arg;

  (void)size;
  if (o->dlpi_name[0] != '\0' && strstr(o->dlpi_name, "libglia") == NULL) return 0;
  put(t, t->used > 0 ? " " : "");
  for (int i = 0; i < o->dlpi_phnum; i++)
    if (o->dlpi_phdr[i].p_type == PT_NOTE) /* where the loader put it */
      put_build_id(t, (const char *)(o->dlpi_addr + o->dlpi_phdr[i].p_vaddr),
                   o->dlpi_phdr[i].p_memsz);
  return 0;
}

void identity_build(char *out, size_t size)
{
  struct text t = {out, size, 0};

  out[0] = '\0';
  dl_iterate_phdr(look_at, &t);
}

/* --- rows --- */

enum { LOOKS = 256, BLOCK_BYTES = 1 << 18, BLOCK_ROWS = 4096, LANES = 4 };

static const int64_t few_bytes = INT64_C(64)
                                 << 20; /* read again within some 10 ms, if they came from a file */

/* A quick digest of many rows, against accidents and not against people: each step can be undone, so a changed word changes its lane. */
struct digest {
  uint64_t lane[LANES];
};

static void mix(struct digest *d, const unsigned char x[LANES * sizeof(uint64_t)])
{
  uint64_t word[LANES];

  memcpy(word, x, sizeof word);
  for (int k = 0; k < LANES; k++) {
    const uint64_t h = (d->lane[k] ^ word[k]) * UINT64_C(0x9e3779b97f4a7c15);
    d->lane[k] = h ^ h >> 29;
  }
}

static void add(struct digest *d, const unsigned char *x, size_t bytes)
{
  unsigned char rest[sizeof d->lane] = {0};
  size_t at = 0;

  for (; bytes - at >= sizeof rest; at += sizeof rest) mix(d, x + at);
  memcpy(rest, x + at, bytes - at);
  mix(d, rest);
}

/* Rows first to first + n - 1 of k that are looked at, of all rows of the source. */
static void spread(int64_t rows, int64_t k, int64_t first, int64_t n, int64_t *row)
{
  for (int64_t i = 0; i < n; i++)
    row[i] = k == rows ? first + i
                       : (int64_t)((double)(first + i) / (double)(k - 1) * (double)(rows - 1));
}

static glia_status digest_field(struct glia_source *src, int f, int64_t k, struct digest *d)
{
  const size_t each = glia_type_bytes(&src->field[f].row);
  int64_t at_once = each > 0 ? (int64_t)(BLOCK_BYTES / each) : BLOCK_ROWS;
  glia_status st = GLIA_OK;
  int64_t row[BLOCK_ROWS];

  at_once = at_once < 1 ? 1 : at_once > BLOCK_ROWS ? BLOCK_ROWS : at_once;
  unsigned char *data = malloc((size_t)at_once * each + 1);
  GLIA_CHECK(data != NULL, GLIA_E_MEMORY, "%lld rows of %s", (long long)at_once,
             src->field[f].name);
  for (int64_t first = 0; first < k && st == GLIA_OK; first += at_once) {
    const int64_t n = k - first < at_once ? k - first : at_once;
    spread(src->n, k, first, n, row);
    st = src->read(src->self, f, n, row, data);
    if (st == GLIA_OK) add(d, data, (size_t)n * each);
  }
  free(data);
  return st;
}

static glia_status put_source(struct text *t, const char *split, struct glia_source *src)
{
  char line[200];
  int64_t bytes = 0;

  for (int f = 0; f < src->n_fields; f++)
    bytes += src->n * (int64_t)glia_type_bytes(&src->field[f].row);
  const bool all = !src->slow || bytes <= few_bytes || src->n <= LOOKS;
  snprintf(line, sizeof line, "%s%lld rows", split, (long long)src->n);
  put(t, line);
  for (int f = 0; f < src->n_fields; f++) {
    struct digest d = {{1, 2, 3, 4}};
    struct glia_sha256 h;
    char hex[65];
    GLIA_TRY(digest_field(src, f, all ? src->n : LOOKS, &d));
    glia_sha256_init(&h);
    glia_sha256_update(&h, &d, sizeof d);
    glia_sha256_hex(&h, hex);
    snprintf(line, sizeof line, ", %.40s %s %.16s", src->field[f].name,
             glia_dtype_name(src->field[f].row.dtype), hex);
    put(t, line);
  }
  return GLIA_OK;
}

glia_status identity_data(const char *file, struct glia_source *train, struct glia_source *test,
                          char *out, size_t size)
{
  struct text t = {out, size, 0};
  struct stat s;
  char line[64];

  out[0] = '\0';
  GLIA_TRY(put_source(&t, "", train));
  if (test != NULL) GLIA_TRY(put_source(&t, "; test ", test));
  if (file == NULL || stat(file, &s) != 0)
    return GLIA_OK; /* the sources may be in memory, given by a program */
  snprintf(line, sizeof line, "; file of %lld bytes", (long long)s.st_size);
  put(&t, line);
  return GLIA_OK;
}
