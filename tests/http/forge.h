/*
 * Access tokens that authd did not make: from the shared secret with another
 * clock, and by hand with whatever header and claims an attacker likes.
 */
#ifndef TESTS_HTTP_FORGE_H
#define TESTS_HTTP_FORGE_H

#include "client.h"

#define TOKEN_SIZE (AUTHTOK_TOKEN_MAX * 2)

/* The decoded header (0) or payload (1) of a token, as text. */
void jwt_part(const char *token, int part, char *ret, size_t size);
/* BASE64URL(header).BASE64URL(payload).BASE64URL(HMAC by digest "SHA256"...);
 * digest NULL: the signature is empty. */
void jwt_make(const char *head, const char *payload, const char *digest,
    const char *secret, char *ret, size_t size);
/* A token as authd makes it (issuer, audience and kid as in sample), by the
 * library, with the clock set off by seconds. */
void jwt_issue(const char *sample, const char *secret, int64_t user_id,
    int64_t offset, char *ret, size_t size);

#endif
