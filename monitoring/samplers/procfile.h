/* Reading and taking apart the text files of /proc: what all samplers share. */
#ifndef GLIA_PROCFILE_H
#define GLIA_PROCFILE_H

#include "glia_sampler.h"

/** A stretch of text, at .. end-1, not closed by 0. The functions below take from its front. */
struct glia_span {
  const char *at;
  const char *end;
};

enum { GLIA_PROCFILE_NAME = 64 };

/** A file that stays open and is read again and again into the same buffer. All zero: closed. */
struct glia_procfile {
  bool there;
  int fd;
  char *text;
  size_t capacity;
  bool
      single; /* set by who knows it: the kernel makes the whole file at once, so a read that fills no buffer was all */
  bool whole; /* the last read reached the end of the file, and that was the end of a line */
  int *index; /* [n_index] glia_named_read_: which name each line had the last time, -1: none */
  int n_index;
  char last
      [GLIA_PROCFILE_NAME]; /* and with which word and blank the last line began; empty: not known */
};

/** Open root/path and make a buffer with room for twice what the file holds now. A file that is not there reads as empty.
 *
 *  Ownership: close it with glia_procfile_close_, whatever was returned.
 *  Errors:    GLIA_E_MEMORY.
 */
GLIA_NODISCARD glia_status glia_procfile_open_(struct glia_procfile *f, const char *root,
                                               const char *path);

/** Read the file from its start: its lines, without a last one that was cut short (a cut number is a wrong number).
 *  Empty when unreadable. Ownership: borrowed until the next read. */
struct glia_span glia_procfile_read_(struct glia_procfile *f);

void glia_procfile_close_(struct glia_procfile *f);

/** Take the next line, without its newline; false at the end. */
bool glia_span_line_(struct glia_span *rest, struct glia_span *line);

/** Take the next word: what stands between blanks; empty at the end. */
struct glia_span glia_span_word_(struct glia_span *rest);

/** Take the next word as a decimal number without sign, "12" or "0.25"; GLIA_MISSING when it is anything else. */
double glia_span_number_(struct glia_span *rest);

/** Take all numbers up to the first word that is none, and add them up; GLIA_MISSING when there is no number. */
double glia_span_sum_(struct glia_span *rest);

/** Skip to just behind the first `text` on the rest of the line; false, and nothing taken, when it is not there. */
bool glia_span_seek_(struct glia_span *rest, const char *text);

bool glia_span_is_(struct glia_span word, const char *text);
bool glia_span_starts_(struct glia_span word, const char *text);

/** Index of word in names [n], or -1. */
int glia_span_find_(struct glia_span word, const char *const *names, int n);

#endif
