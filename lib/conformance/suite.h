/*
 * The suite that every backend must pass, for its own files only. May know:
 * conformance.h and store.h, libc and threads.
 *
 * A case is a function over a fresh store. What it finds wrong goes through
 * the report callback, one sentence each; it goes on where it still can.
 */
#ifndef AT_CONFORMANCE_SUITE_H
#define AT_CONFORMANCE_SUITE_H

#include <authtok/conformance.h>

#include <pthread.h>

struct at_run {
	const struct authtok_conformance *suite;
	const char *name;
	unsigned failures;
	struct authtok_store *store; /* NULL when a case lost it */
	struct authtok_store *other; /* the second handle, or store again */
};

struct at_case {
	const char *name;
	void (*body)(struct at_run *run);
};

/* A list of cases ends with a NULL name. */
extern const struct at_case at_cases_users[];
extern const struct at_case at_cases_user_update[];
extern const struct at_case at_cases_sessions[];
extern const struct at_case at_cases_rotation[];
extern const struct at_case at_cases_change[];
extern const struct at_case at_cases_revoke[];
extern const struct at_case at_cases_purge[];
extern const struct at_case at_cases_handles[];
extern const struct at_case at_cases_races[];
extern const struct at_case at_cases_race_sessions[];
extern const struct at_case at_cases_audit[];
extern const struct at_case at_cases_audit_cut[];
extern const struct at_case at_cases_audit_acts[];
extern const struct at_case at_cases_race_audit[];

/* ---- checks (suite.c) ---------------------------------------------------- */

/* Report "file:line: what" and count it. */
void at_fail(struct at_run *run, const char *file, int line, const char *what);
bool at_expect_err(struct at_run *run, const char *file, int line,
    const char *op, enum authtok_err want, enum authtok_err got);
bool at_expect_num(struct at_run *run, const char *file, int line,
    const char *what, int64_t want, int64_t got);

/* Call an operation of the first handle, or of a given one. */
#define OP_OF(handle, op, ...) (handle)->ops->op((handle)->ctx, __VA_ARGS__)
#define OP(run, op, ...)       OP_OF((run)->store, op, __VA_ARGS__)

/* Each gives whether all was well, so that a case can stop. */
#define EXPECT(run, cond, what) \
	((cond) || (at_fail(run, __FILE__, __LINE__, what), false))
#define EXPECT_NUM(run, want, got, what) \
	at_expect_num(                   \
	    run, __FILE__, __LINE__, what, (int64_t)(want), (int64_t)(got))
#define EXPECT_ERR(run, want, op, ...) \
	at_expect_err(                 \
	    run, __FILE__, __LINE__, #op, want, OP(run, op, __VA_ARGS__))
#define EXPECT_ERR_OF(run, handle, want, op, ...)         \
	at_expect_err(run, __FILE__, __LINE__, #op, want, \
	    OP_OF(handle, op, __VA_ARGS__))

/* ---- records (fixture.c) ------------------------------------------------- */

/* The hour at which most cases happen. */
#define AT_NOW   INT64_C(1000000)
#define AT_UNTIL (AT_NOW + 3605)
extern const struct authtok_act at_when;

/* A user of that name with one role, epoch 1, no e-mail. */
void at_user(struct authtok_user *user, const char *name);
/* Create it; its id and version are put into user. */
bool at_user_add(
    struct at_run *run, struct authtok_user *user, const char *name);
/* A live session of the user; tag makes the sid, bytewise in order of tag. */
void at_session(struct authtok_session *s, int64_t user_id, uint32_t tag);
void at_sid(uint8_t *sid, uint32_t tag);
/* Create it for a user of version 1, without a limit. */
bool at_session_add(struct at_run *run, struct authtok_session *s,
    int64_t user_id, uint32_t tag);

/* What is wrong with got, as a sentence, or NULL when it is as wanted. */
const char *at_user_differs(
    const struct authtok_user *want, const struct authtok_user *got);
const char *at_session_differs(
    const struct authtok_session *want, const struct authtok_session *got);
const char *at_owner_differs(
    const struct authtok_user *want, const struct authtok_owner *got);

/* Read back and compare. */
#define EXPECT_USER(run, want) at_expect_user(run, __FILE__, __LINE__, want)
#define EXPECT_SESSION(run, want) \
	at_expect_session(run, __FILE__, __LINE__, want)
bool at_expect_user(struct at_run *run, const char *file, int line,
    const struct authtok_user *want);
bool at_expect_session(struct at_run *run, const char *file, int line,
    const struct authtok_session *want);

/* Fill with a pattern; whether all of it is still there. */
void at_poison(void *p, size_t len);
bool at_poisoned(const void *p, size_t len);

/* ---- what the store says (fixture.c) ------------------------------------- */

/* Revocations of one session, or of one user with that epoch. */
size_t at_events_of_session(struct at_run *run, const uint8_t *sid);
size_t at_events_of_user(struct at_run *run, int64_t user_id, int64_t epoch);
/* All of them. */
size_t at_events(struct at_run *run);
/* The last one. */
bool at_last_event(struct at_run *run, struct authtok_revocation *ret_event);
/* Sessions of a user that are not revoked, and all of them. */
size_t at_count_live(struct at_run *run, int64_t user_id);
size_t at_count_sessions(struct at_run *run, int64_t user_id);
/* Whether the session is there and revoked, or there and not. */
bool at_is_revoked(struct at_run *run, const uint8_t *sid);
bool at_is_live(struct at_run *run, const uint8_t *sid);

/* ---- the audit log (audit.c) --------------------------------------------- */

#define AT_KEY 7 /* what the chain makes of key */

/* The chain of the suite; its argument is a struct at_link. */
authtok_chain at_chain;

struct at_link {
	enum authtok_err refuse; /* the chain's answer unless OK */
	unsigned well;           /* calls that go well before it refuses */
	const uint8_t *mac;      /* the chain's mac, or NULL: at_mac */
	/* what the chain saw at its last call */
	unsigned calls;
	uint8_t previous[AUTHTOK_MAC_LEN];
	struct authtok_audit_record got;
};

/* An act at at_when with record n. Not to be copied. */
struct at_audited {
	struct authtok_act act;
	struct authtok_audit_record record;
	struct authtok_audit_record limit; /* of at_limited */
	struct at_link link;
};

void at_audited(struct at_audited *audited, unsigned n);
/* With a limit_record too, record n + 1. */
void at_limited(struct at_audited *audited, unsigned n);
void at_record(struct authtok_audit_record *record, unsigned n);
void at_mac(const uint8_t *previous, const struct authtok_audit_record *record,
    uint8_t *ret_mac);
/* But for seq, key and mac. */
const char *at_record_differs(const struct authtok_audit_record *want,
    const struct authtok_audit_record *got);

/* A place in the log. */
struct at_head {
	int64_t seq;
	uint8_t mac[AUTHTOK_MAC_LEN];
};

bool at_base(struct at_run *run, struct at_head *ret_head);
/* Follow the chain from head to the end of the log; the number of records. */
size_t at_walk(struct at_run *run, struct at_head *head);
/* All of them, from the base. */
size_t at_records(struct at_run *run);
bool at_last_record(
    struct at_run *run, struct authtok_audit_record *ret_record);

/* The last record is this one. */
#define EXPECT_RECORD(run, want) at_expect_record(run, __FILE__, __LINE__, want)
bool at_expect_record(struct at_run *run, const char *file, int line,
    const struct authtok_audit_record *want);

/* ---- races (race.c) ------------------------------------------------------ */

#define AT_THREADS_MAX 64

struct at_race {
	struct at_run *run;
	unsigned threads, rounds;
	unsigned round;
	enum authtok_err got[AT_THREADS_MAX]; /* of each thread, this round */
	void *arg;
	/* Before the round, alone; false ends the race. NULL: nothing. */
	bool (*prepare)(struct at_race *race);
	/* All at once; handles alternate by thread. No report from here. */
	enum authtok_err (*act)(struct at_race *race,
	    struct authtok_store *handle, unsigned thread);
	/* After the round, alone; false ends the race. */
	bool (*judge)(struct at_race *race);
};

/* How many threads got err this round. EBUSY leaves open what happened. */
unsigned at_race_count(const struct at_race *race, enum authtok_err err);
/* Exactly one OK, the others err; EBUSY makes up for either. */
bool at_race_one_winner(
    const struct at_race *race, enum authtok_err losers, unsigned *ret_winner);
void at_race(struct at_race *race);

#endif
