/*
 * Allocations, counted for each thread in a slot of its own, so that to count
 * them costs no more than an addition and never a cache line that two threads
 * want. The slots of a server lie in memory that the benchmark sees as well.
 *
 * Linked into each benchmark, and preloaded into authd (count.so): so this file
 * needs nothing of the others.
 */
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/bench.h"

/* the libraries are to find these, too */
#define EXPORT    __attribute__((visibility("default")))
#define SLOTS     16384 /* threads of a process, those that are gone too */
#define CACHELINE 64

/* One thread writes it, anybody reads it. */
struct slot {
	_Alignas(CACHELINE) _Atomic(uint64_t) counts[2]; /* [1]: for OpenSSL */
};

struct bench_counts {
	_Atomic(size_t) used;
	char failed[128]; /* why nothing is counted, or "" */
	struct slot slots[SLOTS];
};

/* glibc's own, below the names that are replaced here */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

/* pages that are not touched are none; there before any constructor */
static struct bench_counts here;
static struct bench_counts *counts = &here;
/* OpenSSL's code */
static struct {
	uintptr_t begin;
	size_t size; /* 0: not known, or none */
} crypto;
/* where the loader has made room: to find it takes no allocation */
static _Thread_local struct slot *mine
    __attribute__((tls_model("initial-exec")));

/* ---- slots --------------------------------------------------------------- */
static _Noreturn void
stop(const char *why)
{
	char line[160];
	int len = snprintf(line, sizeof(line), "count: %s\n", why);

	/* standard error is nowhere in a server */
	snprintf(counts->failed, sizeof(counts->failed), "%s", why);
	(void)!write(STDERR_FILENO, line, (size_t)len);
	_exit(EXIT_FAILURE);
}

__attribute__((noinline)) static struct slot *
take(void)
{
	size_t i =
	    atomic_fetch_add_explicit(&counts->used, 1, memory_order_relaxed);

	if (i >= SLOTS)
		stop("more threads than can be counted");
	mine = &counts->slots[i];
	return mine;
}

/* Nobody else writes, so it need not be one step. */
static inline void
add(bool by_crypto, uint64_t n)
{
	struct slot *slot = mine != NULL ? mine : take();
	_Atomic(uint64_t) *count = &slot->counts[by_crypto];

	atomic_store_explicit(count,
	    atomic_load_explicit(count, memory_order_relaxed) + n,
	    memory_order_relaxed);
}

/* ---- what counts --------------------------------------------------------- */

/* OpenSSL's hook for this would cost more, and comes too late after its first
 * use. All of its allocations come from its own code. */
static inline void
count(const void *caller)
{
	add((uintptr_t)caller - crypto.begin < crypto.size, 1);
}

EXPORT void *
malloc(size_t size)
{
	count(__builtin_return_address(0));
	return __libc_malloc(size);
}

EXPORT void *
calloc(size_t n, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_calloc(n, size);
}

EXPORT void *
realloc(void *old, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_realloc(old, size);
}

EXPORT void *
memalign(size_t alignment, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_memalign(alignment, size);
}

EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_memalign(alignment, size);
}

EXPORT int
posix_memalign(void **ret, size_t alignment, size_t size)
{
	count(__builtin_return_address(0));
	*ret = __libc_memalign(alignment, size);
	return *ret != NULL ? 0 : ENOMEM;
}

/* ---- who reads ----------------------------------------------------------- */
const char *
bench_counts_read(
    const struct bench_counts *from, int64_t *ret_mallocs, int64_t *ret_crypto)
{
	uint64_t sums[2] = { 0, 0 };
	size_t used;

	if (from == NULL)
		from = counts;
	used = atomic_load_explicit(&from->used, memory_order_relaxed);
	for (size_t i = 0; i < used && i < SLOTS; i++)
		for (size_t k = 0; k < 2; k++)
			sums[k] += atomic_load_explicit(
			    &from->slots[i].counts[k], memory_order_relaxed);
	*ret_mallocs = (int64_t)sums[0];
	*ret_crypto = (int64_t)sums[1];
	return from->failed[0] != '\0' ? from->failed : NULL;
}

struct bench_counts *
bench_counts_new(int *ret_fd)
{
	void *map;
	int fd = memfd_create("counts", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(struct bench_counts)) != 0)
		stop("no memory for the counts of a server");
	map = mmap(NULL, sizeof(struct bench_counts), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		stop("cannot map the counts of a server");
	*ret_fd = fd;
	return map;
}

void
bench_counts_free(struct bench_counts *old)
{
	if (old != NULL)
		munmap(old, sizeof(*old));
}

/* ---- who is counted ------------------------------------------------------ */
void
bench_count_into(int fd)
{
	void *map = mmap(NULL, sizeof(struct bench_counts),
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		stop("cannot map the counts");
	close(fd);
	counts = map;
	mine = NULL;
}

static int
find_crypto(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (strstr(info->dlpi_name, "/libcrypto.so") == NULL)
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
			continue;
		crypto.begin = (uintptr_t)(info->dlpi_addr + part->p_vaddr);
		crypto.size = part->p_memsz;
	}
	return 1;
}

/* Before main(), but others may have allocated. */
__attribute__((constructor)) static void
begin(void)
{
	const char *fd = getenv(BENCH_COUNTS_FD);
	int64_t before[2];

	dl_iterate_phdr(find_crypto, NULL);
	if (fd == NULL)
		return;
	bench_counts_read(NULL, &before[0], &before[1]);
	bench_count_into(atoi(fd));
	add(false, (uint64_t)before[0]);
	add(true, (uint64_t)before[1]);
	if (crypto.size == 0)
		stop("OpenSSL's allocations cannot be told from others");
	/* for nobody whom this one starts */
	unsetenv(BENCH_COUNTS_FD);
	unsetenv("LD_PRELOAD");
}
