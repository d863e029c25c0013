/* Reductions in a fixed order that depends on the shape alone.
 *
 * Axes are merged until kept and reduced ones alternate. The innermost run is either reduced: then each result is a
 * fold over runs; or kept: then a tile of results grows in float64 while rows are added to it. Both go along the canonical
 * tree (glia_exchange.h) over blocks, so the error grows with the logarithm of the number of blocks.
 */
#include "glia_exchange.h"
#include "reduce_priv.h"

enum { TILE = 64, ROW_BLOCK = 256 };

/* Axes of one kind, slowest first; strides in elements. */
struct axes {
  int n;
  int64_t dim[GLIA_MAX_RANK], stride[GLIA_MAX_RANK], count;
};

struct walk {
  const struct glia_fold *fold;
  size_t size;               /* bytes of an element */
  struct axes kept, reduced; /* without the innermost run */
  bool last_kept;
  int64_t run; /* extent of the innermost run */
};

static void add_axis(struct axes *a, int64_t dim, int64_t stride)
{
  a->dim[a->n] = dim;
  a->stride[a->n++] = stride;
  a->count *= dim;
}

static struct walk plan(const struct glia_type *x, uint64_t mask, const struct glia_fold *fold)
{
  struct walk w = {.fold = fold,
                   .size = glia_dtype_size(x->dtype),
                   .kept = {.count = 1},
                   .reduced = {.count = 1},
                   .run = 1};
  int64_t dim[GLIA_MAX_RANK], stride = 1, strides[GLIA_MAX_RANK];
  bool red[GLIA_MAX_RANK];
  int n = 0; /* runs, innermost first */

  for (int k = x->rank - 1; k >= 0; stride *= x->dim[k--]) {
    const bool r = (mask >> k & 1) != 0;
    if (x->dim[k] == 1) continue;
    if (n > 0 && red[n - 1] == r) {
      dim[n - 1] *= x->dim[k];
      continue;
    }
    dim[n] = x->dim[k];
    strides[n] = stride;
    red[n++] = r;
  }
  if (n > 0) {
    w.run = dim[0];
    w.last_kept = !red[0];
  }
  for (int i = n - 1; i > 0; i--) add_axis(red[i] ? &w.reduced : &w.kept, dim[i], strides[i]);
  return w;
}

static int64_t offset(const struct axes *a, int64_t i)
{
  int64_t at = 0;

  for (int k = a->n - 1; k >= 0; k--) {
    at += i % a->dim[k] * a->stride[k];
    i /= a->dim[k];
  }
  return at;
}

/* Middle of [0, n), n > block: a whole number of blocks. */
static int64_t middle(int64_t n, int64_t block)
{
  return block * glia_tree_split(0, (n + block - 1) / block);
}

static double fold_run(const struct walk *w, const char *x, int64_t n)
{
  if (n <= GLIA_REDUCE_BLOCK) return w->fold->run(x, n);
  const int64_t m = middle(n, GLIA_REDUCE_BLOCK);
  const double left = fold_run(w, x, m);
  return w->fold->join(left, fold_run(w, x + (size_t)m * w->size, n - m));
}

/* Runs lo .. hi - 1 of the reduced axes. */
static double fold_runs(const struct walk *w, const char *x, int64_t lo, int64_t hi)
{
  if (hi - lo == 1) return fold_run(w, x + (size_t)offset(&w->reduced, lo) * w->size, w->run);
  const int64_t mid = glia_tree_split(lo, hi);
  const double left = fold_runs(w, x, lo, mid);
  return w->fold->join(left, fold_runs(w, x, mid, hi));
}

/* Rows lo .. hi - 1 of the reduced axes, `width` columns. */
static void fold_rows(const struct walk *w, const char *x, int64_t lo, int64_t hi, int64_t width,
                      double *acc)
{
  const struct axes *a = &w->reduced;
  double right[TILE];

  if (hi - lo > ROW_BLOCK) {
    const int64_t mid = lo + middle(hi - lo, ROW_BLOCK);
    fold_rows(w, x, lo, mid, width, acc);
    fold_rows(w, x, mid, hi, width, right);
    for (int64_t j = 0; j < width; j++) acc[j] = w->fold->join(acc[j], right[j]);
    return;
  }
  for (int64_t j = 0; j < width; j++) acc[j] = w->fold->start;
  for (int64_t r = lo; r < hi;) {
    const int64_t inner = a->n > 0 ? a->dim[a->n - 1] : 1,
                  stride = a->n > 0 ? a->stride[a->n - 1] : 0;
    const int64_t left = inner - r % inner, n = left < hi - r ? left : hi - r;
    w->fold->rows(acc, x + (size_t)offset(a, r) * w->size, n, stride, width);
    r += n;
  }
}

void glia_reduce_(const struct glia_call *c, const struct glia_fold *fold)
{
  const struct walk w = plan(c->in[0].type, (uint64_t)c->attr->i[0], fold);
  const int64_t width = w.last_kept ? w.run : 1;
  const char *x = c->in[0].data;
  char *y = c->out.data;
  double acc[TILE];

  for (int64_t i = 0; i < w.kept.count; i++) {
    const char *from = x + (size_t)offset(&w.kept, i) * w.size;
    for (int64_t j = 0; j < width; j += TILE) {
      const int64_t tile = width - j < TILE ? width - j : TILE;
      if (w.last_kept)
        fold_rows(&w, from + (size_t)j * w.size, 0, w.reduced.count, tile, acc);
      else
        acc[0] = fold_runs(&w, from, 0, w.reduced.count);
      fold->store(y + (size_t)(i * width + j) * w.size, acc, tile);
    }
  }
}

/* In pieces: lanes of the block that is open, and what closed blocks came to, in the order of memory. */
struct kept {
  struct walk walk;
  int64_t blocks; /* of a run */
  double lane[GLIA_REDUCE_LANES];
  double leaf[];
};

static int64_t blocks_of(int64_t run) { return (run + GLIA_REDUCE_BLOCK - 1) / GLIA_REDUCE_BLOCK; }

size_t glia_reduce_bytes_(const struct glia_type *x, const struct glia_attr *attr)
{
  const struct walk w = plan(x, (uint64_t)attr->i[0], NULL);
  const int64_t count = glia_type_count(x);

  if (w.last_kept || w.run < GLIA_REDUCE_LANES || count == 0) return 0;
  return sizeof(struct kept) + (size_t)(count / w.run * blocks_of(w.run)) * sizeof(double);
}

void glia_reduce_take_(const struct glia_call *c, int64_t start, const struct glia_fold *fold)
{
  struct kept *k = c->scratch;
  const char *x = c->in[0].data;

  if (start == 0) {
    k->walk = plan(c->in[0].type, (uint64_t)c->attr->i[0], fold);
    k->blocks = blocks_of(k->walk.run);
  }
  for (int64_t left = c->in[0].n, n; left > 0; left -= n) {
    const int64_t at = start % k->walk.run, in_block = at % GLIA_REDUCE_BLOCK;
    int64_t rest = k->walk.run - at;
    if (rest > GLIA_REDUCE_BLOCK - in_block) rest = GLIA_REDUCE_BLOCK - in_block;
    n = left < rest ? left : rest;
    for (int i = 0; in_block == 0 && i < GLIA_REDUCE_LANES; i++) k->lane[i] = fold->start;
    fold->add(k->lane, x, n, in_block);
    if (n == rest)
      k->leaf[start / k->walk.run * k->blocks + at / GLIA_REDUCE_BLOCK] = fold->close(k->lane);
    x += (size_t)n * k->walk.size;
    start += n;
  }
}

/* The trees of fold_run and fold_runs, over what is kept. */
static double join_blocks(const struct kept *k, const double *leaf, int64_t n)
{
  if (n == 1) return leaf[0];
  const int64_t m = glia_tree_split(0, n);
  const double left = join_blocks(k, leaf, m);
  return k->walk.fold->join(left, join_blocks(k, leaf + m, n - m));
}

static double join_runs(const struct kept *k, int64_t from, int64_t lo, int64_t hi)
{
  if (hi - lo == 1)
    return join_blocks(k, k->leaf + (from + offset(&k->walk.reduced, lo)) / k->walk.run * k->blocks,
                       k->blocks);
  const int64_t mid = glia_tree_split(lo, hi);
  const double left = join_runs(k, from, lo, mid);
  return k->walk.fold->join(left, join_runs(k, from, mid, hi));
}

void glia_reduce_finish_(const struct glia_call *c)
{
  const struct kept *k = c->scratch;

  for (int64_t i = 0; i < k->walk.kept.count; i++) {
    const double sum = join_runs(k, offset(&k->walk.kept, i), 0, k->walk.reduced.count);
    k->walk.fold->store((char *)c->out.data + (size_t)i * k->walk.size, &sum, 1);
  }
}

void glia_store_f32_(void *y, const double *acc, int64_t n)
{
  float *to = y;

  for (int64_t j = 0; j < n; j++) to[j] = (float)acc[j];
}

void glia_store_f64_(void *y, const double *acc, int64_t n)
{
  double *to = y;

  for (int64_t j = 0; j < n; j++) to[j] = acc[j];
}

/* Rules that reductions share. attr.i[0]: bit k = axis k vanishes. */

glia_status glia_infer_reduce_(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  char a[GLIA_TEXT_];

  GLIA_CHECK(glia_dtype_is_float(x->dtype), GLIA_E_SHAPE, "%s of %s: cast it to a float first",
             n->op->name, glia_type_text(x, a, sizeof a));
  n->type = (struct glia_type){.dtype = x->dtype};
  for (int k = 0; k < x->rank; k++) {
    if ((n->attr.i[0] >> k & 1) == 0) n->type.dim[n->type.rank++] = x->dim[k];
  }
  return GLIA_OK;
}

glia_value glia_vmap_reduce_(struct glia_graph *g, const struct glia_node *y, int64_t size,
                             const glia_value *in, const bool *batched)
{
  const struct glia_attr attr = {.i = {y->attr.i[0] << 1}};

  (void)size;
  (void)batched;
  return glia_node_add(g, y->op, 1, in, &attr);
}

glia_value glia_unreduce_(struct glia_graph *g, glia_value dy, const struct glia_type *x,
                          int64_t mask)
{
  int map[GLIA_MAX_RANK], next = 0;

  for (int k = 0; k < x->rank; k++) map[k] = (mask >> k & 1) != 0 ? -1 : next++;
  return glia_broadcast(g, dy, x->rank, x->dim, map);
}

glia_value glia_reduce_node_(struct glia_graph *g, const struct glia_op *op, glia_value x,
                             int n_axes, const int *axes, bool keep)
{
  struct glia_attr attr = {0};
  char a[GLIA_TEXT_];

  if (x == GLIA_NONE) return GLIA_NONE;
  struct glia_type t = *glia_type_of_(g, x);
  for (int i = 0; i < (n_axes < 0 ? t.rank : n_axes); i++) {
    const int axis = n_axes < 0 ? i : axes[i];
    if (axis < 0 || axis >= t.rank)
      return glia_graph_fail(g, GLIA_E_SHAPE, "%s of %s along axis %d", op->name,
                             glia_type_text(&t, a, sizeof a), axis);
    attr.i[0] |= INT64_C(1) << axis;
  }
  const glia_value y = glia_node_add(g, op, 1, &x, &attr);
  for (int k = 0; k < t.rank; k++)
    if ((attr.i[0] >> k & 1) != 0) t.dim[k] = 1;
  return keep ? glia_reshape(g, y, t.rank, t.dim) : y;
}
