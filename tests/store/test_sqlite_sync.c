/*
 * What is on the disk when the SQLite backend says so, also when the disk has
 * failed and the log may have a gap. Who waits for it: test_sqlite_together.c.
 */
#include "sqlite_disk.h"
#include "sqlite_group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct scratch scratch;

/* ---- the disk ------------------------------------------------------------- */

static struct disk disk = DISK_INIT;

static struct {
	pthread_mutex_t lock;
	bool keeps; /* what is on the disk of the log, beside the log */
	bool gap;   /* the log is on it up to a gap, and passes for written */
} wal = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct {
	atomic_bool lossy; /* it is not written, as is said once */
	atomic_bool full;  /* it cannot be written to, the log can */
	/* just then the one who keeps part of the log from being copied goes,
	 * and the other copies the rest; NULL: nobody does */
	sqlite3 *reader, *copier;
} database;

static bool
is_log(int fd)
{
	return is_file(fd, "-wal");
}

/* What a power cut leaves of the log. */
static void
keep_log(void)
{
	char command[300];

	if (scratch_size(&scratch, "-wal") == 0)
		wal.gap = false;
	if (wal.gap)
		return;
	snprintf(command, sizeof(command), "cp %s-wal %s-kept", scratch.path,
	    scratch.path);
	ck_assert_int_eq(system(command), 0);
}

static void
copy_rest(void)
{
	int log, copied;

	if (database.copier == NULL)
		return;
	raw_exec(database.reader, "ROLLBACK");
	ck_assert_int_eq(sqlite3_wal_checkpoint_v2(database.copier, NULL,
			     SQLITE_CHECKPOINT_PASSIVE, &log, &copied),
	    SQLITE_OK);
	ck_assert_int_eq(copied, log);
}

/* The store and SQLite call these instead of the C library's: exported. */
__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	bool fails =
	    is_file(fd, "t.db") && atomic_exchange(&database.lossy, false);

	if (fails)
		copy_rest();
	if (is_log(fd)) {
		fails = !disk_wait(&disk);
		pthread_mutex_lock(&wal.lock);
		if (fails)
			wal.gap = true;
		else if (wal.keeps)
			keep_log();
		pthread_mutex_unlock(&wal.lock);
	}
	if (!fails)
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

__attribute__((visibility("default"))) ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	/* another header, or all of it once more: no gap matters any more */
	if (offset == 0 && is_log(fd)) {
		pthread_mutex_lock(&wal.lock);
		wal.gap = false;
		pthread_mutex_unlock(&wal.lock);
	}
	/* the index of the log has room too */
	if (!atomic_load(&database.full) || is_log(fd) || is_file(fd, "-shm"))
		return syscall(SYS_pwrite64, fd, data, len, offset);
	errno = ENOSPC;
	return -1;
}

__attribute__((visibility("default"))) ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	return pwrite64(fd, data, len, offset);
}

static void look_at_cut(void);

__attribute__((visibility("default"))) int
ftruncate64(int fd, off64_t len)
{
	if (is_log(fd))
		look_at_cut();
	return (int)syscall(SYS_ftruncate, fd, len);
}

__attribute__((visibility("default"))) int
ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

static void
setup(void)
{
	scratch_make(&scratch);
	wal.keeps = wal.gap = false;
	database.reader = database.copier = NULL;
}

/* Nobody lets the log begin anew, however much he copies. */
static void
expect_kept_log(void)
{
	sqlite3 *other = raw_open(scratch.path);

	sqlite3_busy_timeout(other, 0);
	/* before it reads it knows of no log */
	ck_assert_int_eq(raw_int(other, "SELECT count(*) FROM users"), 1);
	ck_assert_int_eq(sqlite3_wal_checkpoint_v2(other, NULL,
			     SQLITE_CHECKPOINT_RESTART, NULL, NULL),
	    SQLITE_BUSY);
	sqlite3_close(other);
}

static void
teardown(void)
{
	scratch_remove(&scratch);
}

/* ---- when the disk fails -------------------------------------------------- */

/* What a power cut leaves of a log that never reached the disk: the database. */
static int64_t
revoked_without_log(void)
{
	char copy[128], command[300];
	sqlite3 *db;
	int64_t number;

	snprintf(copy, sizeof(copy), "%s.copy", scratch.path);
	snprintf(command, sizeof(command), "cp %s %s", scratch.path, copy);
	ck_assert_int_eq(system(command), 0);
	db = raw_open(copy);
	number =
	    raw_int(db, "SELECT count(*) FROM sessions WHERE revoked_at <> 0");
	sqlite3_close(db);
	return number;
}

/*
 * After a wait that failed the log may have a gap, and what is written behind
 * it would be lost with it, however well it is written: nobody hears OK until
 * all of it stands in the database.
 */
START_TEST(test_failing_disk)
{
	struct authtok_session session;
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	sqlite3 *reader;
	char why[256];
	uint32_t i;

	disk.fails = true;
	for (i = 0; i < 2; i++) {
		make_session(&session, id, i);
		ck_assert_int_eq(
		    OP(store, session_revoke, session.sid, &at_noon),
		    AUTHTOK_ESTORE);
		authtok_store_explain(store, why, sizeof(why));
		ck_assert_ptr_nonnull(strstr(why, "Input/output error"));
	}
	/* rotations promise nothing and go on */
	make_session(&session, id, 5);
	session.gen = 1;
	ck_assert_int_eq(
	    OP(store, session_update, &session, 0, 0, false, NULL), AUTHTOK_OK);
	/* the disk is well again, but a reader keeps the log from beginning
	 * anew */
	disk.fails = false;
	reader = raw_open(scratch.path);
	raw_exec(reader, "BEGIN; SELECT * FROM users");
	sqlite3_busy_timeout(writer_of(store), 20);
	make_session(&session, id, 2);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_ESTORE);
	sqlite3_close(reader);
	make_session(&session, id, 3);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert_int_eq(scratch_size(&scratch, "-wal"), 0);
	ck_assert_int_eq(revoked_without_log(), 4);
	/* and all is as before */
	make_session(&session, id, 4);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert_int_gt(scratch_size(&scratch, "-wal"), 0);
	authtok_store_close(store);
}
END_TEST

/* The same when the log is what was in it at the last wait. */
static int64_t
revoked_after_cut(void)
{
	char command[300];

	snprintf(command, sizeof(command), "cp %s-kept %s.copy-wal",
	    scratch.path, scratch.path);
	ck_assert_int_eq(system(command), 0);
	return revoked_without_log();
}

/* The log that has a gap must not come back when it was begun anew. */
START_TEST(test_gap_stays_away)
{
	struct authtok_session session;
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	uint32_t i;

	wal.keeps = true;
	make_session(&session, id, 0);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert_int_eq(revoked_after_cut(), 1);
	disk.fails = true;
	for (i = 1; i < 3; i++) {
		make_session(&session, id, i);
		ck_assert_int_eq(
		    OP(store, session_revoke, session.sid, &at_noon),
		    AUTHTOK_ESTORE);
	}
	disk.fails = false;
	make_session(&session, id, 3);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert_int_eq(revoked_after_cut(), 4);
	authtok_store_close(store);
}
END_TEST

static bool looks;
static unsigned looked; /* how often the log was about to be emptied */

/* The power goes when all is copied: whatever is left is whole. */
static void
look_at_cut(void)
{
	char path[128];
	sqlite3 *db;

	if (!looks)
		return;
	looked++;
	ck_assert_int_eq(revoked_after_cut(), 0);
	snprintf(path, sizeof(path), "%s.copy", scratch.path);
	db = raw_open(path);
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) FROM pragma_integrity_check"
			     " WHERE integrity_check <> 'ok'"),
	    0);
	sqlite3_close(db);
}

/*
 * A table grows a level behind the gap, and its root is in the log before it:
 * the log must not be copied as it is.
 */
START_TEST(test_gap_is_closed_first)
{
	struct authtok_user user;
	int64_t id = 0, other;
	struct authtok_store *store = open_group(scratch.path, &id);
	char name[32];
	int i;

	sqlite3_wal_checkpoint_v2(
	    writer_of(store), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	wal.keeps = true;
	ck_assert_int_eq(OP(store, user_find, id, &user), AUTHTOK_OK);
	ck_assert_int_eq(
	    OP(store, user_update, &user, AUTHTOK_END_NONE, NULL, &at_noon),
	    AUTHTOK_OK);
	disk.fails = true;
	for (i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		make_user(&user, name);
		snprintf(
		    user.email, sizeof(user.email), "%s@example.org", name);
		ck_assert_int_eq(
		    OP(store, user_create, &user, &at_noon, &other),
		    AUTHTOK_ESTORE);
	}
	disk.fails = false;
	looks = true;
	looked = 0;
	if (_i == 0) {
		ck_assert_int_eq(OP(store, user_find, id, &user), AUTHTOK_OK);
		ck_assert_int_eq(OP(store, user_update, &user, AUTHTOK_END_NONE,
				     NULL, &at_noon),
		    AUTHTOK_OK);
		ck_assert_uint_eq(looked, 1);
		looks = false;
	}
	/* nor when nobody waits for it any more */
	authtok_store_close(store);
	looks = false;
	ck_assert_uint_eq(looked, 1);
}
END_TEST

/* Nor does it matter who wrote it: what one process knew dies with it. */
START_TEST(test_gap_is_inherited)
{
	struct authtok_session session;
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);

	wal.keeps = true;
	make_session(&session, id, 0);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	disk.fails = true;
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_ESTORE);
	/* nor can the log be copied now */
	authtok_store_close(store);
	ck_assert_int_gt(scratch_size(&scratch, "-wal"), 0);
	disk.fails = false;
	store = must_open(scratch.path, 10000);
	make_session(&session, id, 2);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert_int_eq(revoked_after_cut(), 3);
	authtok_store_close(store);
}
END_TEST

/*
 * The log finds room, the database does not: everything goes on, the log keeps
 * what cannot be copied, and when there is room again it is copied.
 */
START_TEST(test_full_database)
{
	struct authtok_session session;
	char why[256];
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	struct at_checkpointer *c =
	    &((struct at_sqlite *)store->ctx)->checkpointer;

	make_session(&session, id, 0);
	atomic_store(&database.full, true);
	rotate_to(store, &session, 2 * AT_SQLITE_LOG_STEP);
	/* whatever became of it beside them */
	rotate_in_step(store, &session, 3 * AT_SQLITE_LOG_STEP);
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_msg(strstr(why, "full") != NULL, "%s", why);
	ck_assert_int_ge(c->seen, 3 * AT_SQLITE_LOG_STEP);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	atomic_store(&database.full, false);
	make_session(&session, id, 1);
	rotate_until_anew(store, &session);
	ck_assert_int_eq(revoked_without_log(), 1);
	authtok_store_close(store);
}
END_TEST

/* What the log gives to the database as it was before. */
static int64_t
revoked_with_log(void)
{
	char command[500];
	sqlite3 *db;
	int64_t number;

	snprintf(command, sizeof(command),
	    "cp %s-before %s.copy; cp %s-wal %s.copy-wal", scratch.path,
	    scratch.path, scratch.path, scratch.path);
	ck_assert_int_eq(system(command), 0);
	snprintf(command, sizeof(command), "%s.copy", scratch.path);
	db = raw_open(command);
	number =
	    raw_int(db, "SELECT count(*) FROM sessions WHERE revoked_at <> 0");
	sqlite3_close(db);
	return number;
}

/*
 * The log has a gap and cannot be begun anew, since somebody reads; what of it
 * is copied meanwhile does not reach the disk, as is said once: nobody hears OK
 * any more, and the log stays.
 */
START_TEST(test_lossy_database_behind_a_gap)
{
	struct authtok_session session;
	char why[256];
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	sqlite3 *reader = raw_open(scratch.path);

	raw_exec(reader, "BEGIN; SELECT * FROM users");
	make_session(&session, id, 0);
	disk.fails = true;
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_ESTORE);
	disk.fails = false;
	atomic_store(&database.lossy, true);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_ESTORE);
	/* the thread sees to it */
	at_checkpointer_wait(store->ctx);
	sqlite3_close(reader);
	expect_kept_log();
	for (int i = 0; i < 3; i++) {
		make_session(&session, id, 2);
		ck_assert_int_eq(
		    OP(store, session_revoke, session.sid, &at_noon),
		    AUTHTOK_ESTORE);
		ck_assert_int_gt(scratch_size(&scratch, "-wal"), 0);
	}
	ck_assert(!atomic_load(&database.lossy));
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_msg(
	    strstr(why, "database cannot be written") != NULL, "%s", why);
	authtok_store_close(store);
	ck_assert_int_gt(scratch_size(&scratch, "-wal"), 0);
}
END_TEST

/*
 * What was copied into the database does not reach the disk, as is said once:
 * the log stays as long as anybody believes that it was copied, also when another
 * process copies the rest just then.
 */
START_TEST(test_lossy_database)
{
	struct authtok_session session;
	char command[300], why[256];
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	struct at_checkpointer *c =
	    &((struct at_sqlite *)store->ctx)->checkpointer;
	sqlite3 *reader, *other;

	snprintf(command, sizeof(command), "cp %s %s-before", scratch.path,
	    scratch.path);
	ck_assert_int_eq(system(command), 0);
	make_session(&session, id, 0);
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	make_session(&session, id, 1);
	rotate_to(store, &session, AT_SQLITE_LOG_STEP / 2);
	/* it sleeps as yet; up to here it can copy */
	ck_assert_int_lt(c->seen, AT_SQLITE_LOG_STEP);
	reader = raw_open(scratch.path);
	raw_exec(reader, "BEGIN; SELECT * FROM users");
	other = raw_open(scratch.path);
	ck_assert_int_eq(raw_int(other, "SELECT count(*) FROM users"), 1);
	if (_i == 1) {
		database.reader = reader;
		database.copier = other;
	}
	atomic_store(&database.lossy, true);
	rotate_in_step(store, &session, AT_SQLITE_LOG_STEP + 1);
	ck_assert(!atomic_load(&database.lossy));
	authtok_store_explain(store, why, sizeof(why));
	ck_assert_msg(strstr(why, "Input/output error") != NULL, "%s", why);
	sqlite3_close(reader);
	sqlite3_close(other);
	/* it would be copied, and begin anew, at the next step */
	rotate_in_step(store, &session, 4 * AT_SQLITE_LOG_STEP);
	ck_assert_int_ge(c->seen, 4 * AT_SQLITE_LOG_STEP);
	/* nor do others get that far, who do not know */
	expect_kept_log();
	ck_assert_int_eq(revoked_with_log(), 1);
	authtok_store_close(store);
	ck_assert_int_eq(revoked_with_log(), 1);
	/* until it begins anew, and copies all of it */
	store = must_open(scratch.path, 10000);
	ck_assert_int_eq(revoked_without_log(), 1);
	authtok_store_close(store);
	snprintf(command, sizeof(command), "%s-wal", scratch.path);
	ck_assert_int_ne(access(command, F_OK), 0);
}
END_TEST

/* A wait for the log that SQLite itself did, in a checkpoint, leaves a gap too. */
START_TEST(test_gap_by_checkpoint)
{
	struct authtok_session session;
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	struct at_sqlite *db = store->ctx;

	make_session(&session, id, 0);
	ck_assert(!at_sync_broken(db));
	disk.fails = true;
	rotate_in_step(store, &session, 2 * AT_SQLITE_LOG_STEP);
	disk.fails = false;
	ck_assert(at_sync_broken(db));
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_OK);
	ck_assert(!at_sync_broken(db));
	ck_assert_int_eq(scratch_size(&scratch, "-wal"), 0);
	ck_assert_int_eq(revoked_without_log(), 1);
	authtok_store_close(store);
}
END_TEST

/* It is seen while somebody waits: that wait is not good for what it says. */
START_TEST(test_gap_during_a_wait)
{
	struct member member;
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	struct at_sqlite *db = store->ctx;

	disk_stands(&disk, true);
	start_member(&member, store, 0, revoke_member);
	disk_await(&disk, 1);
	at_sync_break(db);
	disk_stands(&disk, false);
	join_member(&member);
	ck_assert_int_eq(member.err, AUTHTOK_OK);
	ck_assert(!at_sync_broken(db));
	ck_assert_int_eq(scratch_size(&scratch, "-wal"), 0);
	ck_assert_int_eq(revoked_without_log(), 1);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_sync");
	TCase *tc = tcase_create("sync");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_failing_disk);
	tcase_add_test(tc, test_gap_stays_away);
	tcase_add_loop_test(tc, test_gap_is_closed_first, 0, 2);
	tcase_add_test(tc, test_gap_is_inherited);
	tcase_add_test(tc, test_full_database);
	tcase_add_test(tc, test_gap_by_checkpoint);
	tcase_add_test(tc, test_gap_during_a_wait);
	tcase_add_loop_test(tc, test_lossy_database, 0, 2);
	tcase_add_test(tc, test_lossy_database_behind_a_gap);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
