/*
 * The SQLite backend: an act and its audit record are one transaction, which
 * waits for the disk once, and of which nothing remains when it fails.
 */
#include "sqlite_util.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct scratch scratch;

static void
setup(void)
{
	scratch_make(&scratch);
}

static void
teardown(void)
{
	scratch_remove(&scratch);
}

/* ---- the acts ------------------------------------------------------------ */

#define TURNS 16

/* Ann has session 0; user u<n> has session n and one that he loses. */
struct scene {
	struct authtok_store *store;
	int64_t ann;
	int64_t users[TURNS];
};

static int
scene_open(struct scene *scene)
{
	struct authtok_session session;
	struct authtok_user user;
	char name[16];
	uint32_t n;

	scene->store = must_open(scratch.path, 1000);
	make_user(&user, "ann");
	CHILD_CHECK(OP(scene->store, user_create, &user, NULL, &scene->ann) ==
	    AUTHTOK_OK);
	make_session(&session, scene->ann, 0);
	CHILD_CHECK(OP(scene->store, session_create, &session, 1, 0,
			&at_noon) == AUTHTOK_OK);
	for (n = 0; n < TURNS; n++) {
		snprintf(name, sizeof(name), "u%u", n);
		make_user(&user, name);
		CHILD_CHECK(OP(scene->store, user_create, &user, NULL,
				&scene->users[n]) == AUTHTOK_OK);
		make_session(&session, scene->users[n], 100 + n);
		CHILD_CHECK(OP(scene->store, session_create, &session, 1, 0,
				&at_noon) == AUTHTOK_OK);
		make_session(&session, scene->users[n], 200 + n);
		CHILD_CHECK(OP(scene->store, session_create, &session, 1, 0,
				&at_noon) == AUTHTOK_OK);
	}
	return 0;
}

typedef enum authtok_err act(struct scene *scene, uint32_t n);

static enum authtok_err
create_user(struct scene *scene, uint32_t n)
{
	struct authtok_user user;
	char name[16];
	int64_t id;

	snprintf(name, sizeof(name), "new%u", n);
	make_user(&user, name);
	return OP(scene->store, user_create, &user, &recorded, &id);
}

static enum authtok_err
update_user(struct scene *scene, uint32_t n)
{
	struct authtok_user user;
	enum authtok_err err = OP(scene->store, user_find, scene->ann, &user);

	(void)n;
	if (err != AUTHTOK_OK)
		return err;
	user.epoch++;
	return OP(scene->store, user_update, &user, AUTHTOK_END_NONE, NULL,
	    &recorded);
}

/* The newest of three, so that the oldest ends. */
static enum authtok_err
create_session(struct scene *scene, uint32_t n)
{
	struct authtok_session session;

	make_session(&session, scene->users[n], 300 + n);
	return OP(scene->store, session_create, &session, 1, 2, &recorded);
}

static enum authtok_err
update_session(struct scene *scene, bool durable)
{
	struct authtok_session session;
	struct authtok_owner owner;
	enum authtok_err err;

	make_session(&session, scene->ann, 0);
	err = OP(scene->store, session_find, session.sid, &session, &owner);
	if (err != AUTHTOK_OK)
		return err;
	session.gen++;
	return OP(scene->store, session_update, &session, session.gen - 1,
	    session.branch, durable, &recorded);
}

static enum authtok_err
update_session_durable(struct scene *scene, uint32_t n)
{
	(void)n;
	return update_session(scene, true);
}

static enum authtok_err
update_session_soon(struct scene *scene, uint32_t n)
{
	(void)n;
	return update_session(scene, false);
}

static enum authtok_err
revoke_session(struct scene *scene, uint32_t n)
{
	struct authtok_session session;

	make_session(&session, 0, 200 + n);
	return OP(scene->store, session_revoke, session.sid, &recorded);
}

static enum authtok_err
revoke_user(struct scene *scene, uint32_t n)
{
	size_t count;

	return OP(scene->store, session_revoke_user, scene->users[n], NULL,
	    &recorded, &count);
}

static enum authtok_err
delete_user(struct scene *scene, uint32_t n)
{
	return OP(scene->store, user_delete, scene->users[n], &recorded);
}

static enum authtok_err
append(struct scene *scene, uint32_t n)
{
	(void)n;
	return OP(scene->store, audit_append, &recorded);
}

/* In an order in which each of them finds something to change. */
static act *const acts[] = { create_user, update_user, revoke_session,
	create_session, update_session_durable, update_session_soon,
	revoke_user, delete_user, append };

#define ACTS (sizeof(acts) / sizeof(acts[0]))

static int64_t
records(sqlite3 *db)
{
	return raw_int(db, "SELECT count(*) FROM audit");
}

/* ---- one transaction ----------------------------------------------------- */

/* SQLite calls these instead of the C library's: they are exported. */
static unsigned waits;

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	waits++;
	return (int)syscall(SYS_fdatasync, fd);
}

__attribute__((visibility("default"))) int
fsync(int fd)
{
	waits++;
	return (int)syscall(SYS_fsync, fd);
}

static int
count_commit(void *arg)
{
	unsigned *commits = arg;

	++*commits;
	return 0;
}

START_TEST(test_one_transaction)
{
	struct scene scene;
	unsigned commits = 0;
	sqlite3 *db;
	size_t i;

	ck_assert_int_eq(scene_open(&scene), 0);
	db = raw_open(scratch.path);
	sqlite3_commit_hook(writer_of(scene.store), count_commit, &commits);
	for (i = 0; i < ACTS; i++) {
		waits = commits = 0;
		ck_assert_int_eq(acts[i](&scene, 0), AUTHTOK_OK);
		ck_assert_msg(commits == 1, "act %zu: %u commits", i, commits);
		ck_assert_msg(waits == 1, "act %zu: %u waits", i, waits);
		ck_assert_int_eq(records(db), (int64_t)i + 1);
	}
	sqlite3_close(db);
	authtok_store_close(scene.store);
}
END_TEST

static int
count_statement(unsigned type, void *arg, void *stmt, void *sql)
{
	unsigned *statements = arg;

	(void)type;
	(void)stmt;
	(void)sql;
	++*statements;
	return 0;
}

/* A rotation without a record is one statement and waits for nothing. */
START_TEST(test_rotation_stays_bare)
{
	const struct authtok_act *const bare[] = { NULL, &at_noon, NULL };
	struct authtok_session session;
	struct scene scene;
	unsigned statements = 0;
	uint32_t i;

	ck_assert_int_eq(scene_open(&scene), 0);
	make_session(&session, scene.ann, 0);
	for (i = 0; i < 3; i++) {
		session.gen = i + 1;
		waits = statements = 0;
		ck_assert_int_eq(OP(scene.store, session_update, &session, i, 0,
				     false, bare[i]),
		    AUTHTOK_OK);
		ck_assert_uint_eq(waits, 0);
		/* from the second on, which need not change the level */
		ck_assert_uint_eq(statements, i > 0);
		sqlite3_trace_v2(writer_of(scene.store), SQLITE_TRACE_STMT,
		    count_statement, &statements);
	}
	authtok_store_close(scene.store);
}
END_TEST

/* ---- nothing remains ----------------------------------------------------- */

/* The last record has no mac that could be chained to. */
START_TEST(test_broken_log)
{
	struct scene scene;
	sqlite3 *db;
	int64_t version;
	size_t i;

	ck_assert_int_eq(scene_open(&scene), 0);
	ck_assert_int_eq(append(&scene, 0), AUTHTOK_OK);
	db = raw_open(scratch.path);
	raw_exec(db,
	    "DROP TRIGGER audit_stays; PRAGMA ignore_check_constraints = ON;"
	    "UPDATE audit SET mac = x'01'");
	version = raw_int(db, "PRAGMA data_version");
	for (i = 0; i < ACTS; i++)
		ck_assert_msg(
		    acts[i](&scene, 0) == AUTHTOK_ESTORE, "act %zu went on", i);
	/* nobody has committed anything */
	ck_assert_int_eq(raw_int(db, "PRAGMA data_version"), version);
	raw_exec(db, "UPDATE audit SET mac = zeroblob(32)");
	for (i = 0; i < ACTS; i++)
		ck_assert_int_eq(acts[i](&scene, 0), AUTHTOK_ECRYPTO);
	raw_exec(db, "DELETE FROM audit_base");
	raw_exec(db, "DROP TRIGGER audit_is_cut; DELETE FROM audit");
	version = raw_int(db, "PRAGMA data_version");
	for (i = 0; i < ACTS; i++)
		ck_assert_int_eq(acts[i](&scene, 0), AUTHTOK_ESTORE);
	ck_assert_int_eq(raw_int(db, "PRAGMA data_version"), version);
	/* mended, all of it works */
	raw_exec(db, "INSERT INTO audit_base VALUES (1, 0, zeroblob(32))");
	for (i = 0; i < ACTS; i++)
		ck_assert_int_eq(acts[i](&scene, 0), AUTHTOK_OK);
	ck_assert_int_eq(records(db), ACTS);
	sqlite3_close(db);
	authtok_store_close(scene.store);
}
END_TEST

static void
limit_files(rlim_t size)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	setrlimit(RLIMIT_FSIZE, &limit);
}

/* Where the log ends, not the file, which is longer after a failure. In place
 * of the hook that makes checkpoints, so the log never begins anew. */
static rlim_t log_end;

static int
see_log(void *arg, sqlite3 *db, const char *name, int frames)
{
	(void)arg;
	(void)db;
	(void)name;
	log_end = 32 + (rlim_t)frames * (24 + 4096);
	return SQLITE_OK;
}

/* An act with room bytes left. It may fail, but not by half. */
static int
act_in(struct scene *scene, sqlite3 *db, size_t i, uint32_t n, rlim_t room)
{
	int64_t before = records(db);
	int64_t version = raw_int(db, "PRAGMA data_version");
	enum authtok_err err;

	limit_files(log_end + room);
	err = acts[i](scene, n);
	limit_files(RLIM_INFINITY);
	CHILD_CHECK(err == AUTHTOK_OK || err == AUTHTOK_ESTORE);
	CHILD_CHECK(records(db) == before + (err == AUTHTOK_OK));
	CHILD_CHECK((raw_int(db, "PRAGMA data_version") != version) ==
	    (err == AUTHTOK_OK));
	return err == AUTHTOK_OK ? 0 : 2;
}

static int
full_disk(void *arg)
{
	struct scene scene;
	unsigned refused[ACTS] = { 0 };
	sqlite3 *db;
	uint32_t n;
	size_t i;
	int rc;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	CHILD_CHECK(scene_open(&scene) == 0);
	db = raw_open(scratch.path);
	sqlite3_wal_hook(writer_of(scene.store), see_log, NULL);
	CHILD_CHECK(append(&scene, 0) == AUTHTOK_OK && log_end > 0);
	for (n = 0; n < TURNS; n++)
		for (i = 0; i < ACTS; i++) {
			/* from no room to room for most of the pages; the last
			 * must go well */
			rc = act_in(&scene, db, i, n,
			    n < TURNS - 1 ? n * 1500 : 1 << 20);
			CHILD_CHECK(rc == 0 || rc == 2);
			CHILD_CHECK(rc == 0 || n < TURNS - 1);
			refused[i] += rc == 2;
		}
	for (i = 0; i < ACTS; i++)
		CHILD_CHECK(refused[i] >= 3);
	sqlite3_close(db);
	authtok_store_close(scene.store);
	return 0;
}

START_TEST(test_full_disk)
{
	sqlite3 *db;

	ck_assert_int_eq(child_wait(child_start(full_disk, NULL)), 0);
	db = raw_open(scratch.path);
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) = 1 FROM"
			     " pragma_integrity_check WHERE"
			     " integrity_check = 'ok'"),
	    1);
	/* a log without a gap, and every new user in it */
	ck_assert_int_gt(records(db), 0);
	ck_assert_int_eq(
	    raw_int(db, "SELECT max(seq) FROM audit"), records(db));
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) FROM users WHERE name LIKE 'new%'"
			     " AND id NOT IN (SELECT user_id FROM audit)"),
	    0);
	sqlite3_close(db);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_acts");
	TCase *tc = tcase_create("acts");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_one_transaction);
	tcase_add_test(tc, test_rotation_stays_bare);
	tcase_add_test(tc, test_broken_log);
	tcase_add_test(tc, test_full_disk);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
