/* Graphs as data: nodes with fields, edges as compressed rows (docs/formats/dataset.md).
 *
 * Row i of the adjacency matrix holds what node i hears: idx[ptr[i] .. ptr[i + 1]), in rising order. An undirected graph has both directions.
 */
#ifndef GLIA_GRAPH_DATA_H
#define GLIA_GRAPH_DATA_H

#include "glia_checkpoint.h"
#include "glia_import.h"

struct glia_graph_data {
  int64_t n_nodes;
  int64_t n_edges; /* entries of the matrix */
  int64_t *ptr;    /* [n_nodes + 1] */
  int64_t *idx;    /* [n_edges] */
  float *val;      /* [n_edges] weights, finite; 1 where the file has none */
  int n_fields;
  struct glia_array *
      field; /* [n_fields] rows of nodes; path is the name: "x", "y", and the masks of splits "train", "valid",
                             * "test" (u8 [n_nodes], 1: the node belongs to it) */
};

/** Read the graph of a dataset. Everything is checked: ptr rises from 0 to n_edges, idx stays within the nodes.
 *  Ownership: glia_graph_data_free(out).
 *  Errors: GLIA_E_MISSING (no /graph), GLIA_E_DATA, GLIA_E_SHAPE, and those of glia_dataset_open. */
GLIA_API GLIA_NODISCARD glia_status glia_graph_data_read(const char *path,
                                                         struct glia_graph_data *out);
GLIA_API void glia_graph_data_free(struct glia_graph_data *g);

/** The field of that name, NULL: none. Borrowed. */
GLIA_API const struct glia_array *glia_graph_data_field(const struct glia_graph_data *g,
                                                        const char *name);

/** Write a dataset that holds this graph alone. Errors: GLIA_E_EXISTS, GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_graph_data_write(const char *path, bool force,
                                                          const struct glia_graph_data *g,
                                                          const char *source);

typedef enum {
  GLIA_NORMALIZE_NONE,
  GLIA_NORMALIZE_SYMMETRIC, /* val_ij / sqrt(d_i d_j), d: sums of rows */
  GLIA_NORMALIZE_ROW        /* val_ij / d_i */
} glia_normalize;

/* Tables (CSV and its kin) of a graph; nodes are numbered from 0. */
struct glia_import_graph {
  const char *edges; /* two columns of nodes, and perhaps one of weights */
  const char *
      features; /* node, feature (and perhaps value): a line per entry that is not zero; or one row of numbers per node. NULL: none */
  const char *labels; /* node, class (whole numbers from 0). NULL: none */
  const char *splits; /* node, one of train, valid (or val), test, none. NULL: none */
  int64_t n_nodes;    /* 0: the largest number + 1 */
  bool directed;      /* edge a,b is heard by a alone; else both ways */
  bool self_loops;    /* add (i, i) with weight 1 where there is none */
  glia_normalize normalize;
};

/** Import a graph into /graph and /nodes. An edge given twice counts once, with the weight given last.
 *  Errors: as glia_import_idx; GLIA_E_DATA names file and line. */
GLIA_API GLIA_NODISCARD glia_status glia_import_graph(const struct glia_import_graph *options,
                                                      const struct glia_import_out *out);

#endif
