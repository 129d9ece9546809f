/*
 * A hash takes a processor for some 20 ms and 19 MiB: more of them at once win
 * nothing. So that they cost those little who only refresh or verify, they are
 * computed by threads of our own with a lower priority: on a processor that a
 * hash holds, anybody else who has work is let on at once. The queue is in
 * order of arrival.
 */
#include "account/slots.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The mildest with which others are let on at once. Linux lets on the thread
 * whose turn would end first, as it reckons: at nice 16 a turn counts 35 times,
 * and the shortest one 3.5 ms; one of a thread that has not asked is 3 ms at
 * most. With nice 10 ours would count 0.9 ms, and who wakes up would wait for
 * the next tick, up to 4 ms; with a longer turn (Linux 6.12 and later have it
 * set) he would wait as long if he wakes up within it. Beside one thread that uses
 * a processor up, who hashes gets a thirty-sixth of it, beside more less.
 */
#define HASH_NICE    16
#define HASH_TURN_NS 100000 /* the shortest there is */
/* Argon2id and crypt_r have their work on the heap; the rest is for the libc
 * and the sanitizers, and costs nothing until it is touched. */
#define HASH_STACK (128 * 1024)

/* On the stack of the caller, who waits. */
struct job {
	at_slots_work *work;
	void *arg;
	bool done;
	pthread_cond_t was_done;
	struct job *next;
};

struct at_slots {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a job came, or the end */
	unsigned room;          /* places in the queue */
	unsigned jobs;          /* under way and in the queue */
	bool ends;
	struct job *first, *last;
	unsigned count; /* threads that were started */
	pthread_t threads[];
};

/* The lock is held, and the queue is not empty. */
static struct job *
take_first(struct at_slots *slots)
{
	struct job *job = slots->first;

	slots->first = job->next;
	if (slots->first == NULL)
		slots->last = NULL;
	return job;
}

/* As the system knows it (sched_setattr(2)); libc has no name for it. */
struct schedule {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime; /* ns; since Linux 6.12 how long a turn is */
	uint64_t deadline, period;
};

/*
 * Of this thread only, on Linux; to ask for less is always allowed, and who is
 * at less already stays there.
 */
static void
give_way(void)
{
	struct schedule schedule = { .size = sizeof(schedule),
		.policy = SCHED_OTHER,
		.nice = HASH_NICE,
		.runtime = HASH_TURN_NS };
	int nice = getpriority(PRIO_PROCESS, (id_t)gettid());

	if (sched_getscheduler(0) != SCHED_OTHER)
		return; /* somebody has chosen another way for all of it */
	if (nice > HASH_NICE)
		schedule.nice = nice;
	if (syscall(SYS_sched_setattr, 0, &schedule, 0) != 0 &&
	    nice < HASH_NICE)
		(void)setpriority(PRIO_PROCESS, (id_t)gettid(), HASH_NICE);
}

static void *
thread_run(void *arg)
{
	struct at_slots *slots = arg;
	struct job *job;

	give_way();
	pthread_mutex_lock(&slots->lock);
	for (;;) {
		while (slots->first == NULL && !slots->ends)
			pthread_cond_wait(&slots->changed, &slots->lock);
		if (slots->first == NULL)
			break;
		job = take_first(slots);
		pthread_mutex_unlock(&slots->lock);
		job->work(job->arg);
		pthread_mutex_lock(&slots->lock);
		slots->jobs--;
		job->done = true;
		pthread_cond_signal(&job->was_done);
	}
	pthread_mutex_unlock(&slots->lock);
	return NULL;
}

/* Signals are for the threads of the application. */
static enum authtok_err
start_threads(struct at_slots *slots, unsigned count)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int failed = 0;

	if (pthread_attr_init(&attr) != 0)
		return AUTHTOK_ENOMEM;
	pthread_attr_setstacksize(&attr, HASH_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (failed == 0 && slots->count < count) {
		failed = pthread_create(
		    &slots->threads[slots->count], &attr, thread_run, slots);
		if (failed == 0)
			slots->count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return failed == 0 ? AUTHTOK_OK : AUTHTOK_ENOMEM;
}

/* Initialised, without threads; NULL without memory. */
static struct at_slots *
slots_alloc(unsigned count, unsigned room)
{
	struct at_slots *slots;

	slots = calloc(1, sizeof(*slots) + count * sizeof(slots->threads[0]));
	if (slots == NULL)
		return NULL;
	slots->room = room;
	if (pthread_mutex_init(&slots->lock, NULL) != 0) {
		free(slots);
		return NULL;
	}
	if (pthread_cond_init(&slots->changed, NULL) != 0) {
		pthread_mutex_destroy(&slots->lock);
		free(slots);
		return NULL;
	}
	return slots;
}

enum authtok_err
at_slots_new(unsigned count, unsigned queue, struct at_slots **ret_slots)
{
	struct at_slots *slots;
	enum authtok_err err;
	long processors;

	if (count > AT_SLOTS_MAX)
		return AUTHTOK_EINVAL;
	if (count == 0) {
		processors = sysconf(_SC_NPROCESSORS_ONLN);
		if (processors < 1)
			processors = 1;
		count = processors > AT_SLOTS_MAX ? AT_SLOTS_MAX
						  : (unsigned)processors;
	}
	slots = slots_alloc(count, queue);
	if (slots == NULL)
		return AUTHTOK_ENOMEM;
	err = start_threads(slots, count);
	if (err != AUTHTOK_OK) {
		at_slots_free(slots);
		return err;
	}
	*ret_slots = slots;
	return AUTHTOK_OK;
}

void
at_slots_free(struct at_slots *slots)
{
	if (slots == NULL)
		return;
	pthread_mutex_lock(&slots->lock);
	slots->ends = true;
	pthread_cond_broadcast(&slots->changed);
	pthread_mutex_unlock(&slots->lock);
	while (slots->count > 0)
		pthread_join(slots->threads[--slots->count], NULL);
	pthread_cond_destroy(&slots->changed);
	pthread_mutex_destroy(&slots->lock);
	free(slots);
}

enum authtok_err
at_slots_run(struct at_slots *slots, at_slots_work *work, void *arg)
{
	struct job job = { .work = work, .arg = arg };

	pthread_mutex_lock(&slots->lock);
	if (slots->jobs >= slots->count &&
	    slots->jobs - slots->count >= slots->room) {
		pthread_mutex_unlock(&slots->lock);
		return AUTHTOK_EBUSY;
	}
	pthread_cond_init(&job.was_done, NULL);
	/* it is off the list before this returns */
	if (slots->last == NULL)
		/* cppcheck-suppress autoVariables ; see above */
		slots->first = &job;
	else
		slots->last->next = &job;
	/* cppcheck-suppress autoVariables ; see above */
	slots->last = &job;
	slots->jobs++;
	pthread_cond_signal(&slots->changed);
	while (!job.done)
		pthread_cond_wait(&job.was_done, &slots->lock);
	pthread_mutex_unlock(&slots->lock);
	pthread_cond_destroy(&job.was_done);
	return AUTHTOK_OK;
}

unsigned
at_slots_waiting(struct at_slots *slots)
{
	unsigned waiting;

	pthread_mutex_lock(&slots->lock);
	waiting = slots->jobs > slots->count ? slots->jobs - slots->count : 0;
	pthread_mutex_unlock(&slots->lock);
	return waiting;
}
