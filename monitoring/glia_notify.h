/* Telling others of alarms: an Alertmanager, or a command with a time limit. A thread of its own does it, so that nobody waits. */
#ifndef GLIA_NOTIFY_H
#define GLIA_NOTIFY_H

#include "glia_watch.h"

struct glia_notify_options {
  const char *alertmanager; /* "http://host:9093"; NULL: none */
  const char
      *command; /* for /bin/sh -c, gets one JSON object a line on its standard input; NULL: none */
  double limit_s;  /* of one delivery: a command that takes longer is killed; 0: 10 s */
  double repeat_s; /* active alarms are told an Alertmanager again; 0: 60 s */
};

struct glia_notify;

/** Errors: GLIA_E_ARGUMENT (an address that is none), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_notify_start(const struct glia_notify_options *options,
                                                      struct glia_notify **out);

/** Tell of an alarm that began or ended; returns at once. At most 4,096 wait, older ones are dropped and counted; an
 *  Alertmanager is told them by the next repetition, at once when nothing waits. */
GLIA_API void glia_notify_alarm(struct glia_notify *n, const struct glia_watch_alarm *alarm);

struct glia_notify_facts {
  int64_t sent, failed, dropped; /* deliveries */
};
GLIA_API void glia_notify_facts(struct glia_notify *n, struct glia_notify_facts *out);

/** Delivers what waits, for limit_s or 5 s at most, and ends; NULL is welcome. */
GLIA_API void glia_notify_stop(struct glia_notify **n);

#endif
