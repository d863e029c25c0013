/* Words by number: see words_priv.h. */
#include "words_priv.h"

#include <stdlib.h>
#include <string.h>

static glia_status insert(struct glia_words *w, const char *word, int at)
{
  char **words = realloc(w->word, (size_t)(w->n + 1) * sizeof *words);
  if (words != NULL) w->word = words;
  int32_t *order = realloc(w->order, (size_t)(w->n + 1) * sizeof *order);
  if (order != NULL) w->order = order;
  char *copy = strdup(word);

  if (words == NULL || order == NULL || copy == NULL) {
    free(copy);
    return GLIA_FAIL(GLIA_E_MEMORY, "%d words", w->n);
  }
  memmove(order + at + 1, order + at, (size_t)(w->n - at) * sizeof *order);
  order[at] = w->n;
  words[w->n++] = copy;
  return GLIA_OK;
}

glia_status glia_words_number_(struct glia_words *w, const char *word, int32_t *out)
{
  int lo = 0;
  int hi = w->n;

  while (lo < hi) {
    const int mid = (lo + hi) / 2;
    const int c = strcmp(w->word[w->order[mid]], word);
    if (c == 0) return *out = w->order[mid], GLIA_OK;
    if (c < 0) lo = mid + 1;
    if (c > 0) hi = mid;
  }
  *out = w->n < GLIA_WORDS_MAX ? w->n : -1;
  return *out < 0 ? GLIA_OK : insert(w, word, lo);
}

void glia_words_ranks_(const struct glia_words *w, int32_t *rank)
{
  for (int i = 0; i < w->n; i++) rank[w->order[i]] = i;
}

void glia_words_free_(struct glia_words *w)
{
  for (int i = 0; i < w->n; i++) free(w->word[i]);
  free(w->word);
  free(w->order);
  *w = (struct glia_words){0};
}
