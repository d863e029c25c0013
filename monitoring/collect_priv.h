/* Parts of the collector: target.c (one node: what it says becomes rows), collect.c (the loop), collect_watch.c and collect_score.c
 * (alarms), collect_api.c (what it serves). */
#ifndef GLIA_COLLECT_PRIV_H
#define GLIA_COLLECT_PRIV_H

#include "glia_collect.h"
#include "glia_exposition.h"
#include "glia_intake.h"
#include "names_priv.h"
#include "worst_priv.h"

#include <curl/curl.h>
#include <pthread.h>

typedef enum { GLIA_TARGET_AGENT, GLIA_TARGET_EXPORTER } glia_target_kind;
typedef enum { GLIA_TARGET_TOPOLOGY, GLIA_TARGET_ROWS } glia_target_question;

enum { GLIA_TARGET_ASK_AGAIN = -2 };

struct glia_target {
  char *name;
  char *url; /* without a slash at its end */
  glia_target_kind kind;
  int node;    /* in the store */
  int watched; /* in the watch */
  struct glia_intake *intake;
  int64_t *
      column; /* [columns of the intake] in the store; -1: there is no room for it; GLIA_TARGET_ASK_AGAIN: forgotten, until it has a value */
  int64_t generation; /* of their numbers */
  int64_t n_mapped;
  int64_t *series; /* agent: series of its columns [n_series], -1: no room */
  int64_t n_series;
  double *raw; /* [raw_room] */
  float *value;
  int64_t room;
  uint64_t run, schema, boot;
  int64_t number; /* of the last row */
  bool known;     /* topology was asked for */
  glia_target_question question;
  CURL *easy;
  bool busy;
  struct glia_buffer body;
  double due_s, began_s, seen_s; /* monotonic; seen: last row */
  double first_s;                /* when it was asked first */
  double excused_s;              /* since then, time in which we were behind and did not ask */
  int64_t last_ns;
  int64_t ours_from_ns, ours_until_ns; /* rows of this time show the traffic of our catching up */
  double skew_s, shift_s;              /* of its clock, and what is taken off its times */
  bool judged;                         /* the next five are known */
  uint64_t judged_boot;                /* of it, when it answered last */
  int64_t judged_ns;                   /* its clock then */
  double judged_s, judged_doubt_s;     /* its clock less our steady one, when it answered last */
  int64_t offset_ns;                   /* of its clock from its steady one then */
  int64_t ahead_until_ns;              /* rows were stored up to here, and that was yet to come */
  int64_t scrapes, failures, in_a_row, restarts, late, lost_rows, rows, malformed;
  int64_t no_series,
      no_columns; /* not kept, for it named too many: of its last answer, and so far */
  char why_no_room[100];
  char problem[160];
};

struct glia_collect {
  struct glia_collect_options options;
  struct glia_store *store;
  struct glia_server *server;
  struct glia_scoring *scoring; /* has the watch; NULL: nobody wants alarms */
  struct glia_watch *watch;     /* while we hold it */
  struct glia_notify *notify;   /* NULL: nobody is told */
  _Atomic int64_t alarms;       /* raised; whoever tells them may be on another thread */
  double compared_s;            /* when peers were last compared */
  double behind_s;  /* when nobody was asked last, because the disk or the scores were behind */
  int64_t unscored; /* rows for which there was no memory or no time */
  int64_t ours;     /* rows that showed our own traffic: not scored either */
  struct glia_wire *wire;
  double due_s, looked_s;        /* nobody is due before; when that was looked at */
  int64_t places;                /* of requests under way, for each class: */
  int64_t asked[2];              /* nodes that answered last time, and others */
  int64_t first[2];              /* the next look begins at */
  bool crowded;                  /* somebody due was not asked: all places were taken */
  struct curl_slist *headers[2]; /* by the kind of target: agents get the token */
  int64_t n, n_room;
  struct glia_target **target;
  struct glia_names by_name;
  struct glia_collect_result result;
  double started_s;
  struct glia_buffer answer;
  pthread_mutex_t mutex; /* all of it: the loop lets go of it while it waits */
};

/* The address of a node as it is asked: with a scheme, an agent's without a slash at its end. GLIA_E_ARGUMENT: it is none. */
glia_status glia_address_(const char *text, bool exporter, char *out, size_t size);

/* What a whole answer says, into the store. received_ns: when it came. Errors: those of the store; what the node got wrong is
 * noted in the target. */
glia_status glia_target_take_(struct glia_collect *c, struct glia_target *t, int64_t asked_ns,
                              int64_t received_ns);
void glia_target_fail_(struct glia_collect *c, struct glia_target *t, const char *why);
void glia_target_free_(struct glia_target *t);
/* "up", "late", "lost", "never" */
const char *glia_target_state_(const struct glia_collect *c, const struct glia_target *t);
/* Lost, or never heard of for as long as that takes. */
bool glia_target_silent_(const struct glia_collect *c, const struct glia_target *t);

/* Requests under way (collect_wire.c), so many connections kept for the next ones. */
struct glia_wire;
glia_status glia_wire_open_(long connections, struct glia_wire **out);
void glia_wire_close_(struct glia_wire **w);
bool glia_wire_ask_(struct glia_wire *w, CURL *easy); /* false: no memory */
void glia_wire_drop_(struct glia_wire *w, CURL *easy);
/* Until something happens, ms at most; then a turn goes on with it. */
void glia_wire_wait_(struct glia_wire *w, int ms);
void glia_wire_turn_(struct glia_wire *w);
CURL *glia_wire_done_(struct glia_wire *w, CURLcode *code); /* one that is; NULL: no more */

/* Alarms (collect_watch.c). Nothing without a watch. */
glia_status glia_collect_watch_open_(struct glia_collect *c);
void glia_collect_watch_close_(struct glia_collect *c);
/* c->watch is ours until it is released: nothing is scored meanwhile. false: there is none. */
bool glia_collect_watch_hold_(struct glia_collect *c);
void glia_collect_watch_release_(struct glia_collect *c);
glia_status glia_collect_watch_node_(struct glia_collect *c, struct glia_target *t);
glia_status glia_collect_watch_columns_(struct glia_collect *c, struct glia_target *t);
void glia_collect_watch_row_(struct glia_collect *c, struct glia_target *t, int64_t time_ns);
bool glia_collect_watch_full_(struct glia_collect *c); /* it is behind: ask for no more */
void glia_collect_watch_tick_(struct glia_collect *c); /* call it often */
void glia_collect_watch_facts_(struct glia_collect *c, struct glia_collect_result *r);
void glia_collect_add_watch_(struct glia_collect *c, struct glia_target *t, struct glia_buffer *b);
void glia_collect_add_alarms_(struct glia_collect *c, struct glia_buffer *b);
void glia_collect_add_watch_metrics_(struct glia_collect *c, struct glia_buffer *b);

/* A thread that gives rows to a watch (collect_score.c), in the order in which they came. The watch is its own but for who holds it: then it
 * stands still. Starting takes the watch, also where it fails; stopping closes it, and what still waits is not scored. Callers take turns: the collector's
 * mutex sees to that. */
struct glia_scoring;
glia_status glia_scoring_start_(struct glia_watch *watch, size_t most_bytes,
                                struct glia_scoring **out);
void glia_scoring_stop_(struct glia_scoring **s);
/* A row [n], copied: columns beyond the n first are missing. false: no memory, it will not be scored. */
bool glia_scoring_row_(struct glia_scoring *s, int node, int64_t time_ns, int64_t n,
                       const float *value);
bool glia_scoring_full_(struct glia_scoring *s); /* more than most_bytes wait */
/* Until all is scored, so long at most: rows that still wait. */
int64_t glia_scoring_wait_(struct glia_scoring *s, double limit_s);
int64_t glia_scoring_waiting_(struct glia_scoring *s);
struct glia_watch *glia_scoring_hold_(struct glia_scoring *s);
void glia_scoring_release_(struct glia_scoring *s);
/* From a sample on its node to its score, worst of the last half to whole minute. */
double glia_scoring_late_s_(struct glia_scoring *s);

/* Words of the API. */
void glia_json_add_text_(struct glia_buffer *b, const char *text);
void glia_json_add_number_(struct glia_buffer *b, double v); /* NaN: null */
/* NAME{node="NODE", to be closed. */
void glia_metric_node_(struct glia_buffer *b, const char *name, const char *node);
void glia_metric_head_(struct glia_buffer *b, const char *name, const char *type, const char *help);

void glia_collect_answer_(void *self, const struct glia_request *request, struct glia_answer *out);

#endif
