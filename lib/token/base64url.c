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
at_b64url_encode_plain(const void *data, size_t len, char *out)
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
at_b64url_decode_plain(const char *text, size_t len, void *out, size_t *ret_len)
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

/* ---- sixteen characters at a time ---------------------------------------- */
#if defined(__x86_64__)
#include <immintrin.h>

/* For machines with SSSE3, which is asked for when the program starts. */
#define WIDE __attribute__((target("ssse3")))

/* Add what, in the places of mask, to sum. */
static inline WIDE __m128i
add_where(__m128i sum, __m128i mask, int what)
{
	return _mm_add_epi8(
	    sum, _mm_and_si128(mask, _mm_set1_epi8((char)what)));
}

/*
 * A character is judged and moved to its value by its two halves: high says
 * which bits of low are against it, and how far it is from its value. Rows 4
 * and 6 are alike; of row 5 the underscore is moved 33 further.
 */
#define HIGH_BAD  32, 32, 1, 2, 4, 8, 4, 16, 32, 32, 32, 32, 32, 32, 32, 32
#define LOW_BAD   37, 33, 33, 33, 33, 33, 33, 33, 33, 33, 35, 59, 59, 58, 59, 51
#define HIGH_MOVE 0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0

/*
 * The characters c into 12 bytes and 4 of no meaning. A bit stays set in
 * ret_bad where one is not of the alphabet.
 */
static inline WIDE __m128i
decode16(__m128i c, __m128i *ret_bad)
{
	const __m128i order = _mm_setr_epi8(
	    2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	const __m128i half = _mm_set1_epi8(15);
	__m128i high = _mm_and_si128(_mm_srli_epi32(c, 4), half);
	__m128i low = _mm_and_si128(c, half);
	__m128i under = _mm_cmpeq_epi8(c, _mm_set1_epi8('_'));

	*ret_bad = _mm_or_si128(*ret_bad,
	    _mm_and_si128(_mm_shuffle_epi8(_mm_setr_epi8(HIGH_BAD), high),
		_mm_shuffle_epi8(_mm_setr_epi8(LOW_BAD), low)));
	c = _mm_add_epi8(c, _mm_shuffle_epi8(_mm_setr_epi8(HIGH_MOVE), high));
	c = add_where(c, under, 33);
	/* Two times 6 bits, two times 12, and the bytes of each 24. */
	c = _mm_maddubs_epi16(c, _mm_set1_epi32(0x01400140));
	c = _mm_madd_epi16(c, _mm_set1_epi32(0x00011000));
	return _mm_shuffle_epi8(c, order);
}

/* So much of the text that each store of 16 bytes ends within out. */
static WIDE bool
decode_wide(const char **text, size_t *len, uint8_t **out)
{
	__m128i c, bad = _mm_setzero_si128();
	const char *in = *text;
	uint8_t *to = *out;
	size_t left = *len;

	for (; left >= 22; left -= 16, in += 16, to += 12) {
		memcpy(&c, in, sizeof(c));
		c = decode16(c, &bad);
		memcpy(to, &c, sizeof(c));
	}
	*text = in;
	*out = to;
	*len = left;
	bad = _mm_cmpeq_epi8(bad, _mm_setzero_si128());
	return _mm_movemask_epi8(bad) == 0xffff;
}

/* 12 bytes, of 16 at in that can be read, into 16 characters. */
static inline WIDE __m128i
encode12(__m128i in)
{
	const __m128i order =
	    _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
	__m128i a, b, v;

	/* Of each 24 bits, shift the 1st and 3rd six down, 2nd and 4th up. */
	in = _mm_shuffle_epi8(in, order);
	a = _mm_mulhi_epu16(_mm_and_si128(in, _mm_set1_epi32(0x0fc0fc00)),
	    _mm_set1_epi32(0x04000040));
	b = _mm_mullo_epi16(_mm_and_si128(in, _mm_set1_epi32(0x003f03f0)),
	    _mm_set1_epi32(0x01000010));
	in = _mm_or_si128(a, b);
	v = _mm_add_epi8(in, _mm_set1_epi8('A'));
	v = add_where(v, _mm_cmpgt_epi8(in, _mm_set1_epi8(25)), 'a' - 'Z' - 1);
	v = add_where(v, _mm_cmpgt_epi8(in, _mm_set1_epi8(51)), '0' - 'z' - 1);
	v = add_where(v, _mm_cmpgt_epi8(in, _mm_set1_epi8(61)), '-' - '9' - 1);
	return add_where(
	    v, _mm_cmpgt_epi8(in, _mm_set1_epi8(62)), '_' - '-' - 1);
}

static WIDE void
encode_wide(const uint8_t **in, size_t *len, char **out)
{
	const uint8_t *from = *in;
	char *to = *out;
	size_t left = *len;
	__m128i v;

	for (; left >= 16; left -= 12, from += 12, to += 16) {
		memcpy(&v, from, sizeof(v));
		v = encode12(v);
		memcpy(to, &v, sizeof(v));
	}
	*in = from;
	*out = to;
	*len = left;
}

static bool
can_wide(void)
{
	return __builtin_cpu_supports("ssse3") != 0;
}
#else
static bool
can_wide(void)
{
	return false;
}

static bool
decode_wide(const char **text, size_t *len, uint8_t **out)
{
	(void)text;
	(void)len;
	(void)out;
	return true;
}

static void
encode_wide(const uint8_t **in, size_t *len, char **out)
{
	(void)in;
	(void)len;
	(void)out;
}
#endif

size_t
at_b64url_encode(const void *data, size_t len, char *out)
{
	const uint8_t *in = data;
	char *p = out;

	if (can_wide())
		encode_wide(&in, &len, &p);
	return (size_t)(p - out) + at_b64url_encode_plain(in, len, p);
}

bool
at_b64url_decode(const char *text, size_t len, void *out, size_t *ret_len)
{
	uint8_t *p = out;
	size_t n;

	if (can_wide() && !decode_wide(&text, &len, &p))
		return false;
	if (!at_b64url_decode_plain(text, len, p, &n))
		return false;
	*ret_len = (size_t)(p - (uint8_t *)out) + n;
	return true;
}
