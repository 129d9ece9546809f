/*
 * Structs that callers fill: whether one of another version can be read. The
 * libraries share no hidden function, so it is inline.
 */
#ifndef AT_TOKEN_INPUT_H
#define AT_TOKEN_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether a caller's struct of given bytes can be read as one of known bytes:
 * an older one is too short; of a newer one the rest must be zero.
 */
static inline bool
at_input_ok(const void *input, size_t given, size_t known)
{
	const uint8_t *bytes = input;
	size_t i;

	if (given < known)
		return false;
	for (i = known; i < given; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

#endif
