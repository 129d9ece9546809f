/*
 * Files of keys: JWK Sets that only their owner may read, made when missing.
 */
#ifndef AUTHD_KEYFILE_H
#define AUTHD_KEYFILE_H

#include <stddef.h>

#include <authtok.h>

#include "authd/text.h"

#define KEYFILE_WHY_MAX 512

/* Which keys are generated into a file that does not exist. */
enum keyfile_kind {
	KEYFILE_SET,     /* a signing key, a refresh and an audit secret */
	KEYFILE_SECRETS, /* the two secrets alone */
};

/* What to do about a file that does not exist. */
enum keyfile_missing {
	KEYFILE_CREATE,  /* write a new one */
	KEYFILE_PRETEND, /* make keys as for a new one, write nothing */
	KEYFILE_REFUSE,  /* fail */
};

enum keyfile_result {
	KEYFILE_OK,
	KEYFILE_BAD,    /* the file, or who may read it, is at fault */
	KEYFILE_FAILED, /* a new one could not be made */
};

/*
 * Add the keys of the file at path to keys. Of several processes that find it
 * missing at once, one writes it and all read it. ids may be NULL: the ids of
 * the keys are added to it, with commas between. On failure why
 * (KEYFILE_WHY_MAX bytes) is a line that names the file.
 */
enum keyfile_result keyfile_load(struct authtok_keys *keys, const char *path,
    enum keyfile_kind kind, enum keyfile_missing missing, struct text *ids,
    char *why);

#endif
