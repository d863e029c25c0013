/* Expressions for LaTeX: u_{xx}, \frac{a}{b}, \sqrt{x}. */
#include "glia_discover.h"

#include <stdio.h>
#include <string.h>

struct latex {
  const struct glia_expr_pool *p;
  const struct glia_expr_names *names;
  char *out;
  size_t size, n;
};

static void say(struct latex *s, const char *text)
{
  for (; *text != '\0' && s->n + 1 < s->size; text++) s->out[s->n++] = *text;
  s->out[s->n] = '\0';
}

/* A name: its digits and what stands behind a bar are a subscript. */
static void say_name(struct latex *s, const char *name)
{
  const size_t head = strcspn(name, "_0123456789");
  char part[64];

  if (head == 0 || name[head] == '\0' || strlen(name) > 60) {
    say(s, name);
    return;
  }
  snprintf(part, sizeof part, "%.*s_{\\mathrm{%s}}", (int)head, name,
           name + head + (name[head] == '_'));
  say(s, part);
}

static int binds(const struct glia_expr_node *n)
{
  if (n->kind == GLIA_EXPR_ADD || n->kind == GLIA_EXPR_SUB) return 1;
  if (n->kind == GLIA_EXPR_MUL) return 2;
  if (n->kind == GLIA_EXPR_NUMBER && n->number < 0.0) return 1;
  return n->kind == GLIA_EXPR_POW ? 3 : 4;
}

static void print(struct latex *s, int e, int above);

static void say_unknown(struct latex *s, const struct glia_expr_node *n)
{
  bool any = false;

  say_name(s, s->names->unknown[n->index]);
  for (int i = 0; i < s->names->n_coords; i++)
    for (int k = 0; k < n->order[i]; k++) {
      if (!any) say(s, "_{");
      any = true;
      say(s, s->names->coord[i]);
    }
  if (any) say(s, "}");
}

static void say_number(struct latex *s, double v)
{
  char text[40], *e;

  snprintf(text, sizeof text, "%.6g", v);
  e = strchr(text, 'e');
  if (e != NULL) *e = '\0';
  say(s, text);
  if (e == NULL) return;
  int exponent = 0;
  char power[40];
  sscanf(e + 1, "%d", &exponent);
  snprintf(power, sizeof power, " \\cdot 10^{%d}", exponent);
  say(s, power);
}

static void operation(struct latex *s, const struct glia_expr_node *n, int own)
{
  const struct glia_expr_node *a = glia_expr_at(s->p, n->a);
  const bool minus = n->kind == GLIA_EXPR_SUB && a->kind == GLIA_EXPR_NUMBER && a->number == 0.0;

  if (n->kind == GLIA_EXPR_DIV) {
    say(s, "\\frac{");
    print(s, n->a, 0);
    say(s, "}{");
    print(s, n->b, 0);
    say(s, "}");
    return;
  }
  if (!minus) print(s, n->a, n->kind == GLIA_EXPR_POW ? 4 : own);
  say(s, n->kind == GLIA_EXPR_ADD   ? " + "
         : n->kind == GLIA_EXPR_SUB ? (minus ? "-" : " - ")
         : n->kind == GLIA_EXPR_MUL ? " \\, "
                                    : "^{");
  print(s, n->b, n->kind == GLIA_EXPR_POW ? 0 : own + 1);
  if (n->kind == GLIA_EXPR_POW) say(s, "}");
}

static void print(struct latex *s, int e, int above)
{
  static const char *const function[] = {
#define X(name, text) text,
      GLIA_EXPR_FUNCTIONS(X)
#undef X
  };
  if (s->n + 1 >= s->size) return;
  const struct glia_expr_node *n = glia_expr_at(s->p, e);
  const int own = binds(n);

  if (own < above) say(s, "\\left(");
  switch (n->kind) {
  case GLIA_EXPR_NUMBER:
    say_number(s, n->number);
    break;
  case GLIA_EXPR_COORD:
    say_name(s, s->names->coord[n->index]);
    break;
  case GLIA_EXPR_PARAMETER:
    say_name(s, s->names->parameter[n->index]);
    break;
  case GLIA_EXPR_UNKNOWN:
    say_unknown(s, n);
    break;
  case GLIA_EXPR_CALL:
    say(s, "\\mathrm{");
    say(s, function[n->index]);
    say(s, "}\\left(");
    print(s, n->a, 0);
    say(s, "\\right)");
    break;
  default:
    operation(s, n, own);
  }
  if (own < above) say(s, "\\right)");
}

const char *glia_expr_latex(const struct glia_expr_pool *p, const struct glia_expr_names *names,
                            int e, char *out, size_t size)
{
  struct latex s = {p, names, out, size, 0};

  if (size > 0) out[0] = '\0';
  if (size > 0 && e != GLIA_EXPR_NONE) print(&s, e, 0);
  return out;
}
