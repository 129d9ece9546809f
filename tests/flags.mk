# counts the allocations that our own objects ask for
LDFLAGS_test_verify = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
LDFLAGS_test_signatures = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
LDFLAGS_test_memory_nomem = -Wl,--wrap=malloc,--wrap=calloc,--wrap=reallocarray
LDFLAGS_test_revocation_nomem = -Wl,--wrap=calloc
# a machine where char has no sign
$(BUILD)/obj/tests/unit/test_json_unsigned.o: override CFLAGS += -funsigned-char
# the same, over all of authd
LDFLAGS_test_content_alloc = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
# sees when the writer is taken and given back
LDFLAGS_bench_sqlite_hold = -Wl,--wrap=at_pool_get,--wrap=at_pool_get_for,--wrap=at_pool_put
# a machine without threads to give
LDFLAGS_test_sqlite_busy = -Wl,--wrap=pthread_create
# sees when a waiter is woken, and when it is gone
LDFLAGS_test_sqlite_pool = -Wl,--wrap=sem_post,--wrap=sem_destroy,--wrap=sem_clockwait
# descriptors change hands at the worst moment, lingering does not end by itself,
# an answer is cut
LDFLAGS_test_http_guard = -Wl,--wrap=fcntl,--wrap=http_socket_linger \
	-Wl,--wrap=http_socket_count,--wrap=http_watch_expired,--wrap=mg_write
# where secrets become public; what is not ours
LDFLAGS_test_constant_time = -Wl,--wrap=CRYPTO_memcmp,--wrap=sodium_memcmp \
	-Wl,--wrap=at_b64url_encode,--wrap=crypto_pwhash,--wrap=crypt_r
# a minute passes when the test says so
LDFLAGS_test_upkeep = -Wl,--wrap=steady_in
