/*
 * The SQLite backend when things go wrong: a full disk, no right to write,
 * processes that die or begin at once.
 */
#include "sqlite_util.h"

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

/* ---- full disk ---------------------------------------------------------- */

/* A limit on the size of files stands for a full disk: write(2) fails. */
static void
limit_files(rlim_t size)
{
	struct rlimit limit;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = size;
	setrlimit(RLIMIT_FSIZE, &limit);
}

struct full {
	struct authtok_store *store;
	struct authtok_session session; /* live, of the first user */
	struct authtok_user user;
	struct authtok_owner owner;
};

/* Whatever this says, nothing is half done. Gives whether all was refused. */
static int
write_all(struct full *full, uint32_t number, unsigned *refused)
{
	struct authtok_session session, found;
	struct authtok_user user;
	char name[32];
	int64_t id = 0;
	enum authtok_err err;

	snprintf(name, sizeof(name), "user%u", number);
	make_user(&user, name);
	err = OP(full->store, user_create, &user, NULL, &id);
	CHILD_CHECK(err == AUTHTOK_OK || (err == AUTHTOK_ESTORE && id == 0));
	*refused += err != AUTHTOK_OK;
	CHILD_CHECK(OP(full->store, user_find_name, name, &user) ==
	    (err == AUTHTOK_OK ? AUTHTOK_OK : AUTHTOK_EUNKNOWN));

	make_session(&session, full->user.id, 1000 + number);
	err = OP(full->store, session_create, &session, 1, 0, &at_noon);
	CHILD_CHECK(err == AUTHTOK_OK || err == AUTHTOK_ESTORE);
	*refused += err != AUTHTOK_OK;
	CHILD_CHECK(
	    OP(full->store, session_find, session.sid, &found, &full->owner) ==
	    (err == AUTHTOK_OK ? AUTHTOK_OK : AUTHTOK_EUNKNOWN));

	session = full->session;
	session.gen++;
	err = OP(full->store, session_update, &session, full->session.gen, 0,
	    number % 2 == 0, NULL);
	CHILD_CHECK(err == AUTHTOK_OK || err == AUTHTOK_ESTORE);
	*refused += err != AUTHTOK_OK;
	if (err == AUTHTOK_OK)
		full->session = session;
	CHILD_CHECK(OP(full->store, session_find, session.sid, &found,
			&full->owner) == AUTHTOK_OK);
	CHILD_CHECK(found.gen == full->session.gen);
	return 0;
}

/* Revocations are two rows in two tables: both or none. */
static int
revoke_some(struct full *full, uint32_t number, unsigned *refused)
{
	struct authtok_revocation events[4];
	struct authtok_session session, found;
	size_t before = 0, after = 0;
	enum authtok_err err;

	make_session(&session, 0, number);
	CHILD_CHECK(OP(full->store, revoked_since, 0, events, 4, &before) ==
	    AUTHTOK_OK);
	err = OP(full->store, session_revoke, session.sid, &at_noon);
	CHILD_CHECK(err == AUTHTOK_OK || err == AUTHTOK_ESTORE);
	*refused += err != AUTHTOK_OK;
	CHILD_CHECK(
	    OP(full->store, revoked_since, 0, events, 4, &after) == AUTHTOK_OK);
	CHILD_CHECK(after == before + (err == AUTHTOK_OK));
	CHILD_CHECK(OP(full->store, session_find, session.sid, &found,
			&full->owner) == AUTHTOK_OK);
	CHILD_CHECK((found.revoked_at != 0) == (err == AUTHTOK_OK));
	return 0;
}

static int
full_prepare(struct full *full)
{
	struct authtok_session victim;
	uint32_t i;

	make_user(&full->user, "ann");
	CHILD_CHECK(authtok_store_sqlite(scratch.path, &full->store, NULL, 0) ==
	    AUTHTOK_OK);
	CHILD_CHECK(OP(full->store, user_create, &full->user, NULL,
			&full->user.id) == AUTHTOK_OK);
	make_session(&full->session, full->user.id, 1);
	CHILD_CHECK(OP(full->store, session_create, &full->session, 1, 0,
			&at_noon) == AUTHTOK_OK);
	for (i = 500; i < 503; i++) {
		make_session(&victim, full->user.id, i);
		CHILD_CHECK(OP(full->store, session_create, &victim, 1, 0,
				&at_noon) == AUTHTOK_OK);
	}
	return 0;
}

static int
full_disk(void *arg)
{
	struct full full;
	rlim_t size;
	uint32_t i;
	unsigned refused = 0;

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	if (full_prepare(&full) != 0)
		return 1;
	size = (rlim_t)scratch_size(&scratch, "-wal");
	/* from no room at all to room for some pages of a transaction */
	for (i = 0; i < 12; i++) {
		limit_files(size + i * 1500);
		if (write_all(&full, i, &refused) != 0)
			return 1;
	}
	CHILD_CHECK(refused >= 3);
	limit_files((rlim_t)scratch_size(&scratch, "-wal"));
	refused = 0;
	if (write_all(&full, 20, &refused) != 0 ||
	    revoke_some(&full, 500, &refused) != 0)
		return 1;
	CHILD_CHECK(refused == 4);
	/* room again: all of it works, without opening anew */
	limit_files(RLIM_INFINITY);
	refused = 0;
	if (write_all(&full, 30, &refused) != 0 ||
	    revoke_some(&full, 501, &refused) != 0)
		return 1;
	CHILD_CHECK(refused == 0);
	authtok_store_close(full.store);
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
	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
	sqlite3_close(db);
}
END_TEST

/* The database may not grow: statements fail, not only commits. */
START_TEST(test_full_database)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *writer = ((struct at_sqlite *)store->ctx)->writer_conn.db;
	struct authtok_session session;
	struct authtok_user user;
	enum authtok_err err = AUTHTOK_OK;
	int64_t id = 0, first = 0;
	char name[32], why[128];
	int i;

	make_user(&user, "ann");
	ck_assert_int_eq(
	    OP(store, user_create, &user, NULL, &first), AUTHTOK_OK);
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_str_eq(why, "");
	raw_exec(writer, "PRAGMA max_page_count = 1"); /* as many as it has */
	for (i = 0; i < 100 && err == AUTHTOK_OK; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		make_user(&user, name);
		memset(user.hash, 'x', AUTHTOK_HASH_MAX);
		snprintf(user.email, sizeof(user.email), "%s@host", name);
		err = OP(store, user_create, &user, NULL, &id);
	}
	ck_assert_int_eq(err, AUTHTOK_ESTORE);
	/* the log can say why, also after other operations went well */
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_ptr_nonnull(strstr(why, "full"));
	ck_assert_int_eq(
	    OP(store, user_find_name, name, &user), AUTHTOK_EUNKNOWN);
	authtok_store_explain(store, why, 4);
	ck_assert_uint_eq(strlen(why), 3);
	for (i = 0, err = AUTHTOK_OK; i < 100 && err == AUTHTOK_OK; i++) {
		make_session(&session, first, (uint32_t)i);
		err = OP(store, session_create, &session, 1, 0, &at_noon);
	}
	ck_assert_int_eq(err, AUTHTOK_ESTORE);
	raw_exec(writer, "PRAGMA max_page_count = 1000");
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	make_user(&user, name);
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	authtok_store_close(store);
}
END_TEST

/* Not even a schema fits: refused with a reason, and nothing half made. */
static int
full_at_open(void *arg)
{
	struct authtok_store *store = NULL;
	char why[256] = "";

	(void)arg;
	signal(SIGXFSZ, SIG_IGN);
	limit_files(6000);
	CHILD_CHECK(authtok_store_sqlite(scratch.path, &store, why,
			sizeof(why)) == AUTHTOK_ESTORE);
	CHILD_CHECK(store == NULL && why[0] != '\0');
	limit_files(RLIM_INFINITY);
	CHILD_CHECK(authtok_store_sqlite(
			scratch.path, &store, why, sizeof(why)) == AUTHTOK_OK);
	authtok_store_close(store);
	return 0;
}

START_TEST(test_full_disk_at_open)
{
	ck_assert_int_eq(child_wait(child_start(full_at_open, NULL)), 0);
}
END_TEST

/* ---- read-only ---------------------------------------------------------- */

struct refusal {
	const char *text; /* NULL: it opens */
};

/* Without the rights of root, which sees no permission bits. */
static int
open_as_nobody(void *arg)
{
	const struct refusal *want = arg;
	struct authtok_store *store = NULL;
	char why[256] = "";
	enum authtok_err err;

	if (geteuid() == 0)
		CHILD_CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 &&
		    setuid(65534) == 0);
	CHILD_CHECK(geteuid() != 0);
	err = authtok_store_sqlite(scratch.path, &store, why, sizeof(why));
	if (want->text == NULL) {
		CHILD_CHECK(err == AUTHTOK_OK);
		authtok_store_close(store);
		return 0;
	}
	CHILD_CHECK(err == AUTHTOK_ESTORE && store == NULL);
	if (strstr(why, want->text) == NULL)
		fprintf(stderr, "why: %s\n", why);
	CHILD_CHECK(strstr(why, want->text) != NULL);
	CHILD_CHECK(strncmp(why, scratch.path, strlen(scratch.path)) == 0);
	return 0;
}

static void
open_with_modes(mode_t dir, mode_t file, const char *text)
{
	struct refusal want = { text };

	chmod(scratch.path, file);
	chmod(scratch.dir, dir);
	ck_assert_int_eq(child_wait(child_start(open_as_nobody, &want)), 0);
	chmod(scratch.dir, 0700);
}

START_TEST(test_read_only)
{
	/* not there, and no right to make it */
	open_with_modes(0555, 0600, "cannot create the database: Permission");
	authtok_store_close(must_open(scratch.path, 100));
	open_with_modes(0777, 0444, "cannot read and write the database");
	open_with_modes(0777, 0222, "cannot read and write the database");
	open_with_modes(0555, 0666, "cannot write in its directory");
	open_with_modes(0777, 0666, NULL);
}
END_TEST

/* ---- processes -------------------------------------------------------- */

/* Wait for the start, then open the database that is not there yet. */
static int
open_at_once(void *arg)
{
	const int *start = arg;
	struct authtok_store *store = NULL;
	struct authtok_user user;
	char why[256] = "", name[32], byte;
	int64_t id;

	close(start[1]);
	CHILD_CHECK(read(start[0], &byte, 1) == 0);
	if (authtok_store_sqlite(scratch.path, &store, why, sizeof(why)) !=
	    AUTHTOK_OK)
		fprintf(stderr, "%s\n", why);
	CHILD_CHECK(store != NULL);
	snprintf(name, sizeof(name), "user%d", (int)getpid());
	make_user(&user, name);
	CHILD_CHECK(OP(store, user_create, &user, NULL, &id) == AUTHTOK_OK);
	authtok_store_close(store);
	return 0;
}

#define OPENERS 4

START_TEST(test_processes_open_at_once)
{
	pid_t pids[OPENERS];
	sqlite3 *db;
	int i, start[2];

	ck_assert_int_eq(pipe(start), 0);
	for (i = 0; i < OPENERS; i++)
		pids[i] = child_start(open_at_once, start);
	close(start[0]);
	close(start[1]); /* go */
	for (i = 0; i < OPENERS; i++)
		ck_assert_int_eq(child_wait(pids[i]), 0);
	ck_assert_uint_eq(scratch_mode(&scratch, ""), 0600);
	db = raw_open(scratch.path);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM users"), OPENERS);
	sqlite3_close(db);
}
END_TEST

/* Say which session was acknowledged, until killed. */
static int
write_for_ever(void *arg)
{
	const int *acks = arg;
	struct authtok_store *store = NULL;
	struct authtok_session session;
	struct authtok_user user;
	uint32_t i;

	CHILD_CHECK(
	    authtok_store_sqlite(scratch.path, &store, NULL, 0) == AUTHTOK_OK);
	CHILD_CHECK(OP(store, user_find_name, "ann", &user) == AUTHTOK_OK);
	for (i = (uint32_t)acks[2];; i++) {
		make_session(&session, user.id, i);
		CHILD_CHECK(OP(store, session_create, &session, user.version, 0,
				&at_noon) == AUTHTOK_OK);
		session.gen = 1;
		CHILD_CHECK(OP(store, session_update, &session, 0, 0,
				i % 2 == 0, NULL) == AUTHTOK_OK);
		CHILD_CHECK(write(acks[1], &i, sizeof(i)) == sizeof(i));
	}
}

/* One life: begin at first, be killed after some writes. Gives the last one
 * that was acknowledged. */
static uint32_t
one_life(uint32_t first, uint32_t count)
{
	int acks[3];
	uint32_t last = 0, more;
	pid_t pid;

	ck_assert_int_eq(pipe(acks), 0);
	acks[2] = (int)first;
	pid = child_start(write_for_ever, acks);
	close(acks[1]);
	while (count-- > 0)
		ck_assert_int_eq(read(acks[0], &last, sizeof(last)), 4);
	kill(pid, SIGKILL);
	while (read(acks[0], &more, sizeof(more)) == sizeof(more))
		last = more;
	ck_assert_int_eq(child_wait(pid), -1);
	close(acks[0]);
	return last;
}

#define LIVES 6

START_TEST(test_kill_while_writing)
{
	struct authtok_store *store = must_open(scratch.path, 1000);
	struct authtok_session session;
	struct authtok_owner owner;
	struct authtok_user user;
	uint32_t i, life, last[LIVES], next = 0;
	sqlite3 *db;
	int64_t id;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	for (life = 0; life < LIVES; life++) {
		authtok_store_close(store);
		last[life] = one_life(next, 5 + life * 7);
		/* one more may be there, half acknowledged */
		next = last[life] + 2;
		store = must_open(scratch.path, 1000);
	}
	for (life = 0, i = 0; life < LIVES; i++) {
		if (i == last[life] + 1) {
			life++;
			continue;
		}
		make_session(&session, id, i);
		ck_assert_int_eq(
		    OP(store, session_find, session.sid, &session, &owner),
		    AUTHTOK_OK);
		ck_assert_uint_eq(session.gen, 1);
	}
	db = raw_open(scratch.path);
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) = 1 FROM"
			     " pragma_integrity_check WHERE"
			     " integrity_check = 'ok'"),
	    1);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_fault");
	TCase *tc = tcase_create("fault");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_full_disk);
	tcase_add_test(tc, test_full_disk_at_open);
	tcase_add_test(tc, test_full_database);
	tcase_add_test(tc, test_read_only);
	tcase_add_loop_test(tc, test_processes_open_at_once, 0, 5);
	tcase_add_test(tc, test_kill_while_writing);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
