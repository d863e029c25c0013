/* The ring in which an agent keeps its last rows, and the message that carries them; see glia_rows.h. */
#include "glia_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct glia_ring {
  int64_t columns;
  int64_t capacity;
  int64_t next;
  struct glia_sample_time *when; /* [capacity] */
  double *value;                 /* [capacity, columns] */
};

glia_status glia_ring_create(int64_t columns, int64_t n_rows, int64_t limit_bytes,
                             struct glia_ring **out)
{
  const int64_t row_bytes =
      columns * (int64_t)sizeof(double) + (int64_t)sizeof(struct glia_sample_time);
  const int64_t fit = limit_bytes / row_bytes;
  struct glia_ring *r = calloc(1, sizeof *r);

  *out = NULL;
  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "no memory for the last rows");
  r->columns = columns;
  r->capacity = n_rows < fit ? n_rows : fit;
  if (r->capacity < 2) r->capacity = 2;
  r->next = 1;
  r->when = calloc((size_t)r->capacity, sizeof *r->when);
  r->value = calloc((size_t)(r->capacity * (columns > 0 ? columns : 1)), sizeof *r->value);
  if (r->when == NULL || r->value == NULL) {
    glia_ring_destroy(&r);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory for %lld rows of %lld metrics", (long long)n_rows,
                     (long long)columns);
  }
  *out = r;
  return GLIA_OK;
}

void glia_ring_destroy(struct glia_ring **ring)
{
  if (*ring == NULL) return;
  free((*ring)->when);
  free((*ring)->value);
  free(*ring);
  *ring = NULL;
}

void glia_ring_add(struct glia_ring *r, const struct glia_sample_time *when, const double *row)
{
  const int64_t at = r->next++ % r->capacity;

  r->when[at] = *when;
  if (r->columns > 0) memcpy(r->value + at * r->columns, row, (size_t)r->columns * sizeof *row);
}

int64_t glia_ring_capacity(const struct glia_ring *ring) { return ring->capacity; }

int64_t glia_ring_next(const struct glia_ring *ring) { return ring->next; }

int64_t glia_ring_first(const struct glia_ring *ring)
{
  return ring->next > ring->capacity ? ring->next - ring->capacity : 1;
}

const double *glia_ring_row(const struct glia_ring *ring, int64_t number,
                            struct glia_sample_time *when)
{
  const int64_t at = number % ring->capacity;

  *when = ring->when[at];
  return ring->value + at * ring->columns;
}

/* ---- the message: little-endian, as docs/formats/agent.md describes it */

static const char magic[8] = "GLIAROW1";
enum { HEAD_BYTES = 80 };

static void put64(unsigned char *at, uint64_t v)
{
  for (int i = 0; i < 8; i++) at[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get64(const unsigned char *at)
{
  uint64_t v = 0;

  for (int i = 7; i >= 0; i--) v = v << 8 | at[i];
  return v;
}

static double get_real(const unsigned char *at)
{
  const uint64_t bits = get64(at);
  double v;

  memcpy(&v, &bits, sizeof v);
  return v;
}

static void column_line(struct glia_buffer *b, const struct glia_metric *m, int64_t clock)
{
  glia_buffer_print(b, "%s\t%s\t%c\t%lld\n", m->name, m->unit,
                    m->kind == GLIA_METRIC_COUNTER ? 'c' : 'g', (long long)clock);
}

uint64_t glia_rows_schema(int64_t n, const struct glia_metric *metric, const int64_t *clock)
{
  struct glia_buffer b = {0};
  uint64_t hash = 14695981039346656037u; /* FNV-1a */

  for (int64_t i = 0; i < n; i++) column_line(&b, &metric[i], clock[i]);
  for (size_t i = 0; i < b.n; i++) hash = (hash ^ (uint8_t)b.text[i]) * 1099511628211u;
  glia_buffer_free(&b);
  return hash != 0 ? hash : 1;
}

static void write_row(struct glia_buffer *b, const struct glia_ring *ring, int64_t number)
{
  struct glia_sample_time when;
  const double *value = glia_ring_row(ring, number, &when);
  unsigned char word[8];

  put64(word, (uint64_t)when.realtime_ns);
  glia_buffer_add(b, (const char *)word, sizeof word);
  put64(word, (uint64_t)when.monotonic_ns);
  glia_buffer_add(b, (const char *)word, sizeof word);
  for (int64_t i = 0; i < ring->columns; i++) {
    uint64_t bits;
    memcpy(&bits, &value[i], sizeof bits);
    put64(word, bits);
    glia_buffer_add(b, (const char *)word, sizeof word);
  }
}

void glia_rows_write(struct glia_buffer *b, const struct glia_rows_head *head,
                     const struct glia_ring *ring, int64_t after, int64_t limit, bool with_columns,
                     int64_t n, const struct glia_metric *metric, const int64_t *clock)
{
  unsigned char bytes[HEAD_BYTES] = {0};
  struct glia_buffer text = {0};
  int64_t first = after + 1;

  if (first < glia_ring_first(ring)) first = glia_ring_first(ring);
  int64_t rows = glia_ring_next(ring) - first;
  if (rows < 0) rows = 0;
  if (rows > limit) rows = limit;
  for (int64_t i = 0; with_columns && i < n; i++) column_line(&text, &metric[i], clock[i]);
  const uint64_t word[] = {head->run,       head->boot,
                           head->schema,    (uint64_t)head->now_ns,
                           (uint64_t)first, (uint64_t)(glia_ring_next(ring) - 1),
                           (uint64_t)rows,  (uint64_t)n,
                           text.n};
  memcpy(bytes, magic, sizeof magic);
  for (size_t i = 0; i < GLIA_COUNT(word); i++) put64(bytes + 8 + 8 * i, word[i]);
  glia_buffer_add(b, (const char *)bytes, sizeof bytes);
  if (text.n > 0) glia_buffer_add(b, text.text, text.n);
  b->failed = b->failed || text.failed;
  glia_buffer_free(&text);
  for (int64_t i = 0; i < rows; i++) write_row(b, ring, first + i);
}

/* One line of the column list; at [size] is text closed by 0, which is taken apart. */
static glia_status read_column(char *line, int64_t n, struct glia_rows_column *out)
{
  char *part[4] = {line};

  for (int i = 1; i < 4; i++) {
    part[i] = strchr(part[i - 1], '\t');
    GLIA_CHECK(part[i] != NULL, GLIA_E_DATA, "a column without unit, kind and clock");
    *part[i]++ = '\0';
  }
  char *end = NULL;
  out->clock = strtoll(part[3], &end, 10);
  GLIA_CHECK(*end == '\0' && out->clock >= -1 && out->clock < n, GLIA_E_DATA,
             "clock '%s' of column '%s'", part[3], line);
  GLIA_CHECK(strcmp(part[2], "c") == 0 || strcmp(part[2], "g") == 0, GLIA_E_DATA,
             "kind '%s' of column '%s'", part[2], line);
  GLIA_CHECK(line[0] != '\0' && strlen(line) < GLIA_ROWS_NAME_BYTES &&
                 strlen(part[1]) < GLIA_ROWS_NAME_BYTES,
             GLIA_E_DATA, "a column whose name has %zu bytes", strlen(line));
  out->kind = part[2][0] == 'c' ? GLIA_METRIC_COUNTER : GLIA_METRIC_GAUGE;
  out->name = strdup(line);
  out->unit = strdup(part[1]);
  GLIA_CHECK(out->name != NULL && out->unit != NULL, GLIA_E_MEMORY, "column %s", line);
  return GLIA_OK;
}

static glia_status read_columns(const unsigned char *at, size_t size, struct glia_rows *out)
{
  char *text = malloc(size + 1);
  glia_status st = GLIA_OK;

  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%zu bytes of columns", size);
  memcpy(text, at, size);
  text[size] = '\0';
  out->column = calloc((size_t)out->n_columns + 1, sizeof *out->column);
  GLIA_CHECK_TO(done, st, out->column != NULL, GLIA_E_MEMORY, "%lld columns",
                (long long)out->n_columns);
  char *line = text;
  for (int64_t i = 0; i < out->n_columns; i++) {
    char *end = strchr(line, '\n');
    GLIA_CHECK_TO(done, st, end != NULL, GLIA_E_DATA, "%lld columns are named, %lld promised",
                  (long long)i, (long long)out->n_columns);
    *end = '\0';
    GLIA_TRY_TO(done, st, read_column(line, out->n_columns, &out->column[i]));
    line = end + 1;
  }
  GLIA_CHECK_TO(done, st, line == text + size, GLIA_E_DATA, "more columns than promised");

done:
  free(text);
  return st;
}

static glia_status read_head(const unsigned char *at, size_t size, struct glia_rows *out,
                             uint64_t *text_bytes)
{
  GLIA_CHECK(size >= HEAD_BYTES && memcmp(at, magic, sizeof magic) == 0, GLIA_E_DATA,
             "%zu bytes that do not begin as rows of an agent", size);
  out->head = (struct glia_rows_head){.run = get64(at + 8),
                                      .boot = get64(at + 16),
                                      .schema = get64(at + 24),
                                      .now_ns = (int64_t)get64(at + 32)};
  const uint64_t first = get64(at + 40), last = get64(at + 48), rows = get64(at + 56),
                 columns = get64(at + 64);
  *text_bytes = get64(at + 72);
  GLIA_CHECK(columns <= GLIA_ROWS_METRICS_MAX && rows <= (uint64_t)1 << 32 &&
                 *text_bytes <= size - HEAD_BYTES && first > 0 && first < (uint64_t)1 << 62 &&
                 last < (uint64_t)1 << 62,
             GLIA_E_DATA, "rows %llu of %llu columns", (unsigned long long)rows,
             (unsigned long long)columns);
  GLIA_CHECK(size - HEAD_BYTES - *text_bytes == rows * (columns + 2) * 8, GLIA_E_DATA,
             "%llu rows of %llu columns in %zu bytes: was the message cut?",
             (unsigned long long)rows, (unsigned long long)columns, size);
  out->first = (int64_t)first;
  out->last = (int64_t)last;
  out->n_rows = (int64_t)rows;
  out->n_columns = (int64_t)columns;
  return GLIA_OK;
}

glia_status glia_rows_read(const void *data, size_t size_bytes, struct glia_rows *out)
{
  const unsigned char *at = data;
  uint64_t text_bytes = 0;

  *out = (struct glia_rows){0};
  GLIA_TRY(read_head(at, size_bytes, out, &text_bytes));
  out->at = at + HEAD_BYTES + text_bytes;
  if (text_bytes == 0) return GLIA_OK;
  const glia_status st = read_columns(at + HEAD_BYTES, (size_t)text_bytes, out);
  if (st != GLIA_OK) glia_rows_free(out);
  return st;
}

void glia_rows_get(const struct glia_rows *rows, int64_t i, struct glia_sample_time *when,
                   double *values)
{
  const unsigned char *at = rows->at + i * (rows->n_columns + 2) * 8;

  when->realtime_ns = (int64_t)get64(at);
  when->monotonic_ns = (int64_t)get64(at + 8);
  for (int64_t c = 0; c < rows->n_columns; c++) values[c] = get_real(at + 16 + 8 * c);
}

void glia_rows_free(struct glia_rows *rows)
{
  for (int64_t i = 0; rows->column != NULL && i < rows->n_columns; i++) {
    free(rows->column[i].name);
    free(rows->column[i].unit);
  }
  free(rows->column);
  *rows = (struct glia_rows){0};
}
