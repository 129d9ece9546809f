/*
 * Slowing down those who guess passwords: by account and network prefix, by
 * account, and by prefix.
 */
#ifndef AT_ACCOUNT_THROTTLE_H
#define AT_ACCOUNT_THROTTLE_H

#include <authtok.h>

struct at_throttle;

/* The three things that failures are counted by. */
enum at_throttle_kind {
	AT_THROTTLE_PAIR = 0, /* one account from one prefix */
	AT_THROTTLE_ACCOUNT = 1,
	AT_THROTTLE_PREFIX = 2,
	AT_THROTTLE_KINDS = 3,
};

/* The longest delays, as multiples of the longest for an account: a pair hurts
 * nobody else, a prefix is shared by people who do not know each other. */
#define AT_THROTTLE_PAIR_TIMES   10
#define AT_THROTTLE_PREFIX_TIMES 4

/* free_of: failures without delay, by kind; delay_max: 1 to 30.
 * EINVAL, ENOMEM. */
enum authtok_err at_throttle_new(const unsigned free_of[AT_THROTTLE_KINDS],
    unsigned delay_max, struct at_throttle **ret_throttle);
void at_throttle_free(struct at_throttle *throttle);

/* How an attempt ended. */
enum at_throttle_end {
	AT_THROTTLE_FAILED = 0,  /* unknown name or wrong password */
	AT_THROTTLE_PASSED = 1,  /* signed in: forgives the pair */
	AT_THROTTLE_NEITHER = 2, /* nothing was learnt: as if never tried */
};

/* An attempt that is under way. */
struct at_throttle_ticket {
	uint64_t tags[AT_THROTTLE_KINDS];
};

/*
 * Ask for an attempt at name from address (text, may be NULL) at the time now.
 * While so many attempts at the same are under way that their failure would
 * mean a delay, waits for them to end. Each OK must be followed by one
 * at_throttle_finish.
 * ETHROTTLED: *ret_wait is set to the seconds until another try, 1 or more.
 * EBUSY: more attempts are under way than can be counted.
 */
enum authtok_err at_throttle_begin(struct at_throttle *throttle,
    const char *name, const char *address, int64_t now,
    struct at_throttle_ticket *ret_ticket, unsigned *ret_wait);
void at_throttle_finish(struct at_throttle *throttle,
    const struct at_throttle_ticket *ticket, int64_t now,
    enum at_throttle_end end);

#endif
