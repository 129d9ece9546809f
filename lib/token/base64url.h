/*
 * base64url without padding, strict (RFC 4648 section 5, RFC 7515 section 2).
 */
#ifndef AT_TOKEN_BASE64URL_H
#define AT_TOKEN_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

/* Characters that len bytes become, without NUL. */
#define AT_B64URL_LEN(len) (((len)*4 + 2) / 3)

/* Encode; out takes AT_B64URL_LEN(len) characters, no NUL. Returns that. */
size_t at_b64url_encode(const void *data, size_t len, char *out);

/*
 * Decode len characters into out, which takes len * 3 / 4 bytes. False on a
 * character outside the alphabet, padding, a length of 1 modulo 4, or trailing
 * bits that are not zero; out is then unspecified.
 */
bool at_b64url_decode(const char *text, size_t len, void *out, size_t *ret_len);

/* The same on any machine, for the rest and for tests to compare with. */
size_t at_b64url_encode_plain(const void *data, size_t len, char *out);
bool at_b64url_decode_plain(
    const char *text, size_t len, void *out, size_t *ret_len);

#endif
