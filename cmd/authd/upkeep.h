/*
 * What is done beside the requests: twice a second, hear of revocations that
 * other processes made, and give back memory that hashes no longer use; every
 * minute, remove what has expired.
 */
#ifndef AUTHD_UPKEEP_H
#define AUTHD_UPKEEP_H

#include "authd/app.h"

struct upkeep;

/* NULL: no thread could be started. current must outlive it. */
struct upkeep *upkeep_start(struct current *current);
/* Ends the threads and waits for them. */
void upkeep_stop(struct upkeep *upkeep);

#endif
