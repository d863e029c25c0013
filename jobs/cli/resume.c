/* Checkpoints of a run: see resume.h. */
#include "resume.h"

#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_run_lock.h"

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

/* Do two texts say the same? 1e-3 and 0.001 do. */
static bool same_scalar(const char *a, const char *b)
{
  char *a_end, *b_end;

  if (strcmp(a, b) == 0) return true;
  const double x = strtod(a, &a_end), y = strtod(b, &b_end);
  return a_end != a && b_end != b && *a_end == '\0' && *b_end == '\0' && x == y;
}

/* The first key in which two configurations differ and that may not change; false when there is none. */
static bool differs(const struct glia_yaml *was, const struct glia_yaml *is,
                    const struct glia_yaml **was_at, const struct glia_yaml **is_at)
{
  *was_at = was;
  *is_at = is;
  if (absent(was) || absent(is)) return absent(was) != absent(is);
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
    if (!may_change(c) && !absent(c) && glia_yaml_get(was, c->key) == NULL) {
      *was_at = NULL;
      *is_at = c;
      return true;
    }
  return false;
}

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

/* Checkpoints newer than the one that could be read are damaged. Under their names they would count among those to keep, and
 * a good one would be deleted in their place. */
static void set_aside(const char *dir, int n, const int64_t *step, int64_t good)
{
  for (int i = n - 1; i >= 0 && step[i] > good; i--) {
    char aside[4096];
    char *path = glia_checkpoint_path(dir, step[i]);
    if (path == NULL) return;
    const int length = snprintf(aside, sizeof aside, "%s.damaged", path);
    if (length < 0 || (size_t)length >= sizeof aside || rename(path, aside) != 0)
      glia_log(GLIA_LOG_WARN, "train", "not-set-aside", "file=\"%s\"", path);
    free(path);
  }
}

/* Rank 0, with --resume: the newest good checkpoint, or none. */
static glia_status find_checkpoint(struct keeper *k, int n, const int64_t *step,
                                   struct glia_checkpoint **c)
{
  const char *dir = k->s->config.checkpoint_dir;

  GLIA_TRY(glia_checkpoint_open_newest(dir, c));
  if (*c == NULL) {
    glia_log(GLIA_LOG_INFO, "train", "fresh-start",
             "dir=%s reason=\"no checkpoint to resume from\"", dir);
    return GLIA_OK;
  }
  GLIA_TRY(check_unchanged(k->s, *c));
  set_aside(dir, n, step, glia_checkpoint_step(*c));
  const struct glia_attribute *level = glia_checkpoint_attribute(*c, "kernel_level");
  if (level != NULL && level->kind == GLIA_ATTRIBUTE_TEXT &&
      strcmp(level->text, glia_kernels_level()) != 0)
    glia_log(GLIA_LOG_WARN, "train", "kernel-level",
             "was=%s is=%s note=\"bits may differ from here on\"", level->text,
             glia_kernels_level());
  return GLIA_OK;
}

/* Rank 0: lock the folder, and find what to resume from. */
static glia_status take_folder(struct keeper *k, bool resume, struct glia_checkpoint **c)
{
  const char *dir = k->s->config.checkpoint_dir;
  int64_t *step = NULL;
  int n = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_run_lock_acquire(dir, 10.0, &k->lock));
  GLIA_TRY(glia_checkpoint_list(dir, &n, &step));
  if (resume)
    st = find_checkpoint(k, n, step, c);
  else if (n > 0)
    st = GLIA_FAIL(GLIA_E_EXISTS,
                   "%s holds %d checkpoint%s, the newest of step %lld: go on from it with "
                   "--resume, or choose another checkpoint.dir",
                   dir, n, n == 1 ? "" : "s", (long long)step[n - 1]);
  free(step);
  return st;
}

glia_status keeper_open(struct keeper *k, struct session *s, bool resume, int64_t *first_step)
{
  struct glia_checkpoint *c = NULL;
  glia_status st = GLIA_OK;
  int64_t step = -1;

  *k = (struct keeper){.s = s, .written = -1};
  *first_step = 0;
  if (s->config.checkpoint_dir == NULL) {
    if (resume)
      return GLIA_FAIL(GLIA_E_CONFIG, "--resume needs checkpoint: {dir: ...} in the configuration");
    return GLIA_OK;
  }
  if (glia_comm_rank(s->comm) == 0) st = take_folder(k, resume, &c);
  st = glia_agree(s->comm, st);
  if (c != NULL) step = glia_checkpoint_step(c);
  if (st == GLIA_OK) st = glia_comm_bcast(s->comm, &step, sizeof step, 0);
  if (st == GLIA_OK && step >= 0) {
    st = session_load(s, c, false);
    *first_step = step;
    k->written = step;
    glia_log(GLIA_LOG_INFO, "train", "resume", "dir=%s step=%lld", s->config.checkpoint_dir,
             (long long)step);
  }
  glia_checkpoint_close(&c);
  return st;
}

bool keeper_resumed(const struct keeper *k) { return k->written >= 0; }

glia_status keeper_write(struct keeper *k, int64_t step)
{
  const struct session *s = k->s;
  const char *dir = s->config.checkpoint_dir;
  glia_status st = GLIA_OK;

  if (dir == NULL || k->written == step) return GLIA_OK;
  if (glia_comm_rank(s->comm) == 0) {
    const double t0 = glia_time_s();
    const struct glia_attribute facts[] = {
        glia_attribute_int("seed", (int64_t)s->config.seed),
        glia_attribute_text("kernel_level", glia_kernels_level()),
        glia_attribute_text("model_hash", s->model_hash)};
    st = glia_checkpoint_write(dir, step, s->n_arrays, s->array, s->config_text,
                               (int)GLIA_COUNT(facts), facts);
    if (st == GLIA_OK) st = glia_checkpoint_prune(dir, (int)s->config.checkpoint_keep);
    if (st == GLIA_OK)
      glia_log(GLIA_LOG_DEBUG, "train", "checkpoint-write", "step=%lld took_s=%.3f",
               (long long)step, glia_time_s() - t0);
  }
  GLIA_TRY(glia_agree(s->comm, st));
  k->written = step;
  return GLIA_OK;
}

char *keeper_path(const struct keeper *k)
{
  return k->written < 0 ? NULL : glia_checkpoint_path(k->s->config.checkpoint_dir, k->written);
}

void keeper_close(struct keeper *k) { glia_run_lock_release(&k->lock); }
