/* What importers of telemetry folders share (import_telemetry.c); each takes a folder that import_telemetry.c has listed. */
#ifndef GLIA_IO_IMPORT_TELEMETRY_PRIV_H
#define GLIA_IO_IMPORT_TELEMETRY_PRIV_H

#include "glia_import.h"
#include "glia_telemetry.h"
#include "table_priv.h"

enum { GLIA_IMPORT_PATH_BYTES = 4096 };

/* Path of root/name, packed or not; false when there is none. */
bool glia_import_find_(const char *root, const char *name, char path[GLIA_IMPORT_PATH_BYTES]);

/* Nanoseconds since 1970 of a time of the proleptic Gregorian calendar, taken as UTC. false: there is no such day or hour. */
bool glia_import_time_(int year, int month, int day, int hour, int minute, double second,
                       int64_t *ns);

/* Does a table with these columns hold series of the Numenta Anomaly Benchmark, or a log of failures? */
bool glia_import_is_nab_(const struct glia_table *t);
bool glia_import_is_log_(const struct glia_table *t);

/* One node of each of the series NAME.csv. */
glia_status glia_import_nab_(const char *root, int n, char *const *name, struct glia_progress *p,
                             struct glia_telemetry_writer *w);

/* Events of the logs NAME.csv; there are no nodes. */
glia_status glia_import_log_(const char *root, int n, char *const *name, struct glia_progress *p,
                             struct glia_telemetry_writer *w);

#endif
