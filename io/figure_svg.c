/* The SVG canvas. Texts stay texts, so that they can be searched, read aloud and restyled. There are no identifiers, so that
 * many figures can stand in one page: clipping is by nested <svg>. Classes (ink, faint, rule, paper) let a page restyle a
 * figure, for a dark screen; without style sheet it is black on white. */
#include "figure_priv.h"

#include <math.h>
#include <stdlib.h>

struct svg {
  struct canvas canvas;
  FILE *f;
  glia_status status; /* first failure */
};

/* Two decimals, none that are zero, whatever the locale. */
static void number(FILE *f, double value)
{
  long long v = llround(fabs(value) * 100.0);

  if (value < 0.0 && v != 0) fputc('-', f);
  fprintf(f, "%lld", v / 100);
  v %= 100;
  if (v == 0) return;
  fprintf(f, v % 10 == 0 ? ".%lld" : ".%02lld", v % 10 == 0 ? v / 10 : v);
}

static void attribute(FILE *f, const char *name, double value)
{
  fprintf(f, " %s=\"", name);
  number(f, value);
  fputc('"', f);
}

static void colour(FILE *f, const char *name, uint32_t rgba)
{
  if (rgba == NONE) {
    fprintf(f, " %s=\"none\"", name);
    return;
  }
  fprintf(f, " %s=\"#%06x\"", name, (unsigned)(rgba >> 8));
  if ((rgba & 0xff) == 0xff) return;
  fprintf(f, " %s-opacity=\"", name);
  number(f, (double)(rgba & 0xff) / 255.0);
  fputc('"', f);
}

/* Class by which a page finds the colours that it may exchange. */
static void class(FILE *f, uint32_t rgba, const char *suffix)
{
  const char *name = NULL;

  if (rgba == NONE) return;
  if (rgba >> 8 == INK >> 8) name = "ink";
  if (rgba >> 8 == FAINT >> 8) name = "faint";
  if (rgba >> 8 == RULE >> 8) name = "rule";
  if (rgba >> 8 == PAPER >> 8) name = "paper";
  if (name != NULL) fprintf(f, " class=\"%s%s\"", name, suffix);
}

static void svg_path(struct canvas *c, int64_t n, const double *xy, const struct paint *paint)
{
  FILE *f = ((struct svg *)c)->f;
  static const char *const dashes[] = {"", "5 2.5", "1 2", "5 2 1 2"};
  bool open = false;

  if (n == 0) return;
  fputs("<path", f);
  if (paint->fill != NONE)
    class(f, paint->fill, "-fill");
  else
    class(f, paint->stroke, "-line");
  colour(f, "fill", paint->fill);
  if (paint->stroke != NONE) {
    colour(f, "stroke", paint->stroke);
    attribute(f, "stroke-width", paint->width_pt);
    if (paint->dash != GLIA_DASH_SOLID)
      fprintf(f, " stroke-dasharray=\"%s\"", dashes[paint->dash]);
    else if (!paint->closed)
      fputs(" stroke-linecap=\"round\"", f);
    fputs(" stroke-linejoin=\"round\"", f);
  }
  fputs(" d=\"", f);
  for (int64_t i = 0; i < n; i++) {
    if (isnan(xy[2 * i])) {
      if (open && paint->closed) fputc('Z', f);
      open = false;
      continue;
    }
    fputc(open ? ' ' : 'M', f);
    number(f, xy[2 * i]);
    fputc(' ', f);
    number(f, xy[2 * i + 1]);
    if (!open && (i + 1 == n || isnan(xy[2 * i + 2]))) fputs("h0", f);
    open = true;
  }
  fputs(open && paint->closed ? "Z\"/>\n" : "\"/>\n", f);
}

static void svg_text(struct canvas *c, double x, double y, const char *text, const struct glyphs *g)
{
  FILE *f = ((struct svg *)c)->f;
  static const char *const anchors[] = {"start", "middle", "end"};

  fputs("<text", f);
  class(f, g->colour, "-fill");
  if (g->upward) {
    fputs(" transform=\"translate(", f);
    number(f, x);
    fputc(' ', f);
    number(f, y);
    fputs(") rotate(-90)\"", f);
  } else {
    attribute(f, "x", x);
    attribute(f, "y", y);
  }
  attribute(f, "font-size", g->size_pt);
  if (g->bold) fputs(" font-weight=\"bold\"", f);
  if (g->anchor != ANCHOR_START) fprintf(f, " text-anchor=\"%s\"", anchors[g->anchor]);
  colour(f, "fill", g->colour);
  fputc('>', f);
  glia_text_escape_(f, text);
  fputs("</text>\n", f);
}

static void svg_image(struct canvas *c, double x, double y, double width, double height, int w,
                      int h, const uint32_t *rgb)
{
  FILE *f = ((struct svg *)c)->f;
  unsigned char *png = NULL;
  size_t n = 0;

  const glia_status st = glia_png_encode_(w, h, rgb, &png, &n);
  if (st != GLIA_OK) {
    ((struct svg *)c)->status = st;
    return;
  }
  fputs("<image", f);
  attribute(f, "x", x);
  attribute(f, "y", y);
  attribute(f, "width", width);
  attribute(f, "height", height);
  fputs(" preserveAspectRatio=\"none\" href=\"data:image/png;base64,", f);
  glia_base64_(f, png, n);
  fputs("\"/>\n", f);
  free(png);
}

static void svg_clip(struct canvas *c, double x, double y, double width, double height)
{
  FILE *f = ((struct svg *)c)->f;

  fputs("<svg", f);
  attribute(f, "x", x);
  attribute(f, "y", y);
  attribute(f, "width", width);
  attribute(f, "height", height);
  fputs(" viewBox=\"", f);
  number(f, x);
  fputc(' ', f);
  number(f, y);
  fputc(' ', f);
  number(f, width);
  fputc(' ', f);
  number(f, height);
  fputs("\">\n", f);
}

static void svg_unclip(struct canvas *c) { fputs("</svg>\n", ((struct svg *)c)->f); }

glia_status glia_figure_svg_(struct glia_figure *fig, FILE *f, bool standalone)
{
  static const struct canvas_ops ops = {svg_path, svg_text, svg_image, svg_clip, svg_unclip};
  struct svg svg = {.canvas.ops = &ops, .f = f};

  if (standalone) fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", f);
  fputs("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"glia-figure\" role=\"img\" "
        "font-family=\"'DejaVu Sans', Verdana, sans-serif\" width=\"",
        f);
  number(f, fig->width);
  fputs("pt\" height=\"", f);
  number(f, fig->height);
  fputs("pt\" viewBox=\"0 0 ", f);
  number(f, fig->width);
  fputc(' ', f);
  number(f, fig->height);
  fputs("\">\n", f);
  const char *title = fig->title != NULL ? fig->title : fig->panel[0].title;
  if (title != NULL) {
    fputs("<title>", f);
    glia_text_escape_(f, title);
    fputs("</title>\n", f);
  }
  glia_figure_draw_(fig, &svg.canvas);
  fputs("</svg>\n", f);
  GLIA_TRY(svg.status);
  return fig->status;
}
