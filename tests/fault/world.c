/*
 * authd under the preloaded library. What may be known here: the HTTP contract
 * and the names of the database files.
 */
#include "world.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

void
world_make(struct world *w, const char *members)
{
	int fd;

	memset(w, 0, sizeof(*w));
	authd_make(&w->server, members);
	authd_path(
	    &w->server, "control", w->control_path, sizeof(w->control_path));
	authd_path(&w->server, "calls", w->log_path, sizeof(w->log_path));
	fd = open(w->control_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, sizeof(*w->control)), 0);
	w->control = mmap(NULL, sizeof(*w->control), PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(w->control, MAP_FAILED);
	close(fd);
}

void
world_remove(struct world *w)
{
	munmap(w->control, sizeof(*w->control));
	authd_remove(&w->server);
}

/*
 * The library stands before the runtime of AddressSanitizer, which only wants to
 * be first to be asked; it calls the kernel itself, so nothing is lost.
 */
static void
allow_order(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char text[512];

	if (options != NULL && strstr(options, "verify_asan_link_order"))
		return;
	snprintf(text, sizeof(text), "%s%sverify_asan_link_order=0",
	    options != NULL ? options : "", options != NULL ? ":" : "");
	setenv("ASAN_OPTIONS", text, 1);
}

void
world_shim_on(const struct world *w, bool log)
{
	const char *build = getenv("BUILD");
	char path[4096];

	ck_assert_msg(build != NULL, "BUILD is not set");
	snprintf(path, sizeof(path), "%s/tests/fault/shim.so", build);
	ck_assert_int_eq(access(path, R_OK), 0);
	allow_order();
	setenv("LD_PRELOAD", path, 1);
	setenv(SHIM_CONTROL, w->control_path, 1);
	if (log)
		setenv(SHIM_LOG, w->log_path, 1);
}

void
world_shim_off(void)
{
	unsetenv("LD_PRELOAD");
	unsetenv(SHIM_CONTROL);
	unsetenv(SHIM_LOG);
}

void
world_start(struct world *w, bool shim, bool log)
{
	if (shim)
		world_shim_on(w, log);
	authd_start(&w->server);
	world_shim_off();
}

void
world_arm(struct world *w, unsigned n)
{
	atomic_store(&w->control->kill_at, 0);
	atomic_store(&w->control->calls, 0);
	atomic_store(&w->control->kill_at, n);
}

bool
world_killed(struct world *w)
{
	unsigned at = atomic_load(&w->control->kill_at);
	bool reached = at != 0 && atomic_load(&w->control->calls) >= at;

	if (!reached || w->other_died)
		kill(w->server.pid, SIGKILL);
	w->other_died = false;
	ck_assert_int_eq(authd_wait(&w->server), 128 + SIGKILL);
	world_arm(w, 0);
	return reached;
}

unsigned
number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);

	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

int
post(struct answer *a, const struct world *w, const char *path,
    const char *body, const char *header_line)
{
	const char *headers[] = { header_line, NULL };

	if (!fetch(
		a, w->server.port, "POST", path, body, strlen(body), headers))
		return 0;
	look_over(a, path, true);
	return a->status;
}

int
try_sign_up(struct answer *a, const struct world *w, const char *name)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "{\"username\":\"%s\",\"email\":\"%s@example.org\","
	    "\"password\":\"" PASSWORD "\"}",
	    name, name);
	return post(a, w, SIGNUP, body, NULL);
}

void
holder_sign_in(struct holder *h, const struct world *w)
{
	sign_in(&w->server, h->name, &h->pair);
	h->generation++;
}

int
holder_refresh(struct holder *h, const struct world *w, struct answer *a)
{
	char body[512], line[128];

	snprintf(
	    body, sizeof(body), "{\"refreshToken\":\"%s\"}", h->pair.refresh);
	snprintf(line, sizeof(line), "Authtok-Retry-Key: %s-%u", h->name,
	    h->generation);
	if (post(a, w, REFRESH, body, h->keyed ? line : NULL) == 200) {
		take_pair(a, &h->pair);
		h->generation++;
	}
	return a->status;
}

void
holder_goes_on(struct holder *h, const struct world *w)
{
	struct answer a;

	holder_refresh(h, w, &a);
	ck_assert_msg(a.status == 200, "%s (%s) does not go on: %d\n%s%s",
	    h->name, h->keyed ? "keyed" : "plain", a.status, a.head, a.body);
}
