/* What the files that write checkpoints share. */
#ifndef GLIA_IO_CHECKPOINT_PRIV_H
#define GLIA_IO_CHECKPOINT_PRIV_H

#include "glia_checkpoint.h"

struct glia_checkpoint_content {
  int64_t step;
  int n;
  const struct glia_array *array; /* [n] */
  const char *config;
  int n_attributes;
  const struct glia_attribute *attribute; /* [n_attributes] */
  bool
      whole_hashes; /* also /run's parameters_sha256 and state_sha256: one more pass over the arrays */
  const struct glia_checkpoint_pieces *pieces; /* NULL: all is in memory */
};

/* Write DIR/step-N.h5 as glia_checkpoint_write does. HDF5's lock is held while its own bytes are written, not for the arrays'. */
glia_status glia_checkpoint_put_(const char *dir, const struct glia_checkpoint_content *c);

#endif
