/*
 * The escapes of JSON strings: whether one is good, and which bytes it means.
 */
#include "token/escape.h"

#include <string.h>

/* The value of a hexadecimal digit, or -1. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits at p, or -1. */
static int32_t
hex4(const char *p, const char *end)
{
	int32_t v = 0;
	int i, d;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		d = hex_digit(p[i]);
		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

static unsigned
utf8_encode(uint32_t c, unsigned char *out)
{
	if (c < 0x80) {
		out[0] = (unsigned char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (unsigned char)(0xc0 | c >> 6);
		out[1] = (unsigned char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (unsigned char)(0xe0 | c >> 12);
		out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (unsigned char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (unsigned char)(0xf0 | c >> 18);
	out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (unsigned char)(0x80 | (c & 0x3f));
	return 4;
}

/* What a \u escape at p (behind the u) means; moves p behind it. */
static uint32_t
unicode_escape(struct at_reader *r)
{
	uint32_t c = (uint32_t)hex4(r->p, r->end);
	uint32_t low;

	r->p += 4;
	if (c < 0xd800 || c > 0xdbff)
		return c;
	low = (uint32_t)hex4(r->p + 2, r->end);
	r->p += 6;
	return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

int
at_reader_next(struct at_reader *r)
{
	static const char names[] = "\"\\/bfnrt";
	static const char means[] = "\"\\/\b\f\n\r\t";
	char c;

	if (r->next < r->count)
		return r->held[r->next++];
	if (r->p == r->end)
		return -1;
	c = *r->p++;
	if (c != '\\')
		return (unsigned char)c;
	c = *r->p++;
	if (c != 'u')
		return means[strchr(names, c) - names];
	r->count = utf8_encode(unicode_escape(r), r->held);
	r->next = 1;
	return r->held[0];
}

/* The \u escape at p (behind the u): the bytes behind it, or 0. */
static size_t
check_unicode(const char *p, const char *end, const char **ret_why)
{
	int32_t c = hex4(p, end);
	int32_t low;

	*ret_why = "a bad \\u escape";
	if (c < 0)
		return 0;
	*ret_why = "a \\u0000 in a string";
	if (c == 0)
		return 0;
	if (c < 0xd800 || c > 0xdfff)
		return 4;
	*ret_why = "a lone surrogate";
	if (c > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u')
		return 0;
	low = hex4(p + 6, end);
	return low >= 0xdc00 && low <= 0xdfff ? 10 : 0;
}

size_t
at_escape_check(const char *p, const char *end, const char **ret_why)
{
	size_t n;

	*ret_why = "a bad escape";
	if (p == end)
		return 0;
	switch (*p) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return 1;
	case 'u':
		n = check_unicode(p + 1, end, ret_why);
		return n == 0 ? 0 : n + 1;
	default:
		return 0;
	}
}
