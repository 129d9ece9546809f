/*
 * The SQLite backend: what it opens and what it refuses, its schema, the plans
 * of its statements, the size of its rows.
 */
#include "sqlite_util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Opening must fail with err, and say text and the name of the file. */
static void
refused(const char *path, enum authtok_err err, const char *text)
{
	struct authtok_store *store = NULL;
	char why[256] = "";

	ck_assert_int_eq(
	    authtok_store_sqlite(path, &store, why, sizeof(why)), err);
	ck_assert_ptr_null(store);
	ck_assert_msg(strstr(why, text) != NULL, "%s", why);
	ck_assert_msg(strstr(why, path) == why, "%s", why);
	/* and without a place for the sentence */
	ck_assert_int_eq(authtok_store_sqlite(path, &store, NULL, 0), err);
	ck_assert_int_eq(authtok_store_sqlite(path, &store, why, 3), err);
}

static void
write_file(const char *text, size_t len)
{
	FILE *file = fopen(scratch.path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, len, file), len);
	ck_assert_int_eq(fclose(file), 0);
}

START_TEST(test_creates_private_file)
{
	struct authtok_store *store;
	sqlite3 *db;
	mode_t old = umask(0);

	store = must_open(scratch.path, 100);
	umask(old);
	ck_assert_uint_eq(scratch_mode(&scratch, ""), 0600);
	ck_assert_uint_eq(scratch_mode(&scratch, "-wal"), 0600);
	ck_assert_uint_eq(scratch_mode(&scratch, "-shm"), 0600);
	authtok_store_close(store);
	/* the last to close leaves one file */
	ck_assert_int_eq(access(scratch.path, F_OK), 0);
	strcat(scratch.path, "-wal");
	ck_assert_int_ne(access(scratch.path, F_OK), 0);
	*strrchr(scratch.path, '-') = '\0';
	db = raw_open(scratch.path);
	ck_assert_int_eq(
	    raw_int(db, "PRAGMA application_id"), AT_SQLITE_APPLICATION_ID);
	ck_assert_int_eq(
	    raw_int(db, "PRAGMA user_version"), at_schema_version());
	ck_assert_int_eq(raw_int(db,
			     "SELECT count(*) FROM pragma_table_list"
			     " WHERE schema = 'main' AND strict"),
	    5);
	sqlite3_close(db);
}
END_TEST

START_TEST(test_empty_file_is_migrated)
{
	struct authtok_store *store;
	struct authtok_user user, found;
	int64_t id = 0;

	write_file("", 0);
	store = must_open(scratch.path, 100);
	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	authtok_store_close(store);
	store = must_open(scratch.path, 100);
	ck_assert_int_eq(OP(store, user_find, id, &found), AUTHTOK_OK);
	ck_assert_str_eq(found.name, "ann");
	authtok_store_close(store);
}
END_TEST

START_TEST(test_refuses_newer)
{
	sqlite3 *db;

	authtok_store_close(must_open(scratch.path, 100));
	db = raw_open(scratch.path);
	raw_exec(db, "PRAGMA user_version = 77");
	refused(scratch.path, AUTHTOK_ENEWER,
	    "has schema version 77, this program knows up to version 2");
	ck_assert_int_eq(raw_int(db, "PRAGMA user_version"), 77);
	sqlite3_close(db);
}
END_TEST

static int
header_byte(off_t at)
{
	unsigned char byte = 0;
	int fd = open(scratch.path, O_RDONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	close(fd);
	return byte;
}

START_TEST(test_refuses_foreign)
{
	sqlite3 *db = raw_open(scratch.path);

	raw_exec(db, "CREATE TABLE users (id INTEGER PRIMARY KEY)");
	refused(scratch.path, AUTHTOK_ENOTSUP, "another program");
	/* and leaves it as it was */
	ck_assert_int_eq(raw_int(db, "SELECT count(*) FROM sqlite_schema"), 1);
	ck_assert_int_eq(header_byte(18), 1); /* 2: WAL */
	raw_exec(db, "DROP TABLE users; PRAGMA application_id = 5");
	refused(scratch.path, AUTHTOK_ENOTSUP, "another program");
	raw_exec(db, "PRAGMA application_id = 0; PRAGMA user_version = 1");
	refused(scratch.path, AUTHTOK_ENOTSUP, "another program");
	sqlite3_close(db);
}
END_TEST

/* Marked as ours, but a table is missing. */
START_TEST(test_refuses_half_a_schema)
{
	sqlite3 *db;

	authtok_store_close(must_open(scratch.path, 100));
	db = raw_open(scratch.path);
	raw_exec(db, "DROP TABLE revocations");
	refused(scratch.path, AUTHTOK_ESTORE, "no such table: revocations");
	sqlite3_close(db);
}
END_TEST

START_TEST(test_refuses_what_is_no_database)
{
	char junk[4] = { 1, 2, 3, 4 };
	static const char text[] =
	    "This is a text file and no database. It is long enough to fill "
	    "the header of one, which takes a hundred bytes, so it is read.";
	struct authtok_store *store;

	write_file(text, sizeof(text));
	refused(scratch.path, AUTHTOK_ENOTSUP, "is not a SQLite database");
	refused(scratch.dir, AUTHTOK_ESTORE, "is not a file");
	refused("", AUTHTOK_EINVAL, "is not a plain file name");
	refused(":memory:", AUTHTOK_EINVAL, "is not a plain file name");
	refused("file:x.db", AUTHTOK_EINVAL, "is not a plain file name");
	ck_assert_int_eq(
	    authtok_store_sqlite(NULL, &store, NULL, 0), AUTHTOK_EINVAL);
	ck_assert_int_eq(
	    authtok_store_sqlite(scratch.path, NULL, NULL, 0), AUTHTOK_EINVAL);
	/* whoever prints the reason must find a text */
	ck_assert_int_eq(authtok_store_sqlite(NULL, &store, junk, sizeof(junk)),
	    AUTHTOK_EINVAL);
	ck_assert_str_eq(junk, "");
}
END_TEST

START_TEST(test_refuses_missing_places)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/none/x.db", scratch.dir);
	refused(path, AUTHTOK_ESTORE, "No such file or directory");
	snprintf(path, sizeof(path), "%s/link", scratch.dir);
	ck_assert_int_eq(symlink("nowhere", path), 0);
	refused(path, AUTHTOK_ESTORE, "No such file or directory");
}
END_TEST

START_TEST(test_damaged_database)
{
	struct authtok_store *store;
	struct authtok_user user;
	char page[4096];
	int64_t id;
	int fd;

	store = must_open(scratch.path, 100);
	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	authtok_store_close(store);
	/* every page but the first, which tells what the tables are */
	memset(page, 0xee, sizeof(page));
	fd = open(scratch.path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	for (off_t at = 4096; at < scratch_size(&scratch, ""); at += 4096)
		ck_assert_int_eq(pwrite(fd, page, sizeof(page), at), 4096);
	close(fd);
	store = must_open(scratch.path, 100);
	ck_assert_int_eq(OP(store, user_find, id, &user), AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    OP(store, user_find_name, "ann", &user), AUTHTOK_ESTORE);
	ck_assert_int_eq(
	    OP(store, user_create, &user, NULL, &id), AUTHTOK_ESTORE);
	authtok_store_close(store);
}
END_TEST

/* The first page tells what the tables are: nothing can be opened without. */
START_TEST(test_damaged_first_page)
{
	char garbage[3996];
	int fd;

	authtok_store_close(must_open(scratch.path, 100));
	memset(garbage, 0xee, sizeof(garbage));
	fd = open(scratch.path, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	/* behind the header of the file */
	ck_assert_int_eq(
	    pwrite(fd, garbage, sizeof(garbage), 100), sizeof(garbage));
	close(fd);
	refused(scratch.path, AUTHTOK_ESTORE, "the database is damaged");
}
END_TEST

/* The log is there and is nothing that we could open. */
START_TEST(test_refuses_what_is_no_log)
{
	char log[128];

	snprintf(log, sizeof(log), "%s-wal", scratch.path);
	ck_assert_int_eq(symlink(log, log), 0);
	refused(scratch.path, AUTHTOK_ESTORE,
	    "cannot open the database or its log");
	ck_assert_int_eq(unlink(log), 0);
	authtok_store_close(must_open(scratch.path, 100));
}
END_TEST

/* A row that we would not have written is a broken store, not an answer. */
START_TEST(test_damaged_rows)
{
	static const char *const damage[] = {
		"agent = printf('%.*c', 256, 'x')",
		"address = printf('%.*c', 46, 'x')",
		"agent = 'a' || char(0) || 'b'",
		"seed = x'00'",
		"rotation = zeroblob(120)",
		"rotation = CAST(zeroblob(24)||x'09'||zeroblob(96) AS BLOB)",
	};
	struct authtok_store *store = must_open(scratch.path, 100);
	struct authtok_session session, found;
	struct authtok_owner owner;
	struct authtok_user user;
	sqlite3 *db = raw_open(scratch.path);
	char sql[256];
	int64_t id = 0;
	size_t i, count = 99;

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	for (i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		make_session(&session, id, 1);
		ck_assert_int_eq(
		    OP(store, session_create, &session, 1, 0, &at_noon),
		    AUTHTOK_OK);
		ck_assert_int_eq(
		    OP(store, session_find, session.sid, &found, &owner),
		    AUTHTOK_OK);
		snprintf(sql, sizeof(sql), "UPDATE sessions SET %s", damage[i]);
		raw_exec(db, sql);
		memset(&found, 0x77, sizeof(found));
		ck_assert_int_eq(
		    OP(store, session_find, session.sid, &found, &owner),
		    AUTHTOK_ESTORE);
		ck_assert_uint_eq(found.gen, 0x77777777);
		ck_assert_int_eq(
		    OP(store, session_list, id, NULL, &found, 1, &count),
		    AUTHTOK_ESTORE);
		ck_assert_uint_eq(count, 99);
		raw_exec(db, "DELETE FROM sessions");
	}
	raw_exec(db, "UPDATE users SET roles = printf('%.*c', 33, 'x')");
	ck_assert_int_eq(OP(store, user_find, id, &user), AUTHTOK_ESTORE);
	raw_exec(db,
	    "UPDATE users SET roles = 'a b c d e f g h i j k l m n o"
	    " p q'");
	ck_assert_int_eq(
	    OP(store, user_find_name, "ann", &user), AUTHTOK_ESTORE);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* ---- plans -------------------------------------------------------------- */

/* The plan of a statement, its lines joined. */
static void
plan_of(sqlite3 *db, enum at_stmt id, char *out, size_t size)
{
	sqlite3_stmt *stmt;
	char sql[1024];
	size_t used = 0;

	snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", at_stmt_sql(id));
	ck_assert_int_eq(
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	out[0] = '\0';
	while (sqlite3_step(stmt) == SQLITE_ROW)
		used += (size_t)snprintf(out + used, size - used, "%s; ",
		    (const char *)sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
}

START_TEST(test_no_statement_scans)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);
	char plan[1024];
	const char *sql;
	int i;

	for (i = AT_STMT_ROLLBACK + 1; i < AT_STMT_COUNT; i++) {
		sql = at_stmt_sql((enum at_stmt)i);
		plan_of(db, (enum at_stmt)i, plan, sizeof(plan));
		ck_assert_msg(
		    strstr(plan, "SCAN") == NULL, "%s\n%s", sql, plan);
		ck_assert_msg(strstr(sql, "WHERE") == NULL ||
			strstr(plan, "SEARCH") != NULL,
		    "%s\n%s", sql, plan);
	}
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

START_TEST(test_plans_use_the_right_index)
{
	static const struct {
		enum at_stmt id;
		const char *begins;
	} want[] = {
		{ AT_STMT_SESSION_FIND,
		    "SEARCH s USING INDEX sqlite_autoindex_sessions_1 (sid=?); "
		    "SEARCH u USING INTEGER PRIMARY KEY (rowid=?); " },
		{ AT_STMT_SESSION_UPDATE,
		    "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 "
		    "(sid=?); " },
		{ AT_STMT_SESSION_LIST,
		    "SEARCH s USING INDEX sessions_user (user_id=?); " },
		{ AT_STMT_SESSION_LIVE,
		    "SEARCH sessions USING INDEX sessions_user (user_id=?); " },
		{ AT_STMT_SESSION_REVOKE_USER,
		    "SEARCH sessions USING INDEX sessions_user (user_id=?); " },
		{ AT_STMT_SESSION_SWEEP,
		    "SEARCH sessions USING INTEGER PRIMARY KEY (rowid>?); " },
		{ AT_STMT_EVENT_SINCE,
		    "SEARCH revocations USING INTEGER PRIMARY KEY "
		    "(rowid>?); " },
		{ AT_STMT_USER_BY_NAME,
		    "SEARCH users USING INDEX sqlite_autoindex_users_1 "
		    "(name=?); " },
	};
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);
	char plan[1024];
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		plan_of(db, want[i].id, plan, sizeof(plan));
		ck_assert_msg(
		    strncmp(plan, want[i].begins, strlen(want[i].begins)) == 0,
		    "%s\n%s", at_stmt_sql(want[i].id), plan);
	}
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* A refresh changes rotated_at, rotation, address and agent. */
START_TEST(test_refresh_touches_no_index)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db = raw_open(scratch.path);

	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM pragma_index_list('sessions')"),
	    2);
	ck_assert_int_eq(
	    raw_int(db,
		"SELECT count(*) FROM pragma_index_list('sessions')"
		" AS l, pragma_index_info(l.name) AS i"
		" WHERE i.name NOT IN ('sid', 'user_id')"),
	    0);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

/* ---- size --------------------------------------------------------------- */

#define ROWS      10000
#define REFRESHES 10000
#define SESSIONS_SIZE \
	"SELECT sum(pgsize) FROM dbstat WHERE name LIKE '%sessions%'"

/* Rows as the backend writes them, but for the sid, which must be random. */
static void
fill(struct authtok_store *store)
{
	struct authtok_session session;
	struct authtok_user user;
	int64_t id = 0;
	sqlite3 *db = raw_open(scratch.path);
	char sql[512];

	make_user(&user, "ann");
	ck_assert_int_eq(OP(store, user_create, &user, NULL, &id), AUTHTOK_OK);
	make_session(&session, id, 0);
	ck_assert_int_eq(
	    OP(store, session_create, &session, 1, 0, &at_noon), AUTHTOK_OK);
	/* as many users as there may be, so that their ids have some length */
	raw_exec(db,
	    "INSERT INTO users SELECT 1000000, 1, 1, 1, 0, 'bob',"
	    " NULL, '', 'user'");
	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO sessions SELECT i + 1, 1000000,"
	    " created_at, expires_at, 0, rotated_at, randomblob(16), seed,"
	    " rotation, address, agent FROM n, sessions WHERE id = 1",
	    ROWS - 1);
	raw_exec(db, sql);
	sqlite3_close(db);
}

static void
refresh_all(struct authtok_store *store, struct authtok_session *sessions)
{
	struct authtok_session *s;
	size_t i, count = 0;
	uint32_t gen, branch;

	ck_assert_int_eq(
	    OP(store, session_list, 1000000, NULL, sessions, ROWS, &count),
	    AUTHTOK_OK);
	ck_assert_uint_eq(count, ROWS - 1);
	for (i = 0; i < REFRESHES; i++) {
		s = &sessions[i * 7919 % count];
		gen = s->gen;
		branch = s->branch;
		/* all lengths of the numbers, and from no retry to eight */
		s->gen += 1 + (uint32_t)(i * i);
		s->branch += (uint32_t)i;
		s->rotated_at += (int64_t)i;
		s->forwarded_at = s->rotated_at;
		s->retry_count = (uint32_t)(i % 9);
		memset(s->retries, (int)i, sizeof(s->retries));
		ck_assert_int_eq(
		    OP(store, session_update, s, gen, branch, false, NULL),
		    AUTHTOK_OK);
	}
}

START_TEST(test_size)
{
	struct authtok_session *sessions = calloc(ROWS, sizeof(*sessions));
	struct authtok_store *store = must_open(scratch.path, 100);
	sqlite3 *db;
	int64_t bytes, pages;

	ck_assert_ptr_nonnull(sessions);
	fill(store);
	authtok_store_close(store);
	db = raw_open(scratch.path);
	bytes = raw_int(db, SESSIONS_SIZE);
	pages = raw_int(db, "PRAGMA page_count");
	store = must_open(scratch.path, 100);
	refresh_all(store, sessions);
	ck_assert_int_eq(raw_int(db, "PRAGMA page_count"), pages);
	ck_assert_int_eq(raw_int(db, SESSIONS_SIZE), bytes);
	printf("# sqlite: %.1f bytes a session, growth by %d refreshes 0\n",
	    (double)bytes / ROWS, REFRESHES);
	ck_assert_int_le(bytes / ROWS, 320);
	authtok_store_close(store);
	sqlite3_close(db);
	free(sessions);
}
END_TEST

/* Cleaning goes on where it stopped, and never past its limit. */
START_TEST(test_purge_in_batches)
{
	struct authtok_store *store = must_open(scratch.path, 100);
	size_t count = 0, sum = 0;
	sqlite3 *db;
	int calls = 0;

	fill(store);
	db = raw_open(scratch.path);
	raw_exec(db, "UPDATE sessions SET expires_at = 5 WHERE id % 10 = 3");
	raw_exec(db,
	    "INSERT INTO revocations VALUES (7, 1, 2, NULL, 3, 4),"
	    " (8, 1, 2, NULL, 3, 1800009999)");
	do {
		ck_assert_int_eq(
		    OP(store, purge, NOW, 10, 97, &count, &(bool){ false }),
		    AUTHTOK_OK);
		ck_assert_uint_le(count, 97);
		sum += count;
	} while (count > 0 && ++calls < 100);
	ck_assert_uint_eq(sum, ROWS / 10 + 1);
	ck_assert_int_eq(calls, 11);
	ck_assert_int_eq(
	    raw_int(db, "SELECT count(*) FROM sessions"), ROWS - ROWS / 10);
	ck_assert_int_eq(raw_int(db, "SELECT seq FROM revocations"), 8);
	/* what lies before the place where it stopped is found as well */
	raw_exec(db, "UPDATE sessions SET expires_at = 5 WHERE id = 9999");
	ck_assert_int_eq(
	    OP(store, purge, NOW, 10, 1, &count, &(bool){ false }), AUTHTOK_OK);
	ck_assert_uint_eq(count, 1);
	raw_exec(db, "UPDATE sessions SET expires_at = 5 WHERE id IN (1, 2)");
	ck_assert_int_eq(
	    OP(store, purge, NOW, 10, 9, &count, &(bool){ false }), AUTHTOK_OK);
	ck_assert_uint_eq(count, 2);
	sqlite3_close(db);
	authtok_store_close(store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite");
	TCase *tc = tcase_create("sqlite");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_creates_private_file);
	tcase_add_test(tc, test_empty_file_is_migrated);
	tcase_add_test(tc, test_refuses_newer);
	tcase_add_test(tc, test_refuses_foreign);
	tcase_add_test(tc, test_refuses_half_a_schema);
	tcase_add_test(tc, test_refuses_what_is_no_database);
	tcase_add_test(tc, test_refuses_missing_places);
	tcase_add_test(tc, test_damaged_database);
	tcase_add_test(tc, test_damaged_first_page);
	tcase_add_test(tc, test_refuses_what_is_no_log);
	tcase_add_test(tc, test_damaged_rows);
	tcase_add_test(tc, test_no_statement_scans);
	tcase_add_test(tc, test_plans_use_the_right_index);
	tcase_add_test(tc, test_refresh_touches_no_index);
	tcase_add_test(tc, test_size);
	tcase_add_test(tc, test_purge_in_batches);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
