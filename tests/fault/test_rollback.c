/*
 * The database set back by k commits under clients that went on: a restored
 * backup. Every client goes on (R5); a request that was under way when it
 * happened, and comes late, ends nobody's session.
 */
#include "world.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HOLDERS 8
#define WAYS    5 /* to end all of a user */
#define BACK    6 /* copies, each one round of refreshes older */

static struct world world;
static struct holder holders[HOLDERS];

/* Copy from to, while others write. */
static void
copy(const char *from, const char *to)
{
	sqlite3 *a, *b;
	sqlite3_backup *backup;

	ck_assert_int_eq(
	    sqlite3_open_v2(from, &a, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_open(to, &b), SQLITE_OK);
	sqlite3_busy_timeout(a, 5000);
	backup = sqlite3_backup_init(b, "main", a, "main");
	ck_assert_ptr_nonnull(backup);
	ck_assert_int_eq(sqlite3_backup_step(backup, -1), SQLITE_DONE);
	ck_assert_int_eq(sqlite3_backup_finish(backup), SQLITE_OK);
	sqlite3_close(a);
	sqlite3_close(b);
}

static void
copy_path(unsigned back, char ret[160])
{
	char name[32];

	snprintf(name, sizeof(name), "copy%u", back);
	authd_path(&world.server, name, ret, 160);
}

/* authd must be gone: the set of files becomes the copy. */
static void
restore(unsigned back)
{
	char from[160], db[160], path[192];

	copy_path(back, from);
	authd_path(&world.server, SHIM_DB, db, sizeof(db));
	snprintf(path, sizeof(path), "%s-wal", db);
	(void)unlink(path);
	snprintf(path, sizeof(path), "%s-shm", db);
	(void)unlink(path);
	ck_assert_int_eq(rename(from, db), 0);
}

/* back rounds of refreshes after the copy; before has each client's history. */
static void
go_on_for(unsigned back, struct holder before[BACK][HOLDERS])
{
	char from[160], to[160];
	unsigned i, n;

	authd_path(&world.server, SHIM_DB, from, sizeof(from));
	copy_path(back, to);
	copy(from, to);
	for (n = 0; n < back; n++) {
		memcpy(before[n], holders, sizeof(holders));
		for (i = 0; i < HOLDERS; i++)
			holder_goes_on(&holders[i], &world);
	}
}

/* What the network still held arrives: it may be late, never a theft. */
static void
late(unsigned back, struct holder before[BACK][HOLDERS])
{
	struct answer a;
	unsigned i, n;

	for (n = 0; n < back; n++)
		for (i = 0; i < HOLDERS; i++) {
			struct holder old = before[n][i];

			holder_refresh(&old, &world, &a);
			is_error(&a, 409,
			    "Refresh token was superseded. Use the newest one");
		}
}

static void
set_back(unsigned back, bool killed)
{
	struct holder before[BACK][HOLDERS], again[HOLDERS];
	struct answer a;
	unsigned i;

	go_on_for(back, before);
	if (killed)
		authd_kill(&world.server);
	else
		authd_stop(&world.server);
	restore(back);
	authd_start(&world.server);
	memcpy(again, holders, sizeof(again));
	for (i = 0; i < HOLDERS; i++) {
		holder_refresh(&holders[i], &world, &a);
		ck_assert_msg(a.status == 200,
		    "%u back: %s does not go on:\n%s%s", back, holders[i].name,
		    a.head, a.body);
		ck_assert_str_eq(
		    header(&a, "Authtok-Refresh"), "rolled-forward");
	}
	late(back, before);
	for (i = 0; i < HOLDERS; i++) {
		/* the reply was lost: the same child again */
		holder_refresh(&again[i], &world, &a);
		has_status(&a, 200);
		ck_assert_str_eq(
		    again[i].pair.refresh, holders[i].pair.refresh);
		holder_goes_on(&holders[i], &world);
	}
}

static void
open_world(void)
{
	unsigned i;

	world_make(&world, "\"refreshLeeway\": 300");
	authd_start(&world.server);
	for (i = 0; i < HOLDERS; i++) {
		holders[i] = (struct holder){ .keyed = i % 2 == 0 };
		snprintf(
		    holders[i].name, sizeof(holders[i].name), "client%u", i);
		sign_up(&world.server, holders[i].name);
		holder_sign_in(&holders[i], &world);
	}
}

START_TEST(a_backup_restored_after_kill_9)
{
	unsigned back;

	open_world();
	for (back = 1; back <= BACK; back++)
		set_back(back, true);
	world_remove(&world);
}
END_TEST

START_TEST(a_backup_restored_after_a_stop)
{
	open_world();
	set_back(1, false);
	set_back(BACK, false);
	world_remove(&world);
}
END_TEST

/* ---- ending what the backup has never seen --------------------------------- */

/* The acts that end all access tokens of a user. */
static void
end_all(unsigned way)
{
	char line[AUTHTOK_TOKEN_MAX + 32];
	struct run run = { 0 };
	struct pair again;
	struct answer a;

	switch (way) {
	case 0:
		authctl(&world.server, &run, "", "session", "revoke", "--user",
		    "jane", NULL);
		break;
	case 1:
		authctl(&world.server, &run, "", "user", "roles", "jane",
		    "user,admin", NULL);
		break;
	case 2:
		authctl(
		    &world.server, &run, "", "user", "disable", "jane", NULL);
		break;
	case 3:
		authctl(&world.server, &run, "some quiet river\n", "user",
		    "passwd", "jane", NULL);
		break;
	default:
		sign_in(&world.server, "jane", &again);
		snprintf(
		    line, sizeof(line), "x-access-token: %s", again.access);
		ask(&a, &world.server, "POST", "/api/auth/signout",
		    "{\"scope\":\"global\"}", line, NULL);
		has_status(&a, 200);
	}
	ck_assert_msg(run.status == 0, "way %u: %s", way, run.out);
}

/* By the next poll, that is: authctl is another process. */
static void
dies(const char *access, unsigned way)
{
	struct answer a = { .status = 0 };
	unsigned n;

	for (n = 0; n < 30 && a.status != 401; n++) {
		usleep(100000);
		get(&a, &world.server, "/api/test/user", access);
	}
	ck_assert_msg(a.status == 401, "way %u: %d", way, a.status);
}

/*
 * Jane's tokens are of a later epoch than the backup knows, and one is of a
 * session that it does not know at all.
 */
static void
restore_and_end(unsigned way)
{
	struct pair known, unknown;
	char from[160], to[160];
	struct answer a;
	struct run run;

	world_make(&world, "\"refreshLeeway\": 300");
	authd_start(&world.server);
	sign_up(&world.server, "jane");
	sign_in(&world.server, "jane", &known);
	authd_path(&world.server, SHIM_DB, from, sizeof(from));
	copy_path(1, to);
	copy(from, to);
	authctl(&world.server, &run, "", "user", "roles", "jane",
	    "user,moderator", NULL);
	ck_assert_int_eq(run.status, 0);
	refresh_ok(&world.server, known.refresh, NULL, "rotated", &known);
	sign_in(&world.server, "jane", &unknown);
	authd_stop(&world.server);
	restore(1);
	sleep(1); /* nobody restores within a second */
	authd_start(&world.server);
	get(&a, &world.server, "/api/test/user", known.access);
	has_status(&a, 200);
	get(&a, &world.server, "/api/test/user", unknown.access);
	has_status(&a, 200);
	end_all(way);
	dies(known.access, way);
	dies(unknown.access, way);
	world_remove(&world);
}

START_TEST(what_is_ended_after_a_restore_is_ended)
{
	unsigned way;

	for (way = 0; way < WAYS; way++)
		restore_and_end(way);
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = { a_backup_restored_after_kill_9,
		a_backup_restored_after_a_stop,
		what_is_ended_after_a_restore_is_ended, NULL };

	return run_tests("rollback", NULL, NULL, tests);
}
