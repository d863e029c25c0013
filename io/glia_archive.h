/* Archives: named arrays, texts and attributes in one HDF5 file of a kind that the caller names ("models").
 *
 * A file is written under a temporary name, synced and renamed, and ends with a seal (SHA-256 of all before it): it is whole or not
 * there, and damage is found before HDF5 looks at a byte. What is read passes the same checks as every foreign file.
 * Paths have no leading '/'; groups on a path are made with it.
 */
#ifndef GLIA_ARCHIVE_H
#define GLIA_ARCHIVE_H

#include "glia_checkpoint.h"

struct glia_archive_writer;

/** Start an archive. It is written as PATH.tmp and appears under its name when committed.
 *
 *  kind, format  root attributes glia_kind and glia_format
 *  force         replace an existing file (on commit)
 *
 *  Collective: no; one process writes.
 *  Ownership:  end it with commit or abort.
 *  Errors:     GLIA_E_EXISTS, GLIA_E_BUSY (another process writes it), GLIA_E_IO.
 */
GLIA_API GLIA_NODISCARD glia_status glia_archive_create(const char *path, const char *kind,
                                                        int format, bool force,
                                                        struct glia_archive_writer **out);

/** Write an array. Errors: GLIA_E_IO (disk full, or there is one of that path). */
GLIA_API GLIA_NODISCARD glia_status glia_archive_put(struct glia_archive_writer *w,
                                                     const struct glia_array *array);

/** Write texts [n], or a single one when n < 0. Errors: as glia_archive_put. */
GLIA_API GLIA_NODISCARD glia_status glia_archive_put_texts(struct glia_archive_writer *w,
                                                           const char *path, int64_t n,
                                                           const char *const *text);

/** Give an attribute to a group, which is made where there is none. Errors: GLIA_E_IO, GLIA_E_ARGUMENT (text too long). */
GLIA_API GLIA_NODISCARD glia_status glia_archive_put_attribute(
    struct glia_archive_writer *w, const char *group, const struct glia_attribute *attribute);

/** Write, seal, sync, rename; *w is closed in any case and set to NULL. On failure nothing is left behind. Errors: GLIA_E_IO. */
GLIA_API GLIA_NODISCARD glia_status glia_archive_commit(struct glia_archive_writer **w);

/** Remove what was written; NULL is welcome. */
GLIA_API void glia_archive_abort(struct glia_archive_writer **w);

struct glia_archive;

/** Open an archive of a kind, of format `format` or an earlier one; its seal is verified first.
 *
 *  Collective: no.
 *  Ownership:  glia_archive_close(out).
 *  Errors:     GLIA_E_MISSING, GLIA_E_IO, GLIA_E_DATA (not HDF5, another kind, damaged), GLIA_E_UNSUPPORTED (later format).
 */
GLIA_API GLIA_NODISCARD glia_status glia_archive_open(const char *path, const char *kind,
                                                      int format, struct glia_archive **out);
GLIA_API void glia_archive_close(struct glia_archive **a);

/** Is that a file of a kind? Its seal is not looked at. false also for what is no file. */
GLIA_API bool glia_archive_is(const char *path, const char *kind);

/** Names of what a group holds, in byte order. Ownership: glia_texts_free. Errors: GLIA_E_MISSING, GLIA_E_DATA. */
GLIA_API GLIA_NODISCARD glia_status glia_archive_members(struct glia_archive *a, const char *group,
                                                         int64_t *n, char ***name);

/** Type of an array. Errors: GLIA_E_MISSING, GLIA_E_DATA, GLIA_E_UNSUPPORTED. */
GLIA_API GLIA_NODISCARD glia_status glia_archive_type(struct glia_archive *a, const char *path,
                                                      struct glia_type *out);

/** Read an array into the caller's memory; its type must be the one given.
 *  Errors: GLIA_E_MISSING, GLIA_E_SHAPE (names both types), GLIA_E_DATA. */
GLIA_API GLIA_NODISCARD glia_status glia_archive_get(struct glia_archive *a,
                                                     const struct glia_array *array);

/** Read texts. Ownership: glia_texts_free. Errors: GLIA_E_MISSING, GLIA_E_DATA. */
GLIA_API GLIA_NODISCARD glia_status glia_archive_get_texts(struct glia_archive *a, const char *path,
                                                           int64_t *n, char ***out);

/** Read an attribute of a group or array. The text is yours to free(). Errors: GLIA_E_MISSING, GLIA_E_DATA (another type). */
GLIA_API GLIA_NODISCARD glia_status glia_archive_get_int(struct glia_archive *a, const char *path,
                                                         const char *name, int64_t *out);
GLIA_API GLIA_NODISCARD glia_status glia_archive_get_real(struct glia_archive *a, const char *path,
                                                          const char *name, double *out);
GLIA_API GLIA_NODISCARD glia_status glia_archive_get_text(struct glia_archive *a, const char *path,
                                                          const char *name, char **out);

/** Free texts [n] and set *text to NULL; NULL is welcome. */
GLIA_API void glia_texts_free(int64_t n, char ***text);

#endif
