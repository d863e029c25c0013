/* Memory that is freed together: blocks of growing size, nothing is freed alone. */
#ifndef GLIA_ARENA_H
#define GLIA_ARENA_H

#include "glia_base.h"

struct glia_arena_block;

struct glia_arena {
  struct glia_arena_block *block; /* newest first */
};

/** Zeroed memory for n objects of `size` bytes, aligned for any type; NULL when there is none or n * size overflows.
 *  An arena starts as {0}. Ownership: the arena's, until glia_arena_fini. */
GLIA_API void *glia_arena_take(struct glia_arena *a, size_t n, size_t size);

/** Copy of a text in the arena; NULL on lack of memory or text == NULL. */
GLIA_API const char *glia_arena_text(struct glia_arena *a, const char *text);

GLIA_API void glia_arena_fini(struct glia_arena *a);

#endif
