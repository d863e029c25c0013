/* Words that people type: durations, sizes, and what they probably meant. */
#ifndef GLIA_TEXT_H
#define GLIA_TEXT_H

#include "glia_status.h"

/** Seconds from "90", "1.5", "5m", "2h", "3d", "02:30" (min:s), "01:00:00", "1-00:00:00". Errors: GLIA_E_ARGUMENT. */
GLIA_API GLIA_NODISCARD glia_status glia_parse_duration(const char *text, double *out_s);

/** Bytes from "4096", "64KiB", "1.5GiB", "10MB". Errors: GLIA_E_ARGUMENT. */
GLIA_API GLIA_NODISCARD glia_status glia_parse_size(const char *text, int64_t *out_bytes);

/** 0x1F or 0o17, the whole text; false otherwise. */
GLIA_API bool glia_parse_based(const char *text, int64_t *out);

/** Whole number or real number in decimal digits, the whole text; false otherwise. With glia_parse_based they are the numbers of
 *  YAML's core schema. */
GLIA_API bool glia_parse_int(const char *text, int64_t *out);
GLIA_API bool glia_parse_real(const char *text, double *out);

/** The known word (NULL-terminated list) nearest to `word` by edit distance, or NULL when none is near enough to be a
 *  slip of the hand. */
GLIA_API const char *glia_nearest(const char *word, const char *const *known);

/** "1 h 02 min", "3 min 20 s", "12 s", "0.4 s" into out [size]; returns out. */
GLIA_API const char *glia_format_duration(double s, char *out, size_t size);

/** "1.5 GiB" into out [size]; returns out. */
GLIA_API const char *glia_format_size(int64_t bytes, char *out, size_t size);

/** Length in bytes of the UTF-8 character at s; 0: it is none, or one that XML forbids (controls, U+FFFE, U+FFFF). */
GLIA_API size_t glia_text_character(const char *s);

/** A copy in which U+FFFD stands for each byte that belongs to no UTF-8 character, as names of files may hold; controls stay.
 *  The caller free()s it; NULL: no memory. */
GLIA_API char *glia_text_utf8(const char *text);

/** Is that copy the text itself? */
GLIA_API bool glia_text_is_utf8(const char *text);

#endif
