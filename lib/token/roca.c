/*
 * Keys of a generator that was flawed (ROCA, CVE-2017-15361). Modulo the product
 * of small primes each prime of such a key is a power of 65537, so the modulus
 * is: modulo each of them, and the exponents agree.
 */
#include "token/roca.h"

#include <stdint.h>

static unsigned
gcd(unsigned a, unsigned b)
{
	unsigned rest;

	while (b != 0) {
		rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* The exponent of 65537 that gives rest modulo p, and its order; or false. */
static bool
log_65537(unsigned rest, unsigned p, unsigned *ret_log, unsigned *ret_order)
{
	unsigned power = 1, k = 0;
	bool found = false;

	do {
		if (power == rest) {
			*ret_log = k;
			found = true;
		}
		power = power * (65537 % p) % p;
		k++;
	} while (power != 1);
	*ret_order = k;
	return found;
}

bool
at_is_roca(const BIGNUM *n)
{
	static const uint8_t primes[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31,
		37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
		103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163,
		167 };
	unsigned logs[sizeof(primes)], orders[sizeof(primes)];
	size_t i, j;

	for (i = 0; i < sizeof(primes); i++) {
		if (!log_65537((unsigned)BN_mod_word(n, primes[i]), primes[i],
			&logs[i], &orders[i]))
			return false;
		for (j = 0; j < i; j++) {
			unsigned both = gcd(orders[i], orders[j]);

			if (logs[i] % both != logs[j] % both)
				return false;
		}
	}
	return true;
}
