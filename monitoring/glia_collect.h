/* The collector: scrapes agents and any Prometheus exporter, and stores what they say. */
#ifndef GLIA_COLLECT_H
#define GLIA_COLLECT_H

#include "glia_notify.h"
#include "glia_server.h"
#include "glia_store.h"

struct glia_collect;

struct glia_collect_options {
  double period_s;     /* between scrapes of a node */
  double timeout_s;    /* of one scrape; 0: 10 s, at most */
  const char *token;   /* sent to agents, and to nobody else; NULL: none */
  const char *ca_file; /* who signs the agents' certificates; NULL: the system's */
  struct glia_store_options store;
  struct glia_server_options http;   /* listen NULL: no server */
  const char *models;                /* of nodes, to watch them; NULL: none */
  bool watch;                        /* raise alarms, with models or by peers alone */
  struct glia_notify_options notify; /* who is told */
  int (*stop)(void);                 /* asked now and then; NULL: never */
};

/** Facts of a run. */
struct glia_collect_result {
  int64_t nodes;
  int64_t scrapes, failures, rows, values, gap_rows;
  int64_t lost_rows; /* that an agent no longer had when it was asked */
  int64_t restarts, late;
  int64_t
      asked_most; /* requests under way at once: of nodes that answered last time, or of others */
  int64_t watched, alarms; /* nodes with a model that fits at the end; alarms raised */
  int64_t scored;          /* rows, each as it came, before it was stored */
  struct glia_store_facts store;
  double wall_s, cpu_s;
};

GLIA_API GLIA_NODISCARD glia_status glia_collect_open(const struct glia_collect_options *options,
                                                      struct glia_collect **out);

/** Add a node. url: "HOST:PORT" or "http[s]://HOST:PORT[/PREFIX]" of an agent (it is asked for rows), or with a path that ends in
 *  /metrics of any exporter. name: as in the store. Errors: GLIA_E_ARGUMENT, GLIA_E_EXISTS, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_collect_node(struct glia_collect *c, const char *name,
                                                      const char *url);

/** Add an exporter, whatever its address ends in. Else as glia_collect_node. */
GLIA_API GLIA_NODISCARD glia_status glia_collect_exporter(struct glia_collect *c, const char *name,
                                                          const char *url);

/** A node that somebody lists. */
struct glia_collect_listed {
  char *name;
  char *url;   /* "http://HOST:PORT" */
  char *where; /* "FILE:LINE: ", empty for a word */
  bool named;  /* not by its address alone */
  bool again;  /* within glia_collect_list: another one is it */
};
struct glia_collect_list {
  int64_t n;
  struct glia_collect_listed *node; /* [n] */
};

/** Nodes of a file (NULL: none), a line each, # begins a comment, and of words: "NAME ADDRESS", "NAME=ADDRESS" or "ADDRESS", which is as for glia_collect_node. A name
 *  left out is the host, with its port where it is not the agent's own 9777. Each comes once: an address that stands alone is the node
 *  that has it and a name elsewhere. Ownership: out owned, on success. Errors: GLIA_E_MISSING; GLIA_E_DATA with the line's number, and of a word
 *  GLIA_E_USAGE (no address; one name of two addresses); GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_collect_list(const char *file, int n_words,
                                                      const char *const *word,
                                                      struct glia_collect_list *out);
GLIA_API void glia_collect_list_free(struct glia_collect_list *list);

GLIA_API int glia_collect_port(const struct glia_collect *c);

/** Scrape for duration_s (0: until stopped). *result is valid also after a failure. Errors: GLIA_E_IO (the store), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_collect_run(struct glia_collect *c, double duration_s,
                                                     struct glia_collect_result *result);

/** End; the store is synced. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_collect_close(struct glia_collect **c);

#endif
