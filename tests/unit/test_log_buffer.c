/*
 * Lines that wait for each other: none is lost, torn or out of order. Each
 * write(2) is a packet here, so that they can be counted.
 */
#include <check.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authd/log_buffer.h"

#define THREADS 4
#define LINES   2000 /* of each thread */

static int ends[2];
static struct log_buffer *buffer;

static void
setup(void)
{
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	buffer = log_buffer_new(ends[1]);
	ck_assert_ptr_nonnull(buffer);
}

static void
teardown(void)
{
	log_buffer_free(buffer);
	close(ends[0]);
	close(ends[1]);
}

static void
put(const char *line, bool at_once)
{
	log_buffer_put(buffer, line, strlen(line), at_once);
}

/* The next packet, whenever it comes; static. */
static const char *
take(void)
{
	static char packet[PIPE_BUF + 1];
	ssize_t len = recv(ends[0], packet, sizeof(packet), 0);

	ck_assert_int_gt(len, 0);
	ck_assert_int_le(len, PIPE_BUF);
	packet[len] = '\0';
	return packet;
}

static bool
empty(void)
{
	struct pollfd p = { .fd = ends[0], .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

START_TEST(a_line_goes_at_once)
{
	put("one\n", true);
	ck_assert(!empty());
	ck_assert_str_eq(take(), "one\n");
}
END_TEST

/* Nobody comes after it, and it is written all the same. */
START_TEST(a_line_that_waits_is_written)
{
	for (int i = 0; i < 3; i++) {
		put("late\n", false);
		ck_assert_str_eq(take(), "late\n");
		ck_assert(empty());
	}
}
END_TEST

START_TEST(what_goes_at_once_takes_along_what_waits)
{
	char all[64] = "";

	put("1\n", false);
	put("2\n", false);
	put("3\n", true);
	ck_assert(!empty());
	while (strlen(all) < 6)
		strcat(all, take());
	ck_assert_str_eq(all, "1\n2\n3\n");
}
END_TEST

START_TEST(the_longest_line_is_written)
{
	char line[PIPE_BUF + 1];

	memset(line, 'x', PIPE_BUF);
	line[PIPE_BUF - 1] = '\n';
	line[PIPE_BUF] = '\0';
	put("before\n", false);
	put(line, false);
	ck_assert_str_eq(take(), "before\n");
	ck_assert_str_eq(take(), line);
}
END_TEST

START_TEST(the_end_writes_what_waits)
{
	put("last\n", false);
	log_buffer_free(buffer);
	buffer = NULL;
	ck_assert(!empty());
	ck_assert_str_eq(take(), "last\n");
}
END_TEST

START_TEST(nobody_reads_any_more)
{
	signal(SIGPIPE, SIG_IGN); /* as authd does */
	shutdown(ends[0], SHUT_RDWR);
	for (int i = 0; i < LINES; i++)
		put("into the void\n", i % 100 == 0);
}
END_TEST

static void *
writes(void *arg)
{
	const char *name = arg;
	char line[32];

	for (int i = 0; i < LINES; i++) {
		snprintf(line, sizeof(line), "%s %d\n", name, i);
		put(line, i % 500 == 0);
	}
	return NULL;
}

/* Every line once, whole, those of one thread in order; few writes. */
START_TEST(threads_share_writes)
{
	static char names[THREADS][2] = { "0", "1", "2", "3" };
	int next[THREADS] = { 0 }, lines = 0, packets = 0;
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, writes, names[i]), 0);
	while (lines < THREADS * LINES) {
		const char *at = take();

		for (packets++; *at != '\0'; lines++) {
			char want[32];
			int who = *at - '0';

			ck_assert_int_ge(who, 0);
			ck_assert_int_lt(who, THREADS);
			snprintf(
			    want, sizeof(want), "%d %d\n", who, next[who]++);
			ck_assert(strncmp(at, want, strlen(want)) == 0);
			at += strlen(want);
		}
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert(empty());
	ck_assert_int_lt(packets, THREADS * LINES / 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("log_buffer");
	TCase *tc = tcase_create("log_buffer");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_line_goes_at_once);
	tcase_add_test(tc, a_line_that_waits_is_written);
	tcase_add_test(tc, what_goes_at_once_takes_along_what_waits);
	tcase_add_test(tc, the_longest_line_is_written);
	tcase_add_test(tc, the_end_writes_what_waits);
	tcase_add_test(tc, nobody_reads_any_more);
	tcase_add_test(tc, threads_share_writes);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
