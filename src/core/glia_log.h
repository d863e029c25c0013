/* Logs: one event, one line.
 *     2026-01-31T12:00:00.123Z info rank=3 io checkpoint-write step=400 size_bytes=8388608 took_s=0.41
 * The library logs through a callback; the default writes to standard error. Rank 0 speaks for all, other ranks only
 * from warn up, or with GLIA_LOG_RANKS=all. GLIA_LOG=error|warn|info|debug sets the level (info).
 */
#ifndef GLIA_LOG_H
#define GLIA_LOG_H

#include "glia_base.h"

typedef enum { GLIA_LOG_ERROR, GLIA_LOG_WARN, GLIA_LOG_INFO, GLIA_LOG_DEBUG } glia_log_level;

typedef void glia_log_sink(void *self, glia_log_level level, const char *line);

/** Say who this process is; before it, rank 0 of 1. A process alone leaves rank= out of its lines. */
GLIA_API void glia_log_set_rank(int rank, int size);

/** What was said. */
GLIA_API int glia_log_rank(void);

/** Receive lines (without newline) instead of standard error; NULL restores the default. The sink is called by one
 *  thread at a time and must not log itself. */
GLIA_API void glia_log_set_sink(glia_log_sink *sink, void *self);

GLIA_API void glia_log_set_level(glia_log_level level);

/** Would this rank write a line of that level? For lines that are costly to make. */
GLIA_API bool glia_log_enabled(glia_log_level level);

/** One line: room ("io"), event ("checkpoint-write"), then key=value pairs by format; values with blanks in quotes. */
GLIA_API void glia_log(glia_log_level level, const char *room, const char *event,
                       const char *format, ...) GLIA_PRINTF(4, 5);

/** Monotonic seconds. */
GLIA_API double glia_time_s(void);
/** Seconds that this thread has had a processor. */
GLIA_API double glia_cpu_s(void);
/** Seconds that this thread was ready to run and others had its processor; 0 where the system does not tell. Reads a file. */
GLIA_API double glia_queued_s(void);

#endif
