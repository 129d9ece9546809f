/*
 * At most so many password hashes at once, and a bounded queue before them.
 */
#ifndef AT_ACCOUNT_SLOTS_H
#define AT_ACCOUNT_SLOTS_H

#include <authtok.h>

struct at_slots;

#define AT_SLOTS_MAX 1024

/* slots 0: as many as there are processors. EINVAL, ENOMEM. */
enum authtok_err at_slots_new(
    unsigned slots, unsigned queue, struct at_slots **ret_slots);
void at_slots_free(struct at_slots *slots);

/* Wait for a turn, in order of arrival. EBUSY, at once: the queue is full. */
enum authtok_err at_slots_enter(struct at_slots *slots);
void at_slots_leave(struct at_slots *slots);

/* For tests: how many callers wait now. */
unsigned at_slots_waiting(struct at_slots *slots);

#endif
