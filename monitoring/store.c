/* Where a collector keeps what nodes measured; see glia_store.h.
 *
 * The caller's thread appends to a buffer and to memory; the writing thread appends the buffer to the journal, syncs it, and turns
 * whole segments into files. So a slow disk holds up nobody but glia_store_full says when it is too slow. */
#include "store_priv.h"

#include "glia_log.h"
#include "thread_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, TIERS = GLIA_STORE_TIERS };
static const char *const tiers[TIERS] = {"full", "1m", "10m"};

static int64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- nodes, columns, rows */

glia_status glia_store_node(struct glia_store *s, const char *name, int *out)
{
  GLIA_CHECK(name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) < 200,
             GLIA_E_ARGUMENT, "'%s' cannot name a node", name);
  *out = (int)glia_names_find_(&s->by_name, name);
  if (*out >= 0) return GLIA_OK;
  struct glia_store_node_ *more = realloc(s->node, (size_t)(s->n_nodes + 1) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "node %s", name);
  s->node = more;
  s->node[s->n_nodes] = (struct glia_store_node_){.names.name = strdup(name)};
  GLIA_CHECK(s->node[s->n_nodes].names.name != NULL, GLIA_E_MEMORY, "node %s", name);
  *out = s->n_nodes++;
  return glia_names_add_(&s->by_name, s->node[*out].names.name, *out);
}

struct glia_store_mark glia_store_mark(const struct glia_store *s, int node)
{
  return s->node[node].mark;
}

int64_t glia_store_columns(const struct glia_store *s, int node) { return s->node[node].names.n; }

int64_t glia_store_generation(const struct glia_store *s, int node)
{
  return s->node[node].generation;
}

static void put_head(struct glia_buffer *b, uint8_t kind, const char *name)
{
  const uint8_t head[2] = {kind, (uint8_t)strlen(name)};

  glia_journal_put_(b, head, sizeof head);
  glia_journal_put_(b, name, head[1]);
}

/* Its number, "NAME\0UNIT\0" */
static void note_column(struct glia_store *s, const struct glia_segment_names *node, int64_t column)
{
  const struct glia_segment_column *c = &node->column[column];
  const uint32_t number = (uint32_t)column;
  struct glia_buffer *b = &s->filling;
  size_t at;

  glia_journal_begin_(b, &at);
  put_head(b, GLIA_JOURNAL_COLUMN, node->name);
  glia_journal_put_(b, &number, sizeof number);
  glia_journal_put_(b, c->name, strlen(c->name) + 1);
  glia_journal_put_(b, c->unit, strlen(c->unit) + 1);
  glia_journal_end_(b, at, s->salt);
}

glia_status glia_store_add_column_(struct glia_store *s, int node, const char *name,
                                   const char *unit)
{
  struct glia_store_node_ *d = &s->node[node];

  if (d->names.n == d->column_room) {
    const int64_t room = d->column_room > 0 ? 2 * d->column_room : 256;
    struct glia_segment_column *more = malloc((size_t)room * sizeof *more);
    double *seen_s = realloc(d->seen_s, (size_t)room * sizeof *seen_s);
    if (seen_s != NULL) d->seen_s = seen_s;
    if (more == NULL || seen_s == NULL) {
      free(more);
      return GLIA_FAIL(GLIA_E_MEMORY, "%lld columns of %s", (long long)room, d->names.name);
    }
    if (d->names.n > 0) memcpy(more, d->names.column, (size_t)d->names.n * sizeof *more);
    /* The thread may still read the old array: it is a copy of it that a sealing holds. */
    free(d->names.column);
    d->names.column = more;
    d->column_room = room;
  }
  struct glia_segment_column *c = &d->names.column[d->names.n];
  *c = (struct glia_segment_column){strdup(name), strdup(unit)};
  if (c->name == NULL || c->unit == NULL ||
      glia_names_add_(&d->by_name, c->name, d->names.n) != GLIA_OK) {
    free(c->name);
    free(c->unit);
    return GLIA_FAIL(GLIA_E_MEMORY, "column %s", name);
  }
  d->seen_s[d->names.n++] = glia_time_s();
  return GLIA_OK;
}

glia_status glia_store_column(struct glia_store *s, int node, const char *name, const char *unit,
                              int64_t *out)
{
  struct glia_store_node_ *d = &s->node[node];

  *out = glia_names_find_(&d->by_name, name);
  if (*out >= 0) return GLIA_OK;
  GLIA_CHECK(d->names.n < GLIA_STORE_COLUMNS_MAX, GLIA_E_DATA, "%s has more than %d columns",
             d->names.name, GLIA_STORE_COLUMNS_MAX);
  GLIA_TRY(glia_store_add_column_(s, node, name, unit));
  *out = d->names.n - 1;
  note_column(s, &d->names, *out);
  return GLIA_OK;
}

static void note_row(struct glia_store *s, const char *node, struct glia_store_mark mark, int64_t n,
                     const float *value)
{
  struct glia_buffer *b = &s->filling;
  size_t at;

  glia_journal_begin_(b, &at);
  put_head(b, GLIA_JOURNAL_ROW, node);
  glia_journal_put_(b, &mark, sizeof mark);
  glia_journal_put_(b, value, (size_t)n * sizeof *value);
  glia_journal_end_(b, at, s->salt);
}

glia_status glia_store_row(struct glia_store *s, int node, struct glia_store_mark mark, int64_t n,
                           const int64_t *column, const float *value, bool *taken)
{
  struct glia_store_node_ *d = &s->node[node];
  const int64_t width = d->names.n;
  glia_status st = GLIA_OK;

  *taken = mark.time_ns > d->mark.time_ns;
  if (!*taken) {
    s->dropped++;
    d->mark.run = mark.run;
    d->mark.number = mark.number;
    return GLIA_OK;
  }
  float *row = malloc((size_t)(width + 1) * sizeof *row);
  GLIA_CHECK(row != NULL, GLIA_E_MEMORY, "a row of %lld", (long long)width);
  for (int64_t i = 0; i < width; i++) row[i] = GLIA_MISSING;
  const double now_s = glia_time_s();
  for (int64_t i = 0; i < n; i++) {
    if (column[i] < 0) continue;
    row[column[i]] = value[i];
    if (!isnan(value[i])) d->seen_s[column[i]] = now_s;
  }
  st = glia_segment_row_(&s->current, node, mark.time_ns, width, row);
  if (st == GLIA_OK) {
    note_row(s, d->names.name, mark, width, row);
    d->mark = mark;
    s->filling_rows++;
    s->sum_ns += (double)mark.time_ns;
    if (s->oldest_ns == 0 || mark.time_ns < s->oldest_ns) s->oldest_ns = mark.time_ns;
  }
  free(row);
  return st;
}

/* ---- the writing thread */

static bool write_all(int fd, const char *data, size_t n)
{
  while (n > 0) {
    const ssize_t done = write(fd, data, n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    data += done;
    n -= (size_t)done;
  }
  return true;
}

static void write_out(struct glia_store *s)
{
  pthread_mutex_unlock(&s->mutex);
  const bool good =
      write_all(s->journal, s->writing.text, s->writing.n) && fdatasync(s->journal) == 0;
  const int why = good ? 0 : errno != 0 ? errno : EIO;
  const double now = (double)now_ns();
  pthread_mutex_lock(&s->mutex);
  if (!good && s->failed == 0) s->failed = why;
  if (good && s->writing_rows > 0) {
    const double worst = 1e-9 * (now - (double)s->writing_oldest_ns);
    s->rows_synced += s->writing_rows;
    s->latency_max_s = fmax(s->latency_max_s, worst);
    s->latency_sum_s += 1e-9 * (now * (double)s->writing_rows - s->writing_sum_ns);
    glia_worst_add_(&s->latency_worst, worst, glia_time_s());
  }
  s->journal_bytes += (int64_t)s->writing.n;
  s->busy = false;
  pthread_cond_broadcast(&s->changed);
}

void glia_store_journal_name_(const struct glia_store *s, int64_t number, char *out)
{
  snprintf(out, PATH_BYTES, "%s/journal-%lld", s->path, (long long)number);
}

/* TIME-N.h5, as segments are called. */
static bool is_ours(const char *name)
{
  int used = 0;

  return sscanf(name, "%*8[0-9]T%*6[0-9]Z-%*[0-9].h5%n", &used) == 0 && used > 0 &&
         name[used] == '\0';
}

/* Remove files of a tier whose last change is older than it keeps. */
static void forget_old(const struct glia_store *s, int tier)
{
  char name[PATH_BYTES];
  struct stat info;
  struct dirent *entry;

  snprintf(name, sizeof name, "%s/%s", s->path, tiers[tier]);
  DIR *d = opendir(name);
  while (d != NULL && (entry = readdir(d)) != NULL) {
    if (!is_ours(entry->d_name)) continue;
    snprintf(name, sizeof name, "%s/%s/%s", s->path, tiers[tier], entry->d_name);
    if (stat(name, &info) == 0 && difftime(time(NULL), info.st_mtime) > s->keep_s[tier])
      unlink(name);
  }
  if (d != NULL) closedir(d);
}

/* Whoever wants to may look what can be had of it: under a name of its own, for numbers begin anew in a store that was emptied. */
static int set_aside(const struct glia_store *s, int64_t number, const char *name)
{
  char to[PATH_BYTES];

  snprintf(to, sizeof to, "%s/damaged-journal-%lld", s->path, (long long)number);
  for (int i = 2; access(to, F_OK) == 0; i++)
    snprintf(to, sizeof to, "%s/damaged-journal-%lld.%d", s->path, (long long)number, i);
  const int done = rename(name, to);
  if (done == 0) glia_log(GLIA_LOG_WARN, "collect", "journal-set-aside", "file=%s as=%s", name, to);
  return done;
}

glia_status glia_store_seal_(struct glia_store *s, struct glia_sealing *x, int64_t *files)
{
  char name[PATH_BYTES];

  GLIA_TRY(glia_segment_write_(&x->segment, s->path, x->names, files));
  glia_store_journal_name_(s, x->segment.number, name);
  const int gone = x->segment.damaged ? set_aside(s, x->segment.number, name) : unlink(name);
  if (gone != 0 && errno != ENOENT) return GLIA_FAIL(GLIA_E_IO, "%s: %s", name, strerror(errno));
  for (int tier = 0; tier < TIERS; tier++) forget_old(s, tier);
  return GLIA_OK;
}

void glia_store_free_sealing_(struct glia_sealing *x)
{
  if (x == NULL) return;
  for (int i = 0; x->names != NULL && i < x->segment.n_nodes; i++) free(x->names[i].column);
  for (int64_t i = 0; i < x->n_forgotten; i++) {
    free(x->forgotten[i].name);
    free(x->forgotten[i].unit);
  }
  free(x->forgotten);
  free(x->names);
  glia_segment_free_(&x->segment);
  free(x);
}

static void seal_out(struct glia_store *s)
{
  struct glia_sealing *x = s->seal;
  int64_t files = 0;

  pthread_mutex_unlock(&s->mutex);
  const double begin_s = glia_time_s();
  const glia_status st = glia_store_seal_(s, x, &files);
  if (st != GLIA_OK)
    glia_log(GLIA_LOG_ERROR, "collect", "seal-failed", "reason=\"%s\"", glia_trace_message());
  else
    glia_log(GLIA_LOG_INFO, "collect", "sealed", "files=%lld took_s=%.2f", (long long)files,
             glia_time_s() - begin_s);
  pthread_mutex_lock(&s->mutex);
  s->sealed += files;
  s->seal = NULL;
  if (st != GLIA_OK && s->failed == 0) s->failed = EIO;
  pthread_cond_broadcast(&s->changed);
  glia_store_free_sealing_(x);
}

/* The journal has a thread of its own pace: sealing takes seconds, so it runs in another. */
void *glia_store_write_steadily_(void *self)
{
  struct glia_store *s = self;

  pthread_mutex_lock(&s->mutex);
  while (!s->stop || s->busy) {
    if (s->busy)
      write_out(s);
    else
      pthread_cond_wait(&s->changed, &s->mutex);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

static void *seal_once(void *self)
{
  struct glia_store *s = self;

  pthread_mutex_lock(&s->mutex);
  seal_out(s);
  s->sealing = false;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

static glia_status seal_in_background(struct glia_store *s, struct glia_sealing *x)
{
  pthread_t thread;

  s->seal = x;
  s->sealing = true;
  const int failed = pthread_create(&thread, NULL, seal_once, s); /* HDF5 wants a whole stack */
  if (failed != 0) {
    s->seal = NULL;
    s->sealing = false;
    return GLIA_FAIL(GLIA_E_MEMORY, "no thread to seal: %s", strerror(failed));
  }
  pthread_detach(thread);
  return GLIA_OK;
}

/* Hand the filled buffer over, if the thread is free. */
void glia_store_hand_over_(struct glia_store *s)
{
  if (s->busy || s->filling.n == 0) return;
  const struct glia_buffer empty = s->writing;
  s->writing = s->filling;
  s->filling = empty;
  s->filling.n = 0;
  s->writing_rows = s->filling_rows;
  s->writing_sum_ns = s->sum_ns;
  s->writing_oldest_ns = s->oldest_ns;
  s->filling_rows = 0;
  s->sum_ns = 0.0;
  s->oldest_ns = 0;
  s->busy = true;
  pthread_cond_broadcast(&s->changed);
}

/* ---- segments */

glia_status glia_store_open_journal_(struct glia_store *s, int64_t number)
{
  char name[PATH_BYTES], head[GLIA_JOURNAL_HEAD_BYTES];
  struct stat info;

  glia_store_journal_name_(s, number, name);
  s->journal = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  GLIA_CHECK(s->journal >= 0 && fstat(s->journal, &info) == 0, GLIA_E_IO, "%s: %s", name,
             strerror(errno));
  s->current.number = number;
  if (info.st_size > 0) return GLIA_OK; /* its salt was read with it */
  s->salt = glia_journal_salt_();
  glia_journal_head_(s->salt, head);
  GLIA_CHECK(write_all(s->journal, head, sizeof head), GLIA_E_IO, "%s: %s", name, strerror(errno));
  return GLIA_OK;
}

/* A journal begins with what there is to know: columns and marks of every node. */
static void note_all(struct glia_store *s)
{
  for (int i = 0; i < s->n_nodes; i++) {
    const struct glia_store_node_ *d = &s->node[i];
    size_t at;
    glia_journal_begin_(&s->filling, &at);
    put_head(&s->filling, GLIA_JOURNAL_MARK, d->names.name);
    glia_journal_put_(&s->filling, &d->mark, sizeof d->mark);
    glia_journal_end_(&s->filling, at, s->salt);
    for (int64_t c = 0; c < d->names.n; c++) note_column(s, &d->names, c);
  }
}

/* The segment at hand with copies of the names, which may grow meanwhile. */
glia_status glia_store_take_segment_(struct glia_store *s, struct glia_sealing **out)
{
  struct glia_sealing *x = calloc(1, sizeof *x);

  *out = NULL;
  GLIA_CHECK(x != NULL, GLIA_E_MEMORY, "no memory to seal");
  x->names = calloc((size_t)s->current.n_nodes + 1, sizeof *x->names);
  bool good = x->names != NULL;
  for (int i = 0; good && i < s->current.n_nodes; i++) {
    const struct glia_segment_names *n = &s->node[i].names;
    x->names[i] =
        (struct glia_segment_names){n->name, n->n, calloc((size_t)n->n + 1, sizeof *n->column)};
    good = x->names[i].column != NULL;
    if (good && n->n > 0) memcpy(x->names[i].column, n->column, (size_t)n->n * sizeof *n->column);
  }
  if (!good) {
    for (int i = 0; x->names != NULL && i < s->current.n_nodes; i++) free(x->names[i].column);
    free(x->names);
    free(x);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory to seal");
  }
  x->segment = s->current;
  s->current = (struct glia_segment){.number = s->current.number};
  *out = x;
  return GLIA_OK;
}

/* Columns of a node that had no value for long are the sealing's, whose names they may be, and the others are numbered anew. */
static glia_status forget_columns(struct glia_store *s, struct glia_store_node_ *d,
                                  struct glia_sealing *x)
{
  const double since_s = glia_time_s() - s->forget_s;
  int64_t gone = 0, kept = 0;

  for (int64_t i = 0; i < d->names.n; i++) gone += d->seen_s[i] < since_s;
  if (gone == 0) return GLIA_OK;
  struct glia_segment_column *more =
      realloc(x->forgotten, (size_t)(x->n_forgotten + gone) * sizeof *more);
  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld columns of %s", (long long)gone, d->names.name);
  x->forgotten = more;
  glia_names_forget_(&d->by_name);
  for (int64_t i = 0; i < d->names.n; i++) {
    if (d->seen_s[i] < since_s) {
      x->forgotten[x->n_forgotten++] = d->names.column[i];
      continue;
    }
    d->seen_s[kept] = d->seen_s[i];
    d->names.column[kept++] = d->names.column[i];
  }
  d->names.n = kept;
  d->generation++;
  for (int64_t i = 0; i < kept; i++)
    GLIA_TRY(glia_names_add_(&d->by_name, d->names.column[i].name, i));
  return GLIA_OK;
}

/* What was filled so far is on the disk. */
static glia_status sync_filled(struct glia_store *s)
{
  while (s->busy && s->failed == 0) pthread_cond_wait(&s->changed, &s->mutex);
  glia_store_hand_over_(s);
  while (s->busy && s->failed == 0) pthread_cond_wait(&s->changed, &s->mutex);
  GLIA_CHECK(s->failed == 0, GLIA_E_IO, "%s: %s", s->path, strerror(s->failed));
  return GLIA_OK;
}

/* End the segment: its journal is synced and closed, the next one begins, and what it begins with is on the disk before files are made in
 * the background and the old journal goes: some journal knows at any time how far the nodes are. */
glia_status glia_store_next_segment_(struct glia_store *s)
{
  struct glia_sealing *x = NULL;

  GLIA_TRY(sync_filled(s));
  GLIA_TRY(glia_store_take_segment_(s, &x));
  close(s->journal);
  s->journal = -1;
  glia_status st = glia_store_open_journal_(s, x->segment.number + 1);
  for (int i = 0; st == GLIA_OK && i < s->n_nodes; i++) st = forget_columns(s, &s->node[i], x);
  if (st == GLIA_OK) {
    note_all(s);
    st = sync_filled(s);
  }
  if (st == GLIA_OK) st = seal_in_background(s, x);
  if (st != GLIA_OK) glia_store_free_sealing_(x);
  return st;
}

glia_status glia_store_turn_back(struct glia_store *s, int node)
{
  s->node[node].mark.time_ns = 0;
  if (node >= s->current.n_nodes || s->current.node[node].n_rows == 0) return GLIA_OK;
  pthread_mutex_lock(&s->mutex);
  while (s->sealing) pthread_cond_wait(&s->changed, &s->mutex); /* one at a time */
  const glia_status st = glia_store_next_segment_(s);
  pthread_mutex_unlock(&s->mutex);
  return st;
}

glia_status glia_store_tick(struct glia_store *s)
{
  const int64_t index = (int64_t)((double)now_ns() * 1e-9 / s->segment_s);
  const double now_s = glia_time_s();
  glia_status st = GLIA_OK;

  pthread_mutex_lock(&s->mutex);
  if (s->failed != 0)
    st = GLIA_FAIL(GLIA_E_IO, "%s: %s", s->path, strerror(s->failed));
  else if (s->filling.failed)
    st = GLIA_FAIL(GLIA_E_MEMORY, "no memory for the journal");
  else if (index != s->segment_index &&
           !s->sealing) { /* one at a time: the current one goes on otherwise */
    s->segment_index = index;
    st = glia_store_next_segment_(s);
  } else if (now_s - s->flushed_s >= s->flush_s) {
    s->flushed_s = now_s;
    glia_store_hand_over_(s);
  }
  pthread_mutex_unlock(&s->mutex);
  return st;
}

bool glia_store_full(const struct glia_store *s)
{
  return (int64_t)s->filling.n > s->waiting_bytes;
}

void glia_store_facts(struct glia_store *s, struct glia_store_facts *out)
{
  pthread_mutex_lock(&s->mutex);
  *out = (struct glia_store_facts){.rows = s->rows_synced + s->filling_rows +
                                           (s->busy ? s->writing_rows : 0),
                                   .rows_synced = s->rows_synced,
                                   .dropped = s->dropped,
                                   .replayed = s->replayed,
                                   .journal_bytes = s->journal_bytes,
                                   .sealed = s->sealed,
                                   .latency_max_s = s->latency_max_s,
                                   .latency_worst_s = glia_worst_(&s->latency_worst, glia_time_s()),
                                   .latency_sum_s = s->latency_sum_s};
  pthread_mutex_unlock(&s->mutex);
}

glia_status glia_store_series(struct glia_store *s, int node, const char *column, int64_t since_ns,
                              int64_t *n, int64_t **time, float **value)
{
  const struct glia_store_node_ *d = &s->node[node];
  const int64_t c = glia_names_find_(&d->by_name, column);

  *n = 0;
  *time = NULL;
  *value = NULL;
  GLIA_CHECK(c >= 0, GLIA_E_MISSING, "%s has no %s", d->names.name, column);
  if (node >= s->current.n_nodes) return GLIA_OK;
  const struct glia_segment_node *rows = &s->current.node[node];
  *time = malloc((size_t)(rows->n_rows + 1) * sizeof **time);
  *value = malloc((size_t)(rows->n_rows + 1) * sizeof **value);
  if (*time == NULL || *value == NULL) return GLIA_FAIL(GLIA_E_MEMORY, "rows of %s", column);
  for (int64_t i = 0; i < rows->n_rows; i++) {
    if (rows->row[i].time_ns < since_ns) continue;
    (*time)[*n] = rows->row[i].time_ns;
    (*value)[(*n)++] = c < rows->row[i].n ? rows->value[rows->row[i].at + (size_t)c] : GLIA_MISSING;
  }
  return GLIA_OK;
}
