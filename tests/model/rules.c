/*
 * The specification and the code under test, in one language. The first part
 * knows nothing of lib; the second turns the walk's states into rows.
 */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#include "session/rotation.h"

/* ---- the specification ------------------------------------------------- */
static bool
in_ring(const struct model_state *s, int16_t gen, int16_t key)
{
	for (int i = 0; i < s->ring_count; i++)
		if (s->ring[i].gen == gen && s->ring[i].key == key)
			return true;
	return false;
}

static bool
any_in_ring(const struct model_state *s, int16_t gen)
{
	for (int i = 0; i < s->ring_count; i++)
		if (s->ring[i].gen == gen)
			return true;
	return false;
}

/* The ring after key came with a token of generation gen. */
static void
ring_after(struct model_state *next, const struct model_state *s, int16_t gen,
    int16_t key)
{
	int16_t gens[MODEL_RING + 1], keys[MODEL_RING + 1];
	int count = 0, from;

	for (int i = 0; i < s->ring_count; i++)
		if (s->ring[i].gen < gen) {
			gens[count] = s->ring[i].gen;
			keys[count++] = s->ring[i].key;
		}
	if (key != 0) {
		gens[count] = gen;
		keys[count++] = key;
	}
	from = count > MODEL_RING ? count - MODEL_RING : 0;
	memset(next->ring, 0, sizeof(next->ring));
	next->ring_count = (int16_t)(count - from);
	for (int i = from; i < count; i++) {
		next->ring[i - from].gen = gens[i];
		next->ring[i - from].key = keys[i];
	}
}

static void
answer(struct model_reply *r, enum model_verdict verdict, int line, int token,
    bool rotated)
{
	r->verdict = verdict;
	r->line = line;
	r->token = (int16_t)token;
	r->rotated = rotated;
}

void
model_specify(const struct model_policy *policy, const struct model_state *s,
    bool fresh, int16_t token, int16_t key, bool dead, struct model_reply *r)
{
	int16_t n = token / 100, tb = token % 100;
	bool match;

	(void)dead;
	r->next = *s;
	if (!s->alive) {
		answer(r, MODEL_NO, 0, 0, false);
		return;
	}
	if (n > s->gen || (n == s->gen && tb >= s->branch)) {
		bool current = n == s->gen && tb == s->branch;

		answer(
		    r, MODEL_OK, current ? 1 : 5, MODEL_TOKEN(n + 1, tb), true);
		r->next.gen = (int16_t)(n + 1);
		r->next.branch = r->next.parent = tb;
		ring_after(&r->next, s, n, key);
		if (!current)
			r->next.floor = n;
		return;
	}
	match = key != 0 && in_ring(s, n, key);
	if (n == s->gen - 1 && tb == s->parent && !policy->strict) {
		if (match ||
		    (key == 0 && policy->leeway && fresh &&
			!any_in_ring(s, n))) {
			answer(r, MODEL_OK, 2, MODEL_TOKEN(s->gen, s->branch),
			    false);
			return;
		}
		answer(
		    r, MODEL_OK, 3, MODEL_TOKEN(s->gen, s->branch + 1), true);
		r->next.branch++;
		ring_after(&r->next, s, n, key);
		return;
	}
	if (match || n < s->floor) {
		answer(r, MODEL_NO, 4, 0, false);
		return;
	}
	answer(r, MODEL_REUSE, 6, 0, false);
	r->next.alive = 0;
}

/* ---- rows -------------------------------------------------------------- */
#define NOW    INT64_C(1000000)
#define LEEWAY 10
#define IDLE   86400

/* Ages of a row that the one bit `fresh` stands for; edges of the leeway. */
static const int64_t fresh_ages[] = { LEEWAY, 0, -AT_CLOCK_BACK };
static const int64_t late_ages[] = { LEEWAY + 1, IDLE - 1, -AT_CLOCK_BACK - 1 };
/* with leeway 0 a retry in the same second is still within it */
static const int64_t no_leeway_ages[] = { 1, IDLE - 1, -AT_CLOCK_BACK - 1 };
#define AGES 3

static const int64_t *
ages(const struct model_policy *policy, bool fresh)
{
	if (!policy->leeway)
		return no_leeway_ages;
	return fresh ? fresh_ages : late_ages;
}

static void
retry_mac(int16_t key, uint8_t *mac)
{
	memset(mac, 0x5a, AUTHTOK_RETRY_LEN);
	mac[AUTHTOK_RETRY_LEN - 1] = (uint8_t)key;
}

/* other: the row after the gentle time, for a state without a floor. */
static void
make_row(const struct model_state *s, int64_t age, bool other,
    struct authtok_session *row)
{
	memset(row, 0, sizeof(*row));
	memset(row->sid, 0x11, sizeof(row->sid));
	memset(row->seed, 0x22, sizeof(row->seed));
	row->user_id = 7;
	row->created_at = 1;
	row->expires_at = NOW + 1;
	row->revoked_at = s->alive ? 0 : NOW;
	row->gen = (uint32_t)s->gen;
	row->branch = (uint32_t)s->branch;
	row->parent = (uint32_t)s->parent;
	row->rotated_at = NOW - age;
	row->forwarded_gen = s->floor > 0 ? (uint32_t)s->floor : 0;
	row->forwarded_at = s->floor >= 0 ? NOW - AT_FORWARD_WINDOW : 0;
	if (other && s->floor >= 0)
		row->forwarded_at = NOW;
	if (other && s->floor < 0) {
		row->forwarded_gen = row->gen;
		row->forwarded_at = NOW - AT_FORWARD_WINDOW - 1;
	}
	row->retry_count = (uint32_t)s->ring_count;
	for (int i = 0; i < s->ring_count; i++) {
		row->retries[i].gen = (uint32_t)s->ring[i].gen;
		retry_mac(s->ring[i].key, row->retries[i].mac);
	}
	strcpy(row->address, "192.0.2.1");
	strcpy(row->agent, "walker");
}

static enum at_verdict
decide(const struct model_policy *policy, const struct authtok_session *row,
    int16_t token, int16_t key, struct authtok_session *next)
{
	struct at_rotation_policy p = { IDLE, policy->leeway ? LEEWAY : 0,
		policy->strict };
	struct at_rotation_try try = { 0 };
	uint8_t mac[AUTHTOK_RETRY_LEN];

	retry_mac(key, mac);
	try.gen = (uint32_t)(token / 100);
	try.branch = (uint32_t)(token % 100);
	try.retry_mac = key != 0 ? mac : NULL;
	try.now = NOW;
	return at_rotation_decide(&p, row, &try, next);
}

void
model_decide(const struct model_policy *policy, const struct model_state *s,
    bool fresh, int16_t token, int16_t key, bool dead, struct model_reply *r)
{
	struct authtok_session row, next;
	enum at_verdict v;

	(void)dead;
	make_row(s, ages(policy, fresh)[0], false, &row);
	v = decide(policy, &row, token, key, &next);
	answer(r, MODEL_NO, (int)v, 0, false);
	if (v == AT_ROTATE || v == AT_REPEAT || v == AT_REPLACE ||
	    v == AT_FORWARD)
		answer(r, MODEL_OK, (int)v,
		    MODEL_TOKEN((int)next.gen, (int)next.branch),
		    v != AT_REPEAT);
	if (v == AT_REUSE)
		r->verdict = MODEL_REUSE;
	memset(&r->next, 0, sizeof(r->next));
	r->next.gen = (int16_t)next.gen;
	r->next.branch = (int16_t)next.branch;
	r->next.parent = (int16_t)next.parent;
	r->next.alive = next.revoked_at == 0;
	r->next.floor =
	    v == AT_FORWARD ? (int16_t)next.forwarded_gen : s->floor;
	r->next.ring_count = (int16_t)next.retry_count;
	for (uint32_t i = 0; i < next.retry_count; i++) {
		r->next.ring[i].gen = (int16_t)next.retries[i].gen;
		r->next.ring[i].key =
		    next.retries[i].mac[AUTHTOK_RETRY_LEN - 1];
	}
}

/* The row that the specification wants after row. */
static void
want_row(const struct authtok_session *row, const struct model_reply *want,
    struct authtok_session *to)
{
	make_row(&want->next, 0, false, to);
	to->revoked_at = row->revoked_at;
	if (want->verdict == MODEL_REUSE)
		to->revoked_at = NOW;
	to->rotated_at = row->rotated_at;
	if (want->rotated && row->rotated_at < NOW)
		to->rotated_at = NOW;
	to->forwarded_gen = row->forwarded_gen;
	to->forwarded_at = row->forwarded_at;
	if (want->line == 5) {
		to->forwarded_gen = (uint32_t)want->next.floor;
		to->forwarded_at = NOW;
	}
}

static bool
same_row(const struct authtok_session *a, const struct authtok_session *b)
{
	for (uint32_t i = 0; i < a->retry_count && i < b->retry_count; i++)
		if (a->retries[i].gen != b->retries[i].gen ||
		    memcmp(a->retries[i].mac, b->retries[i].mac,
			AUTHTOK_RETRY_LEN) != 0)
			return false;
	return a->retry_count == b->retry_count && a->gen == b->gen &&
	    a->branch == b->branch && a->parent == b->parent &&
	    a->rotated_at == b->rotated_at &&
	    a->forwarded_gen == b->forwarded_gen &&
	    a->forwarded_at == b->forwarded_at &&
	    a->revoked_at == b->revoked_at && a->user_id == b->user_id &&
	    a->created_at == b->created_at && a->expires_at == b->expires_at &&
	    memcmp(a->sid, b->sid, sizeof(a->sid)) == 0 &&
	    memcmp(a->seed, b->seed, sizeof(a->seed)) == 0 &&
	    strcmp(a->address, b->address) == 0 &&
	    strcmp(a->agent, b->agent) == 0;
}

size_t
model_compare(const struct model_policy *policy, const struct model_state *s,
    bool fresh, int16_t token, int16_t key, bool dead,
    const struct model_reply *want, size_t *ret_rows)
{
	const int64_t *age = ages(policy, fresh);
	struct authtok_session row, next, wanted;
	size_t bad = 0;

	for (int i = 0; i < (dead ? 1 : 2 * AGES); i++) {
		enum at_verdict v;

		make_row(s, age[i / 2], i % 2 != 0, &row);
		v = decide(policy, &row, token, key, &next);
		want_row(&row, want, &wanted);
		++*ret_rows;
		if ((int)v == (want->line != 0 ? want->line : AT_REVOKED) &&
		    same_row(&next, &wanted) &&
		    (want->verdict != MODEL_OK ||
			MODEL_TOKEN((int)next.gen, (int)next.branch) ==
			    want->token))
			continue;
		bad++;
		fprintf(stderr,
		    "(%d,%d) parent %d floor %d, T(%d,%d) key %d, age %lld: "
		    "R%d, wanted R%d\n",
		    s->gen, s->branch, s->parent, s->floor, token / 100,
		    token % 100, key, (long long)age[i / 2], (int)v,
		    want->line);
	}
	return bad;
}
