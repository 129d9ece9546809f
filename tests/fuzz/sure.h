/*
 * What the fuzz programs have in common: a property that does not hold says
 * so and aborts, and memory of an exact size.
 */
#ifndef TESTS_FUZZ_SURE_H
#define TESTS_FUZZ_SURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SURE(what)                                                            \
	((what) ? (void)0                                                     \
		: (fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, \
		       #what),                                                \
		      abort()))

static inline void *
sure_room(size_t len)
{
	void *p = malloc(len + (len == 0));

	SURE(p != NULL);
	return p;
}

static inline void *
sure_copy(const void *from, size_t len)
{
	void *p = sure_room(len);

	if (len > 0)
		memcpy(p, from, len);
	return p;
}

#endif
