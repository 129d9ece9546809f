/*
 * Run public suites of test vectors: vectors FOLDER. They are looked for in
 * FOLDER and in the folders in it. The status is 0 when no verdict is wrong, 1
 * when one is, 2 when there is nothing that can be run.
 */
#include "vectors/vectors.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

static struct tally sum = { .name = "all" };

/* ---- counting ------------------------------------------------------------ */

static void __attribute__((format(printf, 2, 0)))
tell_wrong(struct tally *tally, const char *format, va_list args)
{
	tally->wrong++;
	printf("WRONG %s: ", tally->name);
	vprintf(format, args);
	printf("\n");
}

void
tally_wrong(struct tally *tally, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell_wrong(tally, format, args);
	va_end(args);
}

static void
count_reason(struct tally *tally, const char *why)
{
	size_t i = 0;

	while (i < REASONS_MAX - 1 && tally->reasons[i].why != NULL &&
	    strcmp(tally->reasons[i].why, why) != 0)
		i++;
	tally->reasons[i].why = why;
	tally->reasons[i].count++;
	tally->stricter++;
}

void
tally_count(struct tally *tally, enum expect expect, bool accepted,
    const char *reason, const char *format, ...)
{
	va_list args;

	if (expect == EXPECT_EITHER) {
		tally->open++;
	} else if (accepted == (expect == EXPECT_VALID)) {
		tally->right++;
	} else if (!accepted && reason != NULL) {
		count_reason(tally, reason);
	} else {
		va_start(args, format);
		tell_wrong(tally, format, args);
		va_end(args);
	}
}

static void
print_tally(const struct tally *tally)
{
	printf("%-42s %5lu right %4lu stricter %4lu open %3lu wrong\n",
	    tally->name, tally->right, tally->stricter, tally->open,
	    tally->wrong);
	for (size_t i = 0; i < REASONS_MAX; i++)
		if (tally->reasons[i].why != NULL)
			printf("    %4lu stricter: %s\n",
			    tally->reasons[i].count, tally->reasons[i].why);
}

void
tally_end(const struct tally *tally)
{
	print_tally(tally);
	sum.right += tally->right;
	sum.stricter += tally->stricter;
	sum.open += tally->open;
	sum.wrong += tally->wrong;
}

/* ---- files --------------------------------------------------------------- */

void
give_up(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "vectors: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(2);
}

char *
read_whole(const char *folder, const char *name, size_t *ret_len)
{
	char path[PATH_SIZE];
	char *text = NULL;
	FILE *f;
	long len = -1;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (f == NULL)
		give_up("%s cannot be read", path);
	if (fseek(f, 0, SEEK_END) == 0)
		len = ftell(f);
	if (len >= 0)
		text = malloc((size_t)len + 1);
	if (text == NULL || fseek(f, 0, SEEK_SET) != 0 ||
	    fread(text, 1, (size_t)len, f) != (size_t)len)
		give_up("%s cannot be read", path);
	fclose(f);
	text[len] = '\0';
	*ret_len = (size_t)len;
	return text;
}

/* ---- what there is ------------------------------------------------------- */

static const struct {
	const char *mark; /* a folder that only such a checkout has */
	void (*run)(const char *folder);
} suites[] = {
	{ "testvectors_v1", wycheproof_run },
	{ "test_parsing", parsing_run },
};

static int
run_in(const char *checkout)
{
	char path[PATH_SIZE + 32];
	struct stat st;
	int runs = 0;

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", checkout, suites[i].mark);
		if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
			continue;
		suites[i].run(path);
		runs++;
	}
	return runs;
}

static int
run_all(const char *folder)
{
	char path[PATH_SIZE];
	struct dirent **names;
	int runs = run_in(folder), n = scandir(folder, &names, NULL, alphasort);

	if (n < 0)
		give_up("%s cannot be read", folder);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			runs += run_in(path);
		free(names[i]);
	}
	free(names);
	return runs;
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		give_up("give one folder that holds checkouts of suites");
	/* so that a crash is seen behind what came before it */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (run_all(argv[1]) == 0)
		give_up("%s holds neither Wycheproof (a folder with "
			"testvectors_v1) nor JSONTestSuite (one with "
			"test_parsing): nothing was run",
		    argv[1]);
	print_tally(&sum);
	return sum.wrong == 0 ? 0 : 1;
}
