/* Words that people type. */
#include "glia_text.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double seconds(const char *text)
{
  double s = -1.0;

  return glia_parse_duration(text, &s) == GLIA_OK ? s : -1.0;
}

static int64_t bytes(const char *text)
{
  int64_t n = -1;

  return glia_parse_size(text, &n) == GLIA_OK ? n : -1;
}

static void durations_are_seconds(void)
{
  static const struct {
    const char *text;
    double s;
  } known[] = {{"90", 90.0},          {"1.5", 1.5},       {"5m", 300.0},      {"2h", 7200.0},
               {"3d", 259200.0},      {"02:30", 150.0},   {"0", 0.0},         {"01:00:00", 3600.0},
               {"1-00:00:00", 86400}, {"2-03", 183600.0}, {"1-01:30", 91800}, {"250ms", 0.25},
               {"10s", 10.0},         {"3min", 180.0},    {".5h", 1800.0},    {"1e2", 100.0}};

  for (size_t i = 0; i < GLIA_COUNT(known); i++)
    CU_ASSERT_EQUAL(seconds(known[i].text), known[i].s);
}

static void what_is_no_duration_is_refused_by_name(void)
{
  static const char *const bad[] = {
      "",     "-5",    "5x", "m",  "1:2:3:4", "1-",    "-1:00",  "0x10", "inf",        "nan", "5 m",
      "1::2", "1-2-3", ".",  "1e", "+5",      "1e999", "1e308d", "1:",   "1234567-00", "5m3"};
  double s = 0.0;

  for (size_t i = 0; i < GLIA_COUNT(bad); i++) CU_ASSERT_EQUAL(seconds(bad[i]), -1.0);
  CU_ASSERT_EQUAL(glia_parse_duration("5x", &s), GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "'5x'"));
}

static void sizes_are_bytes(void)
{
  CU_ASSERT_EQUAL(bytes("4096"), 4096);
  CU_ASSERT_EQUAL(bytes("64KiB"), 65536);
  CU_ASSERT_EQUAL(bytes("1.5GiB"), 1610612736);
  CU_ASSERT_EQUAL(bytes("10MB"), 10000000);
  CU_ASSERT_EQUAL(bytes("64 kib"), 65536);
  CU_ASSERT_EQUAL(bytes("1T"), INT64_C(1) << 40);
  CU_ASSERT_EQUAL(bytes("-1"), -1);
  CU_ASSERT_EQUAL(bytes("64XB"), -1);
  CU_ASSERT_EQUAL(bytes("8388608TiB"), -1); /* 2^63 */
  CU_ASSERT_EQUAL(bytes("KiB"), -1);
  CU_ASSERT_EQUAL(bytes("1  B"), -1);
}

static void numbers_follow_the_core_schema(void)
{
  static const char *const words[] = {"",    "-",   "0x10", "1e",    "1_000", "1 ",  " 1",
                                      "inf", "nan", ".",    "1.2.3", "e5",    "+.e1"};
  int64_t i = 0;
  double r = 0.0;

  CU_ASSERT(glia_parse_real("1e-3", &r) && r == 1e-3);
  CU_ASSERT(glia_parse_real("-1.", &r) && r == -1.0);
  CU_ASSERT(glia_parse_real("+.5E+2", &r) && r == 50.0);
  CU_ASSERT(glia_parse_real("-.inf", &r) && isinf(r) && r < 0.0);
  CU_ASSERT(glia_parse_real(".NaN", &r) && isnan(r));
  CU_ASSERT(glia_parse_int("-9223372036854775808", &i) && i == INT64_MIN);
  CU_ASSERT(glia_parse_int("+007", &i) && i == 7);
  CU_ASSERT_FALSE(glia_parse_int("9223372036854775808", &i));
  CU_ASSERT_FALSE(glia_parse_int("1.0", &i));
  CU_ASSERT_FALSE(glia_parse_real("1e999", &r));
  for (size_t w = 0; w < GLIA_COUNT(words); w++) {
    CU_ASSERT_FALSE(glia_parse_real(words[w], &r));
    CU_ASSERT_FALSE(glia_parse_int(words[w], &i));
  }
}

static void the_nearest_word_is_found(void)
{
  static const char *const known[] = {"batch",      "epochs", "learning_rate", "lr", "optimizer",
                                      "checkpoint", NULL};
  char long_word[300];

  CU_ASSERT_STRING_EQUAL(glia_nearest("optimzer", known), "optimizer");
  CU_ASSERT_STRING_EQUAL(glia_nearest("epoch", known), "epochs");
  CU_ASSERT_STRING_EQUAL(glia_nearest("learning-rate", known), "learning_rate");
  CU_ASSERT_STRING_EQUAL(glia_nearest("Batch", known), "batch");
  CU_ASSERT_STRING_EQUAL(glia_nearest("rl", known), "lr"); /* a swap is one slip */
  CU_ASSERT_STRING_EQUAL(glia_nearest("batch_size", known), "batch");
  CU_ASSERT_STRING_EQUAL(glia_nearest("check", known), "checkpoint");
  CU_ASSERT_PTR_NULL(glia_nearest("zebra", known));
  CU_ASSERT_PTR_NULL(glia_nearest("", known));
  memset(long_word, 'a', sizeof long_word - 1);
  long_word[sizeof long_word - 1] = '\0';
  CU_ASSERT_PTR_NULL(glia_nearest(long_word, known));
}

static void spans_and_sizes_read_well(void)
{
  char out[32];

  CU_ASSERT_STRING_EQUAL(glia_format_duration(0.42, out, sizeof out), "0.4 s");
  CU_ASSERT_STRING_EQUAL(glia_format_duration(12.4, out, sizeof out), "12 s");
  CU_ASSERT_STRING_EQUAL(glia_format_duration(59.7, out, sizeof out), "1 min 00 s");
  CU_ASSERT_STRING_EQUAL(glia_format_duration(200.0, out, sizeof out), "3 min 20 s");
  CU_ASSERT_STRING_EQUAL(glia_format_duration(3720.0, out, sizeof out), "1 h 02 min");
  CU_ASSERT_STRING_EQUAL(glia_format_duration(183600.0, out, sizeof out), "2 d 03 h");
  CU_ASSERT_STRING_EQUAL(glia_format_duration((double)NAN, out, sizeof out), "?");
  CU_ASSERT_STRING_EQUAL(glia_format_size(512, out, sizeof out), "512 B");
  CU_ASSERT_STRING_EQUAL(glia_format_size(1610612736, out, sizeof out), "1.5 GiB");
  CU_ASSERT_STRING_EQUAL(glia_format_size(1048575, out, sizeof out), "1.0 MiB");
  CU_ASSERT_STRING_EQUAL(glia_format_size(INT64_MAX, out, sizeof out), "8.0 EiB");
}

static void what_is_not_utf8_is_replaced_byte_by_byte(void)
{
  static const struct {
    const char *text;
    const char *clean;
  } t[] = {{"", ""},
           {"a\tb\x01\x7f", "a\tb\x01\x7f"},
           {"Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f"},
           {"\xff", "\xef\xbf\xbd"},
           {"a\xc3", "a\xef\xbf\xbd"},
           {"\xc3\xc3\xa4", "\xef\xbf\xbd\xc3\xa4"},
           {"\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz"},
           {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}}; /* half of a pair */

  for (size_t i = 0; i < GLIA_COUNT(t); i++) {
    char *clean = glia_text_utf8(t[i].text);
    CU_ASSERT_STRING_EQUAL_FATAL(clean, t[i].clean);
    CU_ASSERT_EQUAL(glia_text_is_utf8(t[i].text), strcmp(t[i].text, t[i].clean) == 0);
    CU_ASSERT(glia_text_is_utf8(clean));
    free(clean);
  }
}

TAP_MAIN("text", TAP(durations_are_seconds), TAP(what_is_no_duration_is_refused_by_name),
         TAP(sizes_are_bytes), TAP(numbers_follow_the_core_schema), TAP(the_nearest_word_is_found),
         TAP(spans_and_sizes_read_well), TAP(what_is_not_utf8_is_replaced_byte_by_byte))
