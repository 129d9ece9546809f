/*
 * base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
 * Decoding is strict: one text for each byte string, so that a token cannot be
 * rewritten into another that means the same.
 */
#include "token/base64url.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

/* One cache line, so that which entry is read leaves no trace in the cache. */
static const _Alignas(64) char encode_table[65] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define X 0xff /* not in the alphabet; no value of the alphabet has bit 7 */

static const uint8_t decode_table[256] = {
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* 00 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* 10 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, 62, X, X,               /* 20 */
	52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,      /* 30 */
	X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,           /* 40 */
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, 63,    /* 50 */
	X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* 60 */
	41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,     /* 70 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* 80 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* 90 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* a0 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* b0 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* c0 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* d0 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* e0 */
	X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,                /* f0 */
};

#undef X

/* The character for the six bits of v that begin at bit. */
#define ENCODE(v, bit) ((uint64_t)(uint8_t)encode_table[(v) >> (bit)&63])

/* Six bytes, of eight at in that can be read, into eight characters. */
static void
encode6(const uint8_t *in, char *out)
{
	uint64_t v;

	memcpy(&v, in, sizeof(v));
	v = be64toh(v);
	v = ENCODE(v, 58) | ENCODE(v, 52) << 8 | ENCODE(v, 46) << 16 |
	    ENCODE(v, 40) << 24 | ENCODE(v, 34) << 32 | ENCODE(v, 28) << 40 |
	    ENCODE(v, 22) << 48 | ENCODE(v, 16) << 56;
	v = htole64(v);
	memcpy(out, &v, sizeof(v));
}

size_t
at_b64url_encode(const void *data, size_t len, char *out)
{
	const uint8_t *in = data;
	char *start = out;
	uint32_t v;

	for (; len >= 8; len -= 6, in += 6, out += 8)
		encode6(in, out);
	for (; len >= 3; len -= 3, in += 3, out += 4) {
		v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		out[0] = encode_table[v >> 18];
		out[1] = encode_table[v >> 12 & 63];
		out[2] = encode_table[v >> 6 & 63];
		out[3] = encode_table[v & 63];
	}
	if (len == 0)
		return (size_t)(out - start);
	v = (uint32_t)in[0] << 16;
	if (len == 2)
		v |= (uint32_t)in[1] << 8;
	*out++ = encode_table[v >> 18];
	*out++ = encode_table[v >> 12 & 63];
	if (len == 2)
		*out++ = encode_table[v >> 6 & 63];
	return (size_t)(out - start);
}

/* The last two or three characters; their unused bits must be zero. */
static bool
decode_tail(const uint8_t *in, size_t len, uint8_t *out)
{
	uint32_t a = decode_table[in[0]];
	uint32_t b = decode_table[in[1]];
	uint32_t c = len == 3 ? decode_table[in[2]] : 0;

	if (((a | b | c) & 0x80) != 0)
		return false;
	if ((len == 2 && (b & 15) != 0) || (len == 3 && (c & 3) != 0))
		return false;
	out[0] = (uint8_t)(a << 2 | b >> 4);
	if (len == 3)
		out[1] = (uint8_t)(b << 4 | c >> 2);
	return true;
}

bool
at_b64url_decode(const char *text, size_t len, void *out, size_t *ret_len)
{
	const uint8_t *in = (const uint8_t *)text;
	uint8_t *to = out;
	uint32_t a, b, c, d, v, bad = 0;
	size_t left;

	if (len % 4 == 1)
		return false;
	for (left = len; left >= 4; left -= 4, in += 4, to += 3) {
		a = decode_table[in[0]];
		b = decode_table[in[1]];
		c = decode_table[in[2]];
		d = decode_table[in[3]];
		bad |= a | b | c | d;
		v = a << 18 | b << 12 | c << 6 | d;
		to[0] = (uint8_t)(v >> 16);
		to[1] = (uint8_t)(v >> 8);
		to[2] = (uint8_t)v;
	}
	if ((bad & 0x80) != 0)
		return false;
	if (left != 0 && !decode_tail(in, left, to))
		return false;
	*ret_len = len / 4 * 3 + (left != 0 ? left - 1 : 0);
	return true;
}
