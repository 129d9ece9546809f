/*
 * The queue before the password hashes: its bounds, its order.
 */
#include "account/slots.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 16
#define ROUNDS  200

static struct at_slots *slots;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned running, peak, entered, order[THREADS];

static void *
enter_and_note(void *arg)
{
	const unsigned *number = arg;

	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	pthread_mutex_lock(&lock);
	order[entered++] = *number;
	pthread_mutex_unlock(&lock);
	at_slots_leave(slots);
	return NULL;
}

START_TEST(turns_come_in_order)
{
	unsigned numbers[THREADS];
	pthread_t threads[THREADS];
	unsigned i;

	entered = 0;
	ck_assert_int_eq(at_slots_new(1, THREADS, &slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	for (i = 0; i < THREADS; i++) {
		numbers[i] = i;
		pthread_create(&threads[i], NULL, enter_and_note, &numbers[i]);
		while (at_slots_waiting(slots) != i + 1)
			sched_yield();
	}
	at_slots_leave(slots);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++)
		ck_assert_uint_eq(order[i], i);
	ck_assert_uint_eq(at_slots_waiting(slots), 0);
	at_slots_free(slots);
}
END_TEST

START_TEST(a_full_queue_is_busy_at_once)
{
	unsigned numbers[2] = { 0, 1 };
	pthread_t threads[2];
	unsigned i;

	entered = 0;
	ck_assert_int_eq(at_slots_new(2, 2, &slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, enter_and_note, &numbers[i]);
	while (at_slots_waiting(slots) != 2)
		sched_yield();
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_EBUSY);
	at_slots_leave(slots);
	at_slots_leave(slots);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	/* and all of it is free again */
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	at_slots_leave(slots);
	at_slots_leave(slots);
	at_slots_free(slots);
}
END_TEST

START_TEST(no_queue)
{
	ck_assert_int_eq(at_slots_new(1, 0, &slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_EBUSY);
	at_slots_leave(slots);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	at_slots_leave(slots);
	at_slots_free(slots);
}
END_TEST

START_TEST(as_many_as_processors)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	long i;

	ck_assert_int_eq(at_slots_new(0, 0, &slots), AUTHTOK_OK);
	for (i = 0; i < processors; i++)
		ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
	ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_EBUSY);
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

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		ck_assert_int_eq(at_slots_enter(slots), AUTHTOK_OK);
		pthread_mutex_lock(&lock);
		if (++running > peak)
			peak = running;
		pthread_mutex_unlock(&lock);
		sched_yield();
		pthread_mutex_lock(&lock);
		running--;
		entered++;
		pthread_mutex_unlock(&lock);
		at_slots_leave(slots);
	}
	return NULL;
}

START_TEST(never_more_than_the_slots)
{
	pthread_t threads[THREADS];
	unsigned i;

	running = peak = entered = 0;
	ck_assert_int_eq(at_slots_new(3, THREADS, &slots), AUTHTOK_OK);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, come_and_go, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(entered, THREADS * ROUNDS);
	ck_assert_uint_le(peak, 3);
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
	tcase_add_test(tcase, turns_come_in_order);
	tcase_add_test(tcase, a_full_queue_is_busy_at_once);
	tcase_add_test(tcase, no_queue);
	tcase_add_test(tcase, as_many_as_processors);
	tcase_add_test(tcase, never_more_than_the_slots);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
