/*
 * A guard against slowness that no clock decides: callgrind counts the
 * instructions of one verify, one issue and one refresh, and more than a tenth
 * above what is recorded here fails.
 *
 * Only instructions of this program's own objects count, which are the library
 * and this test: those of OpenSSL and the C library depend on their versions,
 * on the processor, and on valgrind, which hides some of its instructions. What
 * is left depends on the compiler, so there is a record for each. Whoever
 * changes the code on purpose records anew; every run tells what it counted.
 *
 * The program runs itself: "test_instructions verify" does what is counted.
 */
#include "forge.h"
#include "session_world.h"
#include "valgrind.h"

#include <unistd.h>

#define TIMES 100 /* operations that are counted */
#define SLACK 10  /* percent */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CANNOT "sanitizers add instructions of their own"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CANNOT "sanitizers add instructions of their own"
#endif
#endif
#if !defined(CANNOT) && !defined(__x86_64__)
#define CANNOT "recorded for x86-64 only"
#endif
#if !defined(CANNOT) && !defined(__OPTIMIZE__)
#define CANNOT "recorded for optimised builds only"
#endif
#ifndef CANNOT
#define CANNOT NULL
#endif

#ifdef __clang__
#define RECORD(gcc, clang) (clang)
#else
#define RECORD(gcc, clang) (gcc)
#endif

static const char *wanted; /* what to run and do nothing else */

/* ---- what is counted ----------------------------------------------------- */
static struct forge f;

static void
issue(char *buf, size_t *ret_len)
{
	static const char *const roles[] = { "user", "admin" };
	struct authtok_grant grant = AUTHTOK_GRANT_INIT;

	grant.user_id = 1001;
	grant.sid = (const uint8_t *)"0123456789abcdef";
	grant.roles = roles;
	grant.role_count = 2;
	ck_assert_int_eq(authtok_issue(f.engine, &grant, buf,
			     AUTHTOK_TOKEN_MAX + 1, ret_len, NULL),
	    0);
}

static void
run_token(int times, bool verify)
{
	char buf[AUTHTOK_TOKEN_MAX + 1];
	size_t len;

	forge_engine(
	    &f, (struct authtok_config)AUTHTOK_CONFIG_INIT, false, NULL);
	issue(buf, &len);
	while (times-- > 0)
		if (verify)
			ck_assert_int_eq(
			    authtok_verify(f.engine, buf, len, f.claims), 0);
		else if (times > 0) /* one is issued already */
			issue(buf, &len);
	forge_end(&f);
}

static void
run_refresh(int times)
{
	struct authtok_tokens a = AUTHTOK_TOKENS_INIT, b = AUTHTOK_TOKENS_INIT;
	enum authtok_outcome outcome;
	struct world w;

	world_open(&w, NULL);
	world_sign_in(&w, &a);
	while (times-- > 0) {
		ck_assert_int_eq(
		    authtok_session_refresh(w.sessions, a.refresh,
			strlen(a.refresh), NULL, NULL, &outcome, &b),
		    0);
		ck_assert_int_eq(outcome, AUTHTOK_ROTATED);
		a = b;
	}
	world_close(&w);
}

START_TEST(counted)
{
	if (strcmp(wanted, "refresh") == 0)
		run_refresh(TIMES);
	else
		run_token(TIMES, strcmp(wanted, "verify") == 0);
}
END_TEST

/* ---- counting ------------------------------------------------------------ */
/*
 * What the functions of this program cost themselves. In callgrind's format a
 * line "ob=" changes the object, its name being told once, and the line behind
 * "calls=" is of what was called.
 */
static unsigned long
sum_own(FILE *file, const char *program)
{
	unsigned long sum = 0, cost;
	int own = -1, object = -1, id;
	bool called = false;
	char line[8192], *name;

	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "ob=(%d)", &id) == 1 ||
		    sscanf(line, "cob=(%d)", &id) == 1) {
			name = strchr(line, ')') + 1;
			if (*name == ' ' && strcmp(name + 1, program) == 0)
				own = id;
			if (line[0] == 'o')
				object = id;
			continue;
		}
		if (strncmp(line, "calls=", 6) == 0) {
			called = true;
			continue;
		}
		if (sscanf(line, "%*[0-9+*-] %lu", &cost) != 1)
			continue;
		if (!called && object == own && own >= 0)
			sum += cost;
		called = false;
	}
	return sum;
}

static unsigned long
count(const char *what, const char *function)
{
	struct copy copy;
	char path[60], out[100], toggle[100];
	const char *const argv[] = { "valgrind", "-q", "--tool=callgrind", out,
		"--collect-atstart=no", toggle, copy.program, what, NULL };
	unsigned long sum;
	FILE *file;

	copy_make(&copy);
	snprintf(path, sizeof(path), "%s/out", copy.folder);
	snprintf(out, sizeof(out), "--callgrind-out-file=%s", path);
	snprintf(toggle, sizeof(toggle), "--toggle-collect=%s", function);
	ck_assert_int_eq(execute(argv, NULL), 0);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	sum = sum_own(file, copy.program);
	fclose(file);
	unlink(path);
	copy_remove(&copy);
	return sum / TIMES;
}

static void
guard(const char *what, const char *run_what, const char *function,
    unsigned long record)
{
	unsigned long n, most = record + record * SLACK / 100;

	if (CANNOT != NULL || !have_valgrind()) {
		printf("# skipped: instructions of %s: %s\n", what,
		    CANNOT != NULL ? CANNOT : "valgrind is not installed");
		return;
	}
	n = count(run_what, function);
	printf("# %s: %lu instructions of ours, recorded %lu%s\n", what, n,
	    record, n < record - record / 10 ? ": record it anew" : "");
	ck_assert_uint_gt(n, 0);
	ck_assert_msg(
	    n <= most, "%s: %lu instructions, at most %lu", what, n, most);
}

START_TEST(of_a_verify)
{
	guard("verify", "verify", "authtok_verify", RECORD(2428, 2318));
}
END_TEST

START_TEST(of_an_issue)
{
	guard("issue", "issue", "authtok_issue", RECORD(1916, 1887));
}
END_TEST

START_TEST(of_a_decision)
{
	guard("decision", "refresh", "at_rotation_decide", RECORD(167, 102));
}
END_TEST

/* On the memory store, the new access token included. */
START_TEST(of_a_refresh)
{
	guard("refresh", "refresh", "authtok_session_refresh",
	    RECORD(5922, 4158));
}
END_TEST

int
main(int argc, char **argv)
{
	TCase *t = tcase_create("instructions");

	if (argc == 2) {
		wanted = argv[1];
		tcase_add_test(t, counted);
		return forge_run(t);
	}
	tcase_set_timeout(t, 120);
	tcase_add_test(t, of_a_verify);
	tcase_add_test(t, of_an_issue);
	tcase_add_test(t, of_a_decision);
	tcase_add_test(t, of_a_refresh);
	return forge_run(t);
}
