/*
 * A client that no accident signs out: the client rule of authtok-rotation(7),
 * with libcurl and a file. The file has four lines: base address, access token,
 * refresh token, retry key. It is replaced in one step, and locked meanwhile, so
 * that any number of processes may use it at once.
 *
 *	client FILE signin BASE NAME      the password on standard input
 *	client FILE refresh [COUNT]
 *	client FILE get PATH
 */
#include <cjson/cJSON.h>
#include <curl/curl.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE  4200
#define TRIES 30 /* of one refresh, some 11 seconds when answers come at once */

struct state {
	char base[LINE], access[LINE], refresh[LINE], key[LINE];
};

struct reply {
	long status; /* 0: none came */
	size_t len;
	char body[16384];
};

/* ---- the store: read and replaced under a lock ---------------------------- */

static int
lock(const char *file)
{
	char name[4096];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", file);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		perror(name);
		exit(1);
	}
	return fd;
}

static bool
load(const char *file, struct state *s)
{
	char *lines[] = { s->base, s->access, s->refresh, s->key };
	FILE *f = fopen(file, "r");
	size_t i;

	memset(s, 0, sizeof(*s));
	if (f == NULL) {
		perror(file);
		return false;
	}
	for (i = 0; i < 4 && fgets(lines[i], LINE, f) != NULL; i++)
		lines[i][strcspn(lines[i], "\n")] = '\0';
	fclose(f);
	return s->refresh[0] != '\0';
}

/* On disk before it counts: a crash leaves the old state or the new. */
static void
save(const char *file, const struct state *s)
{
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s.new", file);
	f = fopen(name, "w");
	if (f == NULL ||
	    fprintf(f, "%s\n%s\n%s\n%s\n", s->base, s->access, s->refresh,
		s->key) < 0 ||
	    fflush(f) != 0 || fsync(fileno(f)) != 0 || fclose(f) != 0 ||
	    rename(name, file) != 0) {
		perror(name);
		exit(1);
	}
}

/* ---- HTTP ------------------------------------------------------------------ */

static size_t
receive(char *data, size_t size, size_t count, void *arg)
{
	struct reply *reply = arg;
	size_t len = size * count;

	if (len >= sizeof(reply->body) - reply->len)
		return 0;
	memcpy(reply->body + reply->len, data, len);
	reply->len += len;
	reply->body[reply->len] = '\0';
	return len;
}

/* POST a body, or GET when it is NULL. A half reply is none. */
static void
request(CURL *curl, const char *base, const char *path, const char *header,
    const char *body, struct reply *reply)
{
	struct curl_slist *headers = NULL;
	char url[2 * LINE];

	memset(reply, 0, sizeof(*reply));
	snprintf(url, sizeof(url), "%s%s", base, path);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, header);
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (curl_easy_perform(curl) == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
	else
		reply->status = 0;
	curl_slist_free_all(headers);
}

/* Both tokens of an answer into the state. */
static bool
take_tokens(const struct reply *reply, struct state *s)
{
	cJSON *json = cJSON_Parse(reply->body);
	const char *access = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(json, "accessToken"));
	const char *refresh = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(json, "refreshToken"));
	bool ok = access != NULL && refresh != NULL && strlen(access) < LINE &&
	    strlen(refresh) < LINE;

	if (ok) {
		snprintf(s->access, LINE, "%s", access);
		snprintf(s->refresh, LINE, "%s", refresh);
		s->key[0] = '\0';
	}
	cJSON_Delete(json);
	return ok;
}

/* ---- the client rule; the lock is held, so refreshes are coalesced --------- */

/* 1. The retry key is stored beside the token before it is sent. */
static bool
load_pair(const char *file, struct state *s)
{
	unsigned char random[16];
	size_t i;

	if (!load(file, s))
		return false;
	if (s->key[0] != '\0')
		return true;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		abort();
	for (i = 0; i < sizeof(random); i++)
		snprintf(s->key + 2 * i, 3, "%02x", random[i]);
	save(file, s);
	return true;
}

/* What may be another by the next try: no answer, and these. */
static bool
may_get_better(long status)
{
	return status == 0 || status == 408 || status == 429 || status >= 500;
}

static void
say(const struct reply *reply)
{
	if (reply->status == 0)
		fprintf(stderr, "refresh failed: no answer\n");
	else
		fprintf(stderr, "refresh failed: status %ld: %s\n",
		    reply->status, reply->body);
}

/* 1: a newer pair is stored; 0: to be tried again; -1: no use, and why is said.
 * 403 means that the session is over; the others are no verdict on it. */
static int
attempt(CURL *curl, const char *file, struct state *s, bool last)
{
	char body[LINE + 32], header[LINE + 32];
	struct reply reply;

	snprintf(body, sizeof(body), "{\"refreshToken\":\"%s\"}", s->refresh);
	snprintf(header, sizeof(header), "Authtok-Retry-Key: %s", s->key);
	request(curl, s->base, "/api/auth/refreshtoken", header, body, &reply);
	if (reply.status == 200 && take_tokens(&reply, s)) {
		save(file, s);
		return 1;
	}
	/* not 409, superseded: nobody but us has the store, so nothing newer is
	 * there; 200 without tokens is no answer of ours */
	if (!last && (may_get_better(reply.status) || reply.status == 200))
		return 0;
	say(&reply);
	return -1;
}

/*
 * 2. The same request, with the same key, until an answer comes, or it is too
 * long in coming: the pair stays stored for the next time. Whoever waited for
 * the lock goes on from what is stored then. access is the token that was
 * seen to expire, or NULL: if another one is stored by now, that will do.
 */
static bool
refresh(CURL *curl, const char *file, const char *access)
{
	struct timespec wait = { 0, 1000000 };
	int fd = lock(file), result = 0, tries = 0;
	struct state s;

	if (!load_pair(file, &s))
		result = -1;
	else if (access != NULL && strcmp(access, s.access) != 0)
		result = 1;
	while (result == 0) {
		result = attempt(curl, file, &s, ++tries == TRIES);
		if (result == 0)
			nanosleep(&wait, NULL);
		if (wait.tv_nsec < 500000000)
			wait.tv_nsec *= 2;
	}
	close(fd);
	return result > 0;
}

static bool
sign_in(CURL *curl, const char *file, const char *base, const char *name)
{
	char password[1100] = "", *text;
	cJSON *body = cJSON_CreateObject();
	struct state s = { { 0 }, { 0 }, { 0 }, { 0 } };
	struct reply reply;
	bool ok;
	int fd;

	if (fgets(password, sizeof(password), stdin) == NULL)
		password[0] = '\0';
	password[strcspn(password, "\n")] = '\0';
	cJSON_AddStringToObject(body, "username", name);
	cJSON_AddStringToObject(body, "password", password);
	text = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	if (text == NULL)
		abort();
	request(curl, base, "/api/auth/signin", "Accept: */*", text, &reply);
	cJSON_free(text);
	snprintf(s.base, sizeof(s.base), "%s", base);
	ok = reply.status == 200 && take_tokens(&reply, &s);
	if (ok) {
		fd = lock(file);
		save(file, &s);
		close(fd);
	} else
		fprintf(stderr, "%s\n", reply.body);
	return ok;
}

/* An access token that has expired is refreshed once. */
static bool
get(CURL *curl, const char *file, const char *path)
{
	char header[LINE + 32];
	struct reply reply = { .status = 401 };
	struct state s;
	int tries;

	for (tries = 0; tries < 2 && reply.status == 401; tries++) {
		if (tries > 0 && !refresh(curl, file, s.access))
			return false;
		if (!load(file, &s))
			return false;
		snprintf(header, sizeof(header), "Authorization: Bearer %s",
		    s.access);
		request(curl, s.base, path, header, NULL, &reply);
	}
	printf("%s\n", reply.body);
	return reply.status == 200;
}

int
main(int argc, char **argv)
{
	CURL *curl = curl_easy_init();
	long count = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
	bool ok = false;

	if (curl == NULL)
		return 1;
	umask(077); /* the tokens are nobody else's */
	if (argc == 5 && strcmp(argv[2], "signin") == 0)
		ok = sign_in(curl, argv[1], argv[3], argv[4]);
	else if (argc >= 3 && argc <= 4 && strcmp(argv[2], "refresh") == 0)
		for (ok = true; ok && count > 0; count--)
			ok = refresh(curl, argv[1], NULL);
	else if (argc == 4 && strcmp(argv[2], "get") == 0)
		ok = get(curl, argv[1], argv[3]);
	else
		fprintf(stderr,
		    "usage: client FILE signin BASE NAME | refresh [COUNT] |"
		    " get PATH\n");
	curl_easy_cleanup(curl);
	return ok ? 0 : 1;
}
