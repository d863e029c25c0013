/* Reading: orders are permutations in small memory, chunks are read without HDF5, rows read ahead are the same rows. */
#include "block_cache_priv.h"
#include "glia_dataset.h"
#include "glia_log.h"
#include "glia_order.h"
#include "glia_random.h"
#include "prefetch_priv.h"
#include "scratch.h"
#include "tap.h"

#include <hdf5.h>
#include <pthread.h>
#include <sched.h>

static void a_permutation_has_its_inverse(void)
{
  int64_t wrong = 0;

  for (int64_t n = 1; n < 300; n += n < 20 ? 1 : 37)
    for (int64_t i = 0; i < n; i++)
      wrong += glia_random_unpermute(77, n, glia_random_permute(77, n, i)) != i;
  for (int64_t i = 0; i < 1000; i++)
    wrong += glia_random_unpermute(5, INT64_C(1) << 40,
                                   glia_random_permute(5, INT64_C(1) << 40, i)) != i;
  CU_ASSERT_EQUAL(wrong, 0);
}

/* Every row once an epoch, at most window + 1 chunks in a step (windows of one step may meet), other orders in other epochs. */
static void an_order_by_chunks_is_local_and_complete(void)
{
  enum { BATCH = 16, MICRO = 8 };
  static const struct {
    int64_t n, chunk, window;
  } cases[] = {{1000, 64, 2}, {1024, 64, 3}, {5, 64, 2}, {130, 1, 4}, {997, 100, 100}, {64, 64, 1}};

  for (size_t c = 0; c < GLIA_COUNT(cases); c++) {
    const struct glia_order o = {9,    cases[c].n,     BATCH,          MICRO,
                                 true, cases[c].chunk, cases[c].window};
    const int64_t steps = glia_order_steps(&o);
    int64_t first[8] = {0}, differ = 0, wrong = 0;
    for (int epoch = 0; epoch < 8; epoch++) {
      char seen[1024] = {0};
      for (int64_t s = 0; s < steps; s++) {
        char chunk_seen[1024] = {0};
        int64_t chunks = 0;
        for (int64_t m = 0; m < BATCH / MICRO; m++) {
          int64_t row[MICRO], position[MICRO];
          float weight[MICRO];
          glia_order_fill(&o, epoch * steps + s, m, row, weight, position);
          for (int i = 0; i < MICRO; i++) {
            if (weight[i] == 0.0F) continue;
            if (s == 0 && m == 0 && i == 0) first[epoch] = row[i];
            wrong += row[i] < 0 || row[i] >= o.n || seen[row[i]]++ > 0;
            if (chunk_seen[row[i] / o.chunk_rows]++ == 0) chunks++;
          }
        }
        const int64_t windows = 1 + BATCH / (o.chunk_rows * o.window) + 1;
        wrong += chunks > windows * o.window;
      }
      for (int64_t r = 0; r < o.n; r++) wrong += seen[r] != 1;
    }
    for (int epoch = 1; epoch < 8; epoch++) differ += first[epoch] != first[0];
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT(differ > 0);
  }
}

/* The short chunk of a file may stand anywhere: over many epochs its rows come first about as often as others. */
static void the_last_rows_of_a_file_are_no_special_ones(void)
{
  const struct glia_order o = {3, 350, 350, 350, true, 100, 1};
  int64_t row[350], position[350], early = 0;
  float weight[350];

  for (int64_t epoch = 0; epoch < 400; epoch++) {
    glia_order_fill(&o, epoch, 0, row, weight, position);
    early += row[0] >= 300;
  }
  /* a quarter of 400 draws: 100, standard deviation 8.7; five of them */
  CU_ASSERT(early > 56 && early < 144);
}

/* x f32 [n, 3] in chunks of 7 rows, shuffled and deflated or not; y u8 [n] contiguous. */
static void make(const char *path, hsize_t n, bool shuffle, bool deflate)
{
  const hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t scalar = H5Screate(H5S_SCALAR), text = H5Tcopy(H5T_C_S1),
              plist = H5Pcreate(H5P_DATASET_CREATE);
  const hid_t group = H5Gcreate2(f, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  float *x = malloc(n * 3 * sizeof *x);
  unsigned char *y = malloc(n);
  int one = 1;

  H5Tset_size(text, 7);
  hid_t a = H5Acreate2(f, "glia_kind", text, scalar, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, text, "dataset");
  H5Aclose(a);
  a = H5Acreate2(f, "glia_format", H5T_STD_I32LE, scalar, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(a, H5T_NATIVE_INT, &one);
  H5Aclose(a);
  for (hsize_t i = 0; i < n; i++) {
    y[i] = (unsigned char)(i % 251);
    for (hsize_t k = 0; k < 3; k++) x[3 * i + k] = (float)i + 0.25F * (float)k;
  }
  H5Pset_chunk(plist, 2, (hsize_t[]){7, 3});
  if (shuffle) H5Pset_shuffle(plist);
  if (deflate) H5Pset_deflate(plist, 1);
  const hid_t sx = H5Screate_simple(2, (hsize_t[]){n, 3}, NULL), sy = H5Screate_simple(1, &n, NULL);
  hid_t d = H5Dcreate2(group, "x", H5T_IEEE_F32LE, sx, H5P_DEFAULT, plist, H5P_DEFAULT);
  H5Dwrite(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, x);
  H5Dclose(d);
  d = H5Dcreate2(group, "y", H5T_STD_U8LE, sy, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(d, H5T_NATIVE_UCHAR, H5S_ALL, H5S_ALL, H5P_DEFAULT, y);
  H5Dclose(d);
  H5Sclose(sx);
  H5Sclose(sy);
  H5Sclose(scalar);
  H5Tclose(text);
  H5Pclose(plist);
  H5Gclose(group);
  H5Fclose(f);
  free(x);
  free(y);
}

static int64_t wrong_rows(struct glia_source *s, int64_t n_rows, const int64_t *row)
{
  float x[64][3];
  unsigned char y[64];
  int64_t wrong = 0;

  if (s->read(s->self, glia_source_field(s, "x"), n_rows, row, x) != GLIA_OK ||
      s->read(s->self, glia_source_field(s, "y"), n_rows, row, y) != GLIA_OK)
    return -1;
  for (int64_t i = 0; i < n_rows; i++) {
    for (int k = 0; k < 3; k++) wrong += x[i][k] != (float)row[i] + 0.25F * (float)k;
    wrong += y[i] != row[i] % 251;
  }
  return wrong;
}

static void packed_chunks_are_read_in_every_dress(void)
{
  for (int how = 0; how < 4; how++) {
    const int64_t n = 500 + how; /* the last chunk is cut */
    struct glia_source *s = NULL;
    make(scratch("dress.h5"), (hsize_t)n, (how & 1) != 0, (how & 2) != 0);
    CU_ASSERT_EQUAL_FATAL(glia_dataset_open(scratch("dress.h5"), "train", 1, &s), GLIA_OK);
    CU_ASSERT(s->slow && s->chunk_rows == 7 && glia_source_chunk(s) == 7);
    for (int64_t at = 0; at < n; at += 31) {
      int64_t row[64];
      for (int i = 0; i < 64; i++) row[i] = (at + i * (i % 5)) % n;
      CU_ASSERT_EQUAL(wrong_rows(s, 64, row), 0);
    }
    glia_source_close(&s);
  }
}

/* zlib's own sum finds a byte that changed in a chunk; a file cut there is refused when it is opened. */
static void damaged_chunks_are_refused(void)
{
  size_t size = 0;

  make(scratch("chunk.h5"), 500, true, true);
  char *data = scratch_slurp(scratch("chunk.h5"), &size);
  const hid_t f = H5Fopen(scratch("chunk.h5"), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t d = H5Dopen2(f, "train/x", H5P_DEFAULT);
  for (hsize_t chunk = 0; chunk < 71; chunk += 7) {
    struct glia_source *s = NULL;
    unsigned mask = 0;
    haddr_t at = 0;
    hsize_t bytes = 0;
    float x[3];
    const int64_t row = (int64_t)chunk * 7;
    CU_ASSERT_FATAL(H5Dget_chunk_info_by_coord(d, (hsize_t[]){chunk * 7, 0}, &mask, &at, &bytes) >=
                    0);
    data[at + bytes / 2] ^= 0x10;
    scratch_spill(scratch("bad.h5"), data, size);
    data[at + bytes / 2] ^= 0x10;
    CU_ASSERT_EQUAL_FATAL(glia_dataset_open(scratch("bad.h5"), "train", 1, &s), GLIA_OK);
    CU_ASSERT_EQUAL(s->read(s->self, glia_source_field(s, "x"), 1, &row, x), GLIA_E_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "is damaged"));
    glia_source_close(&s);
  }
  H5Dclose(d);
  H5Fclose(f);
  free(data);
}

static void read_ahead_from(bool packed)
{
  enum { MICRO = 8, V = 4, N = 203 };
  const struct glia_order o = {4, N, MICRO * V, MICRO, true, 7, 3};
  const int fields[2] = {0, 1};
  struct glia_source *s = NULL;
  struct glia_prefetch *p = NULL;
  const int64_t last = 2 * glia_order_steps(&o);
  int64_t wrong = 0;

  make(scratch("ahead.h5"), N, packed, packed);
  CU_ASSERT_EQUAL_FATAL(glia_dataset_open(scratch("ahead.h5"), "train", 1, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_prefetch_create_(s, &o, 1, 3, 2, fields, 0, last, 0, &p), GLIA_OK);
  for (int64_t step = 0; step < last; step++) {
    glia_prefetch_begin_(p, step);
    for (int64_t m = 1; m < 3; m++) {
      int64_t row[MICRO], position[MICRO];
      float weight[MICRO], x[MICRO][3];
      glia_order_fill(&o, step, m, row, weight, position);
      CU_ASSERT_EQUAL_FATAL(glia_prefetch_take_(p, m, glia_source_field(s, "x"), x), GLIA_OK);
      for (int i = 0; i < MICRO; i++) wrong += x[i][1] != (float)row[i] + 0.25F;
    }
    float none[MICRO][3];
    CU_ASSERT_EQUAL(glia_prefetch_take_(p, 0, 0, none), GLIA_E_INTERNAL); /* another rank's */
  }
  CU_ASSERT_EQUAL(wrong, 0);
  glia_prefetch_destroy_(&p);
  CU_ASSERT_EQUAL_FATAL(glia_prefetch_create_(s, &o, 0, 4, 2, fields, 0, last, 0, &p), GLIA_OK);
  glia_prefetch_destroy_(&p); /* given up while it reads */
  glia_source_close(&s);
}

/* Of plain chunks, and of packed ones. */
static void rows_read_ahead_are_the_same_rows(void)
{
  read_ahead_from(true);
  read_ahead_from(false);
}

static glia_status fails(void *self, int field, int64_t n_rows, const int64_t *row, void *out)
{
  (void)self, (void)field, (void)n_rows, (void)row, (void)out;
  return GLIA_FAIL(GLIA_E_IO, "the disk is gone");
}

static void a_failure_ahead_is_told_to_who_waits(void)
{
  const struct glia_field x = {"x", glia_type_make(GLIA_F32, 0, NULL), 1.0, 0.0};
  struct glia_source s = {.name = "s", .n = 64, .n_fields = 1, .field = &x, .read = fails};
  const struct glia_order o = {.n = 64, .batch = 8, .micro_batch = 8};
  struct glia_prefetch *p = NULL;
  const int field = 0;
  float out[8];

  CU_ASSERT_EQUAL_FATAL(glia_prefetch_create_(&s, &o, 0, 1, 1, &field, 0, 8, 0, &p), GLIA_OK);
  glia_prefetch_begin_(p, 0);
  CU_ASSERT_EQUAL(glia_prefetch_take_(p, 0, 0, out), GLIA_E_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "the disk is gone"));
  glia_prefetch_destroy_(&p);
}

/* Micro-batches that end the last step, in part or wholly, with padding: row 0 of weight 0. */
static void padding_is_row_0_in_every_order(void)
{
  const struct glia_order orders[] = {
      {1, 37, 32, 8, true, 0, 0}, {1, 37, 32, 8, false, 0, 0}, {1, 37, 32, 8, true, 5, 2}};

  for (size_t i = 0; i < GLIA_COUNT(orders); i++)
    for (int64_t m = 0; m < 4; m++) {
      int64_t row[8], position[8];
      float weight[8];
      glia_order_fill(&orders[i], 1, m, row, weight, position);
      for (int k = 0; k < 8; k++) {
        const bool real = m == 0 && k < 5;
        CU_ASSERT(weight[k] == (real ? 1.0F : 0.0F) && (real || row[k] == 0));
        CU_ASSERT(row[k] >= 0 && row[k] < 37 && position[k] == 32 + m * 8 + k);
      }
    }
}

/* A source that tells how far it was read, and by whom. */
struct watched {
  _Atomic int64_t rows;
  pthread_t reader;
};

static glia_status read_watched(void *self, int field, int64_t n_rows, const int64_t *row,
                                void *out)
{
  struct watched *w = self;

  (void)field;
  memcpy(out, row, (size_t)n_rows * sizeof *row);
  w->reader = pthread_self();
  w->rows += n_rows;
  return GLIA_OK;
}

/* While the first step runs, the next two are read, by another thread than the one that computes. */
static void two_steps_are_read_ahead(void)
{
  const struct glia_field x = {"x", glia_type_make(GLIA_I64, 0, NULL), 1.0, 0.0};
  const struct glia_order orders[] = {{1, 4096, 64, 32, true, 0, 0},
                                      {1, 4096, 64, 32, true, 8, 4},
                                      {1, 4096, 64, 32, true, 256, 8}};

  for (size_t i = 0; i < GLIA_COUNT(orders); i++) {
    struct watched w = {0};
    struct glia_source s = {
        .self = &w, .name = "s", .n = 4096, .n_fields = 1, .field = &x, .read = read_watched};
    struct glia_prefetch *p = NULL;
    const int field = 0;
    int64_t out[32];
    CU_ASSERT_EQUAL_FATAL(glia_prefetch_create_(&s, &orders[i], 0, 2, 1, &field, 0, 64, 0, &p),
                          GLIA_OK);
    glia_prefetch_begin_(p, 0);
    CU_ASSERT_EQUAL(glia_prefetch_take_(p, 0, 0, out), GLIA_OK);
    const double t0 = glia_time_s();
    while (w.rows < 3 * 64 && glia_time_s() - t0 < 60.0) sched_yield();
    CU_ASSERT(w.rows >= INT64_C(3) * 64);
    CU_ASSERT(!pthread_equal(w.reader, pthread_self()));
    glia_prefetch_destroy_(&p);
  }
}

/* Hand out all rows of all blocks, one block after the other in a keyed order; every byte is that of its block. Returns loads. */
static int64_t loads_of_an_epoch(struct glia_block_cache *c, uint64_t key)
{
  const int64_t blocks = (c->n + c->rows - 1) / c->rows;
  int64_t loads = 0, wrong = 0;

  for (int64_t i = 0; i < blocks; i++) {
    const int64_t b = glia_random_permute(key, blocks, i);
    const int64_t end = (b + 1) * c->rows < c->n ? (b + 1) * c->rows : c->n;
    if (glia_block_cache_look_(c, b * c->rows) == NULL) {
      char *room = NULL;
      int slot = -1;
      CU_ASSERT_EQUAL_FATAL(glia_block_cache_room_(c, &room, &slot), GLIA_OK);
      memset(room, (int)b, (size_t)c->rows * c->row_bytes);
      glia_block_cache_put_(c, b, slot);
      loads++;
    }
    for (int64_t row = b * c->rows; row < end; row++) {
      const char *data = glia_block_cache_look_(c, row);
      wrong += data == NULL || data[0] != (char)b || data[c->row_bytes - 1] != (char)b;
      glia_block_cache_used_(c, b);
    }
  }
  CU_ASSERT_EQUAL(wrong, 0);
  return loads;
}

/* A cache of half the blocks spares half of the next epoch's loads, whatever its order. */
static void blocks_stay_for_the_next_epoch(void)
{
  enum { BLOCKS = 40, ROWS = 5, ROW = 64 };
  struct glia_block_cache c;

  CU_ASSERT_EQUAL_FATAL(
      glia_block_cache_init_(&c, BLOCKS * ROWS - 2, ROWS, ROW, (size_t)BLOCKS / 2 * ROWS * ROW),
      GLIA_OK);
  CU_ASSERT_EQUAL(loads_of_an_epoch(&c, 1), BLOCKS);
  CU_ASSERT_EQUAL(c.n_taken, BLOCKS / 2);
  for (uint64_t key = 2; key < 6; key++) CU_ASSERT(loads_of_an_epoch(&c, key) <= BLOCKS / 2 + 1);
  glia_block_cache_fini_(&c);
}

/* Rows in any order, some again, some far apart, from packed, chunked and contiguous arrays: each at its place. */
static void rows_go_where_they_are_wanted(void)
{
  enum { N = 60000, WANTED = 3000 };
  int64_t *row = malloc(WANTED * sizeof *row);
  float(*x)[3] = malloc(WANTED * sizeof *x);
  unsigned char *y = malloc(WANTED);

  for (int how = 0; how < 2; how++) {
    struct glia_source *s = NULL;
    make(scratch("many.h5"), N, how == 1, how == 1);
    CU_ASSERT_EQUAL_FATAL(glia_dataset_open(scratch("many.h5"), "train", 1, &s), GLIA_OK);
    for (int spread = 0; spread < 4; spread++) {
      int64_t wrong = 0;
      for (int64_t i = 0; i < WANTED; i++) {
        const int64_t k = glia_random_permute(31, WANTED, i);
        row[i] = spread == 0   ? k
                 : spread == 1 ? k * 19
                 : spread == 2 ? k / 2
                               : N - 1 - k % 1700 * 35;
      }
      CU_ASSERT_EQUAL(s->read(s->self, glia_source_field(s, "x"), WANTED, row, x), GLIA_OK);
      CU_ASSERT_EQUAL(s->read(s->self, glia_source_field(s, "y"), WANTED, row, y), GLIA_OK);
      for (int64_t i = 0; i < WANTED; i++)
        wrong += x[i][2] != (float)row[i] + 0.5F || y[i] != row[i] % 251;
      CU_ASSERT_EQUAL(wrong, 0);
    }
    glia_source_close(&s);
  }
  free(row);
  free(x);
  free(y);
}

/* Units of rows read together cover an epoch once, and by chunks a unit holds whole chunks. */
static void what_is_read_together_is_whole(void)
{
  static const struct {
    int64_t n, chunk, window;
  } cases[] = {{1000, 64, 2}, {5, 64, 2}, {130, 1, 4}, {997, 100, 100}, {64, 64, 1}, {64, 0, 0}};

  for (size_t c = 0; c < GLIA_COUNT(cases); c++) {
    const struct glia_order o = {
        9, cases[c].n, 16, 8, cases[c].chunk > 0, cases[c].chunk, cases[c].window};
    const int64_t places = glia_order_steps(&o) * 16;
    int64_t row[1024], wrong = 0, to = 0;
    for (int64_t at = places; at < 2 * places; at = to) {
      to = glia_order_together(&o, at);
      if (to <= at || to > 2 * places)
        CU_FAIL_FATAL("a unit ends before it begins, or in another epoch");
      glia_order_rows(&o, at, to - at, row);
      for (int64_t i = 0; o.chunk_rows > 0 && at - places + i < o.n && i < to - at; i++) {
        const int64_t lo = row[i] / o.chunk_rows * o.chunk_rows;
        const int64_t rows = o.n - lo < o.chunk_rows ? o.n - lo : o.chunk_rows;
        int64_t here = 0;
        for (int64_t k = 0; k < to - at; k++) here += row[k] / o.chunk_rows * o.chunk_rows == lo;
        wrong += here != rows;
      }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(to, 2 * places);
  }
}

static void windows_that_need_too_much_are_refused(void)
{
  const struct glia_field x = {"x", glia_type_make(GLIA_U8, 1, (int64_t[]){1 << 20}), 1.0, 0.0};
  struct glia_source s = {.name = "s", .n = 64, .n_fields = 1, .field = &x, .read = fails};
  const struct glia_order o = {1, 640, 8, 8, true, 8, 8};
  struct glia_prefetch *p = NULL;
  const int field = 0;

  CU_ASSERT_EQUAL(glia_prefetch_create_(&s, &o, 0, 1, 1, &field, 0, 8, (int64_t)100 << 20, &p),
                  GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "need 192 MiB, data.memory is 100 MiB;"));
  CU_ASSERT_EQUAL(glia_prefetch_create_(&s, &o, 0, 1, 1, &field, 0, 8, (int64_t)16 << 20, &p),
                  GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "data.memory is 16 MiB (24 MiB"));
  CU_ASSERT_PTR_NULL(p);
}

TAP_MAIN("reading", TAP(a_permutation_has_its_inverse),
         TAP(an_order_by_chunks_is_local_and_complete),
         TAP(the_last_rows_of_a_file_are_no_special_ones),
         TAP(packed_chunks_are_read_in_every_dress), TAP(damaged_chunks_are_refused),
         TAP(rows_read_ahead_are_the_same_rows), TAP(two_steps_are_read_ahead),
         TAP(padding_is_row_0_in_every_order), TAP(a_failure_ahead_is_told_to_who_waits),
         TAP(blocks_stay_for_the_next_epoch), TAP(rows_go_where_they_are_wanted),
         TAP(what_is_read_together_is_whole), TAP(windows_that_need_too_much_are_refused))
