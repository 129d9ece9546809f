/*
 * authtok/store.h - for authors of storage backends: records, the vtable, its
 * contract. Applications only pass struct authtok_store pointers around.
 *
 * The contract, for every operation:
 *  - It is atomic and isolated: it happens whole or not at all, and two of them
 *    at once give what one after the other would. There is no begin or commit;
 *    read-check-write belongs inside the operation (in SQL: one conditional
 *    statement or an immediate transaction, never a read followed by a write
 *    under read committed: that mints two successors of one token).
 *  - Mutations are on stable storage before they return, but for
 *    session_update with durable == false, and the removal of rows by purge and
 *    audit_cut: what comes back is as dead as before and goes the next time.
 *  - Many threads may call at once. Backends read no clock (now is an
 *    argument), hold no policy, keep no pointer that they were given.
 *  - Records have a fixed size and are copied; memory never changes owner.
 *    Bytes after the NUL of a text are unspecified.
 *  - State only moves forward: revoked stays revoked, generations and epochs
 *    never fall, ids are never reused.
 *  - "Not there" is EUNKNOWN. A store that cannot answer says EBUSY (worth
 *    another try), ENOMEM or ESTORE, never EUNKNOWN. After any of them the
 *    caller assumes that the mutation may or may not have happened. These three
 *    can come from every operation and are not named below.
 *  - A record with more roles or retries than there is room for is EINVAL.
 *  - A session is live while it is not revoked and expires_at > now.
 *  - ret_ pointers are untouched on failure, but for the elements of an array,
 *    which are then unspecified.
 */
#ifndef AUTHTOK_STORE_H
#define AUTHTOK_STORE_H

#include <authtok.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

#define AUTHTOK_NAME_MAX    64  /* bytes of a user name */
#define AUTHTOK_EMAIL_MAX   254 /* bytes of an e-mail address */
#define AUTHTOK_HASH_MAX    383 /* bytes of a password hash in crypt form */
#define AUTHTOK_SEED_LEN    16
#define AUTHTOK_RETRIES_MAX 8
#define AUTHTOK_RETRY_LEN   8
#define AUTHTOK_ADDRESS_MAX 45  /* bytes of a network address as text */
#define AUTHTOK_AGENT_MAX   255 /* bytes of a user agent; longer ones are cut */
#define AUTHTOK_EPOCH_MAX   (INT64_C(1) << 53) /* what a token can carry */

/* One user. Texts are NUL-terminated. */
struct authtok_user {
	int64_t id;      /* 1 to 2^53; given by the store */
	int64_t version; /* 1 at first, +1 at every update; set by the store */
	int64_t epoch;   /* tokens with a lower one are revoked; never falls */
	int64_t created_at;
	bool disabled;
	char name[AUTHTOK_NAME_MAX + 1]; /* unique without ASCII case */
	char
	    email[AUTHTOK_EMAIL_MAX + 1]; /* likewise; "" is none, any number */
	char hash[AUTHTOK_HASH_MAX + 1];  /* "" lets nobody sign in */
	size_t role_count;
	char roles[AUTHTOK_ROLES_MAX][AUTHTOK_ROLE_MAX + 1];
};

/* A retry key that was remembered: for which generation, and its MAC. */
struct authtok_retry {
	uint32_t gen;
	uint8_t mac[AUTHTOK_RETRY_LEN];
};

/* One session: one sign-in on one device. The one row of the rotation rule. */
struct authtok_session {
	uint8_t sid[AUTHTOK_SID_LEN];
	int64_t user_id;
	int64_t created_at;
	int64_t expires_at; /* absolute end */
	int64_t revoked_at; /* 0: live */
	/* rotation: see authtok-rotation(7) */
	uint8_t seed[AUTHTOK_SEED_LEN];
	uint32_t gen, branch, parent;
	uint32_t forwarded_gen;
	int64_t rotated_at;
	int64_t forwarded_at;
	uint32_t retry_count; /* oldest first */
	struct authtok_retry retries[AUTHTOK_RETRIES_MAX];
	/* for people */
	char address[AUTHTOK_ADDRESS_MAX + 1];
	char agent[AUTHTOK_AGENT_MAX + 1];
};

/* What session_find says of the session's user, from the same read. */
struct authtok_owner {
	int64_t epoch;
	bool disabled;
	size_t role_count;
	char roles[AUTHTOK_ROLES_MAX][AUTHTOK_ROLE_MAX + 1];
};

/*
 * Audit: what happened, one record an event, each chained to the one before it.
 */
#define AUTHTOK_MAC_LEN    32
#define AUTHTOK_DETAIL_MAX 160 /* bytes of the detail of an audit record */

struct authtok_audit_record {
	int64_t seq; /* 1, 2, 3, ... without a gap; given by the store */
	int64_t at;
	int64_t user_id; /* 0: nobody's; user_create puts the new id here */
	uint32_t event;  /* enum authtok_event, see authtok/audit.h */
	uint32_t count;  /* how often; 1 but for failed sign-ins */
	uint32_t key;    /* number of the audit secret that mac hangs on */
	bool has_sid;
	uint8_t sid[AUTHTOK_SID_LEN]; /* zero without has_sid */
	char address[AUTHTOK_ADDRESS_MAX + 1];
	char detail[AUTHTOK_DETAIL_MAX + 1];
	uint8_t mac[AUTHTOK_MAC_LEN];
};

/*
 * Sets record->mac (and key) from the mac of the record before it, for the
 * first one AUTHTOK_MAC_LEN zero bytes. Lent to the backend, which calls it
 * inside its transaction, when all else of the record is set. An error
 * undoes the operation, which returns that very error. It may be called by
 * another thread than the operation's, which waits meanwhile.
 */
typedef enum authtok_err authtok_chain(void *arg,
    const uint8_t previous[AUTHTOK_MAC_LEN],
    struct authtok_audit_record *record);

/*
 * The act that a mutation belongs to: when it is, for how long a revocation
 * matters, and what the audit log says of it. The records are written in the
 * same transaction, and only when the operation changed something.
 */
struct authtok_act {
	int64_t now;   /* > 0; otherwise the op is EINVAL and does nothing */
	int64_t until; /* now + AUTHTOK_HORIZON_MAX */
	const struct authtok_audit_record *record; /* NULL: none */
	/*
	 * session_create: once for each session that max_live ends, with its
	 * sid put in, oldest first, all of them before record. NULL: none.
	 */
	const struct authtok_audit_record *limit_record;
	authtok_chain *chain; /* with either */
	void *chain_arg;
};

/* Which sessions a user_update ends in the same step. */
enum authtok_end {
	AUTHTOK_END_NONE = 0,
	AUTHTOK_END_OTHERS = 1, /* all but keep */
	AUTHTOK_END_ALL = 2,
};

/* Bumped at every change of struct authtok_store_ops or of a record. */
#define AUTHTOK_STORE_VERSION 4

/* What session_change is to do: as session_update, with the row's gen and branch. */
struct authtok_change {
	const struct authtok_session *next; /* NULL: nothing */
	const struct authtok_act *act;
	bool durable;
};

/*
 * Looks at what was read and fills the change, which is empty before. Anything
 * but OK is what session_change returns, with nothing changed. It may be called
 * again, with what was read again, and by another thread than the operation's,
 * which waits meanwhile; it must not call the store.
 */
typedef enum authtok_err authtok_decide(
    void *arg, struct authtok_change *change);

struct authtok_store_ops {
	unsigned version; /* AUTHTOK_STORE_VERSION of the backend's build */

	/* End of use; the context is gone afterwards. Never called twice. */
	void (*close)(void *ctx);

	/*
	 * Add a user: name, email, hash, roles, disabled, created_at, epoch are
	 * taken; version becomes 1.
	 * ENAME: the name is taken (also when both are); EEMAIL: the address is.
	 * act may be NULL.
	 */
	enum authtok_err (*user_create)(void *ctx,
	    const struct authtok_user *user, const struct authtok_act *act,
	    int64_t *ret_id);

	/* EUNKNOWN. Name and e-mail compare without ASCII case. An e-mail of
	 * "" is none, so it finds nobody. */
	enum authtok_err (*user_find)(
	    void *ctx, int64_t id, struct authtok_user *ret_user);
	enum authtok_err (*user_find_name)(
	    void *ctx, const char *name, struct authtok_user *ret_user);
	enum authtok_err (*user_find_email)(
	    void *ctx, const char *email, struct authtok_user *ret_user);

	/*
	 * Replace name, email, hash, roles, disabled and epoch of user->id iff its
	 * version is still user->version; version grows by one. An epoch
	 * below the stored one is EINVAL; one above it is a revocation. end says which
	 * of the user's live sessions are revoked in the same step, each of them
	 * a revocation too; keep is AUTHTOK_SID_LEN bytes, needed by END_OTHERS
	 * (NULL there is EINVAL) and not looked at otherwise.
	 * EUNKNOWN, ECHANGED, ENAME, EEMAIL, EINVAL.
	 */
	enum authtok_err (*user_update)(void *ctx,
	    const struct authtok_user *user, enum authtok_end end,
	    const uint8_t *keep, const struct authtok_act *act);

	/*
	 * Remove the user and all sessions; a revocation with the largest epoch
	 * (INT64_MAX) remains. EUNKNOWN.
	 */
	enum authtok_err (*user_delete)(
	    void *ctx, int64_t id, const struct authtok_act *act);

	/* Users with id > after, by id, up to cap of them. */
	enum authtok_err (*user_list)(void *ctx, int64_t after,
	    struct authtok_user *ret_users, size_t cap, size_t *ret_count);

	/*
	 * Add a session iff the user's version is still user_version and the user is
	 * not disabled, so that no session outlives the password that opened it.
	 * When the user would then have more than max_live live sessions
	 * (0: no limit) the ones with the oldest rotated_at are revoked in the
	 * same step, each a revocation.
	 * EUNKNOWN (no user), ECHANGED, EINVAL (sid exists).
	 */
	enum authtok_err (*session_create)(void *ctx,
	    const struct authtok_session *session, int64_t user_version,
	    unsigned max_live, const struct authtok_act *act);

	/* EUNKNOWN. Both results come from one read. */
	enum authtok_err (*session_find)(void *ctx, const uint8_t *sid,
	    struct authtok_session *ret_session,
	    struct authtok_owner *ret_owner);

	/*
	 * Compare-and-swap: replace the rotation fields (gen to retries), address
	 * and agent of next->sid iff its gen and branch are still
	 * those given and it is not revoked. durable: on stable storage
	 * before it returns; otherwise it may be lost with power, not with a
	 * crash of the process, and never torn.
	 * ECHANGED also when the session is revoked or gone. A gen below the
	 * stored one is EINVAL. act may be NULL; ordinary rotations carry no
	 * record.
	 */
	enum authtok_err (*session_update)(void *ctx,
	    const struct authtok_session *next, uint32_t gen, uint32_t branch,
	    bool durable, const struct authtok_act *act);

	/*
	 * Find, decide and update in one step, so that nobody comes between: for
	 * stores where that is less work than the two calls. NULL: it is not,
	 * and callers use session_find and session_update; who wraps these wraps
	 * this one too, or clears it. Fails as they do, or
	 * as decide does; then the results may have been written.
	 */
	enum authtok_err (*session_change)(void *ctx, const uint8_t *sid,
	    struct authtok_session *ret_session,
	    struct authtok_owner *ret_owner, authtok_decide *decide, void *arg);

	/* A user's sessions, revoked ones too, with sid > after (NULL: from the
	 * first) in bytewise order, up to cap. */
	enum authtok_err (*session_list)(void *ctx, int64_t user_id,
	    const uint8_t *after, struct authtok_session *ret_sessions,
	    size_t cap, size_t *ret_count);

	/* Revoke one; OK, and no second revocation, if it already is. EUNKNOWN. */
	enum authtok_err (*session_revoke)(
	    void *ctx, const uint8_t *sid, const struct authtok_act *act);

	/*
	 * Revoke the user's live sessions, but keep. keep NULL: all of them, and
	 * in the same step the epoch becomes authtok_epoch_next of the stored
	 * one and act->now, a revocation too, also when no session is live: a
	 * store that was set back knows no session of the tokens that it gave
	 * out since. The user's version grows by one then, so that no
	 * session_create that read the user before comes after. *ret_count is
	 * how many sessions.
	 * OK with none, and without such a user. ESTORE: no such epoch; nothing
	 * was revoked.
	 */
	enum authtok_err (*session_revoke_user)(void *ctx, int64_t user_id,
	    const uint8_t *keep, const struct authtok_act *act,
	    size_t *ret_count);

	/* Remove a session iff its gen and branch are still those given; OK when it
	 * is gone already. ECHANGED. Not a revocation. */
	enum authtok_err (*session_delete)(
	    void *ctx, const uint8_t *sid, uint32_t gen, uint32_t branch);

	/*
	 * Revocations with seq > after, by seq, up to cap. Two processes may commit
	 * out of order by seconds, so callers poll with an overlap.
	 */
	enum authtok_err (*revoked_since)(void *ctx, int64_t after,
	    struct authtok_revocation *ret_events, size_t cap,
	    size_t *ret_count);

	/*
	 * Remove at most limit rows that cannot matter any more: sessions with
	 * expires_at <= now, rotated_at <= idle_before, or revoked_at != 0 and
	 * revoked_at <= idle_before; and revocations with until <= now. A call may
	 * look at a part only, and the next one goes on behind it: *ret_more is
	 * false when this one came to the end of all.
	 */
	enum authtok_err (*purge)(void *ctx, int64_t now, int64_t idle_before,
	    size_t limit, size_t *ret_count, bool *ret_more);

	/* Append the record of an act that changes nothing else. */
	enum authtok_err (*audit_append)(
	    void *ctx, const struct authtok_act *act);

	/*
	 * Records after the base with seq > after, by seq, up to cap. One that
	 * cannot be read any more is zero but for its seq: no chain passes it.
	 */
	enum authtok_err (*audit_list)(void *ctx, int64_t after,
	    struct authtok_audit_record *ret_records, size_t cap,
	    size_t *ret_count);

	/*
	 * Where the log begins: seq and mac of the last record that was cut, 0
	 * and zero bytes when none was. EUNKNOWN: somebody took that away.
	 */
	enum authtok_err (*audit_base)(
	    void *ctx, int64_t *ret_seq, uint8_t ret_mac[AUTHTOK_MAC_LEN]);

	/*
	 * Remove the records up to and with seq, which becomes the base, and
	 * append the record of act, which says so: both in one step. seq may be
	 * that of the newest record. OK without change, and without a record,
	 * when they are gone already. EUNKNOWN: seq is not reached yet. EINVAL:
	 * no act or no record.
	 */
	enum authtok_err (*audit_cut)(
	    void *ctx, int64_t seq, const struct authtok_act *act);

	/*
	 * For logs: a sentence on the last EBUSY or ESTORE of this handle, into
	 * buf (size bytes, >= 1); "" when there was none. Never the content of
	 * a record.
	 */
	void (*explain)(void *ctx, char *buf, size_t size);
};

/*
 * The epoch that revokes all access tokens of a user which were made so far:
 * one above the stored epoch, but not below now (seconds). A counter alone
 * would do unless the store can be set back, to a backup: then tokens are out
 * whose epochs it has never seen, but none that was made after now. A clock
 * that goes back never lets an epoch fall. 0: the stored one cannot be raised,
 * and the caller fails with ESTORE, for the old tokens would stay good.
 */
static inline int64_t
authtok_epoch_next(int64_t epoch, int64_t now)
{
	if (epoch < 0 || epoch >= AUTHTOK_EPOCH_MAX)
		return 0;
	if (now <= epoch)
		return epoch + 1;
	return now < AUTHTOK_EPOCH_MAX ? now : AUTHTOK_EPOCH_MAX;
}

/*
 * A backend behind its vtable. Allocated with malloc and filled by the backend's
 * constructor; authtok_store_close calls ops->close and then frees it, so it
 * must not be a part of what ctx points to.
 */
struct authtok_store {
	const struct authtok_store_ops *ops;
	void *ctx;
};

/*
 * The reference backend: everything in memory, gone at close.
 * Errors: EINVAL, ENOMEM.
 */
enum authtok_err authtok_store_memory(struct authtok_store **ret_store);

/*
 * A sentence for the log on the last failure of the store, of whatever thread,
 * into buf (size bytes); "" when there was none.
 */
void authtok_store_explain(
    const struct authtok_store *store, char *buf, size_t size);

/* Close any store that a constructor gave. Nobody may be using it. */
void authtok_store_close(struct authtok_store *store);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
