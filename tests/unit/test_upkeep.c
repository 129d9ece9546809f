/*
 * What authd does beside the requests: what is over goes each minute, all of
 * it, and what fails is told. A minute passes when a test says so
 * (tests/flags.mk).
 */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authd/steady.h"
#include "authd/upkeep.h"
#include "session_world.h"

#define MINUTE_MS 60000
#define HEAR_MS   500
#define OVER      1201 /* two full batches and one more */

static struct world world;
static struct authtok_revocations *revocations;
static struct current current;
static struct upkeep *upkeep;
static FILE *lines; /* what it logs */
static atomic_int minutes;

struct timespec __real_steady_in(unsigned ms);
struct timespec __wrap_steady_in(unsigned ms);

struct timespec
__wrap_steady_in(unsigned ms)
{
	if (ms == MINUTE_MS && atomic_fetch_sub(&minutes, 1) > 0)
		ms = 0;
	return __real_steady_in(ms == HEAR_MS ? 1 : ms);
}

static void
setup(void)
{
	char why[CONFIG_WHY_MAX];
	struct config *config;
	struct app *app;
	int fds[2];

	world_open(&world, NULL);
	ck_assert_int_eq(authtok_revocations_new(&revocations), AUTHTOK_OK);
	ck_assert_msg(
	    config_load(NULL, "127.0.0.1:0", NULL, &config, why), "%s", why);
	ck_assert_msg(app_new(config, world.faulty, revocations,
			  KEYFILE_PRETEND, &app, why) == APP_OK,
	    "%s", why);
	ck_assert_int_eq(pipe(fds), 0);
	app->log.fd = fds[1];
	lines = fdopen(fds[0], "r");
	ck_assert_ptr_nonnull(lines);
	current_init(&current, app);
	atomic_store(&minutes, 0);
}

static void
teardown(void)
{
	upkeep_stop(upkeep);
	close(current.app->log.fd);
	current_put(&current, current.app);
	fclose(lines);
	authtok_revocations_free(revocations);
	world_close(&world);
}

static void
begin(int after_minutes)
{
	atomic_store(&minutes, after_minutes);
	upkeep = upkeep_start(&current);
	ck_assert_ptr_nonnull(upkeep);
}

/* The next line; it must have the text. */
static void
await(const char *text)
{
	char line[512];

	ck_assert_ptr_nonnull(fgets(line, sizeof(line), lines));
	ck_assert_msg(
	    strstr(line, text) != NULL, "%s is not in %s", text, line);
}

static void
add_session(uint32_t number, int64_t expires_at)
{
	const struct authtok_act when = { .now = 1, .until = 2 };
	struct authtok_session s = { .user_id = world.user.id,
		.created_at = 1,
		.rotated_at = INT64_C(1) << 40,
		.expires_at = expires_at };

	memcpy(s.sid, &number, sizeof(number));
	ck_assert_int_eq(world.memory->ops->session_create(world.memory->ctx,
			     &s, world.user.version, 0, &when),
	    AUTHTOK_OK);
}

static size_t
count_sessions(void)
{
	struct authtok_session some[8];
	size_t count;

	ck_assert_int_eq(
	    world.memory->ops->session_list(world.memory->ctx, world.user.id,
		NULL, some, sizeof(some) / sizeof(some[0]), &count),
	    AUTHTOK_OK);
	return count;
}

START_TEST(all_that_is_over_goes)
{
	for (uint32_t i = 1; i <= OVER; i++)
		add_session(i, 1);
	for (uint32_t i = 1; i <= 3; i++)
		add_session(OVER + i, INT64_C(1) << 40);
	begin(1);
	await("event=purge rows=1201");
	ck_assert_uint_eq(count_sessions(), 3);
	ck_assert_int_eq(atomic_load(&world.calls[WORLD_PURGE]), 3);
}
END_TEST

START_TEST(each_minute_again)
{
	world_break(&world, WORLD_PURGE, WORLD_BEFORE, AUTHTOK_ESTORE, 1, true);
	begin(2);
	await("event=purge_failed");
	await("event=purge_failed");
	upkeep_stop(upkeep);
	upkeep = NULL;
	ck_assert_int_eq(atomic_load(&world.calls[WORLD_PURGE]), 2);
}
END_TEST

START_TEST(a_purge_that_fails_is_told)
{
	world_break(
	    &world, WORLD_PURGE, WORLD_BEFORE, AUTHTOK_ESTORE, 1, false);
	add_session(1, 1);
	begin(2);
	await("event=purge_failed");
	await("event=purge rows=1");
}
END_TEST

/* A store that is away gives one line, and one when it is back. */
START_TEST(deafness_is_told_once)
{
	world_break(&world, WORLD_SINCE, WORLD_BEFORE, AUTHTOK_EBUSY, 1, true);
	begin(0);
	await("event=revocations_failed");
	while (atomic_load(&world.calls[WORLD_SINCE]) < 5)
		usleep(1000); /* the time limit of the test ends it */
	world_heal(&world);
	await("event=revocations_again");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("upkeep");
	TCase *tc = tcase_create("upkeep");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, all_that_is_over_goes);
	tcase_add_test(tc, each_minute_again);
	tcase_add_test(tc, a_purge_that_fails_is_told);
	tcase_add_test(tc, deafness_is_told_once);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
