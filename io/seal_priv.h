/* Seals: the end of a file tells whether the rest is whole. HDF5 ignores what follows its own end, so a sealed file is an
 * ordinary HDF5 file.
 *
 * Plain: the last 78 bytes are "\nglia-sha256 <64 hexadecimal digits>\n", over all bytes before them.
 *
 * In parts, for files whose arrays carry sums of their own, so that no byte is summed twice (docs/formats/checkpoint.md):
 * "\nglia-parts <n>\n", n lines "<offset> <bytes> <sum>\n", and "\nglia-xxh128 <sum> <offset of glia-parts>\n" over all
 * bytes before it that are in no part; the sums are XXH3's. With "glia-sealed" for the last word they are SHA-256: such files are
 * read, and no longer written.
 */
#ifndef GLIA_IO_SEAL_PRIV_H
#define GLIA_IO_SEAL_PRIV_H

#include "glia_status.h"
#include "sum_priv.h"

/* Bytes [offset, offset + bytes) of a file, and their sum. */
struct glia_seal_part {
  int64_t offset;
  int64_t bytes;
  char sum[GLIA_SUM_TEXT_BYTES];
};

/* Seal the open file. Errors: GLIA_E_IO. */
glia_status glia_seal_write_(int fd, const char *path);

/* Seal it in parts, whose bytes are not read again and whose sums are XXH3's; sorts them. Errors: GLIA_E_IO. */
glia_status glia_seal_parts_write_(int fd, const char *path, int n, struct glia_seal_part *part);

/* *sealed: there is a seal, of any kind. Errors: GLIA_E_DATA when it does not fit, GLIA_E_MISSING, GLIA_E_IO. */
glia_status glia_seal_check_(const char *path, bool *sealed);

#endif
