/* Opening a store: what its journals hold is there again. See glia_store.h. */
#include "store_priv.h"

#include "glia_log.h"
#include "thread_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
  PATH_BYTES = GLIA_STORE_PATH_BYTES,
  TIERS = GLIA_STORE_TIERS,
  JOURNALS_MAX = 4096,
  WAITING_BYTES = 64 << 20
};
static const double default_keep_s[TIERS] = {2 * 86400.0, 30 * 86400.0, 730 * 86400.0};

/* Columns up to n: what a record that is lost would have named. */
static glia_status unnamed_up_to(struct glia_store *s, int node, int64_t n)
{
  char name[64];

  GLIA_CHECK(n <= GLIA_STORE_COLUMNS_MAX, GLIA_E_DATA, "%s has column %lld",
             s->node[node].names.name, (long long)n);
  while (s->node[node].names.n < n) {
    snprintf(name, sizeof name, "glia_unnamed{column=\"%lld\"}", (long long)s->node[node].names.n);
    GLIA_TRY(glia_store_add_column_(s, node, name, ""));
  }
  return GLIA_OK;
}

/* at [n]: its number, but in older journals, then "NAME\0UNIT\0" */
static glia_status replay_column(struct glia_store *s, int node, bool numbered,
                                 const unsigned char *at, size_t n)
{
  struct glia_store_node_ *d = &s->node[node];
  uint32_t number = 0;
  const size_t head = numbered ? sizeof number : 0;

  GLIA_CHECK(n > head + 1 && at[n - 1] == '\0', GLIA_E_DATA, "a column of %s", d->names.name);
  const char *text = (const char *)at + head;
  const size_t first = strnlen(text, n - head);
  GLIA_CHECK(first + 1 < n - head, GLIA_E_DATA, "a column of %s", d->names.name);
  if (glia_names_find_(&d->by_name, text) >= 0) return GLIA_OK;
  if (numbered) {
    memcpy(&number, at, sizeof number);
    GLIA_TRY(unnamed_up_to(s, node, number));
    GLIA_CHECK(s->node[node].names.n == (int64_t)number, GLIA_E_DATA, "two columns %u of %s",
               number, d->names.name);
  }
  return glia_store_add_column_(s, node, text, text + first + 1);
}

static glia_status replay_record(struct glia_store *s, bool numbered, const unsigned char *p,
                                 size_t n)
{
  char name[256];
  int node;

  if (n < 2 || n < 2 + (size_t)p[1]) return GLIA_FAIL(GLIA_E_DATA, "a record of %zu bytes", n);
  memcpy(name, p + 2, p[1]);
  name[p[1]] = '\0';
  GLIA_TRY(glia_store_node(s, name, &node));
  struct glia_store_node_ *d = &s->node[node];
  const unsigned char *at = p + 2 + p[1];
  const size_t left = n - 2 - p[1];
  if (p[0] == GLIA_JOURNAL_COLUMN) return replay_column(s, node, numbered, at, left);
  GLIA_CHECK(left >= sizeof d->mark, GLIA_E_DATA, "a row of %s", name);
  struct glia_store_mark mark;
  memcpy(&mark, at, sizeof mark);
  const size_t width = (left - sizeof mark) / sizeof(float);
  if (p[0] == GLIA_JOURNAL_ROW) {
    if (numbered) GLIA_TRY(unnamed_up_to(s, node, (int64_t)width));
    GLIA_CHECK(width <= (size_t)d->names.n, GLIA_E_DATA, "a row of %s wider than its columns",
               name);
    float *row = malloc((width + 1) * sizeof *row);
    GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "a row of %s", name);
    memcpy(row, at + sizeof mark, width * sizeof *row);
    const glia_status st = glia_segment_row_(&s->current, node, mark.time_ns, (int64_t)width, row);
    free(row);
    GLIA_TRY(st);
    s->replayed++;
  }
  d->mark = mark;
  return GLIA_OK;
}

/* All good records, also those behind damage. Not so in an older journal: its columns have no numbers, so that nobody knows what rows behind a lost one
 * hold. *skipped: bytes that are damaged, and in no record that was read; 0 where there is but a torn end. */
static glia_status replay_records(struct glia_store *s, struct glia_journal *j, size_t *skipped)
{
  size_t n = 0;

  *skipped = j->headless ? j->size : 0;
  while (!j->headless && j->at < j->size) {
    const unsigned char *p = glia_journal_next_(j, &n);
    const size_t from = j->at;
    if (p != NULL) {
      GLIA_TRY(replay_record(s, j->numbered, p, n));
      continue;
    }
    const bool more = glia_journal_find_(j);
    if (more && j->numbered) {
      *skipped += j->at - from;
      continue;
    }
    j->at = from;
    if (more || *skipped > 0 || !glia_journal_torn_(j)) *skipped += j->size - from;
    break;
  }
  return GLIA_OK;
}

/* Read journal `number`; what was torn at its end is cut off. One that is damaged stays what it is, and is set aside when there are files of its rows. */
static glia_status replay(struct glia_store *s, int64_t number)
{
  char name[PATH_BYTES];
  struct stat info;
  struct glia_journal j = {.numbered = true};
  size_t skipped = 0;
  const int64_t before = s->replayed;
  glia_status st = GLIA_OK;

  glia_store_journal_name_(s, number, name);
  const int fd = open(name, O_RDWR | O_CLOEXEC);
  GLIA_CHECK(fd >= 0 && fstat(fd, &info) == 0, GLIA_E_IO, "%s: %s", name, strerror(errno));
  j.size = (size_t)info.st_size;
  void *map = j.size > 0 ? mmap(NULL, j.size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
  GLIA_CHECK_TO(done, st, map != MAP_FAILED, GLIA_E_IO, "%s: %s", name, strerror(errno));
  j.data = map;
  if (j.size > 0) GLIA_TRY_TO(done, st, glia_journal_open_(&j, name));
  for (int i = 0; j.numbered && i < s->n_nodes; i++) glia_store_forget_columns_(s, i);
  GLIA_TRY_TO(done, st, replay_records(s, &j, &skipped));
  s->salt = j.salt;
  s->turns = skipped > 0 || !j.numbered;
  s->current.damaged = skipped > 0;
  if (skipped > 0) {
    glia_log(GLIA_LOG_ERROR, "collect", "journal-damaged", "file=%s skipped_bytes=%zu rows=%lld",
             name, skipped, (long long)(s->replayed - before));
  } else if (j.at < j.size) {
    glia_log(GLIA_LOG_WARN, "collect", "journal-torn", "file=%s bytes=%zu", name, j.size - j.at);
    if (ftruncate(fd, (off_t)j.at) != 0) st = GLIA_FAIL(GLIA_E_IO, "%s: %s", name, strerror(errno));
  }

done:
  if (map != NULL && map != MAP_FAILED) munmap(map, j.size);
  close(fd);
  return st;
}

static int rising(const void *a, const void *b)
{
  const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

  return x < y ? -1 : x > y;
}

/* All but the last journal become files at once; the last one goes on. */
static glia_status replay_all(struct glia_store *s)
{
  int64_t *number = malloc(JOURNALS_MAX * sizeof *number);
  int n = 0;
  glia_status st = GLIA_OK;
  struct dirent *entry;

  GLIA_CHECK(number != NULL, GLIA_E_MEMORY, "no memory to read %s", s->path);
  DIR *d = opendir(s->path);
  while (d != NULL && n < JOURNALS_MAX && (entry = readdir(d)) != NULL) {
    long long which;
    char name[64];
    if (sscanf(entry->d_name, "journal-%lld", &which) != 1 || which <= 0) continue;
    snprintf(name, sizeof name, "journal-%lld", which);
    if (strcmp(entry->d_name, name) == 0) number[n++] = which;
  }
  if (d != NULL) closedir(d);
  qsort(number, (size_t)n, sizeof *number, rising);
  for (int i = 0; st == GLIA_OK && i < n; i++) {
    s->current.number = number[i];
    st = replay(s, number[i]);
    if (st != GLIA_OK || i == n - 1) break;
    struct glia_sealing *x = NULL;
    int64_t files = 0;
    st = glia_store_take_segment_(s, &x);
    if (st == GLIA_OK) st = glia_store_seal_(s, x, &files);
    s->sealed += files;
    glia_store_free_sealing_(x);
  }
  const int64_t last = n > 0 ? number[n - 1] : 1;
  free(number);
  GLIA_TRY(st);
  return glia_store_open_journal_(s, last);
}

static glia_status lock_folder(struct glia_store *s)
{
  char name[PATH_BYTES];

  GLIA_CHECK(mkdir(s->path, 0777) == 0 || errno == EEXIST, GLIA_E_IO, "%s: %s", s->path,
             strerror(errno));
  snprintf(name, sizeof name, "%s/lock", s->path);
  s->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  GLIA_CHECK(s->lock >= 0, GLIA_E_IO, "%s: %s", name, strerror(errno));
  GLIA_CHECK(flock(s->lock, LOCK_EX | LOCK_NB) == 0, GLIA_E_BUSY,
             "%s: another collector writes there", s->path);
  return GLIA_OK;
}

void glia_store_forget_columns_(struct glia_store *s, int node)
{
  struct glia_store_node_ *d = &s->node[node];

  glia_names_forget_(&d->by_name);
  for (int64_t c = 0; c < d->names.n; c++) {
    free(d->names.column[c].name);
    free(d->names.column[c].unit);
  }
  d->names.n = 0;
}

static void destroy(struct glia_store **store)
{
  struct glia_store *s = *store;

  if (s->journal >= 0) close(s->journal);
  if (s->lock >= 0) close(s->lock);
  glia_segment_free_(&s->current);
  glia_names_forget_(&s->by_name);
  for (int i = 0; i < s->n_nodes; i++) {
    glia_store_forget_columns_(s, i);
    free(s->node[i].names.column);
    free(s->node[i].seen_s);
    free(s->node[i].names.name);
  }
  free(s->node);
  glia_buffer_free(&s->filling);
  glia_buffer_free(&s->writing);
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->mutex);
  free(s->path);
  free(s);
  *store = NULL;
}

static void end_thread(struct glia_store *s)
{
  pthread_mutex_lock(&s->mutex);
  while (s->sealing) pthread_cond_wait(&s->changed, &s->mutex);
  s->stop = true;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  pthread_join(s->thread, NULL);
}

/* The journal that was read last is not to be gone on with. */
static glia_status turn_over(struct glia_store *s)
{
  pthread_mutex_lock(&s->mutex);
  const glia_status st = glia_store_next_segment_(s);
  pthread_mutex_unlock(&s->mutex);
  return st;
}

glia_status glia_store_open(const struct glia_store_options *o, struct glia_store **out)
{
  struct glia_store *s = calloc(1, sizeof *s);
  glia_status st = GLIA_OK;

  *out = NULL;
  GLIA_CHECK(s != NULL, GLIA_E_MEMORY, "no memory for a store");
  s->journal = s->lock = -1;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->changed, NULL);
  s->segment_s = o->segment_s > 0.0 ? o->segment_s : 600.0;
  s->flush_s = o->flush_s > 0.0 ? o->flush_s : 0.5;
  s->forget_s = o->forget_s > 0.0 ? o->forget_s : s->segment_s > 600.0 ? s->segment_s : 600.0;
  s->waiting_bytes = o->waiting_bytes > 0 ? o->waiting_bytes : WAITING_BYTES;
  for (int i = 0; i < TIERS; i++)
    s->keep_s[i] = o->keep_s[i] > 0.0 ? o->keep_s[i] : default_keep_s[i];
  s->segment_index = (int64_t)((double)time(NULL) / s->segment_s);
  s->path = strdup(o->path);
  GLIA_CHECK_TO(fail, st, s->path != NULL, GLIA_E_MEMORY, "no memory for a store");
  GLIA_TRY_TO(fail, st, lock_folder(s));
  GLIA_TRY_TO(fail, st, replay_all(s));
  const int failed = glia_thread_start_(&s->thread, glia_store_write_steadily_, s);
  GLIA_CHECK_TO(fail, st, failed == 0, GLIA_E_MEMORY, "no thread to write: %s", strerror(failed));
  s->running = true;
  if (s->turns) st = turn_over(s);
  if (st != GLIA_OK) {
    end_thread(s);
    goto fail;
  }
  *out = s;
  return GLIA_OK;

fail:
  destroy(&s);
  return st;
}

static bool has_rows(const struct glia_segment *segment)
{
  for (int i = 0; i < segment->n_nodes; i++)
    if (segment->node[i].n_rows > 0) return true;
  return false;
}

glia_status glia_store_finish(struct glia_store *s)
{
  glia_status st = GLIA_OK;

  pthread_mutex_lock(&s->mutex);
  while (s->sealing && s->failed == 0) pthread_cond_wait(&s->changed, &s->mutex);
  if (has_rows(&s->current) && s->failed == 0) st = glia_store_next_segment_(s);
  while ((s->busy || s->sealing) && s->failed == 0) pthread_cond_wait(&s->changed, &s->mutex);
  if (s->failed != 0 && st == GLIA_OK)
    st = GLIA_FAIL(GLIA_E_IO, "%s: %s", s->path, strerror(s->failed));
  pthread_mutex_unlock(&s->mutex);
  return st;
}

glia_status glia_store_close(struct glia_store **store)
{
  struct glia_store *s = *store;

  if (s == NULL) return GLIA_OK;
  glia_status st = glia_store_finish(s);
  pthread_mutex_lock(&s->mutex);
  glia_store_hand_over_(s);
  pthread_mutex_unlock(&s->mutex);
  end_thread(s);
  if (s->failed != 0 && st == GLIA_OK)
    st = GLIA_FAIL(GLIA_E_IO, "%s: %s", s->path, strerror(s->failed));
  destroy(store);
  return st;
}
