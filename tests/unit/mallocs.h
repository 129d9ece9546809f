/*
 * Counts the allocations that the objects of a program ask for, in its own
 * thread; OpenSSL's are not among them. The program is linked for it: see
 * flags.mk.
 */
#ifndef TEST_MALLOCS_H
#define TEST_MALLOCS_H

#include <stddef.h>

static _Thread_local unsigned long our_mallocs;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *
__wrap_malloc(size_t size)
{
	our_mallocs++;
	return __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
	our_mallocs++;
	return __real_calloc(count, size);
}

void *
__wrap_realloc(void *old, size_t size)
{
	our_mallocs++;
	return __real_realloc(old, size);
}

#endif
