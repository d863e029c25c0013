/* Importers: foreign files into datasets and telemetry. Inputs may be plain, .gz or .xz, told apart by their content.
 *
 * A failed import leaves no file and harms none. `progress` (may be NULL) counts
 * megabytes of the input files as they are used.
 */
#ifndef GLIA_IMPORT_H
#define GLIA_IMPORT_H

#include "glia_progress.h"
#include "glia_status.h"

/* Where the result goes. */
struct glia_import_out {
  const char *path;
  bool force; /* an existing file may be replaced */
  struct glia_progress *progress;
};

/* Input and target files of one split; x NULL: no such split. y NULL: no targets. */
struct glia_import_pair {
  const char *x;
  const char *y;
};

/** IDX (MNIST and its kin): images into x, labels into y.
 *
 *  train, valid, test  u8 images get scale 1/255; labels are one number per image
 *
 *  Errors: GLIA_E_MISSING, GLIA_E_IO, GLIA_E_EXISTS; GLIA_E_DATA (not IDX, cut short, longer than its header says);
 *          GLIA_E_SHAPE (counts of images and labels disagree, splits have different images); GLIA_E_UNSUPPORTED.
 */
GLIA_API GLIA_NODISCARD glia_status glia_import_idx(struct glia_import_pair train,
                                                    struct glia_import_pair valid,
                                                    struct glia_import_pair test,
                                                    const struct glia_import_out *out);

/** NumPy's .npy, versions 1 to 3, C order: rows [n, ...]. float32, float64, int8, uint8, int32, int64, bool; 16-bit integers
 *  become int32. scale, offset: of x (1 and 0: none). Errors: as glia_import_idx; GLIA_E_DATA for NaN. */
GLIA_API GLIA_NODISCARD glia_status glia_import_npy(struct glia_import_pair train,
                                                    struct glia_import_pair valid,
                                                    struct glia_import_pair test, double scale,
                                                    double offset,
                                                    const struct glia_import_out *out);

/** CIFAR's binary files: x u8 [3, 32, 32] with scale 1/255, y u8; of CIFAR-100 (hundred) y is the fine label and `coarse` the other.
 *  Errors: as glia_import_idx. */
GLIA_API GLIA_NODISCARD glia_status glia_import_cifar(int n_train, const char *const *train,
                                                      int n_test, const char *const *test,
                                                      bool hundred,
                                                      const struct glia_import_out *out);

/* What becomes of missing cells: "", "?", NA, N/A, NaN, null in any case of letters. A dataset holds no NaN. */
typedef enum {
  GLIA_MISSING_REFUSE,
  GLIA_MISSING_DROP, /* the row is left out */
  GLIA_MISSING_MEAN /* a number: the column's mean over the training rows that have it, in all splits; a category: none of its
                      * values. Labels and targets are refused */
} glia_missing;

/* A table of numbers and words, one sample per row. Columns are given by name, or by number from 1. */
struct glia_import_csv {
  const char *train;
  const char *valid; /* or NULL */
  const char *test;  /* or NULL */
  double
      test_fraction; /* without `test`: this share of the rows of `train`, drawn by seed; 0: none */
  uint64_t seed;
  const char *
      label; /* column of classes into y int32 [n]: whole numbers from 0, or words, numbered in byte order (names
                             * are kept in the attribute `classes`); NULL: none */
  int n_targets; /* columns of a regression into y float32 [n, n_targets]; not with label */
  const char *const *target;
  int n_skipped; /* columns to leave out */
  const char *const *skip;
  int n_categories; /* columns of words: each becomes a column of 0 and 1 per value that occurs in any of the files, in byte
                     * order, named "column=value" */
  const char *const *category;
  int header; /* 0: a first row without numbers is one; 1: there is one; -1: there is none */
  glia_missing missing;
};

struct glia_import_csv_result {
  int64_t dropped; /* rows left out for missing cells */
  int64_t filled;  /* cells that were missing */
};

/** CSV, TSV, semicolons or blanks (found from the first row) into x float32 [n, columns] and y.
 *
 *  result  may be NULL
 *
 *  Errors: as glia_import_idx; GLIA_E_DATA names file, line and column of a cell that is missing or no number.
 */
GLIA_API GLIA_NODISCARD glia_status glia_import_csv(const struct glia_import_csv *options,
                                                    const struct glia_import_out *out,
                                                    struct glia_import_csv_result *result);

/** A table's rows as an earlier import would have made them, into train/x float32 [n, columns]; other columns of it are left.
 *
 *  columns  names, one per line, as the attribute `columns` of that data set has them: of numbers, and NAME=WORD
 *  fill     what missing numbers become, one per line, as its attribute `fill`; NULL: they are refused
 *  filled   cells that were missing; of a category all its columns are then 0
 *
 *  Errors: as glia_import_csv; GLIA_E_MISSING names a column that is not there, GLIA_E_DATA a word that was not. */
GLIA_API GLIA_NODISCARD glia_status glia_import_csv_as(const char *path, const char *columns,
                                                       const char *fill,
                                                       const struct glia_import_out *out,
                                                       int64_t *filled);

/* Folders of PNG pictures, all of one size: FOLDER/CLASS/NAME.png, or FOLDER/{train,valid,test}/CLASS/NAME.png, or without the folders of
 * classes. Links are followed; other files are passed over. */
struct glia_import_png {
  const char *folder;
  double
      test_fraction; /* without FOLDER/test: this share of the pictures, drawn by seed; 0: none */
  uint64_t seed;
};

/** PNG pictures into x u8 [channels, height, width] with scale 1/255, and y int32, the classes in byte order of their folders' names
 *  (kept in the attribute `classes`). One channel when all pictures are grey, else three; what is transparent lies on
 *  white. Pictures stand in byte order of their folders and names.
 *
 *  Errors: as glia_import_idx; GLIA_E_SHAPE names a picture of another size; GLIA_E_UNSUPPORTED for 16 bits a channel. */
GLIA_API GLIA_NODISCARD glia_status glia_import_png(const struct glia_import_png *options,
                                                    const struct glia_import_out *out);

/* A text as windows of bytes. */
struct glia_import_text {
  const char *path;
  int64_t window, stride; /* bytes of a row; from the beginning of one row to that of the next */
  double test_fraction;   /* the last share of the text is the test split; 0: none */
};

/** A text: rows x u8 [window], bytes numbered 0, 1, ... as they occur in rising order, and y u8 [window], the same one byte on. The
 *  attribute `symbols` of both lists the bytes in hexadecimal. Errors: as glia_import_idx; GLIA_E_DATA for a text
 *  shorter than a window. */
GLIA_API GLIA_NODISCARD glia_status glia_import_text(const struct glia_import_text *options,
                                                     const struct glia_import_out *out);

/** A folder of telemetry: NAME.train.csv, NAME.test.csv, NAME.test_label.csv, NAME.interpretation.txt (the last two optional),
 *  or the folders of the original SMD (train/NAME.txt, test/, test_label/, interpretation_label/). One node per NAME, its
 *  training samples before its test samples; those of training are unlabelled.
 *
 *  Or series of the Numenta Anomaly Benchmark, GROUP__NAME.csv with columns timestamp,value: a node each with the metric `value`, in the
 *  order of time, of equal times the first; labels from the windows of anomaly_windows.json or combined_windows.json, where that names the
 *  series; training samples are those that the benchmark does not score, 15 % of 5,000 at most. Or logs of failures, columns Date
 *  (M/D/YYYY, perhaps H:MM), Hardware Identifier, What Failed and others: events without nodes. Times are taken as UTC.
 *
 *  period_s  time between samples (SMD has no times): sample i is at i * period_s
 *  n_nodes   how many were found; may be NULL
 *
 *  Errors: as glia_import_idx; GLIA_E_MISSING when the folder holds none.
 */
GLIA_API GLIA_NODISCARD glia_status glia_import_telemetry(const char *folder, double period_s,
                                                          const struct glia_import_out *out,
                                                          int *n_nodes);

#endif
