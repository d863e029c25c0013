/* What ranks must have in common beside their configuration: the program and the rows. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "glia_source.h"

#include <stdbool.h>

/** The linker's numbers of this program and of libglia where it is shared, as text: other code, other numbers. "" where the
 *  linker made none. */
void identity_build(char *out, size_t size);

/** The file's size, and of each source rows, fields and types with a digest: of all rows where they are in memory or few, else of rows
 *  spread over it from the first to the last. As text, for which 4096 bytes are enough.
 *  file      where they come from
 *  test      NULL where there is none
 *  Errors: those of reading; GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status identity_data(const char *file, struct glia_source *train,
                                         struct glia_source *test, char *out, size_t size);

#endif
