/* The text of exporters, taken apart: kinds, blanks, what makes no sense; and names in JSON. */
#include "collect_priv.h"
#include "glia_scrape.h"
#include "tap.h"

#include <stdlib.h>
#include <string.h>

static struct glia_scrape s;

static void take(const char *text)
{
  CU_ASSERT_EQUAL_FATAL(glia_scrape_read(text, strlen(text), &s), GLIA_OK);
}

static void is(int i, const char *name, glia_metric_kind kind, double value)
{
  CU_ASSERT_FATAL(i < s.n);
  CU_ASSERT(s.series[i].n == strlen(name) && memcmp(s.series[i].name, name, s.series[i].n) == 0);
  CU_ASSERT_EQUAL(s.series[i].kind, kind);
  CU_ASSERT_EQUAL(s.series[i].value, value);
}

static void kinds_come_from_types_and_names(void)
{
  take("# TYPE rpc summary\nrpc{quantile=\"0.5\"} 3\nrpc_sum 7\nrpc_count 2\n"
       "# TYPE took histogram\ntook_bucket{le=\"1\"} 4\ntook_sum 9\n"
       "# TYPE up gauge\nup 1\nup_total 5\n# TYPE seen counter\nseen 6\nseen_now 2\n");
  is(0, "rpc{quantile=\"0.5\"}", GLIA_METRIC_GAUGE, 3.0); /* it falls, too */
  is(1, "rpc_sum", GLIA_METRIC_COUNTER, 7.0);
  is(2, "rpc_count", GLIA_METRIC_COUNTER, 2.0);
  is(3, "took_bucket{le=\"1\"}", GLIA_METRIC_COUNTER, 4.0);
  is(4, "took_sum", GLIA_METRIC_COUNTER, 9.0);
  is(5, "up", GLIA_METRIC_GAUGE, 1.0);
  is(6, "up_total", GLIA_METRIC_COUNTER, 5.0);
  is(7, "seen", GLIA_METRIC_COUNTER, 6.0);
  is(8, "seen_now", GLIA_METRIC_GAUGE, 2.0); /* a name that merely begins so */
  CU_ASSERT_EQUAL(s.malformed, 0);
  glia_scrape_free(&s);
}

static void blanks_may_be_tabs(void)
{
  take("# TYPE a\tcounter\na\t7\nb{c=\"d\"} \t 3\t1700000000000\n4 x\nd{e=\"f\" 1\n");
  is(0, "a", GLIA_METRIC_COUNTER, 7.0);
  is(1, "b{c=\"d\"}", GLIA_METRIC_GAUGE, 3.0);
  CU_ASSERT_EQUAL(s.malformed, 2);
  glia_scrape_free(&s);
  take("# TYPE\ta\tcounter\na 7\n#\tTYPE  \tb \t counter\t\nb 1\n# TYPEc counter\nc 1\n#TYPE d "
       "counter\nd "
       "1\n# TYPE\n#\n# TYPE \t\n# TYP");
  is(0, "a", GLIA_METRIC_COUNTER, 7.0);
  is(1, "b", GLIA_METRIC_COUNTER, 1.0);
  is(2, "c", GLIA_METRIC_GAUGE, 1.0);
  is(3, "d", GLIA_METRIC_GAUGE, 1.0);
  CU_ASSERT_EQUAL(s.malformed, 0);
  glia_scrape_free(&s);
}

static void names_stay_what_they_are_in_json(void)
{
  struct glia_buffer b = {0};

  glia_json_add_text_(&b, "/srv/Gr\xc3\xb6\xc3\x9f"
                          "e \"a\\b\" \x01\xff\xc3");
  CU_ASSERT_EQUAL_FATAL(b.n, strlen("\"/srv/Gr\xc3\xb6\xc3\x9f"
                                    "e \\\"a\\\\b\\\" \\u0001\\ufffd\\ufffd\""));
  CU_ASSERT(memcmp(b.text,
                   "\"/srv/Gr\xc3\xb6\xc3\x9f"
                   "e \\\"a\\\\b\\\" \\u0001\\ufffd\\ufffd\"",
                   b.n) == 0);
  free(b.text);
}

TAP_MAIN("scrape", TAP(kinds_come_from_types_and_names), TAP(blanks_may_be_tabs),
         TAP(names_stay_what_they_are_in_json))
