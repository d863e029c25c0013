/* The grammar of equations, by recursive descent:
 *
 *     equation = sum ["=" sum]            sum = product {("+" | "-") product}
 *     product = signed {("*" | "/") signed}        signed = ["-" | "+"] signed | power
 *     power = atom [("^" | "**") signed]
 *     atom = number | name | function "(" sum ")" | "d" "(" sum {"," coordinate} ")" | "(" sum ")"
 */
#include "glia_expr.h"
#include "glia_text.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH = 200, NAME = 64, KNOWN = 96 };

struct parser {
  struct glia_expr_pool *p;
  const struct glia_expr_names *names;
  const char *text;
  int at, depth;
  bool failed, full;
  struct glia_expr_fault fault;
};

static const char *const function_name[] = {
#define X(name, text) text,
    GLIA_EXPR_FUNCTIONS(X)
#undef X
};

/* The first failure stays. */
static GLIA_PRINTF(3, 4) int fail(struct parser *s, int column, const char *format, ...)
{
  if (!s->failed) {
    va_list args;
    va_start(args, format);
    vsnprintf(s->fault.text, sizeof s->fault.text, format, args);
    va_end(args);
    s->failed = true;
    s->fault.column = column;
  }
  return GLIA_EXPR_NONE;
}

/* What came out of a constructor: with no failure of the text, the pool is full. */
static int keep(struct parser *s, int e)
{
  if (e == GLIA_EXPR_NONE && !s->failed) s->full = s->failed = true;
  return e;
}

static char peek(struct parser *s)
{
  while (s->text[s->at] == ' ' || s->text[s->at] == '\t' || s->text[s->at] == '\n') s->at++;
  return s->text[s->at];
}

static bool take(struct parser *s, char c)
{
  if (peek(s) != c) return false;
  s->at++;
  return true;
}

static int sum(struct parser *s);

static bool name_char(char c) { return isalnum((unsigned char)c) || c == '_'; }

static int find(const char *const *list, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (strcmp(list[i], name) == 0) return i;
  return -1;
}

/* A suffix as coordinates, the longest name first; false: it is none. */
static bool suffix(const struct glia_expr_names *names, const char *text,
                   uint8_t order[GLIA_EXPR_COORDS])
{
  memset(order, 0, GLIA_EXPR_COORDS);
  if (*text == '\0') return false;
  while (*text != '\0') {
    size_t best = 0;
    int which = -1;
    for (int i = 0; i < names->n_coords; i++) {
      const size_t n = strlen(names->coord[i]);
      if (n > best && strncmp(text, names->coord[i], n) == 0) {
        best = n;
        which = i;
      }
    }
    if (which < 0 || order[which] == 255) return false;
    order[which]++;
    text += best;
  }
  return true;
}

/* name_suffix as a derivative of an unknown; false: it is none. */
static bool derivative(const struct glia_expr_names *names, const char *name, int *unknown,
                       uint8_t order[GLIA_EXPR_COORDS])
{
  for (int i = 0; i < names->n_unknowns; i++) {
    const size_t n = strlen(names->unknown[i]);
    if (strncmp(name, names->unknown[i], n) == 0 && name[n] == '_' &&
        suffix(names, name + n + 1, order)) {
      *unknown = i;
      return true;
    }
  }
  return false;
}

static int total(const uint8_t order[GLIA_EXPR_COORDS])
{
  int n = 0;

  for (int i = 0; i < GLIA_EXPR_COORDS; i++) n += order[i];
  return n;
}

/* "unknown name 'q': did you mean 'u'?", or what there is. */
static int unknown_name(struct parser *s, int column, const char *name)
{
  const char *known[KNOWN];
  int n = 0;
  const struct {
    const char *const *list;
    int n;
  } from[] = {{s->names->unknown, s->names->n_unknowns},
              {s->names->coord, s->names->n_coords},
              {s->names->parameter, s->names->n_parameters},
              {s->names->constant, s->names->n_constants},
              {function_name, GLIA_EXPR_N_FUNCTIONS}};
  char base[NAME] = "", other[48], text[128];

  for (size_t k = 0; k < GLIA_COUNT(from); k++)
    for (int i = 0; i < from[k].n && n < KNOWN - 1; i++) known[n++] = from[k].list[i];
  known[n] = NULL;
  /* a derivative by what is no coordinate */
  const char *bar = strrchr(name, '_');
  if (bar != NULL && bar != name) {
    snprintf(base, sizeof base, "%.*s", (int)(bar - name), name);
    if (find(s->names->unknown, s->names->n_unknowns, base) >= 0) {
      char list[64] = "";
      for (int i = 0; i < s->names->n_coords; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "",
                 s->names->coord[i]);
      snprintf(text, sizeof text, "'%s': '%s' is not made of the coordinates %s", name, bar + 1,
               list);
      return fail(s, column + (int)(bar + 1 - name), "%s", text);
    }
  }
  const char *near = glia_nearest(name, known);
  for (int i = 0; near == NULL && bar != NULL && i < s->names->n_unknowns; i++)
    if (strcasecmp(base, s->names->unknown[i]) == 0) { /* U_xx */
      snprintf(other, sizeof other, "%.20s%.20s", s->names->unknown[i], bar);
      near = other;
    }
  if (near != NULL)
    snprintf(text, sizeof text, "unknown name '%.40s': did you mean '%.40s'?", name, near);
  else
    snprintf(text, sizeof text, "unknown name '%.60s'", name);
  return fail(s, column, "%s", text);
}

static int of_coords(struct parser *s, int e)
{
  while (take(s, ',')) {
    char name[NAME];
    int n = 0;
    peek(s);
    const int column = s->at;
    while (name_char(s->text[s->at]) && n < NAME - 1) name[n++] = s->text[s->at++];
    name[n] = '\0';
    const int c = find(s->names->coord, s->names->n_coords, name);
    if (c < 0) return fail(s, column, "expected a coordinate, found '%s'", n > 0 ? name : "");
    if (e == GLIA_EXPR_NONE) return e;
    e = glia_expr_derive(s->p, e, c);
    if (e == GLIA_EXPR_NONE) return fail(s, column, "a derivative above order 4 of an unknown");
  }
  return e;
}

/* Arguments of a function, of d() or of lap(); the parenthesis is read. */
static int called(struct parser *s, const char *name)
{
  const int f = find(function_name, GLIA_EXPR_N_FUNCTIONS, name);
  int e = sum(s);

  if (f < 0) e = of_coords(s, e); /* d(...) */
  if (!s->failed && !take(s, ')')) return fail(s, s->at, "expected ')'");
  if (e == GLIA_EXPR_NONE || f < 0) return e;
  return keep(s, glia_expr_call(s->p, (glia_expr_function)f, e));
}

/* u(…) is no call: only functions are. */
static int plain_name(struct parser *s, const char *name, int column)
{
  uint8_t order[GLIA_EXPR_COORDS] = {0};
  int i;

  if ((i = find(s->names->unknown, s->names->n_unknowns, name)) >= 0)
    return keep(s, glia_expr_unknown(s->p, i, order));
  if ((i = find(s->names->coord, s->names->n_coords, name)) >= 0)
    return keep(s, glia_expr_coord(s->p, i));
  if ((i = find(s->names->parameter, s->names->n_parameters, name)) >= 0)
    return keep(s, glia_expr_parameter(s->p, i));
  if ((i = find(s->names->constant, s->names->n_constants, name)) >= 0)
    return keep(s, glia_expr_number(s->p, s->names->constant_value[i]));
  if (strcmp(name, "pi") == 0) return keep(s, glia_expr_number(s->p, 3.14159265358979323846));
  if (strcmp(name, "e") == 0) return keep(s, glia_expr_number(s->p, 2.71828182845904523536));
  if (derivative(s->names, name, &i, order)) {
    if (total(order) > GLIA_EXPR_ORDER)
      return fail(s, column, "'%s': derivatives go to order 4", name);
    return keep(s, glia_expr_unknown(s->p, i, order));
  }
  if (find(function_name, GLIA_EXPR_N_FUNCTIONS, name) >= 0)
    return fail(s, s->at, "expected '(' behind the function '%s'", name);
  return unknown_name(s, column, name);
}

static int word(struct parser *s)
{
  char name[NAME];
  int n = 0;
  const int column = s->at;

  while (name_char(s->text[s->at]) && n < NAME - 1) name[n++] = s->text[s->at++];
  name[n] = '\0';
  const bool function =
      find(function_name, GLIA_EXPR_N_FUNCTIONS, name) >= 0 || strcmp(name, "d") == 0;
  if (peek(s) == '(' && function) {
    s->at++;
    return called(s, name);
  }
  if (s->text[s->at] == '(' && find(s->names->unknown, s->names->n_unknowns, name) < 0 &&
      find(s->names->coord, s->names->n_coords, name) < 0)
    return unknown_name(s, column, name);
  return plain_name(s, name, column);
}

static int number(struct parser *s)
{
  char *end;
  const double v = strtod(s->text + s->at, &end);
  const int column = s->at;

  s->at = (int)(end - s->text);
  if (name_char(s->text[s->at])) return fail(s, s->at, "expected an operator (as in 2*x)");
  if (!isfinite(v)) return fail(s, column, "a number too large");
  return keep(s, glia_expr_number(s->p, v));
}

static int atom(struct parser *s)
{
  const char c = peek(s);

  if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)s->text[s->at + 1])))
    return number(s);
  if (isalpha((unsigned char)c) || c == '_') return word(s);
  if (take(s, '(')) {
    const int e = sum(s);
    if (!s->failed && !take(s, ')')) return fail(s, s->at, "expected ')'");
    return e;
  }
  const char found[2] = {c, '\0'};
  if (c == '\0') return fail(s, s->at, "the text ends where a number, a name or '(' should be");
  return fail(s, s->at, "expected a number, a name or '(', found '%s'", found);
}

static int signed_factor(struct parser *s)
{
  int e;

  if (++s->depth > DEPTH) return fail(s, s->at, "nested too deeply");
  if (take(s, '-'))
    e = keep(s,
             glia_expr_binary(s->p, GLIA_EXPR_SUB, glia_expr_number(s->p, 0.0), signed_factor(s)));
  else if (take(s, '+'))
    e = signed_factor(s);
  else {
    e = atom(s);
    if (!s->failed && (peek(s) == '^' || (s->text[s->at] == '*' && s->text[s->at + 1] == '*'))) {
      s->at += s->text[s->at] == '^' ? 1 : 2;
      e = keep(s, glia_expr_binary(s->p, GLIA_EXPR_POW, e, signed_factor(s)));
    }
  }
  s->depth--;
  return e;
}

static int product(struct parser *s)
{
  int e = signed_factor(s);

  while (!s->failed && (peek(s) == '*' || s->text[s->at] == '/')) {
    const glia_expr_kind kind = s->text[s->at] == '*' ? GLIA_EXPR_MUL : GLIA_EXPR_DIV;
    const int column = s->at++;
    const int b = signed_factor(s);
    const struct glia_expr_node *n = b != GLIA_EXPR_NONE ? glia_expr_at(s->p, b) : NULL;
    if (kind == GLIA_EXPR_DIV && n != NULL && n->kind == GLIA_EXPR_NUMBER && n->number == 0.0)
      return fail(s, column, "a division by zero");
    e = keep(s, glia_expr_binary(s->p, kind, e, b));
  }
  return e;
}

static int sum(struct parser *s)
{
  if (++s->depth > DEPTH) return fail(s, s->at, "nested too deeply");
  int e = product(s);
  while (!s->failed && (peek(s) == '+' || s->text[s->at] == '-')) {
    const glia_expr_kind kind = s->text[s->at++] == '+' ? GLIA_EXPR_ADD : GLIA_EXPR_SUB;
    e = keep(s, glia_expr_binary(s->p, kind, e, product(s)));
  }
  s->depth--;
  return e;
}

static int whole(struct parser *s, bool equation)
{
  int e = sum(s);

  if (!s->failed && equation && take(s, '='))
    e = keep(s, glia_expr_binary(s->p, GLIA_EXPR_SUB, e, sum(s)));
  if (s->failed) return e;
  const char found[2] = {peek(s), '\0'};
  if (found[0] == '=')
    return fail(s, s->at, "%s", equation ? "a second '='" : "no '=' is expected here");
  if (found[0] != '\0') return fail(s, s->at, "expected an operator, found '%s'", found);
  const struct glia_expr_node *n = glia_expr_at(s->p, e);
  if (n->kind == GLIA_EXPR_NUMBER && !isfinite(n->number)) return fail(s, 0, "not a finite number");
  return e;
}

glia_status glia_expr_parse(struct glia_expr_pool *p, const struct glia_expr_names *names,
                            const char *text, bool equation, int *out,
                            struct glia_expr_fault *fault)
{
  struct parser s = {.p = p, .names = names, .text = text};

  *out = GLIA_EXPR_NONE;
  if (strlen(text) > GLIA_EXPR_TEXT)
    fail(&s, GLIA_EXPR_TEXT, "longer than 4096 bytes");
  else
    *out = whole(&s, equation);
  if (!s.failed) return GLIA_OK;
  *out = GLIA_EXPR_NONE;
  GLIA_CHECK(!s.full, GLIA_E_MEMORY, "an expression with too many parts (%d)", GLIA_EXPR_NODES);
  if (fault != NULL) *fault = s.fault;
  return GLIA_FAIL(GLIA_E_CONFIG, "column %d: %s: %.*s>>>%.80s", s.fault.column + 1, s.fault.text,
                   s.fault.column < 80 ? s.fault.column : 80, text, text + s.fault.column);
}

/* Printing: operators bind as in the grammar. */

struct printer {
  const struct glia_expr_pool *p;
  const struct glia_expr_names *names;
  char *out;
  size_t size, n;
};

static void say(struct printer *s, const char *text)
{
  const size_t n = strlen(text);

  for (size_t i = 0; i < n && s->n + 1 < s->size; i++) s->out[s->n++] = text[i];
  if (s->size > 0) s->out[s->n] = '\0';
}

static void say_number(struct printer *s, double v)
{
  char text[40];

  for (int digits = 1; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, v);
    if (strtod(text, NULL) == v) break;
  }
  say(s, text);
}

static int binds(const struct glia_expr_node *n)
{
  switch (n->kind) {
  case GLIA_EXPR_ADD:
  case GLIA_EXPR_SUB:
    return 1;
  case GLIA_EXPR_MUL:
  case GLIA_EXPR_DIV:
    return 2;
  case GLIA_EXPR_POW:
    return 3;
  case GLIA_EXPR_NUMBER:
    return n->number < 0.0 ? 1 : 4;
  default:
    return 4;
  }
}

static void print(struct printer *s, int e, int above)
{
  static const char *const sign[] = {" + ", " - ", "*", "/", "^"};
  if (s->n + 1 >= s->size) return; /* a shared part may be printed often */
  const struct glia_expr_node *n = glia_expr_at(s->p, e);
  const int own = binds(n);
  const bool minus = n->kind == GLIA_EXPR_SUB &&
                     glia_expr_at(s->p, n->a)->kind == GLIA_EXPR_NUMBER &&
                     glia_expr_at(s->p, n->a)->number == 0.0;

  if (own < above) say(s, "(");
  switch (n->kind) {
  case GLIA_EXPR_NUMBER:
    say_number(s, n->number);
    break;
  case GLIA_EXPR_COORD:
    say(s, s->names->coord[n->index]);
    break;
  case GLIA_EXPR_PARAMETER:
    say(s, s->names->parameter[n->index]);
    break;
  case GLIA_EXPR_UNKNOWN:
    say(s, s->names->unknown[n->index]);
    if (total(n->order) > 0) say(s, "_");
    for (int i = 0; i < s->names->n_coords; i++)
      for (int k = 0; k < n->order[i]; k++) say(s, s->names->coord[i]);
    break;
  case GLIA_EXPR_CALL:
    say(s, function_name[n->index]);
    say(s, "(");
    print(s, n->a, 0);
    say(s, ")");
    break;
  default:
    if (!minus) print(s, n->a, n->kind == GLIA_EXPR_POW ? 4 : own);
    say(s, minus ? "-" : sign[n->kind - GLIA_EXPR_ADD]);
    print(s, n->b, minus ? 3 : n->kind == GLIA_EXPR_POW ? 4 : own + 1);
  }
  if (own < above) say(s, ")");
}

const char *glia_expr_print(const struct glia_expr_pool *p, const struct glia_expr_names *names,
                            int e, char *out, size_t size)
{
  struct printer s = {p, names, out, size, 0};

  if (size > 0) out[0] = '\0';
  if (e != GLIA_EXPR_NONE) print(&s, e, 0);
  return out;
}
