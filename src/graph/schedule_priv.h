/* What the makers and the player of tables share. */
#ifndef SCHEDULE_PRIV_H
#define SCHEDULE_PRIV_H

#include "glia_schedule.h"
#include "stage_priv.h"

static inline struct glia_cut glia_schedule_shape_(const struct glia_schedule *s)
{
  return (struct glia_cut){
      .ranks = s->ranks, .chunks = s->chunks, .split = s->split, .parts = s->ahead > 0};
}

/* Local learning: steps by which a rank may be ahead of the last one: the queues between them, and one. */
int64_t glia_schedule_lag_(const struct glia_schedule *s);

/* Messages of stages that read from the one before them and send back to it. Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status glia_schedule_chain_(struct glia_schedule *s);

/* Messages go between ranks and segments that are there, and each is expected no later than somebody waits for it. Errors:
 * GLIA_E_ARGUMENT. */
GLIA_NODISCARD glia_status glia_schedule_messages_(const struct glia_schedule *s);

/* Play `steps` steps one behind the other. See glia_schedule_check. */
GLIA_NODISCARD glia_status glia_schedule_play_(const struct glia_schedule *s, int steps,
                                               struct glia_schedule_play *out);

#endif
