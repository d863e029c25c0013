/* A problem from YAML: names, domain, equations, conditions. Checks are in problem_check.c. */
#include "problem_priv.h"

#include "glia_fields.h"
#include "glia_text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const *glia_problem_keys(void)
{
  static const char *const keys[] = {"unknowns",  "domain",     "constants", "parameters",
                                     "equations", "conditions", "periodic",  "within",
                                     "without",   "ansatz",     "impose",    "exact",
                                     "data",      "reference",  NULL};

  return keys;
}

/* Two lines that show where a text was not understood. */
static void point_at(struct glia_problem *p, const char *text, int column)
{
  char line[GLIA_EXPR_TEXT / 2];
  size_t n = strlen(text);

  if (n >= sizeof line - 1) n = sizeof line - 2;
  for (size_t i = 0; i < n; i++) line[i] = text[i] == '\n' || text[i] == '\t' ? ' ' : text[i];
  line[n] = '\0';
  snprintf(p->fault, sizeof p->fault, "  %s\n  %*s^", line, column, "");
}

glia_status glia_problem_text_(struct glia_problem *p, const struct glia_expr_names *names,
                               const struct glia_yaml *at, const char *text, bool equation,
                               int *out)
{
  struct glia_expr_fault fault;
  const glia_status st = glia_expr_parse(p->pool, names, text, equation, out, &fault);

  if (st != GLIA_E_CONFIG) return st;
  point_at(p, text, fault.column);
  return glia_yaml_error(at, "column %d: %s", fault.column + 1, fault.text);
}

/* Names alone: coordinates, unknowns, parameters, constants; not the network's outputs. */
static struct glia_expr_names names_of(const struct glia_problem *p, bool outputs)
{
  return (struct glia_expr_names){.n_coords = p->n_coords,
                                  .n_unknowns = outputs ? 2 * p->n_unknowns : p->n_unknowns,
                                  .n_parameters = p->n_parameters,
                                  .coord = p->coord,
                                  .unknown = p->unknown,
                                  .parameter = p->parameter,
                                  .n_constants = p->n_constants,
                                  .constant = p->constant,
                                  .constant_value = p->constant_value};
}

static glia_status text_of(const struct glia_yaml *node, const char **out)
{
  if (node->kind != GLIA_YAML_SCALAR)
    return glia_yaml_error(node, "expected a text such as \"u_t = u_xx\"");
  *out = node->text;
  return GLIA_OK;
}

/* A number, written as one or as a formula of constants: "0.01/pi". */
static glia_status number(struct glia_problem *p, const struct glia_yaml *node, double *out)
{
  const struct glia_expr_names names = {
      .n_constants = p->n_constants, .constant = p->constant, .constant_value = p->constant_value};
  const char *text = NULL;
  int e;

  GLIA_TRY(text_of(node, &text));
  GLIA_TRY(glia_problem_text_(p, &names, node, text, false, &e));
  *out = glia_expr_at(p->pool, e)->number;
  if (!isfinite(*out)) return glia_yaml_error(node, "'%s' is not a finite number", text);
  return GLIA_OK;
}

static glia_status interval(struct glia_problem *p, const struct glia_yaml *node, double *lo,
                            double *hi)
{
  if (node->kind != GLIA_YAML_LIST || node->n_children != 2)
    return glia_yaml_error(node, "expected an interval [low, high]");
  GLIA_TRY(number(p, node->child, lo));
  GLIA_TRY(number(p, node->child->next, hi));
  if (!(*lo < *hi)) return glia_yaml_error(node, "the interval [%g, %g] is empty", *lo, *hi);
  return GLIA_OK;
}

/* Names. */

static bool taken(const struct glia_problem *p, const char *name)
{
  static const char *const words[] = {"pi", "e", "d", "N", "boundary", NULL};
  const struct {
    const char *const *list;
    int n;
  } from[] = {{p->coord, p->n_coords},
              {p->unknown, p->n_unknowns},
              {p->parameter, p->n_parameters},
              {p->constant, p->n_constants}};

  for (int i = 0; words[i] != NULL; i++)
    if (strcmp(words[i], name) == 0) return true;
  for (size_t k = 0; k < GLIA_COUNT(from); k++)
    for (int i = 0; i < from[k].n; i++)
      if (strcmp(from[k].list[i], name) == 0) return true;
  return false;
}

static glia_status add_name(struct glia_problem *p, const struct glia_yaml *at, const char *name,
                            int most, const char **list, int *n)
{
  size_t length = strlen(name);

  if (length == 0 || length > 31 || !isalpha((unsigned char)name[0]))
    return glia_yaml_error(at, "'%.40s' is no name: letters, digits and _, a letter first", name);
  for (size_t i = 0; i < length; i++)
    if (!isalnum((unsigned char)name[i]) && name[i] != '_')
      return glia_yaml_error(at, "'%.40s' is no name: letters, digits and _, a letter first", name);
  if (taken(p, name)) return glia_yaml_error(at, "the name '%s' is taken already", name);
  if (*n == most) return glia_yaml_error(at, "more than %d names here", most);
  list[*n] = glia_arena_text(&p->arena, name);
  GLIA_CHECK(list[*n] != NULL, GLIA_E_MEMORY, "a name");
  (*n)++;
  return GLIA_OK;
}

static glia_status read_unknowns(struct glia_problem *p, const struct glia_yaml *root)
{
  const struct glia_yaml *list = glia_yaml_get(root, "unknowns");

  if (list == NULL) return glia_yaml_error(root, "unknowns is missing, as in unknowns: [u]");
  if (list->kind != GLIA_YAML_LIST || list->n_children == 0)
    return glia_yaml_error(list, "expected a list of names, as in [u]");
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next) {
    const char *name = NULL;
    GLIA_TRY(text_of(c, &name));
    GLIA_TRY(add_name(p, c, name, GLIA_PDE_UNKNOWNS, p->unknown, &p->n_unknowns));
  }
  for (int i = 0; i < p->n_unknowns; i++) {
    char name[64] = "N";
    if (p->n_unknowns > 1) snprintf(name, sizeof name, "N_%s", p->unknown[i]);
    p->unknown[p->n_unknowns + i] = glia_arena_text(&p->arena, name);
    GLIA_CHECK(p->unknown[p->n_unknowns + i] != NULL, GLIA_E_MEMORY, "a name");
  }
  return GLIA_OK;
}

static bool staged(const struct glia_problem_stage *stage, const char *name)
{
  return stage != NULL && stage->name != NULL && strcmp(stage->name, name) == 0;
}

static glia_status read_constants(struct glia_problem *p, const struct glia_yaml *root,
                                  const struct glia_problem_stage *stage)
{
  const struct glia_yaml *map = glia_yaml_get(root, "constants");

  if (map == NULL) return GLIA_OK;
  if (map->kind != GLIA_YAML_MAP) return glia_yaml_error(map, "expected names with numbers");
  for (const struct glia_yaml *c = map->child; c != NULL; c = c->next) {
    double v;
    GLIA_TRY(number(p, c, &v)); /* of the constants before it */
    if (staged(stage, c->key)) v = stage->value;
    GLIA_TRY(add_name(p, c, c->key, GLIA_PDE_CONSTANTS, p->constant, &p->n_constants));
    p->constant_value[p->n_constants - 1] = v;
  }
  return GLIA_OK;
}

static glia_status read_parameters(struct glia_problem *p, const struct glia_yaml *root)
{
  const struct glia_yaml *map = glia_yaml_get(root, "parameters");

  if (map == NULL) return GLIA_OK;
  if (map->kind != GLIA_YAML_MAP)
    return glia_yaml_error(map, "expected names with the numbers to start from, as in {nu: 0.1}");
  for (const struct glia_yaml *c = map->child; c != NULL; c = c->next) {
    GLIA_TRY(add_name(p, c, c->key, GLIA_PDE_PARAMETERS, p->parameter, &p->n_parameters));
    GLIA_TRY(number(p, c, &p->parameter_start[p->n_parameters - 1]));
  }
  return GLIA_OK;
}

/* Domain. */

static int coord_named(const struct glia_problem *p, const char *name)
{
  for (int c = 0; c < p->n_coords; c++)
    if (strcmp(p->coord[c], name) == 0) return c;
  return -1;
}

static glia_status find_coord(const struct glia_problem *p, const struct glia_yaml *at,
                              const char *name, int *out)
{
  const char *known[GLIA_PDE_COORDS + 1] = {NULL};

  *out = coord_named(p, name);
  if (*out >= 0) return GLIA_OK;
  for (int c = 0; c < p->n_coords; c++) known[c] = p->coord[c];
  const char *near = glia_nearest(name, known);
  return glia_yaml_error(at, "'%.40s' is no coordinate of the domain%s%s%s", name,
                         near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
                         near != NULL ? "'?" : "");
}

static glia_status read_box(struct glia_problem *p, const struct glia_yaml *root,
                            const struct glia_problem_stage *stage)
{
  const struct glia_yaml *map = glia_yaml_get(root, "domain");

  if (map == NULL || map->kind != GLIA_YAML_MAP)
    return glia_yaml_error(map != NULL ? map : root,
                           "domain: expected coordinates with intervals, as in {t: [0, 1], x: "
                           "[-1, 1]}");
  p->time = -1;
  for (const struct glia_yaml *c = map->child; c != NULL; c = c->next) {
    GLIA_TRY(add_name(p, c, c->key, GLIA_PDE_COORDS, p->coord, &p->n_coords));
    const int i = p->n_coords - 1;
    GLIA_TRY(interval(p, c, &p->lo[i], &p->hi[i]));
    if (strcmp(c->key, "t") == 0) {
      p->time = i;
      p->horizon = staged(stage, "t") ? stage->value : p->hi[i];
      if (!(p->horizon > p->lo[i] && p->horizon <= p->hi[i]))
        return glia_yaml_error(c, "a stage that ends at t = %g sees nothing of [%g, %g]",
                               p->horizon, p->lo[i], p->hi[i]);
    }
  }
  if (p->n_coords == 0) return glia_yaml_error(map, "a domain without coordinates");
  return GLIA_OK;
}

static glia_status pair(struct glia_problem *p, const struct glia_yaml *node, double out[2])
{
  if (node == NULL || node->kind != GLIA_YAML_LIST || node->n_children != 2)
    return glia_yaml_error(node, "expected a point [x, y]");
  GLIA_TRY(number(p, node->child, &out[0]));
  return number(p, node->child->next, &out[1]);
}

static glia_status shape_box(struct glia_problem *p, const struct glia_yaml *node,
                             struct glia_shape *s)
{
  int at = 0;

  for (int c = 0; c < p->n_coords; c++) {
    if (c == p->time) continue;
    const struct glia_yaml *side = glia_yaml_get(node, p->coord[c]);
    if (side == NULL) return glia_yaml_error(node, "expected an interval for '%s'", p->coord[c]);
    GLIA_TRY(interval(p, side, &s->box[at], &s->box[at + 1]));
    at += 2;
  }
  return GLIA_OK;
}

static glia_status shape_disk(struct glia_problem *p, const struct glia_yaml *node,
                              struct glia_shape *s)
{
  static const char *const keys[] = {"center", "radius", NULL};

  GLIA_TRY(glia_yaml_check_keys(node, keys));
  const struct glia_yaml *c = glia_yaml_get(node, "center"), *r = glia_yaml_get(node, "radius");
  if (c == NULL || r == NULL) return glia_yaml_error(node, "expected {center: [0, 0], radius: 1}");
  GLIA_TRY(pair(p, c, s->centre));
  GLIA_TRY(number(p, r, &s->radius));
  if (!(s->radius > 0.0)) return glia_yaml_error(r, "a radius of %g", s->radius);
  return GLIA_OK;
}

/* Corners by name of the coordinates; one that is the first again closes what is closed. */
static glia_status polygon_file(struct glia_problem *p, const struct glia_yaml *node,
                                struct glia_shape *s)
{
  const char *name[2] = {NULL};
  double *xy = NULL;
  int64_t n;

  for (int c = 0, k = 0; c < p->n_coords; c++)
    if (c != p->time) name[k++] = p->coord[c];
  GLIA_TRY(glia_fields_read(node->text, 2, 0, name, &n, &xy));
  if (n > 3 && xy[0] == xy[2 * n - 2] && xy[1] == xy[2 * n - 1]) n--;
  if (n >= 3 && n <= GLIA_PDE_CORNERS) memcpy(s->corner, xy, (size_t)n * sizeof *s->corner);
  s->n = (int)n;
  free(xy);
  if (n >= 3 && n <= GLIA_PDE_CORNERS) return GLIA_OK;
  return glia_yaml_error(node, "%s has %lld corners, expected 3 to %d", node->text, (long long)n,
                         GLIA_PDE_CORNERS);
}

static glia_status shape_polygon(struct glia_problem *p, const struct glia_yaml *node,
                                 struct glia_shape *s)
{
  if (node->kind == GLIA_YAML_SCALAR) return polygon_file(p, node, s);
  if (node->kind != GLIA_YAML_LIST || node->n_children < 3 || node->n_children > GLIA_PDE_CORNERS)
    return glia_yaml_error(node, "expected 3 to %d points [[x, y], ...], or a file of them",
                           GLIA_PDE_CORNERS);
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(pair(p, c, s->corner[s->n++]));
  return GLIA_OK;
}

static glia_status read_shapes(struct glia_problem *p, const struct glia_yaml *root,
                               const char *key, struct glia_shape *list, int *n)
{
  static const char *const kinds[] = {"box", "disk", "polygon", NULL};
  static glia_status (*const read[])(struct glia_problem *, const struct glia_yaml *,
                                     struct glia_shape *) = {shape_box, shape_disk, shape_polygon};
  const struct glia_yaml *node = glia_yaml_get(root, key);

  if (node == NULL) return GLIA_OK;
  if (node->kind != GLIA_YAML_LIST)
    return glia_yaml_error(node, "expected a list of shapes, as in [{disk: {center: [0, 0], "
                                 "radius: 1}}]");
  if (p->n_coords - (p->time >= 0) != 2)
    return glia_yaml_error(node, "shapes live in the plane: two coordinates beside t");
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next) {
    if (*n == GLIA_PDE_SHAPES) return glia_yaml_error(c, "more than %d shapes", GLIA_PDE_SHAPES);
    if (c->kind != GLIA_YAML_MAP || c->n_children != 1)
      return glia_yaml_error(c, "expected one shape: box, disk or polygon");
    GLIA_TRY(glia_yaml_check_keys(c, kinds));
    struct glia_shape *s = &list[(*n)++];
    for (int k = 0; kinds[k] != NULL; k++)
      if (strcmp(c->child->key, kinds[k]) == 0) {
        s->kind = (glia_shape_kind)k;
        GLIA_TRY(read[k](p, c->child, s));
      }
  }
  return GLIA_OK;
}

static glia_status read_periodic(struct glia_problem *p, const struct glia_yaml *root)
{
  const struct glia_yaml *node = glia_yaml_get(root, "periodic");

  if (node == NULL) return GLIA_OK;
  const struct glia_yaml *c = node->kind == GLIA_YAML_LIST ? node->child : node;
  for (; c != NULL; c = node->kind == GLIA_YAML_LIST ? c->next : NULL) {
    const char *name = NULL;
    int i;
    GLIA_TRY(text_of(c, &name));
    GLIA_TRY(find_coord(p, c, name, &i));
    p->periodic[i] = true;
  }
  return GLIA_OK;
}

/* Equations and conditions. */

/* What is said of the solution itself weighs more than its equation, whose residual is of second derivatives. Chosen on few seeds:
 * Poisson's equation ends after 250 steps at a median of 1e-8 over ten seeds, heat conduction after 400 at 1e-6 (one seed). */
static const double CONDITION_WEIGHT = 100.0;
static const double NOISY_WEIGHT =
    1.0; /* of data with errors, which a heavier weight would follow */

static glia_status weight_of(const struct glia_yaml *node, double otherwise, double *out)
{
  *out = otherwise;
  return glia_yaml_get_real(node, "weight", 1e-12, 1e12, out);
}

static glia_status read_equation(struct glia_problem *p, const struct glia_yaml *node)
{
  static const char *const keys[] = {"equation", "weight", NULL};
  const struct glia_yaml *at = node;
  const int i = p->n_equations;

  if (i == GLIA_PDE_EQUATIONS)
    return glia_yaml_error(node, "more than %d equations", GLIA_PDE_EQUATIONS);
  p->equation_weight[i] = 1.0;
  if (node->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_check_keys(node, keys));
    GLIA_TRY(weight_of(node, 1.0, &p->equation_weight[i]));
    at = glia_yaml_get(node, "equation");
    if (at == NULL) return glia_yaml_error(node, "expected {equation: \"...\", weight: 1}");
  }
  GLIA_TRY(text_of(at, &p->equation_text[i]));
  p->equation_text[i] = glia_arena_text(&p->arena, p->equation_text[i]);
  GLIA_CHECK(p->equation_text[i] != NULL, GLIA_E_MEMORY, "an equation");
  GLIA_TRY(glia_problem_text_(p, &p->names, at, p->equation_text[i], true, &p->equation[i]));
  if (!glia_expr_reads(p->pool, p->equation[i], GLIA_EXPR_UNKNOWN, -1))
    return glia_yaml_error(at, "the equation contains no unknown");
  p->n_equations++;
  return GLIA_OK;
}

static glia_status read_equations(struct glia_problem *p, const struct glia_yaml *root)
{
  const struct glia_yaml *list = glia_yaml_get(root, "equations");

  if (list == NULL || (list->kind == GLIA_YAML_LIST && list->n_children == 0))
    return glia_yaml_error(list != NULL ? list : root,
                           "equations are missing, as in equations: [\"u_t = u_xx\"]");
  if (list->kind != GLIA_YAML_LIST) return read_equation(p, list);
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next)
    GLIA_TRY(read_equation(p, c));
  return GLIA_OK;
}

/* {x: [-1, 1], ...}: one face for each value of the coordinate that has several. */
static glia_status read_faces(struct glia_problem *p, const struct glia_yaml *at,
                              struct glia_pde_condition *c)
{
  const struct glia_yaml *many = NULL;
  struct glia_face face = {0};
  int which = -1;

  if (at->kind != GLIA_YAML_MAP || at->n_children == 0)
    return glia_yaml_error(at, "expected boundary, or coordinates with values, as in {x: [-1, 1]}");
  for (const struct glia_yaml *k = at->child; k != NULL; k = k->next) {
    int i;
    GLIA_TRY(find_coord(p, k, k->key, &i));
    face.fixed[i] = true;
    if (k->kind == GLIA_YAML_LIST) {
      if (many != NULL) return glia_yaml_error(k, "only one coordinate may have several values");
      if (k->n_children < 1 || k->n_children > GLIA_PDE_FACES)
        return glia_yaml_error(k, "expected 1 to %d values", GLIA_PDE_FACES);
      many = k;
      which = i;
    } else
      GLIA_TRY(number(p, k, &face.at[i]));
    if (k->kind != GLIA_YAML_LIST && !(face.at[i] >= p->lo[i] && face.at[i] <= p->hi[i]))
      return glia_yaml_error(k, "%g lies outside the domain [%g, %g]", face.at[i], p->lo[i],
                             p->hi[i]);
  }
  if (many == NULL) c->face[c->n_faces++] = face;
  for (const struct glia_yaml *v = many != NULL ? many->child : NULL; v != NULL; v = v->next) {
    GLIA_TRY(number(p, v, &face.at[which]));
    if (!(face.at[which] >= p->lo[which] && face.at[which] <= p->hi[which]))
      return glia_yaml_error(v, "%g lies outside the domain [%g, %g]", face.at[which], p->lo[which],
                             p->hi[which]);
    c->face[c->n_faces++] = face;
  }
  return GLIA_OK;
}

static glia_status add_condition(struct glia_problem *p, const struct glia_yaml *node,
                                 const struct glia_yaml *at, const struct glia_yaml *equation)
{
  if (p->n_conditions == GLIA_PDE_CONDITIONS)
    return glia_yaml_error(node, "more than %d conditions", GLIA_PDE_CONDITIONS);
  struct glia_pde_condition *c = &p->condition[p->n_conditions];
  *c = (struct glia_pde_condition){0};
  if (at->kind != GLIA_YAML_SCALAR)
    GLIA_TRY(read_faces(p, at, c));
  else if (strcmp(at->text, "boundary") != 0)
    return glia_yaml_error(at, "found '%.40s', expected boundary, or coordinates with values",
                           at->text);
  GLIA_TRY(weight_of(node, CONDITION_WEIGHT, &c->weight));
  GLIA_TRY(glia_yaml_get_int(node, "points", 1, 10000000, &c->points));
  GLIA_TRY(text_of(equation, &c->text));
  c->text = glia_arena_text(&p->arena, c->text);
  GLIA_CHECK(c->text != NULL, GLIA_E_MEMORY, "a condition");
  GLIA_TRY(glia_problem_text_(p, &p->names, equation, c->text, true, &c->residual));
  if (!glia_expr_reads(p->pool, c->residual, GLIA_EXPR_UNKNOWN, -1))
    return glia_yaml_error(equation, "the condition contains no unknown");
  p->n_conditions++;
  return GLIA_OK;
}

static glia_status read_conditions(struct glia_problem *p, const struct glia_yaml *root)
{
  static const char *const keys[] = {"at", "equation", "weight", "points", NULL};
  const struct glia_yaml *list = glia_yaml_get(root, "conditions");

  if (list == NULL) return GLIA_OK;
  if (list->kind != GLIA_YAML_LIST)
    return glia_yaml_error(list, "expected a list, as in [{at: {t: 0}, equation: \"u = 0\"}]");
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next) {
    GLIA_TRY(glia_yaml_check_keys(c, keys));
    const struct glia_yaml *at = glia_yaml_get(c, "at"), *e = glia_yaml_get(c, "equation");
    if (at == NULL || e == NULL)
      return glia_yaml_error(c, "expected {at: {t: 0}, equation: \"u = sin(x)\"}");
    if (e->kind != GLIA_YAML_LIST)
      GLIA_TRY(add_condition(p, c, at, e));
    else
      for (const struct glia_yaml *k = e->child; k != NULL; k = k->next)
        GLIA_TRY(add_condition(p, c, at, k));
  }
  return GLIA_OK;
}

/* {u: "..."} by unknown. */
static glia_status read_by_unknown(struct glia_problem *p, const struct glia_yaml *root,
                                   const char *key, bool outputs, int *out)
{
  const struct glia_yaml *map = glia_yaml_get(root, key);
  struct glia_expr_names names = names_of(p, outputs);
  const char *known[GLIA_PDE_UNKNOWNS + 1] = {NULL}, *text = NULL;

  for (int i = 0; i < p->n_unknowns; i++) {
    known[i] = p->unknown[i];
    out[i] = GLIA_EXPR_NONE;
  }
  if (!outputs) names.n_unknowns = 0;
  if (map == NULL) return GLIA_OK;
  if (map->kind != GLIA_YAML_MAP) return glia_yaml_error(map, "expected unknowns with formulas");
  GLIA_TRY(glia_yaml_check_keys(map, known));
  for (int i = 0; i < p->n_unknowns; i++) {
    const struct glia_yaml *node = glia_yaml_get(map, p->unknown[i]);
    if (node == NULL) continue;
    GLIA_TRY(text_of(node, &text));
    GLIA_TRY(glia_problem_text_(p, &names, node, text, false, &out[i]));
  }
  return GLIA_OK;
}

static glia_status read_data(struct glia_problem *p, const struct glia_yaml *root, const char *key,
                             struct glia_pde_data *out)
{
  static const char *const keys[] = {"file", "noise", "error", "points", "weight", NULL};
  const struct glia_yaml *node = glia_yaml_get(root, key);
  const char *file = NULL;

  *out = (struct glia_pde_data){.weight = CONDITION_WEIGHT};
  if (node == NULL) return GLIA_OK;
  GLIA_TRY(glia_yaml_check_keys(node, keys));
  GLIA_TRY(glia_yaml_get_text(node, "file", &file));
  if (file == NULL) return glia_yaml_error(node, "expected {file: F.h5}, or a .csv");
  GLIA_TRY(glia_yaml_get_real(node, "noise", 0.0, 100.0, &out->noise));
  GLIA_TRY(glia_yaml_get_int(node, "points", 1, 100000000, &out->points));
  GLIA_TRY(glia_yaml_get_real(node, "error", 0.0, 100.0, &out->error));
  const bool exact = out->noise == 0.0 && out->error == 0.0;
  GLIA_TRY(weight_of(node, exact ? CONDITION_WEIGHT : NOISY_WEIGHT, &out->weight));
  out->file = glia_arena_text(&p->arena, file);
  GLIA_CHECK(out->file != NULL, GLIA_E_MEMORY, "a file name");
  return GLIA_OK;
}

static glia_status read_impose(struct glia_problem *p, const struct glia_yaml *root)
{
  static const char *const ways[] = {"penalty", "exact", NULL};
  int way = 1;

  GLIA_TRY(glia_yaml_get_choice(root, "impose", ways, &way));
  p->impose = way == 1;
  return GLIA_OK;
}

glia_status glia_problem_begin_(struct glia_problem *p, const struct glia_yaml *root,
                                const struct glia_problem_stage *stage)
{
  *p = (struct glia_problem){.time = -1};
  GLIA_TRY(glia_expr_pool_create(&p->pool));
  GLIA_TRY(read_constants(p, root, stage));
  GLIA_TRY(read_unknowns(p, root));
  GLIA_TRY(read_box(p, root, stage));
  GLIA_TRY(read_periodic(p, root));
  p->names = names_of(p, false);
  return read_data(p, root, "data", &p->data);
}

static glia_status read_all(const struct glia_yaml *root, const struct glia_problem_stage *stage,
                            struct glia_problem *p)
{
  GLIA_TRY(glia_problem_begin_(p, root, stage));
  GLIA_TRY(read_parameters(p, root));
  GLIA_TRY(read_shapes(p, root, "within", p->within, &p->n_within));
  GLIA_TRY(read_shapes(p, root, "without", p->without, &p->n_without));
  p->names = names_of(p, false);
  GLIA_TRY(read_equations(p, root));
  GLIA_TRY(read_conditions(p, root));
  GLIA_TRY(read_by_unknown(p, root, "ansatz", true, p->ansatz));
  GLIA_TRY(read_impose(p, root));
  GLIA_TRY(read_by_unknown(p, root, "exact", false, p->exact));
  for (int i = 0; i < p->n_unknowns; i++) p->ansatz_given[i] = p->ansatz[i] != GLIA_EXPR_NONE;
  return read_data(p, root, "reference", &p->reference);
}

glia_status glia_problem_read_stage(const struct glia_yaml *root,
                                    const struct glia_problem_stage *stage, bool checked,
                                    struct glia_problem *p)
{
  GLIA_TRY(read_all(root, stage, p));
  if (checked) GLIA_TRY(glia_problem_check_(p, root));
  return glia_problem_scale_(p);
}

glia_status glia_problem_read(const struct glia_yaml *root, struct glia_problem *p)
{
  return glia_problem_read_stage(root, NULL, true, p);
}

glia_status glia_problem_read_solved(const struct glia_yaml *root, struct glia_problem *p)
{
  return glia_problem_read_stage(root, NULL, false, p);
}

void glia_problem_fini(struct glia_problem *p)
{
  glia_expr_pool_destroy(&p->pool);
  glia_arena_fini(&p->arena);
}
