/* Masked attention from products and a softmax: its derivatives are those of its parts. */
#include "op_priv.h"

/* Hidden scores are far below any that is seen: their weight is exactly 0; and where a query sees nothing, so are all. */
glia_value glia_masked_softmax(struct glia_graph *g, glia_value x, glia_value mask)
{
  if (x == GLIA_NONE || mask == GLIA_NONE) return glia_softmax(g, x);
  const glia_value y = glia_softmax(g, glia_select(g, mask, x, glia_constant(g, -1e30)));
  return glia_select(g, mask, y, glia_constant(g, 0.0));
}

glia_value glia_attention(struct glia_graph *g, glia_value q, glia_value k, glia_value v,
                          glia_value mask, double scale)
{
  const glia_value scores = glia_matmul(g, glia_mul(g, q, glia_constant(g, scale)), k, false, true);
  glia_value weight;

  if (scores == GLIA_NONE) return GLIA_NONE;
  if (mask != GLIA_NONE && glia_dtype_is_float(glia_type_of_(g, mask)->dtype))
    weight = glia_softmax(g, glia_add(g, scores, mask));
  else
    weight = glia_masked_softmax(g, scores, mask);
  return glia_matmul(g, weight, v, false, false);
}

glia_value glia_causal_mask(struct glia_graph *g, int64_t queries, int64_t keys)
{
  const struct glia_type t = glia_type_make(GLIA_I64, 2, (int64_t[]){queries, keys});
  const glia_value last =
      glia_add(g, glia_iota(g, t, 0), glia_constant(g, (double)(keys - queries)));

  return glia_compare(g, GLIA_LE, glia_iota(g, t, 1), last);
}

glia_value glia_length_mask(struct glia_graph *g, glia_value length, int64_t n)
{
  int map[GLIA_MAX_RANK];

  if (length == GLIA_NONE) return GLIA_NONE;
  struct glia_type t = *glia_type_of_(g, length);
  if (!glia_is_index_(t.dtype) || t.rank == GLIA_MAX_RANK || n < 1) {
    char a[GLIA_TEXT_];
    return glia_graph_fail(g, GLIA_E_SHAPE, "length_mask of %s: integers are needed",
                           glia_type_text(&t, a, sizeof a));
  }
  for (int i = 0; i < t.rank; i++) map[i] = i;
  map[t.rank] = -1;
  t.dim[t.rank++] = n;
  const glia_value repeated = glia_broadcast(g, length, t.rank, t.dim, map);
  return glia_compare(g, GLIA_LT, glia_iota(g, t, t.rank - 1), repeated);
}
