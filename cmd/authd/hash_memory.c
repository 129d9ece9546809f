/* libc would call our mmap mmap64 */
#undef _FILE_OFFSET_BITS
#include "authd/hash_memory.h"

#if HASH_MEMORY_KEPT
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "authd/steady.h"

#define HUGE_PAGE  ((size_t)2 << 20)
#define PIECES_MAX 256 /* as many as hashSlots may be */

struct piece {
	void *base; /* NULL: none yet */
	bool used;
	int64_t since; /* when it was used last; ms */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece pieces[PIECES_MAX];

static void *
system_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	/* the system takes all of each register */
	return (void *)syscall(
	    SYS_mmap, addr, size, (long)prot, (long)flags, (long)fd, offset);
}

static int
system_munmap(void *addr, size_t size)
{
	return (int)syscall(SYS_munmap, addr, size);
}

/* A new one, at the beginning of a huge page; NULL: no memory. A core dump
 * needs it as little as the passwords it is made of. */
static void *
map_piece(void)
{
	const size_t size = HASH_MEMORY_PIECE + HUGE_PAGE;
	char *map = system_mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t before;

	if (map == MAP_FAILED)
		return NULL;
	before = (HUGE_PAGE - (uintptr_t)map % HUGE_PAGE) % HUGE_PAGE;
	if (before > 0)
		system_munmap(map, before);
	map += before;
	if (HUGE_PAGE - before > 0)
		system_munmap(map + HASH_MEMORY_PIECE, HUGE_PAGE - before);
	madvise(map, HASH_MEMORY_PIECE, MADV_HUGEPAGE);
	madvise(map, HASH_MEMORY_PIECE, MADV_DONTDUMP);
	return map;
}

/* A place that nobody uses, those with a piece first; NULL: none. */
static struct piece *
reserve(void)
{
	struct piece *piece = NULL;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < PIECES_MAX; i++) {
		if (pieces[i].used)
			continue;
		if (piece == NULL || pieces[i].base != NULL)
			piece = &pieces[i];
		if (piece->base != NULL)
			break;
	}
	if (piece != NULL)
		piece->used = true;
	pthread_mutex_unlock(&lock);
	return piece;
}

/* Nothing is mapped with the lock held: who hashes may be put aside meanwhile,
 * and others wait for it. */
static void *
take(void)
{
	struct piece *piece = reserve();
	void *base;

	if (piece == NULL || piece->base != NULL)
		return piece != NULL ? piece->base : NULL;
	base = map_piece();
	pthread_mutex_lock(&lock);
	piece->base = base;
	piece->used = base != NULL;
	pthread_mutex_unlock(&lock);
	return base;
}

/*
 * False: it is not one of ours. What a hash leaves is worth as much as the
 * password to whoever tries many, and stays here for seconds: so it is wiped.
 */
static bool
put(void *base)
{
	struct piece *piece = NULL;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < PIECES_MAX && piece == NULL; i++)
		if (pieces[i].used && pieces[i].base == base)
			piece = &pieces[i];
	pthread_mutex_unlock(&lock);
	if (piece == NULL)
		return false;
	explicit_bzero(base, HASH_MEMORY_SIZE);
	pthread_mutex_lock(&lock);
	piece->used = false;
	piece->since = steady_now_ms();
	pthread_mutex_unlock(&lock);
	return true;
}

/* In the place of libc's, for the libraries too: all are compiled to look them
 * up. */
__attribute__((visibility("default"))) void *
mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
	const int hash = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
	void *base = NULL;

	if (addr == NULL && flags == hash && fd == -1 &&
	    prot == (PROT_READ | PROT_WRITE) && size == HASH_MEMORY_SIZE)
		base = take();
	return base != NULL ? base
			    : system_mmap(addr, size, prot, flags, fd, offset);
}

#ifdef __GLIBC__
/* What is compiled with _FILE_OFFSET_BITS=64 looks this up. */
__attribute__((visibility("default"))) void *
mmap64(void *addr, size_t size, int prot, int flags, int fd, off64_t offset)
{
	return mmap(addr, size, prot, flags, fd, offset);
}
#endif

__attribute__((visibility("default"))) int
munmap(void *addr, size_t size)
{
	/* a place whose piece is being mapped has NULL */
	if (addr != NULL && size == HASH_MEMORY_SIZE && put(addr))
		return 0;
	return system_munmap(addr, size);
}

size_t
hash_memory_release(unsigned idle_ms)
{
	int64_t now = steady_now_ms();
	size_t kept = 0;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < PIECES_MAX; i++) {
		struct piece *piece = &pieces[i];

		if (piece->base != NULL && !piece->used &&
		    now - piece->since >= idle_ms &&
		    system_munmap(piece->base, HASH_MEMORY_PIECE) == 0)
			piece->base = NULL;
		if (piece->base != NULL)
			kept += HASH_MEMORY_PIECE;
	}
	pthread_mutex_unlock(&lock);
	return kept;
}
#else
size_t
hash_memory_release(unsigned idle_ms)
{
	(void)idle_ms;
	return 0;
}
#endif
