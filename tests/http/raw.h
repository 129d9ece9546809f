/*
 * HTTP by hand over a socket, for what no client library would send.
 */
#ifndef TESTS_HTTP_RAW_H
#define TESTS_HTTP_RAW_H

#include "client.h"

int raw_open(const struct authd *d);
/* False when the other end has closed. */
bool raw_write(int fd, const char *data, size_t len);
void raw_send(int fd, const char *request);
/* One answer; no_body: to a HEAD. False at the end of the connection. */
bool raw_answer(int fd, struct answer *ret, bool no_body);
/* All that still comes until the other end closes, cut to size. */
size_t raw_rest(int fd, char *buf, size_t size);

#endif
