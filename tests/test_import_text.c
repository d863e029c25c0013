/* A text as windows of numbered bytes. */
#include "glia_dataset.h"
#include "glia_import.h"
#include "scratch.h"
#include "tap.h"

#include <string.h>

static const char text[] = "to be, or not to be\nthat is"; /* 27 bytes */

/* Byte b as its number: how many smaller ones occur. */
static unsigned char number(char b)
{
  unsigned char n = 0;

  for (int c = 0; c < b; c++) n = (unsigned char)(n + (memchr(text, c, sizeof text - 1) != NULL));
  return n;
}

static glia_status import(int64_t window, int64_t stride, double share)
{
  const struct glia_import_text o = {scratch("t.txt"), window, stride, share};
  const struct glia_import_out out = {.path = scratch("t.h5"), .force = true};

  scratch_spill(o.path, text, sizeof text - 1);
  return glia_import_text(&o, &out);
}

/* Rows of a split against the text from `first` on. */
static void check(const char *split, int64_t n, int64_t window, int64_t stride, int64_t first)
{
  struct glia_source *s = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_dataset_open(scratch("t.h5"), split, 0, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(s->n, n);
  for (int64_t row = 0; row < n; row++)
    for (int field = 0; field < 2; field++) {
      unsigned char got[32];
      CU_ASSERT_EQUAL(glia_type_count(&s->field[field].row), window);
      CU_ASSERT_EQUAL(s->read(s->self, field, 1, &row, got), GLIA_OK);
      for (int64_t i = 0; i < window; i++)
        CU_ASSERT_EQUAL(got[i], number(text[first + row * stride + i + field]));
    }
  glia_source_close(&s);
}

static void labels_are_the_next_bytes(void)
{
  CU_ASSERT_EQUAL_FATAL(import(5, 3, 0.0), GLIA_OK);
  check("train", 8, 5, 3, 0); /* the last label is the byte behind 21 + 5 */
  CU_ASSERT_EQUAL_FATAL(import(4, 4, 0.4), GLIA_OK);
  check("train", 4, 4, 4, 0); /* 17 bytes: windows end at 16, their labels at 17 */
  check("test", 2, 4, 4, 17);
}

static void a_text_shorter_than_a_window_is_refused(void)
{
  CU_ASSERT_EQUAL(import(27, 1, 0.0), GLIA_E_DATA);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "the train split has 27 bytes"));
  CU_ASSERT_EQUAL(import(26, 1, 0.0), GLIA_OK);
  check("train", 1, 26, 1, 0);
}

TAP_MAIN("import_text", TAP(labels_are_the_next_bytes),
         TAP(a_text_shorter_than_a_window_is_refused))
