/*
 * No checkpoint of the SQLite backend begins without a reader beside it, which
 * keeps the log from beginning anew meanwhile: SQLite before 3.51.3 loses what
 * is in a log that does (sqlite_checkpoint.c). Seen by the locks that SQLite
 * takes of the system.
 */
#include "sqlite_util.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bytes of the index of the log, as SQLite's file format document has them. */
#define FIRST_LOCK 120
#define CHECKPOINT 1 /* the lock of who copies */
#define READERS    3 /* the first of those of readers */
#define LOCKS      8

static struct scratch scratch;

static struct {
	atomic_bool reads[LOCKS]; /* locked by us, for reading */
	atomic_uint begun, unguarded;
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

static bool
is_index(int fd)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > 4 && memcmp(path + n - 4, "-shm", 4) == 0;
}

static void
look(const struct flock *lock)
{
	off_t first = lock->l_start - FIRST_LOCK, i;
	bool guarded = false;

	/* who reads the log for its index takes more than this one */
	if (first == CHECKPOINT && lock->l_len == 1 &&
	    lock->l_type == F_WRLCK) {
		for (i = READERS; i < LOCKS; i++)
			guarded = guarded || atomic_load(&seen.reads[i]);
		atomic_fetch_add(&seen.begun, 1);
		if (!guarded)
			atomic_fetch_add(&seen.unguarded, 1);
	}
	for (i = first; i < first + lock->l_len; i++)
		if (i >= 0 && i < LOCKS)
			atomic_store(&seen.reads[i], lock->l_type == F_RDLCK);
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
		if (rc == 0 && is_index(fd))
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
	if (OP(store, user_create, &user, NULL, &id) != AUTHTOK_OK)
		_exit(1);
	_exit(0);
}

/* The log of one who died, at the open. */
START_TEST(test_inherited_log)
{
	struct authtok_store *store;

	ck_assert_int_eq(
	    child_wait(child_start(die_with_a_log, scratch.path)), 0);
	store = must_open(scratch.path, 10000);
	ck_assert_uint_ge(begun(), 1);
	ck_assert_uint_eq(unguarded(), 0);
	authtok_store_close(store);
}
END_TEST

/* Beside the writer, and with it held, until the log begins anew. */
START_TEST(test_long_log)
{
	struct authtok_store *store = must_open(scratch.path, 10000);
	struct authtok_session session;
	struct authtok_user user;
	int64_t id;
	unsigned before;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 1);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	before = begun();
	rotate_in_step(store, &session, 2 * AT_SQLITE_LOG_STEP);
	ck_assert_uint_gt(begun(), before);
	ck_assert_uint_eq(unguarded(), 0);
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
