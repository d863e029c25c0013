/* YAML: reading, errors with their place, overrides, canonical text. */
#include "glia_log.h"
#include "glia_yaml.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char run_text[] = "# a run\n"
                               "seed: 1\n"
                               "data: {file: fashion.h5, batch: 256, shuffle: true}\n"
                               "model:\n"
                               "  - flatten\n"
                               "  - linear: 512\n"
                               "  - relu\n"
                               "loss: cross_entropy\n"
                               "optimizer: {adam: {lr: 1e-3}}\n"
                               "init: null\n";

static struct glia_yaml_doc *parse(const char *text)
{
  struct glia_yaml_doc *doc = NULL;

  if (glia_yaml_parse_text("run.yaml", text, strlen(text), &doc) != GLIA_OK) return NULL;
  return doc;
}

/* The message with which text is refused; "accepted" when it is not. */
static const char *refusal(const char *text)
{
  struct glia_yaml_doc *doc = NULL;
  const glia_status st = glia_yaml_parse_text("run.yaml", text, strlen(text), &doc);

  CU_ASSERT((st == GLIA_OK) == (doc != NULL));
  glia_yaml_destroy(&doc);
  if (st == GLIA_OK) return "accepted";
  CU_ASSERT_EQUAL(st, GLIA_E_CONFIG);
  return glia_trace_message();
}

static bool begins(const char *text, const char *with)
{
  const bool yes = strncmp(text, with, strlen(with)) == 0;

  if (!yes) tap_note("found: %s", text);
  return yes;
}

static bool has(const char *text, const char *part)
{
  const bool yes = strstr(text, part) != NULL;

  if (!yes) tap_note("found: %s", text);
  return yes;
}

static char *print(const struct glia_yaml_doc *doc)
{
  char *text = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_yaml_print(glia_yaml_root(doc), &text), GLIA_OK);
  return text;
}

/* The tree of `text` after overrides (NULL-terminated), printed; NULL when one is refused. */
static char *overridden(const char *text, const char *const *assignment)
{
  struct glia_yaml_doc *doc = parse(text);
  char *out = NULL;
  glia_status st = GLIA_OK;

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  for (; *assignment != NULL && st == GLIA_OK; assignment++)
    st = glia_yaml_override(doc, *assignment);
  if (st == GLIA_OK) out = print(doc);
  glia_yaml_destroy(&doc);
  return out;
}

static void a_run_is_read(void)
{
  struct glia_yaml_doc *doc = parse(run_text);
  int64_t batch = 0;
  double lr = 0.0;
  bool shuffle = false;
  const char *file = NULL;

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  const struct glia_yaml *root = glia_yaml_root(doc);
  const struct glia_yaml *data = glia_yaml_get(root, "data");
  const struct glia_yaml *adam = glia_yaml_get(glia_yaml_get(root, "optimizer"), "adam");
  CU_ASSERT(glia_yaml_get_int(data, "batch", 1, INT64_MAX, &batch) == GLIA_OK && batch == 256);
  CU_ASSERT(glia_yaml_get_bool(data, "shuffle", &shuffle) == GLIA_OK && shuffle);
  CU_ASSERT_EQUAL(glia_yaml_get_text(data, "file", &file), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(file, "fashion.h5");
  CU_ASSERT(glia_yaml_get_real(adam, "lr", 0.0, 1.0, &lr) == GLIA_OK && lr == 1e-3);
  const struct glia_yaml *model = glia_yaml_get(root, "model");
  CU_ASSERT_EQUAL(model->n_children, 3);
  CU_ASSERT_EQUAL(model->line, 5);
  CU_ASSERT_STRING_EQUAL(model->child->text, "flatten");
  CU_ASSERT_EQUAL(model->child->next->line, 6);
  CU_ASSERT_STRING_EQUAL(model->child->next->child->key, "linear");
  CU_ASSERT_PTR_EQUAL(model->child->next->parent, model);
  glia_yaml_destroy(&doc);
  CU_ASSERT_PTR_NULL(doc);
}

static void what_is_absent_or_null_keeps_the_default(void)
{
  struct glia_yaml_doc *doc = parse("a: null\nb: ~\nc:\n");
  int64_t n = 7;
  double r = 7.0;
  const char *text = "default";

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  const struct glia_yaml *root = glia_yaml_root(doc);
  CU_ASSERT(glia_yaml_get_int(root, "a", 0, 9, &n) == GLIA_OK && n == 7);
  CU_ASSERT(glia_yaml_get_real(root, "b", 0, 9, &r) == GLIA_OK && r == 7.0);
  CU_ASSERT_EQUAL(glia_yaml_get_text(root, "c", &text), GLIA_OK);
  CU_ASSERT_EQUAL(glia_yaml_get_text(root, "d", &text), GLIA_OK);
  CU_ASSERT_EQUAL(glia_yaml_get_text(NULL, "d", &text), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(text, "default");
  glia_yaml_destroy(&doc);
}

static void numbers_are_those_of_the_core_schema(void)
{
  struct glia_yaml_doc *doc =
      parse("[1e-3, 1e6, \"5\", 1.5, .nan, 12:30, yes, 0x10, 0o17, \"0x10\", 0o18, 0x, -0x1, "
            "0xffffffffffffffff, 017]");
  double r = 0.0;
  int64_t n = 0;
  bool b = false;

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  const struct glia_yaml *item = glia_yaml_root(doc)->child;
  CU_ASSERT(glia_yaml_get_real(item, "", 0.0, 1.0, &r) == GLIA_OK && r == 1e-3);
  CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", 0, 9, &n), GLIA_E_CONFIG);
  item = item->next;
  CU_ASSERT(glia_yaml_get_int(item, "", 0, INT64_MAX, &n) == GLIA_OK && n == 1000000);
  CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", 0, 99, &n), GLIA_E_CONFIG);
  CU_ASSERT(has(glia_trace_message(), "found 1000000, expected 0 to 99"));
  item = item->next;
  CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", 0, 99, &n), GLIA_E_CONFIG);
  CU_ASSERT(has(glia_trace_message(), "take the quotes away"));
  item = item->next;
  CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", 0, 99, &n), GLIA_E_CONFIG);
  item = item->next;
  CU_ASSERT_EQUAL(glia_yaml_get_real(item, "", 0.0, HUGE_VAL, &r),
                  GLIA_E_CONFIG); /* NaN is in no range */
  item = item->next;
  CU_ASSERT_EQUAL(glia_yaml_get_real(item, "", 0.0, HUGE_VAL, &r), GLIA_E_CONFIG); /* no base 60 */
  CU_ASSERT(glia_yaml_get_duration(item, "", &r) == GLIA_OK && r == 750.0);
  item = item->next;
  CU_ASSERT_EQUAL(glia_yaml_get_bool(item, "", &b), GLIA_E_CONFIG); /* yes is text */
  item = item->next;
  CU_ASSERT(glia_yaml_get_int(item, "", 0, 99, &n) == GLIA_OK && n == 16);
  CU_ASSERT(glia_yaml_get_real(item, "", 0.0, 99.0, &r) == GLIA_OK && r == 16.0);
  item = item->next;
  CU_ASSERT(glia_yaml_get_int(item, "", 0, 99, &n) == GLIA_OK && n == 15);
  CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", 0, 9, &n), GLIA_E_CONFIG);
  item = item->next;
  CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", 0, 99, &n), GLIA_E_CONFIG);
  CU_ASSERT(has(glia_trace_message(), "take the quotes away"));
  for (int bad = 0; bad < 4; bad++) {
    item = item->next;
    CU_ASSERT_EQUAL(glia_yaml_get_int(item, "", INT64_MIN, INT64_MAX, &n), GLIA_E_CONFIG);
    CU_ASSERT_EQUAL(glia_yaml_get_real(item, "", -HUGE_VAL, HUGE_VAL, &r), GLIA_E_CONFIG);
  }
  CU_ASSERT_EQUAL(n, 15);
  item = item->next; /* a leading zero means nothing */
  CU_ASSERT(glia_yaml_get_int(item, "", 0, 99, &n) == GLIA_OK && n == 17);
  glia_yaml_destroy(&doc);
}

static void a_wrong_kind_names_path_and_line(void)
{
  struct glia_yaml_doc *doc = parse("model:\n  - flatten\n  - linear: many\n");
  int64_t n = 0;

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  const struct glia_yaml *model = glia_yaml_get(glia_yaml_root(doc), "model");
  CU_ASSERT_EQUAL(glia_yaml_get_int(model->child->next, "linear", 1, INT64_MAX, &n), GLIA_E_CONFIG);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(),
                         "run.yaml:3: model.1.linear: found 'many', expected a whole number");
  const char *text = NULL;
  CU_ASSERT_EQUAL(glia_yaml_get_text(glia_yaml_root(doc), "model", &text), GLIA_E_CONFIG);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(),
                         "run.yaml:2: model: found a list of 2, expected text");
  glia_yaml_destroy(&doc);
}

static void unknown_words_name_the_nearest(void)
{
  static const char *const keys[] = {"seed", "data", "epochs", NULL};
  static const char *const last[] = {"pad", "drop", NULL};
  struct glia_yaml_doc *doc = parse("seed: 1\n\nepoch: 3\nlast: dorp\n");
  int which = -1;

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  const struct glia_yaml *root = glia_yaml_root(doc);
  CU_ASSERT_EQUAL(glia_yaml_check_keys(root, keys), GLIA_E_CONFIG);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(),
                         "run.yaml:3: epoch: unknown key 'epoch': did you mean 'epochs'?");
  CU_ASSERT_EQUAL(glia_yaml_get_choice(root, "last", last, &which), GLIA_E_CONFIG);
  CU_ASSERT(
      has(glia_trace_message(), "run.yaml:4: last: unknown value 'dorp': did you mean 'drop'?"));
  CU_ASSERT_EQUAL(glia_yaml_override(doc, "last=drop"), GLIA_OK);
  CU_ASSERT(glia_yaml_get_choice(root, "last", last, &which) == GLIA_OK && which == 1);
  CU_ASSERT_EQUAL(glia_yaml_check_keys(root->child, keys),
                  GLIA_E_CONFIG); /* a scalar has no keys */
  CU_ASSERT_EQUAL(glia_yaml_check_keys(NULL, keys), GLIA_OK);
  glia_yaml_destroy(&doc);
}

static void malformed_text_names_file_and_line(void)
{
  CU_ASSERT(begins(refusal("a: 1\nb: [1, 2\nc: 3\n"), "run.yaml:3: malformed YAML"));
  CU_ASSERT(begins(refusal("a: 1\n\tb: 2\n"), "run.yaml:2: malformed YAML"));
  CU_ASSERT(begins(refusal("a: 1\n b: 2\n"), "run.yaml:2: malformed YAML"));
  CU_ASSERT(begins(refusal("a: 1\nb: \"open\n"), "run.yaml:"));
  CU_ASSERT(has(refusal("a: \xff\n"), "malformed YAML: invalid leading UTF-8 octet near byte 3"));
  CU_ASSERT(begins(refusal("a: 1\n@\n"), "run.yaml:2: malformed YAML"));
}

static void what_a_configuration_does_not_need_is_refused(void)
{
  CU_ASSERT(begins(refusal("a: 1\nb: 2\na: 3\n"),
                   "run.yaml:3: key 'a' stands here twice, first in line 1"));
  CU_ASSERT(begins(refusal("a: &x 1\n"), "run.yaml:1: anchors"));
  CU_ASSERT(begins(refusal("a: 1\nb: *x\n"), "run.yaml:2: aliases"));
  CU_ASSERT(begins(refusal("a: !!str 1\n"), "run.yaml:1: tags"));
  CU_ASSERT(begins(refusal("a: !x {b: 1}\n"), "run.yaml:1: tags"));
  CU_ASSERT(begins(refusal("a: 1\n---\nb: 2\n"), "run.yaml:2: a second document"));
  CU_ASSERT(begins(refusal("? [a, b]\n: 1\n"), "run.yaml:1: a key must be plain text"));
  CU_ASSERT(begins(refusal("a: \"x\\0y\"\n"), "run.yaml:1: text with a zero byte"));
  CU_ASSERT_STRING_EQUAL(refusal(""), "accepted");
  CU_ASSERT_STRING_EQUAL(refusal("# nothing\n"), "accepted");
}

/* n times `unit`, behind `head`. */
static char *repeated(const char *head, const char *unit, size_t n)
{
  const size_t h = strlen(head);
  const size_t u = strlen(unit);
  char *text = malloc(h + n * u + 1);

  memcpy(text, head, h);
  for (size_t i = 0; i < n; i++) memcpy(text + h + i * u, unit, u);
  text[h + n * u] = '\0';
  return text;
}

static void hostile_input_is_refused_quickly(void)
{
  static const struct {
    const char *unit;
    size_t n;
    const char *message;
  } bad[] = {
      {"[", 100000, "nested deeper than 64"},      {"{a: ", 100000, "nested deeper than 64"},
      {"- ", 100000, "nested deeper than 64"},     {"[],", 5000000, "more than 1000000 nodes"},
      {"x", (16 << 20) + 1, "larger than 16 MiB"}, {"k", 300, "accepted"},
  };
  const double start_s = glia_time_s();

  for (size_t i = 0; i < GLIA_COUNT(bad); i++) {
    char *text = repeated(strcmp(bad[i].unit, "[],") == 0 ? "[" : "", bad[i].unit, bad[i].n);
    CU_ASSERT(has(refusal(text), bad[i].message));
    free(text);
  }
  char *key = repeated("", "k", 300);
  char *text = repeated(key, ": 1\n", 1);
  CU_ASSERT(has(refusal(text), "a key is longer than 256 bytes"));
  free(text);
  free(key);
  CU_ASSERT(glia_time_s() - start_s <
            30.0); /* seconds here: nothing grows with the square of the input */
}

static void many_keys_are_no_burden(void)
{
  enum { N = 200000 };
  char *text = malloc(N * 16);
  size_t used = 0;

  for (int i = 0; i < N; i++) used += (size_t)sprintf(text + used, "k%d: %d\n", i, i);
  const double start_s = glia_time_s();
  struct glia_yaml_doc *doc = parse(text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  CU_ASSERT_EQUAL(glia_yaml_root(doc)->n_children, N);
  CU_ASSERT(glia_time_s() - start_s < 10.0);
  glia_yaml_destroy(&doc);
  free(text);
}

static void overrides_reach_maps_and_lists(void)
{
  static const char *const all[] = {
      "model.1.linear=64",          "data.file=x.h5", "model.2=tanh",
      "optimizer={sgd: {lr: 0.1}}", "init=start.h5",  "checkpoint.every=200",
      "model.3.linear=10",          "seed=",          NULL};
  char *out = overridden(run_text, all);

  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  CU_ASSERT_STRING_EQUAL(out, "seed: null\n"
                              "data:\n"
                              "  file: x.h5\n"
                              "  batch: 256\n"
                              "  shuffle: true\n"
                              "model:\n"
                              "- flatten\n"
                              "- linear: 64\n"
                              "- tanh\n"
                              "- linear: 10\n"
                              "loss: cross_entropy\n"
                              "optimizer:\n"
                              "  sgd:\n"
                              "    lr: 0.1\n"
                              "init: start.h5\n"
                              "checkpoint:\n"
                              "  every: 200\n");
  free(out);
}

static void an_override_begins_a_tree(void)
{
  static const char *const all[] = {"a.b=1", "a.c=[1, 2]", NULL};
  char *out = overridden("", all);

  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  CU_ASSERT_STRING_EQUAL(out, "a:\n  b: 1\n  c:\n  - 1\n  - 2\n");
  free(out);
}

static void bad_overrides_are_refused_by_name(void)
{
  static const struct {
    const char *assignment;
    const char *message;
  } bad[] = {
      {"epochs", "expected key=value"},
      {"=3", "expected key=value"},
      {"a..b=3", "a name is missing"},
      {".=3", "a name is missing"},
      {"model.7.linear=3", "a list of 3 items wants a number"},
      {"model.relu=3", "a list of 3 items wants a number"},
      {"seed.x=3", "nothing stands below '1'"},
      {"data={file: [}", "data={file: [}: malformed YAML"},
      {"data={a: 1, a: 2}", "key 'a' stands here twice"},
      {"data.file=*all", "quote text that begins with '*'"},
  };

  for (size_t i = 0; i < GLIA_COUNT(bad); i++) {
    const char *const one[] = {bad[i].assignment, NULL};
    CU_ASSERT_PTR_NULL(overridden(run_text, one));
    CU_ASSERT(has(glia_trace_message(), bad[i].message));
    CU_ASSERT(has(glia_trace_message(), bad[i].assignment));
  }
  char *deep = repeated("a", ".a", 100);
  char *assignment = repeated(deep, "=1", 1);
  const char *const one[] = {assignment, NULL};
  CU_ASSERT_PTR_NULL(overridden(run_text, one));
  free(assignment);
  free(deep);
}

static void errors_in_overrides_name_the_override(void)
{
  struct glia_yaml_doc *doc = parse(run_text);
  double lr = 0.0;

  CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
  CU_ASSERT_EQUAL(glia_yaml_override(doc, "optimizer.adam.lr=fast"), GLIA_OK);
  const struct glia_yaml *adam =
      glia_yaml_get(glia_yaml_get(glia_yaml_root(doc), "optimizer"), "adam");
  CU_ASSERT_EQUAL(glia_yaml_get_real(adam, "lr", 0.0, 1.0, &lr), GLIA_E_CONFIG);
  CU_ASSERT_STRING_EQUAL(glia_trace_message(),
                         "optimizer.adam.lr=fast: optimizer.adam.lr: found 'fast', "
                         "expected a number");
  glia_yaml_destroy(&doc);
}

/* Layout, comments and needless quotes leave no mark; and the text reparses to itself. */
static void canonical_text_is_stable(void)
{
  static const char *const same[] = {
      "a: {b: [1, two, {c: ~}], d: \"5\", e: 'word', f: []}\ng: |\n  two\n  lines\n",
      "# other\n\"a\":\n    b:\n        - 1\n        - \"two\"\n        - c: null\n    d: '5'\n    "
      "e: word\n    f: [\n   ]\n"
      "g: \"two\\nlines\\n\"\n",
  };
  struct glia_yaml_doc *doc[2] = {parse(same[0]), parse(same[1])};

  CU_ASSERT_FATAL(doc[0] != NULL && doc[1] != NULL);
  char *first = print(doc[0]);
  char *second = print(doc[1]);
  CU_ASSERT_STRING_EQUAL(first, second);
  CU_ASSERT(has(first, "d: \"5\"\n  e: word\n  f: []\n"));
  struct glia_yaml_doc *again = parse(first);
  CU_ASSERT_PTR_NOT_NULL_FATAL(again);
  char *third = print(again);
  CU_ASSERT_STRING_EQUAL(first, third);
  free(first);
  free(second);
  free(third);
  glia_yaml_destroy(&doc[0]);
  glia_yaml_destroy(&doc[1]);
  glia_yaml_destroy(&again);
}

/* Scalars that a careless printer loses. */
static void awkward_text_survives_printing(void)
{
  static const char *const text[] = {
      "",         " x",  "x ",   "a: b", "- a",  "#c",       "a #c",     "*x",
      "&x",       "!x",  "null", "true", "1e-3", ".inf",     "---",      "...",
      "'",        "\"",  "\\",   "a\nb", "\n",   "a\n\n b ", "\xc3\xa9", "\xe2\x80\xa8",
      "\xc2\x85", "{",   "]",    ", ",   "? a",  "%x",       "@x",       "`",
      "|",        ">",   "~",    "\t",   "a:",   ":a",       "=",        "<<",
      "0x10",     "0o17"};

  for (size_t i = 0; i < GLIA_COUNT(text); i++) {
    struct glia_yaml_doc *doc = parse("k: [\"\"]");
    CU_ASSERT_PTR_NOT_NULL_FATAL(doc);
    struct glia_yaml copy = *glia_yaml_root(doc)->child->child;
    copy.text = text[i];
    copy.next = NULL;
    const struct glia_yaml list = {.kind = GLIA_YAML_LIST, .child = &copy, .n_children = 1};
    char *out = NULL;
    CU_ASSERT_EQUAL(glia_yaml_print(&list, &out), GLIA_OK);
    struct glia_yaml_doc *again = parse(out);
    if (again == NULL) tap_note("lost: %s", out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    const struct glia_yaml *item = glia_yaml_root(again)->child;
    CU_ASSERT(item != NULL && item->kind == GLIA_YAML_SCALAR && strcmp(item->text, text[i]) == 0);
    if (item == NULL || item->kind != GLIA_YAML_SCALAR) tap_note("lost: %s", out);
    double r;
    const bool plain_number =
        item != NULL && !item->quoted && glia_yaml_get_real(item, "", 0, 99, &r) == GLIA_OK;
    CU_ASSERT_FALSE(plain_number);
    free(out);
    glia_yaml_destroy(&again);
    glia_yaml_destroy(&doc);
  }
}

static void files_are_read_and_their_absence_told(void)
{
  char path[] = "test_yaml_XXXXXX";
  struct glia_yaml_doc *doc = NULL;
  const int fd = mkstemp(path);
  char *text = repeated("", "# a comment of some length, to need more than one piece\n", 4000);

  CU_ASSERT_FATAL(fd >= 0);
  CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
  CU_ASSERT_EQUAL(write(fd, "seed: 5\n", 8), 8);
  close(fd);
  CU_ASSERT_EQUAL(glia_yaml_parse_file(path, &doc), GLIA_OK);
  CU_ASSERT_EQUAL(glia_yaml_root(doc)->child->line, 4001);
  glia_yaml_destroy(&doc);
  unlink(path);
  free(text);
  CU_ASSERT_EQUAL(glia_yaml_parse_file("no/such/file.yaml", &doc), GLIA_E_MISSING);
  CU_ASSERT_PTR_NULL(doc);
  CU_ASSERT(has(glia_trace_message(), "no/such/file.yaml: cannot open"));
  CU_ASSERT_EQUAL(glia_yaml_parse_file("/", &doc), GLIA_E_IO); /* opens, but does not read */
}

TAP_MAIN("yaml", TAP(a_run_is_read), TAP(what_is_absent_or_null_keeps_the_default),
         TAP(numbers_are_those_of_the_core_schema), TAP(a_wrong_kind_names_path_and_line),
         TAP(unknown_words_name_the_nearest), TAP(malformed_text_names_file_and_line),
         TAP(what_a_configuration_does_not_need_is_refused), TAP(hostile_input_is_refused_quickly),
         TAP(many_keys_are_no_burden), TAP(overrides_reach_maps_and_lists),
         TAP(an_override_begins_a_tree), TAP(bad_overrides_are_refused_by_name),
         TAP(errors_in_overrides_name_the_override), TAP(canonical_text_is_stable),
         TAP(awkward_text_survives_printing), TAP(files_are_read_and_their_absence_told))
