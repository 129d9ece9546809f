/*
 * What password hashes do to the process: memory that is kept while they come
 * and given back afterwards, threads that let others on.
 */
#include "client.h"

#include <dirent.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "authd/hash_memory.h"

#define SLOTS 2

static struct authd server;

static void
setup(void)
{
	authd_make(&server, "\"hashSlots\": 2");
	authd_start(&server);
}

static void
teardown(void)
{
	authd_remove(&server);
}

#if HASH_MEMORY_KEPT
/* Bytes that authd has mapped without wanting them in a core dump. */
static size_t
kept(void)
{
	char path[64], line[512];
	unsigned long from, to, size = 0, sum = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)server.pid);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			size = to - from;
		/* the pages of the kernel are so too */
		if (strncmp(line, "VmFlags:", 8) == 0 &&
		    strstr(line, " dd") != NULL && strstr(line, " wr") != NULL)
			sum += size;
	}
	fclose(file);
	return sum;
}

START_TEST(memory_is_kept_and_given_back)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct pair p;

	ck_assert_uint_eq(kept(), 0);
	sign_up(&server, "ann");
	sign_in(&server, "ann", &p);
	ck_assert_uint_ge(kept(), HASH_MEMORY_PIECE);
	ck_assert_uint_le(kept(), SLOTS * HASH_MEMORY_PIECE);
	while (kept() > 0) /* the time limit of the test ends it */
		nanosleep(&pause, NULL);
	sign_in(&server, "ann", &p);
	ck_assert_uint_eq(kept(), HASH_MEMORY_PIECE);
}
END_TEST
#endif

/* As the system knows it; libc has no name for it. */
struct schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

START_TEST(hashes_let_others_on)
{
	char path[64];
	unsigned hashes = 0, others = 0;
	struct dirent *entry;
	struct schedule s;
	DIR *dir;

	if (sched_getscheduler(0) != SCHED_OTHER ||
	    getpriority(PRIO_PROCESS, 0) >= 16) {
		printf("# already at a low priority: skipped\n");
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/task", (int)server.pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		ck_assert_int_eq(syscall(SYS_sched_getattr, atoi(entry->d_name),
				     &s, sizeof(s), 0),
		    0);
		ck_assert_uint_eq(s.policy, SCHED_OTHER);
		*(s.nice == 16 ? &hashes : &others) += 1;
		/* 0: a system that knows no turns */
		if (s.nice == 16 && s.runtime != 0)
			ck_assert_uint_eq(s.runtime, 100000);
	}
	closedir(dir);
	ck_assert_uint_eq(hashes, SLOTS);
	ck_assert_uint_ge(others, 128); /* threads */
}
END_TEST

int
main(void)
{
	const TTest *const tests[] = {
#if HASH_MEMORY_KEPT
		memory_is_kept_and_given_back,
#endif
		hashes_let_others_on,
		NULL
	};

#if !HASH_MEMORY_KEPT
	printf("# hash memory is not kept in this build: skipped\n");
#endif
	return run_tests("hashes", setup, teardown, tests);
}
