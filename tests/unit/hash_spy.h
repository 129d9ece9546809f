/*
 * Stands between lib/account/password.c and the libraries that hash: counts,
 * watches how many run at once, can fail, and can be cheap. A program that
 * includes this defines the functions of libsodium and libcrypt itself, which
 * then go before those of the shared libraries. To be included once.
 */
#ifndef HASH_SPY_H
#define HASH_SPY_H

#include <crypt.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct hash_spy {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned argon2; /* Argon2 computations so far */
	unsigned crypts; /* crypt_r so far */
	unsigned running, peak;
	unsigned long long passes; /* of the last Argon2 */
	size_t memory;
	unsigned long long longest; /* password */
	bool cheap;                 /* do not really compute Argon2id */
	unsigned no_memory;         /* so many fail from now on */
	bool hold;                  /* nobody leaves while this is set */
};

static struct hash_spy spy = { .lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER };

static bool
spy_begin(unsigned *counter)
{
	bool fails;

	pthread_mutex_lock(&spy.lock);
	(*counter)++;
	if (++spy.running > spy.peak)
		spy.peak = spy.running;
	pthread_cond_broadcast(&spy.changed);
	while (spy.hold)
		pthread_cond_wait(&spy.changed, &spy.lock);
	fails = spy.no_memory > 0;
	if (fails)
		spy.no_memory--;
	pthread_mutex_unlock(&spy.lock);
	return !fails;
}

static int
spy_end(int result)
{
	pthread_mutex_lock(&spy.lock);
	spy.running--;
	pthread_mutex_unlock(&spy.lock);
	return result;
}

static void
spy_cost(unsigned long long passes, size_t memory, unsigned long long len)
{
	pthread_mutex_lock(&spy.lock);
	if (len > spy.longest)
		spy.longest = len;
	spy.passes = passes;
	spy.memory = memory;
	pthread_mutex_unlock(&spy.lock);
}

static inline void
spy_hold(bool hold)
{
	pthread_mutex_lock(&spy.lock);
	spy.hold = hold;
	pthread_cond_broadcast(&spy.changed);
	pthread_mutex_unlock(&spy.lock);
}

/* Wait until n hashes are being computed. */
static inline void
spy_await_running(unsigned n)
{
	pthread_mutex_lock(&spy.lock);
	while (spy.running < n)
		pthread_cond_wait(&spy.changed, &spy.lock);
	pthread_mutex_unlock(&spy.lock);
}

static inline void
spy_reset(void)
{
	pthread_mutex_lock(&spy.lock);
	spy.argon2 = spy.crypts = spy.peak = 0;
	spy.passes = 0;
	spy.memory = 0;
	spy.no_memory = 0;
	spy.longest = 0;
	pthread_mutex_unlock(&spy.lock);
}

static int
spy_no_memory(void)
{
	errno = ENOMEM;
	return -1;
}

int
crypto_pwhash(unsigned char *const out, unsigned long long out_len,
    const char *const password, unsigned long long len,
    const unsigned char *const salt, unsigned long long passes, size_t memory,
    int alg)
{
	int (*real)(unsigned char *, unsigned long long, const char *,
	    unsigned long long, const unsigned char *, unsigned long long,
	    size_t, int) = dlsym(RTLD_NEXT, "crypto_pwhash");

	spy_cost(passes, memory, len);
	if (!spy_begin(&spy.argon2))
		return spy_end(spy_no_memory());
	if (spy.cheap)
		return spy_end(crypto_generichash(out, out_len,
		    (const unsigned char *)password, len, salt, 16));
	return spy_end(
	    real(out, out_len, password, len, salt, passes, memory, alg));
}

int
crypto_pwhash_str_alg(char out[128], const char *const password,
    unsigned long long len, unsigned long long passes, size_t memory, int alg)
{
	int (*real)(char *, const char *, unsigned long long,
	    unsigned long long, size_t, int) =
	    dlsym(RTLD_NEXT, "crypto_pwhash_str_alg");
	unsigned char salt[16], hash[32];
	char salt_text[32], hash_text[64], text[192] = "";

	spy_cost(passes, memory, len);
	if (!spy_begin(&spy.argon2))
		return spy_end(spy_no_memory());
	if (!spy.cheap)
		return spy_end(real(out, password, len, passes, memory, alg));
	randombytes_buf(salt, sizeof(salt));
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)password,
	    len, salt, sizeof(salt));
	sodium_bin2base64(salt_text, sizeof(salt_text), salt, sizeof(salt),
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_bin2base64(hash_text, sizeof(hash_text), hash, sizeof(hash),
	    sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	snprintf(text, sizeof(text), "$argon2id$v=19$m=%zu,t=%llu,p=1$%s$%s",
	    memory / 1024, passes, salt_text, hash_text);
	memcpy(out, text, 128);
	return spy_end(0);
}

int
crypto_pwhash_str_verify(
    const char hash[128], const char *const password, unsigned long long len)
{
	int (*real)(const char *, const char *, unsigned long long) =
	    dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");

	if (!spy_begin(&spy.argon2))
		return spy_end(spy_no_memory());
	return spy_end(real(hash, password, len));
}

char *
crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	char *result = NULL;

	if (spy_begin(&spy.crypts))
		result = crypt_rn(phrase, setting, data, (int)sizeof(*data));
	else
		errno = ENOMEM;
	spy_end(0);
	return result;
}

#endif
