/*
 * The threads that hash passwords, and the queue before them: its bounds, its
 * order.
 */
#include "account/slots.h"

#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 16
#define ROUNDS  200

static struct at_slots *slots;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned running, peak, entered, order[THREADS];
static bool hold; /* nobody leaves while this is set */

static void
work(void *arg)
{
	pthread_mutex_lock(&lock);
	order[entered++ % THREADS] = *(const unsigned *)arg;
	if (++running > peak)
		peak = running;
	pthread_cond_broadcast(&changed);
	while (hold)
		pthread_cond_wait(&changed, &lock);
	running--;
	pthread_mutex_unlock(&lock);
	sched_yield();
}

static void
reset(void)
{
	running = peak = entered = 0;
	hold = false;
}

static void *
run(void *arg)
{
	ck_assert_int_eq(at_slots_run(slots, work, arg), AUTHTOK_OK);
	return NULL;
}

static void
set_hold(bool on)
{
	pthread_mutex_lock(&lock);
	hold = on;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void
await_running(unsigned count)
{
	pthread_mutex_lock(&lock);
	while (running < count)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

static void
await_waiting(unsigned count)
{
	while (at_slots_waiting(slots) != count)
		sched_yield();
}

START_TEST(work_is_done_in_order)
{
	unsigned numbers[THREADS];
	pthread_t threads[THREADS];
	unsigned i;

	ck_assert_int_eq(at_slots_new(1, THREADS, &slots), AUTHTOK_OK);
	set_hold(true);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, run, &numbers[i]);
		if (i == 0)
			await_running(1);
		await_waiting(i);
	}
	set_hold(false);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++)
		ck_assert_uint_eq(order[i], i);
	ck_assert_uint_eq(at_slots_waiting(slots), 0);
	at_slots_free(slots);
}
END_TEST

/* Fill slots and queue, be refused, and find all of it free again. */
static void
fill(unsigned count, unsigned queue)
{
	unsigned number = 0;
	pthread_t threads[THREADS];
	unsigned i;

	set_hold(true);
	for (i = 0; i < count + queue; i++)
		pthread_create(&threads[i], NULL, run, &number);
	await_running(count);
	await_waiting(queue);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(
		    at_slots_run(slots, work, &number), AUTHTOK_EBUSY);
	set_hold(false);
	for (i = 0; i < count + queue; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(at_slots_waiting(slots), 0);
}

START_TEST(a_full_queue_is_busy_at_once)
{
	ck_assert_int_eq(at_slots_new(2, 2, &slots), AUTHTOK_OK);
	fill(2, 2);
	fill(2, 2);
	ck_assert_uint_eq(entered, 8);
	ck_assert_uint_eq(peak, 2);
	at_slots_free(slots);
}
END_TEST

START_TEST(no_queue)
{
	ck_assert_int_eq(at_slots_new(1, 0, &slots), AUTHTOK_OK);
	fill(1, 0);
	fill(1, 0);
	ck_assert_uint_eq(entered, 2);
	at_slots_free(slots);
}
END_TEST

START_TEST(as_many_as_processors)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned count = processors < THREADS ? (unsigned)processors : THREADS;
	unsigned number = 0;
	pthread_t threads[THREADS];
	unsigned i;

	ck_assert_int_eq(at_slots_new(0, 0, &slots), AUTHTOK_OK);
	set_hold(true);
	for (i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, run, &number);
	await_running(count);
	if (processors == (long)count)
		ck_assert_int_eq(
		    at_slots_run(slots, work, &number), AUTHTOK_EBUSY);
	set_hold(false);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	at_slots_free(slots);
	slots = NULL;
	ck_assert_int_eq(
	    at_slots_new(AT_SLOTS_MAX + 1, 0, &slots), AUTHTOK_EINVAL);
	ck_assert_ptr_null(slots);
	at_slots_free(NULL);
}
END_TEST

static void *
come_and_go(void *arg)
{
	unsigned i;

	for (i = 0; i < ROUNDS; i++)
		run(arg);
	return NULL;
}

START_TEST(never_more_than_the_slots)
{
	unsigned number = 0;
	pthread_t threads[THREADS];
	unsigned i;

	ck_assert_int_eq(at_slots_new(3, THREADS, &slots), AUTHTOK_OK);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, come_and_go, &number);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(entered, THREADS * ROUNDS);
	ck_assert_uint_le(peak, 3);
	at_slots_free(slots);
}
END_TEST

/* How long a turn of this thread is, in ns; 0: the system does not say. */
static uint64_t
turn(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} schedule = { 0 };

	return syscall(SYS_sched_getattr, 0, &schedule, sizeof(schedule), 0) ==
		0
	    ? schedule.runtime
	    : 0;
}

/* What the thread that works is. */
struct seen {
	pthread_t thread;
	int nice;
	uint64_t turn;
	sigset_t blocked;
};

static void
look(void *arg)
{
	struct seen *seen = arg;

	seen->thread = pthread_self();
	seen->nice = getpriority(PRIO_PROCESS, (id_t)gettid());
	seen->turn = turn();
	pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
}

START_TEST(the_threads_stand_back_and_take_no_signals)
{
	int before = getpriority(PRIO_PROCESS, (id_t)gettid());
	struct seen seen;
	sigset_t own;

	ck_assert_int_eq(at_slots_new(1, 0, &slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_run(slots, look, &seen), AUTHTOK_OK);
	ck_assert(!pthread_equal(seen.thread, pthread_self()));
	ck_assert(seen.nice > before || before == 19);
	ck_assert(turn() == 0 || seen.turn < turn() || before == 19);
	ck_assert_int_eq(sigismember(&seen.blocked, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&seen.blocked, SIGCHLD), 1);
	/* and ours are as they were */
	ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)gettid()), before);
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	ck_assert_int_eq(sigismember(&own, SIGTERM), 0);
	at_slots_free(slots);
}
END_TEST

/* The real one, until there are to be no more. */
static int threads_left = -1;

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*start)(void *), void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
	    void *) = dlsym(RTLD_NEXT, "pthread_create");

	if (threads_left == 0)
		return EAGAIN;
	if (threads_left > 0)
		threads_left--;
	return real(thread, attr, start, arg);
}

START_TEST(no_threads_no_slots)
{
	int i;

	slots = NULL;
	for (i = 0; i < 3; i++) {
		threads_left = i;
		ck_assert_int_eq(at_slots_new(3, 0, &slots), AUTHTOK_ENOMEM);
		ck_assert_ptr_null(slots);
	}
	threads_left = 3;
	ck_assert_int_eq(at_slots_new(3, 0, &slots), AUTHTOK_OK);
	at_slots_free(slots);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("slots");
	TCase *tcase = tcase_create("slots");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, reset, NULL);
	tcase_add_test(tcase, work_is_done_in_order);
	tcase_add_test(tcase, a_full_queue_is_busy_at_once);
	tcase_add_test(tcase, no_queue);
	tcase_add_test(tcase, as_many_as_processors);
	tcase_add_test(tcase, never_more_than_the_slots);
	tcase_add_test(tcase, the_threads_stand_back_and_take_no_signals);
	tcase_add_test(tcase, no_threads_no_slots);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
