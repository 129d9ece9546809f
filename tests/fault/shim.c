/*
 * Preloaded into authd and authctl: sees each call that changes a database file
 * or waits for the disk, and does one of two things. It kills the process before
 * the n-th such call. And it writes what was asked for to a log, so that
 * a test can work out what a power cut would leave (cut.c). It then
 * does not wait for the disk: the log says what was on it. -shm is not
 * looked at; SQLite builds it anew.
 */
#include "shim.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static struct shim_control *control;
static int log_fd = -1;
/* the order of the log is the order of the calls */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void
shim_begin(void)
{
	const char *path = getenv(SHIM_CONTROL);
	void *map;
	int fd;

	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	map = mmap(
	    NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || map == MAP_FAILED)
		abort();
	close(fd);
	control = map;
	path = getenv(SHIM_LOG);
	if (path == NULL)
		return;
	log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (log_fd < 0)
		abort();
}

/* Which database file path names; SHIM_FILES: none. */
static enum shim_file
file_of(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-journal" };
	const char *name = strrchr(path, '/');
	unsigned i;

	name = name != NULL ? name + 1 : path;
	if (control == NULL || strncmp(name, SHIM_DB, strlen(SHIM_DB)) != 0)
		return SHIM_FILES;
	for (i = 0; i < SHIM_FILES; i++)
		if (strcmp(name + strlen(SHIM_DB), tails[i]) == 0)
			break;
	return (enum shim_file)i;
}

static enum shim_file
file_at(int fd)
{
	char link[64], path[4096];
	ssize_t n;

	if (control == NULL)
		return SHIM_FILES;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return SHIM_FILES;
	path[n] = '\0';
	return file_of(path);
}

/* One more call: the last one? */
static void
count(void)
{
	unsigned n = atomic_fetch_add(&control->calls, 1) + 1;

	if (n != atomic_load(&control->kill_at))
		return;
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

/* Under the lock. A record cut short by a kill is the last of its log. */
static void
note(enum shim_op op, enum shim_file file, int64_t offset, const void *data,
    size_t len)
{
	struct shim_record record = { (uint32_t)op, (uint32_t)file, offset,
		len };
	struct iovec parts[2] = { { &record, sizeof(record) },
		{ (void *)(uintptr_t)data, len } };

	if (log_fd < 0)
		return;
	if (writev(log_fd, parts, len > 0 ? 2 : 1) !=
	    (ssize_t)(sizeof(record) + len))
		abort();
}

/* offset -1: where the descriptor stands. */
static ssize_t
write_at(int fd, const void *data, size_t len, off64_t offset, bool seek)
{
	enum shim_file file = file_at(fd);
	off64_t at =
	    seek || file == SHIM_FILES ? offset : lseek64(fd, 0, SEEK_CUR);
	ssize_t n;

	if (file == SHIM_FILES)
		return seek ? syscall(SYS_pwrite64, fd, data, len, offset)
			    : syscall(SYS_write, fd, data, len);
	pthread_mutex_lock(&lock);
	count();
	n = seek ? syscall(SYS_pwrite64, fd, data, len, offset)
		 : syscall(SYS_write, fd, data, len);
	if (n > 0)
		note(SHIM_WRITE, file, at, data, (size_t)n);
	pthread_mutex_unlock(&lock);
	return n;
}

static int
cut_to(int fd, off64_t len)
{
	enum shim_file file = file_at(fd);
	int rc;

	if (file == SHIM_FILES)
		return (int)syscall(SYS_ftruncate, fd, len);
	pthread_mutex_lock(&lock);
	count();
	rc = (int)syscall(SYS_ftruncate, fd, len);
	if (rc == 0)
		note(SHIM_TRUNCATE, file, len, NULL, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}

static int
sync_file(int fd, long number)
{
	enum shim_file file = file_at(fd);

	if (file == SHIM_FILES)
		return (int)syscall(number, fd);
	pthread_mutex_lock(&lock);
	count();
	note(SHIM_SYNC, file, 0, NULL, 0);
	pthread_mutex_unlock(&lock);
	return 0;
}

EXPORT ssize_t
write(int fd, const void *data, size_t len)
{
	return write_at(fd, data, len, 0, false);
}

EXPORT ssize_t
pwrite(int fd, const void *data, size_t len, off_t offset)
{
	return write_at(fd, data, len, offset, true);
}

EXPORT ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	return write_at(fd, data, len, offset, true);
}

EXPORT int
ftruncate(int fd, off_t len)
{
	return cut_to(fd, len);
}

EXPORT int
ftruncate64(int fd, off64_t len)
{
	return cut_to(fd, len);
}

EXPORT int
fsync(int fd)
{
	return sync_file(fd, SYS_fsync);
}

EXPORT int
fdatasync(int fd)
{
	return sync_file(fd, SYS_fdatasync);
}

EXPORT int
unlink(const char *path)
{
	enum shim_file file = file_of(path);
	int rc;

	if (file == SHIM_FILES)
		return unlinkat(AT_FDCWD, path, 0);
	pthread_mutex_lock(&lock);
	count();
	rc = unlinkat(AT_FDCWD, path, 0);
	if (rc == 0)
		note(SHIM_UNLINK, file, 0, NULL, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}
