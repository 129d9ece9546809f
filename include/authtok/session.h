/*
 * authtok/session.h - sessions and refresh rotation.
 *
 * A session is one sign-in on one device. Its refresh token is replaced at each
 * use; the rule is "confirm by use" (authtok-rotation(7)), a refinement of
 * RFC 9700 section 4.14.2: a lost reply never signs an honest client out, and a
 * thief and the victim cannot both go on.
 */
#ifndef AUTHTOK_SESSION_H
#define AUTHTOK_SESSION_H

#include <authtok.h>
#include <authtok/audit.h>
#include <authtok/store.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define AUTHTOK_REFRESH_LEN  81  /* bytes of a refresh token, without NUL */
#define AUTHTOK_RETRYKEY_MAX 255 /* bytes of a retry key */

/* The service: an engine, refresh secrets and a store. Shared by all threads. */
struct authtok_sessions;

enum authtok_rotation {
	AUTHTOK_BALANCED = 0, /* all six rules */
	AUTHTOK_STRICT =
	    1, /* no second answer for a used token (ASVS 10.4.5) */
};

struct authtok_sessions_config {
	size_t size;
	int64_t idle_lifetime;     /* from the last rotation, seconds, >= 1 */
	int64_t absolute_lifetime; /* from the sign-in, seconds, >= 1 */
	int64_t leeway;            /* for clients without retry key, 0 to 300 */
	enum authtok_rotation rotation;
	unsigned max_per_user; /* the oldest is ended; 0: no limit */
	const struct authtok_audit *audit; /* borrowed; NULL: no records */
};

/* Defaults: 1 day idle, 30 days absolute, 10 s, balanced, 100 a user. */
#define AUTHTOK_SESSIONS_CONFIG_INIT                                        \
	{                                                                   \
		sizeof(struct authtok_sessions_config), 86400, 2592000, 10, \
		    AUTHTOK_BALANCED, 100, NULL                             \
	}

/*
 * engine and store are borrowed and must outlive the service; keys is copied.
 * Errors: EINVAL (also a store of another AUTHTOK_STORE_VERSION), ENOMEM,
 * ECRYPTO, EKEY (no current refresh secret, or two; an engine that cannot
 * issue).
 */
enum authtok_err authtok_sessions_new(
    const struct authtok_sessions_config *config, const struct authtok *engine,
    const struct authtok_keys *keys, struct authtok_store *store,
    struct authtok_sessions **ret_sessions);
void authtok_sessions_free(struct authtok_sessions *sessions);

const struct authtok *authtok_sessions_engine(
    const struct authtok_sessions *sessions);

/* Who is at the other end; both may be NULL. Longer texts are cut. */
struct authtok_client {
	size_t size;
	const char *address; /* network address as text */
	const char *agent;   /* user agent */
};

#define AUTHTOK_CLIENT_INIT                               \
	{                                                 \
		sizeof(struct authtok_client), NULL, NULL \
	}

/* A pair of tokens. Filled by the library. */
struct authtok_tokens {
	size_t size;
	int64_t user_id;
	uint8_t sid[AUTHTOK_SID_LEN];
	int64_t access_expires_at;
	int64_t refresh_expires_at; /* unless it is used before */
	size_t access_len;
	char refresh[AUTHTOK_REFRESH_LEN + 1];
	char access[AUTHTOK_TOKEN_MAX + 1];
};

#define AUTHTOK_TOKENS_INIT                                              \
	{                                                                \
		sizeof(struct authtok_tokens), 0, { 0 }, 0, 0, 0, { 0 }, \
		{                                                        \
			0                                                \
		}                                                        \
	}

/*
 * Open a session for a user as just read from the store (id, version, epoch,
 * roles are used). On stable storage before it returns.
 * client may be NULL.
 * Errors: EINVAL, ENOMEM, ECRYPTO, ESTORE, EBUSY, EUNKNOWN (no such user),
 * ECHANGED (the user changed or was disabled since it was read).
 */
enum authtok_err authtok_session_open(const struct authtok_sessions *sessions,
    const struct authtok_user *user, const struct authtok_client *client,
    struct authtok_tokens *ret_tokens);

/* How a refresh was decided. */
enum authtok_outcome {
	AUTHTOK_ROTATED = 1,   /* R1: a new generation */
	AUTHTOK_REPEATED = 2,  /* R2: the same answer again */
	AUTHTOK_REPLACED = 3,  /* R3: an unused child was replaced */
	AUTHTOK_FORWARDED = 5, /* R5: the store was behind and caught up */
};

/*
 * Present a refresh token of len bytes. retry_key is NULL or 1 to
 * AUTHTOK_RETRYKEY_MAX visible ASCII characters, the same for every try of one
 * stored token: all of them send it, or all none. The leeway is for those that
 * send none. client may be NULL; ret_outcome and ret_tokens may not.
 * Errors: EINVAL (retry_key, arguments), EFORMAT (not a refresh token), EKEY
 * (unknown refresh secret), ESIG (forged), EUNKNOWN (no such session, or its
 * user is disabled or gone), EREVOKED, EEXPIRED (the session is removed),
 * ESTALE (superseded; the session is untouched), EREUSED (the session was ended,
 * durably, before this returned), ENOMEM, ECRYPTO, ESTORE, EBUSY.
 */
enum authtok_err authtok_session_refresh(
    const struct authtok_sessions *sessions, const char *token, size_t len,
    const char *retry_key, const struct authtok_client *client,
    enum authtok_outcome *ret_outcome, struct authtok_tokens *ret_tokens);

/*
 * Whose a genuine refresh token of len bytes is, whatever became of its session:
 * for logs. Nothing is decided and nothing changes.
 * Errors: EINVAL, EFORMAT, EKEY, ESIG (as above), EUNKNOWN (the session is gone),
 * ECRYPTO, ESTORE, EBUSY.
 */
enum authtok_err authtok_session_identify(
    const struct authtok_sessions *sessions, const char *token, size_t len,
    uint8_t ret_sid[AUTHTOK_SID_LEN], int64_t *ret_user_id);

/*
 * The live sessions (not revoked, not expired) of a user, with sid > after
 * (NULL: from the first), up to cap, fewer only when there are no more; seeds
 * and retry keys are zeroed. On failure ret_sessions may have been written to.
 * Errors: EINVAL, ENOMEM, ESTORE, EBUSY.
 */
enum authtok_err authtok_session_list(const struct authtok_sessions *sessions,
    int64_t user_id, const uint8_t *after, struct authtok_session *ret_sessions,
    size_t cap, size_t *ret_count);

/*
 * End one session of a user. On stable storage, and in the engine's revocation
 * set, before it returns. client may be NULL.
 * Errors: EINVAL, EUNKNOWN (none of the user's, or not live), ESTORE, EBUSY,
 * ENOMEM, ECRYPTO.
 */
enum authtok_err authtok_session_revoke(const struct authtok_sessions *sessions,
    int64_t user_id, const uint8_t *sid, const struct authtok_client *client);

/*
 * End the live sessions of a user but keep. keep NULL: all, and the epoch rises,
 * so that also access tokens die whose session the store does not know: it may
 * have been set back to a backup. *ret_count, when not NULL, is how many.
 * Durable and in the set as above. After a failure they may
 * have been ended all the same; asking again brings the rest about.
 * Errors: EINVAL, ESTORE, EBUSY, ENOMEM, ECRYPTO.
 */
enum authtok_err authtok_session_revoke_user(
    const struct authtok_sessions *sessions, int64_t user_id,
    const uint8_t *keep, const struct authtok_client *client,
    size_t *ret_count);

enum authtok_scope {
	AUTHTOK_LOCAL = 1,  /* this session */
	AUTHTOK_OTHERS = 2, /* the user's other sessions */
	AUTHTOK_GLOBAL = 3, /* all of them; the epoch rises */
};

/*
 * Sign out by an access token that was just verified (claims), by a refresh
 * token of len bytes, or by both: one of them may be NULL. A refresh token that
 * would be accepted (R1, R2, R3, R5) may end others; any other genuine one ends
 * its own session only, whatever the scope. Of both, AUTHTOK_LOCAL takes the
 * refresh token's session, or the claims' when the former is not live or the
 * token not genuine; the other scopes take the claims. What is dead already is
 * OK.
 * Durable and in the set as above; after a failure ask again, as above. client
 * may be NULL.
 * Errors: EINVAL, EFORMAT, EKEY, ESIG (no genuine token of this system),
 * ECLAIM (claims without session or user), ESTORE, EBUSY, ENOMEM, ECRYPTO.
 */
enum authtok_err authtok_signout(const struct authtok_sessions *sessions,
    enum authtok_scope scope, const struct authtok_claims *claims,
    const char *token, size_t len, const struct authtok_client *client);

/*
 * Bring the engine's revocation set up to date with the store: what other
 * processes did is known afterwards. Call it at start, before the first verify,
 * and then every second. The services call it after what they do themselves.
 * OK without a set. Any thread. Errors: EINVAL (also a store of another
 * AUTHTOK_STORE_VERSION), ENOMEM, ESTORE, EBUSY.
 */
enum authtok_err authtok_revocations_pull(
    const struct authtok *engine, const struct authtok_store *store);

/*
 * Remove what has expired, at most limit rows. A call looks at a part of a large
 * store and the next one goes on behind it: *ret_more is false when this one
 * came to the end. ret_count and ret_more may be NULL.
 * Errors: EINVAL, ENOMEM, ESTORE, EBUSY.
 */
enum authtok_err authtok_sessions_purge(const struct authtok_sessions *sessions,
    size_t limit, size_t *ret_count, bool *ret_more);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
