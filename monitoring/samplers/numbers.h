/* The many small files of /sys that hold one number each, folded to a few metrics by a table of rules. */
#ifndef GLIA_NUMBERS_H
#define GLIA_NUMBERS_H

#include "procfile.h"

enum { GLIA_NUMBERS_RULES = 16 };

/** How the numbers of several files become one; files that cannot be read do not count. */
typedef enum { GLIA_FOLD_SUM, GLIA_FOLD_MEAN, GLIA_FOLD_LEAST, GLIA_FOLD_MOST } glia_fold_kind;

/** The files that match `pattern` below the root (glob(7)), times `scale`, folded into metric `metric`. */
struct glia_number_rule {
  int metric;
  glia_fold_kind fold;
  double scale;
  const char *pattern;
};

struct glia_number_file {
  int fd; /* stays open; -1: opened for every reading, since some drivers refuse another read */
  char *path;
};

/** State of a sampler made of rules. All zero: closed. */
struct glia_numbers {
  int n_rules;
  const struct glia_number_rule *rule;
  int n_files[GLIA_NUMBERS_RULES];
  struct glia_number_file *file[GLIA_NUMBERS_RULES]; /* [n_files] by path */
};

/** Find the files. Ownership: glia_numbers_close_, whatever was returned. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_numbers_open_(struct glia_numbers *s, const char *root,
                                              const struct glia_number_rule *rule, int n_rules);
/** Read and fold all of them into out. */
void glia_numbers_sample_(struct glia_numbers *s, double *out);
/** One file's number, which may have a sign; GLIA_MISSING when it cannot be read. */
double glia_number_read_(const struct glia_number_file *file);
void glia_numbers_close_(struct glia_numbers *s);

/** Numbers folded one by one; all zero: none yet. */
struct glia_fold {
  double sum, least, most;
  int n;
};
void glia_fold_add_(struct glia_fold *f, double v); /* missing ones do not count */
double glia_fold_get_(const struct glia_fold *f, glia_fold_kind kind);

/** Paths below root that match a pattern, in byte order; NULL-terminated. Ownership: glia_paths_free_. NULL: none. */
char **glia_paths_find_(const char *root, const char *pattern);
void glia_paths_free_(char **path);

/** The first line of a file without its newline, cut to size; "" when there is none. Returns out. */
char *glia_line_read_(const char *path, char *out, size_t size);

/** Files of lines "name value" or "name: value unit": read `names` [n] into out; the amount must have that unit where unit is not
 *  NULL, and is multiplied by scale. */
void glia_named_read_(struct glia_procfile *f, const char *const *names, int n, const char *unit,
                      double scale, double *out);

#endif
