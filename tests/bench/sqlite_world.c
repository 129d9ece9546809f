/*
 * See sqlite_world.h. Rows are filled in by plain SQL: a million sign-ins by
 * the API would each wait for the disk.
 */
#include "bench/sqlite_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "session/refresh.h"

#define CLIENTS_MAX  200000
#define ROTATION_LEN (4 * 4 + 8 + 1 + 8 * 12)
#define SECRET       "0123456789abcdef0123456789abcdef"
#define AGENT        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefo"

static char folder[128];

static void
remove_folder(void)
{
	const struct dirent *entry;
	DIR *dir = opendir(folder);
	char path[400];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(folder);
}

const char *
world_folder(void)
{
	const char *base = getenv("TMPDIR");

	if (folder[0] != '\0')
		return folder;
	if (base == NULL || strlen(base) > sizeof(folder) - 32)
		base = "/tmp";
	snprintf(folder, sizeof(folder), "%s/authtok-bench-XXXXXX", base);
	bench_check(mkdtemp(folder) != NULL);
	atexit(remove_folder);
	return folder;
}

/* Steele, Lea and Flood's splitmix64: the same rows in every run. */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static void
bytes_of(uint64_t number, uint64_t salt, uint8_t out[16])
{
	uint64_t words[2] = { mix(number * 4 + salt), mix(~number * 4 + salt) };

	memcpy(out, words, sizeof(words));
}

static void
exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_die("%s: %s", sql, sqlite3_errmsg(db));
}

static int64_t
pages(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	int64_t count;

	bench_check(sqlite3_prepare_v2(
			db, "PRAGMA page_count", -1, &stmt, NULL) == SQLITE_OK);
	bench_check(sqlite3_step(stmt) == SQLITE_ROW);
	count = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return count;
}

static void
fill_users(sqlite3 *db, size_t users)
{
	char sql[512];

	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %zu) INSERT INTO users SELECT i, 1, 1, 1, 0,"
	    " 'user' || i, 'user' || i || '@example.org',"
	    " '$argon2id$v=19$m=19456,t=2,p=1$' || hex(zeroblob(34)), 'user'"
	    " FROM n",
	    users);
	exec(db, sql);
}

static void
fill_sessions(sqlite3 *db, size_t count, size_t users, size_t dead_of)
{
	static const uint8_t rotation[ROTATION_LEN];
	int64_t now = (int64_t)time(NULL);
	uint8_t sid[16], seed[16];
	sqlite3_stmt *stmt;

	bench_check(sqlite3_prepare_v2(db,
			"INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, 0, ?3,"
			" ?5, ?6, ?7, '192.0.2.200', '" AGENT "')",
			-1, &stmt, NULL) == SQLITE_OK);
	for (size_t i = 0; i < count; i++) {
		bool dead = dead_of > 0 && i % dead_of == 0;

		bytes_of(i, 0, sid);
		bytes_of(i, 1, seed);
		sqlite3_bind_int64(stmt, 1, (int64_t)i + 1);
		sqlite3_bind_int64(stmt, 2, (int64_t)(mix(i) % users) + 1);
		sqlite3_bind_int64(stmt, 3, now);
		sqlite3_bind_int64(stmt, 4, dead ? 5 : now + 2592000);
		sqlite3_bind_blob(stmt, 5, sid, 16, SQLITE_STATIC);
		sqlite3_bind_blob(stmt, 6, seed, 16, SQLITE_STATIC);
		sqlite3_bind_blob(
		    stmt, 7, rotation, ROTATION_LEN, SQLITE_STATIC);
		bench_check(sqlite3_step(stmt) == SQLITE_DONE);
		sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
}

/* What was filled in is on the disk before anything is measured. */
static void
settle(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	bench_check(fd >= 0 && fsync(fd) == 0);
	close(fd);
}

void
world_fill(struct world *world, size_t sessions, size_t dead_of)
{
	size_t users = sessions / WORLD_USER_OF;
	int64_t before;
	sqlite3 *db;

	memset(world, 0, sizeof(*world));
	world->sessions = sessions;
	snprintf(world->path, sizeof(world->path), "%s/%zu.db", world_folder(),
	    sessions);
	/* its own schema */
	bench_check(authtok_store_sqlite(world->path, &world->store, NULL, 0) ==
	    AUTHTOK_OK);
	authtok_store_close(world->store);
	bench_check(sqlite3_open(world->path, &db) == SQLITE_OK);
	exec(db,
	    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
	    "PRAGMA cache_size = -2000000; BEGIN");
	fill_users(db, users);
	before = pages(db);
	fill_sessions(db, sessions, users, dead_of);
	world->session_bytes =
	    (double)(pages(db) - before) * 4096 / (double)sessions;
	exec(db, "COMMIT; PRAGMA journal_mode = WAL");
	bench_check(sqlite3_close(db) == SQLITE_OK);
	settle(world->path);
}

static void
pick_clients(struct world *world, const struct authtok_keys *keys, size_t count)
{
	struct authtok_session row;
	struct at_refresh *refresh;

	world->client_count = count;
	world->clients = calloc(count, sizeof(*world->clients));
	bench_check(world->clients != NULL);
	bench_check(at_refresh_new(keys, &refresh) == AUTHTOK_OK);
	memset(&row, 0, sizeof(row));
	for (size_t i = 0; i < count; i++) {
		/* odd ones: those never are over */
		size_t at = (world->sessions / count) * i | 1;

		bytes_of(at, 0, row.sid);
		bytes_of(at, 1, row.seed);
		memcpy(world->clients[i].sid, row.sid, sizeof(row.sid));
		bench_check(at_refresh_make(refresh, &row,
				world->clients[i].token) == AUTHTOK_OK);
	}
	at_refresh_free(refresh);
	for (size_t i = count - 1; i > 0; i--) {
		size_t j = mix(i) % i;
		struct world_client swap = world->clients[i];

		world->clients[i] = world->clients[j];
		world->clients[j] = swap;
	}
}

void
world_open(struct world *world)
{
	struct authtok_sessions_config sc = AUTHTOK_SESSIONS_CONFIG_INIT;
	struct authtok_config config = AUTHTOK_CONFIG_INIT;
	struct authtok_keys *keys;
	size_t count = world->sessions / 2;

	config.issuer = "https://auth.example.org";
	config.audience = "https://api.example.org";
	bench_check(authtok_keys_new(&keys) == AUTHTOK_OK);
	bench_check(authtok_keys_add_hmac(keys, "k1", AUTHTOK_HS256, SECRET, 32,
			true) == AUTHTOK_OK);
	bench_check(
	    authtok_keys_add_refresh(keys, 1, SECRET, 32, true) == AUTHTOK_OK);
	bench_check(
	    authtok_keys_add_audit(keys, 1, SECRET, 32, true) == AUTHTOK_OK);
	bench_check(authtok_new(&config, keys, &world->engine) == AUTHTOK_OK);
	bench_check(authtok_audit_new(keys, &world->audit) == AUTHTOK_OK);
	bench_check(authtok_store_sqlite(world->path, &world->store, NULL, 0) ==
	    AUTHTOK_OK);
	sc.max_per_user = 0;
	sc.audit = world->audit;
	bench_check(authtok_sessions_new(&sc, world->engine, keys, world->store,
			&world->service) == AUTHTOK_OK);
	pick_clients(world, keys, count < CLIENTS_MAX ? count : CLIENTS_MAX);
	authtok_keys_free(keys);
}

void
world_close(struct world *world)
{
	authtok_sessions_free(world->service);
	authtok_audit_free(world->audit);
	authtok_free(world->engine);
	authtok_store_close(world->store);
	free(world->clients);
}

void
world_remove(struct world *world)
{
	unlink(world->path);
}

struct world_client *
world_turn(struct world *world)
{
	struct world_client *client = &world->clients[world->next++];

	if (world->next == world->client_count)
		world->next = 0;
	return client;
}

void
world_refresh(struct world *world, struct world_client *client)
{
	const struct authtok_client who = { sizeof(who), "192.0.2.200", AGENT };
	struct authtok_tokens tokens;
	enum authtok_outcome outcome;

	/* for speed only the size is filled in */
	tokens.size = sizeof(tokens);
	bench_check(authtok_session_refresh(world->service, client->token,
			AUTHTOK_REFRESH_LEN, NULL, &who, &outcome,
			&tokens) == AUTHTOK_OK);
	bench_check(outcome == AUTHTOK_ROTATED);
	memcpy(client->token, tokens.refresh, sizeof(client->token));
}

void
world_refreshes(void *world, size_t count)
{
	while (count-- > 0)
		world_refresh(world, world_turn(world));
}

uint64_t
world_written(void)
{
	char line[64];
	unsigned long long value = 0;
	FILE *file = fopen("/proc/self/io", "r");

	bench_check(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "wchar: %llu", &value) == 1)
			break;
	fclose(file);
	return value;
}

off_t
world_file_size(const char *path)
{
	struct stat st;

	bench_check(stat(path, &st) == 0);
	return st.st_size;
}

void
world_copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = 1;

	bench_check(in >= 0 && out >= 0);
	while (n > 0)
		n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
	bench_check(n == 0);
	close(in);
	close(out);
	settle(to);
}
