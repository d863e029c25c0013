/* Reports: one HTML page of headings, paragraphs, tables and figures, without anything from outside. It reads on a light or
 * dark screen, on a small one, and on paper.
 *
 *     struct glia_report *r;
 *     GLIA_TRY(glia_report_create("Run 17", &r));
 *     glia_report_verdict(r, GLIA_VERDICT_GOOD, "Completed 400 steps");
 *     glia_report_heading(r, "Loss");
 *     glia_report_figure(r, fig, "Training loss, one point per step.");
 *     st = glia_report_write(r, "report.html");
 *     glia_report_destroy(&r);
 *
 * As with figures, what goes wrong on the way is kept and returned by glia_report_write. Texts are UTF-8, copied and shown
 * as they are: markup in them is text. No date is added. No function here is collective.
 */
#ifndef GLIA_REPORT_H
#define GLIA_REPORT_H

#include "glia_figure.h"

struct glia_report;

typedef enum {
  GLIA_VERDICT_NEUTRAL,
  GLIA_VERDICT_GOOD,
  GLIA_VERDICT_BAD,
} glia_verdict;

/** Begin a page with a title. Ownership: the caller destroys *out; NULL on failure. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_report_create(const char *title, struct glia_report **out);

/** Free *r and set it to NULL; NULL is welcome. */
GLIA_API void glia_report_destroy(struct glia_report **r);

/** A section's heading. */
GLIA_API void glia_report_heading(struct glia_report *r, const char *text);

/** A paragraph. */
GLIA_API void glia_report_paragraph(struct glia_report *r, const char *text);

/** The outcome in one sentence, set apart, with a word for good or bad beside the colour. */
GLIA_API void glia_report_verdict(struct glia_report *r, glia_verdict verdict, const char *text);

/** Text with its line ends, in a fixed pitch: a configuration, a log. */
GLIA_API void glia_report_listing(struct glia_report *r, const char *text);

/** Begin a table with header [cols], or without one (NULL); rows follow. Cells that are numbers stand to the right. */
GLIA_API void glia_report_table(struct glia_report *r, int cols, const char *const *header);

/** A row of the table begun last: cell [cols], NULL = empty. Errors kept: GLIA_E_ARGUMENT (no table begun). */
GLIA_API void glia_report_row(struct glia_report *r, const char *const *cell);

/** A row of two cells, a name and a printed value; begins a table of two columns when none is open. */
GLIA_API void glia_report_fact(struct glia_report *r, const char *name, const char *format, ...)
    GLIA_PRINTF(3, 4);

/** The figure as it is now, with a caption (NULL: none) and, up to 1 MB of them, its numbers to download. */
GLIA_API void glia_report_figure(struct glia_report *r, struct glia_figure *fig,
                                 const char *caption);

/** Write the page; it appears whole or not at all. Errors: the report's first failure, else GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_report_write(struct glia_report *r, const char *path);

#endif
