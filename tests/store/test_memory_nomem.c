/*
 * The memory backend without memory: every allocation of every operation fails
 * once, and an operation that says ENOMEM has changed nothing.
 *
 * The linker puts the wrappers below in the place of the C library's functions
 * (tests/flags.mk).
 */
#include <authtok/store.h>

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static int countdown = -1; /* allocations until one fails; negative: none */

static int
fails_now(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *
__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails_now() ? NULL : __real_reallocarray(p, n, size);
}

#define ROWS 64

/* All that a store says of itself. */
struct picture {
	size_t users, sessions, events, records;
	struct authtok_user user[ROWS];
	struct authtok_session session[ROWS];
	struct authtok_revocation event[ROWS];
	struct authtok_audit_record record[ROWS];
};

static enum authtok_err
chain(void *arg, const uint8_t *previous, struct authtok_audit_record *record)
{
	(void)arg;
	memcpy(record->mac, previous, AUTHTOK_MAC_LEN);
	record->mac[0]++;
	return AUTHTOK_OK;
}

static const struct authtok_audit_record event = { .at = 1000, .event = 1 };
static const struct authtok_act when = { .now = 1000, .until = 4605 };
static const struct authtok_act audited = {
	.now = 1000, .until = 4605, .record = &event, .chain = chain
};
static const struct authtok_act limited = { .now = 1000,
	.until = 4605,
	.record = &event,
	.limit_record = &event,
	.chain = chain };
static const struct authtok_act *act; /* of TRY */
static struct authtok_store *store;

static int fail_at;        /* which allocation of TRY fails */
static bool wrote_results; /* on failure */

#define OP(op, ...) store->ops->op(store->ctx, __VA_ARGS__)
/* Nothing else may allocate meanwhile, Check least of all. */
#define TRY(err, op, ...)                  \
	do {                               \
		countdown = fail_at;       \
		err = OP(op, __VA_ARGS__); \
		countdown = -1;            \
	} while (0)

static void
look(struct picture *picture)
{
	size_t i, n;

	memset(picture, 0, sizeof(*picture));
	OP(user_list, 0, picture->user, ROWS, &picture->users);
	for (i = 0; i < picture->users; i++) {
		OP(session_list, picture->user[i].id, NULL,
		    picture->session + picture->sessions,
		    ROWS - picture->sessions, &n);
		picture->sessions += n;
	}
	OP(revoked_since, 0, picture->event, ROWS, &picture->events);
	ck_assert_uint_lt(picture->users, ROWS);
	ck_assert_uint_lt(picture->sessions, ROWS);
	ck_assert_uint_lt(picture->events, ROWS);
	OP(audit_list, 0, picture->record, ROWS, &picture->records);
	ck_assert_uint_lt(picture->records, ROWS);
}

static int64_t
add_user(const char *name)
{
	struct authtok_user user;
	int64_t id = 0;

	memset(&user, 0, sizeof(user));
	snprintf(user.name, sizeof(user.name), "%s", name);
	snprintf(user.email, sizeof(user.email), "%s@x", name);
	ck_assert_int_eq(OP(user_create, &user, NULL, &id), AUTHTOK_OK);
	return id;
}

static struct authtok_session
session_of(int64_t user_id, uint8_t number)
{
	struct authtok_session s;

	memset(&s, 0, sizeof(s));
	memset(s.sid, number, sizeof(s.sid));
	s.user_id = user_id;
	s.expires_at = INT64_MAX;
	s.rotated_at = number;
	return s;
}

/* Eight users, eight sessions of the first, eight revocations, eight records:
 * full arrays. */
static int64_t id;

static void
fill_events(int64_t user_id, unsigned n)
{
	struct authtok_user user;

	for (; n > 0; n--) {
		ck_assert_int_eq(OP(user_find, user_id, &user), AUTHTOK_OK);
		user.epoch++;
		ck_assert_int_eq(
		    OP(user_update, &user, AUTHTOK_END_NONE, NULL, &when),
		    AUTHTOK_OK);
	}
}

static void
setup(void)
{
	struct authtok_session s;
	uint8_t i;

	countdown = -1;
	ck_assert_int_eq(authtok_store_memory(&store), AUTHTOK_OK);
	id = add_user("anna");
	for (i = 0; i < 8; i++) {
		s = session_of(id, i);
		ck_assert_int_eq(
		    OP(session_create, &s, 1, 0, &when), AUTHTOK_OK);
	}
	for (i = 0; i < 7; i++)
		fill_events(add_user((char[2]){ (char)('a' + i), '\0' }),
		    i == 0 ? 8 : 0);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(OP(audit_append, &audited), AUTHTOK_OK);
}

static void
teardown(void)
{
	countdown = -1;
	authtok_store_close(store);
}

static enum authtok_err
create_user(void)
{
	struct authtok_user user;
	int64_t got = -1;
	enum authtok_err err;

	memset(&user, 0, sizeof(user));
	snprintf(user.name, sizeof(user.name), "berta");
	snprintf(user.email, sizeof(user.email), "berta@x");
	TRY(err, user_create, &user, act, &got);
	wrote_results = got != -1;
	return err;
}

static enum authtok_err
update_user(void)
{
	struct authtok_user user;
	enum authtok_err err;

	ck_assert_int_eq(OP(user_find, id, &user), AUTHTOK_OK);
	user.epoch++;
	user.disabled = true;
	snprintf(user.name, sizeof(user.name), "carla");
	TRY(err, user_update, &user, AUTHTOK_END_ALL, NULL, act);
	return err;
}

static enum authtok_err
delete_user(void)
{
	enum authtok_err err;

	TRY(err, user_delete, id, act);
	return err;
}

static enum authtok_err
create_session(void)
{
	struct authtok_session s = session_of(id, 100);
	enum authtok_err err;

	TRY(err, session_create, &s, 1, 2, act);
	return err;
}

static enum authtok_err
revoke_session(void)
{
	struct authtok_session s = session_of(id, 3);
	enum authtok_err err;

	TRY(err, session_revoke, s.sid, act);
	return err;
}

static enum authtok_err
revoke_user(void)
{
	size_t n = 99;
	enum authtok_err err;

	TRY(err, session_revoke_user, id, NULL, act, &n);
	wrote_results = n != 99;
	return err;
}

static enum authtok_err
update_session(void)
{
	struct authtok_session s = session_of(id, 3);
	enum authtok_err err;

	s.gen = 1;
	TRY(err, session_update, &s, 0, 0, false, act);
	return err;
}

static enum authtok_err
append(void)
{
	enum authtok_err err;

	TRY(err, audit_append, act);
	return err;
}

static enum authtok_err
cut(void)
{
	enum authtok_err err;

	TRY(err, audit_cut, 3, act);
	return err;
}

static const struct {
	const char *name;
	enum authtok_err (*run)(void);
	const struct authtok_act *act;
	int least; /* allocations it must have come by */
} acts[] = {
	{ "user_create", create_user, NULL, 2 },
	{ "user_update", update_user, &when, 1 },
	{ "user_delete", delete_user, &when, 1 },
	{ "session_create", create_session, &when, 4 },
	{ "session_update", update_session, NULL, 0 },
	{ "session_revoke", revoke_session, &when, 1 },
	{ "session_revoke_user", revoke_user, &when, 1 },
	{ "user_create with a record", create_user, &audited, 3 },
	{ "user_update with a record", update_user, &audited, 2 },
	{ "user_delete with a record", delete_user, &audited, 2 },
	{ "session_create with a record", create_session, &audited, 5 },
	{ "session_create with records", create_session, &limited, 5 },
	{ "session_update with a record", update_session, &audited, 1 },
	{ "session_revoke with a record", revoke_session, &audited, 2 },
	{ "session_revoke_user with a record", revoke_user, &audited, 2 },
	{ "audit_append", append, &audited, 1 },
	{ "audit_cut", cut, &audited, 1 },
};

START_TEST(all_or_nothing)
{
	static struct picture before, after;
	enum authtok_err err;
	int k;

	look(&before);
	for (k = 0;; k++) {
		fail_at = k;
		wrote_results = false;
		act = acts[_i].act;
		err = acts[_i].run();
		if (err != AUTHTOK_ENOMEM)
			break;
		ck_assert(!wrote_results);
		look(&after);
		/* room that was made stays: begin with full arrays again */
		teardown();
		setup();
		ck_assert_msg(memcmp(&before, &after, sizeof(before)) == 0,
		    "%s changed something without memory", acts[_i].name);
	}
	ck_assert_int_eq(err, AUTHTOK_OK);
	ck_assert_int_ge(k, acts[_i].least);
	look(&after);
	ck_assert_int_ne(memcmp(&before, &after, sizeof(before)), 0);
}
END_TEST

/* Tables that cannot grow work on. */
START_TEST(many_rows_in_small_tables)
{
	struct authtok_session s, got;
	struct authtok_owner owner;
	enum authtok_err err;
	unsigned i;

	for (i = 0; i < 300; i++) {
		s = session_of(id, 200);
		s.sid[0] = (uint8_t)i;
		s.sid[1] = (uint8_t)(i >> 8);
		/* the row itself succeeds, what comes after it fails */
		fail_at = 1;
		TRY(err, session_create, &s, 1, 0, &when);
		if (err == AUTHTOK_ENOMEM)
			err = OP(session_create, &s, 1, 0, &when);
		ck_assert_int_eq(err, AUTHTOK_OK);
	}
	for (i = 0; i < 300; i++) {
		s.sid[0] = (uint8_t)i;
		s.sid[1] = (uint8_t)(i >> 8);
		ck_assert_int_eq(
		    OP(session_find, s.sid, &got, &owner), AUTHTOK_OK);
		ck_assert_mem_eq(got.sid, s.sid, sizeof(s.sid));
	}
}
END_TEST

START_TEST(constructor)
{
	struct authtok_store *made = NULL;
	enum authtok_err err;
	int k;

	for (k = 0;; k++) {
		countdown = k;
		err = authtok_store_memory(&made);
		countdown = -1;
		if (err != AUTHTOK_ENOMEM)
			break;
		ck_assert_ptr_null(made);
	}
	ck_assert_int_eq(err, AUTHTOK_OK);
	ck_assert_int_eq(k, 5);
	authtok_store_close(made);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("memory store without memory");
	TCase *cases = tcase_create("allocations");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_loop_test(
	    cases, all_or_nothing, 0, (int)(sizeof(acts) / sizeof(acts[0])));
	tcase_add_test(cases, many_rows_in_small_tables);
	tcase_add_test(cases, constructor);
	suite_add_tcase(suite, cases);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
