/* CIFAR in its binary version: records of one label (CIFAR-100: a coarse and a fine one) and 3 x 32 x 32 bytes.
 * Source: the page of the data sets, cs.toronto.edu/~kriz/cifar.html. */
#include "import_priv.h"

#include <stdio.h>

enum { PIXELS = 3 * 32 * 32, LABELS_MAX = 2 };

struct arrays {
  int x, y, coarse;
};

static glia_status define(struct glia_dataset_writer *w, const char *split, bool hundred,
                          struct arrays *a)
{
  const struct glia_type picture = glia_type_make(GLIA_U8, 3, (int64_t[]){3, 32, 32});
  const struct glia_type label = glia_type_make(GLIA_U8, 0, NULL);
  char path[32];

  snprintf(path, sizeof path, "%s/x", split);
  GLIA_TRY(glia_dataset_define(w, path, &picture, -1, 1.0 / 255.0, 0.0, &a->x));
  snprintf(path, sizeof path, "%s/y", split);
  GLIA_TRY(glia_dataset_define(w, path, &label, -1, 1.0, 0.0, &a->y));
  if (!hundred) return GLIA_OK;
  snprintf(path, sizeof path, "%s/coarse", split);
  return glia_dataset_define(w, path, &label, -1, 1.0, 0.0, &a->coarse);
}

static glia_status copy(struct glia_stream *s, struct glia_dataset_writer *w, bool hundred,
                        const struct arrays *a)
{
  const size_t labels = hundred ? 2 : 1;
  unsigned char record[LABELS_MAX + PIXELS];
  int64_t n = 0;

  for (;; n++) {
    size_t got = 0;
    GLIA_TRY(glia_stream_read_(s, record, labels + PIXELS, &got));
    if (got == 0) break;
    GLIA_CHECK(got == labels + PIXELS, GLIA_E_DATA,
               "%s is cut short: record %lld has %zu bytes of %zu", glia_stream_path_(s),
               (long long)n, got, labels + PIXELS);
    GLIA_CHECK(record[labels - 1] < (hundred ? 100 : 10) && (!hundred || record[0] < 20),
               GLIA_E_DATA, "%s: record %lld has the label %d: not CIFAR-%s", glia_stream_path_(s),
               (long long)n, record[labels - 1], hundred ? "100" : "10");
    GLIA_TRY(glia_dataset_append(w, a->x, 1, record + labels));
    GLIA_TRY(glia_dataset_append(w, a->y, 1, record + labels - 1));
    if (hundred) GLIA_TRY(glia_dataset_append(w, a->coarse, 1, record));
  }
  GLIA_CHECK(n > 0, GLIA_E_SHAPE, "%s holds no records", glia_stream_path_(s));
  return GLIA_OK;
}

static glia_status import_split(struct glia_dataset_writer *w, const char *split, int n,
                                const char *const *file, bool hundred,
                                struct glia_progress *progress)
{
  struct arrays a = {0};

  if (n == 0) return GLIA_OK;
  GLIA_TRY(define(w, split, hundred, &a));
  for (int i = 0; i < n; i++) {
    struct glia_stream *s = NULL;
    GLIA_TRY(glia_stream_open_(file[i], progress, &s));
    const glia_status st = copy(s, w, hundred, &a);
    glia_stream_close_(&s);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

glia_status glia_import_cifar(int n_train, const char *const *train, int n_test,
                              const char *const *test, bool hundred,
                              const struct glia_import_out *out)
{
  struct glia_dataset_writer *w = NULL;
  glia_status st = GLIA_OK;

  GLIA_CHECK(n_train > 0, GLIA_E_ARGUMENT, "no input files");
  GLIA_TRY(glia_dataset_create(out->path, out->force, &w));
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", hundred ? "CIFAR-100" : "CIFAR-10"));
  GLIA_TRY_TO(fail, st, import_split(w, "train", n_train, train, hundred, out->progress));
  GLIA_TRY_TO(fail, st, import_split(w, "test", n_test, test, hundred, out->progress));
  GLIA_TRY_TO(fail, st, glia_dataset_commit(&w));
fail:
  glia_dataset_abort(&w);
  return st;
}
