/*
 * What a client says of itself, made fit to be kept and shown.
 */
#include "session/service.h"

#include <string.h>

#include "token/input.h"
#include "token/utf8.h"

bool
at_client_valid(const struct authtok_client *client)
{
	return client == NULL ||
	    at_input_ok(client, client->size, sizeof(*client));
}

/* The bytes of the character at text, 0 if it may not be kept. */
static size_t
character(const char *text, size_t left)
{
	unsigned char c = (unsigned char)text[0];
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (len > left || !at_utf8_valid(text, len))
		return 0;
	if (c < 0x20 || c == 0x7f)
		return 0;
	/* C1 controls, U+0080 to U+009F */
	if (c == 0xc2 && (unsigned char)text[1] < 0xa0)
		return 0;
	return len;
}

void
at_copy_text(char *out, size_t max, const char *text)
{
	/* enough to see whether the last character that fits is whole */
	size_t left = strnlen(text, max + 4), n = 0;

	while (left > 0) {
		size_t len = character(text, left);
		size_t used = len > 0 ? len : 1;

		if (n + used > max)
			break;
		if (len > 0)
			memcpy(out + n, text, len);
		else
			out[n] = '?';
		n += used;
		text += used;
		left -= used;
	}
	out[n] = '\0';
}
