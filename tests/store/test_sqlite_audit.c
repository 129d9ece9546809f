/*
 * The SQLite backend's audit log: a database of version 1 gets one, what is
 * tampered with is shown and not hidden, a cut is whole at every moment.
 */
#include "sqlite_util.h"

#include <authtok/audit.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

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

/* ---- migration ----------------------------------------------------------- */

/* Version 1 as it was: this text never changes. */
static const char version_1[] =
    "CREATE TABLE users ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " version INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " created_at INTEGER NOT NULL,"
    " disabled INTEGER NOT NULL,"
    " name TEXT NOT NULL COLLATE NOCASE UNIQUE,"
    " email TEXT COLLATE NOCASE UNIQUE,"
    " hash TEXT NOT NULL,"
    " roles TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE sessions ("
    " id INTEGER PRIMARY KEY,"
    " user_id INTEGER NOT NULL REFERENCES users (id),"
    " created_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL,"
    " revoked_at INTEGER NOT NULL,"
    " rotated_at INTEGER NOT NULL,"
    " sid BLOB NOT NULL UNIQUE CHECK (length(sid) = 16),"
    " seed BLOB NOT NULL,"
    " rotation BLOB NOT NULL,"
    " address TEXT NOT NULL,"
    " agent TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX sessions_user ON sessions (user_id);"
    "CREATE TABLE revocations ("
    " seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    " user_id INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " sid BLOB,"
    " at INTEGER NOT NULL,"
    " until INTEGER NOT NULL"
    ") STRICT;"
    "PRAGMA application_id = 0x61746f6b; PRAGMA user_version = 1;"
    "INSERT INTO users VALUES (7, 3, 2, 1790000000, 0, 'Ann',"
    " 'ann@example.org', '$stand-in', 'user admin');"
    "DELETE FROM users; INSERT INTO users VALUES (5, 3, 2, 1790000000, 0,"
    " 'Ann', 'ann@example.org', '$stand-in', 'user admin');"
    "INSERT INTO sessions VALUES (1, 5, 1790000000, 1900000000, 0, 1790000009,"
    " x'000102030405060708090a0b0c0d0e0f', x'a0a1a2a3a4a5a6a7a8a9aaabacadaeaf',"
    " CAST(x'00000004' || x'00000002' || x'00000001' || zeroblob(109)"
    " AS BLOB), '192.0.2.9', 'curl');"
    "INSERT INTO revocations VALUES (9, 5, 2, NULL, 1790000000, 1900000000);";

static void
make_version_1(void)
{
	sqlite3 *db = raw_open(scratch.path);

	raw_exec(db, "PRAGMA journal_mode = WAL");
	raw_exec(db, version_1);
	sqlite3_close(db);
}

static void
check_version_1_data(struct authtok_store *store)
{
	struct authtok_session session;
	struct authtok_revocation event;
	struct authtok_owner owner;
	struct authtok_user user;
	uint8_t sid[AUTHTOK_SID_LEN];
	size_t i, count = 0;

	ck_assert_int_eq(OP(store, user_find, 5, &user), AUTHTOK_OK);
	ck_assert_str_eq(user.name, "Ann");
	ck_assert_int_eq(user.version, 3);
	for (i = 0; i < sizeof(sid); i++)
		sid[i] = (uint8_t)i;
	ck_assert_int_eq(
	    OP(store, session_find, sid, &session, &owner), AUTHTOK_OK);
	ck_assert_uint_eq(session.gen, 4);
	ck_assert_uint_eq(session.branch, 2);
	ck_assert_str_eq(session.agent, "curl");
	ck_assert_uint_eq(owner.role_count, 2);
	ck_assert_int_eq(
	    OP(store, revoked_since, 0, &event, 1, &count), AUTHTOK_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(event.seq, 9);
}

START_TEST(test_migrates_version_1)
{
	struct authtok_store *store;
	struct authtok_audit_record got;
	struct authtok_user user;
	uint8_t mac[AUTHTOK_MAC_LEN], zero[AUTHTOK_MAC_LEN] = { 0 };
	int64_t id = 0, seq = -1;
	size_t count = 0;
	sqlite3 *db;

	make_version_1();
	store = must_open(scratch.path, 100);
	check_version_1_data(store);
	ck_assert_int_eq(OP(store, audit_base, &seq, mac), AUTHTOK_OK);
	ck_assert_int_eq(seq, 0);
	ck_assert_mem_eq(mac, zero, sizeof(mac));
	make_user(&user, "bob");
	ck_assert_int_eq(
	    OP(store, user_create, &user, &recorded, &id), AUTHTOK_OK);
	ck_assert_int_eq(id, 8); /* 7 was there once */
	authtok_store_close(store);
	/* and not again */
	store = must_open(scratch.path, 100);
	check_version_1_data(store);
	ck_assert_int_eq(OP(store, audit_list, 0, &got, 1, &count), AUTHTOK_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(got.user_id, 8);
	authtok_store_close(store);
	db = raw_open(scratch.path);
	ck_assert_int_eq(raw_int(db, "PRAGMA user_version"), 2);
	sqlite3_close(db);
}
END_TEST

/* A migrated schema is the one that a new database gets. */
START_TEST(test_migrated_is_as_new)
{
	sqlite3 *db;
	char sql[256];

	make_version_1();
	authtok_store_close(must_open(scratch.path, 100));
	snprintf(sql, sizeof(sql), "ATTACH '%s' AS old", scratch.path);
	strcat(scratch.path, "2");
	authtok_store_close(must_open(scratch.path, 100));
	db = raw_open(scratch.path);
	raw_exec(db, sql);
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) FROM (SELECT name, sql FROM"
			     " main.sqlite_schema EXCEPT SELECT name, sql FROM"
			     " old.sqlite_schema)"),
	    0);
	ck_assert_int_eq(raw_int(db,
			     "SELECT (SELECT count(*) FROM main.sqlite_schema)"
			     " = (SELECT count(*) FROM old.sqlite_schema)"),
	    1);
	sqlite3_close(db);
}
END_TEST

/* A step that cannot be taken leaves version 1 whole. */
START_TEST(test_migration_fails_whole)
{
	struct authtok_store *store = NULL;
	char why[256] = "";
	sqlite3 *db;

	make_version_1();
	db = raw_open(scratch.path);
	raw_exec(db, "CREATE TABLE audit_base (x)"); /* it comes second */
	ck_assert_int_eq(
	    at_store_sqlite(scratch.path, 100, &store, why, sizeof(why)),
	    AUTHTOK_ESTORE);
	ck_assert_ptr_nonnull(strstr(why, "audit_base"));
	ck_assert_int_eq(raw_int(db, "PRAGMA user_version"), 1);
	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM pragma_table_list('audit')"), 0);
	raw_exec(db, "DROP TABLE audit_base");
	sqlite3_close(db);
	store = must_open(scratch.path, 100);
	check_version_1_data(store);
	authtok_store_close(store);
}
END_TEST

/* ---- tampering ----------------------------------------------------------- */

static void
append_many(struct authtok_store *store, size_t count)
{
	while (count-- > 0)
		ck_assert_int_eq(
		    OP(store, audit_append, &recorded), AUTHTOK_OK);
}

static void
slip(sqlite3 *db, const char *sql, const char *text)
{
	ck_assert_int_eq(
	    sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_CONSTRAINT);
	ck_assert_str_eq(sqlite3_errmsg(db), text);
}

START_TEST(test_no_slip_of_the_hand)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);

	append_many(store, 4);
	slip(db, "UPDATE audit SET detail = 'x' WHERE seq = 2",
	    "audit records do not change");
	slip(db, "DELETE FROM audit", "audit records go only by a cut");
	slip(db, "DELETE FROM audit WHERE seq = 4",
	    "audit records go only by a cut");
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 4);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/*
 * What was put into the schema takes no record away unseen: a trigger is not run,
 * a constraint that drops the record fails its act.
 */
START_TEST(test_schema_swallows_nothing)
{
	struct authtok_store *store = must_open(scratch.path, 10000);
	sqlite3 *db = raw_open(scratch.path);

	raw_exec(db,
	    "DROP TRIGGER audit_is_cut;"
	    "CREATE TRIGGER hide AFTER INSERT ON audit BEGIN"
	    " DELETE FROM audit WHERE seq = new.seq; END");
	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 1);
	raw_exec(db,
	    "DROP TABLE audit; CREATE TABLE audit (seq INTEGER PRIMARY KEY,"
	    " at, user_id UNIQUE ON CONFLICT IGNORE, event, count, key, sid,"
	    " address, detail, mac)");
	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 1);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/*
 * Whatever is done to a record, the log can be read to its end, and this
 * record, by its seq, is not what it was.
 */
START_TEST(test_damaged_record)
{
	static const struct {
		const char *set;
		bool unreadable; /* all of it reads as zero, but for seq */
	} damage[] = {
		{ "at = at + 1", false },
		{ "user_id = 9", false },
		{ "event = event + 4294967296", true },
		{ "event = -1", true },
		{ "count = count + 4294967296", true },
		{ "key = key - 4294967296", true },
		{ "key = 4", false },
		{ "sid = NULL", false },
		{ "sid = zeroblob(16)", false },
		{ "sid = x'010203'", true },
		{ "sid = CAST(sid || x'00' AS BLOB)", true },
		{ "address = printf('%.*c', 46, '1')", true },
		{ "address = address || char(0)", true },
		{ "detail = detail || char(0) || 'x'", true },
		{ "detail = detail || printf('%.*c', 160, ' ')", true },
		{ "mac = zeroblob(32)", false },
		{ "mac = CAST(mac || x'00' AS BLOB)", true },
		{ "mac = x''", true },
	};
	static const struct authtok_audit_record nothing = { .seq = 2 };
	struct authtok_store *store = must_open(scratch.path, 100);
	struct authtok_audit_record before[3], after[3];
	sqlite3 *db = raw_open(scratch.path);
	char sql[256];
	size_t i, count = 0;

	append_many(store, 3);
	ck_assert_int_eq(
	    OP(store, audit_list, 0, before, 3, &count), AUTHTOK_OK);
	raw_exec(db,
	    "DROP TRIGGER audit_stays; PRAGMA ignore_check_constraints = ON;"
	    "CREATE TEMP TABLE kept AS SELECT * FROM audit");
	for (i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE audit SET %s WHERE seq = 2",
		    damage[i].set);
		raw_exec(db, sql);
		count = 0;
		ck_assert_int_eq(
		    OP(store, audit_list, 0, after, 3, &count), AUTHTOK_OK);
		ck_assert_uint_eq(count, 3);
		ck_assert_mem_eq(&after[0], &before[0], sizeof(before[0]));
		ck_assert_mem_eq(&after[2], &before[2], sizeof(before[0]));
		ck_assert_int_eq(after[1].seq, 2);
		ck_assert_msg(
		    memcmp(&after[1], &before[1], sizeof(before[1])) != 0 &&
			(memcmp(&after[1], &nothing, sizeof(nothing)) == 0) ==
			    damage[i].unreadable,
		    "%s", damage[i].set);
		raw_exec(db, "REPLACE INTO audit SELECT * FROM kept");
	}
	ck_assert_int_eq(
	    OP(store, audit_list, 0, after, 3, &count), AUTHTOK_OK);
	ck_assert_mem_eq(after, before, sizeof(before));
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* A record at the end of all numbers has none after it. */
START_TEST(test_no_number_left)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);

	append_many(store, 1);
	raw_exec(db,
	    "INSERT INTO audit SELECT 9223372036854775807, at, user_id,"
	    " event, count, key, sid, address, detail, mac FROM audit");
	ck_assert_int_eq(OP(store, audit_append, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 2);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* ---- the cut ------------------------------------------------------------- */

#define RECORDS 1200
#define CUT     1000

/* What the transactions of a cut removed, by the number of the transaction. */
struct watch {
	size_t commits, fail_at;
	size_t rows, rows_max;
};

static void
count_row(void *arg, int what, const char *schema, const char *table,
    sqlite3_int64 row)
{
	struct watch *watch = arg;

	(void)schema;
	(void)row;
	if (what == SQLITE_DELETE && strcmp(table, "audit") == 0)
		watch->rows++;
}

static int
count_commit(void *arg)
{
	struct watch *watch = arg;

	if (watch->rows > watch->rows_max)
		watch->rows_max = watch->rows;
	watch->rows = 0;
	return ++watch->commits == watch->fail_at;
}

static void
watch_writer(struct authtok_store *store, struct watch *watch)
{
	sqlite3_update_hook(writer_of(store), count_row, watch);
	sqlite3_commit_hook(writer_of(store), count_commit, watch);
}

/* The log begins after seq and has all the rest, and a record of the cut. */
static void
check_begins(struct authtok_store *store, int64_t seq)
{
	static struct authtok_audit_record got[RECORDS + 2];
	uint8_t mac[AUTHTOK_MAC_LEN], want[AUTHTOK_MAC_LEN];
	size_t i, count = 0;
	int64_t base = -1;

	ck_assert_int_eq(OP(store, audit_base, &base, mac), AUTHTOK_OK);
	ck_assert_int_eq(base, seq);
	memset(want, (uint8_t)seq, sizeof(want));
	ck_assert_mem_eq(mac, want, sizeof(mac));
	ck_assert_int_eq(
	    OP(store, audit_list, 0, got, RECORDS + 2, &count), AUTHTOK_OK);
	ck_assert_uint_eq(count, RECORDS - (size_t)seq + (seq > 0));
	for (i = 0; i < count; i++)
		ck_assert_int_eq(got[i].seq, seq + 1 + (int64_t)i);
}

/* Append without waiting for the disk each time. */
static void
fill(struct authtok_store *store)
{
	struct at_conn *conn = &((struct at_sqlite *)store->ctx)->writer_conn;
	size_t i;

	raw_exec(conn->db, "BEGIN");
	for (i = 0; i < RECORDS; i++)
		ck_assert_int_eq(at_audit_act(conn, &recorded), AUTHTOK_OK);
	raw_exec(conn->db, "COMMIT");
}

START_TEST(test_cut_in_pieces)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);
	struct watch watch = { 0, 0, 0, 0 };

	fill(store);
	watch_writer(store, &watch);
	ck_assert_int_eq(OP(store, audit_cut, CUT, &recorded), AUTHTOK_OK);
	ck_assert_uint_eq(watch.rows_max, AT_SQLITE_CUT_BATCH);
	ck_assert_uint_ge(watch.commits, CUT / AT_SQLITE_CUT_BATCH);
	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM audit"), RECORDS - CUT + 1);
	check_begins(store, CUT);
	append_many(store, 1);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* It ends with the i-th transaction. */
START_TEST(test_cut_is_interrupted)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);
	struct watch watch = { 0, (size_t)_i, 0, 0 };
	int64_t cut = _i > 1 ? CUT : 0;

	fill(store);
	watch_writer(store, &watch);
	ck_assert_int_eq(OP(store, audit_cut, CUT, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_gt(
	    raw_int(db, "SELECT count(*) FROM audit"), RECORDS - CUT + 1);
	check_begins(store, cut);
	authtok_store_close(store);
	store = must_open(scratch.path, 100);
	check_begins(store, cut);
	/* the next one, even of less, takes away what was left */
	ck_assert_int_eq(OP(store, audit_cut, cut, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"),
	    RECORDS - cut + (cut > 0));
	check_begins(store, cut);
	append_many(store, 1);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* A base that no record hangs on would lose the log. */
START_TEST(test_cut_at_a_damaged_record)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);

	fill(store);
	raw_exec(db,
	    "DROP TRIGGER audit_stays; DROP TRIGGER audit_is_cut;"
	    "PRAGMA ignore_check_constraints = ON;"
	    "UPDATE audit SET mac = x'01' WHERE seq = 500;"
	    "DELETE FROM audit WHERE seq = 600");
	ck_assert_int_eq(OP(store, audit_cut, 500, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(OP(store, audit_cut, 600, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM audit"), RECORDS - 1);
	ck_assert_int_eq(raw_int(db, "SELECT seq FROM audit_base"), 0);
	ck_assert_int_eq(OP(store, audit_cut, 700, &recorded), AUTHTOK_OK);
	check_begins(store, 700);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/*
 * No row up to the base is shown, whoever put it there and wherever it lies: in
 * front of the first number, or left by a cut that was interrupted.
 */
START_TEST(test_nothing_before_the_base)
{
	static const int64_t after[] = { 0, 1, -1, -3, -4, INT64_MIN };
	static struct authtok_audit_record got[10];
	struct authtok_store *store = must_open(scratch.path, 100);
	struct watch watch = { 0, 2, 0, 0 };
	sqlite3 *db = raw_open(scratch.path);
	size_t i, count;

	append_many(store, 4);
	raw_exec(db,
	    "INSERT INTO audit SELECT seq - 4, at, user_id, event, count, key,"
	    " sid, address, detail, mac FROM audit WHERE seq IN (1, 4)");
	ck_assert_int_eq(raw_int(db, "SELECT min(seq) FROM audit"), -3);
	for (i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		ck_assert_int_eq(
		    OP(store, audit_list, after[i], got, 10, &count),
		    AUTHTOK_OK);
		ck_assert_uint_eq(count, after[i] == 1 ? 3 : 4);
		ck_assert_int_eq(got[0].seq, after[i] == 1 ? 2 : 1);
	}
	/* the base moves, the rows stay */
	watch_writer(store, &watch);
	ck_assert_int_eq(OP(store, audit_cut, 4, &recorded), AUTHTOK_ESTORE);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 7);
	for (i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		ck_assert_int_eq(
		    OP(store, audit_list, after[i], got, 10, &count),
		    AUTHTOK_OK);
		ck_assert_uint_eq(count, 1);
		ck_assert_int_eq(got[0].seq, 5);
	}
	/* they go with the next cut, also those that never were records */
	watch.fail_at = 0;
	ck_assert_int_eq(OP(store, audit_cut, 5, &recorded), AUTHTOK_OK);
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM audit"), 1);
	append_many(store, 1);
	ck_assert_int_eq(raw_int(db, "SELECT max(seq) FROM audit"), 7);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/*
 * Two handles, as two processes have them: one writes, one cuts what it finds,
 * and whoever verifies meanwhile sees no alarm.
 */
#define BUSY_RECORDS 300

struct busy {
	struct authtok_store *store;
	const struct authtok_audit *audit;
	atomic_bool done;
};

static void *
keep_appending(void *arg)
{
	struct busy *busy = arg;
	const struct authtok_audit_record record = {
		.event = AUTHTOK_EVENT_SIGNIN, .at = 1, .count = 1
	};
	struct authtok_act act = { .now = 1 };
	const struct timespec pause = { 0, 2000000 };
	int i, good = 0;

	authtok_audit_attach(busy->audit, &record, &act);
	for (i = 0; i < BUSY_RECORDS; i++) {
		good += OP(busy->store, audit_append, &act) == AUTHTOK_OK;
		/* the other handle waits for the lock asleep */
		nanosleep(&pause, NULL);
	}
	atomic_store(&busy->done, true);
	return good == BUSY_RECORDS ? busy : NULL;
}

static void *
keep_cutting(void *arg)
{
	struct busy *busy = arg;
	uint8_t mac[AUTHTOK_MAC_LEN];
	int64_t seq = 0;

	while (!atomic_load(&busy->done)) {
		if (OP(busy->store, audit_base, &seq, mac) != AUTHTOK_OK)
			return NULL;
		switch (
		    authtok_audit_cut(busy->audit, busy->store, seq + 9, 1)) {
		case AUTHTOK_OK:
		case AUTHTOK_EUNKNOWN:
			break;
		default:
			return NULL;
		}
	}
	return busy;
}

START_TEST(test_verify_among_cuts)
{
	struct authtok_audit_report report = AUTHTOK_AUDIT_REPORT_INIT;
	struct authtok_keys *keys;
	struct authtok_audit *audit;
	struct busy writer = { .store = must_open(scratch.path, 5000) };
	struct authtok_store *cutter = must_open(scratch.path, 5000);
	struct busy other = { .store = cutter };
	pthread_t threads[2];
	void *good = NULL;
	int rounds = 0;

	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(authtok_keys_add_audit(keys, 1,
			     "0123456789abcdefghijklmnopqrstuv", 32, true),
	    AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(keys, &audit), AUTHTOK_OK);
	authtok_keys_free(keys);
	writer.audit = other.audit = audit;
	ck_assert_int_eq(
	    pthread_create(&threads[0], NULL, keep_cutting, &other), 0);
	ck_assert_int_eq(
	    pthread_create(&threads[1], NULL, keep_appending, &writer), 0);
	for (; !atomic_load(&writer.done); rounds++) {
		enum authtok_err err =
		    authtok_audit_verify(audit, cutter, NULL, &report);

		ck_assert_msg(err == AUTHTOK_OK, "%d: record %lld: %s", err,
		    (long long)report.bad_seq, report.what);
	}
	atomic_store(&other.done, true);
	ck_assert_int_eq(pthread_join(threads[1], &good), 0);
	ck_assert_ptr_nonnull(good);
	ck_assert_int_eq(pthread_join(threads[0], &good), 0);
	ck_assert_ptr_nonnull(good);
	ck_assert_int_gt(rounds, 1);
	ck_assert_int_gt(report.head.seq, report.checked);
	authtok_store_close(cutter);
	authtok_store_close(writer.store);
	authtok_audit_free(audit);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_audit");
	TCase *tc = tcase_create("audit");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_migrates_version_1);
	tcase_add_test(tc, test_migrated_is_as_new);
	tcase_add_test(tc, test_migration_fails_whole);
	tcase_add_test(tc, test_no_slip_of_the_hand);
	tcase_add_test(tc, test_schema_swallows_nothing);
	tcase_add_test(tc, test_damaged_record);
	tcase_add_test(tc, test_no_number_left);
	tcase_add_test(tc, test_cut_in_pieces);
	tcase_add_loop_test(tc, test_cut_is_interrupted, 1, 4);
	tcase_add_test(tc, test_cut_at_a_damaged_record);
	tcase_add_test(tc, test_nothing_before_the_base);
	tcase_add_test(tc, test_verify_among_cuts);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
