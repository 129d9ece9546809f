/*
 * The audit log of a walk through the product: what stands in it, and that
 * whoever changes the database behind authd's back is found out.
 */
#include "client.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct authd server;
static struct run r;

/* Each test has a server and a log of its own. */
static void
begin(void)
{
	authd_make(&server, "");
	authd_start(&server);
}

static void
sql(const char *statement)
{
	char path[128];
	sqlite3 *db;

	authd_path(&server, "authd.db", path, sizeof(path));
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 10000);
	/* who can write the database can do this too */
	ck_assert_int_eq(sqlite3_exec(db,
			     "DROP TRIGGER IF EXISTS audit_stays;"
			     "DROP TRIGGER IF EXISTS audit_is_cut",
			     NULL, NULL, NULL),
	    SQLITE_OK);
	ck_assert_msg(
	    sqlite3_exec(db, statement, NULL, NULL, NULL) == SQLITE_OK,
	    "%s: %s", statement, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void
verify(const char *head)
{
	authctl(&server, &r, "", "audit", "verify",
	    head != NULL ? "--head" : NULL, head, NULL);
}

static void
is_whole(void)
{
	verify(NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
}

static void
is_bad(long seq)
{
	char record[32];

	verify(NULL);
	snprintf(record, sizeof(record), "record %ld:", seq);
	ck_assert_int_eq(r.status, 1);
	ck_assert_msg(
	    strstr(r.out, record) != NULL, "not %s but %s", record, r.out);
}

static void
has(const char *part)
{
	ck_assert_msg(strstr(r.out, part) != NULL, "no %s in\n%s", part, r.out);
}

/* Records of everything, and the number of the last. */
static void
walk(void)
{
	struct answer a;
	struct pair p;

	sign_up(&server, "ann");
	try_sign_in(&a, &server, "ann", "wrong password");
	sign_in(&server, "ann", &p);
	ask(&a, &server, "POST", "/api/auth/signout", "{\"scope\":\"global\"}",
	    NULL);
	has_status(&a, 400);
	refresh_ok(&server, p.refresh, NULL, "rotated", &p);
	authctl(
	    &server, &r, "", "user", "roles", "ann", "user,moderator", NULL);
	ck_assert_int_eq(r.status, 0);
	authctl(&server, &r, "", "user", "disable", "ann", NULL);
	authctl(&server, &r, "", "user", "enable", "ann", NULL);
	sign_in(&server, "ann", &p);
	authctl(&server, &r, "", "session", "revoke", "--user", "ann", NULL);
	ck_assert_int_eq(r.status, 0);
}

START_TEST(events_are_recorded)
{
	begin();
	walk();
	authd_stop(&server); /* writes down the failed ones */
	authctl(&server, &r, "", "audit", "list", NULL);
	ck_assert_int_eq(r.status, 0);
	has("1\t");
	has("\tkeys\t-\t-\t-\t1\tsecret,refresh-1,audit-1\n");
	has("\tsignup\t1\t-\t127.0.0.1\t");
	has("\tsignin\t1\t");
	has("\tsignin-failed\t1\t");
	has("\troles\t1\t");
	has("\tdisable\t1\t");
	has("\tenable\t1\t");
	has("\trevoke\t1\t");
	ck_assert_ptr_null(strstr(r.out, "wrong password"));
	ck_assert_ptr_null(strstr(r.out, PASSWORD));
	ck_assert_ptr_null(strstr(r.out, SECRET));
	is_whole();
	authctl(&server, &r, "", "audit", "list", "--after", "1", "--limit",
	    "1", NULL);
	ck_assert_ptr_nonnull(strstr(r.out, "2\t"));
	ck_assert_ptr_eq(strchr(r.out, '\n') + 1, r.out + strlen(r.out));
	authd_remove(&server);
}
END_TEST

static size_t
count_of(const char *part)
{
	size_t n = 0;

	authctl(&server, &r, "", "audit", "list", NULL);
	for (const char *s = r.out; (s = strstr(s, part)) != NULL; s++)
		n++;
	return n;
}

START_TEST(the_limit_of_sessions_is_recorded)
{
	struct pair p;

	authd_make(&server, "\"maxSessionsPerUser\": 2");
	authd_start(&server);
	sign_up(&server, "ann");
	for (int i = 0; i < 5; i++)
		sign_in(&server, "ann", &p);
	ck_assert_uint_eq(count_of("\trevoke\t1\t"), 3);
	ck_assert_uint_eq(count_of("\t127.0.0.1\t1\tlimit\n"), 3);
	ck_assert_ptr_null(strstr(r.out, "\t-\t127.0.0.1\t1\tlimit\n"));
	is_whole();
	authd_remove(&server);
}
END_TEST

START_TEST(a_change_of_keys_is_recorded_once)
{
	begin();
	ck_assert_uint_eq(count_of("\tkeys\t"), 1);
	walk();
	authd_stop(&server);
	authd_start(&server);
	ck_assert_uint_eq(count_of("\tkeys\t"), 1);
	authd_write(&server, "more.keys",
	    "{\"keys\":[{\"kty\":\"oct\",\"use\":\"sig\",\"kid\":\"n1\","
	    "\"key_ops\":[\"sign\",\"verify\"],"
	    "\"alg\":\"HS256\",\"k\":"
	    "\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"},"
	    "{\"kty\":\"oct\",\"use\":\"authtok-refresh\",\"kid\":\"1\","
	    "\"key_ops\":[\"sign\",\"verify\"],"
	    "\"k\":\"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8\"},"
	    "{\"kty\":\"oct\",\"use\":\"authtok-audit\",\"kid\":\"2\","
	    "\"key_ops\":[\"sign\",\"verify\"],"
	    "\"k\":\"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8\"}]}");
	authd_write(&server, "authd.conf",
	    "{\"listen\": \"127.0.0.1:0\", \"keys\": \"more.keys\"}");
	ck_assert_int_eq(kill(server.pid, SIGHUP), 0);
	authd_await_log(&server, "event=reload\n");
	ck_assert_uint_eq(count_of("\tkeys\t"), 2);
	has("\tn1,refresh-1,audit-2\n");
	ck_assert_ptr_null(strstr(authd_log(&server), "AAECAw"));
	authd_remove(&server);
}
END_TEST

#define SIGNING                                                      \
	"{\"kty\":\"oct\",\"use\":\"sig\",\"kid\":\"s1\","           \
	"\"key_ops\":[\"sign\",\"verify\"],\"alg\":\"HS256\",\"k\":" \
	"\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"},\n"
#define SECRET_KEY(use, kid, ops, k)                                  \
	"{\"kty\":\"oct\",\"use\":\"authtok-" use "\",\"kid\":\"" kid \
	"\",\"key_ops\":[" ops "],\"k\":\"" k "\"}"
#define CURRENT "\"sign\",\"verify\""
#define OLD     "\"verify\""
#define KA      "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
#define KB      "QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"
#define KC      "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8"

/* From now on these are authd's keys. */
static void
use_keys(const char *secrets)
{
	char text[2048];

	snprintf(text, sizeof(text), "{\"keys\":[\n" SIGNING "%s]}\n", secrets);
	authd_write(&server, "authd.keys", text);
	authd_write(&server, "authd.conf", "{\"listen\": \"127.0.0.1:0\"}");
}

/*
 * Another refresh secret is nothing to the log; another audit secret goes on
 * from the old one, which is needed for as long as its records are there.
 */
START_TEST(the_log_has_secrets_of_its_own)
{
	authd_make(&server, "");
	use_keys(SECRET_KEY("refresh", "1", CURRENT, KA) ",\n" SECRET_KEY(
	    "audit", "1", CURRENT, KB));
	authd_start(&server);
	walk();
	authd_stop(&server);
	is_whole();
	use_keys(SECRET_KEY("refresh", "1", CURRENT, KC) ",\n" SECRET_KEY(
	    "audit", "1", CURRENT, KB));
	is_whole();
	use_keys(SECRET_KEY("refresh", "1", CURRENT, KB) ",\n" SECRET_KEY(
	    "audit", "2", CURRENT, KC));
	is_bad(1);
	has("unknown key");
	use_keys(SECRET_KEY("refresh", "1", CURRENT, KC) ",\n" SECRET_KEY(
	    "audit", "1", OLD, KB) ",\n" SECRET_KEY("audit", "2", CURRENT, KC));
	authd_start(&server);
	sign_up(&server, "bob");
	authd_stop(&server);
	is_whole();
	ck_assert_uint_eq(
	    count_of("\tkeys\t-\t-\t-\t1\ts1,refresh-1,audit-1,audit-2\n"), 1);
	authd_remove(&server);
}
END_TEST

static void
lacks(const char *use)
{
	char part[64];

	snprintf(part, sizeof(part), "a key with \"use\":\"%s\"", use);
	authd_run(&server, &r, "-t", "-c", server.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	has("authd.keys");
	has(part);
	authd_run(&server, &r, "-c", server.conf, NULL);
	ck_assert_int_eq(r.status, 2);
	has(part);
	verify(NULL);
	ck_assert_int_eq(r.status, 1);
	has("authd.keys");
	has(part);
}

START_TEST(keys_without_one_of_each_kind_are_refused)
{
	begin(); /* a database is there */
	authd_stop(&server);
	use_keys(SECRET_KEY("refresh", "1", CURRENT, KA));
	lacks("authtok-audit");
	use_keys(SECRET_KEY("refresh", "1", CURRENT, KA) ",\n" SECRET_KEY(
	    "audit", "1", OLD, KB));
	lacks("authtok-audit");
	use_keys(
	    SECRET_KEY("refresh", "1", CURRENT, KA) ",\n" SECRET_KEY("audit",
		"1", CURRENT, KB) ",\n" SECRET_KEY("audit", "2", CURRENT, KC));
	lacks("authtok-audit");
	use_keys(SECRET_KEY("audit", "1", CURRENT, KB));
	lacks("authtok-refresh");
	authd_remove(&server);
}
END_TEST

START_TEST(tampering_is_found)
{
	begin();
	walk();
	authd_stop(&server);
	is_whole();
	sql("UPDATE audit SET user_id = 7 WHERE seq = 3");
	is_bad(3);
	sql("UPDATE audit SET user_id = 1 WHERE seq = 3");
	is_whole();
	sql("CREATE TABLE kept AS SELECT * FROM audit WHERE seq = 4");
	sql("DELETE FROM audit WHERE seq = 4");
	is_bad(4);
	sql("INSERT INTO audit SELECT * FROM kept");
	is_whole();
	sql("UPDATE kept SET seq = (SELECT max(seq) + 1 FROM audit)");
	sql("INSERT INTO audit SELECT * FROM kept");
	authctl(&server, &r, "", "audit", "verify", NULL);
	ck_assert_int_eq(r.status, 1);
	has("inserted");
	sql("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)");
	is_whole();
	authd_remove(&server);
}
END_TEST

START_TEST(a_cut_off_tail_needs_a_known_head)
{
	char head[160];
	const char *at;

	begin();
	walk();
	authd_stop(&server);
	is_whole();
	at = strstr(r.out, "head ");
	ck_assert_ptr_nonnull(at);
	snprintf(
	    head, sizeof(head), "%.*s", (int)strcspn(at + 5, "\n"), at + 5);
	verify(head);
	ck_assert_msg(r.status == 0, "%s", r.out);
	sql("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)");
	is_whole(); /* nobody could tell from the rest */
	verify(head);
	ck_assert_int_eq(r.status, 1);
	has("cut off");
	verify("1:00");
	ck_assert_int_eq(r.status, 2);
	authd_remove(&server);
}
END_TEST

/* The first or the last record of an export, as SEQ:MAC; its seq. */
static long
end_of(const char *name, bool last, char ret_head[96])
{
	char path[128], line[2048];
	const char *mac;
	FILE *file;
	long seq = 0;

	authd_path(&server, name, path, sizeof(path));
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		mac = strstr(line, "\"mac\":\"");
		ck_assert_ptr_nonnull(mac);
		ck_assert_int_eq(sscanf(line, "{\"seq\":%ld,", &seq), 1);
		snprintf(ret_head, 96, "%ld:%.64s", seq, mac + 7);
		if (!last)
			break;
	}
	fclose(file);
	return seq;
}

/* One export, the next one, and then the log, are one chain. */
static void
joins(const char *first, const char *second)
{
	char head[96], *last;
	long end = end_of(first, true, head);

	ck_assert_int_eq(end_of(second, false, head), end + 1);
	(void)end_of(second, true, head);
	verify(head); /* it is what the log hangs on */
	ck_assert_msg(r.status == 0, "%s", r.out);
	last = head + strlen(head) - 1;
	*last = *last == '0' ? '1' : '0';
	verify(head);
	ck_assert_int_eq(r.status, 1);
}

START_TEST(old_records_are_exported_and_cut)
{
	char path[128], line[2048];
	FILE *file;
	int lines = 0;

	begin();
	walk();
	authctl(&server, &r, "", "audit", "export", "old.json", "--upto", "4",
	    NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	authd_path(&server, "old.json", path, sizeof(path));
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		snprintf(path, sizeof(path), "{\"seq\":%d,", ++lines);
		ck_assert_int_eq(strncmp(line, path, strlen(path)), 0);
	}
	fclose(file);
	ck_assert_int_eq(lines, 4);
	authctl(&server, &r, "", "audit", "list", "--limit", "1", NULL);
	ck_assert_int_eq(strncmp(r.out, "5\t", 2), 0);
	is_whole();
	/* an export is never overwritten, and nothing is cut then */
	authctl(&server, &r, "", "audit", "export", "old.json", "--upto", "5",
	    NULL);
	ck_assert_int_eq(r.status, 1);
	authctl(&server, &r, "", "audit", "export", "x.json", "--upto",
	    "100000", NULL);
	ck_assert_int_eq(r.status, 1);
	authctl(&server, &r, "", "audit", "export", "x.json", "--before",
	    "2001-01-01", NULL);
	ck_assert_int_eq(r.status, 0);
	has("nothing");
	authctl(&server, &r, "", "audit", "export", "y.json", "--before",
	    "2100-01-01T00:00:00Z", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	/* the record of the cut is what stays */
	authctl(&server, &r, "", "audit", "list", NULL);
	ck_assert_ptr_eq(strchr(r.out, '\n') + 1, r.out + strlen(r.out));
	has("\tcut\t-\t-\t-\t1\tup to ");
	joins("old.json", "y.json");
	sign_up(&server, "bob");
	is_whole();
	sql("UPDATE audit SET user_id = user_id + 1");
	authctl(&server, &r, "", "audit", "export", "z.json", "--before",
	    "2100-01-01", NULL);
	ck_assert_int_eq(r.status, 1);
	has("nothing was cut");
	authd_remove(&server);
}
END_TEST

START_TEST(a_beginning_that_is_cut_off_is_found)
{
	begin();
	walk();
	authd_stop(&server);
	sql("UPDATE audit_base SET (seq, mac) ="
	    " (SELECT seq, mac FROM audit WHERE seq = 3);"
	    "DELETE FROM audit WHERE seq <= 3");
	is_bad(4);
	has("the beginning was cut off");
	authctl(&server, &r, "", "audit", "list", "--limit", "1", NULL);
	ck_assert_int_eq(strncmp(r.out, "4\t", 2), 0);
	/* nor does an export hide it */
	authctl(
	    &server, &r, "", "audit", "export", "x.json", "--upto", "5", NULL);
	ck_assert_int_eq(r.status, 1);
	has("nothing was cut");
	is_bad(4);
	authd_remove(&server);
}
END_TEST

START_TEST(a_base_that_is_set_back_is_found)
{
	begin();
	walk();
	authd_stop(&server);
	sql("CREATE TABLE kept AS SELECT * FROM audit WHERE seq <= 5");
	authctl(
	    &server, &r, "", "audit", "export", "x.json", "--upto", "5", NULL);
	ck_assert_msg(r.status == 0, "%s", r.out);
	is_whole();
	has("first 6\n");
	sql("INSERT INTO audit SELECT * FROM kept");
	is_whole(); /* what is before the base is nobody's business */
	has("first 6\n");
	authctl(&server, &r, "", "audit", "list", "--limit", "1", NULL);
	ck_assert_int_eq(strncmp(r.out, "6\t", 2), 0);
	sql("UPDATE audit_base SET (seq, mac) ="
	    " (SELECT seq, mac FROM audit WHERE seq = 2)");
	is_bad(3);
	sql("UPDATE audit_base SET seq = 0, mac = zeroblob(32)");
	is_bad(1);
	sql("DELETE FROM audit_base");
	is_bad(1);
	has("where the log begins was removed");
	authd_remove(&server);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { events_are_recorded,
		the_limit_of_sessions_is_recorded,
		a_change_of_keys_is_recorded_once,
		the_log_has_secrets_of_its_own,
		keys_without_one_of_each_kind_are_refused, tampering_is_found,
		a_cut_off_tail_needs_a_known_head,
		old_records_are_exported_and_cut,
		a_beginning_that_is_cut_off_is_found,
		a_base_that_is_set_back_is_found, NULL };

	return run_tests("audit", NULL, NULL, tests);
}
