/*
 * Turns, medians and the table. See bench.h.
 */
#include "bench/bench.h"

#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLICE_COUNT_MAX 100000000u

static struct {
	const char *name, *only;
	bool json;
	bool head; /* of the table, is printed */
	int missed, noisy;
	int counter; /* of instructions, or -1 */
} bench;

void
bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", bench.name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(EXIT_FAILURE);
}

/* ---- clocks and counters ------------------------------------------------- */
static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t
bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t
bench_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int
open_counter(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1 };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t
instructions(void)
{
	uint64_t count = 0;

	if (bench.counter < 0 ||
	    read(bench.counter, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

/* ---- statistics ---------------------------------------------------------- */
static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
bench_quantile(const double *values, size_t count, double p)
{
	double *sorted, value;
	size_t at;

	bench_check(count > 0);
	sorted = malloc(count * sizeof(*sorted));
	bench_check(sorted != NULL);
	memcpy(sorted, values, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_value);
	at = (size_t)(p * (double)(count - 1) + 0.5);
	value = sorted[at];
	free(sorted);
	return value;
}

double
bench_median(const double *values, size_t count)
{
	return bench_quantile(values, count, 0.5);
}

struct bench_ratio
bench_ratio_of(const double *a, const double *b, size_t count)
{
	struct bench_ratio r;
	double *each = malloc(count * sizeof(*each));

	bench_check(each != NULL);
	for (size_t i = 0; i < count; i++)
		each[i] = a[i] / b[i];
	r.ratio = bench_median(each, count);
	r.spread = (bench_quantile(each, count, 0.75) -
		       bench_quantile(each, count, 0.25)) /
	    r.ratio;
	free(each);
	return r;
}

struct bench_ratio
bench_ratio_cpu(const struct bench_figure *a, const struct bench_figure *b)
{
	return bench_ratio_of(a->round_cpu, b->round_cpu, BENCH_ROUNDS);
}

struct bench_ratio
bench_ratio_wall(const struct bench_figure *a, const struct bench_figure *b)
{
	return bench_ratio_of(a->round_wall, b->round_wall, BENCH_ROUNDS);
}

/* ---- turns --------------------------------------------------------------- */

static uint64_t
timed(const struct bench_subject *subject, size_t count)
{
	uint64_t began = bench_now_ns();

	subject->run(subject->arg, count);
	return bench_now_ns() - began;
}

/*
 * How many operations fill the slice; warms up on the way. The faster of two
 * runs counts, or one that was disturbed would leave too few of them.
 */
static size_t
calibrate(const struct bench_subject *subject, unsigned slice_ms)
{
	uint64_t want = (uint64_t)slice_ms * 1000000u, took;
	size_t count = 1;

	for (;;) {
		took = timed(subject, count);
		if (took * 2 >= want) {
			uint64_t again = timed(subject, count);

			took = again < took ? again : took;
		}
		if (took * 2 >= want || count >= SLICE_COUNT_MAX)
			break;
		count *= took * 16 < want ? 8 : 2;
	}
	count = (size_t)((double)count * (double)want / (double)(took + 1));
	return count > 0 ? count : 1;
}

static void
turn(const struct bench_subject *subject, size_t count, size_t round,
    struct bench_figure *figure)
{
	uint64_t cpu = bench_cpu_ns();
	uint64_t wall = bench_now_ns(), count0 = instructions();
	uint64_t mallocs = bench_mallocs(), crypto = bench_crypto_mallocs();
	double n = (double)count;

	subject->run(subject->arg, count);
	mallocs = bench_mallocs() - mallocs;
	crypto = bench_crypto_mallocs() - crypto;
	figure->instructions = (double)(instructions() - count0) / n;
	figure->round_wall[round] = (double)(bench_now_ns() - wall) / n;
	figure->round_cpu[round] = (double)(bench_cpu_ns() - cpu) / n;
	figure->mallocs = (double)(mallocs - crypto) / n;
	figure->crypto_mallocs = (double)crypto / n;
}

void
bench_measure(const struct bench_subject *subjects, size_t count,
    unsigned slice_ms, struct bench_figure *ret_figures)
{
	size_t *counts = malloc(count * sizeof(*counts));

	bench_check(counts != NULL);
	for (size_t i = 0; i < count; i++)
		counts[i] = calibrate(&subjects[i], slice_ms);
	for (size_t round = 0; round < BENCH_ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			turn(&subjects[i], counts[i], round, &ret_figures[i]);
	for (size_t i = 0; i < count; i++) {
		struct bench_figure *f = &ret_figures[i];

		f->cpu = bench_median(f->round_cpu, BENCH_ROUNDS);
		f->wall = bench_median(f->round_wall, BENCH_ROUNDS);
		if (bench.counter < 0)
			f->instructions = -1;
	}
	free(counts);
}

/* ---- the table ----------------------------------------------------------- */
void
bench_begin(const char *name, int argc, char **argv)
{
	bench.name = name;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			bench.json = true;
		else if (strncmp(argv[i], "--only=", 7) == 0)
			bench.only = argv[i] + 7;
		else
			bench_die("usage: %s [--json] [--only=PART]", name);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	bench.counter = open_counter();
	bench_say("== %s, medians of turns, on %ld processors%s", name,
	    sysconf(_SC_NPROCESSORS_ONLN),
	    bench.counter < 0 ? " that count no instructions here" : "");
}

bool
bench_wanted(const char *part)
{
	return bench.only == NULL || strstr(part, bench.only) != NULL;
}

void
bench_say(const char *format, ...)
{
	va_list args;

	if (bench.json)
		return;
	va_start(args, format);
	vprintf(format, args);
	putchar('\n');
	va_end(args);
}

static bool
met(const struct bench_row *row, double target)
{
	return row->at_least ? row->ratio >= target : row->ratio <= target;
}

/* Too noisy is said only of what noise could have turned. */
static const char *
judge(const struct bench_row *row)
{
	if (row->must <= 0)
		return "-";
	if (row->spread > BENCH_NOISE &&
	    fabs(row->ratio - row->must) < row->spread * row->ratio) {
		bench.noisy++;
		return "noisy";
	}
	if (!met(row, row->must)) {
		bench.missed++;
		return "MISSED";
	}
	return row->aim > 0 && met(row, row->aim) ? "aim" : "must";
}

static void
row_json(const struct bench_row *row, const char *verdict)
{
	const struct bench_figure *d = row->detail;

	printf("{\"bench\":\"%s\",\"what\":\"%s\",\"figure\":%.6g,"
	       "\"unit\":\"%s\",\"floor_name\":\"%s\",\"floor\":%.6g,"
	       "\"ratio\":%.4f,\"spread\":%.4f,\"must\":%.3g,\"aim\":%.3g,"
	       "\"at_least\":%s,\"verdict\":\"%s\"",
	    bench.name, row->what, row->figure,
	    row->unit != NULL ? row->unit : "",
	    row->floor_name != NULL ? row->floor_name : "", row->floor,
	    row->ratio, row->spread, row->must, row->aim,
	    row->at_least ? "true" : "false", verdict);
	if (d != NULL)
		printf(",\"cpu_ns\":%.6g,\"wall_ns\":%.6g,\"instructions\":%.6g"
		       ",\"mallocs\":%.4g,\"crypto_mallocs\":%.4g",
		    d->cpu, d->wall, d->instructions, d->mallocs,
		    d->crypto_mallocs);
	printf("}\n");
}

/* A number in nine characters. */
static const char *
number(double value, char *buf, size_t size)
{
	if (value == 0)
		snprintf(buf, size, "-");
	else if (value >= 100000)
		snprintf(buf, size, "%.4g", value);
	else
		snprintf(
		    buf, size, "%.*f", value < 10 ? 2 : value < 1000, value);
	return buf;
}

static void
row_text(const struct bench_row *row, const char *verdict)
{
	const struct bench_figure *d = row->detail;
	char a[5][24];

	if (!bench.head)
		printf("%-46s %9s %-5s %9s %6s %6s %6s %-6s %9s %9s %6s\n", "",
		    "ours", "unit", "floor", "ratio", "must", "aim", "",
		    "wall ns", "instr.", "malloc");
	bench.head = true;
	printf("%-46s %9s %-5s %9s %6s %6s %6s %-6s", row->what,
	    number(row->figure, a[0], 24), row->unit != NULL ? row->unit : "",
	    number(row->floor, a[1], 24), number(row->ratio, a[2], 24),
	    number(row->must, a[3], 24), number(row->aim, a[4], 24), verdict);
	if (d != NULL) {
		printf(" %9s", number(d->wall, a[0], 24));
		printf(" %9s",
		    d->instructions < 0 ? "-"
					: number(d->instructions, a[1], 24));
		printf(" %.3g+%.3g", d->mallocs, d->crypto_mallocs);
	}
	putchar('\n');
}

void
bench_row(const struct bench_row *row)
{
	const char *verdict = judge(row);

	if (bench.json)
		row_json(row, verdict);
	else
		row_text(row, verdict);
}

void
bench_row_cpu(const char *what, const struct bench_figure *a,
    const char *floor_name, const struct bench_figure *b, double must,
    double aim)
{
	struct bench_ratio r = bench_ratio_cpu(a, b);
	struct bench_row row = { .what = what,
		.figure = a->cpu,
		.unit = "ns",
		.floor_name = floor_name,
		.floor = b->cpu,
		.ratio = r.ratio,
		.spread = r.spread,
		.must = must,
		.aim = aim,
		.detail = a };

	bench_row(&row);
}

int
bench_end(void)
{
	if (bench.noisy > 0)
		bench_say("%d rows: this machine is too noisy to judge them "
			  "now, run again when it is quiet",
		    bench.noisy);
	return bench.missed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
