/*
 * A store whose session_update is made of its session_change, so that all that
 * is known of the one is asked of the other.
 */
#ifndef TEST_STORE_VIA_CHANGE_H
#define TEST_STORE_VIA_CHANGE_H

#include <authtok/store.h>

/* Replaces the operations of the store, which has session_change. */
void via_change(struct authtok_store *store);

#endif
