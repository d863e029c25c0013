/* Weights: what is written is read, in every element type; what lies about itself is refused. */
#include "elements_priv.h"
#include "glia_bf16.h"
#include "glia_weights.h"
#include "scratch.h"
#include "tap.h"

#include <math.h>

/* Every half goes to float and back to the same bits; floats between two halves go to the nearer, ties to even. */
static void halves_round_as_ieee_says(void)
{
  int wrong = 0;

  for (uint32_t h = 0; h < 65536; h++) {
    const float v = glia_float_from_half_((uint16_t)h);
    if (isnan(v))
      wrong += (h & 0x7fff) <= 0x7c00 || !isnan(glia_float_from_half_(glia_half_from_(v)));
    else
      wrong += glia_half_from_(v) != h;
    if ((h & 0x7fff) >= 0x7bff) continue;
    const float next = glia_float_from_half_((uint16_t)(h + 1)), middle = 0.5F * (v + next);
    wrong += glia_half_from_(middle) != (h % 2 == 0 ? h : h + 1);
    wrong += glia_half_from_(nextafterf(middle, v)) != h;
    wrong += glia_half_from_(nextafterf(middle, next)) != h + 1;
  }
  CU_ASSERT_EQUAL(wrong, 0);
  CU_ASSERT_EQUAL(glia_half_from_(65519.0F), 0x7bff);
  CU_ASSERT_EQUAL(glia_half_from_(65520.0F), 0x7c00);
  CU_ASSERT_EQUAL(glia_bf16_round(1.0F), 0x3f80);
  CU_ASSERT_EQUAL(glia_bf16_round(1.00390625F), 0x3f80); /* a tie: to even */
  CU_ASSERT_EQUAL(glia_bf16_round(1.01171875F), 0x3f82); /* a tie: to even, up */
  CU_ASSERT_EQUAL(glia_bf16_round((float)INFINITY), 0x7f80);
}

static float w_data[2][3] = {{1.0F, -2.5F, 0.1F}, {65504.0F, 1e-7F, -0.0F}};
static double d_data[4] = {0.1, -1e300, 3.0, 0.0};
static int64_t i_data = -7;
static uint8_t u_data[5] = {0, 1, 2, 254, 255};

static int set(struct glia_array a[4])
{
  a[0] = (struct glia_array){"fc.weight", glia_type_make(GLIA_F32, 2, (int64_t[]){2, 3}), w_data};
  a[1] = (struct glia_array){"a.d", glia_type_make(GLIA_F64, 1, (int64_t[]){4}), d_data};
  a[2] = (struct glia_array){"step", glia_type_make(GLIA_I64, 0, NULL), &i_data};
  a[3] = (struct glia_array){"table", glia_type_make(GLIA_U8, 1, (int64_t[]){5}), u_data};
  return 4;
}

static void round_trip(const char *path, glia_weights_as as, int64_t max_bytes, const char *opened)
{
  struct glia_array a[4];
  struct glia_weights *w = NULL;
  const struct glia_weight *list;
  const int n = set(a);

  CU_ASSERT_EQUAL_FATAL(glia_weights_write(path, true, n, a, as, max_bytes), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_weights_open(opened, &w), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_weights_list(w, &list), n);
  for (int i = 1; i < n; i++) CU_ASSERT(strcmp(list[i - 1].name, list[i].name) < 0);
  for (int i = 0; i < n; i++) {
    char out[64];
    const int at = glia_weights_find(w, a[i].path);
    CU_ASSERT_FATAL(at >= 0 && glia_type_same_shape(&list[at].type, &a[i].type));
    CU_ASSERT_EQUAL_FATAL(glia_weights_read(w, at, a[i].type.dtype, out), GLIA_OK);
    for (int64_t k = 0; k < glia_type_count(&a[i].type); k++) {
      const double was = glia_element_get_(a[i].type.dtype, a[i].data, k);
      const double is = glia_element_get_(a[i].type.dtype, out, k);
      /* half a unit in the last place of 11 and 8 bits; f16 ends at 65504, its smallest step is 2^-24 */
      const double near = as == GLIA_WEIGHTS_F16    ? fabs(was) * 0x1p-11 + 0x1p-25
                          : as == GLIA_WEIGHTS_BF16 ? fabs(was) * 0x1p-8
                          : as == GLIA_WEIGHTS_F32  ? fabs(was) * 0x1p-24
                                                    : 0.0;
      const bool beyond = as == GLIA_WEIGHTS_KEEP ? false : fabs(was) > 1e38;
      CU_ASSERT(beyond                                  ? isinf(is)
                : !glia_dtype_is_float(a[i].type.dtype) ? is == was
                                                        : fabs(is - was) <= near);
    }
  }
  CU_ASSERT_EQUAL(glia_weights_find(w, "fc"), -1);
  glia_weights_close(&w);
  CU_ASSERT_PTR_NULL(w);
}

static void what_is_written_is_read(void)
{
  const char *st = scratch("w.safetensors"), *npz = scratch("w.npz");

  for (int as = GLIA_WEIGHTS_KEEP; as <= GLIA_WEIGHTS_BF16; as++) {
    round_trip(st, (glia_weights_as)as, 0, st);
    if (as != GLIA_WEIGHTS_BF16) round_trip(npz, (glia_weights_as)as, 0, npz);
  }
  round_trip(scratch("s.safetensors"), GLIA_WEIGHTS_KEEP, 30, scratch("s.safetensors.index.json"));
  CU_ASSERT(scratch_exists(scratch("s-00001-of-00003.safetensors")));
}

static void endings_and_files_that_are_there_are_respected(void)
{
  struct glia_array a[4];
  const int n = set(a);

  CU_ASSERT_EQUAL(glia_weights_write(scratch("w.pt"), true, n, a, GLIA_WEIGHTS_KEEP, 0),
                  GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_weights_write(scratch("b.npz"), true, n, a, GLIA_WEIGHTS_BF16, 0),
                  GLIA_E_ARGUMENT);
  scratch_spill(scratch("kept.safetensors"), "precious", 8);
  CU_ASSERT_EQUAL(
      glia_weights_write(scratch("kept.safetensors"), false, n, a, GLIA_WEIGHTS_KEEP, 0),
      GLIA_E_EXISTS);
  a[1].path = a[0].path;
  CU_ASSERT_EQUAL(glia_weights_write(scratch("twice.npz"), true, n, a, GLIA_WEIGHTS_KEEP, 0),
                  GLIA_E_ARGUMENT);
}

/* A safetensors file of this header and so many bytes behind it. */
static void refused(const char *header, size_t bytes, glia_status expected, const char *says)
{
  char data[4096] = {0};
  struct glia_weights *w = NULL;
  const size_t n = strlen(header);

  data[0] = (char)(n & 255);
  data[1] = (char)(n >> 8);
  memcpy(data + 8, header, n);
  scratch_spill(scratch("bad.safetensors"), data, 8 + n + bytes);
  const glia_status st = glia_weights_open(scratch("bad.safetensors"), &w);
  if (st != expected || strstr(glia_trace_message(), says) == NULL)
    tap_note("%s: %s: %s", header, glia_status_name(st), glia_trace_message());
  CU_ASSERT(st == expected && strstr(glia_trace_message(), says) != NULL && w == NULL);
}

static void lies_are_refused(void)
{
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, GLIA_E_DATA,
          "cut short");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, GLIA_E_DATA,
          "gaps");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, GLIA_E_DATA,
          "its shape needs 12");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", 8, GLIA_E_DATA,
          "shape");
  refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}", 8,
          GLIA_E_DATA, "impossible shape");
  refused("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}}", 8,
          GLIA_E_UNSUPPORTED, "F8_E4M3");
  refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
          "\"b\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[3,8]}}",
          8, GLIA_E_DATA, "overlap");
  refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
          "\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[4,8]}}",
          8, GLIA_E_DATA, "duplicate");
  refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[4]}}", 4, GLIA_E_DATA, "data_offsets");
  refused("{\"a\":3}", 0, GLIA_E_DATA, "not described");
  refused("{nonsense", 0, GLIA_E_DATA, "no JSON");
}

/* Every cut of a small archive, and every byte of it flipped: refused, or the same numbers. */
static void damaged_archives_are_never_read_wrongly(void)
{
  struct glia_array a[4];
  size_t size = 0;
  int silent = 0;
  const int n = set(a);

  CU_ASSERT_EQUAL_FATAL(glia_weights_write(scratch("d.npz"), true, n, a, GLIA_WEIGHTS_KEEP, 0),
                        GLIA_OK);
  char *data = scratch_slurp(scratch("d.npz"), &size);
  for (size_t i = 0; i < 2 * size; i++) {
    struct glia_weights *w = NULL;
    if (i < size) {
      scratch_spill(scratch("cut.npz"), data, i);
    } else {
      data[i - size] = (char)(data[i - size] ^ 0x55);
      scratch_spill(scratch("cut.npz"), data, size);
      data[i - size] = (char)(data[i - size] ^ 0x55);
    }
    if (glia_weights_open(scratch("cut.npz"), &w) != GLIA_OK) continue;
    const int at = glia_weights_find(w, "fc.weight");
    float out[6];
    const struct glia_weight *list;
    glia_weights_list(w, &list);
    if (at >= 0 && glia_type_equal(&list[at].type, &a[0].type) &&
        glia_weights_read(w, at, GLIA_F32, out) == GLIA_OK)
      silent += memcmp(out, w_data, sizeof out) != 0;
    glia_weights_close(&w);
  }
  free(data);
  CU_ASSERT_EQUAL(silent, 0);
}

TAP_MAIN("weights", TAP(halves_round_as_ieee_says), TAP(what_is_written_is_read),
         TAP(endings_and_files_that_are_there_are_respected), TAP(lies_are_refused),
         TAP(damaged_archives_are_never_read_wrongly))
