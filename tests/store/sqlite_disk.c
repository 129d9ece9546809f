/*
 * See sqlite_disk.h.
 */
#include "sqlite_disk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
is_file(int fd, const char *end)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path));
	return n > 4 && memcmp(path + n - 4, end, 4) == 0;
}

bool
disk_wait(struct disk *disk)
{
	bool fails;

	pthread_mutex_lock(&disk->lock);
	disk->waits++;
	disk->waiting++;
	pthread_cond_broadcast(&disk->change);
	while (disk->stands)
		pthread_cond_wait(&disk->change, &disk->lock);
	disk->waiting--;
	fails = disk->fails;
	pthread_mutex_unlock(&disk->lock);
	return !fails;
}

void
disk_stands(struct disk *disk, bool stands)
{
	pthread_mutex_lock(&disk->lock);
	disk->stands = stands;
	pthread_cond_broadcast(&disk->change);
	pthread_mutex_unlock(&disk->lock);
}

void
disk_await(struct disk *disk, unsigned number)
{
	pthread_mutex_lock(&disk->lock);
	while (disk->waiting < number)
		pthread_cond_wait(&disk->change, &disk->lock);
	pthread_mutex_unlock(&disk->lock);
}
