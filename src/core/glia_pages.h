/* Large blocks of memory. */
#ifndef GLIA_PAGES_H
#define GLIA_PAGES_H

#include "glia_base.h"

#include <stddef.h>

/** Memory for `bytes`, on huge pages where the system has them (a wish): a fault costs microseconds, on virtual machines tens of them, and a
 *  block has hundreds of small pages. NULL: none left. Ownership: free(). */
GLIA_API void *glia_pages_allocate(size_t bytes);

#endif
