/* Words by number, in the order they were first seen, and in byte order: classes and categories of tables. */
#ifndef GLIA_IO_WORDS_PRIV_H
#define GLIA_IO_WORDS_PRIV_H

#include "glia_status.h"

enum { GLIA_WORDS_MAX = 65536 };

struct glia_words {
  int n;
  char **word;    /* [n] as first seen */
  int32_t *order; /* [n] numbers of the words in byte order */
};

/* Number of a word, new or known; -1 when there are GLIA_WORDS_MAX others. Errors: GLIA_E_MEMORY. */
glia_status glia_words_number_(struct glia_words *w, const char *word, int32_t *out);

/* Place of each word in byte order: rank [n]. */
void glia_words_ranks_(const struct glia_words *w, int32_t *rank);

void glia_words_free_(struct glia_words *w);

#endif
