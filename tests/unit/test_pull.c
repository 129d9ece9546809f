/*
 * What one process revokes reaches the set of another; from where a pull reads
 * on, and what it makes of commits that come out of order.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "session_ends.h"

static struct ends e;
static struct world *const w = &e.w;
static struct authtok_tokens mine, other, strange;
static struct ends_side there;

static void
setup(void)
{
	ends_open(&e, NULL, true);
	world_sign_in(w, &mine);
	world_sign_in(w, &other);
	ends_stranger(&e, &strange);
	ends_side_open(&e, &there);
}

static void
teardown(void)
{
	ends_side_close(&there);
	ends_close(&e);
}

static void
pull_there(void)
{
	ck_assert_int_eq(
	    authtok_revocations_pull(there.engine, w->faulty), AUTHTOK_OK);
}

static void
left_there(bool mine_left, bool other_left)
{
	ck_assert_int_eq(ends_verify_side(&e, &there, &mine),
	    mine_left ? AUTHTOK_OK : AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify_side(&e, &there, &other),
	    other_left ? AUTHTOK_OK : AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify_side(&e, &there, &strange), AUTHTOK_OK);
}

static void
sign_out_here(enum authtok_scope scope)
{
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_signout(w->sessions, scope, w->claims, NULL, 0, NULL),
	    AUTHTOK_OK);
}

START_TEST(what_ends_here_is_known_there_after_a_pull)
{
	enum authtok_scope scope = (enum authtok_scope)_i;

	pull_there();
	sign_out_here(scope);
	left_there(true, true);
	pull_there();
	left_there(scope == AUTHTOK_OTHERS, scope == AUTHTOK_LOCAL);
}
END_TEST

START_TEST(what_is_revoked_there_is_known_here_after_a_pull)
{
	ck_assert_int_eq(
	    authtok_session_revoke(there.sessions, w->user.id, mine.sid, NULL),
	    AUTHTOK_OK);
	left_there(false, true);
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_revocations_pull(w->engine, w->faulty), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify(&e, &mine), AUTHTOK_EREVOKED);
	ck_assert_int_eq(ends_verify(&e, &other), AUTHTOK_OK);
}
END_TEST

/* A process that starts knows what was before it. */
START_TEST(a_new_set_is_filled_at_start)
{
	struct ends_side late;

	sign_out_here(AUTHTOK_OTHERS);
	ends_side_open(&e, &late);
	ck_assert_int_eq(ends_verify_side(&e, &late, &other), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_revocations_pull(late.engine, w->memory), AUTHTOK_OK);
	ck_assert_int_eq(ends_verify_side(&e, &late, &other), AUTHTOK_EREVOKED);
	ends_side_close(&late);
}
END_TEST

START_TEST(a_new_user_version_elsewhere_is_known_after_a_pull)
{
	w->user.epoch++;
	world_update_user(w);
	left_there(true, true);
	pull_there();
	left_there(false, false);
}
END_TEST

START_TEST(a_pull_that_fails_is_told_and_made_again)
{
	sign_out_here(AUTHTOK_LOCAL);
	world_break(w, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_ESTORE, 1, false);
	ck_assert_int_eq(
	    authtok_revocations_pull(there.engine, w->faulty), AUTHTOK_ESTORE);
	left_there(true, true);
	pull_there();
	left_there(false, true);
}
END_TEST

START_TEST(wrong_arguments)
{
	struct authtok_store_ops ops = *w->memory->ops;
	struct authtok_store old = { &ops, w->memory->ctx };
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok *bare;

	ck_assert_int_eq(
	    authtok_revocations_pull(NULL, w->memory), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_revocations_pull(there.engine, NULL), AUTHTOK_EINVAL);
	ops.version--;
	ck_assert_int_eq(
	    authtok_revocations_pull(there.engine, &old), AUTHTOK_EINVAL);
	/* without a set there is nothing to do */
	config.issuer = config.audience = "tests";
	ck_assert_int_eq(authtok_new(&config, w->keys, &bare), AUTHTOK_OK);
	world_heal(w);
	ck_assert_int_eq(authtok_revocations_pull(bare, w->faulty), AUTHTOK_OK);
	ck_assert_int_eq(w->calls[WORLD_SINCE], 0);
	authtok_free(bare);
}
END_TEST

/* ---- from where it reads on ---------------------------------------------- */

#define EVENTS_MAX 1000

/* A store that knows nothing but revocations. */
struct events {
	struct authtok_store store;
	struct authtok_revocation events[EVENTS_MAX]; /* by seq */
	size_t n;
	int64_t first_after; /* of the last pull */
	int calls;
	int fail_at; /* in which call, 0: none */
};

static struct events ev;

static enum authtok_err
events_since(void *ctx, int64_t after, struct authtok_revocation *ret_events,
    size_t cap, size_t *ret_count)
{
	struct events *x = ctx;
	size_t n = 0;

	if (x->calls++ == 0)
		x->first_after = after;
	if (x->calls == x->fail_at)
		return AUTHTOK_EBUSY;
	for (size_t i = 0; i < x->n && n < cap; i++)
		if (x->events[i].seq > after)
			ret_events[n++] = x->events[i];
	*ret_count = n;
	return AUTHTOK_OK;
}

static const struct authtok_store_ops events_ops = {
	.version = AUTHTOK_STORE_VERSION,
	.revoked_since = events_since,
};

static void
events_reset(void)
{
	memset(&ev, 0, sizeof(ev));
	ev.store.ops = &events_ops;
	ev.store.ctx = &ev;
}

/* The session of an event is its seq. */
static void
event(int64_t seq, int64_t at)
{
	struct authtok_revocation *x;
	size_t i = ev.n++;

	for (; i > 0 && ev.events[i - 1].seq > seq; i--)
		ev.events[i] = ev.events[i - 1];
	x = &ev.events[i];
	memset(x, 0, sizeof(*x));
	x->seq = seq;
	x->at = WORLD_START + at;
	x->until = WORLD_START + 100000;
	memcpy(x->sid, &seq, sizeof(seq));
}

static int64_t
pull_events(void)
{
	ev.calls = 0;
	ck_assert_int_eq(
	    authtok_revocations_pull(there.engine, &ev.store), AUTHTOK_OK);
	return ev.first_after;
}

static bool
known(int64_t seq)
{
	uint8_t sid[AUTHTOK_SID_LEN] = { 0 };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	char token[AUTHTOK_TOKEN_MAX + 1];
	size_t len;

	memcpy(sid, &seq, sizeof(seq));
	grant.user_id = 1000;
	grant.sid = sid;
	ck_assert_int_eq(authtok_issue(there.engine, &grant, token,
			     sizeof(token), &len, NULL),
	    AUTHTOK_OK);
	return authtok_verify(there.engine, token, len, w->claims) ==
	    AUTHTOK_EREVOKED;
}

/* Every event less than ten seconds older than the newest is read again. */
START_TEST(polls_overlap_by_ten_seconds)
{
	int64_t from;

	events_reset();
	for (int64_t i = 1; i <= 200; i++) {
		event(i, i / 2); /* two a second */
		from = pull_events();
		if (from > 0)
			ck_assert_int_le(from / 2, (i - 1) / 2 - 10);
		/* and not much more than that */
		ck_assert_int_ge(from / 2, i / 2 - 22);
		ck_assert(known(i));
	}
	ck_assert_int_ge(pull_events(), 150);
}
END_TEST

/* A commit that was overtaken, by as much as the overlap allows. */
START_TEST(a_late_commit_is_seen)
{
	events_reset();
	event(1, 0);
	event(2, 50);
	pull_events();
	event(4, 60);
	pull_events();
	event(5, 60);
	pull_events();
	ck_assert(!known(3));
	event(3, 51);
	pull_events();
	ck_assert(known(3));
}
END_TEST

START_TEST(many_events_are_read_in_pages)
{
	events_reset();
	for (int64_t i = 1; i <= EVENTS_MAX; i++)
		event(i, i);
	ck_assert_int_eq(pull_events(), 0);
	ck_assert_int_gt(ev.calls, 1);
	ck_assert_uint_eq(authtok_revocations_count(there.set), EVENTS_MAX);
	for (int64_t i = 1; i <= EVENTS_MAX; i++)
		ck_assert(known(i));
	/* and not again from the first */
	ck_assert_int_ge(pull_events(), EVENTS_MAX - 22);
	ck_assert_int_eq(ev.calls, 1);
}
END_TEST

/* A page that is just full, and one more or less. */
START_TEST(no_event_is_lost_between_pages)
{
	for (int64_t n = 60; n <= 68; n++) {
		struct ends_side fresh = there;

		ends_side_open(&e, &there);
		events_reset();
		for (int64_t i = 1; i <= n; i++)
			event(i, 0);
		pull_events();
		for (int64_t i = 1; i <= n; i++)
			ck_assert(known(i));
		ends_side_close(&there);
		there = fresh;
	}
}
END_TEST

/* What was read before the failure counts, and nothing is skipped. */
START_TEST(a_failure_between_pages_skips_nothing)
{
	events_reset();
	for (int64_t i = 1; i <= EVENTS_MAX; i++)
		event(i, i);
	ev.fail_at = 3;
	ck_assert_int_eq(
	    authtok_revocations_pull(there.engine, &ev.store), AUTHTOK_EBUSY);
	ck_assert(known(100));
	ck_assert(!known(EVENTS_MAX));
	ev.fail_at = 0;
	ck_assert_int_gt(pull_events(), 0);
	for (int64_t i = 1; i <= EVENTS_MAX; i++)
		ck_assert(known(i));
}
END_TEST

/* A clock that went back makes it read more, never less. */
START_TEST(a_clock_that_goes_back_loses_nothing)
{
	events_reset();
	event(1, 1000);
	pull_events();
	for (int64_t i = 2; i <= 40; i++) {
		event(i, i * 5);
		ck_assert_int_eq(pull_events(), 0);
		ck_assert(known(i));
	}
	event(41, 1010);
	pull_events();
	ck_assert_int_eq(pull_events(), 1);
}
END_TEST

/* ---- many at once -------------------------------------------------------- */

static void *
pulls(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++)
		if (authtok_revocations_pull(there.engine, w->memory) !=
		    AUTHTOK_OK)
			return &there;
	return NULL;
}

static void *
revokes(void *arg)
{
	const struct authtok_tokens *tokens = arg;

	for (size_t i = 0; i < 50; i++)
		if (authtok_session_revoke(w->sessions, w->user.id,
			tokens[i].sid, NULL) != AUTHTOK_OK)
			return &there;
	return NULL;
}

START_TEST(pulls_and_acts_go_side_by_side)
{
	static struct authtok_tokens tokens[50];
	pthread_t threads[4];
	void *bad;

	for (size_t i = 0; i < 50; i++)
		world_sign_in(w, &tokens[i]);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
				     i == 0 ? revokes : pulls, tokens),
		    0);
	for (size_t i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &bad), 0);
		ck_assert_ptr_null(bad);
	}
	pull_there();
	for (size_t i = 0; i < 50; i++) {
		ck_assert_int_eq(ends_verify(&e, &tokens[i]), AUTHTOK_EREVOKED);
		ck_assert_int_eq(
		    ends_verify_side(&e, &there, &tokens[i]), AUTHTOK_EREVOKED);
	}
	left_there(true, true);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("pull");
	TCase *tc = tcase_create("pull");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, what_ends_here_is_known_there_after_a_pull,
	    AUTHTOK_LOCAL, AUTHTOK_GLOBAL + 1);
	tcase_add_test(tc, what_is_revoked_there_is_known_here_after_a_pull);
	tcase_add_test(tc, a_new_set_is_filled_at_start);
	tcase_add_test(tc, a_new_user_version_elsewhere_is_known_after_a_pull);
	tcase_add_test(tc, a_pull_that_fails_is_told_and_made_again);
	tcase_add_test(tc, wrong_arguments);
	tcase_add_test(tc, polls_overlap_by_ten_seconds);
	tcase_add_test(tc, a_late_commit_is_seen);
	tcase_add_test(tc, many_events_are_read_in_pages);
	tcase_add_test(tc, no_event_is_lost_between_pages);
	tcase_add_test(tc, a_failure_between_pages_skips_nothing);
	tcase_add_test(tc, a_clock_that_goes_back_loses_nothing);
	tcase_add_test(tc, pulls_and_acts_go_side_by_side);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
