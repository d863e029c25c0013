/* What the data commands share. */
#ifndef DATA_H
#define DATA_H

#include "cli.h"
#include "glia_dataset.h"
#include "glia_import.h"

/* Print what a file holds, for people or as JSON. table: what an import met, NULL where there was none. */
glia_status data_describe(struct glia_args *args, const char *path,
                          const struct glia_import_csv_result *table);

/* The file that a command makes: begin checks -o and says where it goes, and starts progress; end closes all, and says what a failure
 * means. Between them SIGINT, SIGTERM and SIGHUP remove the half file. `progress` is the caller's,
 * NULL: none. */
glia_status data_begin(const struct glia_args *args, const char *what, struct glia_import_out *out,
                       struct glia_progress *progress);
glia_status data_end(struct glia_import_out *out, glia_status st);

/* The first pictures of a dataset into `to`, a PNG. Errors: GLIA_E_SHAPE (no pictures), those of reading and writing. */
glia_status data_sheet(const char *path, const char *to);

/* Element i of an array as a number. */
double data_element(const char *data, glia_dtype dtype, int64_t i);

/* Name of class k in text of one name per line, into out [size], which is returned; "" when there is none. */
const char *data_class_name(const char *names, int k, char *out, size_t size);

#endif
