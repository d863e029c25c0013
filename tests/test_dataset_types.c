/* Element types that others write and Glia does not: narrow numbers, truth values, big-endian ones. */
#include "foreign_dataset.h"

/* As h5py and NumPy write them; `two` puts values 0 and 1 into an enum of these names. */
static hid_t two(const char *no, const char *yes)
{
  const hid_t type = H5Tenum_create(H5T_STD_I8LE);

  H5Tenum_insert(type, no, &(signed char){0});
  H5Tenum_insert(type, yes, &(signed char){1});
  return type;
}

static hid_t half(void)
{
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);

  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

/* values: what the file holds, as real numbers; in chunks and packed, or in one piece; from memory, or from the file. */
static void narrow(hid_t type, glia_dtype read_as, const double values[4])
{
  enum { ROWS = 1000 };
  const char *path = scratch("narrow.h5");
  double v[ROWS], got[4];
  union {
    int32_t i[4];
    int64_t l[4];
    float f[4];
    unsigned char u[4];
  } row;

  for (int i = 0; i < ROWS; i++) v[i] = values[i % 4];
  for (int packed = 0; packed < 2; packed++)
    for (int from_file = 0; from_file < 2; from_file++) {
      struct glia_source *s = NULL;
      hid_t f = foreign(path, "dataset");
      hid_t create = H5Pcreate(H5P_DATASET_CREATE);
      if (packed) {
        H5Pset_chunk(create, 1, (hsize_t[]){64});
        H5Pset_shuffle(create);
        H5Pset_deflate(create, 1);
      }
      const bool is_enum = H5Tget_class(type) == H5T_ENUM;
      signed char bits[ROWS];
      for (int i = 0; i < ROWS; i++) bits[i] = (signed char)v[i];
      put(f, "train/x", type, is_enum ? type : H5T_NATIVE_DOUBLE, 1, (hsize_t[]){ROWS}, create,
          is_enum ? (void *)bits : (void *)v);
      H5Pclose(create);
      H5Fclose(f);
      CU_ASSERT_EQUAL_FATAL(glia_dataset_open(path, "train", from_file ? 1 : 0, &s), GLIA_OK);
      CU_ASSERT_EQUAL_FATAL(s->field[0].row.dtype, read_as);
      CU_ASSERT_EQUAL(s->read(s->self, 0, 4, (int64_t[]){996, 1, 62, 67}, &row), GLIA_OK);
      for (int i = 0; i < 4; i++)
        got[i] = read_as == GLIA_I32   ? row.i[i]
                 : read_as == GLIA_I64 ? (double)row.l[i]
                 : read_as == GLIA_F32 ? (double)row.f[i]
                                       : row.u[i];
      for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(got[i], values[i]);
      glia_source_close(&s);
    }
}

static void narrow_types_are_read_as_the_next_wider(void)
{
  const char *path = scratch("enum.h5");
  hid_t type = half();

  narrow(H5T_STD_U16LE, GLIA_I32, (double[]){0.0, 65535.0, 32768.0, 7.0});
  narrow(H5T_STD_U16BE, GLIA_I32, (double[]){0.0, 65535.0, 32768.0, 7.0});
  narrow(H5T_STD_I16LE, GLIA_I32, (double[]){0.0, -32768.0, 32767.0, -1.0});
  narrow(H5T_STD_U32LE, GLIA_I64, (double[]){0.0, 4294967295.0, 2147483648.0, 3.0});
  narrow(type, GLIA_F32, (double[]){0.0, 65504.0, -0x1p-24, 0.333251953125});
  H5Tclose(type);
  type = two("FALSE", "TRUE");
  narrow(type, GLIA_U8, (double[]){0.0, 1.0, 1.0, 0.0});
  H5Tclose(type);

  type = two("CAT", "DOG"); /* somebody's classes are no truth */
  hid_t f = foreign(path, "dataset");
  put(f, "train/x", type, type, 1, (hsize_t[]){4}, H5P_DEFAULT, (signed char[]){0, 1, 1, 0});
  H5Fclose(f);
  H5Tclose(type);
  refused(path, "train", GLIA_E_UNSUPPORTED, "enum of 8 bits", "bool");
}

static void big_endian_numbers_are_taken(void)
{
  const char *path = scratch("big.h5");
  const double x[4] = {1.0, -2.5, 3.25, 1e300};
  const int32_t y[4] = {1, -2, 3, 4};
  const int64_t row[4] = {3, 1, 2, 0};
  hid_t f = foreign(path, "dataset");

  put(f, "train/x", H5T_IEEE_F64BE, H5T_NATIVE_DOUBLE, 1, (hsize_t[]){4}, H5P_DEFAULT, x);
  put(f, "train/y", H5T_STD_I32BE, H5T_NATIVE_INT, 1, (hsize_t[]){4}, H5P_DEFAULT, y);
  H5Fclose(f);
  for (size_t limit = 0; limit < 2; limit++) { /* from memory, from the file */
    struct glia_source *s = NULL;
    double gx[4] = {0};
    int32_t gy[4] = {0};
    CU_ASSERT_EQUAL_FATAL(glia_dataset_open(path, "train", limit, &s), GLIA_OK);
    CU_ASSERT_EQUAL(s->read(s->self, 0, 4, row, gx), GLIA_OK);
    CU_ASSERT_EQUAL(s->read(s->self, 1, 4, row, gy), GLIA_OK);
    for (int i = 0; i < 4; i++) CU_ASSERT(gx[i] == x[row[i]] && gy[i] == y[row[i]]);
    CU_ASSERT_EQUAL(s->read(s->self, 0, 1, (int64_t[]){4}, gx), GLIA_E_ARGUMENT);
    CU_ASSERT_EQUAL(s->read(s->self, 0, 1, (int64_t[]){-1}, gx), GLIA_E_ARGUMENT);
    glia_source_close(&s);
  }
}

TAP_MAIN("dataset_types", TAP(narrow_types_are_read_as_the_next_wider),
         TAP(big_endian_numbers_are_taken))
