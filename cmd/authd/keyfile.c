/*
 * Files of keys. The text of a file is a secret: it is wiped after use, and no
 * message quotes it.
 */
#include "authd/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#define FILE_MAX      (256 * 1024)
#define GENERATED_MAX 1024
#define SECRET_LEN    32
/* base64url without padding (RFC 4648 section 5) of SECRET_LEN bytes */
#define SECRET_TEXT_LEN ((SECRET_LEN * 8 + 5) / 6)

static void
explain(char *why, const char *path, const char *what, int err)
{
	snprintf(why, KEYFILE_WHY_MAX, "%.256s: %s%s%s", path, what,
	    /* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe */
	    err != 0 ? ": " : "", err != 0 ? strerror(err) : "");
}

static size_t
line_of(const char *text, size_t at)
{
	size_t line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

static void
add_id(struct text *ids, const cJSON *key)
{
	const char *kid =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(key, "kid"));
	const char *use =
	    cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(key, "use"));

	if (ids->len > 0)
		text_add(ids, ",");
	if (use != NULL && strcmp(use, "authtok-refresh") == 0)
		text_add(ids, "refresh-");
	if (use != NULL && strcmp(use, "authtok-audit") == 0)
		text_add(ids, "audit-");
	text_add(ids, kid != NULL ? kid : "?");
}

/* The ids of a set that was found good; the tree holds the secrets too. */
static enum keyfile_result
add_ids(
    const char *path, const char *text, size_t len, struct text *ids, char *why)
{
	cJSON *root, *key, *member;

	if (ids == NULL)
		return KEYFILE_OK;
	root = cJSON_ParseWithLength(text, len);
	if (root == NULL) {
		explain(why, path, "no memory", 0);
		return KEYFILE_FAILED;
	}
	cJSON_ArrayForEach(key, cJSON_GetObjectItemCaseSensitive(root, "keys"))
	{
		add_id(ids, key);
		cJSON_ArrayForEach(member, key) if (cJSON_IsString(member))
		    explicit_bzero(
			member->valuestring, strlen(member->valuestring));
	}
	cJSON_Delete(root);
	return KEYFILE_OK;
}

static enum keyfile_result
add_text(struct authtok_keys *keys, const char *path, const char *text,
    size_t len, struct text *ids, char *why)
{
	const char *reason = NULL;
	size_t at = 0;
	enum authtok_err err =
	    authtok_keys_add_jwks(keys, text, len, &reason, &at);

	if (err == AUTHTOK_OK)
		return add_ids(path, text, len, ids, why);
	snprintf(why, KEYFILE_WHY_MAX, "%.256s:%zu: %s", path,
	    line_of(text, at < len ? at : len),
	    reason != NULL ? reason : authtok_strerror(err));
	return KEYFILE_BAD;
}

/* Why this file cannot be a key file, or NULL. */
static const char *
unfit(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if ((st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "group or others may access this file of keys; "
		       "chmod 600 it";
	if (st->st_size > FILE_MAX)
		return "too large for a file of keys";
	return NULL;
}

static bool
read_whole(int fd, char *buf, size_t len)
{
	while (len > 0) {
		ssize_t got = read(fd, buf, len);

		if (got == 0)
			errno = EIO; /* it became shorter meanwhile */
		if (got <= 0)
			return false;
		buf += got;
		len -= (size_t)got;
	}
	return true;
}

static enum keyfile_result
read_keys(struct authtok_keys *keys, const char *path, int fd, struct text *ids,
    char *why)
{
	enum keyfile_result result = KEYFILE_BAD;
	const char *fault;
	struct stat st;
	char *text;
	size_t len;

	if (fstat(fd, &st) != 0) {
		explain(why, path, "cannot be read", errno);
		return KEYFILE_BAD;
	}
	fault = unfit(&st);
	if (fault != NULL) {
		explain(why, path, fault, 0);
		return KEYFILE_BAD;
	}
	len = (size_t)st.st_size;
	text = malloc(len + 1);
	if (text == NULL || !read_whole(fd, text, len))
		explain(why, path, "cannot be read", errno);
	else
		result = add_text(keys, path, text, len, ids, why);
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
	return result;
}

static void
encode(const unsigned char *bytes, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, have = 0;
	size_t out = 0;

	for (size_t i = 0; i < SECRET_LEN; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			text[out++] = digits[bits >> (have - 6) & 63];
	}
	text[out++] = digits[bits << (6 - have) & 63];
	text[out] = '\0';
}

/* A JWK Set of one refresh and one audit secret. */
static bool
generate_secrets(char *text, size_t *ret_len)
{
	unsigned char secret[2][SECRET_LEN];
	char encoded[2][SECRET_TEXT_LEN + 1];
	bool ok = getentropy(secret, sizeof(secret)) == 0;

	if (ok) {
		encode(secret[0], encoded[0]);
		encode(secret[1], encoded[1]);
		*ret_len = (size_t)snprintf(text, GENERATED_MAX,
		    "{\"keys\":[\n{\"kty\":\"oct\",\"use\":\"authtok-refresh\","
		    "\"kid\":\"1\",\"k\":\"%s\",\n"
		    "\"key_ops\":[\"sign\",\"verify\"]},\n"
		    "{\"kty\":\"oct\",\"use\":\"authtok-audit\","
		    "\"kid\":\"1\",\"k\":\"%s\",\n"
		    "\"key_ops\":[\"sign\",\"verify\"]}\n]}\n",
		    encoded[0], encoded[1]);
	}
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(encoded, sizeof(encoded));
	return ok;
}

static bool
generate(enum keyfile_kind kind, char *text, size_t *ret_len)
{
	char kid[32];
	time_t now = time(NULL);
	struct tm tm;

	if (kind == KEYFILE_SECRETS)
		return generate_secrets(text, ret_len);
	/* keys that are added later need another name */
	gmtime_r(&now, &tm);
	strftime(kid, sizeof(kid), "%Y%m%dT%H%M%SZ", &tm);
	return authtok_keys_generate(AUTHTOK_HS256, kid, text, GENERATED_MAX,
		   ret_len) == AUTHTOK_OK;
}

/* Make the names in path's folder durable. */
static bool
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int fd;
	bool ok;

	if (slash == NULL)
		folder = strdup(".");
	else
		folder =
		    strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (folder == NULL)
		return false;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(folder);
	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	close(fd);
	return ok;
}

/* Give the whole file its name unless another process was faster. */
static bool
settle(const char *temporary, const char *path)
{
	bool ok = link(temporary, path) == 0 || errno == EEXIST;
	int err = errno;

	/* file systems without hard links */
	if (!ok)
		ok = renameat2(AT_FDCWD, temporary, AT_FDCWD, path,
			 RENAME_NOREPLACE) == 0 ||
		    errno == EEXIST;
	if (!ok)
		errno = err;
	return ok;
}

/* Write text into a new file at path; a file that is there stays. */
static bool
write_file(const char *path, const char *text, size_t len)
{
	char *temporary = NULL;
	bool ok = false;
	int fd = -1, err;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return false;
	fd = mkostemp(temporary, O_CLOEXEC); /* O_EXCL, 0600 */
	if (fd < 0)
		goto out;
	ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 &&
	    settle(temporary, path);
	err = errno;
	close(fd);
	unlink(temporary);
	errno = err;
	ok = ok && sync_folder(path);
out:
	free(temporary);
	return ok;
}

static enum keyfile_result
open_keys(struct authtok_keys *keys, const char *path, bool *ret_missing,
    struct text *ids, char *why)
{
	enum keyfile_result result;
	/* O_NONBLOCK: a pipe in its place must not make us wait */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	*ret_missing = fd < 0 && errno == ENOENT;
	if (fd < 0) {
		explain(why, path, "cannot be opened", errno);
		return KEYFILE_BAD;
	}
	result = read_keys(keys, path, fd, ids, why);
	close(fd);
	return result;
}

enum keyfile_result
keyfile_load(struct authtok_keys *keys, const char *path,
    enum keyfile_kind kind, enum keyfile_missing missing, struct text *ids,
    char *why)
{
	enum keyfile_result result;
	char text[GENERATED_MAX];
	bool absent;
	size_t len;

	result = open_keys(keys, path, &absent, ids, why);
	if (!absent || missing == KEYFILE_REFUSE)
		return result;
	if (!generate(kind, text, &len)) {
		explain(why, path, "no keys could be generated", 0);
		return KEYFILE_FAILED;
	}
	if (missing == KEYFILE_PRETEND) {
		result = add_text(keys, path, text, len, ids, why);
	} else if (!write_file(path, text, len)) {
		explain(why, path, "cannot be created", errno);
		result = KEYFILE_FAILED;
	} else {
		/* whoever wrote it: what is in the file is the truth */
		result = open_keys(keys, path, &absent, ids, why);
	}
	explicit_bzero(text, sizeof(text));
	return result;
}
