/* Folders of PNG pictures into a dataset. Sizes and kinds are taken from the files' headers first, so that what does not fit is said
 * before anything is decoded; the decoder is Cairo's. */
#include "import_priv.h"

#include "glia_random.h"
#include "words_priv.h"

#include <cairo.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { HEADER_BYTES = 33, NOTE_MAX = 32768, TRAIN = 0, TEST = 2 };

static const char *const splits[3] = {"train", "valid", "test"};

struct picture {
  char *path;
  int32_t class; /* into the words; -1: none */
};

struct list {
  int64_t n, max;
  struct picture *at;
};

struct work {
  const struct glia_import_out *out;
  struct list list[3];
  struct glia_words classes;
  int32_t *rank; /* [classes.n] place in byte order */
  int64_t height, width;
  bool grey, any;
  double done_mb;
};

static glia_status path_of(const char *folder, const char *name, char **out)
{
  const size_t size = strlen(folder) + strlen(name) + 2;

  *out = malloc(size);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "%s/%s", folder, name);
  snprintf(*out, size, "%s/%s", folder, name);
  return GLIA_OK;
}

static bool is_folder(const char *path)
{
  struct stat s;

  return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

static int visible(const struct dirent *e) { return e->d_name[0] != '.'; }

static int in_byte_order(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

static bool ends_in_png(const char *name)
{
  const size_t n = strlen(name);

  return n > 4 && strcasecmp(name + n - 4, ".png") == 0;
}

/* Takes *path. */
static glia_status push(struct list *l, char **path, int32_t class)
{
  if (l->n == l->max) {
    const int64_t max = 2 * l->max + 1024;
    struct picture *more = realloc(l->at, (size_t)max * sizeof *more);
    GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "%lld pictures", (long long)max);
    l->at = more;
    l->max = max;
  }
  l->at[l->n++] = (struct picture){*path, class};
  *path = NULL;
  return GLIA_OK;
}

static glia_status scan(struct work *k, struct list *l, const char *folder, int32_t class);

/* A file or, where classes are looked for (class -1), a folder of one class. */
static glia_status take(struct work *k, struct list *l, const char *folder, const char *name,
                        int32_t class)
{
  char *path = NULL;
  int32_t number = -1;
  glia_status st = GLIA_OK;

  GLIA_TRY(path_of(folder, name, &path));
  if (is_folder(path)) {
    if (class < 0) {
      GLIA_TRY_TO(out, st, glia_words_number_(&k->classes, name, &number));
      GLIA_CHECK_TO(out, st, number >= 0, GLIA_E_DATA, "%s: more than %d classes", folder,
                    (int)GLIA_WORDS_MAX);
      st = scan(k, l, path, number);
    }
  } else if (ends_in_png(name)) {
    st = push(l, &path, class);
  }
out:
  free(path);
  return st;
}

static glia_status scan(struct work *k, struct list *l, const char *folder, int32_t class)
{
  struct dirent **entry = NULL;
  const int n = scandir(folder, &entry, visible, in_byte_order);
  glia_status st = GLIA_OK;

  GLIA_CHECK(n >= 0, errno == ENOENT ? GLIA_E_MISSING : GLIA_E_IO, "%s: %s", folder,
             strerror(errno));
  for (int i = 0; i < n && st == GLIA_OK; i++) st = take(k, l, folder, entry[i]->d_name, class);
  for (int i = 0; i < n; i++) free(entry[i]);
  free(entry);
  return st;
}

/* The folders of splits where there is one called train, else the whole folder as training pictures. */
static glia_status find_pictures(struct work *k, const char *folder)
{
  bool split = false;
  glia_status st = GLIA_OK;

  for (int s = 0; s < 3 && st == GLIA_OK; s++) {
    char *path = NULL;
    GLIA_TRY(path_of(folder, splits[s], &path));
    const bool there = is_folder(path);
    if (s == TRAIN) split = there;
    if (there && split) st = scan(k, &k->list[s], path, -1);
    if (st == GLIA_OK && there && split && k->list[s].n == 0)
      st = GLIA_FAIL(GLIA_E_SHAPE, "%s holds no .png files", path);
    free(path);
  }
  if (st == GLIA_OK && !split) st = scan(k, &k->list[TRAIN], folder, -1);
  GLIA_TRY(st);
  GLIA_CHECK(k->list[TRAIN].n > 0, GLIA_E_SHAPE, "%s holds no .png files, nor folders of them",
             folder);
  for (int s = 0; s < 3; s++)
    for (int64_t i = 0; i < k->list[s].n; i++)
      GLIA_CHECK(k->classes.n == 0 || k->list[s].at[i].class >= 0, GLIA_E_DATA,
                 "%s lies beside folders of classes: of which class is it?", k->list[s].at[i].path);
  return GLIA_OK;
}

static uint32_t big_endian(const unsigned char *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Signature and IHDR.  Source: the PNG specification, 11.2.2. */
static glia_status look(struct work *k, const char *path)
{
  static const unsigned char start[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                          0,    0,   0,   13,  'I',  'H',  'D',  'R'};
  unsigned char head[HEADER_BYTES];
  FILE *f = fopen(path, "rb");

  GLIA_CHECK(f != NULL, GLIA_E_IO, "%s: %s", path, strerror(errno));
  const size_t got = fread(head, 1, sizeof head, f);
  fclose(f);
  GLIA_CHECK(got == sizeof head && memcmp(head, start, sizeof start) == 0, GLIA_E_DATA,
             "%s is not a PNG picture", path);
  const int64_t width = big_endian(head + 16), height = big_endian(head + 20);
  const int depth = head[24], kind = head[25];
  GLIA_CHECK(width > 0 && height > 0 && width <= INT16_MAX && height <= INT16_MAX &&
                 3 * width * height <= GLIA_IMPORT_ROW_MAX,
             GLIA_E_DATA, "%s is impossibly large: %lld x %lld", path, (long long)width,
             (long long)height);
  GLIA_CHECK(depth <= 8, GLIA_E_UNSUPPORTED, "%s has %d bits a channel, at most 8 are read", path,
             depth);
  GLIA_CHECK(!k->any || (width == k->width && height == k->height), GLIA_E_SHAPE,
             "%s is %lld x %lld (width x height), the first picture is %lld x %lld: all must have "
             "one size",
             path, (long long)width, (long long)height, (long long)k->width, (long long)k->height);
  k->grey = (k->grey || !k->any) && (kind == 0 || kind == 4);
  k->width = width;
  k->height = height;
  k->any = true;
  return GLIA_OK;
}

/* Onto white, whatever it holds. */
static glia_status decode(const struct work *k, const char *path, cairo_surface_t *onto)
{
  cairo_surface_t *picture = cairo_image_surface_create_from_png(path);
  const cairo_status_t e = cairo_surface_status(picture);
  glia_status st = GLIA_OK;

  if (e != CAIRO_STATUS_SUCCESS) { /* libpng's errors come as "out of memory", too */
    st = GLIA_FAIL(GLIA_E_DATA, "%s: damaged or cut short", path);
  } else if (cairo_image_surface_get_width(picture) != k->width ||
             cairo_image_surface_get_height(picture) != k->height) {
    st = GLIA_FAIL(GLIA_E_DATA, "%s changed while it was read", path);
  } else {
    cairo_t *cr = cairo_create(onto);
    cairo_set_source_rgb(cr, 1.0, 1.0, 1.0);
    cairo_paint(cr);
    cairo_set_source_surface(cr, picture, 0.0, 0.0);
    cairo_paint(cr);
    if (cairo_status(cr) != CAIRO_STATUS_SUCCESS)
      st = GLIA_FAIL(GLIA_E_MEMORY, "%s: %s", path, cairo_status_to_string(cairo_status(cr)));
    cairo_destroy(cr);
    cairo_surface_flush(onto);
  }
  cairo_surface_destroy(picture);
  return st;
}

/* x [channels, height, width] of a surface of 32-bit pixels. */
static void take_pixels(const struct work *k, cairo_surface_t *from, unsigned char *x)
{
  const unsigned char *data = cairo_image_surface_get_data(from);
  const size_t stride = (size_t)cairo_image_surface_get_stride(from);
  const size_t plane = (size_t)(k->height * k->width);

  for (size_t i = 0; i < (size_t)k->height; i++)
    for (size_t j = 0; j < (size_t)k->width; j++) {
      const size_t at = i * (size_t)k->width + j;
      uint32_t pixel;
      memcpy(&pixel, data + i * stride + 4 * j, sizeof pixel);
      for (size_t c = 0; c < (k->grey ? 1U : 3U); c++)
        x[c * plane + at] = (unsigned char)(pixel >> (16 - 8 * c));
    }
}

static void tell(struct work *k, const char *path)
{
  struct stat s;

  if (k->out->progress == NULL || stat(path, &s) != 0) return;
  k->done_mb += 1e-6 * (double)s.st_size;
  glia_progress_update(k->out->progress, k->done_mb, NULL);
}

static glia_status write_rows(struct work *k, struct glia_dataset_writer *w, int x, int y,
                              const struct list *l, cairo_surface_t *surface, unsigned char *row)
{
  for (int64_t i = 0; i < l->n; i++) {
    const struct picture *p = &l->at[i];
    GLIA_TRY(decode(k, p->path, surface));
    take_pixels(k, surface, row);
    GLIA_TRY(glia_dataset_append(w, x, 1, row));
    if (y >= 0) GLIA_TRY(glia_dataset_append(w, y, 1, &k->rank[p->class]));
    tell(k, p->path);
  }
  return GLIA_OK;
}

static char *class_names(const struct glia_words *w)
{
  size_t size = 0;
  char *text = NULL;
  FILE *f = open_memstream(&text, &size);

  if (f == NULL) return NULL;
  for (int i = 0; i < w->n; i++) fprintf(f, "%s%s", i > 0 ? "\n" : "", w->word[w->order[i]]);
  return fclose(f) == 0 ? text : NULL;
}

static glia_status write_split(struct work *k, struct glia_dataset_writer *w, const char *split,
                               const struct list *l)
{
  const struct glia_type picture =
      glia_type_make(GLIA_U8, 3, (int64_t[]){k->grey ? 1 : 3, k->height, k->width});
  const struct glia_type label = glia_type_make(GLIA_I32, 0, NULL);
  char path[16];
  char *names = NULL;
  int x = 0, y = -1;
  glia_status st = GLIA_OK;
  unsigned char *row = malloc(glia_type_bytes(&picture));
  cairo_surface_t *surface =
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)k->width, (int)k->height);

  GLIA_CHECK_TO(out, st, row != NULL && cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS,
                GLIA_E_MEMORY, "a picture");
  snprintf(path, sizeof path, "%s/x", split);
  GLIA_TRY_TO(out, st, glia_dataset_define(w, path, &picture, l->n, 1.0 / 255.0, 0.0, &x));
  if (k->classes.n > 0) {
    snprintf(path, sizeof path, "%s/y", split);
    GLIA_TRY_TO(out, st, glia_dataset_define(w, path, &label, l->n, 1.0, 0.0, &y));
    names = class_names(&k->classes);
    GLIA_CHECK_TO(out, st, names != NULL, GLIA_E_MEMORY, "names of classes");
    if (strlen(names) < NOTE_MAX) GLIA_TRY_TO(out, st, glia_dataset_note(w, y, "classes", names));
  }
  st = write_rows(k, w, x, y, l, surface, row);
out:
  cairo_surface_destroy(surface);
  free(names);
  free(row);
  return st;
}

/* Some of the training pictures, drawn by a keyed permutation, for the test; both keep their order. */
static glia_status draw_test(struct work *k, double fraction, uint64_t seed)
{
  struct list all = k->list[TRAIN];
  const int64_t n_test = (int64_t)llround(fraction * (double)all.n);
  const uint64_t key = glia_random_stream(seed, "import-split");
  glia_status st = GLIA_OK;

  GLIA_CHECK(n_test >= 1 && n_test < all.n, GLIA_E_ARGUMENT,
             "a test share of %g of %lld pictures leaves a split empty", fraction,
             (long long)all.n);
  k->list[TRAIN] = (struct list){0};
  for (int64_t i = 0; i < all.n; i++) {
    const bool test = glia_random_unpermute(key, all.n, i) < n_test;
    if (st == GLIA_OK) st = push(&k->list[test ? TEST : TRAIN], &all.at[i].path, all.at[i].class);
    free(all.at[i].path);
  }
  free(all.at);
  return st;
}

static glia_status write_all(struct work *k)
{
  struct glia_dataset_writer *w = NULL;
  glia_status st = GLIA_OK;

  k->rank = malloc((size_t)(k->classes.n + 1) * sizeof *k->rank);
  GLIA_CHECK(k->rank != NULL, GLIA_E_MEMORY, "%d classes", k->classes.n);
  glia_words_ranks_(&k->classes, k->rank);
  GLIA_TRY(glia_dataset_create(k->out->path, k->out->force, &w));
  GLIA_TRY_TO(fail, st, glia_dataset_note(w, -1, "source", "PNG pictures"));
  for (int s = 0; s < 3; s++)
    if (k->list[s].n > 0) GLIA_TRY_TO(fail, st, write_split(k, w, splits[s], &k->list[s]));
  GLIA_TRY_TO(fail, st, glia_dataset_commit(&w));
fail:
  glia_dataset_abort(&w);
  return st;
}

glia_status glia_import_png(const struct glia_import_png *o, const struct glia_import_out *out)
{
  struct work k = {.out = out};
  glia_status st = GLIA_OK;

  GLIA_TRY_TO(done, st, find_pictures(&k, o->folder));
  GLIA_CHECK_TO(done, st, o->test_fraction == 0.0 || k.list[TEST].n == 0, GLIA_E_ARGUMENT,
                "a test share of %g beside %s/test", o->test_fraction, o->folder);
  if (o->test_fraction > 0.0) GLIA_TRY_TO(done, st, draw_test(&k, o->test_fraction, o->seed));
  for (int s = 0; s < 3; s++)
    for (int64_t i = 0; i < k.list[s].n; i++) {
      struct stat info;
      GLIA_TRY_TO(done, st, look(&k, k.list[s].at[i].path));
      if (out->progress != NULL && stat(k.list[s].at[i].path, &info) == 0)
        out->progress->total += 1e-6 * (double)info.st_size;
    }
  st = write_all(&k);
done:
  for (int s = 0; s < 3; s++) {
    for (int64_t i = 0; i < k.list[s].n; i++) free(k.list[s].at[i].path);
    free(k.list[s].at);
  }
  glia_words_free_(&k.classes);
  free(k.rank);
  return st;
}
