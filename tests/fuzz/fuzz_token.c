/*
 * Fuzz verify with libFuzzer: `make fuzz`. The first byte says what the rest
 * is: a token, claims to be signed, or header and claims (a newline between
 * them) to be signed; by HMAC, or for some by a pair. Short cut and strict reader are to agree, see agree.h.
 */
#include <stdint.h>

#include "fuzz/agree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct agree a;
	const char *text = (const char *)data + 1;
	const char *claims;

	if (a.engine == NULL)
		agree_begin(&a, "authd");
	if (size == 0)
		return 0;
	size--;
	/* they cost a hundred times as much */
	if (data[0] >= 256 - 8 * AGREE_PAIRS) {
		int pair = data[0] % AGREE_PAIRS;

		agree_pair(&a, pair, agree_headers[pair],
		    strlen(agree_headers[pair]), text, size);
		return 0;
	}
	switch (data[0] % 3) {
	case 0:
		agree_token(&a, text, size);
		break;
	case 1:
		agree_claims(
		    &a, AGREE_HEADER, sizeof(AGREE_HEADER) - 1, text, size);
		break;
	default:
		claims = memchr(text, '\n', size);
		if (claims != NULL)
			agree_claims(&a, text, (size_t)(claims - text),
			    claims + 1, (size_t)(text + size - claims - 1));
		break;
	}
	return 0;
}
