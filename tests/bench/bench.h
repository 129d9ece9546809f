/*
 * What the benchmarks share: operations measured in turns against a floor of
 * the same run, and rows of a table that say whether a target was met. A floor
 * is written by hand in the benchmark, never taken from our own code.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BENCH_ROUNDS 31 /* turns of each subject at most; medians are told */
/* quartiles of the ratios further apart than this: too noisy to judge */
#define BENCH_NOISE 0.12

struct bench_subject {
	const char *name;
	void (*run)(void *arg, size_t count); /* so many operations */
	void *arg;
};

/* What a process has used so far; < 0: nobody counts it. */
struct bench_usage {
	int64_t wall;         /* ns, CLOCK_MONOTONIC */
	int64_t cpu;          /* ns, of all threads */
	int64_t instructions; /* in user space */
	int64_t mallocs;      /* but for OpenSSL's */
	int64_t crypto_mallocs;
};

/*
 * Of one operation, the median of all turns so far; < 0: not counted. Begins
 * with zeros, and is filled turn by turn.
 */
struct bench_figure {
	double cpu, wall, instructions, mallocs, crypto_mallocs;
	size_t turns;
	double turn_cpu[BENCH_ROUNDS], turn_wall[BENCH_ROUNDS],
	    turn_instructions[BENCH_ROUNDS], turn_mallocs[BENCH_ROUNDS],
	    turn_crypto_mallocs[BENCH_ROUNDS];
};

/* A ratio of two figures that were measured in turns. */
struct bench_ratio {
	double ratio;
	double spread; /* of the quartiles, as a part of the ratio */
};

/* A line of the table; what is not known is left 0. */
struct bench_row {
	const char *what;
	double figure;
	const char *unit; /* of figure and floor: "ns", "1/s", ... */
	const char *floor_name;
	double floor;
	double ratio;
	double spread;    /* of the ratio */
	double must, aim; /* of the ratio; 0: none, it is only told */
	bool at_least;    /* the targets are lower bounds */
	const struct bench_figure *detail; /* or NULL */
	const struct bench_figure *floor_detail;
};

/* --json and --only=TEXT; the name of the program in every line. */
void bench_begin(const char *name, int argc, char **argv);
/* Whether --only lets this part run. */
bool bench_wanted(const char *part);
/* A line of text between the rows, left out with --json. */
__attribute__((format(printf, 1, 2))) void bench_say(const char *format, ...);

/*
 * Run the subjects in turns, each for about slice_ms at a time, and give the
 * figures of each.
 */
void bench_measure(const struct bench_subject *subjects, size_t count,
    unsigned slice_ms, struct bench_figure *ret_figures);
/* A turn of count operations, between two readings. */
void bench_turn(struct bench_figure *figure, const struct bench_usage *before,
    const struct bench_usage *after, size_t count);
/* Of CPU time, or of wall time: a over b, turn by turn. */
struct bench_ratio bench_ratio_cpu(
    const struct bench_figure *a, const struct bench_figure *b);
struct bench_ratio bench_ratio_wall(
    const struct bench_figure *a, const struct bench_figure *b);
/* The same of figures that the benchmark collected itself. */
struct bench_ratio bench_ratio_of(
    const double *a, const double *b, size_t count);

void bench_row(const struct bench_row *row);
/* CPU time of subject a against floor b: the row that most benchmarks want. */
void bench_row_cpu(const char *what, const struct bench_figure *a,
    const char *floor_name, const struct bench_figure *b, double must,
    double aim);

/* 0 when no target that could be judged was missed. */
int bench_end(void);

double bench_median(const double *values, size_t count);
/* The value that a part p (0 to 1) of them does not exceed. */
double bench_quantile(const double *values, size_t count, double p);
uint64_t bench_now_ns(void); /* CLOCK_MONOTONIC */
/* Of this process; and of its children that are gone, wall and CPU time.
 * load_usage is that of a server. */
struct bench_usage bench_usage(void);
struct bench_usage bench_usage_children(void);
/* A counter of the instructions of a process and of all that it will start. */
int bench_instructions_open(pid_t pid);
int64_t bench_instructions(int counter); /* < 0: cannot be counted here */

/* Stop with a sentence: a benchmark of what does not work says nothing. */
__attribute__((format(printf, 1, 2), noreturn)) void bench_die(
    const char *format, ...);
#define bench_check(what) \
	((what) ? (void)0 : bench_die("%s:%d: %s", __FILE__, __LINE__, #what))

/* ---- alloc.c: allocations counted, of all threads ------------------------ */

struct bench_counts; /* of one process, in memory that two share */

#define BENCH_COUNTS_FD "BENCH_COUNTS_FD" /* in count.so's environment */

/* NULL: of this process. All but OpenSSL's, and those; why nothing is counted,
 * or NULL. */
const char *bench_counts_read(const struct bench_counts *counts,
    int64_t *ret_mallocs, int64_t *ret_crypto);
/* For a process that is to be started; the descriptor is for it. */
struct bench_counts *bench_counts_new(int *ret_fd);
void bench_counts_free(struct bench_counts *counts);
/* From now on this process, of one thread, counts there. */
void bench_count_into(int fd);

#endif
