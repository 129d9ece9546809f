/*
 * What authd says on standard output when it has begun to serve.
 */
#ifndef AUTHD_BANNER_H
#define AUTHD_BANNER_H

#include "authd/config.h"

/*
 * The address that a client on this machine uses, "http://127.0.0.1:8080",
 * into url (size bytes).
 */
void banner_url(
    const struct config *config, unsigned port, char *url, size_t size);

/* Address, files, and three commands to paste. */
void banner_print(const struct config *config, const char *url);

#endif
