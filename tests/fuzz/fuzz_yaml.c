/* Configurations: parsed, printed, parsed again, read as a run, overridden. */
#include "fuzz.h"
#include "glia_train.h"
#include "glia_yaml.h"

#include <stdlib.h>
#include <string.h>

void fuzz_yaml(const uint8_t *data, size_t size)
{
  struct glia_yaml_doc *doc = NULL, *again = NULL;
  struct glia_train_config config;
  char *text = NULL, *same = NULL;
  char word[64] = "";

  if (glia_yaml_parse_text("fuzz", (const char *)data, size, &doc) != GLIA_OK) return;
  if (glia_yaml_print(glia_yaml_root(doc), &text) == GLIA_OK) {
    /* what we print is canonical: it parses, and prints the same */
    if (glia_yaml_parse_text("again", text, strlen(text), &again) != GLIA_OK ||
        glia_yaml_print(glia_yaml_root(again), &same) != GLIA_OK || strcmp(text, same) != 0)
      abort();
  }
  if (glia_train_config_read(glia_yaml_root(doc), &config) == GLIA_OK)
    (void)glia_train_steps(&config, 100);
  memcpy(word, data, size < sizeof word - 1 ? size : sizeof word - 1);
  (void)!glia_yaml_override(doc, word);
  free(text);
  free(same);
  glia_yaml_destroy(&doc);
  glia_yaml_destroy(&again);
}
