/* Forward values that the backward pass computes again instead of keeping them: which could be, and the graph in which they are. */
#ifndef AGAIN_PRIV_H
#define AGAIN_PRIV_H

#include "program_priv.h"

/* What is known of a graph whose entry point `entry` trains; arrays are indexed by value. */
struct again {
  const struct glia_graph *g;
  int entry, segments;
  const int8_t *const *segment; /* [entries] of each value; NULL: one */
  bool *need;                   /* of some entry point */
  bool *own;                    /* of this entry point alone */
  bool *micro;
  bool *forward; /* leads to the loss, or is of a forward segment */
  bool *late;    /* reads forward values in the backward pass */
  bool *kept;    /* forward values that are in memory when the backward pass reads them */
  double *work;  /* of each node */
};

/* loss: what is differentiated; GLIA_NONE with segments, the first `chunks` of which are forward. */
GLIA_NODISCARD glia_status glia_again_begin_(const struct glia_graph *g, int entry, glia_value loss,
                                             int segments, int chunks, const int8_t *const *segment,
                                             double (*work)(const struct glia_graph *g,
                                                            const struct glia_node *n),
                                             struct again *out);
void glia_again_end_(struct again *a);

/* Whether v can be computed a second time: not what comes in, loops and call-backs. */
bool glia_may_run_again_(const struct glia_graph *g, glia_value v);

/* Through views. */
glia_value glia_viewed_(const struct glia_graph *g, glia_value v);

/* The graph in which the backward pass computes again what is not kept. *segment: as a's, of its values; free both. */
GLIA_NODISCARD glia_status glia_again_make_(const struct again *a, struct glia_graph **out,
                                            int8_t ***segment);
void glia_free_segments_(int n_entries, int8_t ***segment);

/* Work of a micro-batch in an entry point of g. */
double glia_work_of_(const struct glia_graph *g, int entry,
                     double (*work)(const struct glia_graph *g, const struct glia_node *n));

#endif
