/* Fuzz targets: readers of files that others wrote. One target = a function in fuzz_*.c and a line in targets.def.
 *
 * `make fuzz` builds each with libFuzzer and sanitizers (run.sh runs one); `make check` replays the corpus.
 * What a reader answers is of no interest here: it must come back.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "glia_status.h"

typedef void fuzz_target(const uint8_t *data, size_t size);

#define X(name) fuzz_target fuzz_##name;
#include "targets.def"
#undef X

/* The input as a file in memory: a path, valid until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* Everything that a reader of such a file can do. */
void fuzz_read_dataset(const char *path);
void fuzz_read_graph(const char *path);
void fuzz_read_checkpoint(const char *path);
void fuzz_read_telemetry(const char *path);
void fuzz_read_run(const char *path);

/* A path for what an import writes. */
const char *fuzz_out(void);

#endif
