/*
 * authtok/audit.h - the audit log: one record for each security event, written
 * in the transaction of the event, chained by HMAC-SHA256 under a key derived
 * from the audit secrets, so that who can write the database but has no key
 * cannot alter, remove or insert a record unseen, nor cut the beginning off:
 * only the tail, for which a head is needed that was written down elsewhere.
 */
#ifndef AUTHTOK_AUDIT_H
#define AUTHTOK_AUDIT_H

#include <authtok.h>
#include <authtok/store.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default)
#endif

/* Values are ABI and stand in databases: never renumbered. */
enum authtok_event {
	AUTHTOK_EVENT_SIGNUP = 1, /* detail: the roles */
	AUTHTOK_EVENT_SIGNIN = 2,
	/*
	 * count of them within the minute of at; address: the network; detail:
	 * the user's name, "" when it was no user's. What found no room in
	 * memory is counted in one record: nobody's, without a network, detail
	 * "others", and at is the minute of the first.
	 */
	AUTHTOK_EVENT_SIGNIN_FAILED = 3,
	AUTHTOK_EVENT_REUSE = 4,   /* a session ended by R6 */
	AUTHTOK_EVENT_FORWARD = 5, /* R5: the store had been behind */
	AUTHTOK_EVENT_SIGNOUT = 6, /* detail: local, others, global */
	/*
	 * by its user or an admin: a session, or, without one, detail: others,
	 * all; or a session, detail: limit, by a sign-in beyond max_per_user
	 */
	AUTHTOK_EVENT_REVOKE = 7,
	AUTHTOK_EVENT_PASSWORD = 8,
	AUTHTOK_EVENT_ROLES = 9, /* detail: the new ones */
	AUTHTOK_EVENT_DISABLE = 10,
	AUTHTOK_EVENT_ENABLE = 11,
	AUTHTOK_EVENT_DELETE = 12, /* detail: the name */
	AUTHTOK_EVENT_KEYS = 13,   /* detail: key ids in use */
	AUTHTOK_EVENT_CUT = 14,    /* detail: "up to N", the new base */
};

/* "signup", "signin-failed", ...; "?" for a number that is no event. */
const char *authtok_event_name(uint32_t event);

/* The keys of the chain. Immutable; shared by all threads. */
struct authtok_audit;

/*
 * K = HKDF-SHA256(audit secret n, info "authtok audit v1" | n); new records
 * hang on the current secret. keys is copied.
 * Errors: EINVAL, ENOMEM, ECRYPTO, EKEY (no current audit secret, or two).
 */
enum authtok_err authtok_audit_new(
    const struct authtok_keys *keys, struct authtok_audit **ret_audit);
/* Every service that was given it must be gone. */
void authtok_audit_free(struct authtok_audit *audit);

/*
 * Let act carry record, which is borrowed until the act is done and whose seq,
 * key and mac are set by the store and the chain. audit or record NULL: act
 * carries none, nor a limit_record.
 */
void authtok_audit_attach(const struct authtok_audit *audit,
    const struct authtok_audit_record *record, struct authtok_act *act);

/* A place in the log: what an operator writes down, to notice a cut-off tail. */
struct authtok_audit_head {
	int64_t seq;
	uint8_t mac[AUTHTOK_MAC_LEN];
};

/* What a verification found. Filled by the library. */
struct authtok_audit_report {
	size_t size;
	int64_t checked;                /* records */
	struct authtok_audit_head head; /* of what is good */
	int64_t bad_seq; /* ETAMPERED, EKEY: the first that is not good */
	const char
	    *what; /* of bad_seq: static; altered, removed, cut off, ... */
};

#define AUTHTOK_AUDIT_REPORT_INIT                                             \
	{                                                                     \
		sizeof(struct authtok_audit_report), 0, { 0, { 0 } }, 0, NULL \
	}

/*
 * Walk the whole log: from where it begins, which the newest record of a cut
 * must say, to its end. known, when not NULL, is a head that was written down
 * before: a log that does not reach or contain it is ETAMPERED, also when it
 * was cut behind it since. Without known a log that ends too early, be it all
 * of it that is missing, or one that was set back as a whole, is not noticed.
 * *ret_report is filled also on ETAMPERED and EKEY.
 * Errors: EINVAL, EKEY (a record hangs on a secret that keys did not have;
 * bad_seq names it), ETAMPERED, ECRYPTO, ESTORE, EBUSY, ENOMEM.
 */
enum authtok_err authtok_audit_verify(const struct authtok_audit *audit,
    const struct authtok_store *store, const struct authtok_audit_head *known,
    struct authtok_audit_report *ret_report);

/*
 * Cut the log: the records up to and with seq go, and a record of that comes,
 * in one step. OK without a record when they are gone already. Whoever has the
 * keys may do this; verify before, or what was tampered with goes unseen with
 * the rest. now is in seconds, as authtok_now gives it.
 * Errors: EINVAL, EUNKNOWN (seq is not reached yet), ECRYPTO, ESTORE, EBUSY,
 * ENOMEM.
 */
enum authtok_err authtok_audit_cut(const struct authtok_audit *audit,
    const struct authtok_store *store, int64_t seq, int64_t now);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
