/*
 * Key files: made once, private, never overwritten, faults by line.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <authtok/audit.h>

#include "authd/keyfile.h"

static char folder[64];
static char path[128];
static char why[KEYFILE_WHY_MAX];

static void
setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/authd-keys-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/k", folder);
	why[0] = '\0';
}

static void
teardown(void)
{
	chmod(folder, 0700);
	unlink(path);
	rmdir(path);
	ck_assert_int_eq(rmdir(folder), 0); /* nothing else is left in it */
}

static enum keyfile_result
load(enum keyfile_kind kind, enum keyfile_missing missing)
{
	struct authtok_keys *keys;
	enum keyfile_result result;

	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	result = keyfile_load(keys, path, kind, missing, NULL, why);
	authtok_keys_free(keys);
	return result;
}

static void
write_file(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, mode), 0);
}

static void
read_file(char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len;

	ck_assert_ptr_nonnull(file);
	len = fread(text, 1, size - 1, file);
	text[len] = '\0';
	fclose(file);
}

START_TEST(made_once_and_private)
{
	char first[2048], again[2048];
	struct stat st;

	umask(0);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_REFUSE), KEYFILE_BAD);
	ck_assert_ptr_nonnull(strstr(why, path));
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_PRETEND), KEYFILE_OK);
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_OK);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	read_file(first, sizeof(first));
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_OK);
	read_file(again, sizeof(again));
	ck_assert_str_eq(first, again);
}
END_TEST

/* What the two kinds are good for. */
START_TEST(kinds)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_audit *audit;
	struct authtok_keys *keys;
	struct authtok *engine;

	config.issuer = config.audience = "a";
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(keyfile_load(keys, path, KEYFILE_SECRETS,
			     KEYFILE_PRETEND, NULL, why),
	    KEYFILE_OK);
	ck_assert_int_eq(authtok_new(&config, keys, &engine), AUTHTOK_EKEY);
	ck_assert_int_eq(authtok_audit_new(keys, &audit), AUTHTOK_OK);
	authtok_audit_free(audit);
	authtok_keys_free(keys);
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(
	    keyfile_load(keys, path, KEYFILE_SET, KEYFILE_PRETEND, NULL, why),
	    KEYFILE_OK);
	ck_assert_int_eq(authtok_new(&config, keys, &engine), AUTHTOK_OK);
	ck_assert_int_eq(authtok_audit_new(keys, &audit), AUTHTOK_OK);
	authtok_audit_free(audit);
	authtok_free(engine);
	authtok_keys_free(keys);
	ck_assert_int_eq(load(KEYFILE_SECRETS, KEYFILE_CREATE), KEYFILE_OK);
}
END_TEST

START_TEST(others_may_not_read_it)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0610, 0666 };

	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_OK);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		ck_assert_int_eq(chmod(path, modes[i]), 0);
		ck_assert_int_eq(
		    load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_BAD);
		ck_assert_ptr_nonnull(strstr(why, "chmod 600"));
	}
	ck_assert_int_eq(chmod(path, 0400), 0);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_OK);
}
END_TEST

START_TEST(faults)
{
	char line[160];

	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_BAD);
	ck_assert_ptr_nonnull(strstr(why, "regular"));
	ck_assert_int_eq(rmdir(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_BAD);
	ck_assert_int_eq(unlink(path), 0);
	write_file("", 0600);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_BAD);
	write_file("{\"keys\":[\n\n{\"kty\":\"oct\",\"kty\":\"oct\"}]}", 0600);
	ck_assert_int_eq(load(KEYFILE_SET, KEYFILE_CREATE), KEYFILE_BAD);
	snprintf(line, sizeof(line), "%s:3: ", path);
	ck_assert_msg(strncmp(why, line, strlen(line)) == 0, "%s", why);
}
END_TEST

START_TEST(no_folder)
{
	char inside[160];
	struct authtok_keys *keys;

	snprintf(inside, sizeof(inside), "%s/none/k", folder);
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(
	    keyfile_load(keys, inside, KEYFILE_SET, KEYFILE_CREATE, NULL, why),
	    KEYFILE_FAILED);
	ck_assert_ptr_nonnull(strstr(why, inside));
	authtok_keys_free(keys);
}
END_TEST

enum {
	RACERS = 8
};

struct racer {
	pthread_barrier_t *start;
	char token[AUTHTOK_TOKEN_MAX + 1];
};

/* Load or make the keys, and sign the same grant at the same second. */
static void *
race(void *arg)
{
	struct racer *racer = arg;
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;
	struct authtok_keys *keys;
	struct authtok *engine;
	char reason[KEYFILE_WHY_MAX];
	size_t len;

	config.issuer = config.audience = "a";
	grant.user_id = 1;
	if (authtok_keys_new(&keys) != AUTHTOK_OK)
		return NULL;
	pthread_barrier_wait(racer->start);
	if (keyfile_load(keys, path, KEYFILE_SET, KEYFILE_CREATE, NULL,
		reason) == KEYFILE_OK &&
	    authtok_new(&config, keys, &engine) == AUTHTOK_OK) {
		authtok_issue(engine, &grant, racer->token,
		    sizeof(racer->token), &len, NULL);
		authtok_free(engine);
	}
	authtok_keys_free(keys);
	return NULL;
}

START_TEST(all_starters_get_one_key)
{
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	static struct racer racers[RACERS];
	pthread_t threads[RACERS];
	pthread_barrier_t start;
	struct authtok_claims *claims;
	struct authtok_keys *keys;
	struct authtok *engine;

	pthread_barrier_init(&start, NULL, RACERS);
	for (size_t i = 0; i < RACERS; i++) {
		racers[i].start = &start;
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	config.issuer = config.audience = "a";
	ck_assert_int_eq(authtok_keys_new(&keys), AUTHTOK_OK);
	ck_assert_int_eq(
	    keyfile_load(keys, path, KEYFILE_SET, KEYFILE_REFUSE, NULL, why),
	    KEYFILE_OK);
	ck_assert_int_eq(authtok_new(&config, keys, &engine), AUTHTOK_OK);
	ck_assert_int_eq(authtok_claims_new(&claims), AUTHTOK_OK);
	for (size_t i = 0; i < RACERS; i++)
		ck_assert_int_eq(authtok_verify(engine, racers[i].token,
				     strlen(racers[i].token), claims),
		    AUTHTOK_OK);
	authtok_claims_free(claims);
	authtok_free(engine);
	authtok_keys_free(keys);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keyfile");
	TCase *tcase = tcase_create("keyfile");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, made_once_and_private);
	tcase_add_test(tcase, kinds);
	tcase_add_test(tcase, others_may_not_read_it);
	tcase_add_test(tcase, faults);
	tcase_add_test(tcase, no_folder);
	tcase_add_test(tcase, all_starters_get_one_key);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
