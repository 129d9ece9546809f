/*
 * Threads that compute password hashes, and a bounded queue before them.
 */
#ifndef AT_ACCOUNT_SLOTS_H
#define AT_ACCOUNT_SLOTS_H

#include <authtok.h>

struct at_slots;

#define AT_SLOTS_MAX 1024

typedef void at_slots_work(void *arg);

/* Starts the threads, of low priority and with all signals blocked. count 0:
 * as many as there are processors. EINVAL, ENOMEM. */
enum authtok_err at_slots_new(
    unsigned count, unsigned queue, struct at_slots **ret_slots);
/* Ends the threads; no at_slots_run may be under way. NULL is ignored. */
void at_slots_free(struct at_slots *slots);

/*
 * Have one of the threads do the work, in order of arrival, and wait until it
 * is done. Any thread, any number at once. EBUSY, at once: the queue is full.
 */
enum authtok_err at_slots_run(
    struct at_slots *slots, at_slots_work *work, void *arg);

/* For tests: how many callers wait for a thread now. */
unsigned at_slots_waiting(struct at_slots *slots);

#endif
