/* A seal: the last 78 bytes of a file, "\nglia-sha256 <64 hexadecimal digits>\n", over all bytes before them.
 * HDF5 ignores what follows its own end, so a sealed file is an ordinary HDF5 file. */
#ifndef GLIA_IO_SEAL_PRIV_H
#define GLIA_IO_SEAL_PRIV_H

#include "glia_status.h"

/* Seal the open file. Errors: GLIA_E_IO. */
glia_status glia_seal_write_(int fd, const char *path);

/* *sealed: there is a seal. Errors: GLIA_E_DATA when it does not fit, GLIA_E_MISSING, GLIA_E_IO. */
glia_status glia_seal_check_(const char *path, bool *sealed);

#endif
