/*
 * The memory of password hashes: kept from one to the next, given back when it
 * is idle, and nothing else of the address space touched.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "authd/hash_memory.h"

#if HASH_MEMORY_KEPT
#define SIZE  HASH_MEMORY_SIZE
#define PIECE HASH_MEMORY_PIECE
#define RW    (PROT_READ | PROT_WRITE)
#define SHAPE (MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE)
#define HOUR  3600000
#define SLOTS 256 /* as many as may be configured */

static char *
map(size_t size, int prot, int flags)
{
	char *ret = mmap(NULL, size, prot, flags, -1, 0);

	ck_assert_ptr_ne(ret, MAP_FAILED);
	return ret;
}

static void
unmap(void *base, size_t size)
{
	ck_assert_int_eq(munmap(base, size), 0);
}

static bool
is_mapped(void *base)
{
	unsigned char in_core;

	return mincore(base, 4096, &in_core) == 0;
}

static void
none_kept(void)
{
	ck_assert_uint_eq(hash_memory_release(0), 0);
}

START_TEST(what_a_hash_had_the_next_one_gets)
{
	char *first = map(SIZE, RW, SHAPE), *second;

	memset(first, 'x', SIZE);
	unmap(first, SIZE);
	second = map(SIZE, RW, SHAPE);
	ck_assert_ptr_eq(second, first);
	for (size_t i = 0; i < SIZE; i++) /* wiped */
		if (second[i] != 0)
			ck_abort_msg("something is left at %zu", i);
	unmap(second, SIZE);
	none_kept();
	ck_assert(!is_mapped(first));
}
END_TEST

START_TEST(two_at_once_have_two)
{
	char *a = map(SIZE, RW, SHAPE), *b = map(SIZE, RW, SHAPE);

	ck_assert(a + SIZE <= b || b + SIZE <= a);
	memset(a, 'a', SIZE);
	memset(b, 'b', SIZE);
	ck_assert_int_eq(a[SIZE - 1], 'a');
	ck_assert_uint_eq(hash_memory_release(0), 2 * PIECE);
	ck_assert(is_mapped(a) && is_mapped(b));
	unmap(a, SIZE);
	ck_assert_uint_eq(hash_memory_release(0), PIECE);
	ck_assert(!is_mapped(a));
	ck_assert_int_eq(b[0], 'b');
	unmap(b, SIZE);
	none_kept();
}
END_TEST

START_TEST(only_what_is_idle_goes)
{
	char *a = map(SIZE, RW, SHAPE);

	unmap(a, SIZE);
	ck_assert_uint_eq(hash_memory_release(HOUR), PIECE);
	ck_assert(is_mapped(a));
	ck_assert_ptr_eq(map(SIZE, RW, SHAPE), a);
	unmap(a, SIZE);
	none_kept();
}
END_TEST

/* Zero, as whoever maps it may expect, and gone when it is unmapped. */
static void
is_the_systems(size_t size, int prot, int flags)
{
	char *kept = map(SIZE, RW, SHAPE), *other;

	memset(kept, 'x', SIZE);
	unmap(kept, SIZE);
	other = map(size, prot, flags);
	ck_assert_ptr_ne(other, kept);
	ck_assert_int_eq(other[0], 0);
	unmap(other, size);
	ck_assert(!is_mapped(other));
	none_kept();
}

START_TEST(any_other_shape_is_the_systems)
{
	is_the_systems(SIZE + 1024, RW, SHAPE);
	is_the_systems(SIZE - 1024, RW, SHAPE);
	is_the_systems(SIZE, PROT_READ, SHAPE);
	is_the_systems(SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS);
	is_the_systems(SIZE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE);
	is_the_systems(SIZE, RW, SHAPE | MAP_NORESERVE);
}
END_TEST

/* Whoever is compiled with _FILE_OFFSET_BITS=64 asks by the other name. */
START_TEST(both_names_are_answered)
{
#ifdef __GLIBC__
	char *first = map(SIZE, RW, SHAPE);

	unmap(first, SIZE);
	ck_assert_ptr_eq(mmap64(NULL, SIZE, RW, SHAPE, -1, 0), first);
	unmap(first, SIZE);
	none_kept();
#endif
}
END_TEST

/* At the beginning of a huge page, and huge pages asked for. */
START_TEST(it_is_for_huge_pages)
{
	char line[512];
	unsigned long from, to;
	FILE *file = fopen("/proc/self/smaps", "r");
	char *base = map(SIZE, RW, SHAPE);
	bool ours = false, huge = false, told = false;

	ck_assert_uint_eq((uintptr_t)base % ((size_t)2 << 20), 0);
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			ours = from <= (uintptr_t)base && (uintptr_t)base < to;
		if (strncmp(line, "VmFlags:", 8) != 0 || !ours)
			continue;
		told = true;
		huge = strstr(line, " hg") != NULL;
	}
	if (file != NULL)
		fclose(file);
	if (told && access("/sys/kernel/mm/transparent_hugepage", F_OK) == 0)
		ck_assert(huge);
	unmap(base, SIZE);
	none_kept();
}
END_TEST

START_TEST(a_file_is_the_systems)
{
	FILE *file = tmpfile();
	char *base;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(ftruncate(fileno(file), SIZE), 0);
	ck_assert_int_eq(pwrite(fileno(file), "file", 4, 0), 4);
	base =
	    mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_POPULATE, fileno(file), 0);
	ck_assert_ptr_ne(base, MAP_FAILED);
	ck_assert_mem_eq(base, "file", 4);
	unmap(base, SIZE);
	ck_assert(!is_mapped(base));
	fclose(file);
}
END_TEST

START_TEST(errors_are_the_systems)
{
	errno = 0;
	ck_assert_ptr_eq(mmap(NULL, 0, RW, SHAPE, -1, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(munmap((void *)1, SIZE), -1);
	ck_assert_int_eq(errno, EINVAL);
}
END_TEST

/* More than there are places for: they come from the system, and go there. */
START_TEST(beyond_the_last_place_is_the_systems)
{
	static char *all[SLOTS + 2];

	for (size_t i = 0; i < SLOTS; i++) {
		all[i] = mmap(NULL, SIZE, RW, SHAPE, -1, 0);
		if (all[i] != MAP_FAILED)
			continue;
		printf("# no 5 GiB of address space: skipped\n");
		while (i > 0) {
			unmap(all[--i], SIZE);
			hash_memory_release(0);
		}
		none_kept();
		return;
	}
	ck_assert_uint_eq(hash_memory_release(0), SLOTS * PIECE);
	/* these two are populated */
	all[SLOTS] = map(SIZE, RW, SHAPE);
	all[SLOTS + 1] = map(SIZE, RW, SHAPE);
	ck_assert_uint_eq(hash_memory_release(0), SLOTS * PIECE);
	for (size_t i = 0; i < SLOTS + 2; i++) {
		unmap(all[i], SIZE);
		hash_memory_release(0); /* to wipe it gave it pages */
	}
	ck_assert(!is_mapped(all[SLOTS]));
	none_kept();
}
END_TEST

static void
hash(char *ret)
{
	ck_assert_int_eq(crypto_pwhash_str_alg(ret, "password", 8, 2, SIZE,
			     crypto_pwhash_ALG_ARGON2ID13),
	    0);
}

/* A libsodium that maps otherwise fails here: then hash_memory.c has to follow. */
START_TEST(libsodium_takes_it)
{
	char str[crypto_pwhash_STRBYTES];

	hash(str);
	ck_assert_uint_eq(hash_memory_release(HOUR), PIECE);
	ck_assert_int_eq(crypto_pwhash_str_verify(str, "password", 8), 0);
	ck_assert_int_ne(crypto_pwhash_str_verify(str, "Password", 8), 0);
	ck_assert_uint_eq(hash_memory_release(HOUR), PIECE);
	none_kept();
}
END_TEST

/* Of the whole address space, in KiB. */
static long
mapped_kib(void)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");
	long kib = -1;

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "VmSize: %ld", &kib);
	fclose(file);
	ck_assert_int_gt(kib, 0);
	return kib;
}

START_TEST(nothing_is_left_behind)
{
	long before = mapped_kib();

	for (int i = 0; i < 64; i++) {
		/* another place each time, so that what is cut off differs */
		char *other = map((size_t)(i + 1) * 68 * 1024, RW,
		    MAP_PRIVATE | MAP_ANONYMOUS);

		unmap(map(SIZE, RW, SHAPE), SIZE);
		none_kept();
		unmap(other, (size_t)(i + 1) * 68 * 1024);
	}
	ck_assert_int_lt(mapped_kib() - before, 1024);
}
END_TEST

#define THREADS 8
#define ROUNDS  200

static void *
come_and_go(void *arg)
{
	const char mine = (char)(intptr_t)arg;

	for (int i = 0; i < ROUNDS; i++) {
		char *base = mmap(NULL, SIZE, RW, SHAPE, -1, 0);

		if (base == MAP_FAILED)
			return base;
		for (size_t at = 0; at < SIZE; at += SIZE / 8)
			base[at] = mine;
		for (size_t at = 0; at < SIZE; at += SIZE / 8)
			if (base[at] != mine)
				return base;
		if (i % 16 == 0)
			hash_memory_release(0);
		munmap(base, SIZE);
	}
	return NULL;
}

START_TEST(nobody_gets_what_another_has)
{
	pthread_t threads[THREADS];
	void *bad;

	for (intptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		    pthread_create(&threads[i], NULL, come_and_go, (void *)i),
		    0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		ck_assert_ptr_null(bad);
	}
	none_kept();
}
END_TEST
#else
START_TEST(nothing_is_kept)
{
	char str[crypto_pwhash_STRBYTES];

	ck_assert_int_eq(crypto_pwhash_str_alg(str, "password", 8, 2,
			     HASH_MEMORY_SIZE, crypto_pwhash_ALG_ARGON2ID13),
	    0);
	ck_assert_uint_eq(hash_memory_release(3600000), 0);
}
END_TEST
#endif

int
main(void)
{
	Suite *suite = suite_create("hash_memory");
	TCase *tcase = tcase_create("hash_memory");
	SRunner *runner;
	int failed;

	if (sodium_init() < 0)
		return EXIT_FAILURE;
#if HASH_MEMORY_KEPT
	tcase_add_test(tcase, what_a_hash_had_the_next_one_gets);
	tcase_add_test(tcase, two_at_once_have_two);
	tcase_add_test(tcase, only_what_is_idle_goes);
	tcase_add_test(tcase, any_other_shape_is_the_systems);
	tcase_add_test(tcase, both_names_are_answered);
	tcase_add_test(tcase, it_is_for_huge_pages);
	tcase_add_test(tcase, a_file_is_the_systems);
	tcase_add_test(tcase, errors_are_the_systems);
	tcase_add_test(tcase, beyond_the_last_place_is_the_systems);
	tcase_add_test(tcase, libsodium_takes_it);
	tcase_add_test(tcase, nothing_is_left_behind);
	tcase_add_test(tcase, nobody_gets_what_another_has);
#else
	printf("# hash memory is not kept in this build: skipped\n");
	tcase_add_test(tcase, nothing_is_kept);
#endif
	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
