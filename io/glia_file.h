/* What any file of Glia's says about itself. */
#ifndef GLIA_FILE_H
#define GLIA_FILE_H

#include "glia_status.h"

enum { GLIA_FILE_KIND_BYTES = 32 };

/** "dataset", "checkpoint", "telemetry", ...: the root attribute glia_kind, and the version of the format.
 *  Errors: GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA (not HDF5, cut short, without the attributes). */
GLIA_API GLIA_NODISCARD glia_status glia_file_kind(const char *path,
                                                   char kind[GLIA_FILE_KIND_BYTES],
                                                   int64_t *format);

/** A text attribute of an array or group ("train/y") or of the file (""): "classes", "source". *out is NULL when there is none.
 *  The caller frees it with free(). Errors: as above. */
GLIA_API GLIA_NODISCARD glia_status glia_file_note(const char *path, const char *object,
                                                   const char *name, char **out);

/** Whether it has that array ("train/y"). Errors: as above. */
GLIA_API GLIA_NODISCARD glia_status glia_file_holds(const char *path, const char *array,
                                                    bool *holds);

/** Could a file of that name be made by now? For a look before long work: what makes it looks again. force: one that is there
 *  may be replaced. Errors: GLIA_E_EXISTS (it is there and force is false, or it is a folder), GLIA_E_IO (no such folder, or
 *  none to write to), GLIA_E_ARGUMENT (no name of a file). */
GLIA_API GLIA_NODISCARD glia_status glia_file_may_make(const char *path, bool force);

/** Are both names of one file that is there? Links count as what they lead to. */
GLIA_API bool glia_file_same(const char *a, const char *b);

#endif
