/*
 * Running this program once more, under valgrind: "program WHAT" does what is
 * to be seen and nothing else.
 */
#ifndef UNIT_VALGRIND_H
#define UNIT_VALGRIND_H

#include <stdbool.h>
#include <stdio.h>

bool have_valgrind(void);

/*
 * The program without its debugging information, which valgrind cannot read of
 * every compiler, in a folder of its own.
 */
struct copy {
	char folder[40];
	char program[60];
};
void copy_make(struct copy *copy);
void copy_remove(const struct copy *copy);

/*
 * Execute argv with CK_FORK=no: a test that forked would leave nothing to see.
 * What it writes goes to out; NULL: only its errors are shown. Returns the
 * status of waitpid(2).
 */
int execute(const char *const *argv, FILE *out);

#endif
