/* Contact sheets: small pictures side by side, to see at a glance what a dataset holds. */
#ifndef GLIA_CONTACT_SHEET_H
#define GLIA_CONTACT_SHEET_H

#include "glia_status.h"

struct glia_contact_sheet {
  int rows, cols;              /* of pictures, at most 64 each */
  int channels, height, width; /* of a picture; 1 channel is grey, 3 are red, green and blue */
  const unsigned char *pixels; /* [rows, cols, channels, height, width] */
  const int *filled;           /* [rows] pictures of each row, from the left */
  const char *const *label;    /* [rows] names, or NULL */
};

/** Write a PNG; it appears whole or not at all. Small pictures are enlarged by a whole number, so that pixels stay sharp; large ones
 *  are shrunk to 256 pixels a side.
 *  Errors: GLIA_E_ARGUMENT, GLIA_E_IO, GLIA_E_BUSY, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_contact_sheet_write(const char *path,
                                                             const struct glia_contact_sheet *c);

#endif
