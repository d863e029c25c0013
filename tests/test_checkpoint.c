/* Checkpoints: round trips, damage, disks that are full, folders and their lock. */
#include "glia_checkpoint.h"
#include "glia_log.h"
#include "glia_sha256.h"
#include "scratch.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { ROWS = 20, COLS = 30, N_ARRAYS = 6 };

struct model {
  float weight[ROWS][COLS];
  float bias[ROWS];
  float m[ROWS][COLS];
  double mean[COLS];
  int64_t count;
  uint8_t mask[COLS];
};

static void fill(struct model *o, int64_t step)
{
  memset(o, 0, sizeof *o);
  for (int i = 0; i < ROWS; i++) {
    o->bias[i] = (float)(step + i);
    for (int k = 0; k < COLS; k++) {
      o->weight[i][k] = (float)(i * COLS + k) / 7.0f;
      o->m[i][k] = (float)step * 0.5f;
    }
  }
  for (int k = 0; k < COLS; k++) {
    o->mean[k] = 1.0 / (k + 1);
    o->mask[k] = (uint8_t)(k % 2);
  }
  o->count = step;
}

/* In no order of paths. */
static void list(struct model *o, struct glia_array a[N_ARRAYS])
{
  a[0] = (struct glia_array){"state/count", glia_type_make(GLIA_I64, 0, NULL), &o->count};
  a[1] = (struct glia_array){"params/01-linear/weight",
                             glia_type_make(GLIA_F32, 2, (int64_t[]){ROWS, COLS}), o->weight};
  a[2] = (struct glia_array){"params/01-linear/bias",
                             glia_type_make(GLIA_F32, 1, (int64_t[]){ROWS}), o->bias};
  a[3] = (struct glia_array){"optimizer/m/01-linear/weight",
                             glia_type_make(GLIA_F32, 2, (int64_t[]){ROWS, COLS}), o->m};
  a[4] = (struct glia_array){"state/mean", glia_type_make(GLIA_F64, 1, (int64_t[]){COLS}), o->mean};
  a[5] =
      (struct glia_array){"state/mask", glia_type_make(GLIA_BOOL, 1, (int64_t[]){COLS}), o->mask};
}

static glia_status save(const char *dir, int64_t step)
{
  struct model o;
  struct glia_array a[N_ARRAYS];
  const struct glia_attribute facts[] = {glia_attribute_int("seed", 42),
                                         glia_attribute_real("lr", 1e-3),
                                         glia_attribute_text("kernel_level", "avx2")};

  fill(&o, step);
  list(&o, a);
  return glia_checkpoint_write(dir, step, N_ARRAYS, a, "seed: 42\nepochs: 5\n", 3, facts);
}

/* Is the file at `path` the checkpoint of this step? 0 refused, 1 read and right, 2 read and wrong. */
static int verdict(const char *path, int64_t step)
{
  struct glia_checkpoint *c = NULL;
  struct model want;
  struct model got;
  struct glia_array a[N_ARRAYS];

  if (glia_checkpoint_open(path, &c) != GLIA_OK) return 0;
  fill(&want, step);
  memset(&got, 0, sizeof got);
  list(&got, a);
  const glia_status st = glia_checkpoint_read(c, N_ARRAYS, a, true);
  const struct glia_attribute *seed = glia_checkpoint_attribute(c, "seed");
  const struct glia_attribute *lr = glia_checkpoint_attribute(c, "lr");
  const struct glia_attribute *level = glia_checkpoint_attribute(c, "kernel_level");
  const bool right = memcmp(&want, &got, sizeof got) == 0 && glia_checkpoint_step(c) == step &&
                     strcmp(glia_checkpoint_config(c), "seed: 42\nepochs: 5\n") == 0 &&
                     seed != NULL && seed->i == 42 && lr != NULL && lr->r == 1e-3 &&
                     level != NULL && strcmp(level->text, "avx2") == 0;
  glia_checkpoint_close(&c);
  return st != GLIA_OK ? 0 : right ? 1 : 2;
}

static void what_is_saved_is_read(void)
{
  const char *dir = scratch("deep/er/run");
  struct glia_checkpoint *c = NULL;
  const struct glia_array *a = NULL;
  char *path = glia_checkpoint_path(dir, 400);

  CU_ASSERT_EQUAL_FATAL(save(dir, 400), GLIA_OK);
  CU_ASSERT_PTR_NOT_NULL(strstr(path, "deep/er/run/step-0000000400.h5"));
  CU_ASSERT_EQUAL(verdict(path, 400), 1);
  CU_ASSERT_EQUAL_FATAL(glia_checkpoint_open(path, &c), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_checkpoint_arrays(c, &a), N_ARRAYS);
  CU_ASSERT_STRING_EQUAL(a[0].path, "optimizer/m/01-linear/weight");
  CU_ASSERT_STRING_EQUAL(a[1].path, "params/01-linear/bias");
  CU_ASSERT(a[4].type.dtype == GLIA_BOOL && a[3].type.rank == 0);
  CU_ASSERT_PTR_NULL(glia_checkpoint_attribute(c, "colour"));
  glia_checkpoint_close(&c);
  CU_ASSERT_PTR_NULL(c);
  free(path);
}

static void hashes_are_over_bytes_in_order_of_paths(void)
{
  struct model o;
  struct glia_array a[N_ARRAYS];
  struct glia_sha256 h;
  char expected[65];
  char got[65];
  char *path = glia_checkpoint_path(scratch("hash"), 7);
  struct glia_checkpoint *c = NULL;

  fill(&o, 7);
  list(&o, a);
  glia_sha256_init(&h);
  glia_sha256_update(&h, o.bias, sizeof o.bias);
  glia_sha256_update(&h, o.weight, sizeof o.weight);
  glia_sha256_hex(&h, expected);
  CU_ASSERT_EQUAL(glia_parameters_sha256(N_ARRAYS, a, got), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(got, expected);
  glia_sha256_init(&h);
  glia_sha256_update(&h, o.m, sizeof o.m);
  glia_sha256_update(&h, &o.count, sizeof o.count);
  glia_sha256_update(&h, o.mask, sizeof o.mask);
  glia_sha256_update(&h, o.mean, sizeof o.mean);
  glia_sha256_hex(&h, expected);
  CU_ASSERT_EQUAL(glia_state_sha256(N_ARRAYS, a, got), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(got, expected);
  CU_ASSERT_EQUAL_FATAL(save(scratch("hash"), 7), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_checkpoint_open(path, &c), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(glia_checkpoint_attribute(c, "state_sha256")->text, expected);
  glia_checkpoint_close(&c);
  free(path);
}

static void the_same_content_makes_the_same_file(void)
{
  size_t size[2];
  char *data[2];

  for (int i = 0; i < 2; i++) {
    char *path = glia_checkpoint_path(scratch(i ? "same-b" : "same-a"), 3);
    CU_ASSERT_EQUAL_FATAL(save(scratch(i ? "same-b" : "same-a"), 3), GLIA_OK);
    data[i] = scratch_slurp(path, &size[i]);
    free(path);
  }
  CU_ASSERT(size[0] == size[1] && memcmp(data[0], data[1], size[0]) == 0);
  free(data[0]);
  free(data[1]);
}

static void differences_are_named_before_anything_is_read(void)
{
  struct model o;
  struct glia_array a[N_ARRAYS];
  struct glia_checkpoint *c = NULL;
  char *path = glia_checkpoint_path(scratch("match"), 1);

  CU_ASSERT_EQUAL_FATAL(save(scratch("match"), 1), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_checkpoint_open(path, &c), GLIA_OK);
  memset(&o, 0, sizeof o);
  list(&o, a);
  a[5].path = "state/masks";
  CU_ASSERT_EQUAL(glia_checkpoint_read(c, N_ARRAYS, a, false), GLIA_E_MISSING);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "has no array /state/masks"));
  list(&o, a);
  a[1].type.dim[1] = COLS + 1;
  CU_ASSERT_EQUAL(glia_checkpoint_read(c, N_ARRAYS, a, false), GLIA_E_SHAPE);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(glia_trace_message(),
             "/params/01-linear/weight is f32 [20, 30], the model has f32 [20, 31]"));
  list(&o, a);
  a[4].type.dtype = GLIA_I64;
  CU_ASSERT_EQUAL(glia_checkpoint_read(c, N_ARRAYS, a, false), GLIA_E_SHAPE);
  list(&o, a);
  CU_ASSERT_EQUAL(glia_checkpoint_read(c, N_ARRAYS - 1, a, true), GLIA_E_SHAPE);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(glia_trace_message(), "has an array /state/mask, the model has none"));
  CU_ASSERT(o.bias[1] == 0.0f);
  CU_ASSERT_EQUAL(glia_checkpoint_read(c, 2, a + 1, false), GLIA_OK); /* parameters alone */
  CU_ASSERT(o.bias[1] == 2.0f && o.m[0][0] == 0.0f);
  glia_checkpoint_close(&c);
  free(path);
}

static void paths_outside_the_layout_are_refused(void)
{
  static const char *const bad[] = {"weights/x", "params/",     "params", "/params/x",
                                    "params//x", "params/../x", ""};
  float v = 0.0f;

  for (size_t i = 0; i < GLIA_COUNT(bad); i++) {
    const struct glia_array a = {bad[i], glia_type_make(GLIA_F32, 0, NULL), &v};
    CU_ASSERT_EQUAL(glia_checkpoint_write(scratch("paths"), 1, 1, &a, "", 0, NULL),
                    GLIA_E_ARGUMENT);
  }
  int n = -1;
  int64_t *step = NULL;
  CU_ASSERT_EQUAL(glia_checkpoint_list(scratch("paths"), &n, &step), GLIA_OK);
  CU_ASSERT_EQUAL(n, 0);
  free(step);
}

/* First place of a word in bytes that may hold zeros. */
static const char *strstr_bytes(const char *data, size_t size, const char *word)
{
  const size_t n = strlen(word);

  for (const char *p = data; p + n <= data + size; p++)
    if (memcmp(p, word, n) == 0) return p;
  abort();
}

/* Does the page cache hold this byte of a file? */
static bool is_cached(const char *path, int64_t at)
{
  char byte;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t n = preadv2(fd, &(struct iovec){&byte, 1}, 1, (off_t)at, RWF_NOWAIT);

  close(fd);
  return n == 1;
}

/* Can a file here be written past the page cache, and does that show? */
static bool has_direct_writes(const void *page)
{
  const char *path = scratch("direct");
  const int fd = open(path, O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0666);

  if (fd < 0) return false;
  const bool ok = pwrite(fd, page, 4096, 0) == 4096;
  close(fd);
  return ok && !is_cached(path, 0);
}

/* Written past the page cache where the array lies on pages, through it where not: the same file. */
static void large_arrays_lie_on_pages(void)
{
  enum { LARGE = 300001 };
  char *data = aligned_alloc(4096, (LARGE / 4096 + 2) * 4096);
  char *bytes[2];
  size_t size[2];

  for (size_t i = 0; i < LARGE + 1; i++) data[i] = (char)(i * i % 251);
  for (int i = 0; i < 2; i++) {
    const char *dir = scratch(i ? "off-pages" : "on-pages");
    const struct glia_array a[] = {
        {"params/small", glia_type_make(GLIA_U8, 1, (int64_t[]){5}), data + i},
        {"params/w", glia_type_make(GLIA_U8, 1, (int64_t[]){LARGE}), data + i}};
    char *path = glia_checkpoint_path(dir, 1);
    if (i == 1) memmove(data + 1, data, LARGE);
    CU_ASSERT_EQUAL_FATAL(glia_checkpoint_write(dir, 1, 2, a, "", 0, NULL), GLIA_OK);
    if (i == 0 && has_direct_writes(data))
      CU_ASSERT(!is_cached(path, 150000)); /* in the middle of the array, wherever it begins */
    bytes[i] = scratch_slurp(path, &size[i]);
    free(path);
  }
  CU_ASSERT(size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0);
  free(bytes[0]);
  free(bytes[1]);
  free(data);
}

/* A file no larger than it must be, so that every byte of it can be tried. */
enum { SMALL = 3 };

static glia_status save_small(const char *dir)
{
  float w[SMALL] = {1.0f, -2.0f, 0.5f};
  int64_t count = 7;
  const struct glia_array a[] = {
      {"params/w", glia_type_make(GLIA_F32, 1, (int64_t[]){SMALL}), w},
      {"state/count", glia_type_make(GLIA_I64, 0, NULL), &count},
  };

  return glia_checkpoint_write(dir, 1, 2, a, "seed: 1\n", 0, NULL);
}

/* As verdict, of the small file; 3: refused, since the process that looked at it first was ended by HDF5 (or by a sanitizer). */
static int verdict_small(const char *path)
{
  struct glia_checkpoint *c = NULL;
  float w[SMALL] = {0};
  int64_t count = 0;
  const struct glia_array a[] = {
      {"params/w", glia_type_make(GLIA_F32, 1, (int64_t[]){SMALL}), w},
      {"state/count", glia_type_make(GLIA_I64, 0, NULL), &count},
  };

  if (glia_checkpoint_open(path, &c) != GLIA_OK)
    return strstr(glia_trace_message(), "damaged: reading it") != NULL ? 3 : 0;
  const glia_status st = glia_checkpoint_read(c, 2, a, true);
  const bool right = w[0] == 1.0f && w[1] == -2.0f && w[2] == 0.5f && count == 7 &&
                     glia_checkpoint_step(c) == 1 &&
                     strcmp(glia_checkpoint_config(c), "seed: 1\n") == 0;
  glia_checkpoint_close(&c);
  return st != GLIA_OK ? 0 : right ? 1 : 2;
}

/* Many files that differ a little, tried in one child: data [size] cut at `at`, or with a byte there flipped. Returns false when
 * the child crashed, hung or was killed; at which byte is noted. */
static bool try_all(const char *data, size_t size, size_t from, size_t step, bool cut, int tally[4])
{
  char path[300];
  int result[2];

  snprintf(path, sizeof path, "%s", scratch("tried.h5"));
  if (pipe(result) != 0) abort();
  const pid_t child = fork();
  if (child == 0) {
    char *copy = malloc(size + 1);
    if (copy == NULL) _exit(9);
    close(result[0]);
    for (size_t at = from; at < size; at += step) {
      alarm(60);
      memcpy(copy, data, size);
      copy[at] = (char)(copy[at] ^ (1 << (at % 8)));
      scratch_spill(path, copy, cut ? at : size);
      const char v = (char)verdict_small(path);
      if (write(result[1], &v, 1) != 1) _exit(9);
    }
    _exit(0);
  }
  close(result[1]);
  char v = 0;
  size_t n = 0;
  for (; read(result[0], &v, 1) == 1; n++) {
    tally[(int)v]++;
    if (v >= 2) tap_note("%s: byte %zu", v == 2 ? "read wrong" : "ends HDF5", from + n * step);
  }
  close(result[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    tap_note("the reader died at byte %zu of %zu", from + n * step, size);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Every truncation, and every byte flipped in one bit: refused, or read right. unsealed: without the seal, as a tool that rewrites the
 * file leaves it; then HDF5's sums and ours per array remain. Every 13th byte, and unsealed every 101st, since a process looks
 * at each first; the long test tries all. */
static void try_each(bool cut, bool unsealed, int tally[4])
{
  const char *dir = scratch("small");
  char *path = glia_checkpoint_path(dir, 1);
  size_t size = 0;

  CU_ASSERT_EQUAL_FATAL(save_small(dir), GLIA_OK);
  char *data = scratch_slurp(path, &size);
  if (unsealed) size = (size_t)(strstr_bytes(data, size, "\nglia-parts ") - data);
  const size_t step = getenv("GLIA_TEST_LONG") != NULL ? 1 : unsealed ? 101 : 13;
  CU_ASSERT(try_all(data, size, 0, step, cut, tally));
  if (unsealed) /* a byte of the configuration, too */
    CU_ASSERT(try_all(data, size, (size_t)(strstr_bytes(data, size, "seed: 1\n") - data), size, cut,
                      tally));
  free(data);
  free(path);
}

static void every_cut_checkpoint_is_refused_or_whole(void)
{
  int tally[4] = {0};

  try_each(true, false, tally);
  tap_note("cut: %d refused, %d read right, %d read wrong", tally[0], tally[1], tally[2]);
  CU_ASSERT(tally[2] == 0 && tally[0] > 0);
}

static void every_flipped_byte_is_refused(void)
{
  int tally[4] = {0};

  try_each(false, false, tally);
  tap_note("sealed: %d refused, %d read right, %d read wrong", tally[0], tally[1], tally[2]);
  CU_ASSERT_EQUAL(tally[2], 0);
  CU_ASSERT(tally[1] <=
            13); /* in the word of the seal itself: the file is unsealed then, and intact */
}

static void without_the_seal_sums_of_arrays_remain(void)
{
  for (int cut = 0; cut < 2; cut++) {
    int tally[4] = {0};
    try_each(cut == 1, true, tally);
    tap_note("unsealed, %s: %d refused, %d read right, %d read wrong, %d end HDF5",
             cut ? "cut" : "flipped", tally[0], tally[1], tally[2], tally[3]);
    CU_ASSERT(tally[2] == 0 && tally[3] == 0);
    CU_ASSERT(tally[0] > 10);
  }
}

/* One file of each format, made once and kept: what earlier versions wrote is read for ever. */
static void files_of_every_format_are_read(void)
{
  for (int format = 1; format <= GLIA_CHECKPOINT_FORMAT; format++) {
    char path[1024];
    struct glia_checkpoint *c = NULL;
    float weight[6] = {0};
    float bias[2] = {0};
    float m[6] = {1};
    int64_t count = 0;
    const struct glia_array a[] = {
        {"params/01-linear/weight", glia_type_make(GLIA_F32, 2, (int64_t[]){2, 3}), weight},
        {"params/01-linear/bias", glia_type_make(GLIA_F32, 1, (int64_t[]){2}), bias},
        {"optimizer/m/01-linear/weight", glia_type_make(GLIA_F32, 2, (int64_t[]){2, 3}), m},
        {"state/count", glia_type_make(GLIA_I64, 0, NULL), &count},
    };
    snprintf(path, sizeof path, "%s/tests/golden/checkpoint-%d.h5", getenv("srcdir"), format);
    CU_ASSERT_EQUAL_FATAL(glia_checkpoint_open(path, &c), GLIA_OK);
    CU_ASSERT_EQUAL(glia_checkpoint_read(c, (int)GLIA_COUNT(a), a, true), GLIA_OK);
    for (int i = 0; i < 6; i++) CU_ASSERT(weight[i] == (float)(i + 1) && m[i] == 0.0f);
    CU_ASSERT(bias[0] == -1.0f && bias[1] == 1.0f && count == 5);
    CU_ASSERT(glia_checkpoint_step(c) == 400);
    CU_ASSERT_STRING_EQUAL(glia_checkpoint_config(c), "seed: 1\n");
    CU_ASSERT_EQUAL(glia_checkpoint_attribute(c, "lr")->r, 0.25);
    CU_ASSERT_STRING_EQUAL(glia_checkpoint_attribute(c, "kernel_level")->text, "avx2");
    glia_checkpoint_close(&c);
  }
}

static void other_files_are_refused(void)
{
  struct glia_checkpoint *c = NULL;

  CU_ASSERT_EQUAL(glia_checkpoint_open(scratch("none.h5"), &c), GLIA_E_MISSING);
  scratch_spill(scratch("text.h5"), "not hdf5", 8);
  CU_ASSERT_EQUAL(glia_checkpoint_open(scratch("text.h5"), &c), GLIA_E_DATA);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "not an HDF5 file"));
  CU_ASSERT_PTR_NULL(c);
}

static char last_warning[1024];

static void catch_warning(void *self, glia_log_level level, const char *line)
{
  (void)self;
  if (level == GLIA_LOG_WARN) snprintf(last_warning, sizeof last_warning, "%s", line);
}

static void the_newest_good_one_is_found(void)
{
  const char *dir = scratch("newest");
  struct glia_checkpoint *c = NULL;

  CU_ASSERT_EQUAL(glia_checkpoint_open_newest(dir, &c), GLIA_OK);
  CU_ASSERT_PTR_NULL(c);
  for (int64_t s = 100; s <= 300; s += 100) CU_ASSERT_EQUAL_FATAL(save(dir, s), GLIA_OK);
  scratch_spill(scratch("newest/step-0000000400.h5.tmp"), "half", 4);
  scratch_spill(scratch("newest/step-5.h5"), "other", 5);
  char *path = glia_checkpoint_path(dir, 300);
  size_t size = 0;
  char *data = scratch_slurp(path, &size);
  scratch_spill(path, data, size / 2);
  free(data);
  last_warning[0] = '\0';
  glia_log_set_sink(catch_warning, NULL);
  CU_ASSERT_EQUAL_FATAL(glia_checkpoint_open_newest(dir, &c), GLIA_OK);
  glia_log_set_sink(NULL, NULL);
  CU_ASSERT_EQUAL(glia_checkpoint_step(c), 200);
  CU_ASSERT_PTR_NOT_NULL(strstr(last_warning, "step-0000000300.h5"));
  glia_checkpoint_close(&c);
  free(path);
  path = glia_checkpoint_path(scratch("ruins"), 1);
  CU_ASSERT_EQUAL_FATAL(save(scratch("ruins"), 1), GLIA_OK);
  scratch_spill(path, "", 0);
  glia_log_set_sink(catch_warning, NULL);
  CU_ASSERT_EQUAL(glia_checkpoint_open_newest(scratch("ruins"), &c), GLIA_E_DATA);
  glia_log_set_sink(NULL, NULL);
  free(path);
}

static void only_the_newest_are_kept(void)
{
  const char *dir = scratch("keep");
  int n = 0;
  int64_t *step = NULL;

  for (int64_t s = 1; s <= 5; s++) CU_ASSERT_EQUAL_FATAL(save(dir, s * 200), GLIA_OK);
  scratch_spill(scratch("keep/step-0000000100.h5.tmp"), "half", 4);
  scratch_spill(scratch("keep/notes.txt"), "mine", 4);
  CU_ASSERT_EQUAL(glia_checkpoint_prune(dir, 0), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_checkpoint_prune(dir, 2), GLIA_OK);
  CU_ASSERT_EQUAL(glia_checkpoint_list(dir, &n, &step), GLIA_OK);
  CU_ASSERT(n == 2 && step[0] == 800 && step[1] == 1000);
  free(step);
  CU_ASSERT(!scratch_exists(scratch("keep/step-0000000100.h5.tmp")));
  CU_ASSERT(scratch_exists(scratch("keep/notes.txt")));
}

/* A write that cannot succeed, in a child: one error with this word; the older checkpoint is as it was. */
static int failed_write(const char *dir, const char *word, bool limit)
{
  const pid_t child = fork();

  if (child == 0) {
    char temp[600];
    if (limit) {
      signal(SIGXFSZ, SIG_IGN);
      setrlimit(RLIMIT_FSIZE, &(struct rlimit){4000, 4000});
    }
    const glia_status st = save(dir, 2);
    if (st != GLIA_E_IO || strstr(glia_trace_message(), word) == NULL) {
      printf("# %s: %s\n", glia_status_name(st), glia_trace_message());
      exit(1);
    }
    snprintf(temp, sizeof temp, "%s/step-0000000002.h5.tmp", dir);
    if (scratch_exists(temp)) exit(2);
    snprintf(temp, sizeof temp, "%s/step-0000000002.h5", dir);
    if (scratch_exists(temp)) exit(3);
    snprintf(temp, sizeof temp, "%s/step-0000000001.h5", dir);
    exit(verdict(temp, 1) == 1 ? 0 : 4); /* exit, not _exit: HDF5 must close in peace */
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void a_failed_write_harms_nothing(void)
{
  const char *dir = scratch("limit");

  CU_ASSERT_EQUAL_FATAL(save(dir, 1), GLIA_OK);
  CU_ASSERT_EQUAL(failed_write(dir, "File too large", true), 0);
  scratch_spill(scratch("file"), "x", 1);
  CU_ASSERT_EQUAL(save(scratch("file/run"), 1), GLIA_E_IO);
}

static void full_and_read_only_disks_harm_nothing(void)
{
  const char *disk = scratch("disk");

  if (mkdir(disk, 0777) != 0 || mount("tmpfs", disk, "tmpfs", 0, "size=64k") != 0)
    TAP_SKIP("needs root, to mount a small tmpfs");
  CU_ASSERT_EQUAL(save(disk, 1), GLIA_OK);
  FILE *filler = fopen(scratch("disk/filler"), "wb");
  while (filler != NULL && fputc('x', filler) != EOF) {
  }
  if (filler != NULL) fclose(filler);
  CU_ASSERT_EQUAL(truncate(scratch("disk/filler"), 45056), 0); /* room for a page */
  CU_ASSERT_EQUAL(failed_write(disk, "No space left on device", false), 0);
  if (mount("tmpfs", disk, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k") == 0)
    CU_ASSERT_EQUAL(failed_write(disk, "Read-only file system", false), 0);
  umount(disk);
}

TAP_MAIN("checkpoint", TAP(what_is_saved_is_read), TAP(hashes_are_over_bytes_in_order_of_paths),
         TAP(the_same_content_makes_the_same_file), TAP(large_arrays_lie_on_pages),
         TAP(differences_are_named_before_anything_is_read),
         TAP(paths_outside_the_layout_are_refused), TAP(every_cut_checkpoint_is_refused_or_whole),
         TAP(every_flipped_byte_is_refused), TAP(without_the_seal_sums_of_arrays_remain),
         TAP(files_of_every_format_are_read), TAP(other_files_are_refused),
         TAP(the_newest_good_one_is_found), TAP(only_the_newest_are_kept),
         TAP(a_failed_write_harms_nothing), TAP(full_and_read_only_disks_harm_nothing))
