/*
 * The queue before the connections, and the memory of those who stand in it: a
 * waiter is on the stack of its thread, and must stay there until nobody wants
 * anything of it.
 */
#include "sqlite_util.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

/* The linker puts these in front of the C library's: flags.mk. */
int __real_sem_post(sem_t *sem);
int __wrap_sem_post(sem_t *sem);
int __real_sem_destroy(sem_t *sem);
int __wrap_sem_destroy(sem_t *sem);
int __wrap_sem_clockwait(
    sem_t *sem, clockid_t clock, const struct timespec *end);
int __real_sem_clockwait(
    sem_t *sem, clockid_t clock, const struct timespec *end);

static atomic_bool posting; /* somebody is about to post */
static atomic_bool gone;    /* the semaphore is */
static atomic_bool late;    /* and was wanted all the same */
static atomic_bool signals; /* a signal comes at the worst time */
static atomic_bool expires; /* time is up when the job has been picked */
static atomic_bool picked;
static atomic_bool waits; /* for the post, after either */

/* Whoever was woken too early has settled what to do. */
static void
await_settled(void)
{
	while (!atomic_load(&gone) && !atomic_load(&waits))
		sched_yield();
}

int
__wrap_sem_post(sem_t *sem)
{
	atomic_store(&posting, true);
	await_settled();
	if (!atomic_load(&gone))
		return __real_sem_post(sem);
	atomic_store(&late, true);
	return 0;
}

int
__wrap_sem_destroy(sem_t *sem)
{
	atomic_store(&gone, true);
	return __real_sem_destroy(sem);
}

int
__wrap_sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *end)
{
	if (atomic_exchange(&signals, false)) {
		while (!atomic_load(&posting))
			sched_yield();
		errno = EINTR;
		return -1;
	}
	if (atomic_exchange(&expires, false)) {
		while (!atomic_load(&picked))
			sched_yield();
		errno = ETIMEDOUT;
		return -1;
	}
	atomic_store(&waits, true);
	return __real_sem_clockwait(sem, clock, end);
}

/* The pool calls this instead of the C library's. */
int
sem_wait(sem_t *sem)
{
	atomic_store(&waits, true);
	while (sem_trywait(sem) != 0)
		sched_yield();
	return 0;
}

static struct at_pool pool;
static int item;

static void
setup(void)
{
	ck_assert(at_pool_init(&pool));
	atomic_store(&posting, false);
	atomic_store(&gone, false);
	atomic_store(&late, false);
	atomic_store(&signals, true);
	atomic_store(&expires, false);
	atomic_store(&picked, false);
	atomic_store(&waits, false);
}

static void
teardown(void)
{
	at_pool_destroy(&pool);
}

static void *
get(void *arg)
{
	return at_pool_get_for(&pool, arg, 10000);
}

static void
await_waiter(void)
{
	bool there;

	do {
		sched_yield();
		pthread_mutex_lock(&pool.lock);
		there = pool.first != NULL;
		pthread_mutex_unlock(&pool.lock);
	} while (!there);
}

START_TEST(test_given_while_a_signal_comes)
{
	pthread_t thread;
	void *got;

	ck_assert_int_eq(pthread_create(&thread, NULL, get, NULL), 0);
	await_waiter();
	at_pool_put(&pool, &item);
	pthread_join(thread, &got);
	ck_assert_ptr_eq(got, &item);
	ck_assert(!atomic_load(&late));
}
END_TEST

START_TEST(test_done_while_a_signal_comes)
{
	struct at_job job = { .err = AUTHTOK_OK }, *first;
	pthread_t thread;
	void *got;

	ck_assert_int_eq(pthread_create(&thread, NULL, get, &job), 0);
	await_waiter();
	first = at_pool_pick(&pool);
	ck_assert_ptr_eq(first, &job);
	job.next = NULL;
	at_pool_done(first);
	pthread_join(thread, &got);
	ck_assert_ptr_null(got);
	ck_assert(job.done);
	ck_assert(!atomic_load(&late));
}
END_TEST

/* Whose job was picked waits for the end, whatever the clock says. */
START_TEST(test_picked_waits)
{
	struct at_job job = { .err = AUTHTOK_OK };
	pthread_t thread;
	void *got;

	atomic_store(&signals, false);
	atomic_store(&expires, true);
	ck_assert_int_eq(pthread_create(&thread, NULL, get, &job), 0);
	await_waiter();
	ck_assert_ptr_eq(at_pool_pick(&pool), &job);
	job.next = NULL;
	atomic_store(&picked, true);
	await_settled();
	ck_assert(!atomic_load(&gone));
	at_pool_done(&job);
	pthread_join(thread, &got);
	ck_assert(job.done);
	/* who was not picked does not */
	ck_assert_ptr_null(at_pool_get(&pool, 5));
	ck_assert_ptr_null(pool.first);
	ck_assert_ptr_eq(pool.last, &pool.first);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sqlite_pool");
	TCase *tc = tcase_create("pool");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_given_while_a_signal_comes);
	tcase_add_test(tc, test_done_while_a_signal_comes);
	tcase_add_test(tc, test_picked_waits);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
