/*
 * A store that is missing, foreign, newer, read-only, full or held by somebody:
 * a clear message or a 503, never a verdict on credentials, never half a user,
 * and everything again when the cause is gone.
 */
#include "client.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

static void
sql(const struct authd *d, const char *statement)
{
	char path[160];
	sqlite3 *db;

	authd_path(d, "authd.db", path, sizeof(path));
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* A folder with a database that authd made, and ann in it; not running. */
static void
make_used(struct authd *d)
{
	authd_make(d, "\"refreshLeeway\": 300");
	authd_start(d);
	sign_up(d, "ann");
	authd_stop(d);
}

/* It does not start, says why, and is not killed by anything. */
static void
does_not_start(struct authd *d, const char *const *words, const char *part)
{
	const char *const usual[] = { "-c", d->conf, NULL };
	int status;

	ck_assert(!authd_try(d, words != NULL ? words : usual));
	status = authd_wait(d);
	ck_assert_msg(status == 1, "status %d; log:\n%s", status, authd_log(d));
	ck_assert_msg(strcasestr(authd_log(d), part) != NULL,
	    "no \"%s\" in:\n%s", part, authd_log(d));
}

START_TEST(a_newer_database_is_refused)
{
	struct authd d;
	struct pair p;

	make_used(&d);
	sql(&d, "PRAGMA user_version = 9999");
	does_not_start(&d, NULL, "version 9999");
	ck_assert_ptr_nonnull(strstr(authd_log(&d), "authd.db"));
	/* nothing was done to it */
	sql(&d, "PRAGMA user_version = 2");
	authd_start(&d);
	sign_in(&d, "ann", &p);
	authd_remove(&d);
}
END_TEST

START_TEST(a_missing_folder_is_named)
{
	struct authd d;

	authd_make(&d, "");
	does_not_start(&d,
	    (const char *const[]){ "-c", d.conf, "--store",
		"sqlite:no-such-folder/authd.db", NULL },
	    "no-such-folder/authd.db");
	authd_remove(&d);
}
END_TEST

START_TEST(a_file_that_is_no_database_is_left_alone)
{
	struct authd d;
	char path[160], line[64] = "";
	int fd;

	authd_make(&d, "");
	authd_write(&d, "authd.db",
	    "This is a letter to my grandmother, not a database.\n"
	    "Please do not write into it, she would be very unhappy.\n");
	does_not_start(&d, NULL, "authd.db");
	authd_path(&d, "authd.db", path, sizeof(path));
	fd = open(path, O_RDONLY);
	ck_assert_int_gt(read(fd, line, sizeof(line) - 1), 20);
	close(fd);
	ck_assert_int_eq(strncmp(line, "This is a letter", 16), 0);
	/* somebody else's database */
	unlink(path);
	sql(&d,
	    "CREATE TABLE users (id INTEGER PRIMARY KEY, x TEXT);"
	    "PRAGMA application_id = 77");
	does_not_start(&d, NULL, "authd.db");
	authd_remove(&d);
}
END_TEST

/* As a user who may read all and write nothing. */
static void
make_read_only(struct authd *d, bool read_only)
{
	static const char *const names[] = { "authd.conf", "authd.db",
		"authd.db.refresh" };
	bool root = geteuid() == 0;
	char path[160];
	size_t i;

	d->uid = root ? NOBODY : 0;
	for (i = 0; i < 3; i++) {
		authd_path(d, names[i], path, sizeof(path));
		if (root)
			ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
		ck_assert_int_eq(
		    chmod(path, read_only && i > 0 ? 0400 : 0600), 0);
	}
	ck_assert_int_eq(chmod(d->dir, read_only ? 0555 : 0755), 0);
	if (root && !read_only)
		ck_assert_int_eq(chown(d->dir, NOBODY, NOBODY), 0);
}

START_TEST(a_read_only_database_is_refused_or_503)
{
	struct authd d;
	struct answer a;
	struct pair p;

	make_used(&d);
	make_read_only(&d, true);
	if (authd_try(&d, (const char *const[]){ "-c", d.conf, NULL })) {
		ask(&a, &d, "POST", SIGNUP,
		    "{\"username\":\"bob\",\"email\":\"bob@example.org\","
		    "\"password\":\"" PASSWORD "\"}",
		    NULL);
		is_error(&a, 503, UNAVAILABLE);
		try_sign_in(&a, &d, "ann", PASSWORD);
		is_error(&a, 503, UNAVAILABLE);
		authd_stop(&d);
	} else {
		ck_assert_int_eq(authd_wait(&d), 1);
		ck_assert_msg(strstr(authd_log(&d), "authd.db") != NULL, "%s",
		    authd_log(&d));
	}
	make_read_only(&d, false); /* and all is as it was */
	authd_start(&d);
	sign_in(&d, "ann", &p);
	authd_remove(&d);
}
END_TEST

/* Nothing can be written any more by the running authd, or all again. */
static void
set_full(const struct authd *d, bool full)
{
	struct rlimit limit;

	ck_assert_int_eq(prlimit(d->pid, RLIMIT_FSIZE, NULL, &limit), 0);
	limit.rlim_cur = full ? 0 : limit.rlim_max;
	ck_assert_int_eq(prlimit(d->pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void
nothing_is_stored(const struct authd *d, const struct pair *p)
{
	struct answer a;

	ask(&a, d, "POST", SIGNUP,
	    "{\"username\":\"bob\",\"email\":\"bob@example.org\","
	    "\"password\":\"" PASSWORD "\"}",
	    NULL);
	is_error(&a, 503, UNAVAILABLE);
	try_sign_in(&a, d, "ann", PASSWORD); /* right, but no session */
	is_error(&a, 503, UNAVAILABLE);
	refresh(&a, d, p->refresh, NULL);
	is_error(&a, 503, UNAVAILABLE);
	/* what needs no store goes on */
	get(&a, d, "/api/test/user", p->access);
	is_text(&a, "User Content.");
}

START_TEST(a_full_disk_is_503)
{
	struct authd d;
	struct answer a;
	struct pair p, q;
	int round;

	authd_make(&d, "\"refreshLeeway\": 300");
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	for (round = 0; round < 2; round++) {
		set_full(&d, true);
		nothing_is_stored(&d, &p);
		if (round == 0) { /* once it goes on, once it starts again */
			set_full(&d, false);
		} else {
			authd_kill(&d);
			authd_start(&d);
		}
		refresh(&a, &d, p.refresh, NULL);
		take_pair(&a, &q);
		p = q;
		sign_in(&d, "ann", &q);
		try_sign_in(&a, &d, "bob", PASSWORD); /* not half of him */
		is_error(&a, 404, "User Not found.");
	}
	sign_up(&d, "bob");
	sign_in(&d, "bob", &q);
	authd_remove(&d);
}
END_TEST

struct request {
	pthread_t thread;
	const struct authd *d;
	const char *path, *body;
	bool answered;
	struct answer a;
};

static void *
run_request(void *arg)
{
	struct request *r = arg;

	r->answered = fetch(&r->a, r->d->port, "POST", r->path, r->body,
	    strlen(r->body), (const char *const[]){ NULL });
	return NULL;
}

/* Somebody holds the database, and goes on holding it. */
START_TEST(a_held_database_is_503_and_retry)
{
	static struct request requests[3];
	char body[256], path[160];
	struct authd d;
	struct pair p, q;
	sqlite3 *db;
	int i;

	authd_make(&d, "\"refreshLeeway\": 300");
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", p.refresh);
	requests[0] = (struct request){ .path = REFRESH, .body = body };
	requests[1] = (struct request){ .path = SIGNIN,
		.body =
		    "{\"username\":\"ann\",\"password\":\"" PASSWORD "\"}" };
	requests[2] = (struct request){ .path = SIGNUP,
		.body = "{\"username\":\"bob\",\"email\":\"bob@example.org\","
			"\"password\":\"" PASSWORD "\"}" };
	authd_path(&d, "authd.db", path, sizeof(path));
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	for (i = 0; i < 3; i++) {
		requests[i].d = &d;
		ck_assert_int_eq(pthread_create(&requests[i].thread, NULL,
				     run_request, &requests[i]),
		    0);
	}
	for (i = 0; i < 3; i++)
		pthread_join(requests[i].thread, NULL);
	for (i = 0; i < 3; i++) {
		ck_assert(requests[i].answered);
		look_over(&requests[i].a, requests[i].path, true);
		has_status(&requests[i].a, 503);
		ck_assert_ptr_nonnull(header(&requests[i].a, "Retry-After"));
	}
	ck_assert_int_eq(
	    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	refresh_ok(&d, p.refresh, NULL, "rotated", &q); /* the same token */
	sign_in(&d, "ann", &p);
	sign_up(&d, "bob");
	authd_remove(&d);
}
END_TEST

/* A table is gone: broken, not "unknown user". */
START_TEST(a_broken_store_is_no_verdict)
{
	struct authd d;
	struct answer a;
	struct pair p;

	authd_make(&d, "");
	authd_start(&d);
	sign_up(&d, "ann");
	sign_in(&d, "ann", &p);
	sql(&d,
	    "PRAGMA foreign_keys = OFF; DROP TABLE sessions;"
	    "DROP TABLE users");
	try_sign_in(&a, &d, "ann", PASSWORD);
	is_error(&a, 503, UNAVAILABLE);
	try_sign_in(&a, &d, "nobody", PASSWORD);
	is_error(&a, 503, UNAVAILABLE);
	refresh(&a, &d, p.refresh, NULL);
	is_error(&a, 503, UNAVAILABLE);
	get(&a, &d, "/api/test/all", NULL);
	is_text(&a, "Public Content.");
	authd_remove(&d);
}
END_TEST

START_TEST(the_database_is_private)
{
	struct authd d;
	struct stat st;
	char path[160];

	make_used(&d);
	authd_path(&d, "authd.db", path, sizeof(path));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	authd_remove(&d);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_newer_database_is_refused,
		a_missing_folder_is_named,
		a_file_that_is_no_database_is_left_alone,
		a_read_only_database_is_refused_or_503, a_full_disk_is_503,
		a_held_database_is_503_and_retry, a_broken_store_is_no_verdict,
		the_database_is_private, NULL };

	return run_tests("store_faults", NULL, NULL, tests);
}
