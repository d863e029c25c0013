/* Datasets: what is written is read, and what is damaged, foreign or wrong is refused in one clear sentence. */
#include "foreign_dataset.h"
#include "scratch.h"
#include "tap.h"

#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { N = 5000, D0 = 7, D1 = 11 };

static unsigned char pixel(int64_t row, int64_t k)
{
  return (unsigned char)((row * 31 + k * 7) % 251);
}
static float real(int64_t row, int64_t k) { return (float)row * 0.5f - (float)k; }

/* x u8 [n, 7, 11] with a scale, y i32 [n], z f32 [n, 3]; in uneven pieces. grow: number of rows not said before. */
static glia_status make(const char *path, int64_t n, bool grow, bool force)
{
  struct glia_dataset_writer *w = NULL;
  const struct glia_type tx = glia_type_make(GLIA_U8, 2, (int64_t[]){D0, D1});
  const struct glia_type ty = glia_type_make(GLIA_I32, 0, NULL);
  const struct glia_type tz = glia_type_make(GLIA_F32, 1, (int64_t[]){3});
  int x = 0;
  int y = 0;
  int z = 0;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_dataset_create(path, force, &w));
  GLIA_TRY_TO(out, st,
              glia_dataset_define(w, "train/x", &tx, grow ? -1 : n, 1.0 / 255.0, -0.5, &x));
  GLIA_TRY_TO(out, st, glia_dataset_define(w, "train/y", &ty, grow ? -1 : n, 1.0, 0.0, &y));
  GLIA_TRY_TO(out, st, glia_dataset_define(w, "train/z", &tz, grow ? -1 : n, 1.0, 0.0, &z));
  GLIA_TRY_TO(out, st, glia_dataset_note(w, x, "source", "made by a test"));
  for (int64_t i = 0; i < n; i++) {
    unsigned char px[D0 * D1];
    const int32_t label = (int32_t)(i % 10);
    float r[3];
    for (int k = 0; k < D0 * D1; k++) px[k] = pixel(i, k);
    for (int k = 0; k < 3; k++) r[k] = real(i, k);
    GLIA_TRY_TO(out, st, glia_dataset_append(w, x, 1, px));
    GLIA_TRY_TO(out, st, glia_dataset_append(w, y, 1, &label));
    GLIA_TRY_TO(out, st, glia_dataset_append(w, z, 1, r));
  }
  GLIA_TRY_TO(out, st, glia_dataset_commit(&w));
out:
  glia_dataset_abort(&w);
  return st;
}

/* Wrong values over a scattered list of rows. */
static int64_t differences(struct glia_source *s, int64_t n)
{
  enum { M = 64 };
  const int fx = glia_source_field(s, "x");
  const int fy = glia_source_field(s, "y");
  const int fz = glia_source_field(s, "z");
  static _Thread_local unsigned char x[M][D0 * D1];
  static _Thread_local int32_t y[M];
  static _Thread_local float z[M][3];
  int64_t wrong = 0;

  for (int64_t start = 0; start < n; start += 601 + n / 64) {
    int64_t row[M];
    for (int i = 0; i < M; i++) row[i] = i % 8 < 4 ? (start + i) % n : (start * 17 + i * 769) % n;
    if (s->read(s->self, fx, M, row, x) != GLIA_OK || s->read(s->self, fy, M, row, y) != GLIA_OK ||
        s->read(s->self, fz, M, row, z) != GLIA_OK)
      return -1;
    for (int i = 0; i < M; i++) {
      for (int k = 0; k < D0 * D1; k++) wrong += x[i][k] != pixel(row[i], k);
      for (int k = 0; k < 3; k++) wrong += z[i][k] != real(row[i], k);
      wrong += y[i] != (int32_t)(row[i] % 10);
    }
  }
  return wrong;
}

static void what_is_written_is_read(void)
{
  for (int grow = 0; grow < 2; grow++)
    for (int small = 0; small < 2; small++) {
      const int64_t n = small ? 90 : 10 * N; /* 4 MB of pixels: several chunks */
      const char *path = scratch("round.h5");
      CU_ASSERT_EQUAL_FATAL(make(path, n, grow, true), GLIA_OK);
      for (int from_file = 0; from_file < 2; from_file++) {
        struct glia_source *s = NULL;
        CU_ASSERT_EQUAL_FATAL(glia_dataset_open(path, "train", from_file ? 1 : 0, &s), GLIA_OK);
        CU_ASSERT_EQUAL(s->n, n);
        CU_ASSERT_EQUAL(s->n_fields, 3);
        const struct glia_field *x = &s->field[glia_source_field(s, "x")];
        CU_ASSERT(x->row.dtype == GLIA_U8 && x->row.rank == 2 && x->row.dim[0] == D0 &&
                  x->row.dim[1] == D1);
        CU_ASSERT(x->scale == 1.0 / 255.0 && x->offset == -0.5);
        CU_ASSERT(s->field[glia_source_field(s, "y")].row.rank == 0);
        CU_ASSERT_EQUAL(differences(s, n), 0);
        glia_source_close(&s);
        CU_ASSERT_PTR_NULL(s);
      }
    }
}

static void *read_many(void *source)
{
  static int64_t wrong[8];
  static int turn;
  static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

  pthread_mutex_lock(&m);
  int64_t *mine = &wrong[turn++ % 8];
  pthread_mutex_unlock(&m);
  *mine = 0;
  for (int i = 0; i < 3; i++) *mine += differences(source, 10 * N);
  return mine;
}

static void several_threads_may_read(void)
{
  const char *path = scratch("threads.h5");
  struct glia_source *s = NULL;
  struct glia_source *t = NULL;
  pthread_t thread[4];

  CU_ASSERT_EQUAL_FATAL(make(path, 10 * N, false, true), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_dataset_open(path, "train", 1, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_dataset_open(path, "train", 1, &t), GLIA_OK);
  for (int i = 0; i < 4; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread[i], NULL, read_many, i % 2 ? s : t), 0);
  for (int i = 0; i < 4; i++) {
    void *wrong = NULL;
    pthread_join(thread[i], &wrong);
    CU_ASSERT_EQUAL(*(int64_t *)wrong, 0);
  }
  glia_source_close(&s);
  glia_source_close(&t);
}

static void an_existing_file_is_kept_unless_forced(void)
{
  const char *path = scratch("exists.h5");

  scratch_spill(path, "precious", 8);
  CU_ASSERT_EQUAL(make(path, 10, false, false), GLIA_E_EXISTS);
  size_t size = 0;
  char *data = scratch_slurp(path, &size);
  CU_ASSERT(size == 8 && memcmp(data, "precious", 8) == 0);
  free(data);
  CU_ASSERT_EQUAL(make(path, 10, false, true), GLIA_OK);
}

static void an_aborted_file_leaves_nothing(void)
{
  struct glia_dataset_writer *w = NULL;
  const struct glia_type row = glia_type_make(GLIA_U8, 0, NULL);
  int a = 0;

  CU_ASSERT_EQUAL_FATAL(glia_dataset_create(scratch("half.h5"), false, &w), GLIA_OK);
  CU_ASSERT(scratch_exists(scratch("half.h5.tmp")));
  struct glia_dataset_writer *second = NULL;
  CU_ASSERT_EQUAL(glia_dataset_create(scratch("half.h5"), false, &second), GLIA_E_BUSY);
  CU_ASSERT_EQUAL(glia_dataset_define(w, "train/x", &row, 3, 1.0, 0.0, &a), GLIA_OK);
  CU_ASSERT_EQUAL(glia_dataset_append(w, a, 2, "ab"), GLIA_OK);
  CU_ASSERT_EQUAL(glia_dataset_commit(&w), GLIA_E_SHAPE);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "train/x got 2 rows, 3 expected"));
  CU_ASSERT_PTR_NULL(w);
  CU_ASSERT(!scratch_exists(scratch("half.h5")) && !scratch_exists(scratch("half.h5.tmp")));
}

static void a_writer_refuses_wrong_use(void)
{
  struct glia_dataset_writer *w = NULL;
  const struct glia_type row = glia_type_make(GLIA_U8, 0, NULL);
  int a = 0;

  CU_ASSERT_EQUAL_FATAL(glia_dataset_create(scratch("use.h5"), false, &w), GLIA_OK);
  CU_ASSERT_EQUAL(glia_dataset_define(w, "training/x", &row, 3, 1.0, 0.0, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_dataset_define(w, "train/x/y", &row, 3, 1.0, 0.0, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_dataset_define(w, "train/x", &row, 3, 0.0, 0.0, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_dataset_define(w, "train/x", &row, 3, 1.0, 0.0, &a), GLIA_OK);
  CU_ASSERT_EQUAL(glia_dataset_define(w, "train/x", &row, 3, 1.0, 0.0, &a), GLIA_E_EXISTS);
  CU_ASSERT_EQUAL(glia_dataset_append(w, a, 4, "abcd"), GLIA_E_SHAPE);
  glia_dataset_abort(&w);
  CU_ASSERT_EQUAL(glia_dataset_create(scratch("no/such/folder/f.h5"), false, &w), GLIA_E_IO);
}

static void missing_files_and_splits_are_named(void)
{
  const char *path = scratch("small.h5");

  CU_ASSERT_EQUAL_FATAL(make(path, 90, false, true), GLIA_OK);
  refused(scratch("nothing.h5"), "train", GLIA_E_MISSING, "nothing.h5", "No such file");
  refused(path, "valid", GLIA_E_MISSING, "no split 'valid'", "train");
  scratch_spill(scratch("text.h5"), "a,b,c\n1,2,3\n", 12);
  refused(scratch("text.h5"), "train", GLIA_E_DATA, "text.h5", "not an HDF5 file");
  scratch_spill(scratch("empty.h5"), "", 0);
  refused(scratch("empty.h5"), "train", GLIA_E_DATA, "empty.h5", "empty");
  refused(scratch("."), "train", GLIA_E_IO, "not a regular file", "");
  bool train = false;
  bool valid = true;
  bool test = true;
  CU_ASSERT_EQUAL(glia_dataset_splits(path, &train, &valid, &test), GLIA_OK);
  CU_ASSERT(train && !valid && !test);
}

static void foreign_hdf5_is_refused(void)
{
  const char *path = scratch("foreign.h5");

  H5Fclose(foreign(path, NULL));
  refused(path, "train", GLIA_E_DATA, "foreign.h5", "no attribute glia_kind");
  H5Fclose(foreign(path, "telemetry"));
  refused(path, "train", GLIA_E_DATA, "is a telemetry", "expected a dataset");
  H5Fclose(foreign(path, "dataset"));
  refused(path, "train", GLIA_E_DATA, "/train", "empty");
}

static void arrays_outside_the_allow_list_are_refused(void)
{
  const char *path = scratch("odd.h5");
  const uint16_t v[100] = {0};
  hid_t f = foreign(path, "dataset");

  put(f, "train/x", H5T_NATIVE_UINT64, H5T_NATIVE_USHORT, 1, (hsize_t[]){100}, H5P_DEFAULT, v);
  H5Fclose(f);
  refused(path, "train", GLIA_E_UNSUPPORTED, "unsigned integer of 64 bits", "u8, i8, i16");

  f = foreign(path, "dataset");
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(create, 1, (hsize_t[]){100});
  H5Pset_nbit(create);
  put(f, "train/x", H5T_NATIVE_INT, H5T_NATIVE_USHORT, 1, (hsize_t[]){100}, create, v);
  H5Pclose(create);
  H5Fclose(f);
  refused(path, "train", GLIA_E_UNSUPPORTED, "filter", "deflate");

  f = foreign(path, "dataset");
  create = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(create, "/dev/null", 0, 100);
  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){100}, create, NULL);
  H5Pclose(create);
  H5Fclose(f);
  refused(path, "train", GLIA_E_UNSUPPORTED, "/train", "other files");

  f = foreign(path, "dataset");
  H5Lcreate_external("/dev/null", "/x", f, "train/x", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(f);
  refused(path, "train", GLIA_E_UNSUPPORTED, "x is a link elsewhere", "");

  f = foreign(path, "dataset");
  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_USHORT, 1, (hsize_t[]){(hsize_t)1 << 40},
      H5P_DEFAULT, NULL);
  H5Fclose(f);
  refused(path, "train", GLIA_E_DATA, "x was never written", "");
}

/* Few bytes that say they are many: nobody may look for room for them. */
static void what_a_file_cannot_hold_is_refused(void)
{
  const char *path = scratch("claim.h5");
  const unsigned char v[100] = {0};
  const int64_t lies[2] = {0, INT64_MAX / 2};
  hid_t f = foreign(path, "dataset");
  hid_t create = H5Pcreate(H5P_DATASET_CREATE);

  H5Pset_chunk(create, 1, (hsize_t[]){100});
  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){(hsize_t)1 << 40}, create,
      NULL);
  const hid_t x = H5Dopen2(f, "train/x", H5P_DEFAULT);
  CU_ASSERT(H5Dwrite_chunk(x, H5P_DEFAULT, 0, (hsize_t[]){0}, sizeof v, v) >= 0);
  H5Dclose(x);
  H5Pclose(create);
  H5Fclose(f);
  refused(path, "train", GLIA_E_DATA, "100 are stored", "most of it was never written");

  f = foreign(path, "dataset");
  H5Gclose(H5Gcreate2(f, "test", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){1}, H5P_DEFAULT, v);
  put(f, "train/x_ptr", H5T_STD_I64LE, H5T_NATIVE_LLONG, 1, (hsize_t[]){2}, H5P_DEFAULT,
      (int64_t[]){0, 1});
  put(f, "test/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){1}, H5P_DEFAULT, v);
  put(f, "test/x_ptr", H5T_STD_I64LE, H5T_NATIVE_LLONG, 1, (hsize_t[]){2}, H5P_DEFAULT, lies);
  H5Fclose(f);
  refused(path, "train", GLIA_E_DATA, "test/x_ptr goes from 0 to 4611686018427387903",
          "expected 0 to 1");
}

static void fields_must_agree_on_the_number_of_rows(void)
{
  const char *path = scratch("short.h5");
  const unsigned char v[100] = {0};
  hid_t f = foreign(path, "dataset");

  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){100}, H5P_DEFAULT, v);
  put(f, "train/y", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){90}, H5P_DEFAULT, v);
  H5Fclose(f);
  refused(path, "train", GLIA_E_SHAPE,
          "short.h5: /train/y has 90 rows, /train/x has 100: was the file cut short?", "");

  f = foreign(path, "dataset");
  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 1, (hsize_t[]){100}, H5P_DEFAULT, v);
  put(f, "train/x_ptr", H5T_NATIVE_LLONG, H5T_NATIVE_UCHAR, 1, (hsize_t[]){11}, H5P_DEFAULT, v);
  H5Fclose(f);
  refused(path, "train", GLIA_E_DATA, "x_ptr goes from 0 to 0 over 10 rows", "expected 0 to 100");

  f = foreign(path, "dataset");
  put(f, "train/x", H5T_NATIVE_UCHAR, H5T_NATIVE_UCHAR, 0, NULL, H5P_DEFAULT, v);
  H5Fclose(f);
  refused(path, "train", GLIA_E_SHAPE, "x is a single number", "");
}

static void nan_is_refused_with_its_place(void)
{
  const char *path = scratch("nan.h5");
  float x[50][4] = {{0}};
  struct glia_source *s = NULL;

  x[17][2] = NAN;
  hid_t f = foreign(path, "dataset");
  put(f, "train/x", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, (hsize_t[]){50, 4}, H5P_DEFAULT, x);
  H5Fclose(f);
  refused(path, "train", GLIA_E_DATA, "nan.h5:/train/x holds nan in row 17", "");
  CU_ASSERT_EQUAL_FATAL(glia_dataset_open(path, "train", 1, &s), GLIA_OK);
  float got[4];
  CU_ASSERT_EQUAL(s->read(s->self, 0, 1, (int64_t[]){16}, got), GLIA_OK);
  CU_ASSERT_EQUAL(s->read(s->self, 0, 1, (int64_t[]){17}, got), GLIA_E_DATA);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "row 17"));
  glia_source_close(&s);
}

/* Read a possibly damaged file in a child: 0 refused, 1 read, and right; 2 read, but wrong; -1 it crashed or hung. */
static int try_in_child(const char *path, int64_t n)
{
  const pid_t child = fork();

  if (child == 0) {
    struct glia_source *s = NULL;
    int verdict = 0;
    alarm(20);
    for (size_t limit = 0; limit < 2; limit++)
      if (glia_dataset_open(path, "train", limit, &s) == GLIA_OK) {
        const int64_t wrong = s->n == n ? differences(s, n) : 1;
        if (wrong >= 0 && verdict < 2) verdict = wrong == 0 ? 1 : 2;
        glia_source_close(&s);
      } else if (glia_trace_message()[0] == '\0') {
        _exit(99);
      }
    _exit(verdict);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) < 99 ? WEXITSTATUS(status) : -1;
}

static void a_cut_file_is_refused_or_read_right(void)
{
  const char *path = scratch("whole.h5");
  const char *cut = scratch("cut.h5");
  size_t size = 0;

  for (int grow = 0; grow < 2; grow++) {
    CU_ASSERT_EQUAL_FATAL(make(path, N, grow, true), GLIA_OK);
    char *data = scratch_slurp(path, &size);
    for (int i = 0; i < 50; i++) {
      scratch_spill(cut, data, size * (size_t)i / 50);
      CU_ASSERT_EQUAL(try_in_child(cut, N), 0);
    }
    scratch_spill(cut, data, size - 1);
    CU_ASSERT_EQUAL(try_in_child(cut, N), 0);
    scratch_spill(cut, data, size);
    CU_ASSERT_EQUAL(try_in_child(cut, N), 1);
    free(data);
  }
}

static void flipped_bytes_do_not_crash(void)
{
  const char *path = scratch("whole.h5");
  const char *bad = scratch("flipped.h5");
  size_t size = 0;
  int verdicts[3] = {0};

  CU_ASSERT_EQUAL_FATAL(make(path, 200, false, true), GLIA_OK);
  char *data = scratch_slurp(path, &size);
  for (int i = 0; i < 150; i++) {
    const size_t at =
        i < 100 ? (size_t)i * 37 % (size < 3000 ? size : 3000) : size * (size_t)(i - 100) / 50;
    data[at] = (char)(data[at] ^ (1 << (i % 8)));
    scratch_spill(bad, data, size);
    const int verdict = try_in_child(bad, 200);
    CU_ASSERT(verdict >= 0);
    if (verdict >= 0) verdicts[verdict]++;
    data[at] = (char)(data[at] ^ (1 << (i % 8)));
  }
  free(data);
  tap_note(
      "150 flips: %d refused, %d harmless, %d in the data themselves (plain arrays carry no sum)",
      verdicts[0], verdicts[1], verdicts[2]);
  CU_ASSERT(verdicts[0] > 0);
}

/* In a child with little space: the import must end with one clear error and no file, and exit without a crash. */
static int full_disk(const char *path, const char *word, bool limit)
{
  const pid_t child = fork();

  if (child == 0) {
    if (limit) {
      signal(SIGXFSZ, SIG_IGN);
      setrlimit(RLIMIT_FSIZE, &(struct rlimit){300000, 300000});
    }
    const glia_status st = make(path, 10 * N, false, false);
    if (st != GLIA_E_IO || strstr(glia_trace_message(), word) == NULL) {
      printf("# %s: %s\n", glia_status_name(st), glia_trace_message());
      exit(1);
    }
    char temp[600];
    snprintf(temp, sizeof temp, "%s.tmp", path);
    exit(scratch_exists(path) || scratch_exists(temp)
             ? 2
             : 0); /* exit, not _exit: HDF5 must close in peace */
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void a_size_limit_gives_one_error_and_no_file(void)
{
  CU_ASSERT_EQUAL(full_disk(scratch("limit.h5"), "File too large", true), 0);
}

static void a_full_disk_gives_one_error_and_no_file(void)
{
  const char *disk = scratch("disk");
  char path[600];

  if (mkdir(disk, 0777) != 0 || mount("tmpfs", disk, "tmpfs", 0, "size=256k") != 0)
    TAP_SKIP("needs root, to mount a small tmpfs");
  snprintf(path, sizeof path, "%s/full.h5", disk);
  CU_ASSERT_EQUAL(full_disk(path, "No space left on device", false), 0);
  umount(disk);
}

TAP_MAIN("dataset", TAP(what_is_written_is_read), TAP(several_threads_may_read),
         TAP(an_existing_file_is_kept_unless_forced), TAP(an_aborted_file_leaves_nothing),
         TAP(a_writer_refuses_wrong_use), TAP(missing_files_and_splits_are_named),
         TAP(foreign_hdf5_is_refused), TAP(arrays_outside_the_allow_list_are_refused),
         TAP(what_a_file_cannot_hold_is_refused), TAP(fields_must_agree_on_the_number_of_rows),
         TAP(nan_is_refused_with_its_place), TAP(a_cut_file_is_refused_or_read_right),
         TAP(flipped_bytes_do_not_crash), TAP(a_size_limit_gives_one_error_and_no_file),
         TAP(a_full_disk_gives_one_error_and_no_file))
