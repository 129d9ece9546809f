/* See pgsql_server.h. */
#include "pgsql_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 64

/* Debian keeps the programs of each version in a folder of its own. */
static bool
find_programs(struct pg_server *server)
{
	glob_t found;
	const char *path;
	size_t i;

	if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0) {
		path = found.gl_pathv[found.gl_pathc - 1];
		i = (size_t)(strrchr(path, '/') - path);
		if (i < sizeof(server->bin))
			memcpy(server->bin, path, i);
		globfree(&found);
		return server->bin[0] != '\0';
	}
	if (access("/usr/bin/postgres", X_OK) == 0)
		strcpy(server->bin, "/usr/bin");
	else if (access("/usr/local/bin/postgres", X_OK) == 0)
		strcpy(server->bin, "/usr/local/bin");
	return server->bin[0] != '\0';
}

void
pg_server_become(void)
{
	const struct passwd *user;

	if (geteuid() != 0)
		return;
	user = getpwnam("postgres");
	if (user == NULL || setgroups(0, NULL) != 0 ||
	    setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)
		_exit(126);
}

/* Its output goes to the log; it ends when this process does. */
static pid_t
run(const struct pg_server *server, const char *program,
    const char *const words[WORDS_MAX])
{
	char path[256], *argv[WORDS_MAX];
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	pg_server_become();
	prctl(PR_SET_PDEATHSIG, SIGQUIT);
	snprintf(path, sizeof(path), "%s/log", server->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	snprintf(path, sizeof(path), "%s/%s", server->bin, program);
	memcpy(argv, words, sizeof(argv)); /* execv only reads them */
	argv[0] = path;                    /* by which it finds the others */
	execv(path, argv);
	_exit(127);
}

static bool
finish(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	    WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool
make_folder(struct pg_server *server)
{
	const char *base = getenv("TMPDIR");
	const struct passwd *user = getpwnam("postgres");

	if (base == NULL || strlen(base) > 24)
		base = "/tmp";
	snprintf(
	    server->dir, sizeof(server->dir), "%s/authtok-pg-XXXXXX", base);
	if (mkdtemp(server->dir) == NULL)
		return false;
	if (geteuid() != 0)
		return true;
	return user != NULL && chown(server->dir, user->pw_uid, 0) == 0;
}

static bool
make_cluster(const struct pg_server *server)
{
	char data[96];
	const char *const words[WORDS_MAX] = { "initdb", "--no-sync",
		"--auth=trust", "--username=postgres", "--encoding=UTF8",
		"--locale=C", "-D", data };

	snprintf(data, sizeof(data), "%s/data", server->dir);
	return finish(run(server, "initdb", words));
}

/* It says so itself nowhere that one could wait for. */
static bool
await_ready(const struct pg_server *server)
{
	const struct timespec pause = { 0, 2000000 };
	int status;

	for (int i = 0; i < 30000; i++) {
		if (PQping(server->conninfo) == PQPING_OK)
			return true;
		if (waitpid(server->pid, &status, WNOHANG) != 0)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}

bool
pg_server_start(struct pg_server *server)
{
	char data[96], sockets[112];
	const char *words[WORDS_MAX] = { "postgres", "-D", data, "-c", sockets,
		"-c", "listen_addresses=" };
	size_t n = 7;

	snprintf(data, sizeof(data), "%s/data", server->dir);
	snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s",
	    server->dir);
	for (size_t i = 0; server->options[i] != NULL && n + 2 < WORDS_MAX;
	     i++) {
		words[n++] = "-c";
		words[n++] = server->options[i];
	}
	server->pid = run(server, "postgres", words);
	if (server->pid > 0 && await_ready(server))
		return true;
	server->pid = 0;
	return false;
}

static void
stop_by(struct pg_server *server, int signal)
{
	if (server->pid <= 0)
		return;
	kill(server->pid, signal);
	kill(server->pid, SIGCONT); /* a test may have left it stopped */
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void
pg_server_stop(struct pg_server *server)
{
	stop_by(server, SIGINT);
}

static void
remove_tree(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0) {
		unlinkat(at, name, 0);
		return;
	}
	dir = fdopendir(fd);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			remove_tree(fd, entry->d_name);
	closedir(dir);
	unlinkat(at, name, AT_REMOVEDIR);
}

void
pg_server_remove(struct pg_server *server)
{
	stop_by(server, SIGQUIT);
	remove_tree(AT_FDCWD, server->dir);
}

static bool
give_up(struct pg_server *server, const char *why)
{
	printf("# PostgreSQL: %s\n", why);
	if (server->dir[0] != '\0')
		pg_server_remove(server);
	return false;
}

bool
pg_server_make(struct pg_server *server, const char *const *options)
{
	memset(server, 0, sizeof(*server));
	server->options = options;
	if (!find_programs(server))
		return give_up(
		    server, "there is no server here (Debian: postgresql)");
	if (!make_folder(server))
		return give_up(server, "no folder for it, or no user postgres");
	snprintf(server->conninfo, sizeof(server->conninfo),
	    "host=%s user=postgres dbname=postgres", server->dir);
	if (!make_cluster(server))
		return give_up(server, "initdb fails");
	if (!pg_server_start(server))
		return give_up(server, "it does not start");
	return true;
}

const char *
pg_server_pgbench(const struct pg_server *server)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/pgbench", server->bin);
	if (access(path, X_OK) == 0)
		return path;
	return access("/usr/bin/pgbench", X_OK) == 0 ? "/usr/bin/pgbench" : "";
}
