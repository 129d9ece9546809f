/*
 * The thread that removes what has expired, a little at a time.
 */
#ifndef AUTHD_PURGE_H
#define AUTHD_PURGE_H

#include "authd/app.h"

struct purge;

/* NULL: no thread could be started. current must outlive it. */
struct purge *purge_start(struct current *current);
/* Ends the thread and waits for it. */
void purge_stop(struct purge *purge);

#endif
