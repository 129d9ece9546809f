/*
 * A hash takes a processor for some 20 ms and 19 MiB: more of them at once win
 * nothing. Turns are given in order of arrival; a turn is handed over, never
 * released into a race, so nobody is overtaken.
 */
#include "account/slots.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* On the stack of a caller that waits. */
struct waiter {
	pthread_cond_t turn_came;
	bool turn;
	struct waiter *next;
};

struct at_slots {
	pthread_mutex_t lock;
	unsigned free;    /* turns that nobody has */
	unsigned room;    /* places in the queue */
	unsigned waiting; /* of them taken */
	struct waiter *first, *last;
};

enum authtok_err
at_slots_new(unsigned count, unsigned queue, struct at_slots **ret_slots)
{
	struct at_slots *slots;
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
	slots = calloc(1, sizeof(*slots));
	if (slots == NULL)
		return AUTHTOK_ENOMEM;
	if (pthread_mutex_init(&slots->lock, NULL) != 0) {
		free(slots);
		return AUTHTOK_ENOMEM;
	}
	slots->free = count;
	slots->room = queue;
	*ret_slots = slots;
	return AUTHTOK_OK;
}

void
at_slots_free(struct at_slots *slots)
{
	if (slots == NULL)
		return;
	pthread_mutex_destroy(&slots->lock);
	free(slots);
}

/* The lock is held. */
static void
wait_for_turn(struct at_slots *slots)
{
	struct waiter me = { .turn = false };

	pthread_cond_init(&me.turn_came, NULL);
	if (slots->last == NULL)
		slots->first = &me;
	else
		slots->last->next = &me;
	slots->last = &me;
	slots->waiting++;
	while (!me.turn)
		pthread_cond_wait(&me.turn_came, &slots->lock);
	pthread_cond_destroy(&me.turn_came);
}

enum authtok_err
at_slots_enter(struct at_slots *slots)
{
	enum authtok_err err = AUTHTOK_OK;

	pthread_mutex_lock(&slots->lock);
	/* when a turn is free nobody waits: leave would have given it away */
	if (slots->free > 0)
		slots->free--;
	else if (slots->waiting >= slots->room)
		err = AUTHTOK_EBUSY;
	else
		wait_for_turn(slots);
	pthread_mutex_unlock(&slots->lock);
	return err;
}

void
at_slots_leave(struct at_slots *slots)
{
	struct waiter *next;

	pthread_mutex_lock(&slots->lock);
	next = slots->first;
	if (next == NULL) {
		slots->free++;
	} else {
		slots->first = next->next;
		if (slots->first == NULL)
			slots->last = NULL;
		slots->waiting--;
		next->turn = true;
		pthread_cond_signal(&next->turn_came);
	}
	pthread_mutex_unlock(&slots->lock);
}

unsigned
at_slots_waiting(struct at_slots *slots)
{
	unsigned waiting;

	pthread_mutex_lock(&slots->lock);
	waiting = slots->waiting;
	pthread_mutex_unlock(&slots->lock);
	return waiting;
}
