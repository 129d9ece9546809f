/*
 * Fuzz base64url with libFuzzer: the input as bytes to encode, and as text to
 * decode, beside a decoder that goes bit by bit and knows no table.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/sure.h"
#include "token/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a character stands for (RFC 4648 section 5), or -1. */
static int
value_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* The bits one after the other; those that fill no byte must be zero. */
static bool
decode_bits(const uint8_t *text, size_t len, uint8_t *out, size_t *ret_len)
{
	unsigned byte = 0, bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int v = value_of(text[i]);

		if (v < 0)
			return false;
		for (int b = 5; b >= 0; b--) {
			byte = (byte << 1 | ((unsigned)v >> b & 1)) & 255;
			if (++bits % 8 == 0) {
				out[n++] = (uint8_t)byte;
				byte = 0;
			}
		}
	}
	*ret_len = n;
	return bits % 8 < 6 && byte == 0;
}

typedef bool decoder(const char *, size_t, void *, size_t *);
typedef size_t encoder(const void *, size_t, char *);

/* Each piece of memory has its exact size, for the sanitizer to see. */
static void
decodes(decoder *decode, encoder *encode, const uint8_t *data, size_t size)
{
	size_t want_len = 0, len = 0, room = size * 3 / 4;
	uint8_t *want = sure_copy(data, size), *out = sure_copy(data, room);
	bool good = decode_bits(data, size, want, &want_len);
	char *again;

	SURE(decode((const char *)data, size, out, &len) == good);
	if (good) {
		SURE(len == want_len && memcmp(out, want, len) == 0);
		/* one text for each byte string: this one */
		SURE(AT_B64URL_LEN(len) == size);
		again = sure_copy(data, size);
		memset(again, 0, size);
		SURE(encode(out, len, again) == size);
		SURE(memcmp(again, data, size) == 0);
		free(again);
	}
	free(want);
	free(out);
}

static void
encodes(decoder *decode, encoder *encode, const uint8_t *data, size_t size)
{
	size_t len = AT_B64URL_LEN(size), n = 0;
	char *text = sure_room(len);
	uint8_t *out = sure_room(size);

	SURE(encode(data, size, text) == len);
	SURE(decode(text, len, out, &n) && n == size);
	SURE(memcmp(out, data, size) == 0);
	memset(out, 0, size);
	SURE(decode_bits((const uint8_t *)text, len, out, &n) && n == size);
	SURE(memcmp(out, data, size) == 0);
	free(text);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decodes(at_b64url_decode, at_b64url_encode_plain, data, size);
	decodes(at_b64url_decode_plain, at_b64url_encode, data, size);
	encodes(at_b64url_decode, at_b64url_encode, data, size);
	encodes(at_b64url_decode_plain, at_b64url_encode_plain, data, size);
	return 0;
}
