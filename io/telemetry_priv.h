/* Telemetry being read: one file (telemetry_read.c), or the files of a store as one (telemetry_folder.c). */
#ifndef TELEMETRY_PRIV_H
#define TELEMETRY_PRIV_H

#include "glia_telemetry.h"
#include "h5_priv.h"

struct glia_telemetry {
  char *path;
  hid_t file; /* < 0: a folder */
  int n_parts;
  struct glia_telemetry **part; /* [n_parts] in the order of time */
  struct glia_h5_names nodes;
  int64_t n_events;
  struct glia_telemetry_event *event;
};

/* t->path is a folder: open its parts and list their nodes. The caller closes t in any case. */
glia_status glia_telemetry_open_folder_(struct glia_telemetry *t);
glia_status glia_telemetry_read_parts_(struct glia_telemetry *t, const char *name,
                                       struct glia_telemetry_node *out);

#endif
