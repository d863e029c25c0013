/* Text: windows of bytes, each with the window one byte on as its labels. */
#include "import_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
  unsigned char *byte;
  size_t n;
  int64_t symbols;
  char names[3 * 256 + 1]; /* hexadecimal, one per line: what 0, 1, ... stand for */
};

static glia_status read_all(struct glia_stream *s, struct text *t)
{
  size_t size = 0, got = 1;

  while (got > 0) {
    if (t->n == size) {
      size = size > 0 ? 2 * size : (size_t)1 << 20;
      unsigned char *more = realloc(t->byte, size);
      GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%s: %zu bytes", glia_stream_path_(s), size);
      t->byte = more;
    }
    GLIA_TRY(glia_stream_read_(s, t->byte + t->n, size - t->n, &got));
    t->n += got;
  }
  return GLIA_OK;
}

/* Bytes that occur are numbered 0, 1, ... in rising order. */
static void number(struct text *t)
{
  unsigned char code[256] = {0};
  bool there[256] = {false};

  for (size_t i = 0; i < t->n; i++) there[t->byte[i]] = true;
  for (int b = 0; b < 256; b++) {
    if (!there[b]) continue;
    code[b] = (unsigned char)t->symbols;
    snprintf(t->names + 3 * t->symbols, 4, "%02x\n", (unsigned)b);
    t->symbols++;
  }
  for (size_t i = 0; i < t->n; i++) t->byte[i] = code[t->byte[i]];
}

/* Windows that begin at first, first + stride, ... and whose labels end before `end`. */
static glia_status write_split(struct glia_dataset_writer *w, const struct text *t,
                               const char *split, const struct glia_import_text *o, int64_t first,
                               int64_t end)
{
  const int64_t n = end - first - 1 < o->window ? 0 : (end - first - 1 - o->window) / o->stride + 1;
  const struct glia_type row = glia_type_make(GLIA_U8, 1, &o->window);
  int array[2];
  char path[32];

  GLIA_CHECK(n > 0, GLIA_E_DATA,
             "%s: the %s split has %lld bytes, fewer than a window of %lld and one", o->path, split,
             (long long)(end - first), (long long)o->window);
  for (int k = 0; k < 2; k++) {
    snprintf(path, sizeof path, "%s/%s", split, k == 0 ? "x" : "y");
    GLIA_TRY(glia_dataset_define(w, path, &row, n, 1.0, 0.0, &array[k]));
    GLIA_TRY(glia_dataset_note(w, array[k], "symbols", t->names));
    for (int64_t i = 0; i < n; i++)
      GLIA_TRY(glia_dataset_append(w, array[k], 1, t->byte + first + i * o->stride + k));
  }
  return GLIA_OK;
}

static glia_status write_dataset(const struct text *t, const struct glia_import_text *o,
                                 const struct glia_import_out *out)
{
  struct glia_dataset_writer *w = NULL;
  const int64_t n = (int64_t)t->n, edge = n - (int64_t)(o->test_fraction * (double)n);
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_dataset_create(out->path, out->force, &w));
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", "text"));
  GLIA_TRY_TO(fail, st, write_split(w, t, "train", o, 0, edge));
  if (o->test_fraction > 0.0) GLIA_TRY_TO(fail, st, write_split(w, t, "test", o, edge, n));
  return glia_dataset_commit(&w);
fail:
  glia_dataset_abort(&w);
  return st;
}

glia_status glia_import_text(const struct glia_import_text *o, const struct glia_import_out *out)
{
  struct glia_stream *s = NULL;
  struct text t = {0};
  glia_status st;

  GLIA_CHECK(o->window >= 1 && o->stride >= 1, GLIA_E_ARGUMENT, "windows of %lld, each %lld on",
             (long long)o->window, (long long)o->stride);
  GLIA_TRY(glia_stream_open_(o->path, out->progress, &s));
  st = read_all(s, &t);
  glia_stream_close_(&s);
  if (st == GLIA_OK) {
    number(&t);
    st = write_dataset(&t, o, out);
  }
  free(t.byte);
  return st;
}
