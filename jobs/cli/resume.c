/* What a run resumes from: see resume.h. */
#include "resume.h"

#include "attempts.h"
#include "glia_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys that may change when a run is resumed. */
static bool may_change(const struct glia_yaml *node)
{
  static const char *const top[] = {"epochs", "max_steps", "parallel", "checkpoint", NULL};

  for (int i = 0; node->parent != NULL && node->parent->parent == NULL && top[i] != NULL; i++)
    if (strcmp(node->key, top[i]) == 0) return true;
  return node->parent != NULL && node->parent->parent != NULL &&
         node->parent->parent->parent == NULL && strcmp(node->parent->key, "data") == 0 &&
         strcmp(node->key, "file") == 0;
}

static const char *shown(const struct glia_yaml *n)
{
  if (n == NULL) return "absent";
  return n->text != NULL ? n->text : n->kind == GLIA_YAML_NULL ? "null" : "a different structure";
}

/* No key, and a key without a value, say the same. */
static bool absent(const struct glia_yaml *n) { return n == NULL || n->kind == GLIA_YAML_NULL; }

static void path_of(const struct glia_yaml *n, char *out, size_t size)
{
  int index = 0;

  out[0] = '\0';
  if (n == NULL || n->parent == NULL) return;
  path_of(n->parent, out, size);
  const size_t used = strlen(out);
  const char *dot = used > 0 ? "." : "";
  for (const struct glia_yaml *c = n->parent->child; c != NULL && c != n; c = c->next) index++;
  if (n->key != NULL)
    snprintf(out + used, size - used, "%s%s", dot, n->key);
  else
    snprintf(out + used, size - used, "%s%d", dot, index);
}

/* true, True and TRUE, and so with false: as YAML's core schema has them. */
static int truth(const char *text)
{
  static const char *const words[] = {"false", "False", "FALSE", "true", "True", "TRUE"};

  for (int i = 0; i < (int)GLIA_COUNT(words); i++)
    if (strcmp(text, words[i]) == 0) return i / 3;
  return -1;
}

/* Do two texts say the same? 1e-3 and 0.001 do. */
static bool same_scalar(const char *a, const char *b)
{
  char *a_end, *b_end;

  if (strcmp(a, b) == 0) return true;
  if (truth(a) >= 0) return truth(a) == truth(b);
  const double x = strtod(a, &a_end), y = strtod(b, &b_end);
  return a_end != a && b_end != b && *a_end == '\0' && *b_end == '\0' && x == y;
}

/* Does a key say aloud what is so without it? Those that people spell out or leave away. */
static bool is_default(const struct glia_yaml *n)
{
  static const char *const defaults[][2] = {
      {"data.shuffle", "true"}, {"data.last", "pad"}, {"dtype", "f32"}};
  char path[256];

  if (n == NULL || n->kind != GLIA_YAML_SCALAR) return false;
  path_of(n, path, sizeof path);
  for (size_t i = 0; i < GLIA_COUNT(defaults); i++)
    if (strcmp(path, defaults[i][0]) == 0) return same_scalar(n->text, defaults[i][1]);
  return false;
}

/* The first key in which two configurations differ and that may not change; false when there is none. */
static bool differs(const struct glia_yaml *was, const struct glia_yaml *is,
                    const struct glia_yaml **was_at, const struct glia_yaml **is_at)
{
  *was_at = was;
  *is_at = is;
  if (absent(was) || absent(is))
    return absent(was) != absent(is) && !is_default(absent(was) ? is : was);
  if (was->kind != is->kind) return true;
  if (was->kind == GLIA_YAML_SCALAR) return !same_scalar(was->text, is->text);
  if (was->kind == GLIA_YAML_LIST && was->n_children != is->n_children) return true;
  const struct glia_yaml *other = is->child;
  for (const struct glia_yaml *c = was->child; c != NULL; c = c->next) {
    const struct glia_yaml *mate = was->kind == GLIA_YAML_MAP ? glia_yaml_get(is, c->key) : other;
    if (was->kind == GLIA_YAML_LIST) other = other->next;
    if ((was->kind != GLIA_YAML_MAP || !may_change(c)) && differs(c, mate, was_at, is_at)) {
      if (mate == NULL) *was_at = c;
      return true;
    }
  }
  for (const struct glia_yaml *c = is->child; was->kind == GLIA_YAML_MAP && c != NULL; c = c->next)
    if (!may_change(c) && !absent(c) && !is_default(c) && glia_yaml_get(was, c->key) == NULL) {
      *was_at = NULL;
      *is_at = c;
      return true;
    }
  return false;
}

static glia_status check_unchanged(const struct session *s, const struct glia_checkpoint *c)
{
  const char *text = glia_checkpoint_config(c);
  const struct glia_yaml *was, *is;
  struct glia_yaml_doc *old;
  char path[256];
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_yaml_parse_text("checkpoint", text, strlen(text), &old));
  if (differs(glia_yaml_root(old), glia_yaml_root(s->doc), &was, &is)) {
    path_of(is != NULL ? is : was, path, sizeof path);
    st = GLIA_FAIL(GLIA_E_CONFIG,
                   "%s was %s in the checkpoint and is %s now; on resume only epochs, max_steps, "
                   "parallel, checkpoint and data.file may "
                   "change",
                   path, shown(was), shown(is));
  }
  glia_yaml_destroy(&old);
  return st;
}

/* A checkpoint of one of the folders. */
struct candidate {
  const char *dir;
  int64_t step;
};

/* Newest first; of one step the first folder's. */
static int by_age(const void *a, const void *b)
{
  const struct candidate *x = a;
  const struct candidate *y = b;

  return (x->step < y->step) - (x->step > y->step);
}

static glia_status add_folder(const char *dir, struct candidate **all, int *n)
{
  int64_t *step = NULL;
  int more = 0;

  GLIA_TRY(glia_checkpoint_list(dir, &more, &step));
  struct candidate *grown = realloc(*all, (size_t)(*n + more + 1) * sizeof *grown);
  if (grown != NULL)
    for (int i = 0; i < more; i++) grown[*n + i] = (struct candidate){dir, step[i]};
  free(step);
  GLIA_CHECK(grown != NULL, GLIA_E_MEMORY, "a list of %d checkpoints", *n + more);
  *all = grown;
  *n += more;
  return GLIA_OK;
}

/* Out of the way, under another name: as step-N.h5 it would count among those to keep, and a good one would be deleted in its
 * place. */
static void set_aside(const char *path, const char *suffix)
{
  char aside[4096];
  const int length = snprintf(aside, sizeof aside, "%s.%s", path, suffix);

  if (length < 0 || (size_t)length >= sizeof aside || rename(path, aside) != 0)
    glia_log(GLIA_LOG_WARN, "train", "not-set-aside", "file=\"%s\"", path);
}

/* The next good one; none where all are damaged: there is nothing to go on from. On failure those before are as they were: nothing is
 * set aside for an answer that is no, as where a file could not be read for its surroundings, or runs failed. */
static glia_status first_good(const char *dir, int n, const struct candidate *all,
                              const char **why_not, struct glia_checkpoint **c)
{
  char last[512] = "";
  bool lost = true;

  for (int i = 0; i < n; i++) {
    char *path = glia_checkpoint_path(all[i].dir, all[i].step);
    const int tries = attempts_failed(dir, all[i].step);
    GLIA_CHECK(path != NULL, GLIA_E_MEMORY, "the name of a file");
    if (tries >= ATTEMPTS_MAX) {
      snprintf(last, sizeof last, "%d runs that went on from %s failed by themselves", tries, path);
      why_not[i] = "failed";
      lost = false;
    } else {
      const glia_status st = glia_checkpoint_open(path, c);
      if (st == GLIA_OK) {
        free(path);
        return GLIA_OK;
      }
      lost = lost && st == GLIA_E_DATA;
      snprintf(last, sizeof last, "%s", glia_trace_message());
      why_not[i] = "damaged";
    }
    glia_log(GLIA_LOG_WARN, "train", "checkpoint-skipped", "file=\"%s\" why=\"%s\"", path, last);
    free(path);
  }
  if (lost) return glia_trace_clear(), GLIA_OK;
  return GLIA_FAIL(GLIA_E_DATA,
                   "%s: none of its %d checkpoints can be read and went on without failing; the "
                   "oldest: %s (%s/failures tells of runs that failed)",
                   dir, n, last, dir);
}

/* One line: all checkpoints were damaged. */
static void tell_lost(const char *dir, int n, const struct candidate *all)
{
  char names[1024] = "";
  size_t used = 0;

  for (int i = 0; i < n && used < sizeof names; i++) {
    char *path = glia_checkpoint_path(all[i].dir, all[i].step);
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s.damaged", i > 0 ? " " : "",
                             path != NULL ? path : "");
    free(path);
  }
  glia_log(GLIA_LOG_WARN, "train", "fresh-start",
           "dir=%s reason=\"all %d checkpoints are damaged\" kept=\"%s\"", dir, n, names);
}

static void tell(const char *dir, const struct glia_checkpoint *c, int n,
                 const struct candidate *all)
{
  if (c == NULL && n > 0) tell_lost(dir, n, all);
  if (c == NULL && n == 0)
    glia_log(GLIA_LOG_INFO, "train", "fresh-start",
             "dir=%s reason=\"no checkpoint to resume from\"", dir);
}

struct resume {
  const char *dir; /* of the session's configuration */
  struct candidate *all;
  const char **why_not; /* [n]: of those that were passed over */
  int n;
  struct glia_checkpoint *c;
};

glia_status resume_find(const char *dir, const char *local, struct resume **out)
{
  struct resume *r = calloc(1, sizeof *r);

  *out = r;
  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "a list of checkpoints");
  r->dir = dir;
  GLIA_TRY(add_folder(dir, &r->all, &r->n));
  if (local != NULL) GLIA_TRY(add_folder(local, &r->all, &r->n));
  if (r->n > 1) qsort(r->all, (size_t)r->n, sizeof *r->all, by_age);
  r->why_not = calloc((size_t)r->n + 1, sizeof *r->why_not);
  GLIA_CHECK(r->why_not != NULL, GLIA_E_MEMORY, "a list of %d checkpoints", r->n);
  return first_good(dir, r->n, r->all, r->why_not, &r->c);
}

struct glia_checkpoint *resume_checkpoint(const struct resume *r)
{
  return r != NULL ? r->c : NULL;
}

glia_status resume_settle(struct resume *r, const struct session *s)
{
  if (r->c != NULL) GLIA_TRY(check_unchanged(s, r->c));
  for (int i = 0; i < r->n && r->why_not[i] != NULL; i++) {
    char *path = glia_checkpoint_path(r->all[i].dir, r->all[i].step);
    if (path != NULL) set_aside(path, r->why_not[i]);
    free(path);
  }
  if (r->c == NULL && r->n > 0) attempts_forget(r->dir);
  tell(r->dir, r->c, r->n, r->all);
  return GLIA_OK;
}

void resume_free(struct resume **pr)
{
  struct resume *r = *pr;

  if (r == NULL) return;
  glia_checkpoint_close(&r->c);
  free(r->all);
  free(r->why_not);
  free(r);
  *pr = NULL;
}

glia_status resume_refuse(const char *dir)
{
  int64_t *step = NULL;
  int n = 0;

  GLIA_TRY(glia_checkpoint_list(dir, &n, &step));
  const int64_t newest = n > 0 ? step[n - 1] : 0;
  free(step);
  GLIA_CHECK(n == 0, GLIA_E_EXISTS,
             "%s holds %d checkpoint%s, the newest of step %lld: go on from it with --resume, or "
             "choose another checkpoint.dir",
             dir, n, n == 1 ? "" : "s", (long long)newest);
  return GLIA_OK;
}
