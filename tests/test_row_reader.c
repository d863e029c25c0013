/* Rows of plain arrays: what the page cache holds comes from it, and comes there in large pages; what it cannot hold is read past it. */
#include "glia_random.h"
#include "row_reader_priv.h"
#include "scratch.h"
#include "tap.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <sys/vfs.h>

enum { HEAD = 100, STRETCH = 200, STRETCHES = 8, ASKED = STRETCH * STRETCHES };

struct file {
  int fd;
  struct glia_h5_array info;
  struct glia_row_reader reader;
};

static unsigned char byte_of(int64_t row, size_t k)
{
  return (unsigned char)(row * 31 + (int64_t)k * 7);
}

/* Rows of unusual length behind an odd head, so that nothing lies on pages. */
static void open_file(struct file *f, int64_t n, size_t row_bytes)
{
  unsigned char *row = malloc(row_bytes);
  FILE *out = fopen(scratch("rows"), "wb");

  CU_ASSERT_FATAL(row != NULL && out != NULL && fseek(out, HEAD, SEEK_SET) == 0);
  for (int64_t i = 0; i < n; i++) {
    for (size_t k = 0; k < row_bytes; k++) row[k] = byte_of(i, k);
    CU_ASSERT_EQUAL_FATAL(fwrite(row, 1, row_bytes, out), row_bytes);
  }
  fclose(out);
  free(row);
  f->fd = open(scratch("rows"), O_RDWR | O_CLOEXEC);
  f->info = (struct glia_h5_array){
      .type = glia_type_make(GLIA_U8, 2, (int64_t[]){n, (int64_t)row_bytes}), .offset = HEAD};
  CU_ASSERT_EQUAL_FATAL(
      glia_row_reader_init_(&f->reader, "rows", &f->info, -1, f->fd, row_bytes, 0), GLIA_OK);
}

static void close_file(struct file *f)
{
  glia_row_reader_fini_(&f->reader);
  close(f->fd);
}

static void forget(const struct file *f)
{
  CU_ASSERT_EQUAL(fsync(f->fd), 0);
  CU_ASSERT_EQUAL(posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
}

/* Can it be read past the page cache here? */
static bool passes(const struct file *f)
{
  struct glia_past_cache *c = NULL;

  CU_ASSERT_EQUAL(glia_past_cache_create_(f->fd, 1, &c), GLIA_OK);
  const bool ok = c != NULL;
  glia_past_cache_destroy_(&c);
  return ok;
}

/* Does its file system surely give pages back, and read past them? */
static bool forgets(const struct file *f)
{
  struct statfs s;

  if (fstatfs(f->fd, &s) != 0) return false;
  const bool disk = s.f_type == 0xEF53 || s.f_type == 0x58465342; /* ext4, XFS */
  CU_ASSERT(passes(f) || !disk);
  return disk;
}

/* Ask for rows, and count the wrong ones; -1: refused. */
static int64_t read_rows(struct file *f, int64_t n, const int64_t *row, bool in_place)
{
  const size_t bytes = f->reader.row_bytes;
  unsigned char *x = malloc((size_t)n * bytes);
  int64_t *place = malloc((size_t)n * sizeof *place);
  int64_t wrong = 0;

  CU_ASSERT_FATAL(x != NULL && place != NULL);
  for (int64_t i = 0; i < n; i++) place[i] = i;
  if (glia_row_reader_read_(&f->reader, n, row, in_place ? place : NULL, (char *)x) != GLIA_OK)
    wrong = -1;
  for (int64_t i = 0; i < n && wrong >= 0; i++)
    for (size_t k = 0; k < bytes; k += k + 61 < bytes ? 61 : 1)
      wrong += x[(size_t)place[i] * bytes + k] != byte_of(row[i], k);
  free(place);
  free(x);
  return wrong;
}

/* An epoch: stretches in an order of their own, their rows mixed, some wanted twice. */
static int64_t epoch(struct file *f, int64_t number, bool cold)
{
  const int64_t stretches = f->info.type.dim[0] / STRETCH;
  int64_t row[ASKED], wrong = 0;

  for (int64_t at = 0; at + STRETCHES <= stretches; at += STRETCHES) {
    for (int64_t i = 0; i < ASKED; i++) {
      const int64_t mixed = glia_random_permute((uint64_t)(number + at), ASKED, i);
      const int64_t s = glia_random_permute((uint64_t)number, stretches, at + mixed / STRETCH);
      row[i] = s * STRETCH + mixed % STRETCH;
    }
    row[0] = row[7];
    if (cold) forget(f);
    wrong += read_rows(f, ASKED, row, number % 2 == 0);
  }
  return wrong;
}

static void what_stays_in_the_page_cache_comes_from_there(void)
{
  struct file f;

  open_file(&f, 48 * STRETCH, 3001);
  for (int64_t e = 0; e < 3; e++) CU_ASSERT_EQUAL(epoch(&f, e, false), 0);
  CU_ASSERT_PTR_NULL(f.reader.past);
  close_file(&f);
}

/* Does the page cache hold this byte of the rows? */
static bool is_cached(const struct file *f, int64_t at)
{
  char byte;

  return preadv2(f->fd, &(struct iovec){&byte, 1}, 1, (off_t)(HEAD + at), RWF_NOWAIT) == 1;
}

/* large: in large pages, of which neighbours tell in the first epoch already; or as systems do that have none. */
static void leave(bool large)
{
  const int64_t few[3] = {5, 4, 9599};
  struct file f;

  open_file(&f, 48 * STRETCH, 3001);
  if (!large) f.reader.pages.refusals = 1000;
  for (int64_t e = 0; e < 3; e++) {
    CU_ASSERT_EQUAL(epoch(&f, e, true), 0);
    if (e == 0 && !large) CU_ASSERT_PTR_NULL(f.reader.past); /* nothing is read again yet */
  }
  CU_ASSERT(f.reader.past != NULL || !forgets(&f));
  CU_ASSERT_EQUAL(read_rows(&f, 3, few, false), 0); /* small requests still go through it */
  CU_ASSERT_EQUAL(ftruncate(f.fd, HEAD + 3001 * 2400), 0);
  CU_ASSERT(epoch(&f, 3, true) < 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "became shorter"));
  close_file(&f);
}

static void what_leaves_the_page_cache_is_read_past_it(void)
{
  leave(true);
  leave(false);
}

static void what_memory_cannot_hold_is_read_past_the_page_cache_at_once(void)
{
  int64_t row[ASKED];
  struct file f;

  open_file(&f, 48 * STRETCH, 3001);
  f.reader.memory_bytes = 48 * STRETCH * 3001 - 1;
  for (int64_t i = 0; i < ASKED; i++) row[i] = i / STRETCH * 3 * STRETCH + i % STRETCH;
  forget(&f);
  CU_ASSERT_EQUAL(read_rows(&f, ASKED, row, false), 0);
  CU_ASSERT_EQUAL(f.reader.past != NULL, passes(&f));
  if (forgets(&f)) CU_ASSERT(!is_cached(&f, (3 * STRETCH + STRETCH / 2) * 3001));
  close_file(&f);
}

/* Of each block of two megabytes one stretch is asked for; its other end comes with it. */
static void stretches_bring_the_large_pages_around_them(void)
{
  enum { BLOCK = 2 << 20, ROW = 4096, LONG = 256, APART = 2 * BLOCK / ROW };
  int64_t row[4 * LONG];
  struct file f;

  open_file(&f, 4 * APART, ROW);
  if (!forgets(&f) || !glia_large_pages_work_(&f.reader.pages)) {
    close_file(&f);
    TAP_SKIP("needs ext4 or XFS under TMPDIR, and Linux");
  }
  for (int64_t i = 0; i < 4 * LONG; i++) row[i] = i / LONG * APART + i % LONG;
  forget(&f);
  CU_ASSERT_EQUAL(read_rows(&f, 4 * LONG, row, false), 0);
  if (f.reader.pages.refusals > 0) {
    close_file(&f);
    TAP_SKIP("needs a kernel and a file system with large pages of files");
  }
  for (int64_t b = 0; b < 4; b++) CU_ASSERT(is_cached(&f, b * APART * ROW + BLOCK - HEAD - 1));
  close_file(&f);
}

/* Each longer than what is usually asked for at once. */
static void long_rows_are_read_past_it(void)
{
  const int64_t row[6] = {11, 3, 7, 0, 9, 5};
  struct file f;

  open_file(&f, 12, 3 * GLIA_PAST_BYTES / 2 + 1);
  for (int i = 0; i < 8; i++) {
    forget(&f);
    CU_ASSERT_EQUAL(read_rows(&f, 6, row, i % 2 == 0), 0);
  }
  CU_ASSERT(f.reader.past != NULL || !forgets(&f));
  close_file(&f);
}

TAP_MAIN("row_reader", TAP(what_stays_in_the_page_cache_comes_from_there),
         TAP(what_leaves_the_page_cache_is_read_past_it),
         TAP(what_memory_cannot_hold_is_read_past_the_page_cache_at_once),
         TAP(stretches_bring_the_large_pages_around_them), TAP(long_rows_are_read_past_it))
