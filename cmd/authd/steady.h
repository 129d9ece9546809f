/*
 * Waiting by the clock that nobody sets (CLOCK_MONOTONIC).
 */
#ifndef AUTHD_STEADY_H
#define AUTHD_STEADY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* A condition whose timed waits go by it. */
bool steady_cond_init(pthread_cond_t *cond);

/* Milliseconds. */
int64_t steady_now_ms(void);

/* So many milliseconds from now. */
struct timespec steady_in(unsigned ms);

#endif
