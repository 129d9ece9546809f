/*
 * The world of session_world.h with a revocation set and an audit log: to see
 * what sessions leave behind when they end.
 */
#ifndef UNIT_SESSION_ENDS_H
#define UNIT_SESSION_ENDS_H

#include "session_world.h"

#include <authtok/audit.h>

#define ENDS_RECORDS 32

/* One process: an engine over its own set, and a service. */
struct ends_side {
	struct authtok_revocations *set;
	struct authtok *engine;
	struct authtok_sessions *sessions;
};

struct ends {
	struct world w; /* first: the store's calls are given it */
	struct authtok_revocations *set;
	struct authtok_audit *audit;
	struct authtok_store_ops ops;
	const struct authtok_store_ops *inner;
	bool chain_fails;
	size_t count; /* of records, after ends_log */
	struct authtok_audit_record log[ENDS_RECORDS];
};

/* config NULL: the defaults. The service keeps records if audited. */
void ends_open(struct ends *ends, const struct authtok_sessions_config *config,
    bool audited);
void ends_close(struct ends *ends);

/* A second process over the same store. */
void ends_side_open(struct ends *ends, struct ends_side *side);
void ends_side_close(struct ends_side *side);

/* One more engine of the same keys and clock; set may be NULL. */
struct authtok *ends_engine(
    struct ends *ends, struct authtok_revocations *set, int64_t lifetime);

/* A second user, with a session. */
void ends_stranger(struct ends *ends, struct authtok_tokens *ret_tokens);

/* What the first process says of an access token, its claims in ends->w. */
enum authtok_err ends_verify(
    struct ends *ends, const struct authtok_tokens *tokens);
enum authtok_err ends_verify_side(struct ends *ends,
    const struct ends_side *side, const struct authtok_tokens *tokens);

/* Read the log again, and have it verified. */
void ends_log(struct ends *ends);
/* The last record is this one. detail NULL: "". */
void ends_last(struct ends *ends, size_t count, enum authtok_event event,
    int64_t user_id, const uint8_t *sid, const char *address,
    const char *detail);

#endif
