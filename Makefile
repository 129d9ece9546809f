# libauthtok and authd. GNU make; `make help` lists the targets.

VERSION := 0.1.0
SOVERSION := 0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/authtok
DESTDIR ?=

# ---- variants: objects of different flags never mix ------------------------
VARIANT ?= release
BUILD ?= build/$(VARIANT)

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings -Wcast-qual \
	-Wformat=2 -Wundef -Wvla
WERROR ?= -Werror
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer
SAN_fuzz := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
# not a sanitizer, but wanted in the same places
SAN_coverage := --coverage -fprofile-update=atomic -DAUTHTOK_COVERAGE
SAN := $(SAN_$(VARIANT))
# valgrind takes memmove's checked form for memcpy's
ifneq ($(SAN)$(filter memcheck,$(VARIANT)),)
HARDEN :=
endif

# ---- what can be left out: WITH_PGSQL is yes, no, or what is here ----------
WITH_PGSQL ?= $(shell pkg-config --exists libpq 2>/dev/null && echo yes || echo no)
PGSQL := $(filter-out no,$(WITH_PGSQL))

# ---- dependencies, looked up once and only when needed ---------------------
pkg = $(eval $(1) := $$(shell pkg-config $(2)))$($(1))
CRYPTO_LIBS = $(call pkg,CRYPTO_LIBS,--libs libcrypto)
SODIUM_LIBS = $(call pkg,SODIUM_LIBS,--libs libsodium)
SQLITE_LIBS = $(call pkg,SQLITE_LIBS,--libs sqlite3)
CJSON_LIBS = $(call pkg,CJSON_LIBS,--libs libcjson)
CURL_LIBS = $(call pkg,CURL_LIBS,--libs libcurl)
CHECK_LIBS = $(call pkg,CHECK_LIBS,--libs check)
PQ_LIBS = $(call pkg,PQ_LIBS,--libs libpq)
DEP_CFLAGS = $(call pkg,DEP_CFLAGS,--cflags libcrypto libsodium sqlite3 libcjson \
	$(if $(PGSQL),libpq))
CHECK_CFLAGS = $(call pkg,CHECK_CFLAGS,--cflags check)
CIVETWEB_LIBS := -lcivetweb

ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -Iinclude -Ilib -Icmd $(WARNINGS) $(WERROR) \
	$(CFLAGS) $(HARDEN) $(SAN) -fPIC -fvisibility=hidden -pthread $(DEP_CFLAGS)
ALL_LDFLAGS = $(LDFLAGS) $(SAN) -pthread -Wl,-z,relro,-z,now

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s%s\n' '$(1)' '$(2)')

# ---- what is built ---------------------------------------------------------
LIBS := authtok authtok-account authtok-sqlite $(if $(PGSQL),authtok-pgsql) \
	authtok-conformance
SRC_authtok := $(sort $(wildcard lib/token/*.c lib/session/*.c lib/store/memory*.c))
SRC_authtok-account := $(sort $(wildcard lib/account/*.c)) lib/token/utf8.c
SRC_authtok-sqlite := $(sort $(wildcard lib/store/sqlite*.c)) lib/store/columns.c
SRC_authtok-pgsql := $(sort $(wildcard lib/store/pgsql*.c)) lib/store/columns.c
SRC_authtok-conformance := $(sort $(wildcard lib/conformance/*.c))
NEED_authtok = $(CRYPTO_LIBS)
NEED_authtok-account = $(SODIUM_LIBS) -lcrypt
NEED_authtok-sqlite = $(SQLITE_LIBS)
NEED_authtok-pgsql = $(PQ_LIBS)
NEED_authtok-conformance =

AUTHD_SRC := $(sort $(wildcard cmd/authd/*.c))
AUTHCTL_SRC := $(sort $(wildcard cmd/authctl/*.c))
# what authctl shares with authd: how configuration and keys are read, and
# sessions listed
AUTHCTL_SHARED := $(addprefix cmd/authd/,config.c config_keys.c config_text.c \
	keyfile.c keys.c net.c recent.c text.c)
EXAMPLES := $(sort $(wildcard examples/*.c))
HEADERS := include/authtok.h $(filter-out \
	$(if $(PGSQL),,%/pgsql.h),$(sort $(wildcard include/authtok/*.h)))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
ARCHIVES := $(LIBS:%=$(BUILD)/lib/lib%.a)
SHARED := $(LIBS:%=$(BUILD)/lib/lib%.so.$(VERSION))
BINARIES := $(BUILD)/bin/authd $(BUILD)/bin/authctl
EXAMPLE_BIN := $(EXAMPLES:examples/%.c=$(BUILD)/examples/%)
# for linking inside the tree: order matters, users first
STATIC := $(BUILD)/lib/libauthtok-conformance.a $(BUILD)/lib/libauthtok-account.a \
	$(BUILD)/lib/libauthtok-sqlite.a $(BUILD)/lib/libauthtok.a
STATIC_NEEDS = $(CRYPTO_LIBS) $(SODIUM_LIBS) -lcrypt $(SQLITE_LIBS)
# what else programs need that have pgsql in their name
PGSQL_STATIC = $(if $(findstring pgsql,$(1)),$(BUILD)/lib/libauthtok-pgsql.a)
PGSQL_NEEDS = $(if $(findstring pgsql,$(1)),$(PQ_LIBS))

.SECONDARY:

.PHONY: all
all: libs $(BINARIES)

.PHONY: libs
libs: $(ARCHIVES) $(SHARED)

$(BUILD)/obj/%.o: %.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

define library
$(BUILD)/lib/lib$(1).a: $$(call obj,$$(SRC_$(1)))
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@ && $$(AR) rcs $$@ $$^

$(BUILD)/lib/lib$(1).so.$(VERSION): $$(call obj,$$(SRC_$(1))) lib/$(1).sym \
		$(if $(filter authtok,$(1)),,$(BUILD)/lib/libauthtok.so.$(VERSION))
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	@{ echo '{ global:'; sed -n 's/^authtok.*/&;/p' lib/$(1).sym; \
		echo 'local: *; };'; } > $(BUILD)/lib/$(1).map
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -shared -Wl,-soname,lib$(1).so.$(SOVERSION) \
		-Wl,--version-script=$(BUILD)/lib/$(1).map \
		$(if $(SAN),,-Wl,-z$(comma)defs) -Wl,--as-needed \
		-o $$@ $$(filter %.o,$$^) $$(filter %.so.$(VERSION),$$^) $$(NEED_$(1))
	$$(Q)ln -sf lib$(1).so.$(VERSION) $(BUILD)/lib/lib$(1).so.$(SOVERSION)
	$$(Q)ln -sf lib$(1).so.$(SOVERSION) $(BUILD)/lib/lib$(1).so
endef
comma := ,
$(foreach lib,$(LIBS),$(eval $(call library,$(lib))))

$(BUILD)/bin/authd: $(call obj,$(AUTHD_SRC)) $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CIVETWEB_LIBS) $(CJSON_LIBS) $(STATIC_NEEDS)

$(BUILD)/bin/authctl: $(call obj,$(AUTHCTL_SRC) $(AUTHCTL_SHARED)) $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CJSON_LIBS) $(STATIC_NEEDS)

$(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS_$*) $(STATIC_NEEDS)

# the HTTP client is one of the other side: it needs nothing of ours
LIBS_client = $(CURL_LIBS) $(CJSON_LIBS)

.PHONY: examples
examples: $(EXAMPLE_BIN)

# ---- run -------------------------------------------------------------------
.PHONY: deps
deps:
	@CC="$(CC)" .ci/deps run

.PHONY: run
run: deps
	$(Q)$(MAKE) --no-print-directory $(BUILD)/bin/authd
	@mkdir -p run
	@[ -e run/authd.conf ] || cp examples/authd.conf run/authd.conf
	$(Q)exec $(BUILD)/bin/authd -c run/authd.conf

# ---- tests -----------------------------------------------------------------
# Every tests/*/test_*.c is a program; the other .c files beside it are linked
# into each of them. Every tests/*/test_*.sh is a program as it stands.
TEST_DIRS := unit model store http api fault
TEST_SRC := $(filter-out $(if $(PGSQL),,tests/store/test_pgsql%),$(sort \
	$(foreach d,$(TEST_DIRS),$(wildcard tests/$(d)/test_*.c))))
TEST_BIN := $(TEST_SRC:%.c=$(BUILD)/%)
TEST_SH := $(sort $(foreach d,$(TEST_DIRS),$(wildcard tests/$(d)/test_*.sh)))
TEST_PARTS = $(filter-out tests/store/test_pgsql% $(TEST_SRC) $(SHIM_SRC) \
	$(if $(findstring pgsql,$(1)),,%/pgsql_util.c),$(sort $(wildcard \
	$(dir $(1))*.c)) $(if $(filter tests/fault/%,$(1)),$(HTTP_PARTS)) \
	$(if $(findstring pgsql,$(1)),tests/pgsql_server.c))
# the tests of crashes run authd as those of HTTP do
HTTP_PARTS := tests/http/authd.c tests/http/client.c
# what they preload into it
SHIM_SRC := tests/fault/shim.c
SHIM := $(BUILD)/tests/fault/shim.so
# authd's parts can be tested without their main
AUTHD_PARTS := $(filter-out cmd/authd/main.c,$(AUTHD_SRC))
# programs that replace functions of the C library
-include tests/flags.mk

$(BUILD)/obj/tests/%.o: EXTRA_CFLAGS = -Itests $(CHECK_CFLAGS) -Wno-pedantic \
	-DAUTHTOK_TEST

define test_program
$(BUILD)/$(1:.c=): $(call obj,$(1) $(call TEST_PARTS,$(1))) \
		$(if $(filter tests/unit/%,$(1)),$(call obj,$(AUTHD_PARTS))) \
		$(call PGSQL_STATIC,$(1)) $(STATIC)
	$$(call say,LD,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(ALL_LDFLAGS) $$(LDFLAGS_$(basename $(notdir $(1)))) -o $$@ $$^ \
		$$(CHECK_LIBS) $$(if $$(filter tests/http/% tests/fault/%,$(1)),$$(CURL_LIBS)) \
		$$(if $$(filter tests/unit/%,$(1)),$$(CIVETWEB_LIBS)) \
		$$(CJSON_LIBS) $$(STATIC_NEEDS) $$(call PGSQL_NEEDS,$(1))
endef
$(foreach t,$(TEST_SRC),$(eval $(call test_program,$(t))))

# Every fuzz program without libFuzzer: gives it each file of its folder.
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort \
	$(wildcard tests/fuzz/fuzz_*.c)))
SEEDS_BIN := $(FUZZ_NAMES:%=$(BUILD)/tests/fuzz/seeds_%)
# an archive: each takes what it calls
FUZZ_PARTS := $(BUILD)/tests/parts.a
FUZZ_NEEDS = -Wl,--as-needed $(CIVETWEB_LIBS) $(CJSON_LIBS) $(STATIC_NEEDS)

$(FUZZ_PARTS): $(call obj,$(AUTHD_PARTS) $(addprefix \
		tests/model/,rules.c walk.c))
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/fuzz/seeds_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o \
		$(BUILD)/obj/tests/fuzz/seeds.o $(FUZZ_PARTS) $(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDFLAGS_fuzz_$*) -o $@ $^ $(FUZZ_NEEDS)

# without the sanitizers: it lives in whatever runtime its host has
$(SHIM): $(SHIM_SRC) tests/fault/shim.h Makefile
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(SAN),$(ALL_CFLAGS)) -shared -o $@ $<

.PHONY: tests
tests: all examples $(TEST_BIN) $(SEEDS_BIN) $(SHIM)

.PHONY: check
check:
	@CC="$(CC)" .ci/deps check
	$(Q)$(MAKE) --no-print-directory run-tests

# ONLY=name runs the programs whose names match
SELECTED = $(foreach t,$(TEST_BIN) $(SEEDS_BIN) $(TEST_SH),$(if \
	$(or $(if $(ONLY),,all),$(findstring $(ONLY),$(t))),$(t)))
.PHONY: run-tests
run-tests: tests
	$(Q)AUTHD_BIN=$(abspath $(BUILD)/bin/authd) \
	AUTHCTL_BIN=$(abspath $(BUILD)/bin/authctl) \
	BUILD=$(abspath $(BUILD)) CC="$(CC)" SAN="$(SAN)" MAKE="$(MAKE)" \
	VERSION=$(VERSION) LIBS="$(LIBS)" WITH_PGSQL="$(WITH_PGSQL)" \
	tests/run.sh $(SELECTED)

# each tells on its own lines ("# ...") what it did
SOAK = CK_TIMEOUT_MULTIPLIER=40 AUTHD_BIN=$(abspath $(BUILD)/bin/authd) \
	AUTHCTL_BIN=$(abspath $(BUILD)/bin/authctl) BUILD=$(abspath $(BUILD))
.PHONY: soak
soak: tests
	@echo 'the power is cut 500 times'
	$(Q)$(SOAK) ROUNDS=500 $(BUILD)/tests/fault/test_power_cut
	@echo 'kill -9, 1,000 times, under load'
	$(Q)$(SOAK) ROUNDS=1000 $(BUILD)/tests/http/test_crash
	@echo '10,000 refreshes of each example client behind a bad network'
	$(Q)$(SOAK) CLIENT_REFRESHES=10000 $(BUILD)/tests/http/test_clients
	@echo '10,000 clients for a minute'
	$(Q)$(SOAK) CLIENTS=10000 SOAK_SECONDS=60 \
		$(BUILD)/tests/fault/test_contention
	@echo '1,000 slow and 2,000 idle clients'
	$(Q)$(MAKE) --no-print-directory run-bench ONLY=http_slow

# ---- benchmarks ------------------------------------------------------------
# Every tests/bench/bench_*.c is a program; the other .c files beside it are
# linked into each. ONLY=name runs those whose names match, JSON=1 prints one
# line of JSON a row.
BENCH_SRC := $(filter-out $(if $(PGSQL),,tests/bench/bench_pgsql.c),$(sort \
	$(wildcard tests/bench/bench_*.c)))
BENCH_BIN := $(BENCH_SRC:%.c=$(BUILD)/%)
BENCH_PARTS := $(filter-out tests/bench/bench_%,$(sort $(wildcard tests/bench/*.c)))
BENCH_SELECTED = $(foreach b,$(BENCH_BIN),$(if \
	$(or $(if $(ONLY),,all),$(findstring $(ONLY),$(b))),$(b)))

$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(call obj,$(BENCH_PARTS)) \
		$(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDFLAGS_$*) -o $@ $(filter %.o,$^) \
		$(filter %-pgsql.a,$^) $(filter-out %-pgsql.a,$(filter %.a,$^)) \
		$(CIVETWEB_LIBS) $(STATIC_NEEDS) $(call PGSQL_NEEDS,$*) -lm

$(BUILD)/tests/bench/bench_pgsql: $(call obj,tests/pgsql_server.c) \
		$(BUILD)/lib/libauthtok-pgsql.a

# what they preload into authd
COUNT := $(BUILD)/tests/bench/count.so
$(COUNT): tests/bench/alloc.c tests/bench/bench.h Makefile
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(SAN),$(ALL_CFLAGS)) -Itests -shared -o $@ $<

# so that they keep up with what they measure
ifeq ($(SAN),)
tests: $(filter-out %_peers,$(BENCH_BIN)) $(COUNT)
endif

# Other libraries in C, those that are here; npm puts its own into PEERS_NODE.
PEERS := libjwt cjose rhonabwy
PEERS_NODE := build/peers
PC_libjwt := libjwt
PC_cjose := cjose jansson
PC_rhonabwy := librhonabwy
peers_here = $(foreach p,$(PEERS),$(if \
	$(shell pkg-config --exists $(PC_$(p)) && echo yes),$(p)))

$(BUILD)/tests/bench/bench_peers: tests/bench/bench_peers.c Makefile \
		$(wildcard tests/bench/peers/*.[ch]) $(call obj,$(BENCH_PARTS)) $(STATIC)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Itests -Wno-pedantic $(ALL_LDFLAGS) -o $@ $< \
		$(foreach p,$(peers_here),tests/bench/peers/$(p).c -DPEER_$(p)='"$(shell \
		pkg-config --modversion $(firstword $(PC_$(p))))"') \
		$(filter %.o %.a,$^) $(if $(peers_here),$(shell pkg-config --cflags \
		--libs $(foreach p,$(peers_here),$(PC_$(p))))) \
		$(CIVETWEB_LIBS) $(STATIC_NEEDS) -lm

.PHONY: bench-peers
bench-peers:
	@CC="$(CC)" .ci/deps peers || true
	@if command -v npm >/dev/null 2>&1; then \
		[ -d $(PEERS_NODE)/node_modules/jsonwebtoken ] || \
		{ echo '+ npm install --prefix $(PEERS_NODE) jsonwebtoken@9' && \
		npm install --silent --no-audit --no-fund --prefix $(PEERS_NODE) \
			jsonwebtoken@9; }; \
	else echo 'npm is missing: jsonwebtoken is left out'; fi || true
	@rm -f $(BUILD)/tests/bench/bench_peers
	$(Q)$(MAKE) --no-print-directory run-bench ONLY=peers

# The peers' bars and the growth curve, as build/bench/*.svg.
.PHONY: bench-plot
bench-plot:
	@CC="$(CC)" .ci/deps plot
	@mkdir -p build/bench
	$(Q)$(MAKE) -s run-bench ONLY=bench_peers JSON=1 | grep '^{' \
		>build/bench/peers.jsonl
	$(Q)$(MAKE) -s run-bench ONLY=bench_sqlite JSON=1 | grep '^{' \
		>build/bench/sqlite.jsonl
	$(Q)tests/bench/plot.sh build/bench

.PHONY: bench
bench: deps
	$(Q)$(MAKE) --no-print-directory run-bench

.PHONY: run-bench
run-bench: all $(BENCH_SELECTED) $(COUNT)
	$(Q)bad=0; for b in $(BENCH_SELECTED); do \
		AUTHD_BIN=$(abspath $(BUILD)/bin/authd) \
		BENCH_COUNT_SO=$(abspath $(COUNT)) \
		PEERS_NODE=$(abspath $(PEERS_NODE)) $$b $(if $(JSON),--json) \
			|| bad=1; done; exit $$bad

# ---- fuzzing ---------------------------------------------------------------
# Every tests/fuzz/fuzz_NAME.c is a libFuzzer program; the folder NAME beside it
# holds what it begins with, NAME.dict its words. FUZZ_SECONDS for each, on
# FUZZ_JOBS processors; what it finds stays in build/fuzz/corpus. ONLY=name runs
# those whose names match.
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= 1
FUZZ_SELECTED = $(foreach f,$(FUZZ_NAMES),$(if \
	$(or $(if $(ONLY),,all),$(findstring $(ONLY),$(f))),$(f)))
FUZZ_BIN = $(FUZZ_SELECTED:%=$(BUILD)/tests/fuzz/fuzz_%)

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(FUZZ_PARTS) \
		$(STATIC)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(LDFLAGS_fuzz_$*) -fsanitize=fuzzer -o $@ $^ \
		$(FUZZ_NEEDS)

.PHONY: fuzz
fuzz:
	@CC=clang .ci/deps fuzz
	$(Q)$(MAKE) --no-print-directory run-fuzz VARIANT=fuzz CC=clang

.PHONY: run-fuzz
run-fuzz: $(FUZZ_BIN)
	$(Q)for f in $(FUZZ_SELECTED); do \
		mkdir -p $(BUILD)/corpus/$$f; echo "fuzz $$f"; \
		$(BUILD)/tests/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) \
			-fork=$(FUZZ_JOBS) -max_len=4096 -print_final_stats=1 \
			-dict=tests/fuzz/$$f.dict -artifact_prefix=$(BUILD)/ \
			$(BUILD)/corpus/$$f tests/fuzz/$$f || exit 1; done

# ---- test vectors ----------------------------------------------------------
# Suites of others, which are not in this repository: DIR holds checkouts.
VECTORS := $(BUILD)/tests/vectors/vectors

$(VECTORS): $(call obj,$(sort $(wildcard tests/vectors/*.c))) \
		$(BUILD)/lib/libauthtok.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CJSON_LIBS) $(CRYPTO_LIBS)

tests: $(VECTORS)

.PHONY: vectors
vectors: deps
	$(Q)[ -n "$(DIR)" ] || { echo 'make vectors DIR=FOLDER: one that holds' \
		'checkouts of Wycheproof, JSONTestSuite or both' >&2; exit 2; }
	$(Q)$(MAKE) --no-print-directory $(VECTORS)
	$(Q)$(VECTORS) "$(DIR)"

.PHONY: check-asan
check-asan:
	$(Q)ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:allocator_may_return_null=1 \
	UBSAN_OPTIONS=print_stacktrace=1 \
	$(MAKE) --no-print-directory check VARIANT=asan CFLAGS='-O1 -g'

.PHONY: check-tsan
check-tsan:
	$(Q)TSAN_OPTIONS="suppressions=$(abspath tests/tsan.supp) allocator_may_return_null=1 $$TSAN_OPTIONS" \
	CK_FORK=no \
	$(MAKE) --no-print-directory check VARIANT=tsan CFLAGS='-O1 -g'

# Unit and store tests under memcheck, which follows the processes of the tests,
# not what they execute. Left out are
#   test_instructions, test_constant_time: they run valgrind themselves
#   test_agree, test_base64url: as many million steps of what test_verify does
#   test_pairs: makes RSA keys, minutes of OpenSSL's arithmetic
#   test_revocation: readers against a writer, and valgrind runs one at a time
#   test_pgsql_lost: what answers when, and in valgrind all is late
MEMCHECK_NOT := test_instructions test_constant_time test_agree test_base64url \
	test_pairs test_revocation test_pgsql_lost
MEMCHECK_BIN = $(filter-out $(addprefix %/,$(MEMCHECK_NOT)),$(filter \
	$(BUILD)/tests/unit/% $(BUILD)/tests/store/%,$(SELECTED)))
MEMCHECK := valgrind -q --vgdb=no --leak-check=full --error-exitcode=99 \
	--fair-sched=yes --suppressions=$(abspath tests/valgrind.supp)
.PHONY: check-memcheck
check-memcheck:
	@CC="$(CC)" .ci/deps memcheck
	$(Q)$(MAKE) --no-print-directory run-memcheck VARIANT=memcheck \
		CFLAGS='-O1 -g'

.PHONY: run-memcheck
run-memcheck: $(MEMCHECK_BIN)
	$(Q)UNDER='$(MEMCHECK)' CK_TIMEOUT_MULTIPLIER=40 BUILD=$(abspath $(BUILD)) \
	WITH_PGSQL="$(WITH_PGSQL)" tests/run.sh $(MEMCHECK_BIN)

# What the tests go through, as a table and, where gcovr is, as HTML. It needs
# gcc; without optimisation, so that a branch is one of the source.
.PHONY: coverage
coverage:
	@.ci/deps coverage
	$(Q)$(MAKE) --no-print-directory run-coverage VARIANT=coverage \
		CFLAGS='-O0 -g'

.PHONY: run-coverage
run-coverage: tests
	$(Q)find $(BUILD)/obj -name '*.gcda' -delete
	$(Q)$(MAKE) --no-print-directory run-tests; bad=$$?; \
		tests/coverage.sh $(BUILD)/obj build/coverage/report && exit $$bad

# The rotation rule in Promela, searched by spin and compared with the C rule.
COMPARE := $(BUILD)/tests/model/spin/compare
TABLE := $(BUILD)/tests/model/spin/table
.PHONY: model
model:
	@CC="$(CC)" .ci/deps model
	$(Q)$(MAKE) --no-print-directory $(COMPARE) $(TABLE)
	@echo 'The rule beside those of other systems, each searched by' \
		'tests/model/walk.c; ours is lib/session/rotation.c:'
	@echo
	$(Q)$(TABLE)
	@echo
	$(Q)CC="$(CC)" BUILD=$(abspath $(BUILD)) COMPARE=$(abspath $(COMPARE)) \
		tests/model/model.sh

$(COMPARE) $(TABLE): $(BUILD)/tests/model/spin/%: \
		$(BUILD)/obj/tests/model/spin/%.o $(call obj,$(addprefix \
		tests/model/,rules.c walk.c systems.c)) $(BUILD)/lib/libauthtok.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CRYPTO_LIBS)

# ---- static analysis -------------------------------------------------------
# gcc -fanalyzer, clang-tidy and cppcheck over lib/ and cmd/: whatever they say is
# an error. Where one is wrong it is told so in the code, with the reason; for all
# files in .clang-tidy and tests/cppcheck.supp, and gcc below.
CLANG_TIDY ?= clang-tidy
CPPCHECK ?= cppcheck
ANALYSED := $(filter-out $(if $(PGSQL),,lib/store/pgsql%),$(sort $(wildcard \
	lib/*/*.c cmd/*/*.c)))

.PHONY: analyse
analyse:
	@CC=gcc .ci/deps analyse
	$(Q)$(MAKE) --no-print-directory -k run-analyse VARIANT=analyse CC=gcc \
		CFLAGS='-O2 -g -fanalyzer'

.PHONY: run-analyse
run-analyse: $(call obj,$(ANALYSED)) $(ANALYSED:%.c=$(BUILD)/tidy/%.ok) cppcheck

ifeq ($(VARIANT),analyse)
# what is under way is found: it stays where it is
$(BUILD)/obj/lib/account/throttle.o: EXTRA_CFLAGS = -Wno-analyzer-null-dereference
# a text that went into the configuration is not lost
$(BUILD)/obj/cmd/authd/config_keys.o: EXTRA_CFLAGS = -Wno-analyzer-malloc-leak
# the lists of a configuration come from calloc, or are NULL, and are its own
$(BUILD)/obj/cmd/authd/config.o: EXTRA_CFLAGS = -Wno-analyzer-double-free \
	-Wno-analyzer-use-of-uninitialized-value
endif

# One file at a time: among several va_lists seem to be uninitialised. What is
# said on stderr only counts what was suppressed, unless it fails.
$(BUILD)/tidy/%.ok: %.c $(wildcard .clang-tidy cmd/*/.clang-tidy) Makefile \
		$(wildcard lib/*/*.h cmd/*/*.h include/*.h include/*/*.h)
	$(call say,TIDY,$<)
	@mkdir -p $(@D)
	$(Q)$(CLANG_TIDY) --quiet $< -- $(filter-out -fanalyzer $(HARDEN) $(WERROR), \
		$(ALL_CFLAGS:-I/%=-isystem/%)) 2>$(@:.ok=.err) || \
		{ cat $(@:.ok=.err) >&2; exit 1; }
	@touch $@

.PHONY: cppcheck
cppcheck:
	$(call say,CPPCHECK,lib cmd)
	$(Q)$(CPPCHECK) --quiet --std=c11 --error-exitcode=1 --inline-suppr \
		--enable=warning,style,performance,portability,information \
		--suppressions-list=tests/cppcheck.supp -D_GNU_SOURCE -D__GNUC__ \
		-D__linux__ -D__x86_64__ -Iinclude -Ilib -Icmd $(ANALYSED)

# ---- install ---------------------------------------------------------------
MAN := $(sort $(wildcard man/*.[1-9]))
MAN_HERE := $(filter-out $(if $(PGSQL),,man/authtok_store_pgsql.3),$(MAN))
# The names of a page. Those that are not its file's are installed as links to it.
MAN_NAMES := sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([^ ]*\).*/\1/p'
PC = $(patsubst %,$(BUILD)/pc/%.pc,$(LIBS))

DESCRIPTION_authtok := signed access tokens, sessions and refresh rotation
DESCRIPTION_authtok-account := users, passwords, sign-up and sign-in
DESCRIPTION_authtok-sqlite := SQLite storage for authtok
DESCRIPTION_authtok-pgsql := PostgreSQL storage for authtok
DESCRIPTION_authtok-conformance := the suite that authtok storage backends pass

$(BUILD)/pc/%.pc: Makefile
	@mkdir -p $(@D)
	@{ echo 'prefix=$(PREFIX)'; echo 'libdir=$(LIBDIR)'; \
	echo 'includedir=$(INCLUDEDIR)'; echo; echo 'Name: $*'; \
	echo 'Description: $(DESCRIPTION_$*)'; echo 'Version: $(VERSION)'; \
	$(if $(filter authtok,$*),,echo 'Requires: authtok = $(VERSION)';) \
	echo 'Libs: -L$${libdir} -l$*'; \
	echo 'Libs.private: $(NEED_$*) -pthread'; \
	echo 'Cflags: -I$${includedir}'; } > $@

.PHONY: install
install: deps
	$(Q)$(MAKE) --no-print-directory install-files

.PHONY: install-files
install-files: all
	$(Q)rm -f $(PC) && $(MAKE) --no-print-directory $(PC)
	install -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/authtok \
		$(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(DOCDIR)
	install -m 644 include/authtok.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 $(filter-out include/authtok.h,$(HEADERS)) \
		$(DESTDIR)$(INCLUDEDIR)/authtok
	install -m 644 $(ARCHIVES) $(DESTDIR)$(LIBDIR)
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)
	for l in $(LIBS); do \
		ln -sf lib$$l.so.$(VERSION) $(DESTDIR)$(LIBDIR)/lib$$l.so.$(SOVERSION); \
		ln -sf lib$$l.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/lib$$l.so; done
	install -m 644 $(PC) $(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 755 $(BUILD)/bin/authd $(DESTDIR)$(SBINDIR)
	install -m 755 $(BUILD)/bin/authctl $(DESTDIR)$(BINDIR)
	for m in $(MAN_HERE); do s=$${m##*.}; d=$(DESTDIR)$(MANDIR)/man$$s; \
		install -d $$d && install -m 644 $$m $$d || exit 1; \
		for n in $$($(MAN_NAMES) $$m); do [ $$n.$$s = $${m##*/} ] || \
			ln -sf $${m##*/} $$d/$$n.$$s || exit 1; done; done
	install -m 644 examples/authd.conf README.md LICENSE CHANGELOG.md \
		$(DESTDIR)$(DOCDIR)

.PHONY: uninstall
uninstall:
	for l in $(LIBS) authtok-pgsql; do rm -f $(DESTDIR)$(LIBDIR)/lib$$l.a \
		$(DESTDIR)$(LIBDIR)/lib$$l.so* \
		$(DESTDIR)$(LIBDIR)/pkgconfig/$$l.pc; done
	rm -rf $(DESTDIR)$(INCLUDEDIR)/authtok $(DESTDIR)$(DOCDIR)
	rm -f $(DESTDIR)$(INCLUDEDIR)/authtok.h $(DESTDIR)$(SBINDIR)/authd \
		$(DESTDIR)$(BINDIR)/authctl
	for m in $(MAN); do s=$${m##*.}; d=$(DESTDIR)$(MANDIR)/man$$s; \
		rm -f $$d/$${m##*/}; \
		for n in $$($(MAN_NAMES) $$m); do rm -f $$d/$$n.$$s; done; done

# ---- care ------------------------------------------------------------------
.PHONY: format
format:
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: lint
lint:
	clang-format --dry-run -Werror $$(git ls-files '*.c' '*.h')
	mandoc -T lint -W warning $(MAN)
	shellcheck .ci/run .ci/deps $$(git ls-files '*.sh')

.PHONY: clean
clean:
	rm -rf build

.PHONY: help
help:
	@echo 'make run         install what is missing, build, run authd on 127.0.0.1:8080'
	@echo 'make check       install what is missing, build, run all tests'
	@echo 'make             build libraries and programs into $(BUILD)'
	@echo 'make install     PREFIX=$(PREFIX) DESTDIR=$(DESTDIR)'
	@echo '                 WITH_PGSQL=no leaves the PostgreSQL backend out'
	@echo 'make check-asan  the tests with AddressSanitizer and UBSan'
	@echo 'make check-tsan  the tests with ThreadSanitizer'
	@echo 'make vectors     public test vectors; DIR=FOLDER with their checkouts'
	@echo 'make fuzz        tokens, JSON and forms, heads, base64url and refreshes against'
	@echo '                 second implementations; FUZZ_SECONDS, FUZZ_JOBS, ONLY=name'
	@echo 'make check-memcheck  the unit and store tests in valgrind'
	@echo 'make coverage    lines and branches that the tests go through'
	@echo 'make model       the rotation rule proved with spin'
	@echo 'make soak        power cuts, kill -9 and contention for long'
	@echo 'make bench       every path against its floor; ONLY=name, JSON=1'
	@echo 'make bench-peers other libraries at the same; installs them'
	@echo 'make bench-plot  both as SVG in build/bench'
	@echo 'make analyse     gcc -fanalyzer, clang-tidy and cppcheck'
	@echo 'make lint        clang-format, mandoc and shellcheck'
	@echo 'make clean       remove build/'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
