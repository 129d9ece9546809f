/*
 * No branch and no index of ours depends on a secret. Secrets are marked as
 * undefined, so that memcheck follows what is computed from them and reports
 * each place that decides or reads by it (the method of A. Langley's ctgrind).
 *
 * Checked: the secrets of HMAC keys, in verify and issue; those that refresh
 * tokens and the audit log derive theirs from; the seed of a session; the MACs
 * that stand for retry keys; what a password hashes to. Two things become
 * public, each in one place below: whether two values are the same, and a tag
 * that is written into a token. The token that a client presents is its own.
 *
 * Not checked: what OpenSSL, libsodium and libcrypt do inside (the latter two
 * are replaced here; signing by key pairs is all OpenSSL's), and reading a key
 * file, which happens once.
 *
 * The program runs itself under valgrind: "test_constant_time verify".
 */
#include "audit_log.h"
#include "forge.h"
#include "valgrind.h"

#include <crypt.h>
#include <sodium.h>
#include <stdlib.h>

#include "account/password.h"
#include "session/refresh.h"
/* in whole: its comparison is its own */
#include "session/rotation.c"
#include "token/keyset.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CANNOT "valgrind does not run sanitizers"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CANNOT "valgrind does not run sanitizers"
#endif
#endif
#if !defined(CANNOT) && !__has_include(<valgrind/memcheck.h>)
#define CANNOT "valgrind/memcheck.h is missing"
#endif
#ifndef CANNOT
#include <valgrind/memcheck.h>
#define CANNOT             NULL
#define SECRET(p, len)     (void)VALGRIND_MAKE_MEM_UNDEFINED(p, len)
#define PUBLIC(p, len)     (void)VALGRIND_MAKE_MEM_DEFINED(p, len)
#define BITS(p, bits, len) (void)VALGRIND_SET_VBITS(p, bits, len)
#define SEEN(p, bits, len) (void)VALGRIND_GET_VBITS(p, bits, len)
#else
#define SECRET(p, len)     (void)(p)
#define PUBLIC(p, len)     (void)(p)
#define BITS(p, bits, len) (void)(p), (void)(bits)
#define SEEN(p, bits, len) (void)(p), (void)(bits)
#endif

#define FOUND 99 /* what valgrind exits with when it has something to say */

/* ---- where a secret becomes public --------------------------------------- */
int __real_CRYPTO_memcmp(const void *a, const void *b, size_t len);
int __wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len);
int __real_sodium_memcmp(const void *a, const void *b, size_t len);
int __wrap_sodium_memcmp(const void *a, const void *b, size_t len);
size_t __real_at_b64url_encode(const void *data, size_t len, char *out);
size_t __wrap_at_b64url_encode(const void *data, size_t len, char *out);

static int comparisons;

/* What is compared came from a secret: OpenSSL did not hide that. */
static void
check_hidden(const void *secret, size_t len)
{
	uint8_t bits[64] = { 0 }, any = 0;

	ck_assert_uint_le(len, sizeof(bits));
	SEEN(secret, bits, len);
	for (size_t i = 0; i < len; i++)
		any |= bits[i];
	ck_assert_uint_ne(any, 0);
	comparisons++;
}

int
__wrap_CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
	int differ = __real_CRYPTO_memcmp(a, b, len);

	check_hidden(a, len);
	PUBLIC(&differ, sizeof(differ));
	return differ;
}

int
__wrap_sodium_memcmp(const void *a, const void *b, size_t len)
{
	int differ = __real_sodium_memcmp(a, b, len);

	check_hidden(a, len);
	PUBLIC(&differ, sizeof(differ));
	return differ;
}

/* Tokens are for who gets them, and the table fits one line of the cache. */
size_t
__wrap_at_b64url_encode(const void *data, size_t len, char *out)
{
	uint8_t copy[1024];

	ck_assert_uint_le(len + 8, sizeof(copy));
	memset(copy, 0, len + 8);
	memcpy(copy, data, len);
	PUBLIC(copy, sizeof(copy));
	return __real_at_b64url_encode(copy, len, out);
}

/* ---- what is replaced ---------------------------------------------------- */
int __wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len,
    const char *password, unsigned long long len, const unsigned char *salt,
    unsigned long long passes, size_t memory, int alg);
char *__wrap_crypt_r(
    const char *phrase, const char *setting, struct crypt_data *data);

/* "right" hashes to bytes of 1. */
int
__wrap_crypto_pwhash(unsigned char *out, unsigned long long out_len,
    const char *password, unsigned long long len, const unsigned char *salt,
    unsigned long long passes, size_t memory, int alg)
{
	(void)len, (void)salt, (void)passes, (void)memory, (void)alg;
	memset(out, strcmp(password, "right") == 0 ? 1 : 2, out_len);
	SECRET(out, out_len);
	return 0;
}

#define BCRYPT_TAG 31 /* characters at the end */
#define BCRYPT     "$2b$05$abcdefghijklmnopqrstuu"
#define BCRYPT_OUT "ZFjH57Rl3EXSetbREE0bqBhcUkJQP6u"

/* Of each character one bit stays known, with which it is not the NUL. */
char *
__wrap_crypt_r(const char *phrase, const char *setting, struct crypt_data *data)
{
	size_t at = strlen(setting) - BCRYPT_TAG;
	unsigned char bits;
	char *c;

	strcpy(data->output, setting);
	if (strcmp(phrase, "right") != 0)
		data->output[at] ^= 1;
	for (c = data->output + at; *c != '\0'; c++) {
		bits = (unsigned char)~(*c & -*c);
		BITS(c, &bits, 1);
	}
	return data->output;
}

/* ---- what is watched ----------------------------------------------------- */
static const char *wanted; /* what to run and do nothing else */

static void
hidden(uint8_t *secret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		secret[i] = (uint8_t)(i + 1);
	SECRET(secret, len);
}

/* Keys of HMAC, refresh and audit, which nobody may look at. */
static struct authtok_keys *
hidden_keys(void)
{
	struct authtok_keys *keys;
	uint8_t secret[64];

	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	ck_assert_int_eq(authtok_keys_new(&keys), 0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "k1", AUTHTOK_HS256, secret, 32, true),
	    0);
	ck_assert_int_eq(
	    authtok_keys_add_hmac(keys, "k2", AUTHTOK_HS512, secret, 64, false),
	    0);
	ck_assert_int_eq(
	    authtok_keys_add_refresh(keys, 7, secret, 32, true), 0);
	ck_assert_int_eq(authtok_keys_add_audit(keys, 1, secret, 32, true), 0);
	/* that they were not too weak is public */
	for (size_t i = 0; i < keys->count; i++)
		SECRET(keys->all[i].secret, keys->all[i].len);
	for (size_t i = 0; i < AT_SECRET_KINDS; i++)
		SECRET(keys->secrets[i].all[0].secret, 32);
	return keys;
}

static void
run_verify(void)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_keys *keys = hidden_keys();
	char token[AUTHTOK_TOKEN_MAX + 1];
	struct authtok_claims *claims;
	struct authtok *engine;
	size_t len;

	config.issuer = ISSUER;
	config.audience = AUD;
	ck_assert_int_eq(authtok_new(&config, keys, &engine), 0);
	ck_assert_int_eq(authtok_claims_new(&claims), 0);
	grant.user_id = 1001;
	ck_assert_int_eq(
	    authtok_issue(engine, &grant, token, sizeof(token), &len, NULL), 0);
	ck_assert_int_eq(authtok_verify(engine, token, len, claims), 0);
	token[len - 2] = token[len - 2] == 'A' ? 'B' : 'A';
	ck_assert_int_eq(
	    authtok_verify(engine, token, len, claims), AUTHTOK_ESIG);
	ck_assert_int_eq(comparisons, 2);
	authtok_claims_free(claims);
	authtok_free(engine);
	authtok_keys_free(keys);
}

static void
run_refresh(void)
{
	struct authtok_keys *keys = hidden_keys();
	char text[AUTHTOK_REFRESH_LEN + 1];
	uint8_t mac[AUTHTOK_RETRY_LEN];
	struct at_refresh_token token;
	struct authtok_session row;
	struct at_refresh *refresh;

	memset(&row, 0, sizeof(row));
	row.gen = 3;
	hidden(row.seed, sizeof(row.seed));
	ck_assert_int_eq(at_refresh_new(keys, &refresh), 0);
	ck_assert_int_eq(at_refresh_make(refresh, &row, text), 0);
	ck_assert_int_eq(
	    at_refresh_parse(refresh, text, AUTHTOK_REFRESH_LEN, &token), 0);
	ck_assert_int_eq(at_refresh_check(refresh, &token, row.seed), 0);
	token.s[0] ^= 1;
	ck_assert_int_eq(
	    at_refresh_check(refresh, &token, row.seed), AUTHTOK_ESIG);
	text[AUTHTOK_REFRESH_LEN - 2] ^= 1;
	ck_assert_int_eq(
	    at_refresh_parse(refresh, text, AUTHTOK_REFRESH_LEN, &token),
	    AUTHTOK_ESIG);
	ck_assert_int_eq(comparisons, 4);
	ck_assert_int_eq(
	    at_refresh_retry(refresh, row.seed, "retry-key", 9, mac), 0);
	at_refresh_free(refresh);
	authtok_keys_free(keys);
}

static void
run_retry(void)
{
	uint8_t a[AUTHTOK_RETRY_LEN], b[AUTHTOK_RETRY_LEN];
	volatile bool same;

	hidden(a, sizeof(a));
	hidden(b, sizeof(b));
	same = same_retry(a, b);
	PUBLIC(&same, sizeof(same));
	ck_assert(same);
	b[0] ^= 1;
	same = same_retry(a, b);
	PUBLIC(&same, sizeof(same));
	ck_assert(!same);
}

static void
run_audit(void)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	struct authtok_keys *keys = hidden_keys();

	ck_assert_int_eq(authtok_audit_new(keys, &log_audit), 0);
	log_fill(3);
	/* whoever reads the log has them */
	for (size_t i = 0; i < audit_log.n; i++)
		PUBLIC(audit_log.records[i].mac, AUTHTOK_MAC_LEN);
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, &audit_log.store, NULL, &report),
	    0);
	audit_log.records[1].mac[5] ^= 1;
	ck_assert_int_eq(
	    authtok_audit_verify(log_audit, &audit_log.store, NULL, &report),
	    AUTHTOK_ETAMPERED);
	ck_assert_int_ge(comparisons, 5);
	authtok_audit_free(log_audit);
	authtok_keys_free(keys);
}

static void
run_password(void)
{
	/* bytes of 1, of which the form is public */
	static const char argon[] =
	    "$argon2id$v=19$m=1024,t=2,p=1"
	    "$c29tZXNhbHRzb21lc2FsdA"
	    "$AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
	bool dated;

	ck_assert_int_eq(at_password_verify(argon, "right", 5, &dated), 0);
	ck_assert_int_eq(
	    at_password_verify(argon, "wrong", 5, &dated), AUTHTOK_EPASSWORD);
	ck_assert_int_eq(
	    at_password_verify(BCRYPT BCRYPT_OUT, "right", 5, &dated), 0);
	ck_assert_int_eq(
	    at_password_verify(BCRYPT BCRYPT_OUT, "wrong", 5, &dated),
	    AUTHTOK_EPASSWORD);
	ck_assert_int_eq(comparisons, 4);
}

/* What must be seen: a comparison that ends at the first difference. */
static void
run_leak(void)
{
	static const uint8_t guess[32] = { 1, 2, 3, 5 };
	uint8_t secret[32];

	hidden(secret, sizeof(secret));
	ck_assert_int_ne(memcmp(secret, guess, sizeof(secret)), 0);
}

static const struct {
	const char *name;
	void (*run)(void);
	int status;
} all[] = {
	{ "verify", run_verify, 0 },
	{ "refresh", run_refresh, 0 },
	{ "retry", run_retry, 0 },
	{ "audit", run_audit, 0 },
	{ "password", run_password, 0 },
	{ "leak", run_leak, FOUND },
};

START_TEST(watched)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(wanted, all[i].name) == 0)
			all[i].run();
}
END_TEST

/* ---- watching ------------------------------------------------------------ */
START_TEST(no_secret_decides)
{
	struct copy copy;
	const char *const argv[] = { "valgrind", "-q", "--vgdb=no",
		"--expensive-definedness-checks=yes", "--error-exitcode=99",
		copy.program, all[_i].name, NULL };
	FILE *out = tmpfile();
	char line[1024];
	int status;

	if (CANNOT != NULL || !have_valgrind()) {
		printf("# skipped: constant time of %s: %s\n", all[_i].name,
		    CANNOT != NULL ? CANNOT : "valgrind is not installed");
		fclose(out);
		return;
	}
	copy_make(&copy);
	status = execute(argv, out);
	copy_remove(&copy);
	rewind(out);
	if (status != all[_i].status << 8)
		while (fgets(line, sizeof(line), out) != NULL)
			fputs(line, stdout);
	fflush(stdout);
	fclose(out);
	ck_assert_int_eq(status, all[_i].status << 8);
}
END_TEST

int
main(int argc, char **argv)
{
	TCase *t = tcase_create("constant time");

	if (argc == 2) {
		wanted = argv[1];
		tcase_add_test(t, watched);
		return forge_run(t);
	}
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(
	    t, no_secret_decides, 0, sizeof(all) / sizeof(all[0]));
	return forge_run(t);
}
