/* Texts of figures: cleaning, escaping, measuring and shortening. */
#include "figure_priv.h"
#include "glia_text.h"

#include <cairo.h>
#include <stdlib.h>
#include <string.h>

char *glia_text_clean_(const char *text)
{
  static const char unknown[] = "\xef\xbf\xbd";
  const unsigned char *s = (const unsigned char *)text;
  char *out = malloc(3 * strlen(text) + 1);
  char *to = out;

  if (out == NULL) return NULL;
  while (*s != '\0') {
    const size_t n = glia_text_character((const char *)s);
    if (n == 0 && (*s == '\n' || *s == '\t')) {
      *to++ = ' ';
    } else if (n == 0) {
      memcpy(to, unknown, 3);
      to += 3;
    } else {
      memcpy(to, s, n);
      to += n;
    }
    s += n > 0 ? n : 1;
  }
  *to = '\0';
  return out;
}

void glia_text_escape_(FILE *f, const char *text)
{
  for (; *text != '\0'; text++) switch (*text) {
    case '<':
      fputs("&lt;", f);
      break;
    case '>':
      fputs("&gt;", f);
      break;
    case '&':
      fputs("&amp;", f);
      break;
    case '"':
      fputs("&quot;", f);
      break;
    case '\'':
      fputs("&#39;", f);
      break;
    default:
      fputc(*text, f);
    }
}

void glia_base64_(FILE *f, const unsigned char *data, size_t n)
{
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  for (size_t i = 0; i < n; i += 3) {
    const unsigned a = data[i];
    const unsigned b = i + 1 < n ? data[i + 1] : 0;
    const unsigned c = i + 2 < n ? data[i + 2] : 0;
    fputc(digit[a >> 2], f);
    fputc(digit[(a & 3) << 4 | b >> 4], f);
    fputc(i + 1 < n ? digit[(b & 15) << 2 | c >> 6] : '=', f);
    fputc(i + 2 < n ? digit[c & 63] : '=', f);
  }
}

/* ---- measuring ---- */

struct meter {
  cairo_surface_t *surface;
  cairo_t *cairo;
};

glia_status glia_meter_create_(struct meter **out)
{
  struct meter *m = calloc(1, sizeof *m);

  *out = NULL;
  GLIA_CHECK(m != NULL, GLIA_E_MEMORY, "no memory for a figure");
  m->surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
  m->cairo = cairo_create(m->surface);
  if (cairo_status(m->cairo) != CAIRO_STATUS_SUCCESS) {
    const glia_status st =
        GLIA_FAIL(GLIA_E_MEMORY, "cairo: %s", cairo_status_to_string(cairo_status(m->cairo)));
    glia_meter_destroy_(&m);
    return st;
  }
  cairo_font_options_t *options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(m->cairo, options);
  cairo_font_options_destroy(options);
  *out = m;
  return GLIA_OK;
}

void glia_meter_destroy_(struct meter **m)
{
  if (*m == NULL) return;
  cairo_destroy((*m)->cairo);
  cairo_surface_destroy((*m)->surface);
  free(*m);
  *m = NULL;
}

double glia_meter_width_(const struct meter *m, const char *text, double size_pt, bool bold)
{
  cairo_text_extents_t extents;

  cairo_select_font_face(m->cairo, GLIA_FONT, CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(m->cairo, size_pt);
  cairo_text_extents(m->cairo, text, &extents);
  return extents.x_advance;
}

void glia_meter_shorten_(const struct meter *m, const char *text, double size_pt, double max_pt,
                         char *out, size_t size)
{
  static const char dots[] = "\xe2\x80\xa6";
  size_t n = strlen(text);

  if (n >= size) n = size - 1;
  while (n > 0 && n < strlen(text) && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
  memcpy(out, text, n);
  out[n] = '\0';
  if (n == 0) return;
  if (text[n] == '\0' && glia_meter_width_(m, out, size_pt, false) <= max_pt) return;
  if (n + sizeof dots > size) n = size - sizeof dots;
  while (n > 0) {
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) n--;
    memcpy(out, text, n);
    memcpy(out + n, dots, sizeof dots);
    if (glia_meter_width_(m, out, size_pt, false) <= max_pt) return;
    if (n > 0) n--;
  }
  memcpy(out, dots, sizeof dots);
}
