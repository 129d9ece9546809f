/*
 * What one configuration makes of the library: engine, sessions, accounts. A
 * generation is immutable and shared by all requests that began under it; a
 * reload makes the next one over the same store and swaps it in.
 */
#ifndef AUTHD_APP_H
#define AUTHD_APP_H

#include <pthread.h>
#include <time.h>

#include <authtok.h>
#include <authtok/account.h>
#include <authtok/audit.h>
#include <authtok/session.h>

#include "authd/config.h"
#include "authd/keys.h"
#include "authd/log.h"

struct app_slot;

struct app {
	struct config *config;
	struct log log;
	struct authtok_store *store; /* borrowed */
	struct authtok_audit *audit;
	struct authtok *engine;
	/* the same keys without revocations: a token that was revoked may still
	 * end the session that it came from */
	struct authtok *unrevoked;
	struct authtok_sessions *sessions;
	struct authtok_accounts *accounts;
	char *jwks; /* the public keys, or NULL: there are none */
	size_t jwks_len;
	char key_ids[AUTHTOK_DETAIL_MAX + 1]; /* for the audit log */
	pthread_mutex_t lock;                 /* of idle */
	struct app_slot *idle; /* claims objects that no thread uses */
	unsigned refs;         /* under the lock of struct current */
	/* the last look at the store, under lock */
	bool probing;
	time_t probed_at; /* CLOCK_MONOTONIC, seconds; 0: never */
	enum authtok_err probed;
};

/* One claims object, for one thread at a time. */
struct app_slot {
	struct app_slot *next;
	struct authtok_claims *claims;
};

/* Exit codes of app_new, and of authd. */
enum app_result {
	APP_OK = 0,
	APP_FAILED = 1,
	APP_BAD_CONFIG = 2,
};

/*
 * Would the keys of the configuration do? Creates nothing, so that a bad file
 * of keys is found before anything else is done.
 */
enum app_result app_check(const struct config *config, char *why);

/*
 * Takes config over, also on failure; the store and the revocation set, which
 * all generations share, are borrowed. why
 * (CONFIG_WHY_MAX bytes) is a line that says what is wrong.
 */
enum app_result app_new(struct config *config, struct authtok_store *store,
    struct authtok_revocations *revocations, enum keyfile_missing missing,
    struct app **ret_app, char *why);
/* Writes down the failed sign-ins that were only counted so far. */
void app_free(struct app *app);

/* NULL: no memory. */
struct app_slot *app_take_claims(struct app *app);
void app_give_claims(struct app *app, struct app_slot *slot);

/*
 * Can the store be written to? OK, or why not. Looks at most once a second, so
 * that it may be asked by anybody.
 */
enum authtok_err app_probe(struct app *app);

/* accounts_flush, with a line in the log when it fails. */
void app_flush(const struct app *app);

/* The generation in use. */
struct current {
	pthread_mutex_t lock;
	struct app *app;
};

void current_init(struct current *current, struct app *app);
/* The generation of now; current_put ends its use. */
struct app *current_get(struct current *current);
void current_put(struct current *current, struct app *app);
/* The old one goes when its last user is done. */
void current_swap(struct current *current, struct app *next);

#endif
