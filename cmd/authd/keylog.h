/*
 * Which keys were in use, in the audit log.
 */
#ifndef AUTHD_KEYLOG_H
#define AUTHD_KEYLOG_H

#include "authd/app.h"

/*
 * Write a record when the ids of the keys are not those of the last such
 * record. A failure is logged: the next start or reload compares again.
 */
void keylog_note(const struct app *app);

#endif
