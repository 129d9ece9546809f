/*
 * authctl session, audit and purge: their words, and what they say when there
 * is nothing. What they do to a running authd is in tests/http.
 */
#include <check.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[32];
static char output[16384];

static void
setup(void)
{
	strcpy(folder, "/tmp/authctl-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
teardown(void)
{
	ck_assert_int_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* In the folder, with the defaults; the words are plain. Exit status. */
static int
ctl(const char *words)
{
	char line[512];
	size_t len;
	FILE *from;
	int status;

	snprintf(line, sizeof(line),
	    "cd %s && echo correct horse battery | \"$AUTHCTL_BIN\" %s 2>&1",
	    folder, words);
	from = popen(line, "r");
	ck_assert_ptr_nonnull(from);
	len = fread(output, 1, sizeof(output) - 1, from);
	output[len] = '\0';
	status = pclose(from);
	ck_assert_msg(WIFEXITED(status), "died: %s", output);
	return WEXITSTATUS(status);
}

static void
path_of(const char *name, char *ret, size_t size)
{
	snprintf(ret, size, "%s/%s", folder, name);
}

static void
add_ann(void)
{
	ck_assert_msg(
	    ctl("user add ann --email ann@example.org") == 0, "%s", output);
}

START_TEST(wrong_words_are_usage)
{
	static const char *const words[] = { "session", "session list",
		"session revoke", "session revoke xyz ann",
		"session revoke --user", "session list ann bob",
		"session explode ann",
		"session revoke --keep 00112233445566778899aabbccddeeff",
		"session revoke --user ann --keep",
		"session revoke --user ann --keep 0011",
		"session revoke --user ann 00112233445566778899aabbccddeeff",
		"session list ann --keep 00112233445566778899aabbccddeeff",
		"session list --user ann", "audit", "audit explode",
		"audit list --after x", "audit list --limit 0",
		"audit list --limit=-1", "audit verify --head 1",
		"audit verify --head 1:zz", "audit export", "audit export f",
		"audit export --upto 1", "audit export f --upto 0",
		"audit export f --before soon",
		"audit export f --before 2026-01-01 --upto 3",
		"audit export f g --upto 3", "purge all" };
	char path[64];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(ctl(words[i]) == 2, "%s: %s", words[i], output);
	path_of("authd.db", path, sizeof(path));
	ck_assert_int_ne(access(path, F_OK), 0);
	path_of("authd.keys", path, sizeof(path));
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* Whoever mistyped can see where. */
START_TEST(what_is_wrong_is_named)
{
	static const struct {
		const char *words, *said;
	} cases[] = {
		{ "session", "session: list or revoke?" },
		{ "session explode", "session: unknown command explode" },
		{ "session list", "session list: which user?" },
		{ "session list ann bob", "session list: unexpected bob" },
		{ "session list --user ann", "unexpected --user" },
		{ "session list ''", "\"\": no such user" },
		{ "session list '#x'", "#x: not an id" },
		{ "session revoke", "which? ID, or --user USER" },
		{ "session revoke --user", "--user needs a value" },
		{ "session revoke --user ann --keep", "--keep needs a value" },
		{ "session revoke --keep 00", "--keep needs --user USER" },
		{ "session revoke --user ann --keep 00",
		    "\"00\": not the id of a session" },
		{ "session revoke ''", "\"\": not the id of a session" },
		{ "session revoke --user ann 00", "unexpected 00" },
		{ "session revoke --user ann --user bob", "unexpected" },
		{ "user add bob", "user add needs --email" },
		{ "user add bob --email", "--email needs a value" },
		{ "user add bob --email a@b.c --email d@e.f", "one --email" },
		{ "user add bob --email nope", "nope: not an e-mail address" },
		{ "user add bob --email ann@example.org",
		    "ann@example.org: the e-mail address is taken" },
		{ "user add 'b b' --email a@b.c",
		    "b b: a user name is 1 to 64" },
		{ "user add '' --email a@b.c", "\"\": a user name is 1 to 64" },
		{ "user add bob --email a@b.c --role ''",
		    "no such role: \"\"" },
		{ "user roles ann user,", "no such role: \"\"" },
		{ "user passwd ann --hash", "ann: not a password hash" },
		{ "user passwd ann --hush", "unexpected --hush" },
		{ "--store foo user list", "authctl: --store: must be" },
		{ "user passwd ann --hash < /dev/null", "no password hash" },
		{ "user frob", "unknown command frob" },
		{ "audit", "audit: list, verify or export?" },
		{ "audit explode", "audit: unknown command explode" },
		{ "audit list --limit 0", "\"0\" does not fit: audit list [" },
		{ "audit verify --head 1:zz",
		    "\"1:zz\" does not fit: audit verify [--head SEQ:MAC]" },
		{ "audit export f g --upto 3", "\"g\" does not fit" },
		{ "audit export f --before soon", "\"soon\" does not fit" },
		{ "audit export f", "audit export needs FILE and --before" },
	};

	add_ann();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(ctl(cases[i].words) != 0, "%s", cases[i].words);
		ck_assert_msg(strstr(output, cases[i].said) != NULL, "%s: %s",
		    cases[i].words, output);
	}
}
END_TEST

START_TEST(nothing_is_there)
{
	ck_assert_int_eq(ctl("session list ann"), 1); /* no database */
	add_ann();
	ck_assert_int_eq(ctl("session list ann"), 0);
	ck_assert_str_eq(output, "");
	ck_assert_int_eq(ctl("session list -- ann"), 0);
	ck_assert_int_eq(ctl("session list nobody"), 1);
	ck_assert_int_eq(
	    ctl("session revoke 00112233445566778899aabbccddeeff"), 1);
	ck_assert_ptr_nonnull(strstr(output, "no such session"));
	ck_assert_int_eq(ctl("session revoke 0011"), 2);
	ck_assert_int_eq(ctl("session revoke --user ann"), 0);
	ck_assert_str_eq(output, "0 ended\n");
	ck_assert_int_eq(ctl("session revoke '--user=#1'"), 0);
	ck_assert_int_eq(ctl("purge"), 0);
	ck_assert_str_eq(output, "0 removed\n");
}
END_TEST

/* Many at once, behind authctl's back: n was used n seconds ago. */
static void
add_sessions(unsigned count)
{
	char path[64], sql[1024];
	sqlite3 *db;

	path_of("authd.db", path, sizeof(path));
	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE s (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s"
	    " WHERE n < %u) INSERT INTO sessions (user_id, created_at,"
	    " expires_at, revoked_at, rotated_at, sid, seed, rotation, address,"
	    " agent) SELECT 1, 1, unixepoch() + 9000, 0, unixepoch() - n,"
	    " randomblob(16), zeroblob(16), zeroblob(121), '', 'n' || n FROM s",
	    count - 1);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK,
	    "%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

START_TEST(the_last_used_are_listed)
{
	add_ann();
	add_sessions(1203);
	ck_assert_int_eq(ctl("session list ann >list 2>note; cat note"), 0);
	ck_assert_str_eq(output,
	    "authctl: ann has 1203 sessions: these are the 1000 used last\n");
	ck_assert_int_eq(ctl("--version >/dev/null; cut -f5 list >got; "
			     "seq -f n%g 0 999 | cmp got -"),
	    0);
}
END_TEST

/* The twin of the scope others. */
START_TEST(all_but_one_are_ended)
{
	char words[160], sid[40] = "";

	add_ann();
	ck_assert_int_eq(ctl("user add bob --email bob@example.org >bob"), 0);
	add_sessions(7);
	ck_assert_int_eq(ctl("session list ann | sed -n 4p | cut -f1"), 0);
	ck_assert_uint_eq(strlen(output), 33);
	memcpy(sid, output, 32);
	/* not one of his: nothing must end */
	snprintf(
	    words, sizeof(words), "session revoke --user bob --keep %s", sid);
	ck_assert_int_eq(ctl(words), 1);
	ck_assert_ptr_nonnull(strstr(output, "no such session of bob"));
	ck_assert_int_eq(ctl("session revoke --user ann"
			     " --keep 00000000000000000000000000000000"),
	    1);
	ck_assert_ptr_nonnull(strstr(output, "no such session of ann"));
	ck_assert_int_eq(ctl("session list ann | wc -l"), 0);
	ck_assert_str_eq(output, "7\n");
	snprintf(
	    words, sizeof(words), "session revoke --keep=%s --user ann", sid);
	ck_assert_int_eq(ctl(words), 0);
	ck_assert_str_eq(output, "6 ended\n");
	ck_assert_int_eq(ctl("session list ann | cut -f1"), 0);
	ck_assert_int_eq(strncmp(output, sid, 32), 0);
	ck_assert_uint_eq(strlen(output), 33);
	/* ended: it cannot be kept */
	snprintf(words, sizeof(words), "session revoke %s", sid);
	ck_assert_int_eq(ctl(words), 0);
	snprintf(
	    words, sizeof(words), "session revoke --user ann --keep %s", sid);
	ck_assert_int_eq(ctl(words), 1);
}
END_TEST

START_TEST(acts_are_chained)
{
	add_ann();
	ck_assert_int_eq(ctl("user disable ann"), 0);
	ck_assert_int_eq(ctl("user roles '#1' user,admin"), 0);
	ck_assert_int_eq(ctl("audit list"), 0);
	ck_assert_ptr_nonnull(strstr(output, "\tsignup\t1\t-\t-\t1\t"));
	ck_assert_ptr_nonnull(strstr(output, "\tdisable\t1\t"));
	ck_assert_ptr_nonnull(strstr(output, "\troles\t1\t"));
	ck_assert_int_eq(ctl("audit verify"), 0);
	ck_assert_int_eq(strncmp(output, "records 3\nhead 3:", 17), 0);
}
END_TEST

START_TEST(no_keys_no_acts)
{
	char path[64];

	add_ann();
	path_of("authd.keys", path, sizeof(path));
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(ctl("user disable ann"), 1);
	ck_assert_ptr_nonnull(strstr(output, "authd.keys"));
	ck_assert_int_eq(ctl("user add bob --email bob@example.org"), 1);
	/* other keys than those of the database would break the chain */
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("authctl_session");
	TCase *tcase = tcase_create("authctl_session");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, wrong_words_are_usage);
	tcase_add_test(tcase, what_is_wrong_is_named);
	tcase_add_test(tcase, nothing_is_there);
	tcase_add_test(tcase, the_last_used_are_listed);
	tcase_add_test(tcase, all_but_one_are_ended);
	tcase_add_test(tcase, acts_are_chained);
	tcase_add_test(tcase, no_keys_no_acts);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
