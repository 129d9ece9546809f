/*
 * A user with a few sessions, and threads that each do something with one of
 * them, one behind the other in the queue before the writer.
 */
#ifndef TEST_STORE_SQLITE_GROUP_H
#define TEST_STORE_SQLITE_GROUP_H

#include "sqlite_util.h"

#include <pthread.h>

#define GROUP 8
#define BAD   3 /* the one that fails when it has written */

struct member {
	pthread_t thread;
	struct authtok_store *store;
	uint32_t number; /* of its session, below GROUP */
	enum authtok_err err;
};

/* The user with the GROUP sessions, all on the disk. */
struct authtok_store *open_group(const char *path, int64_t *ret_id);

/* Bodies: revoke the session, with a record; or rotate it. BAD's fail. */
void *revoke_member(void *arg);
void *rotate_member(void *arg);

void start_member(struct member *member, struct authtok_store *store,
    uint32_t number, void *(*body)(void *));
void join_member(struct member *member);
/* All members queue up behind the writer, which is ours, then it is free. */
void start_group(struct authtok_store *store, struct member members[GROUP],
    void *(*body)(void *));
/* The same, until all are done. */
void run_group(struct authtok_store *store, struct member members[GROUP],
    void *(*body)(void *));

#endif
