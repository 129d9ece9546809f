/*
 * Allocations, counted for each thread, so that to count them costs no more
 * than an addition and never a cache line that two threads want.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "bench/bench.h"

/* glibc's own, below the names that are replaced here */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Thread_local uint64_t all, crypto;

void *
malloc(size_t size)
{
	all++;
	return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	all++;
	return __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	all++;
	return __libc_realloc(old, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	all++;
	return __libc_memalign(alignment, size);
}

int
posix_memalign(void **ret, size_t alignment, size_t size)
{
	all++;
	*ret = __libc_memalign(alignment, size);
	return *ret != NULL ? 0 : ENOMEM;
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	crypto++;
	return malloc(size);
}

static void *
crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	crypto++;
	return realloc(old, size);
}

static void
crypto_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

void
bench_count_crypto(void)
{
	bench_check(CRYPTO_set_mem_functions(
			crypto_malloc, crypto_realloc, crypto_free) == 1);
}

uint64_t
bench_mallocs(void)
{
	return all;
}

uint64_t
bench_crypto_mallocs(void)
{
	return crypto;
}
