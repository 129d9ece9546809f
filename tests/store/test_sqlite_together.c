/*
 * Who waits for the disk when the SQLite backend says OK, and who does not; what
 * is done together, and what becomes of it when one of them, the commit or the
 * disk fails.
 */
#include "sqlite_disk.h"
#include "sqlite_group.h"

#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct scratch scratch;
static struct authtok_store *store;
static int64_t id; /* of the user */

/* ---- the disk ------------------------------------------------------------- */

static struct disk disk = DISK_INIT;

/* The store calls this instead of the C library's: exported. */
__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	if (!is_file(fd, "-wal") || disk_wait(&disk))
		return (int)syscall(SYS_fdatasync, fd);
	errno = EIO;
	return -1;
}

static void
setup(void)
{
	scratch_make(&scratch);
	store = open_group(scratch.path, &id);
	disk.waits = 0;
	disk.fails = false;
}

static void
teardown(void)
{
	authtok_store_close(store);
	scratch_remove(&scratch);
}

/* ---- one by one ----------------------------------------------------------- */

/* Only what may be forgotten with power skips the wait for the disk. */
START_TEST(test_who_waits)
{
	struct authtok_session session;
	struct authtok_user user;
	size_t count;

	make_session(&session, id, 1);
#define WAITS(number, op, ...)                                            \
	do {                                                              \
		disk.waits = 0;                                           \
		ck_assert_int_eq(OP(store, op, __VA_ARGS__), AUTHTOK_OK); \
		ck_assert_uint_eq(disk.waits, number);                    \
	} while (0)
	WAITS(0, session_update, &session, 0, 0, false, NULL);
	WAITS(1, session_update, &session, 0, 0, true, NULL);
	WAITS(1, session_update, &session, 0, 0, false, &recorded);
	WAITS(1, audit_append, &recorded);
	/* the cut itself waits, the rows that go after it do not */
	WAITS(1, audit_cut, 1, &recorded);
	WAITS(1, session_revoke, session.sid, &at_noon);
	/* nothing to do: but what did it may not be on the disk yet */
	WAITS(1, session_revoke, session.sid, &at_noon);
	WAITS(1, session_revoke_user, id, NULL, &at_noon, &count);
	WAITS(1, session_delete, session.sid, 0, 0);
	/* nor what removed it */
	disk.waits = 0;
	ck_assert_int_eq(
	    OP(store, session_revoke, session.sid, &at_noon), AUTHTOK_EUNKNOWN);
	ck_assert_uint_eq(disk.waits, 1);
	ck_assert_int_eq(OP(store, user_find, id, &user), AUTHTOK_OK);
	WAITS(1, user_update, &user, AUTHTOK_END_ALL, NULL, &at_noon);
	WAITS(0, purge, UNTIL, 0, 9, &count, &(bool){ false });
	WAITS(1, user_delete, id, &at_noon);
#undef WAITS
}
END_TEST

/* ---- together ------------------------------------------------------------- */

static int
count_commit(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int
refuse_commit(void *arg)
{
	++*(int *)arg;
	return 1;
}

/*
 * One transaction and one wait for all; who fails leaves nothing, not even a
 * record, and the others' chain has no gap. When the commit fails, all of them
 * hear it.
 */
START_TEST(test_waiting_together)
{
	struct member members[GROUP];
	int commits = 0;
	sqlite3 *db = raw_open(scratch.path);
	uint32_t i;

	sqlite3_commit_hook(writer_of(store), refuse_commit, &commits);
	run_group(store, members, revoke_member);
	ck_assert_int_eq(commits, 1);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(members[i].err,
		    i == BAD ? AUTHTOK_ECRYPTO : AUTHTOK_ESTORE);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 0);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM revocations"), 0);
	ck_assert_uint_eq(disk.waits, 0);
	commits = 0;
	sqlite3_commit_hook(writer_of(store), count_commit, &commits);
	run_group(store, members, revoke_member);
	ck_assert_int_eq(commits, 1);
	ck_assert_uint_eq(disk.waits, 1);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(
		    members[i].err, i == BAD ? AUTHTOK_ECRYPTO : AUTHTOK_OK);
	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM sessions WHERE revoked_at <> 0"),
	    GROUP - 1);
	/* in the order of the queue, which is that of the sessions */
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) FROM revocations AS a"
			     " JOIN revocations AS b ON b.seq > a.seq"
			     " JOIN sessions AS s ON s.sid = a.sid"
			     " JOIN sessions AS t ON t.sid = b.sid"
			     " WHERE s.id < t.id"),
	    (GROUP - 1) * (GROUP - 2) / 2);
	ck_assert_int_eq(raw_int(db, "SELECT max(seq) FROM audit"), GROUP - 1);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), GROUP - 1);
	sqlite3_close(db);
}
END_TEST

static void *
delete_or_revoke(void *arg)
{
	struct member *me = arg;

	if (me->number != 0)
		return revoke_member(arg);
	me->err = OP(me->store, user_delete, 1, &at_noon);
	return NULL;
}

/* Who comes behind a deletion that fails hears nothing of what it had done. */
START_TEST(test_failing_together)
{
	struct member members[GROUP];
	int commits = 0;
	uint32_t i;

	ck_assert_int_eq(id, 1);
	sqlite3_commit_hook(writer_of(store), refuse_commit, &commits);
	run_group(store, members, delete_or_revoke);
	ck_assert_int_eq(commits, 1);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(members[i].err, AUTHTOK_ESTORE);
	sqlite3_commit_hook(writer_of(store), NULL, NULL);
}
END_TEST

static void *
sign_up(void *arg)
{
	struct member *me = arg;
	struct authtok_user user;
	int64_t user_id;

	make_user(&user, "bob");
	me->err = OP(me->store, user_create, &user, NULL, &user_id);
	return NULL;
}

/* Nor is a name taken that nobody has. */
START_TEST(test_one_name_together)
{
	struct member members[GROUP];
	int commits = 0;
	uint32_t i;

	sqlite3_commit_hook(writer_of(store), refuse_commit, &commits);
	run_group(store, members, sign_up);
	ck_assert_int_eq(commits, 1);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(members[i].err, AUTHTOK_ESTORE);
	sqlite3_commit_hook(writer_of(store), NULL, NULL);
	run_group(store, members, sign_up);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(
		    members[i].err, i == 0 ? AUTHTOK_OK : AUTHTOK_ENAME);
}
END_TEST

/* Rotations that wait for the writer share a transaction and wait for no disk. */
START_TEST(test_rotating_together)
{
	struct member members[GROUP];
	int commits = 0;
	uint32_t i;

	sqlite3_commit_hook(writer_of(store), refuse_commit, &commits);
	run_group(store, members, rotate_member);
	/* whose row had changed for one of the others, perhaps */
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(members[i].err, AUTHTOK_ESTORE);
	sqlite3_commit_hook(writer_of(store), count_commit, &commits);
	commits = 0;
	run_group(store, members, rotate_member);
	ck_assert_int_eq(commits, 1);
	ck_assert_uint_eq(disk.waits, 0);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(
		    members[i].err, i == BAD ? AUTHTOK_ECHANGED : AUTHTOK_OK);
}
END_TEST

static unsigned shift;

static bool
rotates(uint32_t number)
{
	return (number + shift) % 2 == 0;
}

static void *
rotate_or_revoke(void *arg)
{
	const struct member *me = arg;

	return rotates(me->number) ? rotate_member(arg) : revoke_member(arg);
}

/*
 * Of some who share a transaction only those wait for the disk who need it, all
 * at once, whether the first of them does or not.
 */
START_TEST(test_some_wait)
{
	struct member members[GROUP];
	uint32_t i;

	shift = (unsigned)_i;
	disk_stands(&disk, true);
	start_group(store, members, rotate_or_revoke);
	disk_await(&disk, 1);
	for (i = 0; i < GROUP; i++)
		if (rotates(i) || i == BAD)
			join_member(&members[i]);
	disk_stands(&disk, false);
	for (i = 0; i < GROUP; i++)
		if (!rotates(i) && i != BAD)
			join_member(&members[i]);
	for (i = 0; i < GROUP; i++)
		if (i != BAD)
			ck_assert_int_eq(members[i].err, AUTHTOK_OK);
	ck_assert_int_eq(members[BAD].err,
	    rotates(BAD) ? AUTHTOK_ECHANGED : AUTHTOK_ECRYPTO);
	ck_assert_uint_eq(disk.waits, 1);
}
END_TEST

/* What one of them hears of the disk, all do. */
START_TEST(test_failing_disk_together)
{
	struct member members[GROUP];
	uint32_t i;

	disk.fails = true;
	run_group(store, members, revoke_member);
	ck_assert_uint_eq(disk.waits, 1);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(members[i].err,
		    i == BAD ? AUTHTOK_ECRYPTO : AUTHTOK_ESTORE);
	disk.fails = false;
	run_group(store, members, revoke_member);
	for (i = 0; i < GROUP; i++)
		ck_assert_int_eq(
		    members[i].err, i == BAD ? AUTHTOK_ECRYPTO : AUTHTOK_OK);
}
END_TEST

/* ---- beside the writer ---------------------------------------------------- */

/* While one waits for the disk others read and rotate, and see what it did. */
START_TEST(test_waits_beside_the_writer)
{
	struct authtok_session session, found;
	struct authtok_owner owner;
	struct member first, second;
	struct at_sync *sync = &((struct at_sqlite *)store->ctx)->sync;
	uint64_t tickets;

	disk_stands(&disk, true);
	start_member(&first, store, 0, revoke_member);
	disk_await(&disk, 1);
	make_session(&session, id, 1);
	session.gen = 1;
	ck_assert_int_eq(
	    OP(store, session_update, &session, 0, 0, false, NULL), AUTHTOK_OK);
	make_session(&session, id, 0);
	ck_assert_int_eq(
	    OP(store, session_find, session.sid, &found, &owner), AUTHTOK_OK);
	ck_assert_int_ne(found.revoked_at, 0);
	/* that wait began before this act: it is not good for it */
	tickets = atomic_load(&sync->tickets);
	start_member(&second, store, 2, revoke_member);
	while (atomic_load(&sync->tickets) == tickets)
		sched_yield();
	disk_stands(&disk, false);
	join_member(&first);
	join_member(&second);
	ck_assert_int_eq(first.err, AUTHTOK_OK);
	ck_assert_int_eq(second.err, AUTHTOK_OK);
	ck_assert_uint_eq(disk.waits, 2);
}
END_TEST

/* Until one more than before waits for the next turn of the disk. */
static void
await_queued(struct at_sync *sync, struct at_sync_waiter **before)
{
	bool queued = false;

	while (!queued) {
		sched_yield();
		pthread_mutex_lock(&sync->lock);
		queued = sync->last != before;
		pthread_mutex_unlock(&sync->lock);
	}
}

/*
 * Acts that come while the disk is waited for share the next wait, and hear
 * what became of it: first well, then badly.
 */
START_TEST(test_next_wait_is_shared)
{
	struct at_sync *sync = &((struct at_sqlite *)store->ctx)->sync;
	struct at_sync_waiter **before;
	struct member members[BAD];
	uint32_t i;

	disk_stands(&disk, true);
	for (i = 0; i < BAD; i++) {
		before = sync->last;
		start_member(&members[i], store, i, revoke_member);
		if (i == 0)
			disk_await(&disk, 1);
		else
			await_queued(sync, before);
	}
	disk.fails = _i == 1;
	disk_stands(&disk, false);
	for (i = 0; i < BAD; i++) {
		join_member(&members[i]);
		ck_assert_int_eq(
		    members[i].err, disk.fails ? AUTHTOK_ESTORE : AUTHTOK_OK);
	}
	if (!disk.fails)
		ck_assert_uint_eq(disk.waits, 2);
	disk.fails = false;
	start_member(&members[0], store, BAD + 1, revoke_member);
	join_member(&members[0]);
	ck_assert_int_eq(members[0].err, AUTHTOK_OK);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_together");
	TCase *tc = tcase_create("together");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_who_waits);
	tcase_add_test(tc, test_waiting_together);
	tcase_add_test(tc, test_failing_together);
	tcase_add_test(tc, test_one_name_together);
	tcase_add_test(tc, test_rotating_together);
	tcase_add_loop_test(tc, test_some_wait, 0, 2);
	tcase_add_test(tc, test_failing_disk_together);
	tcase_add_test(tc, test_waits_beside_the_writer);
	tcase_add_loop_test(tc, test_next_wait_is_shared, 0, 2);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
