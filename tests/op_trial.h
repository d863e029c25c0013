/* Sample cases of operators, with data: what the table test visits. */
#ifndef OP_TRIAL_H
#define OP_TRIAL_H

#include "glia_op.h"

#include <stdbool.h>

enum { MAX_INPUTS = 64, MAX_CASES = 32, BATCH = 3 };

/* One sample case of one operator, with data for every input of its graph. */
struct trial {
  const struct glia_op *op;
  int k;
  struct glia_graph *g;
  struct glia_sample s;
  glia_value y;
  void *data[MAX_INPUTS];
  int n_data;
};

extern bool exact_in_bf16; /* inputs are drawn so */

/* Make case k; false: there is none. End it in any case, which asserts that its graph is well. */
bool begin(struct trial *t, const struct glia_op *op, int k, glia_dtype dtype);
void end(struct trial *t);

/* Visit every sample case of every operator, and of control flow. */
void each(glia_dtype dtype, void (*visit)(struct trial *t));

const struct glia_type *type_of(const struct trial *t, glia_value v);

/* Assert ok, and say what was found where it is not. */
void check(bool ok, const struct trial *t, const char *what, double found, double expected);

/* A further input, "<kind><i>". */
glia_value fresh(struct trial *t, const char *kind, int i, struct glia_type type);

/* Data for all inputs that have none yet. */
void fill(struct trial *t);
/* Where an input's data are. */
int index_of(const struct trial *t, glia_value input);

/* Largest difference of two arrays, relative to the largest element (at least 1); NaN equals NaN. */
double distance(const struct glia_type *ta, const void *a, const struct glia_type *tb,
                const void *b);

#endif
