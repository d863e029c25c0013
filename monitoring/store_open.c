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

static glia_status replay_record(struct glia_store *s, const unsigned char *p, size_t n)
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
  if (p[0] == GLIA_JOURNAL_COLUMN) {
    const char *text = (const char *)at;
    const size_t first = strnlen(text, left);
    GLIA_CHECK(first + 1 < left && text[left - 1] == '\0', GLIA_E_DATA, "a column of %s", name);
    if (glia_names_find_(&d->by_name, text) >= 0) return GLIA_OK;
    return glia_store_add_column_(s, node, text, text + first + 1);
  }
  GLIA_CHECK(left >= sizeof d->mark, GLIA_E_DATA, "a row of %s", name);
  struct glia_store_mark mark;
  memcpy(&mark, at, sizeof mark);
  const size_t width = (left - sizeof mark) / sizeof(float);
  if (p[0] == GLIA_JOURNAL_ROW) {
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

/* Where its first record is. A file that begins with neither the magic, nor, as older ones did, with a whole record is not ours to cut. */
static glia_status begin_of(const unsigned char *data, size_t size, const char *name, size_t *at)
{
  size_t n, first = 0, zeros = 0;

  *at = 0;
  if (size >= GLIA_JOURNAL_MAGIC_BYTES &&
      memcmp(data, GLIA_JOURNAL_MAGIC, GLIA_JOURNAL_MAGIC_BYTES) == 0) {
    *at = GLIA_JOURNAL_MAGIC_BYTES;
    return GLIA_OK;
  }
  while (zeros < size && data[zeros] == 0) zeros++;
  if (zeros == size) return GLIA_OK; /* the machine fell before its bytes came to the disk */
  if (size < GLIA_JOURNAL_MAGIC_BYTES && memcmp(data, GLIA_JOURNAL_MAGIC, size) == 0)
    return GLIA_OK; /* torn there */
  GLIA_CHECK(glia_journal_next_(data, size, &first, &n) != NULL, GLIA_E_DATA,
             "%s is no journal of a collector: move it away", name);
  return GLIA_OK;
}

/* Read journal `number`; what was torn at its end is cut off. */
static glia_status replay(struct glia_store *s, int64_t number)
{
  char name[PATH_BYTES];
  struct stat info;
  size_t at = 0, n = 0;
  glia_status st = GLIA_OK;

  glia_store_journal_name_(s, number, name);
  const int fd = open(name, O_RDWR | O_CLOEXEC);
  GLIA_CHECK(fd >= 0 && fstat(fd, &info) == 0, GLIA_E_IO, "%s: %s", name, strerror(errno));
  const size_t size = (size_t)info.st_size;
  unsigned char *data = size > 0 ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
  GLIA_CHECK_TO(done, st, data != MAP_FAILED, GLIA_E_IO, "%s: %s", name, strerror(errno));
  if (size > 0) GLIA_TRY_TO(done, st, begin_of(data, size, name, &at));
  for (const unsigned char *p;
       st == GLIA_OK && (p = glia_journal_next_(data, size, &at, &n)) != NULL;)
    st = replay_record(s, p, n);
  if (st == GLIA_OK && at < size) {
    glia_log(GLIA_LOG_WARN, "collect", "journal-torn", "file=%s bytes=%zu", name, size - at);
    if (ftruncate(fd, (off_t)at) != 0) st = GLIA_FAIL(GLIA_E_IO, "%s: %s", name, strerror(errno));
  }

done:
  if (data != NULL && data != MAP_FAILED) munmap(data, size);
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

static void destroy(struct glia_store **store)
{
  struct glia_store *s = *store;

  if (s->journal >= 0) close(s->journal);
  if (s->lock >= 0) close(s->lock);
  glia_segment_free_(&s->current);
  glia_names_forget_(&s->by_name);
  for (int i = 0; i < s->n_nodes; i++) {
    glia_names_forget_(&s->node[i].by_name);
    for (int64_t c = 0; c < s->node[i].names.n; c++) {
      free(s->node[i].names.column[c].name);
      free(s->node[i].names.column[c].unit);
    }
    free(s->node[i].names.column);
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
  s->stop = true;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  pthread_join(s->thread, NULL);
  if (s->failed != 0 && st == GLIA_OK)
    st = GLIA_FAIL(GLIA_E_IO, "%s: %s", s->path, strerror(s->failed));
  destroy(store);
  return st;
}
