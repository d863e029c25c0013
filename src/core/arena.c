/* Arenas: see glia_arena.h. */
#include "glia_arena.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 16 << 10, ALIGN = 16 };

struct glia_arena_block {
  struct glia_arena_block *older;
  size_t size, used;
};

static size_t round_up(size_t n) { return (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1); }

void *glia_arena_take(struct glia_arena *a, size_t n, size_t size)
{
  const size_t header = round_up(sizeof *a->block);

  if (size != 0 && n > (SIZE_MAX / 4) / size) return NULL;
  const size_t need = round_up(n * size > 0 ? n * size : 1);
  if (a->block == NULL || a->block->size - a->block->used < need) {
    size_t bytes = a->block == NULL ? FIRST_BYTES : 2 * a->block->size;
    if (bytes < need + header) bytes = need + header;
    struct glia_arena_block *b = calloc(1, bytes);
    if (b == NULL) return NULL;
    *b = (struct glia_arena_block){.older = a->block, .size = bytes, .used = header};
    a->block = b;
  }
  void *p = (char *)a->block + a->block->used;
  a->block->used += need;
  return p;
}

const char *glia_arena_text(struct glia_arena *a, const char *text)
{
  if (text == NULL) return NULL;
  const size_t n = strlen(text) + 1;
  char *copy = glia_arena_take(a, n, 1);

  return copy == NULL ? NULL : memcpy(copy, text, n);
}

void glia_arena_fini(struct glia_arena *a)
{
  while (a->block != NULL) {
    struct glia_arena_block *older = a->block->older;
    free(a->block);
    a->block = older;
  }
}
