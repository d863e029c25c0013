/* Datasets that HDF5 alone wrote, and what reading them says; for the tests of datasets. */
#ifndef FOREIGN_DATASET_H
#define FOREIGN_DATASET_H

#include "glia_dataset.h"
#include "scratch.h"
#include "tap.h"

#include <hdf5.h>
#include <string.h>

/* A file made with HDF5 alone. kind: NULL for none. */
static inline hid_t foreign(const char *path, const char *kind)
{
  const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t space = H5Screate(H5S_SCALAR);

  if (kind != NULL) {
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, strlen(kind));
    const hid_t a = H5Acreate2(f, "glia_kind", text, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, text, kind);
    H5Aclose(a);
    H5Tclose(text);
    const hid_t b = H5Acreate2(f, "glia_format", H5T_NATIVE_INT, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(b, H5T_NATIVE_INT, &(int){1});
    H5Aclose(b);
  }
  H5Sclose(space);
  H5Gclose(H5Gcreate2(f, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  return f;
}

static inline void put(hid_t f, const char *name, hid_t type, hid_t memory, int rank,
                       const hsize_t *dim, hid_t create, const void *data)
{
  const hid_t space = H5Screate_simple(rank, dim, NULL);
  const hid_t d = H5Dcreate2(f, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);

  if (data != NULL) H5Dwrite(d, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data);
  H5Dclose(d);
  H5Sclose(space);
}

/* Expect a failure whose message holds all of these. */
static inline void refused(const char *path, const char *split, glia_status expected, const char *a,
                           const char *b)
{
  struct glia_source *s = NULL;
  const glia_status st = glia_dataset_open(path, split, 0, &s);

  if (st != expected || strstr(glia_trace_message(), a) == NULL ||
      strstr(glia_trace_message(), b) == NULL)
    tap_note("got %s: %s", glia_status_name(st), glia_trace_message());
  CU_ASSERT_EQUAL(st, expected);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), a));
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), b));
  CU_ASSERT_PTR_NULL(s);
  glia_source_close(&s);
}

#endif
