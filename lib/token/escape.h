/*
 * The escapes of JSON strings (RFC 8259 section 7).
 */
#ifndef AT_TOKEN_ESCAPE_H
#define AT_TOKEN_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

/* Reads the bytes that a checked string means. */
struct at_reader {
	const char *p;
	const char *end;
	unsigned char held[4]; /* of a \u escape: UTF-8 */
	unsigned count;
	unsigned next;
};

static inline struct at_reader
at_reader_of(const char *p, size_t len)
{
	return (struct at_reader){ .p = p, .end = p + len };
}

/* The next byte of a string that was found good, or -1 at its end. */
int at_reader_next(struct at_reader *r);

/*
 * Check the escape at p (behind the backslash): its bytes without the
 * backslash, or 0 and why it is bad.
 */
size_t at_escape_check(const char *p, const char *end, const char **ret_why);

#endif
