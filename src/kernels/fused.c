/* Some chains of elementwise nodes as one loop: operands are read once, and what lies between stays in registers.
 *
 * Each pattern is an expression over operators by name, `compare` with its relation's number behind a colon; letters are operands, the same
 * letter the same value; sums and products match either way round. Its kernel does the same arithmetic in the same order as the nodes' references, without contraction:
 * so a fused chain has their bits. To add one: a line with its expression, and the same in C. */
#include "kernels_priv.h"

#include <string.h>
#include <tgmath.h>

enum { LETTERS = GLIA_FUSED_IN };

/* y[i] = EXPRESSION of a .. f, the operands in order of their letters. An operand may be y itself. */
#define KERNEL(NAME, T, suffix, EXPRESSION)                                                        \
  GLIA_CLONES static void NAME##_##suffix(const struct glia_call *call)                            \
  {                                                                                                \
    const T *in[LETTERS];                                                                          \
    const int64_t n = call->out.n;                                                                 \
    T *y = call->out.data;                                                                         \
    for (int k = 0; k < LETTERS; k++) in[k] = call->in[k < call->n_in ? k : 0].data;               \
    const T *pa = in[0], *pb = in[1], *pc = in[2], *pd = in[3], *pe = in[4], *pf = in[5];          \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++)                                           \
    {                                                                                              \
      const T a = pa[i], b = pb[i], c = pc[i], d = pd[i], e = pe[i], f = pf[i];                    \
      (void)c;                                                                                     \
      (void)d;                                                                                     \
      (void)e;                                                                                     \
      (void)f;                                                                                     \
      y[i] = EXPRESSION;                                                                           \
    }                                                                                              \
  }

/* name, pattern, the same in C */
#define TABLE(X)                                                                                   \
  X(towards, "(add a (mul (sub b a) c))", a + (b - a) * c)                                         \
  X(mean_square, "(add (mul a b) (mul (mul c c) d))", a *b + (c * c) * d)                          \
  X(adam, "(sub a (mul (div b (add (mul (sqrt c) d) e)) f))", a - (b / (sqrt(c) * d + e)) * f)     \
  X(slope_of_counted, "(mul (sub a (mul b (add c (mul d e)))) f)", (a - b * (c + d * e)) * f)      \
  X(slope_of_normal, "(mul (sub a (add b (mul c d))) e)", (a - (b + c * d)) * e)                   \
  X(counted_square, "(mul (mul (sub a b) (sub a b)) c)", ((a - b) * (a - b)) * c)                  \
  X(square, "(mul (sub a b) (sub a b))", (a - b) * (a - b))                                        \
  X(normal, "(mul (sub a b) c)", (a - b) * c)                                                      \
  X(relu_line, "(relu (add a (mul b c)))", a + b * c < 0 ? 0 : a + b * c)                          \
  X(relu_sum, "(relu (add a b))", a + b < 0 ? 0 : a + b)                                           \
  X(where_above, "(select (compare:5 a b) c b)", a > b ? c : b)                                    \
  X(two_products, "(add (add a (mul b c)) (mul d e))", (a + b * c) + d * e)                        \
  X(curved, "(add (mul a b) (mul c (mul d e)))", a *b + c * (d * e))                               \
  X(sum_of_products, "(add (mul a b) (mul c d))", a *b + c * d)                                    \
  X(sum_product, "(add a (mul b (mul c d)))", a + b * (c * d))                                     \
  X(and_product, "(add a (mul b c))", a + b * c)                                                   \
  X(less_product, "(sub a (mul b c))", a - b * c)                                                  \
  X(minus_product, "(neg (mul a b))", -(a * b))                                                    \
  X(product_of_three, "(mul a (mul b c))", a *(b * c))                                             \
  X(sum_of_three, "(add a (add b c))", a + (b + c))

#define BOTH(NAME, PATTERN, ...)                                                                   \
  KERNEL(NAME, float, f32, __VA_ARGS__) KERNEL(NAME, double, f64, __VA_ARGS__)
TABLE(BOTH)
#undef BOTH

static const struct fusion {
  const char *name, *pattern;
  void (*run[2])(const struct glia_call *c); /* of float32, float64 */
} fusions[] = {
#define LINE(NAME, PATTERN, ...) {#NAME, PATTERN, {NAME##_f32, NAME##_f64}},
    TABLE(LINE)
#undef LINE
};

/* Operands and inner nodes found so far; copied where there are two ways to go on. */
struct found {
  glia_value operand[LETTERS];
  int n_inside;
  glia_value inside[GLIA_FUSED_INSIDE];
};

/* The end of the expression at p: a letter, or what is in brackets. */
static const char *skip(const char *p)
{
  int depth = 0;

  do {
    if (*p == '(') depth++;
    if (*p == ')') depth--;
    p++;
  } while (depth > 0);
  return p;
}

static bool match(const struct glia_graph *g, glia_value v, const char *p, struct found *f);

/* Operands of a node against the expressions at p, the first two exchanged or not. */
static bool match_operands(const struct glia_graph *g, const struct glia_node *n, const char *p,
                           bool exchanged, struct found *f)
{
  for (int i = 0; i < n->n_in; i++) {
    if (*p != ' ' || !match(g, n->in[exchanged ? 1 - i : i], p + 1, f)) return false;
    p = skip(p + 1);
  }
  return *p == ')';
}

static bool match(const struct glia_graph *g, glia_value v, const char *p, struct found *f)
{
  if (*p != '(') {
    glia_value *operand = &f->operand[*p - 'a'];
    const bool free = *operand == GLIA_NONE;
    if (free) *operand = v;
    return free || *operand == v;
  }
  const struct glia_node *n = glia_graph_node(g, v);
  const size_t length = strlen(n->op->name);
  if (strncmp(p + 1, n->op->name, length) != 0 || f->n_inside == GLIA_FUSED_INSIDE) return false;
  p += 1 + length;
  if (*p == ':' && n->attr.i[0] != p[1] - '0') return false;
  if (*p == ':') p += 2;
  if (*p != ' ') return false;
  f->inside[f->n_inside++] = v;
  const bool either =
      n->n_in == 2 && (strcmp(n->op->name, "add") == 0 || strcmp(n->op->name, "mul") == 0);
  struct found other = *f;
  if (match_operands(g, n, p, false, f)) return true;
  if (!either || !match_operands(g, n, p, true, &other)) return false;
  *f = other;
  return true;
}

int glia_fuse_(const struct glia_graph *g, const struct glia_node *n, int from,
               struct glia_fused *out)
{
  if (n->type.dtype != GLIA_F32 && n->type.dtype != GLIA_F64) return 0;
  for (int i = from; i < (int)GLIA_COUNT(fusions); i++) {
    struct found f = {.n_inside = 0};
    for (int k = 0; k < LETTERS; k++) f.operand[k] = GLIA_NONE;
    if (!match(g, n->id, fusions[i].pattern, &f)) continue;
    *out = (struct glia_fused){.name = fusions[i].name,
                               .run = fusions[i].run[n->type.dtype == GLIA_F64],
                               .n_inside = f.n_inside - 1};
    memcpy(out->inside, f.inside + 1, (size_t)out->n_inside * sizeof *out->inside);
    while (out->n_in < LETTERS && f.operand[out->n_in] != GLIA_NONE) {
      out->in[out->n_in] = f.operand[out->n_in];
      out->n_in++;
    }
    return i + 1;
  }
  return 0;
}
