/* What is asked of a discovery, from YAML: docs/formats/discover.md. */
#include "glia_discover.h"
#include "problem_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const *glia_discovery_keys(void)
{
  static const char *const keys[] = {"unknowns",  "domain",  "constants",  "periodic", "data",
                                     "equations", "hidden",  "candidates", "select",   "window",
                                     "ignore",    "certain", "bootstrap",  "seed",     "method",
                                     "inputs",    "search",  NULL};

  return keys;
}

static glia_status text_of(const struct glia_yaml *node, const char **out)
{
  if (node->kind != GLIA_YAML_SCALAR) return glia_yaml_error(node, "expected a text");
  *out = node->text;
  return GLIA_OK;
}

static glia_status keep_text(struct glia_discovery *d, const char *text, const char **out)
{
  *out = glia_arena_text(&d->p.arena, text);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "a text");
  return GLIA_OK;
}

/* Hidden names: unknowns of the equations that are no unknowns of the data. */
static glia_status read_hidden(struct glia_discovery *d, const struct glia_yaml *root)
{
  const struct glia_yaml *list = glia_yaml_get(root, "hidden");
  const int n = d->p.n_unknowns;

  if (list == NULL || (list->kind == GLIA_YAML_LIST && list->n_children == 0))
    return glia_yaml_error(list != NULL ? list : root,
                           "hidden: expected the names of the missing terms, as in [F]");
  for (int i = 0; i < n; i++) d->unknown[i] = d->p.unknown[i];
  for (const struct glia_yaml *c = list->kind == GLIA_YAML_LIST ? list->child : list; c != NULL;
       c = list->kind == GLIA_YAML_LIST ? c->next : NULL) {
    const char *name = NULL;
    int e;
    struct glia_expr_fault fault;
    GLIA_TRY(text_of(c, &name));
    if (d->n_hidden == GLIA_DISCOVER_HIDDEN)
      return glia_yaml_error(c, "more than %d hidden terms", GLIA_DISCOVER_HIDDEN);
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") !=
            strlen(name) ||
        name[0] == '\0' || strlen(name) > 31 || (name[0] >= '0' && name[0] <= '9'))
      return glia_yaml_error(c, "'%.40s' is no name: letters and digits, a letter first", name);
    d->names.n_unknowns = n + d->n_hidden;
    if (glia_expr_parse(d->p.pool, &d->names, name, false, &e, &fault) == GLIA_OK)
      return glia_yaml_error(c, "the name '%s' is taken already", name);
    glia_trace_clear();
    GLIA_TRY(keep_text(d, name, &d->unknown[n + d->n_hidden]));
    d->hidden[d->n_hidden].name = d->unknown[n + d->n_hidden];
    d->n_hidden++;
  }
  d->names.n_unknowns = n + d->n_hidden;
  return GLIA_OK;
}

/* Solve a residual for its hidden term. */
static glia_status solve_for(struct glia_discovery *d, const struct glia_yaml *at,
                             struct glia_hidden *h, int which)
{
  const uint8_t none[GLIA_EXPR_COORDS] = {0};
  const int index = d->p.n_unknowns + which;
  int with[GLIA_PDE_UNKNOWNS + GLIA_DISCOVER_HIDDEN];
  struct glia_expr_pool *pool = d->p.pool;

  for (int i = 0; i < d->names.n_unknowns; i++) with[i] = GLIA_EXPR_NONE;
  with[index] = glia_expr_number(pool, 0.0);
  const int leaf = glia_expr_unknown(pool, index, none);
  const int c = glia_expr_partial(pool, h->equation, leaf);
  const int rest = glia_expr_substitute(pool, h->equation, d->names.n_unknowns, with);
  GLIA_CHECK(c != GLIA_EXPR_NONE && rest != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
  const struct glia_expr_node *n = glia_expr_at(pool, c);
  if (n->kind != GLIA_EXPR_NUMBER || n->number == 0.0)
    return glia_yaml_error(at,
                           "'%s' must stand in the equation as such, times a number at most: "
                           "\"u_t = 0.1*u_xx + %s\"",
                           h->name, h->name);
  for (int k = 0; k < d->n_hidden; k++)
    if (glia_expr_reads(pool, rest, GLIA_EXPR_UNKNOWN, d->p.n_unknowns + k))
      return glia_yaml_error(
          at, "an equation with more than one hidden term, or with derivatives of one");
  h->factor = n->number;
  h->target = glia_expr_binary(pool, GLIA_EXPR_MUL, glia_expr_number(pool, -1.0 / h->factor), rest);
  GLIA_CHECK(h->target != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
  if (!glia_expr_reads(pool, rest, GLIA_EXPR_UNKNOWN, -1))
    return glia_yaml_error(at, "the equation has no unknown beside '%s'", h->name);
  return GLIA_OK;
}

static glia_status read_equation(struct glia_discovery *d, const struct glia_yaml *at)
{
  const char *text = NULL;
  int e, which = -1;

  GLIA_TRY(text_of(at, &text));
  GLIA_TRY(glia_problem_text_(&d->p, &d->names, at, text, true, &e));
  for (int k = 0; k < d->n_hidden; k++)
    if (glia_expr_reads(d->p.pool, e, GLIA_EXPR_UNKNOWN, d->p.n_unknowns + k)) which = k;
  if (which < 0) return glia_yaml_error(at, "the equation has no hidden term");
  struct glia_hidden *h = &d->hidden[which];
  if (h->equation_text != NULL)
    return glia_yaml_error(at, "the hidden term '%s' stands in two equations", h->name);
  GLIA_TRY(keep_text(d, text, &h->equation_text));
  h->equation = e;
  return solve_for(d, at, h, which);
}

static glia_status read_equations(struct glia_discovery *d, const struct glia_yaml *root)
{
  const struct glia_yaml *list = glia_yaml_get(root, "equations");

  if (list == NULL)
    return glia_yaml_error(root, "equations are missing, as in equations: [\"u_t = %s\"]",
                           d->hidden[0].name);
  if (list->kind != GLIA_YAML_LIST) GLIA_TRY(read_equation(d, list));
  for (const struct glia_yaml *c = list->kind == GLIA_YAML_LIST ? list->child : NULL; c != NULL;
       c = c->next)
    GLIA_TRY(read_equation(d, c));
  for (int k = 0; k < d->n_hidden; k++)
    if (d->hidden[k].equation_text == NULL)
      return glia_yaml_error(list, "no equation has the hidden term '%s'", d->hidden[k].name);
  return GLIA_OK;
}

/* Candidates: texts, or monomials. */

static glia_status add_candidate(struct glia_discovery *d, const struct glia_yaml *at,
                                 const char *text, struct glia_hidden *h)
{
  struct glia_expr_names names = d->names;
  int e;

  names.n_unknowns = d->p.n_unknowns;
  GLIA_TRY(glia_problem_text_(&d->p, &names, at, text, false, &e));
  for (int i = 0; i < h->n_candidates; i++)
    if (h->candidate[i] == e) return GLIA_OK;
  if (h->n_candidates == GLIA_DISCOVER_CANDIDATES)
    return glia_yaml_error(at, "more than %d candidates", GLIA_DISCOVER_CANDIDATES);
  if (e == glia_expr_number(d->p.pool, 0.0)) return glia_yaml_error(at, "a candidate that is zero");
  GLIA_TRY(keep_text(d, text, &h->text[h->n_candidates]));
  h->candidate[h->n_candidates++] = e;
  return GLIA_OK;
}

enum { FACTORS = 16 };

struct monomials {
  struct glia_discovery *d;
  const struct glia_yaml *at;
  struct glia_hidden *h;
  int n_of, n_times;
  const char *of[FACTORS], *times[FACTORS];
};

/* All monomials of exactly `degree` in of[first ...], each times times[t]. */
static glia_status expand(struct monomials *m, const char *head, int first, int degree,
                          const char *times)
{
  char text[256];

  if (degree == 0) {
    const char *left = head[0] != '\0' ? head : times;
    const bool one = strcmp(times, "1") == 0 || head[0] == '\0';
    snprintf(text, sizeof text, one ? "%s" : "%s*%s", left, times);
    return add_candidate(m->d, m->at, text, m->h);
  }
  for (int i = first; i < m->n_of; i++)
    for (int power = degree; power >= 1; power--) {
      char part[64];
      if (i == m->n_of - 1 && power != degree) break;
      snprintf(part, sizeof part, power > 1 ? "%s^%d" : "%s", m->of[i], power);
      snprintf(text, sizeof text, "%s%s%s", head, head[0] != '\0' ? "*" : "", part);
      GLIA_TRY(expand(m, text, i + 1, degree - power, times));
    }
  return GLIA_OK;
}

static glia_status texts(const struct glia_yaml *list, const char **out, int *n)
{
  if (list->kind != GLIA_YAML_LIST || list->n_children > FACTORS)
    return glia_yaml_error(list, "expected a list of at most %d texts", FACTORS);
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next) {
    GLIA_TRY(text_of(c, &out[*n]));
    if (strlen(out[*n]) > 60) return glia_yaml_error(c, "a text of more than 60 bytes");
    (*n)++;
  }
  return GLIA_OK;
}

/* {degree: 2, of: [u], times: ["1", u_x]}: 1, u_x, u, u*u_x, u^2, u^2*u_x. */
static glia_status read_monomials(struct glia_discovery *d, const struct glia_yaml *node,
                                  struct glia_hidden *h)
{
  static const char *const keys[] = {"degree", "of", "times", "least", NULL};
  struct monomials m = {.d = d, .at = node, .h = h, .n_times = 1, .times = {"1"}};
  int64_t degree = 2, least = 0;

  GLIA_TRY(glia_yaml_check_keys(node, keys));
  GLIA_TRY(glia_yaml_get_int(node, "degree", 0, 8, &degree));
  GLIA_TRY(glia_yaml_get_int(node, "least", 0, 8, &least));
  const struct glia_yaml *of = glia_yaml_get(node, "of"), *times = glia_yaml_get(node, "times");
  if (of == NULL)
    return glia_yaml_error(node, "expected {degree: 2, of: [u], times: [\"1\", u_x]}");
  GLIA_TRY(texts(of, m.of, &m.n_of));
  if (times != NULL) {
    m.n_times = 0;
    GLIA_TRY(texts(times, m.times, &m.n_times));
  }
  for (int k = (int)least; k <= degree; k++)
    for (int t = 0; t < m.n_times; t++) GLIA_TRY(expand(&m, "", 0, k, m.times[t]));
  return GLIA_OK;
}

static glia_status read_candidates(struct glia_discovery *d, const struct glia_yaml *node,
                                   struct glia_hidden *h)
{
  if (node->kind == GLIA_YAML_MAP) return read_monomials(d, node, h);
  if (node->kind != GLIA_YAML_LIST)
    return glia_yaml_error(node, "expected a list of texts, or {degree: 2, of: [u, u_x]}");
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    if (c->kind == GLIA_YAML_MAP)
      GLIA_TRY(read_monomials(d, c, h));
    else {
      const char *text = NULL;
      GLIA_TRY(text_of(c, &text));
      GLIA_TRY(add_candidate(d, c, text, h));
    }
  return GLIA_OK;
}

/* One library for all hidden terms, or one for each by name. */
static glia_status read_libraries(struct glia_discovery *d, const struct glia_yaml *root)
{
  const struct glia_yaml *node = glia_yaml_get(root, "candidates");

  if (node == NULL)
    return glia_yaml_error(root, "candidates are missing, as in candidates: [u, u^2, u*u_x, u_xx]");
  for (int k = 0; k < d->n_hidden; k++) {
    const struct glia_yaml *own =
        node->kind == GLIA_YAML_MAP ? glia_yaml_get(node, d->hidden[k].name) : NULL;
    GLIA_TRY(read_candidates(d, own != NULL ? own : node, &d->hidden[k]));
    if (d->hidden[k].n_candidates == 0)
      return glia_yaml_error(node, "no candidates for '%s'", d->hidden[k].name);
  }
  return GLIA_OK;
}

static glia_status read_window(struct glia_discovery *d, const struct glia_yaml *root)
{
  const struct glia_yaml *map = glia_yaml_get(root, "window");
  const char *known[GLIA_PDE_COORDS + 1] = {NULL};

  if (map == NULL) return GLIA_OK;
  for (int c = 0; c < d->p.n_coords; c++) known[c] = d->p.coord[c];
  GLIA_TRY(glia_yaml_check_keys(map, known));
  for (int c = 0; c < d->p.n_coords; c++)
    GLIA_TRY(glia_yaml_get_int(map, known[c], 3, 1000000, &d->window[c]));
  return GLIA_OK;
}

/* Inputs of the hidden network: what the term may depend on. */
static glia_status read_inputs(struct glia_discovery *d, const struct glia_yaml *root)
{
  const struct glia_yaml *list = glia_yaml_get(root, "inputs");
  struct glia_expr_names names = d->names;
  int64_t longest = 5;

  names.n_unknowns = d->p.n_unknowns;
  GLIA_TRY(glia_yaml_get_int(root, "search", 0, GLIA_SEARCH_LENGTH, &longest));
  d->longest = (int)longest;
  for (int i = 0; i < d->p.n_unknowns && list == NULL; i++) {
    const uint8_t none[GLIA_EXPR_COORDS] = {0};
    d->input_text[i] = d->unknown[i];
    d->input[d->n_inputs++] = glia_expr_unknown(d->p.pool, i, none);
  }
  if (list != NULL && list->kind != GLIA_YAML_LIST)
    return glia_yaml_error(list, "expected a list of texts, as in [u, u_x]");
  for (const struct glia_yaml *c = list != NULL ? list->child : NULL; c != NULL; c = c->next) {
    const char *text = NULL;
    int e, node[64];
    GLIA_TRY(text_of(c, &text));
    if (d->n_inputs == GLIA_SEARCH_VARIABLES)
      return glia_yaml_error(c, "more than %d inputs", GLIA_SEARCH_VARIABLES);
    GLIA_TRY(glia_problem_text_(&d->p, &names, c, text, false, &e));
    const int n = glia_expr_unknowns(d->p.pool, e, 64, node);
    for (int i = 0; i < n; i++)
      if (d->p.time >= 0 && glia_expr_at(d->p.pool, node[i])->order[d->p.time] > 0)
        return glia_yaml_error(
            c, "'%s' is what the hidden term is solved for: with it anything fits", text);
    GLIA_TRY(keep_text(d, text, &d->input_text[d->n_inputs]));
    d->input[d->n_inputs++] = e;
  }
  return GLIA_OK;
}

static glia_status read_options(struct glia_discovery *d, const struct glia_yaml *root)
{
  static const char *const ways[] = {"subsets", "thresholds", NULL};
  static const char *const methods[] = {"weak", "network", NULL};
  int64_t seed = 1, draws = 200;
  int way = 0, method = 0;

  d->options = (struct glia_regression_options){.ignore = 1e-2, .certain = 4.0};
  GLIA_TRY(glia_yaml_get_choice(root, "select", ways, &way));
  GLIA_TRY(glia_yaml_get_choice(root, "method", methods, &method));
  d->network = method == 1;
  if (!d->network && d->p.data.points > 0)
    return glia_yaml_error(glia_yaml_get(root, "data"),
                           "points: some of a grid are none: take method: network");
  GLIA_TRY(glia_yaml_get_real(root, "ignore", 0.0, 1.0, &d->options.ignore));
  GLIA_TRY(glia_yaml_get_real(root, "certain", 0.0, 100.0, &d->options.certain));
  GLIA_TRY(glia_yaml_get_int(root, "bootstrap", 2, 100000, &draws));
  GLIA_TRY(glia_yaml_get_int(root, "seed", 0, INT64_MAX, &seed));
  d->options.way = (glia_regression_way)way;
  d->options.draws = (int)draws;
  d->options.seed = d->seed = (uint64_t)seed;
  return GLIA_OK;
}

glia_status glia_discovery_read(const struct glia_yaml *root, struct glia_discovery *d)
{
  *d = (struct glia_discovery){0};
  GLIA_TRY(glia_problem_begin_(&d->p, root, NULL));
  if (d->p.data.file == NULL)
    return glia_yaml_error(root, "data are missing, as in data: {file: F.h5}");
  d->names = d->p.names;
  d->names.unknown = d->unknown;
  GLIA_TRY(read_hidden(d, root));
  GLIA_TRY(read_equations(d, root));
  GLIA_TRY(read_libraries(d, root));
  GLIA_TRY(read_window(d, root));
  GLIA_TRY(read_inputs(d, root));
  return read_options(d, root);
}

void glia_discovery_fini(struct glia_discovery *d) { glia_problem_fini(&d->p); }
