/* What the data commands share. */
#ifndef DATA_H
#define DATA_H

#include "cli.h"

/* Print what a file holds, for people or as JSON. `dropped`: rows that an import left out, -1 where there was none. */
glia_status data_describe(struct glia_args *args, const char *path, int64_t dropped);

/* Until data_interrupts_as_before: SIGINT, SIGTERM and SIGHUP remove the half file PATH.tmp before they end the process. */
glia_status data_remove_when_interrupted(const char *path);
void data_interrupts_as_before(void);

#endif
