/*
 * authtok.h - signed access tokens: engine, keys, issue, verify, claims, roles.
 *
 * No storage and no HTTP here: see authtok/account.h, authtok/session.h and
 * authtok/store.h. The manual begins at authtok(3).
 *
 * Conventions, for every header of this library:
 *  - A call that can fail returns enum authtok_err, 0 for success. Results come
 *    last, are named ret_..., and are untouched on failure.
 *  - A getter lends: the pointer lives as long as the object and until the next
 *    call that fills it. What comes out of a ret_ pointer to a pointer is owned
 *    by the caller and ends with the matching _free. _free(NULL) does nothing.
 *  - Structs that callers fill begin with their size, are initialised with the
 *    matching _INIT macro, and may grow at the end in later versions. One of a
 *    later version than the library is taken while what the library does not
 *    know in it is zero; otherwise it is EINVAL.
 *  - Text is NUL-terminated UTF-8 unless a length stands beside it. Times are
 *    seconds since 1970-01-01 00:00:00 UTC, durations are seconds.
 *  - Objects are immutable once built and may be shared by threads without a
 *    lock, but for the builders (struct authtok_keys) and struct
 *    authtok_claims, which belong to one thread at a time.
 */
#ifndef AUTHTOK_H
#define AUTHTOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define AUTHTOK_VERSION "0.1.0"

#define AUTHTOK_TOKEN_MAX 4096 /* bytes of the longest token, without NUL */
#define AUTHTOK_SID_LEN   16   /* bytes of a session id */
#define AUTHTOK_ROLE_MAX  32   /* bytes of the longest role name */
#define AUTHTOK_ROLES_MAX 16   /* roles of one user */
#define AUTHTOK_KEYS_MAX  32   /* keys in one key set, of each kind */
#define AUTHTOK_KID_MAX   64   /* bytes of the longest key id */

/*
 * Errors. Callers branch on the class; the code says what to log or show.
 * Values are ABI: never renumbered, never reused.
 */
enum authtok_class {
	AUTHTOK_CLASS_OK = 0,
	AUTHTOK_CLASS_CALLER =
	    1, /* the arguments, or the memory, are at fault */
	AUTHTOK_CLASS_SYSTEM =
	    2, /* crypto, store, overload: try again or repair */
	AUTHTOK_CLASS_DENIED = 3,    /* the credential is not good */
	AUTHTOK_CLASS_CONFLICT = 4,  /* something else was there first */
	AUTHTOK_CLASS_FORBIDDEN = 5, /* good credential, missing permission */
	AUTHTOK_CLASS_THROTTLED = 6, /* too many attempts: try later */
};

enum authtok_err {
	AUTHTOK_OK = 0,

	AUTHTOK_EINVAL = 0x101, /* an argument is out of its documented range */
	AUTHTOK_ENOMEM = 0x102, /* no memory */
	AUTHTOK_ENOTSUP = 0x103, /* not supported by this build or backend */
	AUTHTOK_ENOSPC = 0x104,  /* the caller's buffer is too small */
	AUTHTOK_EWEAK =
	    0x105, /* a key is too short or its bytes are all alike */
	AUTHTOK_ENAMEFMT = 0x106,  /* user name not [A-Za-z0-9._@+-]{1,64} */
	AUTHTOK_EMAILFMT = 0x107,  /* e-mail address not acceptable */
	AUTHTOK_EPWSHORT = 0x108,  /* password under 8 bytes */
	AUTHTOK_EPWLONG = 0x109,   /* password over 1024 bytes */
	AUTHTOK_EPWFORM = 0x10a,   /* password not UTF-8, or has a NUL in it */
	AUTHTOK_EPWCOMMON = 0x10b, /* password on the blocklist */
	AUTHTOK_ENOROLE = 0x10c,   /* a role that does not exist */
	AUTHTOK_ENOUSER = 0x10d,   /* no such user (administration) */
	AUTHTOK_ENEWER = 0x10e, /* the store's schema is newer than this code */

	AUTHTOK_ECRYPTO = 0x201, /* the crypto library failed */
	AUTHTOK_ESTORE = 0x202,  /* the store failed: broken, full, read-only */
	AUTHTOK_EBUSY = 0x203,   /* the store or the hash queue is too busy */

	AUTHTOK_EFORMAT = 0x301,  /* not a well-formed token or text */
	AUTHTOK_EALG = 0x302,     /* not the algorithm of the key */
	AUTHTOK_EKEY = 0x303,     /* no such key */
	AUTHTOK_ESIG = 0x304,     /* wrong signature */
	AUTHTOK_EEXPIRED = 0x305, /* expired */
	AUTHTOK_EEARLY = 0x306,   /* not valid yet, or issued in the future */
	AUTHTOK_ECLAIM = 0x307,   /* a claim is missing, ill-typed or wrong */
	AUTHTOK_EUNKNOWN = 0x308, /* unknown session or user */
	AUTHTOK_EREVOKED = 0x309, /* revoked */
	AUTHTOK_EREUSED =
	    0x30a, /* refresh token reused: the session is ended */
	AUTHTOK_EPASSWORD = 0x30b, /* wrong password */
	AUTHTOK_EDISABLED = 0x30c, /* the account is disabled */
	AUTHTOK_ETAMPERED = 0x30d, /* the audit log is not as it was written */

	AUTHTOK_ENAME = 0x401,  /* user name taken */
	AUTHTOK_EEMAIL = 0x402, /* e-mail address taken */
	AUTHTOK_ESTALE =
	    0x403, /* refresh token superseded: re-read your store */
	AUTHTOK_ECHANGED =
	    0x404, /* the record changed meanwhile: read it again */

	AUTHTOK_EROLE = 0x501,       /* role missing */
	AUTHTOK_ESIGNUPROLE = 0x502, /* a role that sign-up may not ask for */

	AUTHTOK_ETHROTTLED = 0x601, /* too many attempts */
};

/* The class of a code; AUTHTOK_CLASS_SYSTEM for a number that is no code. */
enum authtok_class authtok_err_class(enum authtok_err err);

/* A short English sentence; static, total, never NULL. */
const char *authtok_strerror(enum authtok_err err);

/* The version of the library that is running, as AUTHTOK_VERSION. */
const char *authtok_version(void);

/*
 * Keys.
 *
 * A key set is built, given to authtok_new (and authtok_sessions_new,
 * authtok_audit_new), which copy what they need, and freed. Three kinds of key
 * live in it: signing keys for access tokens, refresh secrets for refresh
 * tokens, and audit secrets for the chain of the audit log. The algorithm
 * belongs to the key, never to a token's header (RFC 8725 section 3.1). A
 * signing key is an HMAC secret, or a key pair, or only the public part of one,
 * which verifies what others sign.
 */
enum authtok_alg {
	AUTHTOK_HS256 = 1, /* RFC 7518 section 3.2 */
	AUTHTOK_HS384 = 2,
	AUTHTOK_HS512 = 3,
	AUTHTOK_EDDSA = 4, /* with Ed25519: RFC 8037 section 3.1 */
	AUTHTOK_ES256 = 5, /* RFC 7518 section 3.4 */
	AUTHTOK_RS256 = 6, /* RFC 7518 section 3.3 */
};

struct authtok_keys;

/* Errors: EINVAL, ENOMEM. */
enum authtok_err authtok_keys_new(struct authtok_keys **ret_keys);
void authtok_keys_free(struct authtok_keys *keys);

/*
 * Add an HMAC key: kid is 1 to AUTHTOK_KID_MAX bytes of [A-Za-z0-9._-], unique
 * in the set; secret is 32 to 1024 bytes (48, 64 for HS384, HS512: RFC 7518
 * section 3.2) and is copied. signing: new tokens are signed with this key;
 * at most one key of a set may be, see authtok_can_issue.
 * Errors: EINVAL (also kid twice, and more than AUTHTOK_KEYS_MAX), EWEAK.
 */
enum authtok_err authtok_keys_add_hmac(struct authtok_keys *keys,
    const char *kid, enum authtok_alg alg, const void *secret,
    size_t secret_len, bool signing);

/*
 * Add a key pair, or a public key, from PEM text of len bytes (RFC 7468
 * sections 10 and 13: PRIVATE KEY, which is PKCS #8, or PUBLIC KEY), one block,
 * not encrypted; nobody is ever asked for a password. alg says what it must be:
 * Ed25519 for EdDSA, P-256 for ES256, RSA of 2048 to 8192 bits with an odd e
 * from 3 to 2^64 for RS256. kid and signing as above; a public key cannot sign.
 * On failure *ret_why, when ret_why is not NULL, is a static sentence.
 * Errors: EINVAL (as above), ENOMEM, EFORMAT (also parts that do not belong
 * together), EWEAK, ENOTSUP (encrypted, or not of alg), ECRYPTO.
 */
enum authtok_err authtok_keys_add_pem(struct authtok_keys *keys,
    const char *kid, enum authtok_alg alg, const char *pem, size_t len,
    bool signing, const char **ret_why);

/*
 * Add a refresh secret: number is 0 to 255, unique; secret is 32 to 1024 bytes,
 * copied. current: new refresh tokens are made with it; exactly one is.
 * Errors: EINVAL (also number twice, and more than AUTHTOK_KEYS_MAX), EWEAK.
 */
enum authtok_err authtok_keys_add_refresh(struct authtok_keys *keys,
    unsigned number, const void *secret, size_t secret_len, bool current);

/*
 * Add an audit secret, likewise. current: new audit records hang on it; exactly
 * one is. The others verify the older records, for as long as there are any.
 * Errors: EINVAL (also number twice, and more than AUTHTOK_KEYS_MAX), EWEAK.
 */
enum authtok_err authtok_keys_add_audit(struct authtok_keys *keys,
    unsigned number, const void *secret, size_t secret_len, bool current);

/*
 * Add every key of a JWK Set (RFC 7517 section 5), text of len bytes. Members:
 *   {"kty":"oct","use":"sig","kid":"…","alg":"HS256","k":"…",
 *    "key_ops":["sign","verify"]}      a signing key; without "sign" in
 *                                      key_ops it only verifies
 *   {"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"…","d":"…", …}
 *   {"kty":"EC","crv":"P-256","alg":"ES256","x":"…","y":"…","d":"…", …}
 *   {"kty":"RSA","alg":"RS256","n":"…","e":"…","d":"…","p":"…","q":"…",
 *    "dp":"…","dq":"…","qi":"…", …}    likewise (RFC 8037 section 2, RFC 7518
 *                                      sections 6.2 and 6.3); without the
 *                                      members from "d" on it only verifies
 *   {"kty":"oct","use":"authtok-refresh","kid":"1","k":"…",
 *    "key_ops":["sign","verify"]}      a refresh secret; kid is its number
 *   {"kty":"oct","use":"authtok-audit","kid":"1","k":"…",
 *    "key_ops":["sign","verify"]}      an audit secret; kid is its number
 * All of them are added or none. On failure *ret_why, when ret_why is not NULL,
 * is a static sentence that names the fault and *ret_at, when not NULL, the byte
 * offset in text where it was seen.
 * Errors: EINVAL, ENOMEM, EFORMAT, EWEAK, ENOTSUP (a key type or algorithm that
 * this version does not know), ECRYPTO.
 */
enum authtok_err authtok_keys_add_jwks(struct authtok_keys *keys,
    const char *text, size_t len, const char **ret_why, size_t *ret_at);

/*
 * Write a fresh JWK Set with one signing key of alg (RSA of 2048 bits, an HMAC
 * secret as long as its hash), one refresh secret and one audit secret, 32
 * random bytes each, as text into buf (size bytes, NUL-terminated;
 * AUTHTOK_GENERATED_MAX are enough). kid names the signing key. The caller
 * wipes buf. Errors: EINVAL, ENOSPC, ECRYPTO.
 */
#define AUTHTOK_GENERATED_MAX 4096
enum authtok_err authtok_keys_generate(enum authtok_alg alg, const char *kid,
    char *buf, size_t size, size_t *ret_len);

/*
 * Write the public parts of all key pairs of the set, and nothing else of it,
 * as a JWK Set into buf (size bytes, NUL-terminated; AUTHTOK_PUBLIC_MAX are
 * enough): what others need to verify the tokens, for everybody to read.
 * Errors: EINVAL, ENOSPC, ECRYPTO, EKEY (there is no key pair in it).
 */
#define AUTHTOK_PUBLIC_MAX 53248
enum authtok_err authtok_keys_public(
    const struct authtok_keys *keys, char *buf, size_t size, size_t *ret_len);

/* A revocation that access tokens must hear of until `until`. */
struct authtok_revocation {
	int64_t seq;                  /* grows; the store's cursor */
	int64_t user_id;              /* 0: of one session */
	int64_t epoch;                /* least epoch that is still good */
	uint8_t sid[AUTHTOK_SID_LEN]; /* when user_id is 0 */
	int64_t at;
	int64_t until;
};

/*
 * A revocation set: which sessions, and which epochs of users, are good no
 * more. An object of its own that engines share, so that a new engine forgets
 * nothing; read without a lock by authtok_verify. It holds a revocation until
 * its time is over, one horizon of its engines, so it is bounded by what comes
 * in one lifetime of an access token.
 */
struct authtok_revocations;

/* Errors: EINVAL, ENOMEM. */
enum authtok_err authtok_revocations_new(
    struct authtok_revocations **ret_revocations);
/* Every engine over it must be gone. */
void authtok_revocations_free(struct authtok_revocations *revocations);

/*
 * Add count revocations; the same one twice is harmless, seq is not looked at,
 * one whose time is over at now is ignored. Any thread, any time.
 * Errors: EINVAL, ENOMEM (some may have been added).
 */
enum authtok_err authtok_revocations_add(
    struct authtok_revocations *revocations,
    const struct authtok_revocation *events, size_t count, int64_t now);

/* How many it holds, those whose time is over included until they are dropped. */
size_t authtok_revocations_count(const struct authtok_revocations *revocations);

/*
 * The engine: keys and settings, immutable, shared by all threads.
 */
struct authtok;

struct authtok_config {
	size_t size;
	const char *issuer;    /* "iss": 1 to 128 printable ASCII without >?~ */
	const char *audience;  /* "aud": likewise */
	const char *typ;       /* "typ": 1 to 64 printable ASCII without "\;
				  NULL: "at+jwt" (RFC 9068) */
	int64_t lifetime;      /* of a new access token, seconds, 1 to 86400;
				  with revocations, also the greatest age of
				  one that is taken */
	int64_t expiry_leeway; /* seconds after exp, 0 to 300 */
	int64_t clock_leeway;  /* seconds for nbf and iat, 0 to 300 */
	bool allow_missing_kid; /* take tokens without kid; needs a set of one
				   signing key */
	bool omit_id;           /* leave the number "id" out of new tokens */
	int64_t (*now)(void *arg); /* NULL: the system's clock */
	void *now_arg;
	struct authtok_revocations *revocations; /* borrowed; NULL: none */
};

/* Defaults: no issuer, no audience (set both), 3600 s, 0 s, 30 s. */
#define AUTHTOK_CONFIG_INIT                                                   \
	{                                                                     \
		sizeof(struct authtok_config), NULL, NULL, NULL, 3600, 0, 30, \
		    false, false, NULL, NULL, NULL                            \
	}

/*
 * At most one key signs; without one the engine verifies only, which needs no
 * secret when the keys are public ones.
 * Errors: EINVAL, ENOMEM, ECRYPTO, EKEY (no key at all, or two that sign).
 */
enum authtok_err authtok_new(const struct authtok_config *config,
    const struct authtok_keys *keys, struct authtok **ret_engine);
void authtok_free(struct authtok *engine);

/* Whether a key of the engine signs, so that it can issue tokens. */
bool authtok_can_issue(const struct authtok *engine);

/* The engine's clock, seconds. */
int64_t authtok_now(const struct authtok *engine);

/*
 * For how many seconds after a revocation a token that was issued before could
 * still pass authtok_verify of this engine with a revocation set: lifetime,
 * expiry_leeway, clock_leeway twice, for issuer and revoker may be off to
 * either side, and 5. A store, which does not know who reads,
 * keeps a revocation for AUTHTOK_HORIZON_MAX.
 */
#define AUTHTOK_HORIZON_MAX (86400 + 300 + 2 * 300 + 5)
int64_t authtok_horizon(const struct authtok *engine);

/*
 * Claims of a verified token. Made once per thread and reused; after a failed
 * verify it is empty: text getters give NULL, numbers 0, no role.
 */
struct authtok_claims;

/* Errors: EINVAL, ENOMEM. */
enum authtok_err authtok_claims_new(struct authtok_claims **ret_claims);
void authtok_claims_free(struct authtok_claims *claims);

const char *authtok_claims_subject(const struct authtok_claims *claims);
/* The subject as a positive number up to 2^53, or 0 when it is not one. */
int64_t authtok_claims_user_id(const struct authtok_claims *claims);
const char *authtok_claims_issuer(const struct authtok_claims *claims);
/* The id of the key that verified the token. */
const char *authtok_claims_key_id(const struct authtok_claims *claims);
/* AUTHTOK_SID_LEN bytes, or NULL when the token names no session. */
const uint8_t *authtok_claims_session(const struct authtok_claims *claims);
int64_t authtok_claims_epoch(const struct authtok_claims *claims);
int64_t authtok_claims_issued_at(const struct authtok_claims *claims);
int64_t authtok_claims_expires_at(const struct authtok_claims *claims);
size_t authtok_claims_role_count(const struct authtok_claims *claims);
/* The i-th role, or NULL. */
const char *authtok_claims_role(const struct authtok_claims *claims, size_t i);
bool authtok_claims_has_role(
    const struct authtok_claims *claims, const char *role);

/*
 * Verify a token of len bytes: JWS compact serialisation (RFC 7515 section
 * 5.2), then the claims (RFC 7519 section 4.1), in the order of the manual.
 * There is no way to see the claims of a token that did not verify.
 * Takes no lock; allocates nothing, but what OpenSSL does for a key pair.
 * Errors: EINVAL, EFORMAT, EALG, EKEY, ESIG, EEXPIRED, EEARLY, ECLAIM,
 * EREVOKED, ECRYPTO.
 */
enum authtok_err authtok_verify(const struct authtok *engine, const char *token,
    size_t len, struct authtok_claims *claims);

/*
 * OK when the token has one of the roles (NULL-terminated list; all of them for
 * require_all). Empty claims have none. Errors: EINVAL (also an empty list),
 * EROLE.
 */
enum authtok_err authtok_require_any(
    const struct authtok_claims *claims, const char *const *roles);
enum authtok_err authtok_require_all(
    const struct authtok_claims *claims, const char *const *roles);

/* What a new access token says. */
struct authtok_grant {
	size_t size;
	int64_t user_id;     /* 1 to 2^53; "sub" is its decimal form */
	const char *subject; /* instead of user_id, which is then 0: 1 to 128
				printable ASCII bytes without "\>?~; no "id" */
	const uint8_t *sid;  /* AUTHTOK_SID_LEN bytes, or NULL for none */
	int64_t epoch;       /* 0 to 2^53 */
	size_t role_count;   /* up to AUTHTOK_ROLES_MAX */
	const char *const *roles;
};

#define AUTHTOK_GRANT_INIT                                              \
	{                                                               \
		sizeof(struct authtok_grant), 0, NULL, NULL, 0, 0, NULL \
	}

/*
 * Issue an access token into buf (size bytes; AUTHTOK_TOKEN_MAX + 1 are always
 * enough), NUL-terminated; *ret_len without the NUL. ret_expires_at may be NULL.
 * Errors: EINVAL (also a role twice, and a clock before 1970 or beyond 2^53),
 * ENOSPC, ECRYPTO (buf is then the empty string), EKEY (no key signs).
 */
enum authtok_err authtok_issue(const struct authtok *engine,
    const struct authtok_grant *grant, char *buf, size_t size, size_t *ret_len,
    int64_t *ret_expires_at);

/* Whether name is a role name: [a-z][a-z0-9_-]{0,31}. */
bool authtok_role_valid(const char *name);

/*
 * Whether text (len bytes) is one acceptable JSON value (RFC 8259): UTF-8, no
 * duplicate member names, no \u0000, no lone surrogate, nothing after it,
 * nested at most max_depth (1 to 64), at most 512 members in the objects that
 * are open at a time. This is the scanner that reads tokens. On failure
 * *ret_why is a static sentence and *ret_at the byte offset of the fault;
 * either may be NULL. Errors: EINVAL, EFORMAT.
 */
enum authtok_err authtok_json_check(const char *text, size_t len,
    unsigned max_depth, const char **ret_why, size_t *ret_at);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
