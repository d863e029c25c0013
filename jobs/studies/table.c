/* The table of studies, and the table of one study's values. */
#include "study_priv.h"

#include "glia_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(name) extern const struct glia_study glia_study_##name##_;
#include "studies.def"
#undef X

const struct glia_study *const *study_list(void)
{
  static const struct glia_study *const table[] = {
#define X(name) &glia_study_##name##_,
#include "studies.def"
#undef X
      NULL};
  return table;
}

glia_status study_find(const char *name, const struct glia_study **out)
{
  const char *known[128] = {NULL};
  size_t n = 0;

  *out = NULL;
  for (const struct glia_study *const *s = study_list(); *s != NULL; s++) {
    if (n + 1 < GLIA_COUNT(known)) known[n++] = (*s)->name;
    if (strcmp((*s)->name, name) == 0) *out = *s;
  }
  const char *near = *out == NULL ? glia_nearest(name, known) : NULL;
  GLIA_CHECK(*out != NULL, GLIA_E_USAGE, "no study named '%.60s'%s%s: 'glia study list' shows them",
             name, near != NULL ? ", did you mean " : "", near != NULL ? near : "");
  return GLIA_OK;
}

int study_variants(const struct glia_study *s)
{
  int n = 0;

  while (s->variant[n].name != NULL) n++;
  return n;
}

static int named_settings(const struct glia_study *s)
{
  int n = 0;

  while (s->setting != NULL && s->setting[n].name != NULL) n++;
  return n;
}

int study_settings(const struct glia_study *s)
{
  const int n = named_settings(s);

  return n > 0 ? n : 1;
}

int study_measures(const struct glia_study *s)
{
  int n = 0;

  while (s->measure[n].name != NULL) n++;
  return n;
}

int study_gates(const struct glia_study *s)
{
  int n = 0;

  while (s->gate != NULL && s->gate[n].name != NULL) n++;
  return n;
}

int study_variant_index(const struct glia_study *s, const char *name)
{
  for (int i = 0; name != NULL && s->variant[i].name != NULL; i++)
    if (strcmp(s->variant[i].name, name) == 0) return i;
  return -1;
}

int study_setting_index(const struct glia_study *s, const char *name)
{
  if (name == NULL) return 0;
  for (int i = 0; i < named_settings(s); i++)
    if (strcmp(s->setting[i].name, name) == 0) return i;
  return -1;
}

int study_measure_index(const struct glia_study *s, const char *name)
{
  if (name == NULL) return 0;
  for (int i = 0; s->measure[i].name != NULL; i++)
    if (strcmp(s->measure[i].name, name) == 0) return i;
  return -1;
}

const char *study_row_name(const struct glia_study *s, int variant, int setting, char *out,
                           size_t size)
{
  if (study_settings(s) > 1)
    snprintf(out, size, "%s/%s", s->variant[variant].name, s->setting[setting].name);
  else
    snprintf(out, size, "%s", s->variant[variant].name);
  return out;
}

static glia_status check_gate(const struct glia_study *s, const struct study_gate *g)
{
  const char *variant = g->variant != NULL ? g->variant : s->method;
  const char *against = g->against != NULL ? g->against : s->baseline;
  const char *control = g->control != NULL ? g->control : s->control;

  GLIA_CHECK(g->why != NULL, GLIA_E_INTERNAL, "%s: gate %s has no reason", s->name, g->name);
  GLIA_CHECK(study_variant_index(s, variant) >= 0 && study_variant_index(s, against) >= 0,
             GLIA_E_INTERNAL, "%s: gate %s compares no variants", s->name, g->name);
  GLIA_CHECK(study_variant_index(s, control) >= 0 && strcmp(control, variant) != 0, GLIA_E_INTERNAL,
             "%s: gate %s has no control", s->name, g->name);
  GLIA_CHECK(study_measure_index(s, g->measure) >= 0 && study_setting_index(s, g->setting) >= 0,
             GLIA_E_INTERNAL, "%s: gate %s has an unknown measure or setting", s->name, g->name);
  GLIA_CHECK((g->kind == STUDY_OWN) == (g->value != NULL), GLIA_E_INTERNAL,
             "%s: gate %s and its function disagree", s->name, g->name);
  return GLIA_OK;
}

glia_status study_check(const struct glia_study *s)
{
  GLIA_CHECK(s->name != NULL && s->title != NULL && s->variant != NULL && s->measure != NULL &&
                 s->cell != NULL,
             GLIA_E_INTERNAL, "a study without name, title, variants, measures or cell");
  GLIA_CHECK(study_variants(s) > 0 && study_measures(s) > 0 &&
                 study_measures(s) <= STUDY_MEASURES_MAX,
             GLIA_E_INTERNAL, "%s: %d variants, %d measures", s->name, study_variants(s),
             study_measures(s));
  GLIA_CHECK(s->seeds >= s->quick_seeds && s->quick_seeds >= 2, GLIA_E_INTERNAL,
             "%s: %lld seeds, %lld of them quick: an interval needs two", s->name,
             (long long)s->seeds, (long long)s->quick_seeds);
  for (int i = 0; i < study_gates(s); i++) GLIA_TRY(check_gate(s, &s->gate[i]));
  return GLIA_OK;
}

glia_status study_data_check(const struct glia_study *s, const char *data)
{
  GLIA_CHECK(s->data == NULL || data != NULL, GLIA_E_MISSING, "%s needs %s: then give --data FILE",
             s->name, s->data);
  GLIA_CHECK(s->data != NULL || data == NULL, GLIA_E_USAGE, "%s needs no --data: it makes its own",
             s->name);
  return GLIA_OK;
}

void study_put(struct study_cell *c, const char *measure, double value)
{
  const int i = study_measure_index(c->study, measure);

  assert(i >= 0);
  c->value[i] = value;
}

void study_values(const struct study_table *t, const char *measure, const char *variant,
                  const char *setting, double *out)
{
  const struct glia_study *s = t->study;
  const int m = study_measure_index(s, measure);
  const int v = study_variant_index(s, variant != NULL ? variant : s->baseline);
  const int k = study_setting_index(s, setting);

  assert(m >= 0 && v >= 0 && k >= 0);
  for (int64_t i = 0; i < t->seeds; i++)
    out[i] = t->value[((v * t->settings + k) * t->seeds + i) * t->measures + m];
}

double study_mean(const struct study_table *t, const char *measure, const char *variant,
                  const char *setting)
{
  double x[STUDY_SEEDS_MAX];

  study_values(t, measure, variant, setting, x);
  return stats_mean(t->seeds, x);
}

void study_table_free(struct study_table *t)
{
  free(t->value);
  *t = (struct study_table){0};
}
