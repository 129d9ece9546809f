/*
 * The disk under a log, whose waits a test counts, holds up and lets fail. What
 * replaces fdatasync is the test's own and calls disk_wait.
 */
#ifndef TEST_STORE_SQLITE_DISK_H
#define TEST_STORE_SQLITE_DISK_H

#include <pthread.h>
#include <stdbool.h>

struct disk {
	pthread_mutex_t lock;
	pthread_cond_t change;
	unsigned waits, waiting; /* so far, and now */
	bool stands; /* whoever waits goes on when it does not any more */
	bool fails;
};

#define DISK_INIT                                  \
	{                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER, \
		.change = PTHREAD_COND_INITIALIZER \
	}

/* Whether the name of the file ends so, four characters long. */
bool is_file(int fd, const char *end);

/* Wait for it; false when that fails. */
bool disk_wait(struct disk *disk);
void disk_stands(struct disk *disk, bool stands);
/* Until so many wait. */
void disk_await(struct disk *disk, unsigned number);

#endif
