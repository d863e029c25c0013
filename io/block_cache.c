/* Blocks of rows: see block_cache_priv.h. */
#include "block_cache_priv.h"

#include "glia_pages.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MAX = 65536, LINE = 64 };
static const size_t PIECE_BYTES = (size_t)16 << 20;

/* At the head of each piece. */
struct glia_block_piece {
  struct glia_block_piece *next;
  char fill[LINE - sizeof(void *)];
};

static size_t stride(const struct glia_block_cache *c)
{
  return ((size_t)c->rows * c->row_bytes + LINE - 1) / LINE * LINE;
}

glia_status glia_block_cache_init_(struct glia_block_cache *c, int64_t n_rows, int64_t block_rows,
                                   size_t row_bytes, size_t limit_bytes)
{
  const int64_t blocks = (n_rows + block_rows - 1) / block_rows;

  *c = (struct glia_block_cache){.n = n_rows, .rows = block_rows, .row_bytes = row_bytes};
  const size_t wish = limit_bytes / stride(c);
  const int64_t most = blocks < SLOTS_MAX ? blocks : SLOTS_MAX;
  c->n_slots = wish >= (size_t)most ? (int)most : (int)wish;
  if (c->n_slots < 2) c->n_slots = 2;
  c->slot = calloc((size_t)c->n_slots, sizeof *c->slot);
  c->stack = malloc((size_t)c->n_slots * sizeof *c->stack);
  c->slot_of = malloc((size_t)blocks * sizeof *c->slot_of);
  GLIA_CHECK(c->slot != NULL && c->stack != NULL && c->slot_of != NULL, GLIA_E_MEMORY,
             "a cache of %d blocks", c->n_slots);
  for (int64_t b = 0; b < blocks; b++) c->slot_of[b] = -1;
  return GLIA_OK;
}

void glia_block_cache_fini_(struct glia_block_cache *c)
{
  while (c->piece != NULL) {
    struct glia_block_piece *next = c->piece->next;
    free(c->piece);
    c->piece = next;
  }
  free(c->slot);
  free(c->stack);
  free(c->slot_of);
  *c = (struct glia_block_cache){0};
}

static int64_t rows_of(const struct glia_block_cache *c, int64_t block)
{
  const int64_t left = c->n - block * c->rows;

  return left < c->rows ? left : c->rows;
}

static glia_status take_piece(struct glia_block_cache *c)
{
  const size_t one = stride(c);
  const size_t left = (size_t)(c->n_slots - c->n_taken);
  const size_t wish = PIECE_BYTES / one > 0 ? PIECE_BYTES / one : 1;
  const size_t n = wish < left ? wish : left;
  struct glia_block_piece *p = glia_pages_allocate(n * one + sizeof *p);

  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "%zu blocks of %lld rows", n, (long long)c->rows);
  p->next = c->piece;
  c->piece = p;
  c->spare = (char *)(p + 1);
  c->n_spare = (int)n;
  return GLIA_OK;
}

/* A slot whose rows were all handed out, -1: none. Those in use again are passed over. */
static int used_up(struct glia_block_cache *c)
{
  while (c->n_stack > 0) {
    const int s = c->stack[--c->n_stack];
    c->slot[s].stacked = false;
    if (c->slot[s].left == 0) return s;
  }
  return -1;
}

static int least_recent(const struct glia_block_cache *c)
{
  int s = 0;

  for (int i = 1; i < c->n_taken; i++)
    if (c->slot[i].used < c->slot[s].used) s = i;
  return s;
}

glia_status glia_block_cache_room_(struct glia_block_cache *c, char **out, int *slot)
{
  int s = c->n_taken == c->n_slots ? used_up(c) : -1;

  if (s < 0 && c->n_taken < c->n_slots) {
    if (c->n_spare == 0) GLIA_TRY(take_piece(c));
    s = c->n_taken++;
    c->slot[s] = (struct glia_block_slot){.data = c->spare, .block = -1};
    c->spare += stride(c);
    c->n_spare--;
  }
  if (s < 0) s = least_recent(c);
  if (c->slot[s].block >= 0) c->slot_of[c->slot[s].block] = -1;
  c->slot[s].block = -1;
  c->slot[s].used = 0; /* the first to go, should it not be filled */
  c->slot[s].left = -1;
  *out = c->slot[s].data;
  *slot = s;
  return GLIA_OK;
}

void glia_block_cache_put_(struct glia_block_cache *c, int64_t block, int slot)
{
  c->slot[slot].block = block;
  c->slot[slot].left = rows_of(c, block);
  c->slot_of[block] = slot;
}

void glia_block_cache_used_(struct glia_block_cache *c, int64_t block)
{
  const int s = c->slot_of[block];
  struct glia_block_slot *slot = &c->slot[s];

  slot->used = ++c->clock;
  if (slot->left == 0) slot->left = rows_of(c, block); /* another epoch */
  if (--slot->left > 0 || slot->stacked) return;
  slot->stacked = true;
  c->stack[c->n_stack++] = s;
}
