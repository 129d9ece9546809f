/*
 * base64url: the vectors of RFC 4648 section 10, and that each byte string has
 * one text and no text means two.
 */
#include "forge.h"

#include <stdlib.h>

#include "token/utf8.h"

static bool
decodes(const char *text, const char *bytes, size_t bytes_len)
{
	size_t len = strlen(text), n = 99;
	/* Exact sizes, so that a sanitizer sees a byte too many. */
	char *copy = malloc(len + 1), *out = malloc(len * 3 / 4 + 1);
	bool good;

	memcpy(copy, text, len);
	good = at_b64url_decode(copy, len, out, &n) && n == bytes_len &&
	    memcmp(out, bytes, n) == 0;
	free(copy);
	free(out);
	return good;
}

static bool
refuses(const char *text)
{
	char out[100];
	size_t n = 99;

	return !at_b64url_decode(text, strlen(text), out, &n) && n == 99;
}

START_TEST(vectors)
{
	static const char *const pairs[][2] = { { "", "" }, { "f", "Zg" },
		{ "fo", "Zm8" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg" },
		{ "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
		{ "\xff\xef\xbe", "_---" } };
	char out[20];
	size_t i, n;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		n = at_b64url_encode(pairs[i][0], strlen(pairs[i][0]), out);
		ck_assert_uint_eq(n, strlen(pairs[i][1]));
		ck_assert_mem_eq(out, pairs[i][1], n);
		ck_assert(
		    decodes(pairs[i][1], pairs[i][0], strlen(pairs[i][0])));
	}
}
END_TEST

START_TEST(other_texts_are_refused)
{
	static const char *const bad[] = { "Z", "Zm9vY",
		"Zg==", "Zg=", "Zm8=", "Zm9v=", " Zm9v", "Zm9v ", "Zm\n9v",
		"Zm9v\n", "Zm+v", "Zm/v", "Zm9.", "Zm9v.", "Zh", "Zi", "Zo",
		"Z_", "Zm9", "Zm-", "Zm_", "Zm9vZm9", "\xc3\xa9vv", "Zm9\x80",
		"Zm\x80\x80" };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(refuses(bad[i]), "%s", bad[i]);
	/* NUL is a character outside the alphabet, at any place. */
	ck_assert(!at_b64url_decode("Zm9\0", 4, (char[3]){ 0 }, &i));
	ck_assert(!at_b64url_decode("Z\0", 2, (char[3]){ 0 }, &i));
}
END_TEST

/* Every one, two and three characters: a text that passes is the only one. */
START_TEST(short_texts_are_unique)
{
	char text[4], again[4];
	unsigned char out[3];
	size_t len, n, passed = 0;
	unsigned v, step;

	for (v = 0; v < 0x1000000; v += step) {
		step = v > 0xffff ? 7 : 1;
		len = v < 0x100 ? 1 : v < 0x10000 ? 2 : 3;
		text[0] = (char)v;
		text[1] = (char)(v >> 8);
		text[2] = (char)(v >> 16);
		if (!at_b64url_decode(text, len, out, &n))
			continue;
		passed++;
		ck_assert_uint_eq(at_b64url_encode(out, n, again), len);
		ck_assert_mem_eq(text, again, len);
	}
	ck_assert_uint_gt(passed, 256);
}
END_TEST

START_TEST(decode_of_encode_is_identity)
{
	unsigned char in[200], out[200];
	char text[AT_B64URL_LEN(200)];
	size_t len, n, i, m;

	srand(1);
	for (len = 0; len <= sizeof(in); len++) {
		for (i = 0; i < len; i++)
			in[i] = (unsigned char)rand();
		n = at_b64url_encode(in, len, text);
		ck_assert_uint_eq(n, AT_B64URL_LEN(len));
		ck_assert(at_b64url_decode(text, n, out, &m));
		ck_assert_uint_eq(m, len);
		ck_assert_mem_eq(in, out, len);
	}
}
END_TEST

/* Both ways to decode, into exact sizes: one verdict and the same bytes. */
static void
compare_decode(const char *text, size_t len)
{
	size_t n = 99, m = 99, room = len * 3 / 4;
	char *copy = malloc(len + (len == 0));
	unsigned char *a = malloc(room + 1), *b = malloc(room + 1);
	bool good;

	memcpy(copy, text, len);
	a[room] = 0xa5;
	good = at_b64url_decode(copy, len, a, &n);
	ck_assert_int_eq(good, at_b64url_decode_plain(copy, len, b, &m));
	ck_assert_uint_eq(n, m);
	if (good)
		ck_assert_mem_eq(a, b, n);
	ck_assert_uint_eq(a[room], 0xa5);
	free(copy);
	free(a);
	free(b);
}

START_TEST(wide_is_plain)
{
	unsigned char in[300];
	char text[AT_B64URL_LEN(300) + 1], plain[AT_B64URL_LEN(300)];
	size_t len, n, i;

	srand(2);
	for (len = 0; len <= sizeof(in); len++) {
		unsigned char *exact = malloc(len + (len == 0));

		for (i = 0; i < len; i++)
			exact[i] = (unsigned char)rand();
		n = at_b64url_encode_plain(exact, len, plain);
		text[n] = '!';
		ck_assert_uint_eq(at_b64url_encode(exact, len, text), n);
		ck_assert_mem_eq(text, plain, n);
		ck_assert_int_eq(text[n], '!');
		for (i = 0; i <= n; i++)
			compare_decode(text, i);
		free(exact);
	}
	/* Each byte at each place of a text with some of both ways. */
	memcpy(plain, text, 60);
	for (i = 0; i < 60; i++)
		for (n = 0; n < 256; n++) {
			memcpy(text, plain, 60);
			text[i] = (char)n;
			compare_decode(text, 60);
			compare_decode(text, 58);
		}
}
END_TEST

/* A reference written another way: by code point, then by shortest form. */
static bool
slow_utf8(const unsigned char *p, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n, i;
	uint32_t c;

	while (len > 0) {
		n = *p < 0x80         ? 1
		    : *p >> 5 == 6    ? 2
		    : *p >> 4 == 14   ? 3
		    : *p >> 3 == 0x1e ? 4
				      : 0;
		if (n == 0 || n > len)
			return false;
		c = n == 1 ? *p : *p & (0xffu >> (n + 1));
		for (i = 1; i < n; i++) {
			if (p[i] >> 6 != 2)
				return false;
			c = c << 6 | (p[i] & 0x3f);
		}
		if (c < least[n] || c > 0x10ffff ||
		    (c >= 0xd800 && c <= 0xdfff))
			return false;
		p += n;
		len -= n;
	}
	return true;
}

START_TEST(utf8_is_well_formed_or_refused)
{
	unsigned char text[12];
	unsigned a, b, c;
	size_t len;

	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++)
			for (c = 0x70; c < 0xd0; c += 0x0f) {
				text[0] = (unsigned char)a;
				text[1] = (unsigned char)b;
				text[2] = (unsigned char)c;
				text[3] = 0x80;
				text[4] = 'x';
				for (len = 1; len <= 5; len++)
					ck_assert_int_eq(
					    at_utf8_valid((char *)text, len),
					    slow_utf8(text, len));
			}
}
END_TEST

START_TEST(utf8_at_every_place_of_a_word)
{
	char text[32];
	size_t at;

	ck_assert(at_utf8_valid("", 0));
	for (at = 0; at < 30; at++) {
		memset(text, 'a', sizeof(text));
		memcpy(text + at, "\xc3\xa9", 2);
		ck_assert(at_utf8_valid(text, sizeof(text)));
		ck_assert(!at_utf8_valid(text, at + 1));
		text[at + 1] = 'a';
		ck_assert(!at_utf8_valid(text, sizeof(text)));
	}
}
END_TEST

int
main(void)
{
	TCase *t = tcase_create("base64url, UTF-8");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, vectors);
	tcase_add_test(t, other_texts_are_refused);
	tcase_add_test(t, short_texts_are_unique);
	tcase_add_test(t, decode_of_encode_is_identity);
	tcase_add_test(t, wide_is_plain);
	tcase_add_test(t, utf8_is_well_formed_or_refused);
	tcase_add_test(t, utf8_at_every_place_of_a_word);
	return forge_run(t);
}
