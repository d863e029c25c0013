/* Several kernels of a tile as one loop of several results: operands are read once, from memory mostly, and what lies between stays in
 * registers.
 *
 * Each pattern names operators and kernels of fused.c in their turn; `compare` with its relation's number behind a colon. Of operands a
 * figure is the result of that turn, a capital a number that is the same all over the tile, other letters are arrays; ~: the last two
 * may be exchanged; -: nobody else reads the result, so it is not written. Where a capital is an array after all, another instance of
 * the same loop reads it as one. The arithmetic is that of the kernels, in their order, without contraction: so are the bits. To add
 * one: a line with its pattern, and the same in C. */
#include "kernels_priv.h"

#include <ctype.h>
#include <string.h>
#include <tgmath.h>

/* Operand k of turn t; the same as a number; result of turn t. */
#define IN(x, t, k) const T *x = call[t]->in[k].data;
#define ONE(x, t, k)                                                                               \
  const T *x##_all = call[t]->in[k].data;                                                          \
  const T x##_one = *x##_all;
#define OUT(x, t)   T *x = call[t]->out.data;
#define FLAGS(x, t) uint8_t *x = call[t]->out.data;
#define GET(x)      (SINGLE ? x##_one : x##_all[i])

#define LOOP(NAME, TYPE, suffix, ONES, OPERANDS, ...)                                              \
  GLIA_CLONES static void NAME##_##suffix(const struct glia_call *const *call)                     \
  {                                                                                                \
    typedef TYPE T;                                                                                \
    enum { SINGLE = ONES };                                                                        \
    const int64_t n = call[0]->out.n;                                                              \
    OPERANDS                                                                                       \
    _Pragma("GCC ivdep") for (int64_t i = 0; i < n; i++) { __VA_ARGS__ }                           \
  }

/* name; pattern; operands and results; what is done with element i */
#define TABLE(X)                                                                                   \
  X(whole_adam, "towards(abC) mean_square(dEfG) adam(h01IJK)",                                     \
    IN(first, 0, 0) IN(d, 0, 1) ONE(gain, 0, 2) IN(second, 1, 0) ONE(keep, 1, 1) IN(d2, 1, 2)      \
        ONE(gain2, 1, 3) IN(at, 2, 0) ONE(unbias, 2, 3) ONE(eps, 2, 4) ONE(rate, 2, 5)             \
            OUT(to_first, 0) OUT(to_second, 1) OUT(to, 2),                                         \
    const T b = first[i] + (d[i] - first[i]) * GET(gain);                                          \
    const T c = second[i] * GET(keep) + (d2[i] * d2[i]) * GET(gain2);                              \
    const T next = at[i] - (b / (sqrt(c) * GET(unbias) + GET(eps))) * GET(rate); to_first[i] = b;  \
    to_second[i] = c; to[i] = next;)                                                               \
  X(normal_and_sum, "normal(aBC) -mul~(0D) -sum_of_three~(e1F) relu(2) compare:5(2Z)",             \
    IN(x, 0, 0) ONE(mean, 0, 1) ONE(by, 0, 2) ONE(w, 1, 1) IN(beside, 2, 0) ONE(b, 2, 2)           \
        ONE(zero, 4, 1) OUT(normal, 0) OUT(y, 3) FLAGS(above, 4),                                  \
    const T z = (x[i] - GET(mean)) * GET(by);                                                      \
    const T v = beside[i] + (z * GET(w) + GET(b)); normal[i] = z; y[i] = v < 0 ? 0 : v;            \
    above[i] = v > GET(zero);)                                                                     \
  X(normal_line, "normal(aBC) -and_product~(D0E) relu(1) compare:5(1Z)",                           \
    IN(x, 0, 0) ONE(mean, 0, 1) ONE(by, 0, 2) ONE(b, 1, 0) ONE(w, 1, 2) ONE(zero, 3, 1)            \
        OUT(normal, 0) OUT(y, 2) FLAGS(above, 3),                                                  \
    const T z = (x[i] - GET(mean)) * GET(by);                                                      \
    const T v = GET(b) + z * GET(w); normal[i] = z; y[i] = v < 0 ? 0 : v;                          \
    above[i] = v > GET(zero);)                                                                     \
  X(slopes_of_sum, "-add(ab) select(m0Z) mul~(C1) mul~(d1)",                                       \
    IN(a, 0, 0) IN(b, 0, 1) const uint8_t *above = call[1]->in[0].data;                            \
    ONE(zero, 1, 2) ONE(w, 2, 0) IN(normal, 3, 0) OUT(d, 1) OUT(scaled, 2) OUT(along, 3),          \
    const T sum = a[i] + b[i], none = GET(zero);                                                   \
    const T dy = above[i] != 0 ? sum : none; const T s = GET(w) * dy, p = normal[i] * dy;          \
    d[i] = dy; scaled[i] = s; along[i] = p;)                                                       \
  X(slopes, "select(maZ) mul~(B0) mul~(c0)", const uint8_t *above = call[0]->in[0].data;           \
    IN(a, 0, 1) ONE(zero, 0, 2) ONE(w, 1, 0) IN(normal, 2, 0) OUT(d, 0) OUT(scaled, 1)             \
        OUT(along, 2),                                                                             \
    const T one = a[i], none = GET(zero);                                                          \
    const T dy = above[i] != 0 ? one : none; const T s = GET(w) * dy, p = normal[i] * dy;          \
    d[i] = dy; scaled[i] = s; along[i] = p;)                                                       \
  X(slope_of_normal, "-and_product~(AbC) less_product~(dE0) mul~(F1)",                             \
    ONE(a, 0, 0) IN(normal, 0, 1) ONE(c, 0, 2) IN(dy, 1, 0) ONE(counts, 1, 1) ONE(by, 2, 0)        \
        OUT(part, 1) OUT(dx, 2),                                                                   \
    const T d = dy[i] - GET(counts) * (GET(a) + normal[i] * GET(c));                               \
    const T y = GET(by) * d; part[i] = d; dx[i] = y;)

#define INSTANCES(NAME, PATTERN, OPERANDS, ...)                                                    \
  LOOP(NAME, float, f32, 0, OPERANDS, __VA_ARGS__)                                                 \
  LOOP(NAME, double, f64, 0, OPERANDS, __VA_ARGS__)                                                \
  LOOP(NAME, float, ones_f32, 1, OPERANDS, __VA_ARGS__)                                            \
  LOOP(NAME, double, ones_f64, 1, OPERANDS, __VA_ARGS__)
TABLE(INSTANCES)
#undef INSTANCES

static const struct pattern {
  const char *words;
  void (*run[2][2])(const struct glia_call *const *c); /* [capitals are single][float64] */
} patterns[] = {
#define LINE(NAME, PATTERN, ...)                                                                   \
  {PATTERN, {{NAME##_f32, NAME##_f64}, {NAME##_ones_f32, NAME##_ones_f64}}},
    TABLE(LINE)
#undef LINE
};

/* Operands of a turn against the letters at p, the last two exchanged or not. */
static bool match_operands(const struct glia_in_turn *t, const char *p, bool ones, bool exchanged,
                           bool *single)
{
  const int n = t->n_in;

  for (int k = 0; k < n; k++, p++) {
    const int at = !exchanged || k < n - 2 ? k : k == n - 1 ? n - 2 : n - 1;
    const int from = isdigit((unsigned char)*p) ? *p - '0' : -1;
    single[k] = ones && isupper((unsigned char)*p);
    if (*p == ')' || t->from[at] != from || (single[k] && !t->steady[at])) return false;
  }
  return *p == ')';
}

/* Turn i against the word at *p, which moves on behind it. */
static bool match_turn(const struct glia_in_turn *t, int i, const char **p, bool ones,
                       struct glia_joined *out, bool *hidden)
{
  const size_t length = strlen(t->name);
  const char *at = *p;

  *hidden = *at == '-';
  if (*hidden) at++;
  if (strncmp(at, t->name, length) != 0) return false;
  at += length;
  if (*at == ':') {
    if (t->which != at[1] - '0') return false;
    at += 2;
  }
  const bool either = *at == '~';
  if (either) at++;
  if (*at++ != '(') return false;
  out->exchanged[i] = false;
  if (!match_operands(t, at, ones, false, out->single[i])) {
    if (!either || !match_operands(t, at, ones, true, out->single[i])) return false;
    out->exchanged[i] = true;
  }
  *p = strchr(at, ')') + 1;
  return true;
}

static bool match(int n, const struct glia_in_turn *turn, const struct pattern *x, bool ones,
                  struct glia_joined *out)
{
  bool hidden[GLIA_TURN_MOST];
  const char *p = x->words;
  int i = 0;

  for (; *p != '\0'; i++) {
    if (*p == ' ') p++;
    /* of one type the results of today's patterns make them all; of a pattern without such a tie they need not be */
    if (i == n || turn[i].dtype != turn[0].dtype) return false;
    if (!match_turn(&turn[i], i, &p, ones, out, &hidden[i])) return false;
  }
  for (int k = 0; k < i; k++)
    if (hidden[k] && turn[k].last >= i) return false;
  out->n = i;
  out->run = x->run[ones][turn[0].dtype == GLIA_F64];
  return true;
}

bool glia_join_(int n, const struct glia_in_turn *turn, struct glia_joined *out)
{
  if (n == 0 || (turn[0].dtype != GLIA_F32 && turn[0].dtype != GLIA_F64)) return false;
  for (int i = 0; i < (int)GLIA_COUNT(patterns); i++)
    for (int ones = 1; ones >= 0; ones--)
      if (match(n, turn, &patterns[i], ones != 0, out)) return true;
  return false;
}
