/*
 * Hashing of passwords, and the few other things of libsodium that accounts
 * need. The only part that knows libsodium and crypt(3).
 */
#ifndef AT_ACCOUNT_PASSWORD_H
#define AT_ACCOUNT_PASSWORD_H

#include <authtok/store.h>

#define AT_KEY_LEN 16 /* bytes of a key of at_keyed_hash */

/* To be called before any other; may be called again, by any thread.
 * ECRYPTO. */
enum authtok_err at_password_init(void);

/* Hash with today's parameters; hash takes AUTHTOK_HASH_MAX + 1 bytes.
 * ENOMEM, ECRYPTO. */
enum authtok_err at_password_hash(const char *password, size_t len, char *hash);

/*
 * Compare a password with a hash. ENOTSUP: no hash that can be verified at an
 * acceptable cost; nothing was hashed. *ret_dated, on success: the hash should
 * be replaced by one of at_password_hash.
 * EPASSWORD, ENOTSUP, ENOMEM, ECRYPTO.
 */
enum authtok_err at_password_verify(
    const char *hash, const char *password, size_t len, bool *ret_dated);

/*
 * A hash of nothing that anybody knows, with today's parameters: what a
 * password is compared with that no user has, so that it costs the same.
 */
extern const char at_password_nobody[];

/* Whether at_password_hash would make a hash of the same form and cost. */
bool at_password_current(const char *hash);

/* A hash of text under a secret key, so that nobody outside can aim. */
uint64_t at_keyed_hash(
    const uint8_t key[AT_KEY_LEN], const void *data, size_t len);

void at_random(void *buf, size_t len);
void at_wipe(void *buf, size_t len);

#endif
