/*
 * Text built piece by piece. Knows nothing of what it writes.
 */
#include "authd/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void
text_init(struct text *text, char *memory, size_t size)
{
	text->at = memory;
	text->size = size;
	text->len = 0;
	text->cut = false;
	memory[0] = '\0';
}

void
text_int(struct text *text, int64_t number)
{
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest > 0);
	if (number < 0)
		digits[--at] = '-';
	text_bytes(text, digits + at, sizeof(digits) - at);
}

void
text_time(struct text *text, int64_t when)
{
	const time_t seconds = (time_t)when;
	char shown[40];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL &&
	    strftime(shown, sizeof(shown), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		text_add(text, shown);
	else
		text_add(text, "?");
}

void
text_hex(struct text *text, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		char pair[2] = { digits[bytes[i] >> 4], digits[bytes[i] & 15] };

		text_bytes(text, pair, sizeof(pair));
	}
}

void
text_json(struct text *text, const char *s)
{
	char escape[8];

	text_bytes(text, "\"", 1);
	for (; *s != '\0'; s++) {
		size_t plain = 0;

		while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' &&
		    s[plain] != '\\' && s[plain] != 0x7f)
			plain++;
		text_bytes(text, s, plain);
		s += plain;
		if (*s == '\0')
			break;
		if (*s == '"' || *s == '\\')
			snprintf(escape, sizeof(escape), "\\%c", *s);
		else
			snprintf(escape, sizeof(escape), "\\u%04x",
			    (unsigned)(unsigned char)*s);
		text_add(text, escape);
	}
	text_bytes(text, "\"", 1);
}

size_t
text_prefix(const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	if (len <= max)
		return len;
	len = max;
	/* not into the middle of a UTF-8 sequence: 10xxxxxx continues one */
	while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return len;
}
