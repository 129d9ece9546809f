/*
 * UTF-8 by the table of well-formed byte sequences (RFC 3629 section 4).
 */
#include "token/utf8.h"

#include <stdint.h>
#include <string.h>

/* Whether n bytes from p are continuation bytes. */
static bool
continues(const uint8_t *p, size_t n)
{
	while (n > 0)
		if ((p[--n] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t
at_utf8_char(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;

	/* Overlong forms, surrogates and what is over U+10FFFF all show in
	 * the second byte. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	return continues(p + 2, n - 2) ? n : 0;
}

bool
at_utf8_valid(const char *text, size_t len)
{
	uint64_t eight;
	size_t n;

	while (len > 0) {
		if (len >= sizeof(eight)) {
			memcpy(&eight, text, sizeof(eight));
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				text += sizeof(eight);
				len -= sizeof(eight);
				continue;
			}
		}
		n = at_utf8_char(text, len);
		if (n == 0)
			return false;
		text += n;
		len -= n;
	}
	return true;
}
