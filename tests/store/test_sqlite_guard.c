/*
 * No checkpoint of the SQLite backend begins without a reader beside it, which
 * keeps the log from beginning anew meanwhile: SQLite before 3.51.3 loses what
 * is in a log that does (sqlite_checkpoint.c). Seen by the locks that SQLite
 * takes of the system.
 */
#include "sqlite_disk.h"
#include "sqlite_group.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bytes of the index of the log, as SQLite's file format document has them. */
#define FIRST_LOCK 120
#define WRITER     0 /* the lock of who writes */
#define CHECKPOINT 1 /* of who copies */
#define READERS    3 /* the first of those of readers */
#define LOCKS      8

static struct scratch scratch;

static struct {
	atomic_short held[LOCKS]; /* by us: F_RDLCK, F_WRLCK or else */
	/* checkpoints; those without a reader, those with the writer's lock */
	atomic_uint begun, unguarded, alone;
} seen;

static unsigned
begun(void)
{
	return atomic_load(&seen.begun);
}

static unsigned
unguarded(void)
{
	return atomic_load(&seen.unguarded);
}

static int (*system_fcntl)(int fd, int command, ...);

static void
look(const struct flock *lock)
{
	off_t first = lock->l_start - FIRST_LOCK, i;
	bool guarded = false;

	/* who reads the log for its index takes more than this one */
	if (first == CHECKPOINT && lock->l_len == 1 &&
	    lock->l_type == F_WRLCK) {
		for (i = READERS; i < LOCKS; i++)
			guarded =
			    guarded || atomic_load(&seen.held[i]) == F_RDLCK;
		atomic_fetch_add(&seen.begun, 1);
		if (!guarded)
			atomic_fetch_add(&seen.unguarded, 1);
		if (atomic_load(&seen.held[WRITER]) == F_WRLCK)
			atomic_fetch_add(&seen.alone, 1);
	}
	for (i = first; i < first + lock->l_len; i++)
		if (i >= 0 && i < LOCKS)
			atomic_store(&seen.held[i], lock->l_type);
}

/* SQLite calls this one; in place of its own. */
static int
watched_fcntl(int fd, int command, ...)
{
	struct flock *lock;
	va_list args;
	int rc;

	va_start(args, command);
	if (command != F_SETLK) {
		rc = system_fcntl(fd, command, va_arg(args, long));
	} else {
		lock = va_arg(args, struct flock *);
		rc = system_fcntl(fd, command, lock);
		if (rc == 0 && is_file(fd, "-shm"))
			look(lock);
	}
	va_end(args);
	return rc;
}

static void
setup(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	sqlite3_syscall_ptr old;

	scratch_make(&scratch);
	for (size_t i = 0; i < LOCKS; i++)
		atomic_store(&seen.held[i], F_UNLCK);
	ck_assert_ptr_nonnull(vfs);
	old = vfs->xGetSystemCall(vfs, "fcntl");
	ck_assert_ptr_nonnull(old);
	memcpy(&system_fcntl, &old, sizeof(old));
	ck_assert_int_eq(vfs->xSetSystemCall(
			     vfs, "fcntl", (sqlite3_syscall_ptr)watched_fcntl),
	    SQLITE_OK);
}

static void
teardown(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	(void)vfs->xSetSystemCall(vfs, "fcntl", NULL);
	scratch_remove(&scratch);
}

static int
die_with_a_log(void *arg)
{
	struct authtok_store *store = must_open(arg, 10000);
	struct authtok_user user;
	int64_t id;

	make_user(&user, "ann");
	CHILD_CHECK(OP(store, user_create, &user, NULL, &id) == AUTHTOK_OK);
	kill(getpid(), SIGKILL);
	return 1;
}

/* The log of one who died, at the open. */
START_TEST(test_inherited_log)
{
	struct authtok_store *store;

	ck_assert_int_eq(
	    child_wait(child_start(die_with_a_log, scratch.path)), -1);
	store = must_open(scratch.path, 10000);
	ck_assert_uint_ge(begun(), 1);
	ck_assert_uint_eq(unguarded(), 0);
	authtok_store_close(store);
}
END_TEST

/*
 * Beside the writer; the last part with the lock of writers, so that also
 * another process that writes all the time cannot keep the log from being copied
 * whole. Nothing is written while the checkpointer is at work, so the lock is its
 * own.
 */
START_TEST(test_long_log)
{
	struct authtok_session session;
	int64_t id = 0;
	struct authtok_store *store = open_group(scratch.path, &id);
	unsigned before = begun();

	ck_assert_uint_eq(atomic_load(&seen.alone), 0);
	make_session(&session, id, 1);
	rotate_in_step(store, &session, 2 * AT_SQLITE_LOG_STEP);
	ck_assert_uint_gt(begun(), before);
	ck_assert_uint_eq(unguarded(), 0);
	ck_assert_uint_gt(atomic_load(&seen.alone), 0);
	authtok_store_close(store);
}
END_TEST

/* Who closes while others have it open copies nothing. */
START_TEST(test_close_beside_others)
{
	struct authtok_store *first = must_open(scratch.path, 10000);
	struct authtok_store *second = must_open(scratch.path, 10000);
	struct authtok_user user;
	unsigned before;
	int64_t id;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(second, user_create, &user, NULL, &id), AUTHTOK_OK);
	before = begun();
	authtok_store_close(second);
	ck_assert_uint_eq(begun(), before);
	authtok_store_close(first);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_guard");
	TCase *tc = tcase_create("guard");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_inherited_log);
	tcase_add_test(tc, test_long_log);
	tcase_add_test(tc, test_close_beside_others);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
