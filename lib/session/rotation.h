/*
 * The rotation rule, "confirm by use", as one pure function: no I/O, no crypto,
 * no clock. authtok-rotation(7) is its prose, a walk of its whole state space
 * under tests/model its proof.
 */
#ifndef AT_SESSION_ROTATION_H
#define AT_SESSION_ROTATION_H

#include <authtok/store.h>

#define AT_FORWARD_WINDOW 60 /* s that R4 spares tokens after a roll forward */
#define AT_CLOCK_BACK     60 /* s that a clock may have gone back in R2 */

/* The numbers of the rules are those of enum authtok_outcome. */
enum at_verdict {
	AT_ROTATE = 1,  /* R1 */
	AT_REPEAT = 2,  /* R2 */
	AT_REPLACE = 3, /* R3 */
	AT_STALE = 4,   /* R4 */
	AT_FORWARD = 5, /* R5 */
	AT_REUSE = 6,   /* R6 */
	/* before the rule */
	AT_REVOKED = 16,
	AT_DISABLED = 17,
	AT_EXPIRED = 18,
};

struct at_rotation_policy {
	int64_t idle;   /* seconds from the last rotation, >= 1 */
	int64_t leeway; /* seconds, >= 0 */
	bool strict;    /* without R2 and R3 */
};

/* A token whose M and S are good, as it was presented. */
struct at_rotation_try {
	uint32_t gen, branch;
	const uint8_t *retry_mac; /* AUTHTOK_RETRY_LEN bytes, or NULL */
	int64_t now;
	bool disabled; /* the session's user is */
};

/*
 * Decide. *ret_next is always set: the row as it must be stored for ROTATE,
 * REPLACE and FORWARD, revoked for REUSE, and otherwise row itself. The token
 * in reply to ROTATE, REPEAT, REPLACE and FORWARD is (ret_next->gen,
 * ret_next->branch).
 */
enum at_verdict at_rotation_decide(const struct at_rotation_policy *policy,
    const struct authtok_session *row, const struct at_rotation_try *try,
    struct authtok_session *ret_next);

/* When the newest refresh token of the row expires unless it is used. */
int64_t at_rotation_expiry(
    const struct at_rotation_policy *policy, const struct authtok_session *row);

/* a + b and a - b for times: they end at the ends of int64_t. */
int64_t at_time_add(int64_t a, int64_t b);
int64_t at_time_sub(int64_t a, int64_t b);

#endif
