/*
 * Verdicts on the test vectors of public suites, which are not part of this
 * repository: counted here, given by wycheproof.c and parsing.c.
 */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

enum expect {
	EXPECT_VALID,
	EXPECT_INVALID,
	EXPECT_EITHER, /* the suite itself leaves it open */
};

#define REASONS_MAX 16

/* What came of one file or kind of files. */
struct tally {
	const char *name;
	unsigned long right, stricter, open, wrong;
	struct {
		const char *why;
		unsigned long count;
	} reasons[REASONS_MAX]; /* of those that are stricter */
};

/*
 * Count a verdict. reason, unless NULL, is why a valid one may be refused on
 * purpose. A wrong one is printed, as what the format makes.
 */
void tally_count(struct tally *tally, enum expect expect, bool accepted,
    const char *reason, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Something that must not be, whatever is expected. */
void tally_wrong(struct tally *tally, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Print it, and add it to the sum. */
void tally_end(const struct tally *tally);

/* The suite cannot be run: say so and exit with 2. */
_Noreturn void give_up(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* All of a file, with a NUL behind it. */
char *read_whole(const char *folder, const char *name, size_t *ret_len);

/* The suites, each given its own checkout. */
void wycheproof_run(const char *folder);
void parsing_run(const char *folder);

#endif
