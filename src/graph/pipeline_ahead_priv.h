/* Local learning over ranks: a rank may be steps ahead of those that read what it sends.
 *
 * What is sent is copied into a queue of `ahead` messages per reader, and its rank goes on; a full queue makes it wait. Numbers of the
 * epilogue that stages share (loss, flags) are for the report alone: they go out behind a step and are looked at `lag` steps later, so
 * nobody waits for them. A step's outputs are then those of the step `lag` before; catching up tells the rest, without a step. */
#ifndef PIPELINE_AHEAD_PRIV_H
#define PIPELINE_AHEAD_PRIV_H

#include "glia_pipeline.h"
#include "stage_priv.h"

struct ahead;

typedef glia_status (*glia_ahead_finish)(struct glia_engine *e, int handle, const char *what);

/* Messages under way at once, at most. */
int glia_ahead_handles_(const struct glia_stage *stage, const struct glia_schedule *s);
GLIA_NODISCARD glia_status glia_ahead_create_(struct glia_engine *e,
                                              const struct glia_pipeline *how, int first_handle,
                                              glia_ahead_finish finish, struct ahead **out);
void glia_ahead_destroy_(struct ahead **a);

/* Send over channel number i of the stage; waits while its queue is full. */
GLIA_NODISCARD glia_status glia_ahead_send_(struct ahead *a, int i, const void *data);
/* Steps that were run and not told; whether the last step told one. */
int64_t glia_ahead_owed_(const struct ahead *a);
bool glia_ahead_told_(const struct ahead *a);
/* While it is on, the next sharing tells one more step, and is of none. */
void glia_ahead_catch_up_(struct ahead *a, bool on);
size_t glia_ahead_bytes_(const struct ahead *a);

/* Of the pipeline: a message was started. */
void glia_pipeline_under_way_(struct glia_engine *e, int handle);

/* Of the stage: steps that change states share so. */
void glia_stage_share_by_(struct glia_stage *s,
                          glia_status (*how)(void *self, int n, double *x, void (*idle)(void *arg),
                                             void *arg),
                          void *self);
#endif
