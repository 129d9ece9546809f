/*
 * The rotation rule (RFC 9700 section 4.14.2, refined). Pure: what is known
 * here is one row, one token, one time and three numbers of policy.
 */
#include "session/rotation.h"

#include <string.h>

int64_t
at_time_add(int64_t a, int64_t b)
{
	if (b > 0 && a > INT64_MAX - b)
		return INT64_MAX;
	if (b < 0 && a < INT64_MIN - b)
		return INT64_MIN;
	return a + b;
}

int64_t
at_time_sub(int64_t a, int64_t b)
{
	if (b > 0 && a < INT64_MIN + b)
		return INT64_MIN;
	if (b < 0 && a > INT64_MAX + b)
		return INT64_MAX;
	return a - b;
}

int64_t
at_rotation_expiry(
    const struct at_rotation_policy *policy, const struct authtok_session *row)
{
	int64_t idle = at_time_add(row->rotated_at, policy->idle);

	return idle < row->expires_at ? idle : row->expires_at;
}

/* A row that a broken store made must not lead out of the array. */
static uint32_t
retry_count(const struct authtok_session *row)
{
	return row->retry_count < AUTHTOK_RETRIES_MAX ? row->retry_count
						      : AUTHTOK_RETRIES_MAX;
}

/* In constant time: the MAC stands for a key that only the client knows. */
static bool
same_retry(const uint8_t *a, const uint8_t *b)
{
	unsigned diff = 0;

	for (size_t i = 0; i < AUTHTOK_RETRY_LEN; i++)
		diff |= (unsigned)(a[i] ^ b[i]);
	return diff == 0;
}

/* Whether anything (mac NULL), or this retry key, is remembered for gen. */
static bool
remembered(const struct authtok_session *row, uint32_t gen, const uint8_t *mac)
{
	const struct authtok_retry *r = row->retries;

	for (uint32_t i = 0; i < retry_count(row); i++)
		if (r[i].gen == gen &&
		    (mac == NULL || same_retry(r[i].mac, mac)))
			return true;
	return false;
}

/* Drop the entries of gen and later, add one if a key came, keep the newest. */
static void
remember(struct authtok_session *next, const struct at_rotation_try *try)
{
	struct authtok_retry *r = next->retries;
	uint32_t n = 0;

	for (uint32_t i = 0; i < retry_count(next); i++)
		if (r[i].gen < try->gen)
			r[n++] = r[i];
	if (try->retry_mac != NULL) {
		if (n == AUTHTOK_RETRIES_MAX) {
			n--;
			memmove(r, r + 1, n * sizeof(*r));
		}
		r[n].gen = try->gen;
		memcpy(r[n].mac, try->retry_mac, AUTHTOK_RETRY_LEN);
		n++;
	}
	next->retry_count = n;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* R5: issued by us, yet newer than the row: the store lost a write. */
static bool
ahead(const struct authtok_session *row, const struct at_rotation_try *try)
{
	return try->gen > row->gen ||
	    (try->gen == row->gen && try->branch > row->branch);
}

static bool
expired(const struct at_rotation_policy *policy,
    const struct authtok_session *row, const struct at_rotation_try *try)
{
	if (try->now >= row->expires_at)
		return true;
	/* the row of an R5 token is stale: its rotated_at says nothing */
	if (!ahead(row, try) &&
	    try->now >= at_time_add(row->rotated_at, policy->idle))
		return true;
	/* no successor could be numbered */
	return row->gen == UINT32_MAX || row->branch == UINT32_MAX ||
	    try->gen == UINT32_MAX || try->branch == UINT32_MAX;
}

/* R1 and R5: the token is spent and its branch goes on. */
static void
advance(struct authtok_session *next, const struct at_rotation_try *try)
{
	next->gen = try->gen + 1;
	next->branch = try->branch;
	next->parent = try->branch;
	next->rotated_at = later(try->now, next->rotated_at);
	remember(next, try);
}

/*
 * R2 (true) or R3: the token is the parent of the current one. The leeway is
 * for those who send no key: a keyed client that was overtaken by a thief
 * without one would else be given the thief's child, and never find out.
 */
static bool
repeats(const struct at_rotation_policy *policy,
    const struct authtok_session *row, const struct at_rotation_try *try)
{
	int64_t age = at_time_sub(try->now, row->rotated_at);

	if (try->retry_mac != NULL)
		return remembered(row, try->gen, try->retry_mac);
	return !remembered(row, try->gen, NULL) && age >= -AT_CLOCK_BACK &&
	    age <= policy->leeway;
}

/* R4: a late duplicate, or a token from before a roll forward. */
static bool
stale(const struct authtok_session *row, const struct at_rotation_try *try)
{
	if (try->gen < row->gen && try->retry_mac != NULL &&
	    remembered(row, try->gen, try->retry_mac))
		return true;
	return try->gen < row->forwarded_gen &&
	    try->now <= at_time_add(row->forwarded_at, AT_FORWARD_WINDOW);
}

static enum at_verdict
rule(const struct at_rotation_policy *policy, const struct authtok_session *row,
    const struct at_rotation_try *try, struct authtok_session *next)
{
	if (try->gen == row->gen && try->branch == row->branch) {
		advance(next, try);
		return AT_ROTATE;
	}
	if (!policy->strict && row->gen > 0 && try->gen == row->gen - 1 &&
	    try->branch == row->parent) {
		if (repeats(policy, row, try))
			return AT_REPEAT;
		next->branch = row->branch + 1;
		next->rotated_at = later(try->now, row->rotated_at);
		remember(next, try);
		return AT_REPLACE;
	}
	if (stale(row, try))
		return AT_STALE;
	if (ahead(row, try)) {
		advance(next, try);
		next->forwarded_at = try->now;
		next->forwarded_gen = try->gen;
		return AT_FORWARD;
	}
	next->revoked_at = try->now > 0 ? try->now : 1; /* 0 means live */
	return AT_REUSE;
}

enum at_verdict
at_rotation_decide(const struct at_rotation_policy *policy,
    const struct authtok_session *row, const struct at_rotation_try *try,
    struct authtok_session *ret_next)
{
	*ret_next = *row;
	if (row->revoked_at != 0)
		return AT_REVOKED;
	if (try->disabled)
		return AT_DISABLED;
	if (expired(policy, row, try))
		return AT_EXPIRED;
	return rule(policy, row, try, ret_next);
}
