/*
 * A session service for tests: the memory store behind a vtable whose calls
 * can be made to fail, a user, and a clock that stands still.
 */
#ifndef UNIT_SESSION_WORLD_H
#define UNIT_SESSION_WORLD_H

#include <stdatomic.h>

#include <authtok/session.h>

#define WORLD_START INT64_C(1700000000)

enum world_op {
	WORLD_CREATE,
	WORLD_FIND,
	WORLD_UPDATE,
	WORLD_REVOKE,
	WORLD_DELETE,
	WORLD_PURGE,
	WORLD_USER_FIND,
	WORLD_USER_UPDATE,
	WORLD_LIST,
	WORLD_REVOKE_USER,
	WORLD_SINCE,
	WORLD_APPEND,
	WORLD_AUDIT_LIST,
	WORLD_AUDIT_BASE,
	WORLD_OPS
};

/* How a fault shows. */
enum world_how {
	WORLD_BEFORE, /* nothing was done */
	WORLD_AFTER,  /* it was done; the answer is lost */
};

struct world {
	_Atomic int64_t now;
	struct authtok_keys *keys;
	struct authtok *engine;
	struct authtok_claims *claims;
	struct authtok_store *memory; /* for what the tests do themselves */
	struct authtok_store *faulty; /* what the service sees */
	struct authtok_sessions *sessions;
	struct authtok_user user;

	/* the fault; nth 0: none */
	enum world_op op;
	enum world_how how;
	enum authtok_err err;
	atomic_int nth;
	bool persist;
	/* updates that may be lost with power are: nothing is written */
	bool power_lost;
	int races_to_lose; /* so many updates come too late */

	/* what was seen */
	atomic_int calls[WORLD_OPS];
	atomic_int durable_updates;
	struct authtok_act last_when; /* of all but updates */
	int64_t last_idle_before;     /* of purge */
	unsigned last_max_live;
};

/* The store of the next world offers session_change. */
extern bool world_one_step;

/* config NULL: the defaults. */
void world_open(
    struct world *world, const struct authtok_sessions_config *config);
void world_close(struct world *world);

/* No fault any more, no call seen. */
void world_heal(struct world *world);
/* From now on: the nth call of op fails with err, persist: and each later. */
void world_break(struct world *world, enum world_op op, enum world_how how,
    enum authtok_err err, int nth, bool persist);

void world_sign_in(struct world *world, struct authtok_tokens *ret_tokens);

/* Present text; ret_tokens is filled with a pattern before. */
enum authtok_err world_refresh(struct world *world, const char *text,
    const char *retry_key, enum authtok_outcome *ret_outcome,
    struct authtok_tokens *ret_tokens);

/* The same, with a retry key, for one outcome and its new text. */
void world_expect(struct world *world, const char *text, const char *retry_key,
    enum authtok_outcome outcome, char *ret_text);

/* The same for one error; no token may come. */
void world_refuse(struct world *world, const char *text, const char *retry_key,
    enum authtok_err want);

/* The session's row, which must exist. */
struct authtok_session world_row(struct world *world, const uint8_t *sid);
bool world_row_exists(struct world *world, const uint8_t *sid);

/* Write the world's user to the store and read it back. */
void world_update_user(struct world *world);

/* A pattern to see that tokens stay untouched. */
void world_pattern(struct authtok_tokens *tokens);
bool world_is_pattern(const struct authtok_tokens *tokens);

#endif
