/* Parts of the watch: watch.c (models and alarms), peers.c (nodes of one job among each other). */
#ifndef GLIA_WATCH_PRIV_H
#define GLIA_WATCH_PRIV_H

#include "glia_watch.h"
#include "names_priv.h"

enum { WATCH_JOBS = 8, WATCH_REASON_BYTES = 640 };
/* A node stands out with this many spreads in two columns ... */
#define WATCH_PEERS_ODD 10.0
/* ... and this many times what its peers have in the middle, for so many comparisons. */
#define WATCH_PEERS_TIMES       4.0
#define WATCH_PEERS_PERSISTENCE 10

/* Names of columns, one copy for all nodes that have the same. */
struct watch_names {
  uint64_t hash;
  int n;
  int users;   /* nodes; nobody's are forgotten */
  char **name; /* [n] */
};

/* A metric that a model looks at: gone after GLIA_GONE_S and GLIA_GONE_ROWS without it, and back after as many rows with it. */
struct watch_metric {
  int column;
  bool gone;
  int rows; /* in a row that were otherwise: without it, or with it where it is gone */
  int64_t since_ns;
};

struct watched {
  char *name;
  struct glia_detector *model; /* NULL: none */
  struct glia_detect_stream *stream;
  char reason[WATCH_REASON_BYTES]; /* "": watched */
  double score, threshold, peak, peer_score;
  int64_t trained_until_ns, unknown_metrics, scored;
  int n_columns, n_least; /* n_least: as many as there were when the stream began */
  int n_metrics, n_gone;
  struct watch_metric *metric; /* [n_metrics] */
  struct watch_names *names;
  float *last;                                              /* [n_columns] */
  int64_t last_ns;                                          /* 0: no row yet */
  int n_jobs, job_column[WATCH_JOBS], job_rest[WATCH_JOBS]; /* rest -1: none */
  int64_t job, peers;
  int above; /* comparisons in a row in which it stood out */
  bool active[GLIA_WATCH_KINDS];
  int64_t raised[GLIA_WATCH_KINDS], since_ns[GLIA_WATCH_KINDS], until_ns[GLIA_WATCH_KINDS];
  char text[GLIA_WATCH_KINDS][GLIA_WATCH_TEXT_BYTES];
};

struct glia_watch {
  int n_models;
  struct glia_detector **model;
  struct glia_names by_node; /* of models */
  int n;
  struct watched **node;
  int n_names;
  struct watch_names **names;
  void (*tell)(void *self, const struct glia_watch_alarm *alarm);
  void *self;
  /* of comparisons [room] */
  int room;
  struct watched **group;
  const float **row;
  double *work, *score;
  int *worst;
};

/* Is it scored by a model? */
static inline bool glia_watch_scored_(const struct watched *t)
{
  return t->stream != NULL && t->n_gone == 0;
}

/* An alarm begins or ends; tells it when that is new. */
void glia_watch_set_(struct glia_watch *w, struct watched *t, glia_watch_kind kind, bool active,
                     int64_t since_ns, int64_t now_ns);
void glia_watch_forget_peers_(struct glia_watch *w);

#endif
