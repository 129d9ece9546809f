/*
 * The memory of password hashes, kept from one to the next.
 *
 * libsodium maps 19 MiB for each Argon2id hash and unmaps them after it. Where
 * the system gives pages of 4 KiB for that, they take as long as the hash
 * itself, and nobody else can change what is mapped meanwhile. libsodium takes
 * memory from nobody, but it calls mmap(2) and munmap(2) by name: the program
 * that has functions of these names answers. hash_memory.c answers what has the
 * shape of such memory with a piece that it keeps, of huge pages where the
 * system has them, and gives everything else to the system.
 *
 * Where that cannot be (below), or if libsodium should ask in another way one
 * day, hashes are as slow as they were.
 */
#ifndef AUTHD_HASH_MEMORY_H
#define AUTHD_HASH_MEMORY_H

#include <stddef.h>

/* The sanitizers have functions of these names themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HASH_MEMORY_KEPT 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HASH_MEMORY_KEPT 0
#endif
#endif
#ifndef HASH_MEMORY_KEPT
/* There mmap(2) takes its arguments in another way. */
#if defined(__linux__) && defined(__LP64__) && !defined(__s390__)
#define HASH_MEMORY_KEPT 1
#else
#define HASH_MEMORY_KEPT 0
#endif
#endif

/* Bytes that a hash of ours asks for; all else goes to the system. */
#define HASH_MEMORY_SIZE ((size_t)19456 * 1024)
/* Bytes that a piece has, in huge pages. */
#define HASH_MEMORY_PIECE ((size_t)20 << 20)

/*
 * Give back to the system what no hash has used for so many milliseconds.
 * Returns how many bytes are kept. Thread-safe.
 */
size_t hash_memory_release(unsigned idle_ms);

#endif
