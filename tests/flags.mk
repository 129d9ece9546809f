# counts the allocations that our own objects ask for
LDFLAGS_test_verify = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
LDFLAGS_test_memory_nomem = -Wl,--wrap=malloc,--wrap=calloc,--wrap=reallocarray
