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
#include <sys/resource.h>
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

int
bench_instructions_open(pid_t pid)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1 };

	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, 0);
}

int64_t
bench_instructions(int counter)
{
	int64_t count;

	if (counter < 0 ||
	    read(counter, &count, sizeof(count)) != sizeof(count))
		return -1;
	return count;
}

struct bench_usage
bench_usage(void)
{
	struct bench_usage usage;

	bench_counts_read(NULL, &usage.mallocs, &usage.crypto_mallocs);
	usage.instructions = bench_instructions(bench.counter);
	usage.wall = (int64_t)bench_now_ns();
	usage.cpu = (int64_t)clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	return usage;
}

struct bench_usage
bench_usage_children(void)
{
	struct bench_usage usage = { .wall = (int64_t)bench_now_ns(),
		.instructions = -1,
		.mallocs = -1,
		.crypto_mallocs = -1 };
	struct rusage r;

	bench_check(getrusage(RUSAGE_CHILDREN, &r) == 0);
	usage.cpu =
	    (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * INT64_C(1000000000) +
	    (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * INT64_C(1000);
	return usage;
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
	bench_check(a->turns == b->turns);
	return bench_ratio_of(a->turn_cpu, b->turn_cpu, a->turns);
}

struct bench_ratio
bench_ratio_wall(const struct bench_figure *a, const struct bench_figure *b)
{
	bench_check(a->turns == b->turns);
	return bench_ratio_of(a->turn_wall, b->turn_wall, a->turns);
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

/* Of one operation. What is not counted stays less than 0. */
static double
of_one(int64_t before, int64_t after, size_t count)
{
	if (before < 0 || after < 0)
		return -1;
	return (double)(after - before) / (double)count;
}

void
bench_turn(struct bench_figure *figure, const struct bench_usage *before,
    const struct bench_usage *after, size_t count)
{
	struct bench_figure *f = figure;
	size_t i = f->turns++;

	bench_check(i < BENCH_ROUNDS && count > 0);
	f->turn_cpu[i] = of_one(before->cpu, after->cpu, count);
	f->turn_wall[i] = of_one(before->wall, after->wall, count);
	f->turn_instructions[i] =
	    of_one(before->instructions, after->instructions, count);
	f->turn_mallocs[i] = of_one(before->mallocs, after->mallocs, count);
	f->turn_crypto_mallocs[i] =
	    of_one(before->crypto_mallocs, after->crypto_mallocs, count);
	f->cpu = bench_median(f->turn_cpu, f->turns);
	f->wall = bench_median(f->turn_wall, f->turns);
	f->instructions = bench_median(f->turn_instructions, f->turns);
	f->mallocs = bench_median(f->turn_mallocs, f->turns);
	f->crypto_mallocs = bench_median(f->turn_crypto_mallocs, f->turns);
}

static void
turn(const struct bench_subject *subject, size_t count,
    struct bench_figure *figure)
{
	struct bench_usage before = bench_usage(), after;

	subject->run(subject->arg, count);
	after = bench_usage();
	bench_turn(figure, &before, &after, count);
}

void
bench_measure(const struct bench_subject *subjects, size_t count,
    unsigned slice_ms, struct bench_figure *ret_figures)
{
	size_t *counts = malloc(count * sizeof(*counts));

	bench_check(counts != NULL);
	memset(ret_figures, 0, count * sizeof(*ret_figures));
	for (size_t i = 0; i < count; i++)
		counts[i] = calibrate(&subjects[i], slice_ms);
	for (size_t round = 0; round < BENCH_ROUNDS; round++)
		for (size_t i = 0; i < count; i++)
			turn(&subjects[i], counts[i], &ret_figures[i]);
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
	bench.counter = bench_instructions_open(0);
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

/* The members of a figure, each with this in front of its name. */
static void
detail_json(const char *of, const struct bench_figure *d)
{
	if (d != NULL)
		printf(",\"%scpu_ns\":%.6g,\"%swall_ns\":%.6g,"
		       "\"%sinstructions\":%.6g,\"%smallocs\":%.6g,"
		       "\"%scrypto_mallocs\":%.6g",
		    of, d->cpu, of, d->wall, of, d->instructions, of,
		    d->mallocs, of, d->crypto_mallocs);
}

static void
row_json(const struct bench_row *row, const char *verdict)
{
	printf("{\"bench\":\"%s\",\"what\":\"%s\",\"figure\":%.6g,"
	       "\"unit\":\"%s\",\"floor_name\":\"%s\",\"floor\":%.6g,"
	       "\"ratio\":%.4f,\"spread\":%.4f,\"must\":%.3g,\"aim\":%.3g,"
	       "\"at_least\":%s,\"verdict\":\"%s\"",
	    bench.name, row->what, row->figure,
	    row->unit != NULL ? row->unit : "",
	    row->floor_name != NULL ? row->floor_name : "", row->floor,
	    row->ratio, row->spread, row->must, row->aim,
	    row->at_least ? "true" : "false", verdict);
	detail_json("", row->detail);
	detail_json("floor_", row->floor_detail);
	printf("}\n");
}

/* A number in nine characters. */
static const char *
number(double value, char *buf, size_t size)
{
	if (value == 0 || value == -1) /* not known, or not counted */
		snprintf(buf, size, "-");
	else if (value >= 100000)
		snprintf(buf, size, "%.4g", value);
	else
		snprintf(
		    buf, size, "%.*f", value < 10 ? 2 : value < 1000, value);
	return buf;
}

/* With OpenSSL's beside them. */
static const char *
allocations(const struct bench_figure *d, char *buf, size_t size)
{
	const double n[2] = { d->mallocs, d->crypto_mallocs };
	char text[2][12];

	if (n[0] < 0)
		return "-";
	for (size_t i = 0; i < 2; i++)
		snprintf(text[i], sizeof(text[i]),
		    n[i] < 1000 ? "%.3g" : "%.0f", n[i]);
	snprintf(buf, size, "%s+%s", text[0], text[1]);
	return buf;
}

static void
row_text(const struct bench_row *row, const char *verdict)
{
	const struct bench_figure *d = row->detail;
	char a[5][24];

	if (!bench.head)
		printf("%-46s %9s %-5s %9s %6s %6s %6s %-6s %9s %9s %9s %10s"
		       " %10s\n",
		    "", "ours", "unit", "floor", "ratio", "must", "aim", "",
		    "cpu ns", "wall ns", "instr.", "malloc+ssl", "floor's");
	bench.head = true;
	printf("%-46s %9s %-5s %9s %6s %6s %6s %-6s", row->what,
	    number(row->figure, a[0], 24), row->unit != NULL ? row->unit : "",
	    number(row->floor, a[1], 24), number(row->ratio, a[2], 24),
	    number(row->must, a[3], 24), number(row->aim, a[4], 24), verdict);
	if (d != NULL)
		printf(" %9s %9s %9s %10s", number(d->cpu, a[0], 24),
		    number(d->wall, a[1], 24),
		    number(d->instructions, a[2], 24),
		    allocations(d, a[3], 24));
	if (row->floor_detail != NULL)
		printf(" %10s", allocations(row->floor_detail, a[4], 24));
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
		.detail = a,
		.floor_detail = b };

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
