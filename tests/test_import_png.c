/* Folders of PNG pictures. The pictures are encoded here, with zlib alone, by the PNG specification: the reader's Cairo has no part. */
#include "glia_contact_sheet.h"
#include "glia_file.h"
#include "import_rig.h"

#include <cairo.h>
#include <zlib.h>

enum { GREY = 0, RGB = 2, PALETTE = 3, RGBA = 6 };

static void put_u32(unsigned char *p, uint32_t v)
{
  for (int i = 0; i < 4; i++) p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static void put_chunk(FILE *f, const char *kind, const unsigned char *data, size_t n)
{
  unsigned char head[8], tail[4];

  put_u32(head, (uint32_t)n);
  memcpy(head + 4, kind, 4);
  uLong sum = crc32(0, head + 4, 4);
  if (n > 0) sum = crc32(sum, data, (uInt)n); /* of no bytes it would begin anew */
  put_u32(tail, (uint32_t)sum);
  fwrite(head, 1, 8, f);
  fwrite(data, 1, n, f);
  fwrite(tail, 1, 4, f);
}

/* Pixels [h, w, channels of the kind], 8 bits each; of a palette, numbers of its grey tones 0, 10, 20, ... */
static void make_png(const char *path, int w, int h, int kind, const unsigned char *pixels)
{
  static const int channels[] = {1, 0, 3, 1, 2, 0, 4};
  const size_t row = (size_t)(w * channels[kind]);
  unsigned char raw[4096], packed[8192], head[13] = {0}, tones[3 * 16];
  uLongf n = sizeof packed;
  FILE *f = fopen(path, "wb");

  if (f == NULL) abort();
  for (size_t i = 0; i < (size_t)h; i++) {
    raw[i * (row + 1)] = 0; /* no filter */
    memcpy(raw + i * (row + 1) + 1, pixels + i * row, row);
  }
  if (compress(packed, &n, raw, (uLong)((row + 1) * (size_t)h)) != Z_OK) abort();
  put_u32(head, (uint32_t)w);
  put_u32(head + 4, (uint32_t)h);
  head[8] = 8;
  head[9] = (unsigned char)kind;
  fwrite("\x89PNG\r\n\x1a\n", 1, 8, f);
  put_chunk(f, "IHDR", head, 13);
  for (size_t i = 0; i < sizeof tones; i++) tones[i] = (unsigned char)(i / 3 * 10);
  if (kind == PALETTE) put_chunk(f, "PLTE", tones, sizeof tones);
  put_chunk(f, "IDAT", packed, n);
  put_chunk(f, "IEND", NULL, 0);
  if (fclose(f) != 0) abort();
}

static void make_folder(const char *name)
{
  char command[1200];

  snprintf(command, sizeof command, "rm -rf '%s' && mkdir '%s'", scratch(name), scratch(name));
  if (system(command) != 0) abort();
}

static const char *inside(const char *folder, const char *name)
{
  static char path[1200];

  snprintf(path, sizeof path, "%s/%s", scratch(folder), name);
  if (strchr(name, '/') != NULL) { /* its folder first */
    char command[1300];
    snprintf(command, sizeof command, "mkdir -p \"$(dirname '%s')\"", path);
    if (system(command) != 0) abort();
  }
  return path;
}

static glia_status png(const char *folder, double share, const char *out)
{
  const struct glia_import_png o = {.folder = scratch(folder), .test_fraction = share, .seed = 4};
  const glia_status st = glia_import_png(&o, &(struct glia_import_out){.path = out, .force = true});

  if (st != GLIA_OK) tap_note("%s", glia_trace_message());
  return st;
}

static const unsigned char ramp[48] = {0,   1,   2,   50,  51,  52,  100, 101, 102, 150, 151, 152,
                                       200, 201, 202, 255, 254, 253, 9,   8,   7,   6,   5,   4,
                                       11,  22,  33,  44,  55,  66,  77,  88,  99,  12,  13,  14,
                                       21,  31,  41,  51,  61,  71,  81,  91,  17,  27,  37,  47};

static void colours_are_planes_and_folders_are_classes(void)
{
  const char *out = scratch("colour.h5");
  char *names = NULL;
  double x[24], y = -1.0;

  make_folder("colour");
  make_png(inside("colour", "train/dog/b.png"), 4, 2, RGB, ramp);
  make_png(inside("colour", "train/dog/a.PNG"), 4, 2, RGB, ramp + 24);
  make_png(inside("colour", "train/cat/z.png"), 4, 2, GREY, ramp);
  make_png(inside("colour", "test/eel/z.png"), 4, 2, RGB, ramp);
  spill("colour/train/cat/notes.txt", "not a picture");
  CU_ASSERT_EQUAL_FATAL(png("colour", 0.0, out), GLIA_OK);
  struct glia_source *s = opened(out, "train");
  const struct glia_field *f = &s->field[glia_source_field(s, "x")];
  CU_ASSERT(s->n == 3 && f->row.rank == 3 && f->row.dim[0] == 3 && f->row.dim[1] == 2 &&
            f->row.dim[2] == 4 && f->scale == 1.0 / 255.0);
  static const struct {
    double y;
    const unsigned char *pixels;
    int channels;
  } rows[3] = {{0.0, ramp, 1}, {1.0, ramp + 24, 3}, {1.0, ramp, 3}};
  for (int64_t r = 0; r < 3; r++) {
    row_of(s, "x", r, x);
    row_of(s, "y", r, &y);
    CU_ASSERT_EQUAL(y, rows[r].y);
    for (int c = 0; c < 3; c++)
      for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL(x[8 * c + i],
                        rows[r].pixels[rows[r].channels * i + (rows[r].channels == 3 ? c : 0)]);
  }
  glia_source_close(&s);
  s = opened(out, "test");
  row_of(s, "y", 0, &y);
  CU_ASSERT(s->n == 1 && y == 2.0);
  glia_source_close(&s);
  CU_ASSERT_EQUAL_FATAL(glia_file_note(out, "train/y", "classes", &names), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(names, "cat\ndog\neel");
  free(names);
}

static void grey_is_one_channel_and_what_is_clear_lies_on_white(void)
{
  static const unsigned char clear[8] = {10, 20, 30, 0, 40, 50, 60, 255}, numbers[2] = {3, 15};
  const char *out = scratch("grey.h5");
  double x[16];

  make_folder("grey");
  for (int i = 0; i < 10; i++) {
    char name[16];
    snprintf(name, sizeof name, "%d.png", i);
    make_png(inside("grey", name), 4, 2, GREY, ramp + i);
  }
  CU_ASSERT_EQUAL_FATAL(png("grey", 0.3, out), GLIA_OK);
  int seen[10] = {0};
  for (int k = 0; k < 2; k++) {
    struct glia_source *s = opened(out, k == 0 ? "train" : "test");
    CU_ASSERT(s->n == (k == 0 ? 7 : 3) && s->field[0].row.dim[0] == 1 &&
              glia_source_field(s, "y") < 0);
    for (int64_t r = 0; r < s->n; r++) {
      row_of(s, "x", r, x);
      for (int i = 0; i < 10; i++) {
        bool same = true;
        for (int p = 0; p < 8; p++) same &= x[p] == ramp[i + p];
        seen[i] += same;
      }
    }
    glia_source_close(&s);
  }
  for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(seen[i], 1);

  make_folder("clear");
  make_png(inside("clear", "a.png"), 2, 1, RGBA, clear);
  make_png(inside("clear", "b.png"), 2, 1, PALETTE, numbers);
  CU_ASSERT_EQUAL_FATAL(png("clear", 0.0, out), GLIA_OK);
  struct glia_source *s = opened(out, "train");
  static const double white[6] = {255, 40, 255, 50, 255, 60},
                      tones[6] = {30, 150, 30, 150, 30, 150};
  for (int r = 0; r < 2; r++) {
    row_of(s, "x", r, x);
    for (int i = 0; i < 6; i++) CU_ASSERT_EQUAL(x[i], r == 0 ? white[i] : tones[i]);
  }
  glia_source_close(&s);
}

static void bad_pictures_are_refused(void)
{
  char out[600], path[1200];

  snprintf(out, sizeof out, "%s", scratch("badpng.h5"));
  make_folder("bad");
  failed(png("bad", 0.0, out), GLIA_E_SHAPE, "bad holds no .png files", "", out);
  failed(png("absent", 0.0, out), GLIA_E_MISSING, "absent: No such file", "", out);
  make_png(inside("bad", "a.png"), 4, 2, GREY, ramp);
  make_png(inside("bad", "b.png"), 2, 4, GREY, ramp);
  failed(png("bad", 0.0, out), GLIA_E_SHAPE, "b.png is 2 x 4 (width x height)",
         "the first picture is 4 x 2", out);
  spill("bad/b.png", "GIF89a, and more bytes than the header of a PNG picture has");
  failed(png("bad", 0.0, out), GLIA_E_DATA, "b.png is not a PNG picture", "", out);
  make_png(inside("bad", "b.png"), 4, 2, GREY, ramp);
  snprintf(path, sizeof path, "%s", inside("bad", "b.png"));
  CU_ASSERT_EQUAL_FATAL(truncate(path, 50), 0);
  failed(png("bad", 0.0, out), GLIA_E_DATA, "b.png: damaged or cut short", "", out);
  FILE *f = fopen(path, "r+b"); /* a width of 2^30 in its header */
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fseek(f, 16, SEEK_SET);
  fwrite("\x40\0\0\0", 1, 4, f);
  fclose(f);
  failed(png("bad", 0.0, out), GLIA_E_DATA, "b.png is impossibly large", "", out);
  unlink(path);
  make_png(inside("bad", "c/d.png"), 4, 2, GREY, ramp);
  failed(png("bad", 0.0, out), GLIA_E_DATA, "a.png lies beside folders of classes", "", out);
}

/* Pixels of a sheet are those of its pictures, enlarged by a whole number. */
static void a_sheet_shows_its_pictures(void)
{
  unsigned char pixels[2 * 3 * 3 * 2 * 4];
  const int filled[2] = {3, 1};
  const char *const label[2] = {"cat", "<dog>"};
  const char *path = scratch("sheet.png");
  int found[3] = {0};

  for (int i = 0; i < 3; i++) /* whole pictures of one colour */
    for (int c = 0; c < 3; c++) memset(pixels + (3 * i + c) * 8, i == c ? 200 : 20, 8);
  memset(pixels + 72, 90, 72);
  const struct glia_contact_sheet sheet = {2, 3, 3, 2, 4, pixels, filled, label};
  CU_ASSERT_EQUAL_FATAL(glia_contact_sheet_write(path, &sheet), GLIA_OK);
  cairo_surface_t *s = cairo_image_surface_create_from_png(path);
  CU_ASSERT_EQUAL_FATAL(cairo_surface_status(s), CAIRO_STATUS_SUCCESS);
  const unsigned char *data = cairo_image_surface_get_data(s);
  for (int y = 0; y < cairo_image_surface_get_height(s); y++)
    for (int x = 0; x < cairo_image_surface_get_width(s); x++) {
      uint32_t p;
      memcpy(&p, data + y * cairo_image_surface_get_stride(s) + 4 * x, 4);
      found[0] += (p & 0xffffff) == 0xc81414;
      found[1] += (p & 0xffffff) == 0x1414c8;
      found[2] += (p & 0xffffff) == 0x5a5a5a;
    }
  cairo_surface_destroy(s);
  /* a picture of 4 x 2 is enlarged 16 times: 64 x 32 pixels */
  CU_ASSERT(found[0] == 64 * 32 && found[1] == 64 * 32 && found[2] == 64 * 32);
  struct glia_contact_sheet none = sheet;
  none.rows = 0;
  CU_ASSERT_EQUAL(glia_contact_sheet_write(path, &none), GLIA_E_ARGUMENT);
}

TAP_MAIN("import_png", TAP(colours_are_planes_and_folders_are_classes),
         TAP(grey_is_one_channel_and_what_is_clear_lies_on_white), TAP(bad_pictures_are_refused),
         TAP(a_sheet_shows_its_pictures))
