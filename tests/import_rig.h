/* What tests of importers share: files made by hand, imports that must fail, rows of what was made. */
#ifndef IMPORT_RIG_H
#define IMPORT_RIG_H

#include "glia_dataset.h"
#include "glia_import.h"
#include "scratch.h"
#include "tap.h"

static inline struct glia_import_out to(const char *name)
{
  return (struct glia_import_out){.path = scratch(name), .force = true};
}

static inline void spill(const char *name, const char *text)
{
  scratch_spill(scratch(name), text, strlen(text));
}

static inline void run(const char *tool, const char *path)
{
  char command[1200];

  snprintf(command, sizeof command, "%s '%s'", tool, path);
  if (system(command) != 0) abort();
}

/* The import failed with this status and these words, and left nothing. */
static inline void failed(glia_status st, glia_status expected, const char *a, const char *b,
                          const char *out)
{
  char temp[600];

  if (st != expected || strstr(glia_trace_message(), a) == NULL ||
      strstr(glia_trace_message(), b) == NULL)
    tap_note("got %s: %s", glia_status_name(st), glia_trace_message());
  CU_ASSERT_EQUAL(st, expected);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), a));
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), b));
  snprintf(temp, sizeof temp, "%s.tmp", out);
  CU_ASSERT(!scratch_exists(out) && !scratch_exists(temp));
  unlink(out);
}

/* One field of one row as double [count]. */
static inline void row_of(struct glia_source *s, const char *field, int64_t row, double *out)
{
  const int f = glia_source_field(s, field);
  char data[4096];

  CU_ASSERT_FATAL(f >= 0 && glia_type_bytes(&s->field[f].row) <= sizeof data);
  CU_ASSERT_EQUAL_FATAL(s->read(s->self, f, 1, &row, data), GLIA_OK);
  for (int64_t i = 0; i < glia_type_count(&s->field[f].row); i++) {
    const char *p = data + (size_t)i * glia_dtype_size(s->field[f].row.dtype);
    float f32;
    double f64;
    int32_t i32;
    int64_t i64;
    switch (s->field[f].row.dtype) {
    case GLIA_F32:
      memcpy(&f32, p, 4), out[i] = (double)f32;
      break;
    case GLIA_F64:
      memcpy(&f64, p, 8), out[i] = f64;
      break;
    case GLIA_I32:
      memcpy(&i32, p, 4), out[i] = i32;
      break;
    case GLIA_I64:
      memcpy(&i64, p, 8), out[i] = (double)i64;
      break;
    case GLIA_I8:
      out[i] = (signed char)*p;
      break;
    default:
      out[i] = (unsigned char)*p;
      break;
    }
  }
}

static inline struct glia_source *opened(const char *path, const char *split)
{
  struct glia_source *s = NULL;

  if (glia_dataset_open(path, split, 0, &s) != GLIA_OK) tap_note("%s", glia_trace_message());
  CU_ASSERT_PTR_NOT_NULL_FATAL(s);
  return s;
}

#endif
