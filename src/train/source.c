/* Sources over memory, and what all sources share. */
#include "glia_source.h"

#include <stdlib.h>
#include <string.h>

struct memory {
  struct glia_source source;
  struct glia_field *field;
  const void **data;
};

int glia_source_field(const struct glia_source *s, const char *name)
{
  for (int i = 0; i < s->n_fields; i++)
    if (strcmp(s->field[i].name, name) == 0) return i;
  return -1;
}

glia_status glia_source_read(struct glia_source *s, int field, int64_t n_rows, const int64_t *row,
                             int64_t epoch, void *out)
{
  return s->read_epoch != NULL ? s->read_epoch(s->self, field, n_rows, row, epoch, out)
                               : s->read(s->self, field, n_rows, row, out);
}

glia_status glia_source_read_anywhere(struct glia_source *s, int field, int64_t n_rows,
                                      const int64_t *row, int64_t epoch, int64_t *place, void *out)
{
  if (s->read_anywhere != NULL && s->read_epoch == NULL)
    return s->read_anywhere(s->self, field, n_rows, row, place, out);
  for (int64_t i = 0; i < n_rows; i++) place[i] = i;
  return glia_source_read(s, field, n_rows, row, epoch, out);
}

int64_t glia_source_chunk(const struct glia_source *s)
{
  const int x = glia_source_field(s, "x") > 0 ? glia_source_field(s, "x") : 0;
  const int64_t rows = s->chunk_rows > 0
                           ? s->chunk_rows
                           : ((int64_t)1 << 20) / (int64_t)glia_type_bytes(&s->field[x].row);

  return rows < 1 ? 1 : rows < s->n ? rows : s->n;
}

void glia_source_close(struct glia_source **s)
{
  if (s == NULL || *s == NULL) return;
  (*s)->close((*s)->self);
  *s = NULL;
}

static glia_status read_rows(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  const struct memory *m = self;
  const size_t bytes = glia_type_bytes(&m->field[field].row);
  const char *from = m->data[field];
  char *to = out;

  for (int64_t i = 0; i < n_rows; i++)
    memcpy(to + (size_t)i * bytes, from + (size_t)row[i] * bytes, bytes);
  return GLIA_OK;
}

static void close_memory(void *self)
{
  struct memory *m = self;

  free(m->field);
  free(m->data);
  free(m);
}

glia_status glia_source_from_memory(const char *name, int64_t n, int n_fields,
                                    const struct glia_field *field, const void *const *data,
                                    struct glia_source **out)
{
  struct memory *m = calloc(1, sizeof *m);

  *out = NULL;
  GLIA_CHECK(m != NULL, GLIA_E_MEMORY, "a source of %d fields", n_fields);
  m->field = calloc((size_t)n_fields, sizeof *m->field);
  m->data = calloc((size_t)n_fields, sizeof *m->data);
  if (m->field == NULL || m->data == NULL) {
    close_memory(m);
    return GLIA_FAIL(GLIA_E_MEMORY, "a source of %d fields", n_fields);
  }
  memcpy(m->field, field, (size_t)n_fields * sizeof *field);
  memcpy(m->data, data, (size_t)n_fields * sizeof *data);
  m->source = (struct glia_source){.self = m,
                                   .name = name,
                                   .n = n,
                                   .n_fields = n_fields,
                                   .field = m->field,
                                   .read = read_rows,
                                   .close = close_memory};
  *out = &m->source;
  return GLIA_OK;
}
