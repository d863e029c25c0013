/* Which rows of bench plan were asked for: names of models, of schedules, grids as GROUPSxSTAGES, and micro-batches of a step. Of each family that has a word, what
 * is named is wanted; of the others everything. */
#ifndef PLAN_WORDS_H
#define PLAN_WORDS_H

#include "bench.h"

/* Of a step; the second is more than a way is tried with, and whole groups of 2, 3 and 4, as interleaved takes them. */
enum { PLAN_MICRO_BATCHES = 8, PLAN_MORE_MICRO_BATCHES = 24 };

/** Errors: GLIA_E_USAGE, naming the word that is none of them. */
GLIA_NODISCARD glia_status plan_check_words(const struct bench_report *r);
bool plan_wants_model(const struct bench_report *r, const char *name);
/** kind: of glia_schedule_names; -1: no stages. */
bool plan_wants_kind(const struct bench_report *r, int kind);
bool plan_wants_grid(const struct bench_report *r, int groups, int stages);
/** usual: whether so many are wanted where no word says how many. */
bool plan_wants_micro_batches(const struct bench_report *r, int n, bool usual);
/** Whether any stage of local learning may be wanted. */
bool plan_wants_local(const struct bench_report *r);

#endif
