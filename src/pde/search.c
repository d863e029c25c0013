/* Brute-force search for formulas: see glia_search.h. */
#include "glia_search.h"

#include "glia_agree.h"
#include "glia_log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYMBOLS = 32, KEEP = 256, CHECK = 4096 };

/* The alphabet: variables and 1 push, the others take one or two. */
struct search {
  int64_t n;
  int n_symbols, n_variables, arity[SYMBOLS];
  char symbol[SYMBOLS]; /* 0: a variable; else the operator, or '1' */
  const double *x, *y;
  const char *const *name;
  double *stack; /* [GLIA_SEARCH_LENGTH, n] */
  double norm;   /* root mean square of y */
  int n_best;
  struct glia_formula best[KEEP];
};

static double apply1(char op, double a)
{
  switch (op) {
  case '~':
    return -a;
  case 'I':
    return 1.0 / a;
  case 'R':
    return sqrt(a);
  case 'S':
    return sin(a);
  case 'C':
    return cos(a);
  case 'E':
    return exp(a);
  default:
    return log(a);
  }
}

static void apply2(char op, int64_t n, double *restrict a, const double *restrict b)
{
  for (int64_t i = 0; i < n; i++)
    a[i] = op == '+'   ? a[i] + b[i]
           : op == '-' ? a[i] - b[i]
           : op == '*' ? a[i] * b[i]
                       : a[i] / b[i];
}

/* Values of a word on all rows, at the bottom of the stack. */
static void evaluate(const struct search *s, int length, const int *word)
{
  int depth = 0;

  for (int k = 0; k < length; k++) {
    const int w = word[k];
    double *top = s->stack + depth * s->n;
    if (s->arity[w] == 0) {
      for (int64_t i = 0; i < s->n; i++)
        top[i] = s->symbol[w] == '1' ? 1.0 : s->x[i * s->n_variables + w];
      depth++;
    } else if (s->arity[w] == 1) {
      for (int64_t i = 0; i < s->n; i++) top[i - s->n] = apply1(s->symbol[w], top[i - s->n]);
    } else {
      depth--;
      apply2(s->symbol[w], s->n, top - 2 * s->n, top - s->n);
    }
  }
}

/* Infix. */
static bool infix(const struct search *s, int length, const int *word, char *out)
{
  char part[GLIA_SEARCH_LENGTH][GLIA_SEARCH_TEXT / 2], text[GLIA_SEARCH_TEXT];
  static const char names[] = "RSCEL";
  static const char *const function[] = {"sqrt", "sin", "cos", "exp", "log"};
  int depth = 0;

  for (int k = 0; k < length; k++) {
    const int w = word[k];
    const char op = s->symbol[w];
    int n;
    if (s->arity[w] == 0)
      n = snprintf(text, sizeof text, "%s", op == '1' ? "1" : s->name[w]);
    else if (s->arity[w] == 2)
      n = snprintf(text, sizeof text, "(%s %c %s)", part[depth - 2], op, part[depth - 1]);
    else if (op == '~' || op == 'I')
      n = snprintf(text, sizeof text, op == '~' ? "(-%s)" : "(1/%s)", part[depth - 1]);
    else
      n = snprintf(text, sizeof text, "%s(%s)", function[strchr(names, op) - names],
                   part[depth - 1]);
    if (n >= GLIA_SEARCH_TEXT / 2) return false;
    depth += 1 - s->arity[w];
    memcpy(part[depth - 1], text, (size_t)n + 1);
  }
  snprintf(out, GLIA_SEARCH_TEXT, "%s", part[0]);
  return true;
}

/* Bits of a word without its constant: (v + o) log2 (v + o) over distinct
 * variables and operators, and a bit for each symbol: so that x x x is more
 * than x.  Departs: the last term; the published count has distinct symbols
 * alone. */
static double bits_of(int length, const int *word)
{
  bool seen[SYMBOLS] = {false};
  int distinct = 0;

  for (int k = 0; k < length; k++) {
    distinct += !seen[word[k]];
    seen[word[k]] = true;
  }
  return distinct > 1 ? (double)distinct * log2((double)distinct) + length : length;
}

static double error_bits(double off) { return log2(1.0 + 0x1p30 * off); }

double glia_snap(double v, double within, double *bits, char *text)
{
  double best = v;

  *bits = 0.5 * log2(1.0 + v / 1e-14 * (v / 1e-14));
  snprintf(text, 32, "%.10g", v);
  for (int pi = 0; pi <= 1; pi++)
    for (int q = 1; q <= 10; q++) {
      const double unit = pi ? M_PI / q : 1.0 / q, p = round(v / unit);
      if (!(fabs(p) <= (q == 1 && !pi ? 1e6 : 10.0)) || p == 0.0 || fabs(p * unit - v) > within)
        continue;
      const double cost = log2((1.0 + fabs(p)) * q) + 2.0 * pi;
      if (cost >= *bits) continue;
      *bits = cost;
      best = p * unit;
      if (q == 1)
        snprintf(text, 32, pi ? "%.0f*pi" : "%.0f", p);
      else
        snprintf(text, 32, pi ? "(%.0f*pi/%d)" : "(%.0f/%d)", p, q);
    }
  return best;
}

/* Is `a` no worse than b in both? Numbers settle what is equal. */
static bool beats(const struct glia_formula *a, const struct glia_formula *b)
{
  if (a->complexity_bits > b->complexity_bits || a->error_bits > b->error_bits) return false;
  return a->complexity_bits < b->complexity_bits || a->error_bits < b->error_bits ||
         a->number < b->number;
}

static void offer(struct search *s, const struct glia_formula *f)
{
  int kept = 0;

  for (int i = 0; i < s->n_best; i++)
    if (beats(&s->best[i], f)) return;
  for (int i = 0; i < s->n_best; i++)
    if (!beats(f, &s->best[i])) s->best[kept++] = s->best[i];
  s->n_best = kept;
  if (s->n_best < KEEP) s->best[s->n_best++] = *f;
}

/* Would the front take it? Told without its text. */
static bool wanted(const struct search *s, const struct glia_formula *f)
{
  for (int i = 0; i < s->n_best; i++)
    if (beats(&s->best[i], f)) return false;
  return true;
}

/* f as c f (way 1), f + c (2), or as it is (0), against y. */
static void compare(const struct search *s, int way, double c, struct glia_formula *f)
{
  double sum = 0.0, square = 0.0;

  for (int64_t i = 0; i < s->n; i++) {
    const double v = s->stack[i], off = (way == 1 ? c * v : v + c) - s->y[i];
    sum += error_bits(fabs(off));
    square += off * off;
  }
  f->error_bits = isfinite(square) ? sum / (double)s->n : 1e30;
  f->rms = sqrt(square / (double)s->n) / s->norm;
}

static void try_way(struct search *s, int way, double c, int64_t number, int length,
                    const int *word)
{
  struct glia_formula f = {.constant = c, .number = 3 * number + way};
  char core[GLIA_SEARCH_TEXT], constant[32] = "";
  double bits = 0.0;

  compare(s, way, c, &f);
  if (f.error_bits >= 1e29) return;
  if (way > 0) { /* snapped where the error stays within a hundredth of itself,
                    or a thousandth of y */
    const double size = way == 1 ? fabs(c) : s->norm;
    f.constant = glia_snap(c, 0.02 * size, &bits, constant);
    struct glia_formula exact = f;
    compare(s, way, f.constant, &f);
    if (f.rms > 1.1 * exact.rms + 1e-12) {
      f = exact;
      f.constant = glia_snap(c, 0.0, &bits, constant);
      compare(s, way, f.constant, &f);
    }
  }
  f.complexity_bits = bits_of(length, word) + bits;
  if (!wanted(s, &f) || !infix(s, length, word, core)) return;
  snprintf(f.text, sizeof f.text,
           way == 0   ? "%s%s"
           : way == 1 ? "%s*%s"
                      : "%s + %s",
           constant, core);
  offer(s, &f);
}

static void try_word(struct search *s, int64_t number, int length, const int *word)
{
  double vv = 0.0, vy = 0.0, v1 = 0.0, y1 = 0.0;

  evaluate(s, length, word);
  for (int64_t i = 0; i < s->n; i++) {
    vv += s->stack[i] * s->stack[i];
    vy += s->stack[i] * s->y[i];
    v1 += s->stack[i];
    y1 += s->y[i];
  }
  if (!isfinite(vv)) return;
  try_way(s, 0, 0.0, number, length, word);
  if (vv > 0.0) try_way(s, 1, vy / vv, number, length, word);
  try_way(s, 2, (y1 - v1) / (double)s->n, number, length, word);
}

/* Words of one length whose first symbols are counted by `number`: all that
 * leave one value. */
struct walk {
  struct search *s;
  int length, word[GLIA_SEARCH_LENGTH];
  int64_t number, rank, size;
  double end_s;
  bool over;
};

static void walk(struct walk *w, int at, int depth)
{
  if (w->over || depth > w->length - at + 1) return;
  if (at == w->length) {
    if (depth != 1) return;
    if (w->number++ % w->size != w->rank) return;
    try_word(w->s, w->number - 1, w->length, w->word);
    if (w->end_s > 0.0 && w->number % CHECK == 0 && glia_time_s() > w->end_s) w->over = true;
    return;
  }
  for (int k = 0; k < w->s->n_symbols; k++) {
    if (w->s->arity[k] > depth) continue;
    w->word[at] = k;
    walk(w, at + 1, depth + 1 - w->s->arity[k]);
  }
}

static glia_status alphabet(struct search *s, const char *operators)
{
  static const char one[] = "~IRSCEL", two[] = "+-*/";

  for (int i = 0; i < s->n_variables; i++) s->n_symbols++;
  s->symbol[s->n_symbols++] = '1';
  for (const char *c = operators; *c != '\0'; c++) {
    const int arity = strchr(two, *c) != NULL ? 2 : strchr(one, *c) != NULL ? 1 : 0;
    GLIA_CHECK(arity > 0 && s->n_symbols < SYMBOLS, GLIA_E_ARGUMENT, "'%c' is none of +-*/~IRSCEL",
               *c);
    s->symbol[s->n_symbols] = *c;
    s->arity[s->n_symbols++] = arity;
  }
  return GLIA_OK;
}

/* Fronts of all ranks into one, in the order of ranks: what is kept does not
 * depend on how the words were dealt. */
static glia_status join(struct search *s, struct glia_comm *comm)
{
  const int size = glia_comm_size(comm), rank = glia_comm_rank(comm);
  struct glia_formula *other = malloc(KEEP * sizeof *other);
  glia_status st = glia_agree(comm, other != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a front"));
  struct search own = *s;

  s->n_best = 0;
  for (int r = 0; r < size && st == GLIA_OK; r++) {
    int n = own.n_best;
    if (r == rank) memcpy(other, own.best, KEEP * sizeof *other);
    st = glia_comm_bcast(comm, &n, sizeof n, r);
    if (st == GLIA_OK) st = glia_comm_bcast(comm, other, KEEP * sizeof *other, r);
    for (int i = 0; i < n && st == GLIA_OK; i++) offer(s, &other[i]);
  }
  free(other);
  return st;
}

static int by_complexity(const void *a, const void *b)
{
  const struct glia_formula *x = a, *y = b;

  return (x->complexity_bits > y->complexity_bits) - (x->complexity_bits < y->complexity_bits);
}

static glia_status prepare(struct search *s, const struct glia_search_options *o)
{
  double square = 0.0;

  GLIA_CHECK(s->n >= 1 && s->n_variables >= 1 && s->n_variables <= GLIA_SEARCH_VARIABLES &&
                 o->longest >= 0 && o->longest <= GLIA_SEARCH_LENGTH,
             GLIA_E_ARGUMENT, "%lld rows of %d variables", (long long)s->n, s->n_variables);
  for (int64_t i = 0; i < s->n * s->n_variables; i++)
    GLIA_CHECK(isfinite(s->x[i]), GLIA_E_DATA, "a variable that is not finite");
  for (int64_t i = 0; i < s->n; i++) square += s->y[i] * s->y[i];
  GLIA_CHECK(isfinite(square), GLIA_E_DATA, "a value that is not finite");
  s->norm = square > 0.0 ? sqrt(square / (double)s->n) : 1.0;
  s->stack = malloc((size_t)(GLIA_SEARCH_LENGTH * s->n) * sizeof *s->stack);
  GLIA_CHECK(s->stack != NULL, GLIA_E_MEMORY, "%lld rows", (long long)s->n);
  return alphabet(s, o->operators != NULL ? o->operators : "+-*~I");
}

glia_status glia_search(int64_t n, int n_variables, const double *x, const double *y,
                        const char *const *name, const struct glia_search_options *o,
                        struct glia_comm *comm, struct glia_formula out[GLIA_SEARCH_FRONT],
                        int *n_front)
{
  struct search *s = calloc(1, sizeof *s);
  glia_status st = GLIA_OK;

  *n_front = 0;
  if (s == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a search");
  if (s != NULL) {
    s->n = n;
    s->n_variables = n_variables;
    s->x = x;
    s->y = y;
    s->name = name;
    st = prepare(s, o);
  }
  st = glia_agree(comm, st);
  const int longest = o->longest > 0 ? o->longest : 5;
  struct walk w = {.s = s, .rank = glia_comm_rank(comm), .size = glia_comm_size(comm)};
  if (o->time_s > 0.0) w.end_s = glia_time_s() + o->time_s;
  for (w.length = 1; w.length <= longest && st == GLIA_OK; w.length++) walk(&w, 0, 0);
  if (st == GLIA_OK) st = join(s, comm);
  if (st == GLIA_OK) {
    qsort(s->best, (size_t)s->n_best, sizeof *s->best, by_complexity);
    *n_front = s->n_best < GLIA_SEARCH_FRONT ? s->n_best : GLIA_SEARCH_FRONT;
    memcpy(out, s->best, (size_t)*n_front * sizeof *out);
  }
  if (s != NULL) free(s->stack);
  free(s);
  return st;
}
