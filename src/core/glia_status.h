/* What a call that may fail returns, and the trace that says where and why it failed.
 *
 * The library returns, programs decide: nothing below jobs/ prints or exits. A failure leaves one line per level,
 *     file:line: function: text
 * in a per-thread trace of fixed size, so glia_trace() reads like a backtrace, innermost first.
 */
#ifndef GLIA_STATUS_H
#define GLIA_STATUS_H

#include "glia_base.h"

/* name, exit code of sysexits.h, text */
#define GLIA_STATUS_LIST(X)                                                                        \
  X(OK, 0, "success")                                                                              \
  X(E_ARGUMENT, 64, "argument out of range")                                                       \
  X(E_USAGE, 64, "command line not understood")                                                    \
  X(E_CONFIG, 78, "configuration not understood")                                                  \
  X(E_SHAPE, 65, "shapes or types disagree")                                                       \
  X(E_DATA, 65, "data are malformed")                                                              \
  X(E_IO, 74, "reading or writing failed")                                                         \
  X(E_MISSING, 66, "not found")                                                                    \
  X(E_EXISTS, 73, "exists already")                                                                \
  X(E_BUSY, 73, "in use by another run")                                                           \
  X(E_MEMORY, 71, "out of memory")                                                                 \
  X(E_UNSUPPORTED, 69, "not supported")                                                            \
  X(E_MPI, 70, "a message-passing call failed")                                                    \
  X(E_RANKS, 70, "ranks disagree")                                                                 \
  X(E_INTERNAL, 70, "internal error")

typedef enum {
#define X(name, code, text) GLIA_##name,
  GLIA_STATUS_LIST(X)
#undef X
      GLIA_STATUS_COUNT_
} glia_status;

/** Name of a status, "E_SHAPE". Never NULL. */
GLIA_API const char *glia_status_name(glia_status st);

/** Meaning of a status in a few words. Never NULL. */
GLIA_API const char *glia_status_text(glia_status st);

/** Exit code of sysexits.h with which a program ends on this status. */
GLIA_API int glia_status_exit_code(glia_status st);

/** This thread's trace of its last failure: lines ending in '\n', innermost first; "" when none.
 *
 *  Ownership: borrowed until this thread's next failure or glia_trace_clear.
 */
GLIA_API const char *glia_trace(void);

/** First line's text alone, without its place in the source: what a user wants to read. "" when none. */
GLIA_API const char *glia_trace_message(void);

/** Forget this thread's trace. */
GLIA_API void glia_trace_clear(void);

/** Replace this thread's trace by text, as brought from another thread or rank. */
GLIA_API void glia_trace_set(const char *text);

/** Start (fresh = true) or extend the trace by one line. Used by the macros below. */
GLIA_API void glia_trace_push_(bool fresh, const char *file, int line, const char *function,
                               const char *format, ...) GLIA_PRINTF(5, 6);

/* Record why, and be the failure `status`: return GLIA_FAIL(GLIA_E_SHAPE, "found %d", n); */
#define GLIA_FAIL(status, ...)                                                                     \
  (glia_trace_push_(true, __FILE__, __LINE__, __func__, __VA_ARGS__), (status))

/* Refuse bad input. */
#define GLIA_CHECK(cond, status, ...)                                                              \
  do {                                                                                             \
    if (!(cond)) return GLIA_FAIL(status, __VA_ARGS__);                                            \
  } while (0)

/* Pass a failure up. */
#define GLIA_TRY(call)                                                                             \
  do {                                                                                             \
    const glia_status st_ = (call);                                                                \
    if (st_ != GLIA_OK) {                                                                          \
      glia_trace_push_(false, __FILE__, __LINE__, __func__, "%s", #call);                          \
      return st_;                                                                                  \
    }                                                                                              \
  } while (0)

/* Keep a failure in `st` and go to the clean-up label. */
#define GLIA_TRY_TO(label, st, call)                                                               \
  do {                                                                                             \
    (st) = (call);                                                                                 \
    if ((st) != GLIA_OK) {                                                                         \
      glia_trace_push_(false, __FILE__, __LINE__, __func__, "%s", #call);                          \
      goto label;                                                                                  \
    }                                                                                              \
  } while (0)

/* Refuse bad input after something was acquired: keep the failure and go to the clean-up label. */
#define GLIA_CHECK_TO(label, st, cond, status, ...)                                                \
  do {                                                                                             \
    if (!(cond)) {                                                                                 \
      (st) = GLIA_FAIL(status, __VA_ARGS__);                                                       \
      goto label;                                                                                  \
    }                                                                                              \
  } while (0)

#endif
