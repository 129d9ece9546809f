/*
 * What a power cut leaves. A file is what was in it at the last sync, and of
 * the calls since then any part: the log of the preloaded library (shim.c)
 * tells them apart. A name is taken to be on disk with the first sync of its
 * file, and its removal at once, as journaling file systems order them.
 */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512

struct image {
	bool exists;
	uint8_t *data;
	size_t len, cap;
	const uint8_t *synced; /* end of the last sync in the log */
};

static void
resize(struct image *m, size_t len)
{
	if (len > m->cap) {
		m->cap = len * 2;
		m->data = realloc(m->data, m->cap);
		ck_assert_ptr_nonnull(m->data);
	}
	if (len > m->len)
		memset(m->data + m->len, 0, len - m->len);
	m->len = len;
}

static void
load(const char *path, struct image *m)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	memset(m, 0, sizeof(*m));
	if (fd < 0) {
		ck_assert_int_eq(errno, ENOENT);
		return;
	}
	ck_assert_int_eq(fstat(fd, &st), 0);
	m->exists = true;
	resize(m, (size_t)st.st_size);
	ck_assert_int_eq(read(fd, m->data, m->len), (ssize_t)m->len);
	close(fd);
}

static void
save(const char *path, const struct image *m)
{
	int fd;

	if (!m->exists) {
		(void)unlink(path);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, m->data, m->len), (ssize_t)m->len);
	close(fd);
}

/* One call; of a write only the first len bytes. */
static void
apply(struct image *m, const struct shim_record *r, const uint8_t *data,
    size_t len)
{
	size_t end = (size_t)r->offset + len;

	switch ((enum shim_op)r->op) {
	case SHIM_WRITE:
		m->exists = true;
		if (end > m->len)
			resize(m, end);
		memcpy(m->data + r->offset, data, len);
		break;
	case SHIM_TRUNCATE:
		resize(m, (size_t)r->offset);
		break;
	case SHIM_UNLINK:
		m->exists = false;
		m->len = 0;
		break;
	case SHIM_SYNC:
		break;
	}
}

/* The next record at *at, or false at the end or at one that was cut short. */
static bool
next_record(const uint8_t **at, const uint8_t *end, struct shim_record *r,
    const uint8_t **data)
{
	if ((size_t)(end - *at) < sizeof(*r))
		return false;
	memcpy(r, *at, sizeof(*r));
	*data = *at + sizeof(*r);
	if ((uint64_t)(end - *data) < r->len)
		return false;
	ck_assert_uint_lt(r->file, SHIM_FILES);
	*at = *data + r->len;
	return true;
}

/* How much of an un-synced write is on the disk. */
static size_t
kept(const struct shim_record *r, unsigned keep, unsigned *seed)
{
	if ((unsigned)rand_r(seed) % 256 >= keep)
		return 0;
	if (rand_r(seed) % 8 == 0)
		return (size_t)rand_r(seed) % (r->len / SECTOR + 1) * SECTOR;
	return r->len;
}

static void
replay(struct image images[SHIM_FILES], const struct image *log, unsigned keep,
    unsigned *seed)
{
	const uint8_t *at = log->data, *end = log->data + log->len, *data;
	struct shim_record r;
	size_t len;

	while (next_record(&at, end, &r, &data))
		if (r.op == SHIM_SYNC || r.op == SHIM_UNLINK)
			images[r.file].synced = at;
	at = log->data;
	while (next_record(&at, end, &r, &data)) {
		struct image *m = &images[r.file];
		bool durable = m->synced != NULL && at <= m->synced;

		len = durable ? (size_t)r.len : kept(&r, keep, seed);
		if (durable || len > 0 || (r.len == 0 && keep > 0))
			apply(m, &r, data, len);
	}
}

/*
 * The files at the start of a log are kept beside it: with them
 * a log is enough.
 */
void
cut_power(const char *path, const char *log_path, unsigned keep, unsigned *seed)
{
	static const char *const tails[] = { "", "-wal", "-journal" };
	struct image images[SHIM_FILES], log;
	char name[512], base[512];
	unsigned i;

	load(log_path, &log);
	for (i = 0; i < SHIM_FILES; i++) {
		snprintf(base, sizeof(base), "%s.base%u", log_path, i);
		load(base, &images[i]);
	}
	replay(images, &log, keep, seed);
	for (i = 0; i < SHIM_FILES; i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		snprintf(base, sizeof(base), "%s.base%u", log_path, i);
		save(name, &images[i]);
		save(base, &images[i]);
		free(images[i].data);
	}
	free(log.data);
	snprintf(name, sizeof(name), "%s-shm", path);
	(void)unlink(name);
	(void)unlink(log_path);
}

void
world_cut_power(struct world *w, unsigned keep, unsigned *seed)
{
	char path[160];

	ck_assert_int_eq(w->server.pid, 0);
	authd_path(&w->server, SHIM_DB, path, sizeof(path));
	cut_power(path, w->log_path, keep, seed);
}

/* Read only: who closes last would empty the log, behind the back of ours. */
void
look_for_damage(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;

	ck_assert_int_eq(
	    sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL),
	    SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}
