/* What ranks must have in common beside their configuration: the program and the rows. */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "glia_source.h"

/** The linker's numbers of this program and of libglia where it is shared, as text: other code, other numbers. "" where the
 *  linker made none. */
void identity_build(char *out, size_t size);

/** Rows, fields and types of a source, with a digest of rows spread over it, as text.
 *  Errors: those of reading; GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status identity_data(struct glia_source *src, char *out, size_t size);

#endif
