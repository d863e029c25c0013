/* Progress of long work on standard error. */
#include "glia_progress.h"

#include "glia_log.h"
#include "glia_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_BYTES = 256, BAR_CELLS = 24 };

static const double terminal_period_s = 0.1;
static const double line_period_s = 30.0;

void glia_progress_begin(struct glia_progress *p, const char *what, const char *unit, double total)
{
  const char *wish = getenv("GLIA_PROGRESS");

  *p = (struct glia_progress){.what = what, .unit = unit, .total = total, .start_s = glia_time_s()};
  p->last_print_s = p->start_s;
  p->terminal = isatty(STDERR_FILENO) == 1;
  p->silent = glia_log_rank() != 0 || (wish != NULL && strcmp(wish, "off") == 0);
}

/* "400 of 1000 steps (40 %), 12 s left, loss 0.31" */
static void describe(const struct glia_progress *p, double now_s, const char *extra, char *out,
                     size_t size)
{
  const double took_s = now_s - p->start_s;
  char span[32];
  int n;

  if (p->total > 0.0) {
    const double left_s = p->done > 0.0 ? took_s * (p->total - p->done) / p->done : -1.0;
    n = snprintf(out, size, "%.0f of %.0f %s (%.0f %%), %s left", p->done, p->total, p->unit,
                 100.0 * p->done / p->total, glia_format_duration(left_s, span, sizeof span));
  } else {
    n = snprintf(out, size, "%.0f %s in %s", p->done, p->unit,
                 glia_format_duration(took_s, span, sizeof span));
  }
  if (extra != NULL && n >= 0 && (size_t)n < size)
    snprintf(out + n, size - (size_t)n, ", %s", extra);
}

static int terminal_columns(void)
{
  struct winsize w;

  return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* The bar, then the description, cut to the terminal's width. */
static void draw(struct glia_progress *p, const char *text)
{
  char bar[BAR_CELLS + 1] = "";
  char line[LINE_BYTES + BAR_CELLS + 64];

  if (p->total > 0.0) {
    double share = p->done / p->total;
    share = share < 0.0 ? 0.0 : share > 1.0 ? 1.0 : share;
    const int full = (int)(share * BAR_CELLS);
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < full ? '=' : '.';
    bar[BAR_CELLS] = '\0';
  }
  p->width = snprintf(line, sizeof line, "%s %s%s%s", p->what, bar, *bar != '\0' ? " " : "", text);
  const int columns = terminal_columns() - 1;
  if (p->width > columns) p->width = columns;
  fprintf(stderr, "\r\033[K%.*s", p->width, line);
  fflush(stderr);
}

void glia_progress_update(struct glia_progress *p, double done, const char *extra)
{
  char text[LINE_BYTES];

  p->done = done;
  if (p->silent) return;
  const double now_s = glia_time_s();
  if (now_s - p->last_print_s < (p->terminal ? terminal_period_s : line_period_s)) return;
  p->last_print_s = now_s;
  describe(p, now_s, extra, text, sizeof text);
  if (p->terminal)
    draw(p, text);
  else
    fprintf(stderr, "%s: %s\n", p->what, text);
}

void glia_progress_clear(struct glia_progress *p)
{
  if (p->silent || !p->terminal || p->width == 0) return;
  fprintf(stderr, "\r\033[K");
  fflush(stderr);
  p->width = 0;
  p->last_print_s = 0.0;
}

void glia_progress_end(struct glia_progress *p)
{
  char span[32];

  if (p->silent) return;
  if (!p->terminal && p->done > 0.0)
    fprintf(stderr, "%s: %.0f %s in %s\n", p->what, p->done, p->unit,
            glia_format_duration(glia_time_s() - p->start_s, span, sizeof span));
  else if (p->terminal && p->width > 0)
    fprintf(stderr, "\r\033[K");
  fflush(stderr);
  p->silent = true;
}
