/*
 * RSA moduli that are quick to factor.
 */
#ifndef AT_TOKEN_ROCA_H
#define AT_TOKEN_ROCA_H

#include <openssl/bn.h>
#include <stdbool.h>

/* Whether n is one of ROCA's; of other moduli one in 2^154 is taken for one. */
bool at_is_roca(const BIGNUM *n);

#endif
