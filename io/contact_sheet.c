/* Contact sheets: see glia_contact_sheet.h. */
#include "glia_contact_sheet.h"

#include "figure_priv.h"
#include "glia_whole_file.h"

#include <cairo.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 4, SIDE_WISHED = 64, SIDE_MAX = 256, GRID_MAX = 64, FONT = 14, LABEL_MAX = 240 };

struct layout {
  double scale;               /* from pixels of a picture to those of the sheet */
  int cell_w, cell_h, margin; /* of a picture with its gap; on the left, for names */
};

static cairo_status_t to_file(void *closure, const unsigned char *data, unsigned n)
{
  return fwrite(data, 1, n, closure) == n ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

static int widest_label(const struct glia_contact_sheet *c)
{
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1);
  cairo_t *cr = cairo_create(s);
  double most = 0.0;

  cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cr, FONT);
  for (int i = 0; c->label != NULL && i < c->rows; i++) {
    cairo_text_extents_t e;
    char *clean = glia_text_clean_(c->label[i]);
    cairo_text_extents(cr, clean != NULL ? clean : "", &e);
    if (e.x_advance > most) most = e.x_advance;
    free(clean);
  }
  cairo_destroy(cr);
  cairo_surface_destroy(s);
  return most == 0.0 ? GAP : most > LABEL_MAX ? LABEL_MAX + 2 * GAP : (int)most + 1 + 2 * GAP;
}

static struct layout lay_out(const struct glia_contact_sheet *c)
{
  const int side = c->height > c->width ? c->height : c->width;
  struct layout l = {.margin = widest_label(c)};

  if (side > SIDE_MAX)
    l.scale = (double)SIDE_MAX / side;
  else
    l.scale = side < SIDE_WISHED ? (SIDE_WISHED + side - 1) / side : 1;
  l.cell_w = (int)(c->width * l.scale + 0.5) + GAP;
  l.cell_h = (int)(c->height * l.scale + 0.5) + GAP;
  return l;
}

static cairo_surface_t *surface_of(const struct glia_contact_sheet *c, int row, int col)
{
  const size_t plane = (size_t)c->height * (size_t)c->width;
  const unsigned char *from =
      c->pixels + (size_t)(row * c->cols + col) * plane * (size_t)c->channels;
  const size_t green = c->channels == 3 ? plane : 0, blue = 2 * green;
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, c->width, c->height);
  unsigned char *to = cairo_image_surface_get_data(s);

  if (to == NULL) return s; /* keeps why */
  const size_t stride = (size_t)cairo_image_surface_get_stride(s);
  cairo_surface_flush(s);
  for (size_t i = 0; i < (size_t)c->height; i++)
    for (size_t j = 0; j < (size_t)c->width; j++) {
      const size_t at = i * (size_t)c->width + j;
      const uint32_t pixel =
          (uint32_t)from[at] << 16 | (uint32_t)from[green + at] << 8 | (uint32_t)from[blue + at];
      memcpy(to + i * stride + 4 * j, &pixel, sizeof pixel);
    }
  cairo_surface_mark_dirty(s);
  return s;
}

static void put_picture(cairo_t *cr, const struct glia_contact_sheet *c, const struct layout *l,
                        int row, int col)
{
  cairo_surface_t *s = surface_of(c, row, col);

  cairo_save(cr);
  cairo_translate(cr, l->margin + col * l->cell_w, GAP + row * l->cell_h);
  cairo_scale(cr, l->scale, l->scale);
  cairo_set_source_surface(cr, s, 0.0, 0.0);
  cairo_pattern_set_filter(cairo_get_source(cr),
                           l->scale < 1.0 ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
  cairo_rectangle(cr, 0.0, 0.0, c->width, c->height);
  cairo_fill(cr);
  cairo_restore(cr);
  cairo_surface_destroy(s);
}

static void put_label(cairo_t *cr, const struct glia_contact_sheet *c, const struct layout *l,
                      int row)
{
  char *clean = glia_text_clean_(c->label[row]);

  cairo_save(cr);
  cairo_rectangle(cr, 0.0, GAP + row * l->cell_h, l->margin - GAP, l->cell_h);
  cairo_clip(cr);
  cairo_set_source_rgb(cr, 0.1, 0.1, 0.1);
  cairo_move_to(cr, GAP, GAP + row * l->cell_h + 0.5 * (l->cell_h - GAP) + 0.35 * FONT);
  cairo_show_text(cr, clean != NULL ? clean : "");
  cairo_restore(cr);
  free(clean);
}

static cairo_surface_t *draw(const struct glia_contact_sheet *c)
{
  const struct layout l = lay_out(c);
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, l.margin + c->cols * l.cell_w,
                                                  GAP + c->rows * l.cell_h);
  cairo_t *cr = cairo_create(s);

  cairo_set_source_rgb(cr, 1.0, 1.0, 1.0);
  cairo_paint(cr);
  cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cr, FONT);
  for (int i = 0; i < c->rows; i++) {
    for (int j = 0; j < c->filled[i]; j++) put_picture(cr, c, &l, i, j);
    if (c->label != NULL) put_label(cr, c, &l, i);
  }
  cairo_destroy(cr);
  return s;
}

glia_status glia_contact_sheet_write(const char *path, const struct glia_contact_sheet *c)
{
  struct glia_whole_file w = {0};
  glia_status st = GLIA_OK;

  GLIA_CHECK(c->rows > 0 && c->rows <= GRID_MAX && c->cols > 0 && c->cols <= GRID_MAX &&
                 (c->channels == 1 || c->channels == 3) && c->height > 0 && c->width > 0 &&
                 c->height <= INT16_MAX && c->width <= INT16_MAX,
             GLIA_E_ARGUMENT, "a contact sheet of %d x %d pictures of %d x %d x %d", c->rows,
             c->cols, c->channels, c->height, c->width);
  cairo_surface_t *s = draw(c);
  GLIA_TRY_TO(out, st, glia_whole_open(path, &w));
  const cairo_status_t e = cairo_surface_write_to_png_stream(s, to_file, w.f);
  GLIA_CHECK_TO(out, st, e == CAIRO_STATUS_SUCCESS || e == CAIRO_STATUS_WRITE_ERROR, GLIA_E_MEMORY,
                "%s: %s", path, cairo_status_to_string(e));
  GLIA_TRY_TO(out, st, glia_whole_flush(&w));
  GLIA_TRY_TO(out, st, glia_whole_commit(&w));
out:
  glia_whole_abort(&w);
  cairo_surface_destroy(s);
  return st;
}
