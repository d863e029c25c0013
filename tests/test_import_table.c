/* Tables: numbers, words, labels, gaps; one clear error and no file on bad input. */
#include "glia_file.h"
#include "import_rig.h"

#include <math.h>

static glia_status csv(struct glia_import_csv o, const char *out,
                       struct glia_import_csv_result *result)
{
  return glia_import_csv(&o, &(struct glia_import_out){.path = out, .force = true}, result);
}

static void tables_of_every_shape_are_read(void)
{
  static const char *const texts[] = {
      "a,b,kind\n1,2.5,cat\n3,-4e1,\"dog\"\n5,6,cat\n",
      "\xef\xbb\xbf"
      "a;\"b;c\";kind\r\n1;2.5;cat\r\n3;-4e1;dog\r\n\r\n5;6;cat\r\n",
      "a\tb\tkind\n1\t2.5\tcat\n3\t-4e1\tdog\n5\t6\tcat",
      "  a b kind\n 1   2.5 cat\n3 -4e1 dog \n\n5 6 cat\n\n",
  };

  for (size_t i = 0; i < GLIA_COUNT(texts); i++) {
    const char *out = scratch("csv.h5");
    double x[2] = {0};
    double y = -1.0;
    spill("t.csv", texts[i]);
    const glia_status st =
        csv((struct glia_import_csv){.train = scratch("t.csv"), .label = "kind"}, out, NULL);
    if (st != GLIA_OK) tap_note("%zu: %s", i, glia_trace_message());
    CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
    struct glia_source *s = opened(out, "train");
    CU_ASSERT_EQUAL(s->n, 3);
    row_of(s, "x", 1, x);
    row_of(s, "y", 1, &y);
    CU_ASSERT(x[0] == 3.0 && x[1] == -40.0 && y == 1.0);
    row_of(s, "y", 2, &y);
    CU_ASSERT_EQUAL(y, 0.0);
    glia_source_close(&s);
  }
}

static void columns_have_roles(void)
{
  const char *out = scratch("roles.h5");
  double x[3] = {0};
  double y[2] = {0};
  const char *const targets[] = {"4", "b"};
  const char *const skipped[] = {"name"};

  spill("t.csv", "name,a,b,c\n\"x \"\"1\"\", y\",1,2,3\nz,4,5,6\n");
  CU_ASSERT_EQUAL_FATAL(csv((struct glia_import_csv){.train = scratch("t.csv"),
                                                     .test = scratch("t.csv"),
                                                     .n_targets = 2,
                                                     .target = targets,
                                                     .n_skipped = 1,
                                                     .skip = skipped},
                            out, NULL),
                        GLIA_OK);
  struct glia_source *s = opened(out, "test");
  CU_ASSERT(s->field[glia_source_field(s, "x")].row.dim[0] == 1 &&
            s->field[glia_source_field(s, "y")].row.dim[0] == 2);
  row_of(s, "x", 1, x);
  row_of(s, "y", 1, y);
  CU_ASSERT(x[0] == 4.0 && y[0] == 6.0 && y[1] == 5.0);
  glia_source_close(&s);
  /* no header; labels that are whole numbers stay what they are; rows with missing cells may be dropped */
  struct glia_import_csv_result result;
  spill("t.csv", "1,2,7\n3,,7\n?,4,1\n5,6,1\n");
  CU_ASSERT_EQUAL_FATAL(csv((struct glia_import_csv){.train = scratch("t.csv"),
                                                     .label = "3",
                                                     .missing = GLIA_MISSING_DROP},
                            out, &result),
                        GLIA_OK);
  s = opened(out, "train");
  CU_ASSERT(s->n == 2 && result.dropped == 2 && result.filled == 0);
  row_of(s, "y", 0, y);
  CU_ASSERT_EQUAL(y[0], 7.0);
  row_of(s, "x", 1, x);
  CU_ASSERT(x[0] == 5.0 && x[1] == 6.0);
  glia_source_close(&s);
}

static void a_share_of_rows_becomes_the_test_split(void)
{
  const char *out = scratch("share.h5");
  char text[2000] = "";
  int seen[100] = {0};

  for (int i = 0; i < 100; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%d\n", i);
  spill("t.csv", text);
  struct glia_import_csv o = {.train = scratch("t.csv"), .test_fraction = 0.25, .seed = 1};
  double first[2] = {0};
  for (int k = 0; k < 2; k++) {
    o.seed = (uint64_t)k;
    CU_ASSERT_EQUAL_FATAL(csv(o, out, NULL), GLIA_OK);
    for (int split = 0; split < 2; split++) {
      struct glia_source *s = opened(out, split ? "test" : "train");
      CU_ASSERT_EQUAL(s->n, split ? 25 : 75);
      for (int64_t i = 0; i < s->n; i++) {
        double v = 0.0;
        row_of(s, "x", i, &v);
        seen[(int)v]++;
        if (split) first[k] = first[k] * 1.01 + v;
      }
      glia_source_close(&s);
    }
  }
  for (int i = 0; i < 100; i++) CU_ASSERT_EQUAL(seen[i], 2);
  CU_ASSERT(first[0] != first[1]); /* another seed, another draw */
}

static void bad_tables_are_refused(void)
{
  const char *out = scratch("badcsv.h5");
  const struct glia_import_csv o = {.train = scratch("t.csv")};
  struct glia_import_csv labelled = o;
  char path[600];

  snprintf(path, sizeof path, "%s", scratch("t.csv"));
  labelled.train = path;
  labelled.label = "b";
  unlink(out);
  spill("t.csv", "a,b\n1,2\n3\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA,
         "t.csv:3: 1 cells, the first row has 2", "", out);
  spill("t.csv", "a,b\n1,2\n3,x\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA,
         "t.csv:3: column 'b' holds 'x', expected a number", "label", out);
  spill("t.csv", "a,b\n1,\n3,4\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA,
         "t.csv:2: column 'b' is missing", "drop", out);
  spill("t.csv", "a,b\n1,1e99\n3,4\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA,
         "t.csv:2: column 'b' holds '1e99'", "too large", out);
  spill("t.csv", "a,b\n1,\"2\n3,4\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA,
         "t.csv:2: a quote is not closed", "", out);
  spill("t.csv", "a,b\n1,\"2\"3\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA,
         "t.csv:2: text after a closing quote", "", out);
  scratch_spill(path, "a,b\n1,2\0\n", 9);
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA, "t.csv:2",
         "zero byte", out);
  spill("t.csv", "\n\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_DATA, "t.csv is empty", "",
         out);
  spill("t.csv", "a,b\n");
  failed(csv((struct glia_import_csv){.train = path}, out, NULL), GLIA_E_SHAPE,
         "t.csv holds no rows", "", out);
  spill("t.csv", "a,b\n1,0.5\n");
  failed(csv(labelled, out, NULL), GLIA_E_DATA, "the label column holds 0.5", "regression", out);
  labelled.label = "strenght";
  spill("t.csv", "mix,strength\n1,2\n");
  failed(csv(labelled, out, NULL), GLIA_E_MISSING, "no column 'strenght'",
         "did you mean 'strength'", out);
  failed(csv((struct glia_import_csv){.train = path, .test_fraction = 0.9}, out, NULL),
         GLIA_E_ARGUMENT, "0.9", "empty", out);
}

/* Words become columns of 0 and 1 in byte order, those of the test file too; what is missing is filled from the training rows alone. */
static void words_become_columns_and_gaps_are_filled(void)
{
  static const char *const category[] = {"colour", "size"};
  const char *out = scratch("category.h5");
  struct glia_import_csv_result result;
  char *names = NULL;
  double x[6] = {0};

  spill("train.csv", "a,colour,y,size\n1,red,0,\"very, large\"\n,blue,1,s\n4,NA,0,s\n");
  spill("test.csv", "a\tcolour\ty\tsize\n100\tgreen\t1\t?\n\tred\t0\ts\n");
  char *train = strdup(scratch("train.csv"));
  const struct glia_import_csv o = {.train = train,
                                    .test = scratch("test.csv"),
                                    .label = "y",
                                    .n_categories = 2,
                                    .category = category,
                                    .missing = GLIA_MISSING_MEAN};
  const glia_status st = csv(o, out, &result);
  if (st != GLIA_OK) tap_note("%s", glia_trace_message());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  CU_ASSERT(result.dropped == 0 && result.filled == 4);
  CU_ASSERT_EQUAL_FATAL(glia_file_note(out, "test/x", "columns", &names), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(names,
                         "a\ncolour=blue\ncolour=green\ncolour=red\nsize=s\nsize=very, large");
  free(names);
  static const double expected[2][3][6] = {
      {{1.0, 0, 0, 1, 0, 1}, {2.5, 1, 0, 0, 1, 0}, {4.0, 0, 0, 0, 1, 0}},
      {{100.0, 0, 1, 0, 0, 0}, {2.5, 0, 0, 1, 1, 0}}};
  for (int k = 0; k < 2; k++) {
    struct glia_source *s = opened(out, k == 0 ? "train" : "test");
    CU_ASSERT_EQUAL_FATAL(s->n, k == 0 ? 3 : 2);
    for (int64_t i = 0; i < s->n; i++) {
      row_of(s, "x", i, x);
      for (int c = 0; c < 6; c++) CU_ASSERT_EQUAL(x[c], expected[k][i][c]);
    }
    glia_source_close(&s);
  }
  free(train);
}

/* The test rows that are drawn from the file have no part in the mean. */
static void means_are_of_the_training_rows(void)
{
  const char *out = scratch("means.h5");
  char text[2000] = "a\n?\n";
  double sum = 0.0, v = 0.0, gap = -1.0;
  int64_t n = 0;

  for (int i = 1; i < 40; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%d\n", i * i);
  for (
      uint64_t seed = 0;;
      seed++) { /* until the gap is a test row: one in four draws, or more luck than 100 of them have */
    CU_ASSERT_FATAL(seed < 100);
    spill("t.csv", text);
    CU_ASSERT_EQUAL_FATAL(csv((struct glia_import_csv){.train = scratch("t.csv"),
                                                       .test_fraction = 0.25,
                                                       .seed = seed,
                                                       .missing = GLIA_MISSING_MEAN},
                              out, NULL),
                          GLIA_OK);
    struct glia_source *s = opened(out, "train");
    sum = 0.0;
    n = s->n;
    bool inside = false;
    for (int64_t i = 0; i < n; i++) {
      row_of(s, "x", i, &v);
      inside |= v != floor(sqrt(v)) * floor(sqrt(v));
      sum += v;
    }
    glia_source_close(&s);
    if (inside)
      continue; /* the mean itself stands among the rows (a square by chance goes unseen, and shows below) */
    s = opened(out, "test");
    row_of(s, "x", 0, &gap);
    glia_source_close(&s);
    break;
  }
  CU_ASSERT_DOUBLE_EQUAL(gap, sum / (double)n, 1e-4 * gap); /* float32 */
}

static void gaps_that_cannot_be_filled_are_refused(void)
{
  static const char *const category[] = {"b"};
  const char *out = scratch("gaps.h5");
  char path[600];

  snprintf(path, sizeof path, "%s", scratch("t.csv"));
  unlink(out);
  const struct glia_import_csv labelled = {
      .train = path, .label = "b", .missing = GLIA_MISSING_MEAN};
  spill("t.csv", "a,b\n1,x\n2,\n");
  failed(csv(labelled, out, NULL), GLIA_E_DATA, "t.csv:3: column 'b' is missing",
         "labels and targets are not filled", out);
  spill("t.csv", "a,b\n?,x\nNA,y\n");
  failed(csv(labelled, out, NULL), GLIA_E_DATA, "column 'a' is missing in every training row", "",
         out);
  spill("t.csv", "a,b\n1,x\n2,NA\n");
  failed(csv((struct glia_import_csv){.train = path, .n_categories = 1, .category = category}, out,
             NULL),
         GLIA_E_DATA, "t.csv:3: column 'b' is missing ('NA')", "fill them with means", out);
  FILE *f = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fputs("a,b\n", f);
  for (int i = 0; i < 5000; i++) fprintf(f, "1,w%d\n", i);
  fclose(f);
  failed(csv((struct glia_import_csv){.train = path, .n_categories = 1, .category = category}, out,
             NULL),
         GLIA_E_DATA, "column 'b' has more than 4096 different values", "is it a category?", out);
}

TAP_MAIN("import_table", TAP(tables_of_every_shape_are_read), TAP(columns_have_roles),
         TAP(a_share_of_rows_becomes_the_test_split), TAP(bad_tables_are_refused),
         TAP(words_become_columns_and_gaps_are_filled), TAP(means_are_of_the_training_rows),
         TAP(gaps_that_cannot_be_filled_are_refused))
