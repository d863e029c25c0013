/* What tests of the exchange share: a bucket with known parts, and the sum that the loopback makes of them. */
#ifndef EXCHANGE_RIG_H
#define EXCHANGE_RIG_H

#include "glia_exchange_mpi.h"
#include "tap_mpi.h"

enum { MAX_RANKS = 16 };

/* All ranks, once open_world has made them. */
extern struct glia_comm *world;
glia_status open_world(void);

/* Ranks 0 to n - 1; NULL on the others. */
struct glia_comm *first_ranks(int n);

/* A bucket, the leaves of this rank's workers, what comes out and what should. */
struct work {
  struct glia_bucket bucket;
  int64_t v;
  char *leaf[64];
  int n_parts;
  struct glia_part part[64];
  char *total, *want;
};

size_t bytes_of(const struct work *w);
void *room(size_t bytes);

/* Numbers of many magnitudes: sums in another order have other bits. */
void fill(glia_dtype dtype, int64_t i, int64_t n, void *data);

/* `want` by the loopback over all leaves. */
void work_create(struct work *w, int index, glia_dtype dtype, int64_t n, int64_t v);
void work_destroy(struct work *w);

/* The parts of this rank: each worker joins its own range as it goes; the threads' parts stay side by side. */
void work_through(struct work *w, const struct glia_exchange *x, int threads);
glia_status work_start(struct work *w, const struct glia_exchange *x, bool in_place);
bool work_is_right(const struct work *w, bool in_place);

/* mpi_exchange_wire.c */
void fewer_bytes_travel(void);
void infinity_travels(void);

/* mpi_exchange_late.c */
void a_rank_late_at_a_meeting_is_named(void);

#endif
