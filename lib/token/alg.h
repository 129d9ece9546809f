/*
 * Algorithms and their names (RFC 7518 section 3.1, RFC 8037 section 3.1).
 */
#ifndef AT_TOKEN_ALG_H
#define AT_TOKEN_ALG_H

#include <authtok.h>

#include "token/json.h"

#define AT_ALG_NAME_MAX 5 /* bytes of the longest name */

/* "" for a number that is no algorithm. */
const char *at_alg_name(enum authtok_alg alg);

/* The algorithm that the last STRING names, or 0. */
enum authtok_alg at_alg_of(const struct at_json *json);

/* The least secret of an HMAC algorithm, bytes; 0 for every other. */
size_t at_alg_secret_min(enum authtok_alg alg);

#endif
