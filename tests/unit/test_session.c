/*
 * The session service over the memory store: arguments, what a refresh hands
 * out, changed users, ends of sessions, many threads at once. Opening is in
 * test_session_open.c, faults are in test_session_faults.c, the rule is in
 * test_consequences.c.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "session/refresh.h"
#include "session_world.h"

static struct world w;
static struct authtok_tokens first;

static void
setup(void)
{
	world_open(&w, NULL);
	world_sign_in(&w, &first);
}

static void
teardown(void)
{
	world_close(&w);
}

static enum authtok_err
try_config(const struct authtok_sessions_config *config)
{
	struct authtok_sessions *made = NULL;
	enum authtok_err err =
	    authtok_sessions_new(config, w.engine, w.keys, w.faulty, &made);

	ck_assert((made != NULL) == (err == AUTHTOK_OK));
	authtok_sessions_free(made);
	return err;
}

/* A clock that was never set, or is set beyond all: the thief is out. */
START_TEST(reuse_is_revoked_by_any_clock)
{
	static const int64_t times[] = { INT64_MIN, -1, 0 };
	char second[AUTHTOK_REFRESH_LEN + 1];

	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, second);
	world_expect(&w, second, NULL, AUTHTOK_ROTATED, NULL);
	w.now = times[_i];
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREUSED);
	ck_assert_int_gt(world_row(&w, first.sid).revoked_at, 0);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(config_is_checked)
{
	const struct authtok_sessions_config good =
	    AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_sessions_config c;

	ck_assert_int_eq(good.idle_lifetime, 86400);
	ck_assert_int_eq(good.absolute_lifetime, 30 * 86400);
	ck_assert_int_eq(good.leeway, 10);
	ck_assert_int_eq(good.rotation, AUTHTOK_BALANCED);
	ck_assert_uint_eq(good.max_per_user, 100);
	ck_assert_int_eq(try_config(&good), AUTHTOK_OK);
	ck_assert_int_eq(try_config(NULL), AUTHTOK_EINVAL);
	c = good;
	c.size--;
	ck_assert_int_eq(try_config(&c), AUTHTOK_EINVAL);
	c = good;
	c.idle_lifetime = 0;
	ck_assert_int_eq(try_config(&c), AUTHTOK_EINVAL);
	c = good;
	c.absolute_lifetime = 0;
	ck_assert_int_eq(try_config(&c), AUTHTOK_EINVAL);
	c = good;
	c.leeway = -1;
	ck_assert_int_eq(try_config(&c), AUTHTOK_EINVAL);
	c.leeway = 301;
	ck_assert_int_eq(try_config(&c), AUTHTOK_EINVAL);
	c.leeway = 300;
	ck_assert_int_eq(try_config(&c), AUTHTOK_OK);
	c.rotation = (enum authtok_rotation)2;
	ck_assert_int_eq(try_config(&c), AUTHTOK_EINVAL);
}
END_TEST

/* Of a later version only what is known here may be asked for. */
START_TEST(config_of_a_later_version)
{
	struct {
		struct authtok_sessions_config known;
		uint64_t more;
	} c = { AUTHTOK_SESSIONS_CONFIG_INIT, 1 };

	c.known.size = sizeof(c);
	ck_assert_int_eq(try_config(&c.known), AUTHTOK_EINVAL);
	c.more = 0;
	ck_assert_int_eq(try_config(&c.known), AUTHTOK_OK);
}
END_TEST

START_TEST(store_of_another_version_is_refused)
{
	const struct authtok_sessions_config config =
	    AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_store_ops ops = *w.faulty->ops;
	struct authtok_store store = { &ops, &w };
	struct authtok_sessions *made = NULL;

	ops.version = AUTHTOK_STORE_VERSION + 1;
	ck_assert_int_eq(
	    authtok_sessions_new(&config, w.engine, w.keys, &store, &made),
	    AUTHTOK_EINVAL);
	ck_assert_ptr_null(made);
}
END_TEST

START_TEST(refresh_secret_is_needed)
{
	const struct authtok_sessions_config config =
	    AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_sessions *made = NULL;
	struct authtok_keys *keys;

	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_sessions_new(&config, w.engine, keys, w.faulty, &made),
	    AUTHTOK_EKEY);
	ck_assert_ptr_null(made);
	authtok_keys_free(keys);
	authtok_sessions_free(NULL);
}
END_TEST

START_TEST(engine_must_issue)
{
	const struct authtok_sessions_config config =
	    AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config verifying = AUTHTOK_CONFIG_INIT;
	struct authtok_sessions *made = NULL;
	struct authtok_keys *keys;
	struct authtok *engine;

	verifying.issuer = verifying.audience = "a";
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_hmac(keys, "k", AUTHTOK_HS256,
			     "0123456789abcdef0123456789ABCDEF", 32, false),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_new(&verifying, keys, &engine), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_sessions_new(&config, engine, w.keys, w.faulty, &made),
	    AUTHTOK_EKEY);
	ck_assert_ptr_null(made);
	authtok_free(engine);
	authtok_keys_free(keys);
}
END_TEST

START_TEST(engine_is_lent)
{
	ck_assert_ptr_eq(authtok_sessions_engine(w.sessions), w.engine);
}
END_TEST

/* ---- refreshing -------------------------------------------------------- */
START_TEST(refresh_checks_its_arguments)
{
	struct authtok_client client = AUTHTOK_CLIENT_INIT;
	struct authtok_tokens t = AUTHTOK_TOKENS_INIT;
	const size_t len = AUTHTOK_REFRESH_LEN;
	enum authtok_outcome o;

	ck_assert_int_eq(authtok_session_refresh(
			     NULL, first.refresh, len, NULL, NULL, &o, &t),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_session_refresh(w.sessions, NULL, len, NULL, NULL, &o, &t),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_session_refresh(w.sessions, first.refresh, len,
			     NULL, NULL, NULL, &t),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(authtok_session_refresh(w.sessions, first.refresh, len,
			     NULL, NULL, &o, NULL),
	    AUTHTOK_EINVAL);
	client.size = 1;
	ck_assert_int_eq(authtok_session_refresh(w.sessions, first.refresh, len,
			     NULL, &client, &o, &t),
	    AUTHTOK_EINVAL);
	t.size = 0;
	ck_assert_int_eq(authtok_session_refresh(w.sessions, first.refresh, len,
			     NULL, NULL, &o, &t),
	    AUTHTOK_EINVAL);
	ck_assert_int_eq(w.calls[WORLD_FIND], 0);
}
END_TEST

START_TEST(retry_key_is_visible_ascii)
{
	char key[AUTHTOK_RETRYKEY_MAX + 2];

	world_refuse(&w, first.refresh, "", AUTHTOK_EINVAL);
	world_refuse(&w, first.refresh, "a b", AUTHTOK_EINVAL);
	world_refuse(&w, first.refresh, "a\x7f", AUTHTOK_EINVAL);
	world_refuse(&w, first.refresh, "\xc3\xa9", AUTHTOK_EINVAL);
	world_refuse(&w, first.refresh, "a\n", AUTHTOK_EINVAL);
	memset(key, '~', sizeof(key));
	key[AUTHTOK_RETRYKEY_MAX + 1] = '\0';
	world_refuse(&w, first.refresh, key, AUTHTOK_EINVAL);
	/* before the token is looked at */
	world_refuse(&w, "", "", AUTHTOK_EINVAL);
	key[AUTHTOK_RETRYKEY_MAX] = '\0';
	key[0] = '!';
	world_expect(&w, first.refresh, key, AUTHTOK_ROTATED, NULL);
	world_expect(&w, first.refresh, key, AUTHTOK_REPEATED, NULL);
}
END_TEST

START_TEST(refresh_says_when_it_expires)
{
	struct authtok_tokens t;
	enum authtok_outcome o;

	w.now += 100;
	ck_assert_int_eq(
	    world_refresh(&w, first.refresh, NULL, &o, &t), AUTHTOK_OK);
	ck_assert_int_eq(t.refresh_expires_at, w.now + 86400);
	ck_assert_int_eq(t.access_expires_at, w.now + 3600);
	/* a repeated answer expires with the first one */
	w.now += 5;
	ck_assert_int_eq(
	    world_refresh(&w, first.refresh, NULL, &o, &t), AUTHTOK_OK);
	ck_assert_int_eq(o, AUTHTOK_REPEATED);
	ck_assert_int_eq(t.refresh_expires_at, w.now - 5 + 86400);
	ck_assert_int_eq(t.user_id, w.user.id);
	ck_assert_mem_eq(t.sid, first.sid, AUTHTOK_SID_LEN);
	for (int day = 0; day < 59; day++) {
		w.now += 86400 / 2;
		ck_assert_int_eq(
		    world_refresh(&w, t.refresh, NULL, &o, &t), AUTHTOK_OK);
	}
	/* the absolute end comes first */
	ck_assert_int_eq(t.refresh_expires_at, WORLD_START + 30 * 86400);
}
END_TEST

START_TEST(malformed_and_unknown_tokens)
{
	struct authtok_session row = world_row(&w, first.sid);
	struct at_refresh *refresh;
	char text[AUTHTOK_REFRESH_LEN + 1];

	world_refuse(&w, "", NULL, AUTHTOK_EFORMAT);
	world_refuse(&w, "art1_", NULL, AUTHTOK_EFORMAT);
	world_refuse(&w, first.access, NULL, AUTHTOK_EFORMAT);
	ck_assert_int_eq(at_refresh_new(w.keys, &refresh), AUTHTOK_OK);
	/* a good M over another session */
	row.sid[0] ^= 1;
	ck_assert_int_eq(at_refresh_make(refresh, &row, text), AUTHTOK_OK);
	world_refuse(&w, text, NULL, AUTHTOK_EUNKNOWN);
	/* a leaked key without the row: S is guessed */
	row.sid[0] ^= 1;
	row.seed[0] ^= 1;
	ck_assert_int_eq(at_refresh_make(refresh, &row, text), AUTHTOK_OK);
	world_refuse(&w, text, NULL, AUTHTOK_ESIG);
	row.gen = 9;
	ck_assert_int_eq(at_refresh_make(refresh, &row, text), AUTHTOK_OK);
	world_refuse(&w, text, NULL, AUTHTOK_ESIG);
	at_refresh_free(refresh);
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

START_TEST(roles_and_epoch_are_those_of_now)
{
	strcpy(w.user.roles[0], "admin");
	strcpy(w.user.roles[1], "user");
	w.user.role_count = 2;
	w.user.epoch = 5;
	world_update_user(&w);
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
	ck_assert(authtok_claims_has_role(w.claims, "admin"));
	ck_assert_int_eq(authtok_claims_epoch(w.claims), 5);
	w.user.role_count = 0;
	w.user.epoch = 6;
	world_update_user(&w);
	world_expect(&w, first.refresh, NULL, AUTHTOK_REPEATED, NULL);
	ck_assert_uint_eq(authtok_claims_role_count(w.claims), 0);
	ck_assert_int_eq(authtok_claims_epoch(w.claims), 6);
}
END_TEST

START_TEST(disabled_user_is_unknown_until_enabled)
{
	w.user.disabled = true;
	world_update_user(&w);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EUNKNOWN);
	ck_assert(world_row_exists(&w, first.sid));
	w.user.disabled = false;
	world_update_user(&w);
	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
}
END_TEST

START_TEST(deleted_user_is_unknown)
{
	struct authtok_act when = { .now = WORLD_START, .until = WORLD_START };

	ck_assert_int_eq(
	    w.memory->ops->user_delete(w.memory->ctx, w.user.id, &when),
	    AUTHTOK_OK);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EUNKNOWN);
}
END_TEST

START_TEST(revoked_session_is_revoked)
{
	struct authtok_act when = { .now = WORLD_START, .until = WORLD_START };

	ck_assert_int_eq(
	    w.memory->ops->session_revoke(w.memory->ctx, first.sid, &when),
	    AUTHTOK_OK);
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREVOKED);
	/* also when it would be expired */
	w.now += 31 * 86400;
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREVOKED);
}
END_TEST

START_TEST(expired_session_is_removed)
{
	w.now += 86400;
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EEXPIRED);
	ck_assert(!world_row_exists(&w, first.sid));
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EUNKNOWN);
}
END_TEST

START_TEST(reuse_is_revoked_with_its_times)
{
	struct authtok_tokens t;
	enum authtok_outcome o;

	world_expect(&w, first.refresh, NULL, AUTHTOK_ROTATED, NULL);
	w.now += 11;
	ck_assert_int_eq(
	    world_refresh(&w, first.refresh, NULL, &o, &t), AUTHTOK_OK);
	world_expect(&w, t.refresh, NULL, AUTHTOK_ROTATED, NULL);
	w.now += 11;
	world_refuse(&w, first.refresh, NULL, AUTHTOK_EREUSED);
	ck_assert_int_eq(w.last_when.now, w.now);
	ck_assert_int_eq(w.last_when.until, w.now + AUTHTOK_HORIZON_MAX);
	ck_assert_int_ne(world_row(&w, first.sid).revoked_at, 0);
}
END_TEST

START_TEST(purge_removes_what_has_expired)
{
	struct authtok_tokens later;
	size_t count = 77;

	w.now += 100;
	world_sign_in(&w, &later);
	w.now = WORLD_START + 86400 + 99;
	ck_assert_int_eq(
	    authtok_sessions_purge(w.sessions, 10, &count, NULL), AUTHTOK_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(w.last_idle_before, w.now - 86400);
	ck_assert(!world_row_exists(&w, first.sid));
	world_expect(&w, later.refresh, NULL, AUTHTOK_ROTATED, NULL);
	ck_assert_int_eq(
	    authtok_sessions_purge(w.sessions, 10, NULL, NULL), AUTHTOK_OK);
	ck_assert_int_eq(
	    authtok_sessions_purge(NULL, 10, NULL, NULL), AUTHTOK_EINVAL);
}
END_TEST

/* ---- many at once ------------------------------------------------------ */
#define THREADS 64

struct caller {
	pthread_t thread;
	pthread_barrier_t *start;
	const char *key;
	enum authtok_err err;
	enum authtok_outcome outcome;
	struct authtok_tokens tokens;
};

static void *
call(void *arg)
{
	struct caller *c = arg;

	pthread_barrier_wait(c->start);
	c->err = authtok_session_refresh(w.sessions, first.refresh,
	    AUTHTOK_REFRESH_LEN, c->key, NULL, &c->outcome, &c->tokens);
	return NULL;
}

/* _i: without and with a retry key */
START_TEST(many_callers_get_one_child)
{
	struct caller *callers = calloc(THREADS, sizeof(*callers));
	pthread_barrier_t start;
	int rotated = 0;

	ck_assert_ptr_nonnull(callers);
	pthread_barrier_init(&start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		callers[i].start = &start;
		callers[i].key = _i == 0 ? NULL : "key";
		callers[i].tokens.size = sizeof(callers[i].tokens);
		ck_assert_int_eq(
		    pthread_create(&callers[i].thread, NULL, call, &callers[i]),
		    0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(callers[i].thread, NULL);
	for (int i = 0; i < THREADS; i++) {
		ck_assert_int_eq(callers[i].err, AUTHTOK_OK);
		rotated += callers[i].outcome == AUTHTOK_ROTATED;
		if (callers[i].outcome != AUTHTOK_ROTATED)
			ck_assert_int_eq(callers[i].outcome, AUTHTOK_REPEATED);
		ck_assert_str_eq(
		    callers[i].tokens.refresh, callers[0].tokens.refresh);
	}
	ck_assert_int_eq(rotated, 1);
	ck_assert_uint_eq(world_row(&w, first.sid).gen, 1);
	world_expect(
	    &w, callers[0].tokens.refresh, NULL, AUTHTOK_ROTATED, NULL);
	pthread_barrier_destroy(&start);
	free(callers);
}
END_TEST

static void
add_service(Suite *suite)
{
	TCase *tc = tcase_create("service");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, config_is_checked);
	tcase_add_test(tc, config_of_a_later_version);
	tcase_add_loop_test(tc, reuse_is_revoked_by_any_clock, 0, 3);
	tcase_add_test(tc, store_of_another_version_is_refused);
	tcase_add_test(tc, refresh_secret_is_needed);
	tcase_add_test(tc, engine_must_issue);
	tcase_add_test(tc, engine_is_lent);
	tcase_add_test(tc, purge_removes_what_has_expired);
	tcase_add_loop_test(tc, many_callers_get_one_child, 0, 2);
	suite_add_tcase(suite, tc);
}

static void
add_refresh(Suite *suite)
{
	TCase *tc = tcase_create("refresh");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, refresh_checks_its_arguments);
	tcase_add_test(tc, retry_key_is_visible_ascii);
	tcase_add_test(tc, refresh_says_when_it_expires);
	tcase_add_test(tc, malformed_and_unknown_tokens);
	tcase_add_test(tc, roles_and_epoch_are_those_of_now);
	tcase_add_test(tc, disabled_user_is_unknown_until_enabled);
	tcase_add_test(tc, deleted_user_is_unknown);
	tcase_add_test(tc, revoked_session_is_revoked);
	tcase_add_test(tc, expired_session_is_removed);
	tcase_add_test(tc, reuse_is_revoked_with_its_times);
	suite_add_tcase(suite, tc);
}

int
main(void)
{
	Suite *suite = suite_create("session");
	SRunner *runner;
	int failed;

	add_service(suite);
	add_refresh(suite);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
