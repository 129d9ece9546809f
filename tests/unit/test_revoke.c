/*
 * Sessions seen and ended: list, revoke one, revoke a user's, the limit, and
 * what reuse and roll forward leave behind.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "session_ends.h"

#define MANY 12

static struct ends e;
static struct world *const w = &e.w;
static struct authtok_tokens mine, other, strange;
static const struct authtok_client client = { sizeof(client), "2001:db8::1",
	"agent" };

static void
setup(void)
{
	ends_open(&e, NULL, true);
	world_sign_in(w, &mine);
	world_sign_in(w, &other);
	ends_stranger(&e, &strange);
}

static void
teardown(void)
{
	ends_close(&e);
}

/* ---- list ---------------------------------------------------------------- */

static struct authtok_tokens many[MANY];

static int
by_sid(const void *a, const void *b)
{
	return memcmp(((const struct authtok_tokens *)a)->sid,
	    ((const struct authtok_tokens *)b)->sid, AUTHTOK_SID_LEN);
}

/* In pages of cap: which of many are there, as bits. */
static unsigned
listed(size_t cap)
{
	struct authtok_session rows[MANY + 2];
	const uint8_t *after = NULL;
	uint8_t last[AUTHTOK_SID_LEN];
	unsigned seen = 0;
	size_t n;

	do {
		ck_assert_int_eq(authtok_session_list(w->sessions, w->user.id,
				     after, rows, cap, &n),
		    AUTHTOK_OK);
		ck_assert_uint_le(n, cap);
		for (size_t i = 0; i < n; i++) {
			struct authtok_tokens key, *at;

			memcpy(key.sid, rows[i].sid, sizeof(key.sid));
			at = bsearch(&key, many, MANY, sizeof(many[0]), by_sid);
			ck_assert_ptr_nonnull(at);
			/* bytewise order, each once */
			ck_assert_uint_eq(seen >> (at - many), 0);
			seen |= 1u << (at - many);
			memcpy(last, rows[i].sid, sizeof(last));
			after = last;
		}
	} while (n == cap);
	return seen;
}

/* Dead ones at the first, the last, some and all places of a page. */
START_TEST(list_gives_live_sessions_and_whole_pages)
{
	static const unsigned patterns[] = { 0xfff, 0xffe, 0x7ff, 0x555, 0xaaa,
		0x00f, 0xf00, 0x801, 0x060, 0x000 };
	struct authtok_act act = { .now = w->now, .until = w->now + 1 };
	unsigned want = patterns[_i];

	for (size_t i = 0; i < 2; i++) {
		struct authtok_session row =
		    world_row(w, i == 0 ? mine.sid : other.sid);

		ck_assert_int_eq(w->memory->ops->session_delete(w->memory->ctx,
				     row.sid, row.gen, row.branch),
		    AUTHTOK_OK);
	}
	for (size_t i = 0; i < MANY; i++)
		world_sign_in(w, &many[i]);
	qsort(many, MANY, sizeof(many[0]), by_sid);
	for (size_t i = 0; i < MANY; i++)
		if ((want >> i & 1) == 0)
			ck_assert_int_eq(w->memory->ops->session_revoke(
					     w->memory->ctx, many[i].sid, &act),
			    AUTHTOK_OK);
	for (size_t cap = 1; cap <= MANY + 1; cap++)
		ck_assert_uint_eq(listed(cap), want);
}
END_TEST

static size_t
live_count(void)
{
	struct authtok_session rows[MANY];
	size_t n;

	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, rows, MANY, &n),
	    AUTHTOK_OK);
	return n;
}

START_TEST(list_leaves_out_what_has_expired)
{
	w->now += 86399;
	ck_assert_uint_eq(live_count(), 2);
	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, mine.refresh);
	w->now += 1; /* the other one is idle for too long */
	ck_assert_uint_eq(live_count(), 1);
	while (w->now + 86000 < WORLD_START + 2592000) {
		w->now += 86000;
		world_expect(
		    w, mine.refresh, NULL, AUTHTOK_ROTATED, mine.refresh);
	}
	w->now = WORLD_START + 2592000 - 1;
	ck_assert_uint_eq(live_count(), 1);
	w->now++;
	ck_assert_uint_eq(live_count(), 0);
}
END_TEST

START_TEST(list_shows_no_secret)
{
	static const uint8_t zero[sizeof(struct authtok_session)];
	struct authtok_session rows[4];
	struct authtok_session *row;
	size_t n;

	world_expect(w, mine.refresh, "a-retry-key", AUTHTOK_ROTATED, NULL);
	memset(rows, 0xa5, sizeof(rows));
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, rows, 4, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, 2);
	for (row = rows; row < rows + n; row++) {
		ck_assert_mem_eq(row->seed, zero, sizeof(row->seed));
		ck_assert_mem_eq(row->retries, zero, sizeof(row->retries));
		ck_assert_uint_eq(row->retry_count, 0);
		ck_assert_int_eq(row->user_id, w->user.id);
		ck_assert_int_eq(row->created_at, WORLD_START);
	}
	/* nor that of a dead one behind those that were asked for */
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, rows, 4, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_mem_eq(rows[1].seed, zero, sizeof(rows[1].seed));
}
END_TEST

START_TEST(list_checks_its_arguments)
{
	struct authtok_session row;
	size_t n = 77;

	ck_assert_int_eq(
	    authtok_session_list(NULL, w->user.id, NULL, &row, 1, &n),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, 0, NULL, &row, 1, &n),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, NULL, 1, &n),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, &row, 1, NULL),
	    AUTHTOK_EINVAL);
	world_break(w, WORLD_LIST, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, &row, 1, &n),
	    AUTHTOK_EBUSY);
	ck_assert_uint_eq(n, 77);
	ck_assert_int_eq(
	    authtok_session_list(w->sessions, w->user.id, NULL, NULL, 0, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* ---- revoke -------------------------------------------------------------- */

static void
left(bool mine_left, bool other_left)
{
	ck_assert_int_eq(
	    ends_verify(&e, &mine), mine_left ? AUTHTOK_OK : AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify(&e, &other),
	    other_left ? AUTHTOK_OK : AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify(&e, &strange), AUTHTOK_OK);
}

START_TEST(after_revoke_the_access_token_is_dead)
{
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, &client),
	    AUTHTOK_OK);
	left(true, false);
	world_refuse(w, other.refresh, NULL, AUTHTOK_EREVOKED);
	ends_last(&e, 4, AUTHTOK_EVENT_REVOKE, w->user.id, other.sid,
	    "2001:db8::1", NULL);
}
END_TEST

START_TEST(only_ones_own_live_session_is_revoked)
{
	static const uint8_t unknown[AUTHTOK_SID_LEN] = { 1 };

	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, strange.sid, NULL),
	    AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, unknown, NULL),
	    AUTHTOK_EUNKNOWN);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_EUNKNOWN);
	left(true, false);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 4);
	w->now += 86400;
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, mine.sid, NULL),
	    AUTHTOK_EUNKNOWN);
}
END_TEST

START_TEST(after_revoke_user_their_access_tokens_are_dead)
{
	size_t n = 77;

	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, mine.sid, &client, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, 1);
	left(true, false);
	ends_last(&e, 4, AUTHTOK_EVENT_REVOKE, w->user.id, NULL, "2001:db8::1",
	    "others");
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, NULL, NULL, NULL),
	    AUTHTOK_OK);
	left(false, false);
	ends_last(&e, 5, AUTHTOK_EVENT_REVOKE, w->user.id, NULL, NULL, "all");
	/* nobody is left that the store knows of, but it may have been set back */
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, NULL, NULL, &n),
	    AUTHTOK_OK);
	ck_assert_uint_eq(n, 0);
	ends_last(&e, 6, AUTHTOK_EVENT_REVOKE, w->user.id, NULL, NULL, "all");
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, mine.sid, NULL, &n),
	    AUTHTOK_OK);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 6);
}
END_TEST

/* A token that the store forgot when it was set back to a backup. */
static void
forgotten(int64_t epoch, struct authtok_tokens *ret_tokens)
{
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	uint8_t sid[AUTHTOK_SID_LEN] = { 0xf0 };

	grant.user_id = w->user.id;
	grant.sid = sid;
	grant.epoch = epoch;
	*ret_tokens = (struct authtok_tokens)AUTHTOK_TOKENS_INIT;
	ck_assert_int_eq(
	    authtok_issue(w->engine, &grant, ret_tokens->access,
		sizeof(ret_tokens->access), &ret_tokens->access_len,
		&ret_tokens->access_expires_at),
	    AUTHTOK_OK);
}

START_TEST(after_a_restore_all_is_all)
{
	struct authtok_tokens lost;
	size_t n = 77;

	forgotten(w->now - 9, &lost);
	ck_assert_int_eq(ends_verify(&e, &lost), AUTHTOK_OK);
	if (_i == 0)
		ck_assert_int_eq(authtok_session_revoke_user(
				     w->sessions, w->user.id, NULL, NULL, &n),
		    AUTHTOK_OK);
	else
		ck_assert_int_eq(
		    authtok_signout(w->sessions, AUTHTOK_GLOBAL, NULL,
			mine.refresh, AUTHTOK_REFRESH_LEN, NULL),
		    AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &lost), AUTHTOK_EREVOKED);
	left(false, false);
	/* and whoever signs in again is in */
	w->now++;
	ck_assert_int_eq(
	    w->memory->ops->user_find(w->memory->ctx, w->user.id, &w->user),
	    AUTHTOK_OK);
	world_sign_in(w, &mine);
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
}
END_TEST

/* Whose token it is, used up or of a session that has ended. */
START_TEST(a_genuine_token_names_its_session)
{
	static const uint8_t none[AUTHTOK_SID_LEN] = { 0 };
	uint8_t sid[AUTHTOK_SID_LEN] = { 0 };
	char text[AUTHTOK_REFRESH_LEN + 1];
	int64_t user = 0;

	memcpy(text, mine.refresh, sizeof(text));
	text[AUTHTOK_REFRESH_LEN - 1] =
	    text[AUTHTOK_REFRESH_LEN - 1] == 'A' ? 'B' : 'A';
	ck_assert_int_eq(authtok_session_identify(w->sessions, text,
			     AUTHTOK_REFRESH_LEN, sid, &user),
	    AUTHTOK_ESIG);
	ck_assert_int_eq(
	    authtok_session_identify(w->sessions, "x", 1, sid, &user),
	    AUTHTOK_EFORMAT);
	ck_assert_int_eq(authtok_session_identify(NULL, mine.refresh,
			     AUTHTOK_REFRESH_LEN, sid, &user),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_identify(w->sessions, NULL, 0, sid, &user),
	    AUTHTOK_EINVAL);
	world_break(w, WORLD_FIND, WORLD_BEFORE, AUTHTOK_EBUSY, 1, false);
	ck_assert_int_eq(authtok_session_identify(w->sessions, mine.refresh,
			     AUTHTOK_REFRESH_LEN, sid, &user),
	    AUTHTOK_EBUSY);
	ck_assert_mem_eq(sid, none, sizeof(sid));
	ck_assert_int_eq(user, 0);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_session_identify(w->sessions, other.refresh,
			     AUTHTOK_REFRESH_LEN, sid, &user),
	    AUTHTOK_OK);
	ck_assert_mem_eq(sid, other.sid, sizeof(sid));
	ck_assert_int_eq(user, w->user.id);
	left(true, false);
}
END_TEST

START_TEST(revoke_that_fails_is_told)
{
	size_t n = 77;

	world_break(w, WORLD_REVOKE, WORLD_BEFORE, AUTHTOK_ESTORE, 1, true);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_ESTORE);
	world_break(w, WORLD_FIND, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_EBUSY);
	world_break(
	    w, WORLD_REVOKE_USER, WORLD_BEFORE, AUTHTOK_ESTORE, 1, true);
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, mine.sid, NULL, &n),
	    AUTHTOK_ESTORE);
	left(true, true);
	/* ended in the store, not known in the set: it is asked for again */
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, false);
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, mine.sid, NULL, &n),
	    AUTHTOK_EBUSY);
	ck_assert_uint_eq(n, 77);
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, mine.sid, NULL, &n),
	    AUTHTOK_OK);
	left(true, false);
}
END_TEST

START_TEST(revoke_of_a_known_session_needs_no_pull)
{
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_OK);
	left(true, false);
}
END_TEST

START_TEST(revoke_without_a_record_does_nothing)
{
	e.chain_fails = true;
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_ECRYPTO);
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, mine.sid, NULL, NULL),
	    AUTHTOK_ECRYPTO);
	left(true, true);
	ck_assert_uint_eq(live_count(), 2);
}
END_TEST

/* Fill the set until it drops what is over. */
static void
crowd(void)
{
	struct authtok_revocation event = { 0 };

	event.until = w->now + 1;
	for (int i = 0; i < 5000; i++) {
		memcpy(event.sid, &i, sizeof(i));
		ck_assert_int_eq(
		    authtok_revocations_add(e.set, &event, 1, w->now),
		    AUTHTOK_OK);
	}
}

/* The set holds it for as long as the token would have been good. */
START_TEST(a_dead_access_token_stays_dead)
{
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, NULL),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_signout(w->sessions, AUTHTOK_GLOBAL, NULL,
			     strange.refresh, strlen(strange.refresh), NULL),
	    AUTHTOK_OK);
	w->now += 3599;
	crowd();
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &other), AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify(&e, &strange), AUTHTOK_EREVOKED);
	w->now++;
	ck_assert_int_eq(ends_verify(&e, &other), AUTHTOK_EEXPIRED);
}
END_TEST

START_TEST(revoke_checks_its_arguments)
{
	struct authtok_client small = client;

	small.size = 1;
	ck_assert_int_eq(
	    authtok_session_revoke(NULL, w->user.id, other.sid, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, 0, other.sid, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, &small),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_revoke_user(NULL, w->user.id, NULL, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_revoke_user(w->sessions, 0, NULL, NULL, NULL),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_session_revoke_user(
			     w->sessions, w->user.id, NULL, &small, NULL),
	    AUTHTOK_EINVAL);
	left(true, true);
}
END_TEST

/* ---- what else ends sessions --------------------------------------------- */

START_TEST(a_sign_in_is_recorded)
{
	struct authtok_tokens tokens;

	world_pattern(&tokens);
	ck_assert_int_eq(
	    authtok_session_open(w->sessions, &w->user, &client, &tokens),
	    AUTHTOK_OK);
	ends_last(&e, 4, AUTHTOK_EVENT_SIGNIN, w->user.id, tokens.sid,
	    "2001:db8::1", NULL);
}
END_TEST

START_TEST(a_sign_in_without_a_record_is_none)
{
	struct authtok_tokens tokens;

	e.chain_fails = true;
	world_pattern(&tokens);
	ck_assert_int_eq(
	    authtok_session_open(w->sessions, &w->user, &client, &tokens),
	    AUTHTOK_ECRYPTO);
	ck_assert(world_is_pattern(&tokens));
	ck_assert_uint_eq(live_count(), 2);
}
END_TEST

static void
limit_to_two(void)
{
	struct authtok_sessions_config c = AUTHTOK_SESSIONS_CONFIG_INIT;

	ends_close(&e);
	c.max_per_user = 2;
	ends_open(&e, &c, true);
	world_sign_in(w, &mine);
	w->now++;
	world_sign_in(w, &other);
	ends_stranger(&e, &strange);
	w->now++;
}

START_TEST(the_oldest_beyond_the_limit_is_dead_at_once)
{
	struct authtok_tokens third;

	limit_to_two();
	left(true, true);
	world_sign_in(w, &third);
	left(false, true);
	ck_assert_int_eq(ends_verify(&e, &third), AUTHTOK_OK);
	world_refuse(w, mine.refresh, NULL, AUTHTOK_EREVOKED);
}
END_TEST

/* By the sign-in that left them no room, and before it in the log. */
START_TEST(each_one_beyond_the_limit_has_a_record)
{
	struct authtok_sessions_config c = AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_tokens tokens = AUTHTOK_TOKENS_INIT;
	const struct authtok_audit_record *r;
	size_t before;

	limit_to_two();
	ends_log(&e);
	before = e.count;
	ck_assert_int_eq(
	    authtok_session_open(w->sessions, &w->user, &client, &tokens),
	    AUTHTOK_OK);
	ends_log(&e);
	ck_assert_uint_eq(e.count, before + 2);
	r = &e.log[before];
	ck_assert_uint_eq(r->event, AUTHTOK_EVENT_REVOKE);
	ck_assert_int_eq(r->user_id, w->user.id);
	ck_assert(r->has_sid);
	ck_assert_mem_eq(r->sid, mine.sid, sizeof(r->sid));
	ck_assert_int_eq(r->at, w->now);
	ck_assert_uint_eq(r->count, 1);
	ck_assert_str_eq(r->address, client.address);
	ck_assert_str_eq(r->detail, "limit");
	ends_last(&e, before + 2, AUTHTOK_EVENT_SIGNIN, w->user.id, tokens.sid,
	    client.address, NULL);
	/* none of it without an audit log */
	ends_close(&e);
	c.max_per_user = 1;
	ends_open(&e, &c, false);
	world_sign_in(w, &mine);
	world_sign_in(w, &other);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 0);
}
END_TEST

START_TEST(a_limit_without_its_record_ends_nothing)
{
	struct authtok_tokens tokens;

	limit_to_two();
	e.chain_fails = true;
	world_pattern(&tokens);
	ck_assert_int_eq(
	    authtok_session_open(w->sessions, &w->user, &client, &tokens),
	    AUTHTOK_ECRYPTO);
	ck_assert(world_is_pattern(&tokens));
	left(true, true);
	ck_assert_uint_eq(live_count(), 2);
}
END_TEST

/* The one that signed in pays nothing for it; the next pull makes up for it. */
START_TEST(a_sign_in_outlives_a_pull_that_fails)
{
	struct authtok_tokens third;

	limit_to_two();
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, false);
	world_sign_in(w, &third);
	ck_assert_int_eq(ends_verify(&e, &third), AUTHTOK_OK);
	left(true, true);
	ck_assert_int_eq(
	    authtok_revocations_pull(w->engine, w->faulty), AUTHTOK_OK);
	left(false, true);
}
END_TEST

/* R6: what the thief and the victim hold is dead at once. */
START_TEST(after_reuse_the_access_token_is_dead)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, text);
	world_expect(w, text, NULL, AUTHTOK_ROTATED, NULL);
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	world_refuse(w, mine.refresh, NULL, AUTHTOK_EREUSED);
	left(false, true);
	ends_last(&e, 4, AUTHTOK_EVENT_REUSE, w->user.id, mine.sid, NULL, NULL);
	world_refuse(w, mine.refresh, NULL, AUTHTOK_EREVOKED);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 4);
}
END_TEST

START_TEST(reuse_without_a_record_does_nothing)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, text);
	world_expect(w, text, NULL, AUTHTOK_ROTATED, text);
	e.chain_fails = true;
	world_refuse(w, mine.refresh, NULL, AUTHTOK_ECRYPTO);
	left(true, true);
	ck_assert_int_eq(world_row(w, mine.sid).revoked_at, 0);
	/* ordinary rotations carry none */
	world_expect(w, text, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

START_TEST(a_roll_forward_is_recorded)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	w->power_lost = true;
	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, text);
	w->power_lost = false;
	ends_log(&e);
	ck_assert_uint_eq(e.count, 3);
	e.chain_fails = true;
	world_refuse(w, text, NULL, AUTHTOK_ECRYPTO);
	ck_assert_uint_eq(world_row(w, mine.sid).gen, 0);
	e.chain_fails = false;
	world_expect(w, text, NULL, AUTHTOK_FORWARDED, NULL);
	ends_last(
	    &e, 4, AUTHTOK_EVENT_FORWARD, w->user.id, mine.sid, NULL, NULL);
}
END_TEST

START_TEST(rotations_leave_no_record)
{
	char text[AUTHTOK_REFRESH_LEN + 1];

	world_expect(w, mine.refresh, NULL, AUTHTOK_ROTATED, text);
	world_expect(w, mine.refresh, NULL, AUTHTOK_REPEATED, NULL);
	w->now += 11;
	world_expect(w, mine.refresh, NULL, AUTHTOK_REPLACED, NULL);
	w->now += 86400;
	world_refuse(w, text, NULL, AUTHTOK_EEXPIRED);
	ends_log(&e);
	ck_assert_uint_eq(e.count, 3);
}
END_TEST

/* The address is what a client said: cut, and without controls. */
START_TEST(records_hold_clean_text)
{
	struct authtok_client dirty = { sizeof(dirty),
		"1\n2\x1b[0m\xff"
		"3456789012345678901234567890123456789012345",
		NULL };

	ck_assert_int_eq(
	    authtok_session_revoke(w->sessions, w->user.id, other.sid, &dirty),
	    AUTHTOK_OK);
	ends_last(&e, 4, AUTHTOK_EVENT_REVOKE, w->user.id, other.sid,
	    "1?2?[0m?3456789012345678901234567890123456789", NULL);
}
END_TEST

static void
add_ends(Suite *suite)
{
	TCase *tc = tcase_create("ends");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_sign_in_is_recorded);
	tcase_add_test(tc, a_sign_in_without_a_record_is_none);
	tcase_add_test(tc, the_oldest_beyond_the_limit_is_dead_at_once);
	tcase_add_test(tc, each_one_beyond_the_limit_has_a_record);
	tcase_add_test(tc, a_limit_without_its_record_ends_nothing);
	tcase_add_test(tc, a_sign_in_outlives_a_pull_that_fails);
	tcase_add_test(tc, after_reuse_the_access_token_is_dead);
	tcase_add_test(tc, reuse_without_a_record_does_nothing);
	tcase_add_test(tc, a_roll_forward_is_recorded);
	tcase_add_test(tc, rotations_leave_no_record);
	tcase_add_test(tc, records_hold_clean_text);
	suite_add_tcase(suite, tc);
}

int
main(void)
{
	Suite *suite = suite_create("revoke");
	TCase *tc = tcase_create("list and revoke");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(
	    tc, list_gives_live_sessions_and_whole_pages, 0, 10);
	tcase_add_test(tc, list_leaves_out_what_has_expired);
	tcase_add_test(tc, list_shows_no_secret);
	tcase_add_test(tc, list_checks_its_arguments);
	tcase_add_test(tc, after_revoke_the_access_token_is_dead);
	tcase_add_test(tc, only_ones_own_live_session_is_revoked);
	tcase_add_test(tc, after_revoke_user_their_access_tokens_are_dead);
	tcase_add_loop_test(tc, after_a_restore_all_is_all, 0, 2);
	tcase_add_test(tc, a_genuine_token_names_its_session);
	tcase_add_test(tc, revoke_that_fails_is_told);
	tcase_add_test(tc, revoke_of_a_known_session_needs_no_pull);
	tcase_add_test(tc, revoke_without_a_record_does_nothing);
	tcase_add_test(tc, a_dead_access_token_stays_dead);
	tcase_add_test(tc, revoke_checks_its_arguments);
	suite_add_tcase(suite, tc);
	add_ends(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
