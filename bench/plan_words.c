/* Which rows of bench plan were asked for: see plan_words.h. */
#include "plan_words.h"

#include "glia_schedule.h"
#include "workload.h"

#include <stdio.h>
#include <string.h>

static bool is_model(const char *word)
{
  const struct workload_kind *k = workload_table();

  while (k->name != NULL && (k->yaml == NULL || strcmp(k->name, word) != 0)) k++;
  return k->name != NULL;
}

static int schedule_of(const char *word)
{
  int kind = 0;

  while (glia_schedule_names()[kind] != NULL && strcmp(glia_schedule_names()[kind], word) != 0)
    kind++;
  return glia_schedule_names()[kind] != NULL ? kind : -1;
}

static bool grid_of(const char *word, int *groups, int *stages)
{
  char more;

  return sscanf(word, "%dx%d%c", groups, stages, &more) == 2;
}

/* -1: it is none that is looked at. */
static int micro_batches_of(const char *word)
{
  char more;
  int n;

  return sscanf(word, "%d%c", &n, &more) == 1 &&
                 (n == PLAN_MICRO_BATCHES || n == PLAN_MORE_MICRO_BATCHES)
             ? n
             : -1;
}

glia_status plan_check_words(const struct bench_report *r)
{
  int groups, stages;

  for (int i = 0; i < r->n_words; i++)
    GLIA_CHECK(is_model(r->word[i]) || schedule_of(r->word[i]) >= 0 ||
                   grid_of(r->word[i], &groups, &stages) || micro_batches_of(r->word[i]) > 0,
               GLIA_E_USAGE,
               "'%s' is no model of glia bench train, no schedule, no grid as 2x2 (groups x "
               "stages), and no number of micro-batches (%d, %d)",
               r->word[i], PLAN_MICRO_BATCHES, PLAN_MORE_MICRO_BATCHES);
  return GLIA_OK;
}

/* Each family of words chooses among its own, where there is one of it. */
bool plan_wants_model(const struct bench_report *r, const char *name)
{
  bool any = false, found = false;

  for (int i = 0; i < r->n_words; i++) {
    any = any || is_model(r->word[i]);
    found = found || strcmp(r->word[i], name) == 0;
  }
  return found || !any;
}

bool plan_wants_kind(const struct bench_report *r, int kind)
{
  bool any = false, found = false;

  for (int i = 0; i < r->n_words; i++) {
    any = any || schedule_of(r->word[i]) >= 0;
    found = found || (kind >= 0 && schedule_of(r->word[i]) == kind);
  }
  return found || !any;
}

bool plan_wants_grid(const struct bench_report *r, int groups, int stages)
{
  bool any = false, found = false;

  for (int i = 0, g, s; i < r->n_words; i++) {
    if (!grid_of(r->word[i], &g, &s)) continue;
    any = true;
    found = found || (g == groups && s == stages);
  }
  return found || !any;
}

bool plan_wants_micro_batches(const struct bench_report *r, int n, bool usual)
{
  bool any = false, found = false;

  for (int i = 0; i < r->n_words; i++) {
    any = any || micro_batches_of(r->word[i]) > 0;
    found = found || micro_batches_of(r->word[i]) == n;
  }
  return found || (!any && usual);
}

bool plan_wants_local(const struct bench_report *r)
{
  int kind = 0;

  while (!glia_schedule_is_local(kind)) kind++;
  return plan_wants_kind(r, kind);
}
