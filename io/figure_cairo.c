/* The Cairo canvas: PDF and PNG. */
#include "figure_priv.h"

#include <cairo-pdf.h>
#include <cairo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PIXELS_PER_PT (192.0 / 72.0)

struct on_cairo {
  struct canvas canvas;
  cairo_t *cr;
};

static void set_colour(cairo_t *cr, uint32_t rgba)
{
  cairo_set_source_rgba(cr, (rgba >> 24) / 255.0, (rgba >> 16 & 0xff) / 255.0,
                        (rgba >> 8 & 0xff) / 255.0, (rgba & 0xff) / 255.0);
}

static void set_dash(cairo_t *cr, const struct paint *paint)
{
  static const double dashed[] = {5.0, 2.5};
  static const double dotted[] = {1.0, 2.0};
  static const double both[] = {5.0, 2.0, 1.0, 2.0};

  switch (paint->dash) {
  case GLIA_DASH_DASHED:
    cairo_set_dash(cr, dashed, 2, 0.0);
    break;
  case GLIA_DASH_DOTTED:
    cairo_set_dash(cr, dotted, 2, 0.0);
    break;
  case GLIA_DASH_DASHDOT:
    cairo_set_dash(cr, both, 4, 0.0);
    break;
  default:
    cairo_set_dash(cr, NULL, 0, 0.0);
  }
  cairo_set_line_cap(cr, paint->dash == GLIA_DASH_SOLID && !paint->closed ? CAIRO_LINE_CAP_ROUND
                                                                          : CAIRO_LINE_CAP_BUTT);
  cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
}

static void cairo_path_(struct canvas *c, int64_t n, const double *xy, const struct paint *paint)
{
  cairo_t *cr = ((struct on_cairo *)c)->cr;
  bool open = false;

  cairo_new_path(cr);
  for (int64_t i = 0; i < n; i++) {
    if (isnan(xy[2 * i])) {
      if (open && paint->closed) cairo_close_path(cr);
      open = false;
      continue;
    }
    const bool alone = !open && (i + 1 == n || isnan(xy[2 * i + 2]));
    if (open)
      cairo_line_to(cr, xy[2 * i], xy[2 * i + 1]);
    else
      cairo_move_to(cr, xy[2 * i], xy[2 * i + 1]);
    if (alone) cairo_line_to(cr, xy[2 * i], xy[2 * i + 1]);
    open = true;
  }
  if (open && paint->closed) cairo_close_path(cr);
  if (paint->fill != NONE) {
    set_colour(cr, paint->fill);
    cairo_fill_preserve(cr);
  }
  if (paint->stroke != NONE) {
    set_colour(cr, paint->stroke);
    cairo_set_line_width(cr, paint->width_pt);
    set_dash(cr, paint);
    cairo_stroke(cr);
  }
  cairo_new_path(cr);
}

static void cairo_text_(struct canvas *c, double x, double y, const char *text,
                        const struct glyphs *g)
{
  cairo_t *cr = ((struct on_cairo *)c)->cr;
  cairo_text_extents_t extents;

  cairo_save(cr);
  cairo_translate(cr, x, y);
  if (g->upward) cairo_rotate(cr, -acos(-1.0) / 2.0);
  cairo_select_font_face(cr, GLIA_FONT, CAIRO_FONT_SLANT_NORMAL,
                         g->bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cr, g->size_pt);
  cairo_text_extents(cr, text, &extents);
  const double shift = g->anchor == ANCHOR_START ? 0.0 : g->anchor == ANCHOR_END ? 1.0 : 0.5;
  cairo_move_to(cr, -shift * extents.x_advance, 0.0);
  set_colour(cr, g->colour);
  cairo_show_text(cr, text);
  cairo_restore(cr);
}

/* Picture of w x h pixels in Cairo's own order: premultiplied, which is the same for colours that are whole or absent. */
static cairo_surface_t *surface_of(int w, int h, const uint32_t *rgb)
{
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, w, h);
  unsigned char *data = cairo_image_surface_get_data(s);
  const int stride = cairo_image_surface_get_stride(s);

  if (cairo_surface_status(s) != CAIRO_STATUS_SUCCESS) return s;
  cairo_surface_flush(s);
  for (int j = 0; j < h; j++)
    for (int i = 0; i < w; i++) {
      const uint32_t rgba = rgb[(size_t)j * (size_t)w + (size_t)i];
      const uint32_t argb = (rgba & 0xff) == 0 ? 0 : 0xff000000u | rgba >> 8;
      memcpy(data + (size_t)j * (size_t)stride + 4 * (size_t)i, &argb, sizeof argb);
    }
  cairo_surface_mark_dirty(s);
  return s;
}

static void cairo_image_(struct canvas *c, double x, double y, double width, double height, int w,
                         int h, const uint32_t *rgb)
{
  cairo_t *cr = ((struct on_cairo *)c)->cr;
  cairo_surface_t *s = surface_of(w, h, rgb);

  cairo_save(cr);
  cairo_rectangle(cr, x, y, width, height);
  cairo_clip(cr);
  cairo_translate(cr, x, y);
  cairo_scale(cr, width / w, height / h);
  cairo_set_source_surface(cr, s, 0.0, 0.0);
  cairo_pattern_set_extend(cairo_get_source(cr), CAIRO_EXTEND_PAD);
  cairo_paint(cr);
  cairo_restore(cr);
  cairo_surface_destroy(s);
}

static void cairo_clip_(struct canvas *c, double x, double y, double width, double height)
{
  cairo_t *cr = ((struct on_cairo *)c)->cr;

  cairo_save(cr);
  cairo_rectangle(cr, x, y, width, height);
  cairo_clip(cr);
}

static void cairo_unclip_(struct canvas *c) { cairo_restore(((struct on_cairo *)c)->cr); }

static cairo_status_t to_file(void *closure, const unsigned char *data, unsigned length)
{
  return fwrite(data, 1, length, closure) == length ? CAIRO_STATUS_SUCCESS
                                                    : CAIRO_STATUS_WRITE_ERROR;
}

/* What could not be written is told by who closes the file, and knows its name. */
static bool is_made(cairo_status_t status)
{
  return status == CAIRO_STATUS_SUCCESS || status == CAIRO_STATUS_WRITE_ERROR;
}

/* Draw the figure; consumes the surface when it fails, leaves it otherwise. */
static glia_status draw(struct glia_figure *fig, cairo_surface_t *surface, double scale)
{
  static const struct canvas_ops ops = {cairo_path_, cairo_text_, cairo_image_, cairo_clip_,
                                        cairo_unclip_};
  struct on_cairo on = {.canvas.ops = &ops, .cr = cairo_create(surface)};
  cairo_font_options_t *options = cairo_font_options_create();

  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(on.cr, options);
  cairo_font_options_destroy(options);
  cairo_scale(on.cr, scale, scale);
  glia_figure_draw_(fig, &on.canvas);
  const cairo_status_t status = cairo_status(on.cr);
  cairo_destroy(on.cr);
  GLIA_CHECK(status == CAIRO_STATUS_SUCCESS,
             status == CAIRO_STATUS_NO_MEMORY ? GLIA_E_MEMORY : GLIA_E_IO,
             "cairo cannot draw the figure: %s", cairo_status_to_string(status));
  return fig->status;
}

glia_status glia_figure_pdf_(struct glia_figure *fig, FILE *f)
{
  cairo_surface_t *s = cairo_pdf_surface_create_for_stream(to_file, f, fig->width, fig->height);
  const char *title = fig->title != NULL ? fig->title : fig->panel[0].title;

  /* A fixed date: without one Cairo writes the time of day. */
  cairo_pdf_surface_set_metadata(s, CAIRO_PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z");
  if (title != NULL) cairo_pdf_surface_set_metadata(s, CAIRO_PDF_METADATA_TITLE, title);
  glia_status st = draw(fig, s, 1.0);
  cairo_surface_finish(s);
  const cairo_status_t status = cairo_surface_status(s);
  cairo_surface_destroy(s);
  GLIA_TRY(st);
  GLIA_CHECK(is_made(status), GLIA_E_MEMORY, "cannot make the PDF: %s",
             cairo_status_to_string(status));
  return GLIA_OK;
}

glia_status glia_figure_png_(struct glia_figure *fig, FILE *f)
{
  const int w = (int)lround(fig->width * PIXELS_PER_PT);
  const int h = (int)lround(fig->height * PIXELS_PER_PT);
  cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
  glia_status st = draw(fig, s, PIXELS_PER_PT);
  cairo_status_t status = cairo_surface_status(s);

  if (st == GLIA_OK && status == CAIRO_STATUS_SUCCESS)
    status = cairo_surface_write_to_png_stream(s, to_file, f);
  cairo_surface_destroy(s);
  GLIA_TRY(st);
  GLIA_CHECK(is_made(status), GLIA_E_MEMORY, "cannot make the PNG: %s",
             cairo_status_to_string(status));
  return GLIA_OK;
}

glia_status glia_png_encode_(int w, int h, const uint32_t *rgb, unsigned char **out, size_t *n)
{
  char *bytes = NULL;
  FILE *f = open_memstream(&bytes, n);

  *out = NULL;
  GLIA_CHECK(f != NULL, GLIA_E_MEMORY, "no memory for a picture");
  cairo_surface_t *s = surface_of(w, h, rgb);
  const cairo_status_t status = cairo_surface_write_to_png_stream(s, to_file, f);
  cairo_surface_destroy(s);
  if (fclose(f) != 0 || status != CAIRO_STATUS_SUCCESS) {
    free(bytes);
    return GLIA_FAIL(GLIA_E_MEMORY, "cannot make a picture: %s", cairo_status_to_string(status));
  }
  *out = (unsigned char *)bytes;
  return GLIA_OK;
}
