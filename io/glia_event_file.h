/* Curves for TensorBoard: a file of events in a folder that it watches.
 *
 *     glia_event_file_open("run/tb", 0, &e);
 *     glia_event_file_scalar(e, step, time_s, "loss", loss);
 *     st = glia_event_file_close(&e);
 *
 * The file only grows, so a reader follows it while it is written, and a killed run leaves all but its last lines of events.
 */
#ifndef GLIA_EVENT_FILE_H
#define GLIA_EVENT_FILE_H

#include "glia_status.h"

struct glia_event_file;

/** Begin a new file `events.out.tfevents.*` in `dir`, which is made.
 *
 *  first_step  steps already taken: readers drop what earlier files of the folder say of later ones
 *
 *  Collective: no. Ownership: the caller closes *out. Errors: GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_event_file_open(const char *dir, int64_t first_step,
                                                         struct glia_event_file **out);

/** Add a number: time_s in seconds since 1970, tag of at most 100 bytes. Buffered; what fails shows in flush and close.
 *  Source: tensorflow/core/util/event.proto and framework/summary.proto; lib/io/record_writer. */
GLIA_API void glia_event_file_scalar(struct glia_event_file *e, int64_t step, double time_s,
                                     const char *tag, double value);

/** Make what was added visible to readers. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_event_file_flush(struct glia_event_file *e);

/** Flush and free; *e is set to NULL in any case, NULL is welcome. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_event_file_close(struct glia_event_file **e);

#endif
