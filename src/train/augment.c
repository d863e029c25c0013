/* Augmentation: see glia_augment.h. One kind = a reader of its settings and a function on a picture, in the table below.
 *
 * Pictures are [height, width] or [channels, height, width] and keep their element type; what comes in from outside is stored 0.
 */
#include "glia_augment.h"

#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 16, CHANNELS_MAX = 1024 };

struct picture {
  int64_t channels, height, width;
  size_t size; /* bytes of an element */
  const struct glia_field *field;
  char *data; /* changed in place */
  char *from; /* a copy, when a kind asks for one */
};

struct step {
  const struct kind *kind;
  uint64_t stream;
  int64_t pixels; /* crop, shift, cutout */
  bool horizontal, vertical;
  double sd;                /* noise, as stored */
  int n;                    /* normalise: channels, 1: all alike */
  double *mean, *deviation; /* [n] of values */
};

struct kind {
  const char *name;
  bool picture, draws;
  glia_status (*read)(const struct glia_yaml *item, struct step *s);
  void (*apply)(const struct step *s, uint64_t draw, struct picture *p);
};

/* A whole number from lo to hi out of bits; the share that the modulus favours is below 2^-40 here. */
static int64_t between(uint64_t bits, int64_t lo, int64_t hi)
{
  return lo + (int64_t)(bits % (uint64_t)(hi - lo + 1));
}

static glia_status read_pixels(const struct glia_yaml *item, struct step *s)
{
  GLIA_TRY(glia_yaml_get_int(item, s->kind->name, 1, 1 << 16, &s->pixels));
  return s->pixels > 0 ? GLIA_OK : glia_yaml_error(item, "expected %s: PIXELS", s->kind->name);
}

/* Move by (dy, dx): what was outside is 0, or what stood at the edge. */
static void move(struct picture *p, int64_t dy, int64_t dx, bool edge)
{
  const int64_t h = p->height, w = p->width;

  memcpy(p->from, p->data, (size_t)(p->channels * h * w) * p->size);
  for (int64_t c = 0; c < p->channels; c++)
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++) {
        int64_t fy = y - dy, fx = x - dx;
        char *to = p->data + (size_t)((c * h + y) * w + x) * p->size;
        const bool outside = fy < 0 || fy >= h || fx < 0 || fx >= w;
        fy = fy < 0 ? 0 : fy >= h ? h - 1 : fy;
        fx = fx < 0 ? 0 : fx >= w ? w - 1 : fx;
        if (outside && !edge)
          memset(to, 0, p->size);
        else
          memcpy(to, p->from + (size_t)((c * h + fy) * w + fx) * p->size, p->size);
      }
}

/* Padded with zeros on all sides, then a window of the old size at a random place. */
static void crop(const struct step *s, uint64_t draw, struct picture *p)
{
  move(p, between(draw & 0xffffffff, -s->pixels, s->pixels),
       between(draw >> 32, -s->pixels, s->pixels), false);
}

static void shift(const struct step *s, uint64_t draw, struct picture *p)
{
  move(p, between(draw & 0xffffffff, -s->pixels, s->pixels),
       between(draw >> 32, -s->pixels, s->pixels), true);
}

static glia_status read_flip(const struct glia_yaml *item, struct step *s)
{
  static const char *const ways[] = {"horizontal", "vertical", "both", NULL};
  int way = 0;

  if (item->kind == GLIA_YAML_MAP) GLIA_TRY(glia_yaml_get_choice(item, "flip", ways, &way));
  s->horizontal = way != 1;
  s->vertical = way != 0;
  return GLIA_OK;
}

static void flip(const struct step *s, uint64_t draw, struct picture *p)
{
  const bool across = s->horizontal && (draw & 1) != 0, down = s->vertical && (draw & 2) != 0;
  const int64_t h = p->height, w = p->width;

  if (!across && !down) return;
  memcpy(p->from, p->data, (size_t)(p->channels * h * w) * p->size);
  for (int64_t c = 0; c < p->channels; c++)
    for (int64_t y = 0; y < h; y++)
      for (int64_t x = 0; x < w; x++)
        memcpy(p->data + (size_t)((c * h + y) * w + x) * p->size,
               p->from + (size_t)((c * h + (down ? h - 1 - y : y)) * w + (across ? w - 1 - x : x)) *
                             p->size,
               p->size);
}

/* A square of zeros around a random pixel, cut at the edges.  Source: devries2017 (arXiv:1708.04552). */
static void cutout(const struct step *s, uint64_t draw, struct picture *p)
{
  const int64_t cy = between(draw & 0xffffffff, 0, p->height - 1);
  const int64_t cx = between(draw >> 32, 0, p->width - 1);
  const int64_t y0 = cy - s->pixels / 2, x0 = cx - s->pixels / 2;

  for (int64_t c = 0; c < p->channels; c++)
    for (int64_t y = y0 < 0 ? 0 : y0; y < y0 + s->pixels && y < p->height; y++)
      for (int64_t x = x0 < 0 ? 0 : x0; x < x0 + s->pixels && x < p->width; x++)
        memset(p->data + (size_t)((c * p->height + y) * p->width + x) * p->size, 0, p->size);
}

static glia_status read_noise(const struct glia_yaml *item, struct step *s)
{
  GLIA_TRY(glia_yaml_get_real(item, "noise", 0.0, 1e30, &s->sd));
  return s->sd > 0.0 ? GLIA_OK : glia_yaml_error(item, "expected noise: STANDARD DEVIATION");
}

static double clamp(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

/* Normal noise on every value; integers are rounded and stay in their range. */
static void noise(const struct step *s, uint64_t draw, struct picture *p)
{
  const double sd = s->sd / fabs(p->field->scale);
  const int64_t n = p->channels * p->height * p->width;

  for (int64_t i = 0; i < n; i++) {
    const double e = sd * glia_random_normal(s->stream, draw, (uint64_t)i);
    switch (p->field->row.dtype) {
    case GLIA_F32:
      ((float *)(void *)p->data)[i] += (float)e;
      break;
    case GLIA_F64:
      ((double *)(void *)p->data)[i] += e;
      break;
    case GLIA_U8:
    case GLIA_BOOL: {
      unsigned char *v = (unsigned char *)p->data + i;
      *v = (unsigned char)clamp(nearbyint(*v + e), 0.0, 255.0);
      break;
    }
    case GLIA_I8: {
      signed char *v = (signed char *)p->data + i;
      *v = (signed char)clamp(nearbyint(*v + e), -128.0, 127.0);
      break;
    }
    default: {
      int32_t *v = (int32_t *)(void *)p->data + i;
      *v = (int32_t)clamp(nearbyint((double)*v + e), INT32_MIN, INT32_MAX);
      break;
    }
    }
  }
}

static glia_status read_list(const struct glia_yaml *node, const char *key, double lo, int *n,
                             double **out)
{
  const struct glia_yaml *list = glia_yaml_get(node, key);

  if (list == NULL) return glia_yaml_error(node, "expected normalise: {mean: M, sd: S}");
  const int count = list->kind == GLIA_YAML_LIST ? list->n_children : 1;
  if (count < 1 || count > CHANNELS_MAX) return glia_yaml_error(list, "%d numbers", count);
  *out = calloc((size_t)count, sizeof **out);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "%d numbers", count);
  *n = count;
  if (list->kind != GLIA_YAML_LIST) return glia_yaml_get_real(node, key, lo, 1e30, *out);
  int i = 0;
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next)
    GLIA_TRY(glia_yaml_get_real(c, "", lo, 1e30, &(*out)[i++]));
  return GLIA_OK;
}

static glia_status read_normalise(const struct glia_yaml *item, struct step *s)
{
  static const char *const keys[] = {"mean", "sd", NULL};
  const struct glia_yaml *node = glia_yaml_get(item, "normalise");
  int n = 0;

  GLIA_TRY(glia_yaml_check_keys(node, keys));
  GLIA_TRY(read_list(node, "mean", -1e30, &s->n, &s->mean));
  GLIA_TRY(read_list(node, "sd", 1e-30, &n, &s->deviation));
  return n == s->n ? GLIA_OK : glia_yaml_error(node, "%d means and %d deviations", s->n, n);
}

static const struct kind kinds[] = {
    {"crop", true, true, read_pixels, crop},     {"flip", true, true, read_flip, flip},
    {"shift", true, true, read_pixels, shift},   {"noise", false, true, read_noise, noise},
    {"cutout", true, true, read_pixels, cutout}, {"normalise", false, false, read_normalise, NULL},
};

struct augment {
  struct glia_source source;
  struct glia_source *inner;
  struct glia_field *field; /* [n_fields] as the model sees them */
  int x;                    /* the field that is changed */
  bool training;
  int n;
  struct step step[STEPS_MAX];
  const struct step *per_channel; /* normalise with a number for each; x becomes f32 */
  struct picture shape;
};

static glia_status read_item(struct augment *a, const struct glia_yaml *item, uint64_t seed)
{
  const char *known[GLIA_COUNT(kinds) + 1] = {NULL};
  const char *name = item->kind == GLIA_YAML_MAP && item->n_children == 1 ? item->child->key : NULL;
  char stream[64];
  int which = 0;

  for (size_t i = 0; i < GLIA_COUNT(kinds); i++) known[i] = kinds[i].name;
  if (item->kind == GLIA_YAML_SCALAR)
    GLIA_TRY(glia_yaml_get_choice(item, "", known, &which));
  else if (name == NULL)
    return glia_yaml_error(item, "expected one kind and its setting, such as crop: 4");
  else
    GLIA_TRY(glia_yaml_check_keys(item, known));
  for (size_t i = 0; name != NULL && i < GLIA_COUNT(kinds); i++)
    if (strcmp(kinds[i].name, name) == 0) which = (int)i;
  if (a->n == STEPS_MAX) return glia_yaml_error(item, "more than %d kinds", (int)STEPS_MAX);
  struct step *s = &a->step[a->n];
  s->kind = &kinds[which];
  snprintf(stream, sizeof stream, "augment/%d-%s", a->n, s->kind->name);
  s->stream = glia_random_stream(seed, stream);
  a->n++;
  return s->kind->read(item, s);
}

/* Numbers that hold for the whole picture go into scale and offset: nothing is touched. */
static glia_status bind(struct augment *a, const struct glia_yaml *list)
{
  struct glia_field *x = &a->field[a->x];
  const struct glia_type *t = &x->row;
  struct picture *p = &a->shape;

  *p = (struct picture){.channels = t->rank == 3 ? t->dim[0] : 1,
                        .height = t->rank >= 2 ? t->dim[t->rank - 2] : 1,
                        .width = t->rank >= 1 ? t->dim[t->rank - 1] : 1,
                        .size = glia_dtype_size(t->dtype),
                        .field = &a->inner->field[a->x]};
  for (int i = 0; i < a->n; i++) {
    const struct step *s = &a->step[i];
    if (s->kind->picture && t->rank != 2 && t->rank != 3)
      return glia_yaml_error(list,
                             "%s needs pictures [height, width] or [channels, height, width]; "
                             "rows of x have rank %d",
                             s->kind->name, (int)t->rank);
    if (s->kind->apply != NULL) continue;
    if (s->n == 1) {
      x->scale /= s->deviation[0];
      x->offset = (x->offset - s->mean[0]) / s->deviation[0];
    } else if (s->n != p->channels || a->per_channel != NULL || i != a->n - 1) {
      return glia_yaml_error(list,
                             "%d means for %lld channels; such a normalise comes last, and once",
                             s->n, (long long)p->channels);
    } else {
      a->per_channel = s;
      x->row.dtype = GLIA_F32;
      x->scale = 1.0;
      x->offset = 0.0;
    }
  }
  if (t->rank != 2 && t->rank != 3) {
    p->width = glia_type_count(t);
    p->channels = p->height = 1;
  }
  return GLIA_OK;
}

static double stored(const struct picture *p, int64_t i)
{
  switch (p->field->row.dtype) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    return (double)((const ctype *)(const void *)p->data)[i];
    GLIA_DTYPE_LIST(X)
#undef X
  default:
    return NAN;
  }
}

/* One row, in place in `data`; then, where channels are normalised apart, as f32 into out. */
static void change(const struct augment *a, bool draws, int64_t row, int64_t epoch, char *data,
                   char *from, float *out)
{
  struct picture p = a->shape;

  p.data = data;
  p.from = from;
  for (int i = 0; draws && i < a->n; i++) {
    const struct step *s = &a->step[i];
    if (s->kind->apply != NULL)
      s->kind->apply(s, glia_random_bits(s->stream, (uint64_t)epoch, (uint64_t)row), &p);
  }
  if (a->per_channel == NULL) return;
  const int64_t each = p.height * p.width;
  for (int64_t c = 0; c < p.channels; c++)
    for (int64_t i = 0; i < each; i++) {
      const double v = stored(&p, c * each + i) * p.field->scale + p.field->offset;
      out[c * each + i] = (float)((v - a->per_channel->mean[c]) / a->per_channel->deviation[c]);
    }
}

static glia_status read_changed(struct augment *a, bool draws, int field, int64_t n_rows,
                                const int64_t *row, int64_t epoch, void *out)
{
  if (field != a->x || (!draws && a->per_channel == NULL))
    return a->inner->read(a->inner->self, field, n_rows, row, out);
  const size_t bytes = glia_type_bytes(&a->inner->field[a->x].row);
  const size_t out_bytes = glia_type_bytes(&a->field[a->x].row);
  char *data = a->per_channel != NULL ? malloc((size_t)n_rows * bytes) : out;
  char *from = malloc(bytes);
  glia_status st = GLIA_OK;

  if (data == NULL || from == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "rows to be changed");
  if (st == GLIA_OK) st = a->inner->read(a->inner->self, field, n_rows, row, data);
  for (int64_t i = 0; i < n_rows && st == GLIA_OK; i++)
    change(a, draws, row[i], epoch, data + (size_t)i * bytes, from,
           (float *)(void *)((char *)out + (size_t)i * out_bytes));
  if (data != out) free(data);
  free(from);
  return st;
}

static glia_status read_plain(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  return read_changed(self, false, field, n_rows, row, 0, out);
}

static glia_status read_epoch(void *self, int field, int64_t n_rows, const int64_t *row,
                              int64_t epoch, void *out)
{
  struct augment *a = self;

  return read_changed(a, a->training, field, n_rows, row, epoch, out);
}

static void close_augment(void *self)
{
  struct augment *a = self;

  glia_source_close(&a->inner);
  for (int i = 0; i < a->n; i++) {
    free(a->step[i].mean);
    free(a->step[i].deviation);
  }
  free(a->field);
  free(a);
}

static glia_status make(struct augment *a, const struct glia_yaml *list, uint64_t seed)
{
  const struct glia_source *s = a->inner;

  if (list->kind != GLIA_YAML_LIST)
    return glia_yaml_error(list, "expected a list, such as [{crop: 4}, flip]");
  a->field = malloc((size_t)s->n_fields * sizeof *a->field);
  GLIA_CHECK(a->field != NULL, GLIA_E_MEMORY, "%d fields", s->n_fields);
  memcpy(a->field, s->field, (size_t)s->n_fields * sizeof *a->field);
  a->x = glia_source_field(s, "x");
  if (a->x < 0) return glia_yaml_error(list, "%s has no field x to change", s->name);
  for (const struct glia_yaml *c = list->child; c != NULL; c = c->next)
    GLIA_TRY(read_item(a, c, seed));
  return bind(a, list);
}

glia_status glia_augment_source(const struct glia_yaml *data, uint64_t seed, bool training,
                                struct glia_source **source)
{
  const struct glia_yaml *list = glia_yaml_get(data, "augment");
  struct augment *a;

  if (list == NULL || list->kind == GLIA_YAML_NULL) return GLIA_OK;
  a = calloc(1, sizeof *a);
  GLIA_CHECK(a != NULL, GLIA_E_MEMORY, "augmentation");
  a->inner = *source;
  a->training = training;
  const glia_status st = make(a, list, seed);
  if (st != GLIA_OK) {
    a->inner = NULL; /* still the caller's */
    close_augment(a);
    return st;
  }
  a->source = **source;
  a->source.self = a;
  a->source.field = a->field;
  a->source.slow |= training || a->per_channel != NULL;
  a->source.chunk_rows = glia_source_chunk(a->inner);
  a->source.read = read_plain;
  a->source.read_epoch = read_epoch;
  a->source.close = close_augment;
  *source = &a->source;
  return GLIA_OK;
}
