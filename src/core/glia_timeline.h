/* What each thread did, and when: a ring of events per thread. It is always on, as a flight recorder of the last 256 coarse
 * events; for a trace file it is made longer and takes every kernel call; for a profile it also sums them up.
 *
 *     glia_timeline_thread("worker 1");                             // once, when the thread starts
 *     const double t0 = glia_time_s();
 *     ...
 *     glia_timeline_add(GLIA_EVENT_COMPUTE, "micro-batch", index, t0, glia_time_s());
 *
 * A thread writes its own ring; any thread may read all of them, at any time.
 */
#ifndef GLIA_TIMELINE_H
#define GLIA_TIMELINE_H

#include "glia_status.h"

typedef enum {
  GLIA_EVENT_COMPUTE, /* coarse: a micro-batch, an epilogue */
  GLIA_EVENT_KERNEL, /* one kernel call, inside a coarse one: where glia_timeline_detailed() alone */
  GLIA_EVENT_EXCHANGE, /* a call of the exchange that this thread spent its time in */
  GLIA_EVENT_FLIGHT, /* a bucket under way, from its start until it was seen to be there: overlaps what the thread does */
  GLIA_EVENT_INPUT,
  GLIA_EVENT_OUTPUT /* checkpoints, records */
} glia_event_kind;

/** "compute", "kernel", ... */
GLIA_API const char *glia_event_kind_name(glia_event_kind kind);

struct glia_event {
  glia_event_kind kind;
  const char *name; /* lives as long as the process: static text, or the program's that runs */
  int64_t arg; /* tells it from others of its name: micro-batch, bucket, node; -1: nothing does */
  double start_s, end_s; /* by glia_time_s; the same for an instant */
  double cpu_s;          /* that the thread had the processor meanwhile; below 0: not known */
};

/** Length and detail of the rings of threads that are announced from now on.
 *  events  per thread, at least 256
 *  detail  whether kernel calls are wanted too
 *  sums    whether events are also summed up by (kind, name, arg), for glia_timeline_sums */
GLIA_API void glia_timeline_record(size_t events, bool detail, bool sums);

struct glia_timeline_recording {
  size_t events;
  bool detail, sums;
};
/** As it was last asked for. */
GLIA_API struct glia_timeline_recording glia_timeline_recording(void);

extern GLIA_API bool glia_timeline_detail_; /* written by glia_timeline_record alone */
static inline bool glia_timeline_detailed(void) { return glia_timeline_detail_; }

/** Announce this thread under a name, which is copied; again = another name. Where memory is short it has no ring, and what it
 *  adds is dropped. Allocates; glia_timeline_add does not. A ring outlives its
 *  thread; the next thread of its name goes on with it. */
GLIA_API void glia_timeline_thread(const char *name);

/** Add an event of this thread; nothing where it was not announced. Tens of nanoseconds. */
GLIA_API void glia_timeline_add(glia_event_kind kind, const char *name, int64_t arg, double start_s,
                                double end_s);
GLIA_API void glia_timeline_add_cpu(glia_event_kind kind, const char *name, int64_t arg,
                                    double start_s, double end_s, double cpu_s);

/** Hand over the last `most` events of each thread, oldest first, thread by thread. `each` must not add events. */
GLIA_API void glia_timeline_read(size_t most,
                                 void (*each)(void *self, int track, const char *thread,
                                              const struct glia_event *e),
                                 void *self);

/** Events that fell out of the rings since glia_timeline_record. */
GLIA_API int64_t glia_timeline_lost(void);

struct glia_event_sum {
  glia_event_kind kind;
  const char *name;
  int64_t arg, n;
  double total_s;
};

/** Sums over all threads since glia_timeline_record, in the order in which they first came up.
 *  out [most]; returns their number, which may exceed most. 0 without `sums`. */
GLIA_API int glia_timeline_sums(int most, struct glia_event_sum *out);

#endif
