/* What opens a split of a dataset: rows of one length or of several, or a graph. */
#ifndef GLIA_IO_DATASET_PRIV_H
#define GLIA_IO_DATASET_PRIV_H

#include "glia_dataset.h"

#include <hdf5.h>

/* Which of train, valid, test the nodes of a graph (/graph, /nodes) have as masks; have stays where there is no graph. */
GLIA_NODISCARD glia_status glia_dataset_graph_splits_(hid_t file, bool have[3]);

/* One of them as a source of one row: x, y, ... of the nodes, ptr and idx i64, val f32, and mask. Takes the lock of HDF5. */
GLIA_NODISCARD glia_status glia_dataset_graph_open_(const char *path, const char *split,
                                                    struct glia_source **out);

/* Whether a split has arrays <name> with <name>_ptr; and such a split as a source. Under the lock of HDF5. */
GLIA_NODISCARD glia_status glia_dataset_ragged_find_(hid_t group, const char *path, bool *yes);
GLIA_NODISCARD glia_status glia_dataset_ragged_open_(hid_t file, const char *path,
                                                     const char *split, struct glia_source **out);

#endif
