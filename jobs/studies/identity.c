/* What makes a study and a cell what they are, as hashes: the same hash, the same values. */
#include "study_priv.h"

#include "glia_kernels.h"
#include "glia_sha256.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void add(struct glia_sha256 *h, const char *text)
{
  glia_sha256_update(h, text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1);
}

static void add_list(struct glia_sha256 *h, const char *const *text)
{
  for (; text != NULL && *text != NULL; text++) add(h, *text);
  add(h, NULL);
}

void study_definition(const struct glia_study *s, char out[65])
{
  struct glia_sha256 h;
  char number[96];

  glia_sha256_init(&h);
  snprintf(number, sizeof number, "%d %lld %lld", s->version, (long long)s->first_seed,
           (long long)s->seeds);
  add(&h, s->name);
  add(&h, number);
  add(&h, s->config);
  for (int i = 0; s->variant[i].name != NULL; i++) {
    add(&h, s->variant[i].name);
    add_list(&h, s->variant[i].set);
  }
  for (int i = 0; s->setting != NULL && s->setting[i].name != NULL; i++) {
    snprintf(number, sizeof number, "%a", s->setting[i].value);
    add(&h, s->setting[i].name);
    add(&h, number);
    add_list(&h, s->setting[i].set);
  }
  for (int i = 0; i < study_gates(s); i++) {
    const struct study_gate *g = &s->gate[i];
    snprintf(number, sizeof number, "%d %d %a", (int)g->kind, (int)g->direction, g->limit);
    add(&h, g->name);
    add(&h, number);
    add_list(&h, (const char *const[]){g->measure, NULL});
    add_list(&h, (const char *const[]){g->setting, NULL});
    add_list(&h, (const char *const[]){g->variant, NULL});
    add_list(&h, (const char *const[]){g->against, NULL});
    add_list(&h, (const char *const[]){g->control, NULL});
  }
  glia_sha256_hex(&h, out);
}

/* All that a cell function is told, what it measures, and the level of the kernels: another one rounds otherwise. */
void study_cell_hash(const struct study_plan *p, int64_t cell, char out[65])
{
  const struct glia_study *s = p->study;
  const struct study_place at = study_place(p, cell);
  const struct study_variant *v = &s->variant[at.variant];
  struct glia_sha256 h;
  char number[96];

  glia_sha256_init(&h);
  add(&h, s->name);
  add(&h, s->config);
  add(&h, p->data_sha256);
  add(&h, glia_kernels_level());
  snprintf(number, sizeof number, "%d %lld %d", s->version, (long long)(s->first_seed + at.seed),
           p->quick && s->quick_note != NULL);
  add(&h, number);
  add(&h, v->name);
  add_list(&h, v->set);
  if (s->setting != NULL && s->setting[0].name != NULL) {
    const struct study_setting *k = &s->setting[at.setting];
    snprintf(number, sizeof number, "%a", k->value);
    add(&h, k->name);
    add(&h, number);
    add_list(&h, k->set);
  }
  for (int i = 0; s->measure[i].name != NULL; i++) add(&h, s->measure[i].name);
  glia_sha256_hex(&h, out);
}

glia_status study_sha256_file(const char *path, char out[65])
{
  static char block[1 << 16];
  struct glia_sha256 h;
  FILE *f = fopen(path, "rb");

  GLIA_CHECK(f != NULL, errno == ENOENT ? GLIA_E_MISSING : GLIA_E_IO, "%s: %s", path,
             strerror(errno));
  glia_sha256_init(&h);
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) glia_sha256_update(&h, block, n);
  const bool bad = ferror(f) != 0;
  fclose(f);
  GLIA_CHECK(!bad, GLIA_E_IO, "%s: cannot be read", path);
  glia_sha256_hex(&h, out);
  return GLIA_OK;
}
