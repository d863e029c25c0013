/* From YAML text to a tree: libyaml's events, without what a configuration does not need. */
#include "yaml_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

char *yaml_copy(struct glia_yaml_doc *doc, const char *text, size_t n)
{
  char *p = glia_arena_take(&doc->arena, n + 1, 1);

  if (p != NULL) memcpy(p, text, n);
  return p;
}

glia_status yaml_new(struct glia_yaml_doc *doc, glia_yaml_kind kind, const char *file, int line,
                     struct yaml_node **out)
{
  GLIA_CHECK(doc->n_nodes < YAML_NODES_MAX, GLIA_E_CONFIG, "%s:%d: more than %d nodes", file, line,
             (int)YAML_NODES_MAX);
  struct yaml_node *node = glia_arena_take(&doc->arena, 1, sizeof *node);
  GLIA_CHECK(node != NULL, GLIA_E_MEMORY, "%s: no memory for a node", file);
  doc->n_nodes++;
  node->seen = (struct glia_yaml){.kind = kind, .line = line, .file = file};
  *out = node;
  return GLIA_OK;
}

void yaml_append(struct yaml_node *parent, struct yaml_node *child)
{
  if (parent->last != NULL) {
    parent->last->next = child;
    parent->last->seen.next = &child->seen;
  } else {
    parent->first = child;
    parent->seen.child = &child->seen;
  }
  parent->last = child;
  parent->seen.n_children++;
  child->parent = parent;
  child->seen.parent = &parent->seen;
}

int yaml_depth(const struct yaml_node *node)
{
  int depth = 0;

  for (; node->parent != NULL; node = node->parent) depth++;
  return depth;
}

/* One parse under way. */
struct reader {
  struct glia_yaml_doc *doc;
  yaml_parser_t parser;
  const char *file;
  bool in_override;
  int depth;
  struct yaml_node *root;
  struct yaml_node *open; /* the innermost list or map */
  const char *key;        /* read in that map, its value still to come */
};

static int line_of(const struct reader *r, const yaml_mark_t *mark)
{
  return r->in_override ? 0 : (int)mark->line + 1;
}

static glia_status refuse(const struct reader *r, const yaml_mark_t *mark, const char *why)
{
  if (r->in_override) return GLIA_FAIL(GLIA_E_CONFIG, "%s: %s", r->file, why);
  return GLIA_FAIL(GLIA_E_CONFIG, "%s:%zu: %s", r->file, mark->line + 1, why);
}

static glia_status refuse_syntax(const struct reader *r)
{
  const yaml_parser_t *p = &r->parser;
  const char *problem = p->problem != NULL ? p->problem : "not understood";
  char why[256];

  if (p->error == YAML_MEMORY_ERROR) return GLIA_FAIL(GLIA_E_MEMORY, "%s: no memory", r->file);
  if (p->error == YAML_READER_ERROR) {
    /* the place is known in bytes alone; the mark is that of the last token */
    snprintf(why, sizeof why, "malformed YAML: %s near byte %zu", problem, p->problem_offset);
    return refuse(r, &p->mark, why);
  }
  snprintf(why, sizeof why, "malformed YAML: column %zu: %s%s%s", p->problem_mark.column + 1,
           problem, p->context != NULL ? ", " : "", p->context != NULL ? p->context : "");
  return refuse(r, &p->problem_mark, why);
}

/* Hang a node where the last event left us. */
static glia_status place(struct reader *r, struct yaml_node *node, const yaml_mark_t *mark)
{
  if (r->open == NULL) {
    r->root = node;
    return GLIA_OK;
  }
  if (r->open->seen.kind == GLIA_YAML_MAP) {
    if (r->key == NULL) return refuse(r, mark, "a key must be plain text");
    node->seen.key = r->key;
    r->key = NULL;
  }
  yaml_append(r->open, node);
  return GLIA_OK;
}

static bool is_null(const char *text)
{
  return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 ||
         strcmp(text, "Null") == 0 || strcmp(text, "NULL") == 0;
}

static glia_status take_scalar(struct reader *r, const yaml_event_t *e)
{
  const size_t n = e->data.scalar.length;
  const char *text = (const char *)e->data.scalar.value;
  const bool quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  struct yaml_node *node;

  if (e->data.scalar.tag != NULL) return refuse(r, &e->start_mark, "tags are not supported here");
  if (e->data.scalar.anchor != NULL)
    return refuse(r, &e->start_mark, "anchors are not supported here");
  if (memchr(text, '\0', n) != NULL) return refuse(r, &e->start_mark, "text with a zero byte");
  const char *copy = yaml_copy(r->doc, text, n);
  GLIA_CHECK(copy != NULL, GLIA_E_MEMORY, "%s: no memory", r->file);
  if (r->open != NULL && r->open->seen.kind == GLIA_YAML_MAP && r->key == NULL) {
    if (n > YAML_KEY_MAX) return refuse(r, &e->start_mark, "a key is longer than 256 bytes");
    r->key = copy;
    return GLIA_OK;
  }
  const glia_yaml_kind kind = !quoted && is_null(text) ? GLIA_YAML_NULL : GLIA_YAML_SCALAR;
  GLIA_TRY(yaml_new(r->doc, kind, r->file, line_of(r, &e->start_mark), &node));
  node->seen.text = kind == GLIA_YAML_SCALAR ? copy : NULL;
  node->seen.quoted = quoted;
  return place(r, node, &e->start_mark);
}

static glia_status begin_container(struct reader *r, glia_yaml_kind kind, const yaml_event_t *e)
{
  const bool list = kind == GLIA_YAML_LIST;
  struct yaml_node *node;

  if ((list ? e->data.sequence_start.tag : e->data.mapping_start.tag) != NULL)
    return refuse(r, &e->start_mark, "tags are not supported here");
  if ((list ? e->data.sequence_start.anchor : e->data.mapping_start.anchor) != NULL)
    return refuse(r, &e->start_mark, "anchors are not supported here");
  if (r->depth >= YAML_DEPTH_MAX) return refuse(r, &e->start_mark, "nested deeper than 64 levels");
  GLIA_TRY(yaml_new(r->doc, kind, r->file, line_of(r, &e->start_mark), &node));
  GLIA_TRY(place(r, node, &e->start_mark));
  r->open = node;
  r->depth++;
  return GLIA_OK;
}

static int by_key_then_line(const void *a, const void *b)
{
  const struct yaml_node *const *x = a;
  const struct yaml_node *const *y = b;
  const int order = strcmp((*x)->seen.key, (*y)->seen.key);

  return order != 0 ? order
                    : ((*x)->seen.line > (*y)->seen.line) - ((*x)->seen.line < (*y)->seen.line);
}

/* Sorting keeps this quick for maps of any size. */
static glia_status refuse_duplicates(const struct reader *r, const struct yaml_node *map)
{
  const size_t n = (size_t)map->seen.n_children;
  size_t i = 0;
  char why[YAML_KEY_MAX + 64];

  if (n < 2) return GLIA_OK;
  const struct yaml_node **all = malloc(n * sizeof *all);
  GLIA_CHECK(all != NULL, GLIA_E_MEMORY, "%s: no memory", r->file);
  for (const struct yaml_node *c = map->first; c != NULL; c = c->next) all[i++] = c;
  qsort(all, n, sizeof *all, by_key_then_line);
  glia_status st = GLIA_OK;
  for (i = 1; i < n && st == GLIA_OK; i++)
    if (strcmp(all[i - 1]->seen.key, all[i]->seen.key) == 0) {
      const int line = all[i]->seen.line;
      if (line > 0)
        snprintf(why, sizeof why, "key '%s' stands here twice, first in line %d", all[i]->seen.key,
                 all[i - 1]->seen.line);
      else
        snprintf(why, sizeof why, "key '%s' stands here twice", all[i]->seen.key);
      const yaml_mark_t mark = {.line = line > 0 ? (size_t)line - 1 : 0};
      st = refuse(r, &mark, why);
    }
  free(all);
  return st;
}

static glia_status end_container(struct reader *r)
{
  struct yaml_node *closed = r->open;

  r->open = closed->parent;
  r->depth--;
  return closed->seen.kind == GLIA_YAML_MAP ? refuse_duplicates(r, closed) : GLIA_OK;
}

static glia_status take_event(struct reader *r, const yaml_event_t *e, int *n_documents)
{
  switch (e->type) {
  case YAML_DOCUMENT_START_EVENT:
    if (++*n_documents > 1)
      return refuse(r, &e->start_mark, "a second document begins here; one is expected");
    return GLIA_OK;
  case YAML_ALIAS_EVENT:
    return refuse(r, &e->start_mark,
                  "aliases are not supported here; quote text that begins with '*'");
  case YAML_SCALAR_EVENT:
    return take_scalar(r, e);
  case YAML_SEQUENCE_START_EVENT:
    return begin_container(r, GLIA_YAML_LIST, e);
  case YAML_MAPPING_START_EVENT:
    return begin_container(r, GLIA_YAML_MAP, e);
  case YAML_SEQUENCE_END_EVENT:
  case YAML_MAPPING_END_EVENT:
    return end_container(r);
  default:
    return GLIA_OK;
  }
}

static glia_status read_events(struct reader *r)
{
  int n_documents = 0;
  bool more = true;

  while (more) {
    yaml_event_t e;
    if (!yaml_parser_parse(&r->parser, &e)) return refuse_syntax(r);
    more = e.type != YAML_STREAM_END_EVENT;
    const glia_status st = take_event(r, &e, &n_documents);
    yaml_event_delete(&e);
    if (st != GLIA_OK) return st;
  }
  return GLIA_OK;
}

glia_status yaml_parse(struct glia_yaml_doc *doc, const char *name, const char *text, size_t n,
                       bool in_override, int depth, struct yaml_node **out)
{
  struct reader r = {.doc = doc, .file = name, .in_override = in_override, .depth = depth};

  GLIA_CHECK(n <= YAML_BYTES_MAX, GLIA_E_CONFIG, "%s: larger than 16 MiB", name);
  GLIA_CHECK(yaml_parser_initialize(&r.parser) == 1, GLIA_E_MEMORY, "%s: no memory", name);
  yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, n);
  glia_status st = read_events(&r);
  yaml_parser_delete(&r.parser);
  if (st == GLIA_OK && r.root == NULL)
    st = yaml_new(doc, GLIA_YAML_NULL, name, in_override ? 0 : 1, &r.root);
  if (st == GLIA_OK) *out = r.root;
  return st;
}

glia_status glia_yaml_parse_text(const char *name, const char *text, size_t n,
                                 struct glia_yaml_doc **out)
{
  glia_status st = GLIA_OK;

  *out = NULL;
  struct glia_yaml_doc *doc = calloc(1, sizeof *doc);
  GLIA_CHECK(doc != NULL, GLIA_E_MEMORY, "%s: no memory", name);
  const char *file = yaml_copy(doc, name, strlen(name));
  GLIA_CHECK_TO(done, st, file != NULL, GLIA_E_MEMORY, "%s: no memory", name);
  GLIA_TRY_TO(done, st, yaml_parse(doc, file, text, n, false, 0, &doc->root));
  *out = doc;
  doc = NULL;
done:
  glia_yaml_destroy(&doc);
  return st;
}

glia_status glia_yaml_parse_file(const char *path, struct glia_yaml_doc **out)
{
  glia_status st = GLIA_OK;
  size_t n = 0;
  size_t room = 65536;

  *out = NULL;
  FILE *f = fopen(path, "rb");
  GLIA_CHECK(f != NULL, errno == ENOENT ? GLIA_E_MISSING : GLIA_E_IO, "%s: cannot open: %s", path,
             strerror(errno));
  char *text = malloc(room);
  GLIA_CHECK_TO(done, st, text != NULL, GLIA_E_MEMORY, "%s: no memory", path);
  for (size_t got; (got = fread(text + n, 1, room - n, f)) > 0;) {
    n += got;
    GLIA_CHECK_TO(done, st, n <= YAML_BYTES_MAX, GLIA_E_CONFIG, "%s: larger than 16 MiB", path);
    if (n < room) continue;
    char *more = realloc(text, 2 * room);
    GLIA_CHECK_TO(done, st, more != NULL, GLIA_E_MEMORY, "%s: no memory", path);
    text = more;
    room *= 2;
  }
  GLIA_CHECK_TO(done, st, ferror(f) == 0, GLIA_E_IO, "%s: cannot read: %s", path, strerror(errno));
  GLIA_TRY_TO(done, st, glia_yaml_parse_text(path, text, n, out));
done:
  free(text);
  fclose(f);
  return st;
}

const struct glia_yaml *glia_yaml_root(const struct glia_yaml_doc *doc) { return &doc->root->seen; }

void glia_yaml_destroy(struct glia_yaml_doc **doc)
{
  if (*doc == NULL) return;
  glia_arena_fini(&(*doc)->arena);
  free(*doc);
  *doc = NULL;
}
