/*
 * The Promela rule against at_rotation_decide, transition by transition: reads
 * the RULE lines that rotation.pml prints and asks the C rule the same, on each
 * row that stands for the model's. See inline dump in rotation.pml.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/rules.h"

#define GENS 16 /* most that a model has */

/* The next number of the line, or exit: a line cut short must not pass. */
static int16_t
number(char **at)
{
	char *end;
	long n;

	*at += strspn(*at, " |");
	n = strtol(*at, &end, 10);
	if (end == *at || n < 0 || n > INT16_MAX) {
		fprintf(stderr, "not a transition: %s", *at);
		exit(EXIT_FAILURE);
	}
	*at = end;
	return (int16_t)n;
}

static int16_t
token(int16_t gen, int16_t branch)
{
	return (int16_t)MODEL_TOKEN(gen, branch);
}

/* A row; *ret_fresh is its bit. Floor 0 spares nothing: it is none. */
static void
read_row(char **at, int gens, struct model_state *to, bool *ret_fresh)
{
	memset(to, 0, sizeof(*to));
	to->gen = number(at);
	to->branch = number(at);
	to->parent = number(at);
	to->floor = number(at);
	to->alive = number(at) == 0;
	*ret_fresh = number(at) != 0;
	for (int16_t g = 0; g < gens; g++) {
		int16_t key = number(at);

		if (key == 0)
			continue;
		if (to->ring_count == MODEL_RING) {
			fprintf(stderr, "more retry keys than fit\n");
			exit(EXIT_FAILURE);
		}
		to->ring[to->ring_count].gen = g;
		to->ring[to->ring_count++].key = key;
	}
}

/* How many rows differ for one transition; *ret_rows and lines[] grow. */
static size_t
compare(char *at, size_t *ret_rows, size_t *lines)
{
	int gens = number(&at);
	struct model_policy policy = { 0 };
	struct model_state state;
	struct model_reply want;
	bool fresh, next_fresh;
	int16_t gen, branch, key;

	if (gens > GENS)
		exit(EXIT_FAILURE);
	policy.strict = number(&at) != 0;
	policy.leeway = number(&at) != 0;
	read_row(&at, gens, &state, &fresh);
	gen = number(&at);
	branch = number(&at);
	key = number(&at);
	want.line = number(&at);
	read_row(&at, gens, &want.next, &next_fresh);
	if (want.line > 6)
		exit(EXIT_FAILURE);
	lines[want.line]++;
	want.verdict = want.line == 6          ? MODEL_REUSE
	    : want.line == 0 || want.line == 4 ? MODEL_NO
					       : MODEL_OK;
	want.rotated = want.line == 1 || want.line == 3 || want.line == 5;
	want.token = token(want.next.gen, want.next.branch);
	if (next_fresh != (want.rotated || fresh) ||
	    want.next.alive != (state.alive && want.line != 6)) {
		fprintf(stderr, "R%d: fresh or dead\n", want.line);
		return 1;
	}
	if (state.floor == 0)
		state.floor = -1;
	return model_compare(&policy, &state, fresh, token(gen, branch), key,
	    false, &want, ret_rows);
}

int
main(void)
{
	static const char prefix[] = "RULE ";
	size_t count = 0, rows = 0, bad = 0, lines[7] = { 0 };
	char text[512];

	while (bad < 10 && fgets(text, sizeof(text), stdin) != NULL) {
		if (strncmp(text, prefix, sizeof(prefix) - 1) != 0)
			continue;
		count++;
		bad += compare(text + sizeof(prefix) - 1, &rows, lines);
	}
	printf("%zu transitions as %zu rows (", count, rows);
	for (int i = 1; i < 7; i++)
		printf("R%d %zu, ", i, lines[i]);
	printf("dead %zu), %zu differ\n", lines[0], bad);
	return bad == 0 && count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
