# tandem -- build, check, install. `make help` lists what there is to say.
#
# Variants live side by side, so that none clobbers another: MODE is release
# (in build/), debug, lint, asan, tsan, cov or fuzz (in build/MODE/).
# INBOX=locked builds the mutex twin of the lock-free inbox instead of it.

MODE ?= release
INBOX ?= lockfree
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_TIME ?= 60
FILTER ?=
BENCH_ARGS ?=
# Looked up when used, and not before: set-up may just have installed it.
LUA ?= $(shell scripts/dev/lua.sh)
# Debian's place, then those of others. The compiler skips what is not there.
LUA_INC ?= /usr/include/lua5.4 /usr/include/lua54 /usr/include/lua/5.4 \
  /usr/local/include/lua5.4
LUA_LIB ?= -llua5.4
# The worker program has Lua within, for a start without a search for it.
LUA_STATIC ?= $(firstword $(wildcard $(addsuffix /liblua5.4.a,\
  /usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null) /usr/lib64 /usr/lib \
  /usr/local/lib)))

LUADIR ?= $(PREFIX)/share/lua/5.4
LIBDIR ?= $(PREFIX)/lib/lua/5.4
BINDIR ?= $(PREFIX)/bin
DOCDIR ?= $(PREFIX)/share/doc/tandem
MANDIR ?= $(PREFIX)/share/man
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(PREFIX)/lib/pkgconfig
# Where the modules are in the end, if somebody moves them after `install`.
FINAL_LUADIR ?= $(LUADIR)
FINAL_LIBDIR ?= $(LIBDIR)

# The build directory of a mode: build/tandem/core.so is the release's.
TWIN := $(if $(filter locked,$(INBOX)),-locked)
DIR = $(patsubst build/release,build,build/$(1)$(TWIN))
OUT := $(call DIR,$(MODE))
OBJ := build/obj/$(MODE)$(TWIN)
SO := $(OUT)/tandem/core.so
WORKER := $(OUT)/tandem/tandem-worker

# ---- sources ----

# A file and its *_locked.c twin stand for each other: one of them is linked.
TWINS := $(wildcard core/*_locked.c)
CORE := $(filter-out $(TWINS),$(wildcard core/*.c))
ifeq ($(INBOX),locked)
CORE := $(filter-out $(TWINS:_locked.c=.c),$(CORE)) $(TWINS)
endif
# The worker program is the module, and a main around it.
BINDINGS := $(filter-out %_main.c,$(wildcard bindings/*.c))
C_TESTS := $(patsubst %.c,%,$(wildcard tests/core/test_*.c))
# The worker program that process pools of the C tests run.
C_TEST_WORKER := tests/core/worker
C_TEST_HELP := $(filter-out tests/core/test_% $(C_TEST_WORKER).c,\
  $(wildcard tests/core/*.c))
# Programs that host Lua; the others in the folder are what these share.
EMBED_HELP := $(addprefix tests/embed/,host.c counting.c)
EMBED := $(patsubst %.c,%,$(filter-out $(EMBED_HELP) %/plugin.c,\
  $(wildcard tests/embed/*.c))) tests/embed/plugin.so
FUZZERS := $(patsubst %.c,%,$(wildcard tests/fuzz/*.c))
SPECS ?= $(sort $(wildcard tests/spec/*_spec.lua tests/spec/*/*_spec.lua))
# What says most of an installed tree, in about a minute.
INSTALL_SPECS ?= $(wildcard tests/install/*_spec.lua) $(patsubst %,\
  tests/spec/%_spec.lua,cli cli_parts repl examples tasks values load \
  initializer map process_crash process_host process_idle exit install)
# Of programs that host Lua: servers of the distribution, and small ones of ours.
EMBED_SPECS := $(sort $(wildcard tests/embed/*_spec.lua))
HOST_SPECS ?= $(sort $(wildcard tests/hosts/*_spec.lua)) $(EMBED_SPECS)

CORE_O := $(CORE:%.c=$(OBJ)/%.o)
BINDINGS_O := $(BINDINGS:%.c=$(OBJ)/%.o)
TEST_HELP_O := $(C_TEST_HELP:%.c=$(OBJ)/%.o)
EMBED_HELP_O := $(EMBED_HELP:%.c=$(OBJ)/%.o)

# ---- flags ----

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wundef -Wwrite-strings \
  -Wredundant-decls -Wdisabled-optimization -Wdouble-promotion \
  -Wmissing-declarations -Wmissing-prototypes -Wstrict-prototypes \
  -Wold-style-definition -Wnested-externs -Wvla \
  -Werror=implicit-function-declaration
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=all
# TSan takes some thread-local blocks, by their address, for those of an old
# glibc, and reads a size that is none. Those of this model it does not look at.
SANITIZE_tsan := -fsanitize=thread -ftls-model=initial-exec
SANITIZE_fuzz := -fsanitize=fuzzer-no-link,address,undefined \
  -fno-sanitize-recover=all
SANITIZE_cov := --coverage
SANITIZE := $(SANITIZE_$(MODE))
# What is installed shall not tell where it was built.
OPTIMIZE_release := -O2 -fno-plt -g '-ffile-prefix-map=$(CURDIR)=.'
OPTIMIZE_lint := -O2 -Werror
OPTIMIZE_cov := -O0 -g -DTDM_DEBUG
OPTIMIZE := $(or $(OPTIMIZE_$(MODE)),\
  -O1 -g -fno-omit-frame-pointer -DTDM_DEBUG)

# The sanitizers' libraries that are loaded into a stock Lua are gcc's; only
# clang has libFuzzer.
ifneq ($(filter asan tsan cov,$(MODE)),)
CC := gcc
endif
ifeq ($(MODE),fuzz)
CC := clang
endif

VERSION := $(shell sed -n 's/.*_VERSION = "tandem \(.*\)".*/\1/p' \
  bindings/tandem/init.lua)

CPPFLAGS_ALL := -DTANDEM_VERSION=$(VERSION) -D_GNU_SOURCE -Icore -Ibindings $(addprefix -isystem ,$(LUA_INC))
CFLAGS_ALL := -std=c11 -pthread -fPIC -fvisibility=hidden $(OPTIMIZE) \
  $(SANITIZE) $(WARNINGS)
# nodelete: worker threads may outlive the lua_State that loaded the module,
# and their code must not be unmapped under them.
SO_FLAGS := -shared -pthread -Wl,-z,nodelete,-z,now,-z,relro

comma := ,
MAKEFLAGS += --no-print-directory
export CC
# These would hide the LUA_PATH that the targets below set.
unexport LUA_PATH_5_4 LUA_CPATH_5_4
# Everything that runs Lua on a build runs it behind this.
IN = eval "$$(scripts/dev/env.sh $(call DIR,$(1)))" &&
# V=1 shows the commands in full.
Q := $(if $(filter 1,$(V)),,@)
SAY = $(if $(Q),@echo '  $(1) $@')

# ---- build ----

all: $(SO) $(WORKER) build/bin/tandem ## build the module and the command (the default)

# The name that luarocks calls it by.
rock: all

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' \
	  $(firstword $(MAKEFILE_LIST))

$(SO): $(CORE_O) $(BINDINGS_O)
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) $(SO_FLAGS) $(SANITIZE) $(LDFLAGS) -o $@ $^

# C modules that a task requires find Lua's functions in the program (-E).
$(WORKER): $(CORE_O) $(BINDINGS_O) $(OBJ)/bindings/worker_main.o
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -pthread -rdynamic $(SANITIZE) $(LDFLAGS) -o $@ $^ \
	  $(if $(LUA_STATIC),-Wl$(comma)--whole-archive $(LUA_STATIC) \
	  -Wl$(comma)--no-whole-archive,$(LUA_LIB)) -lm -ldl

# The link points at the source, so that an edit needs no build.
build/bin/tandem:
	@mkdir -p $(@D)
	@ln -sfn ../../scripts/tandem $@

$(OBJ)/%.o: %.c Makefile | needs-build
	@mkdir -p $(@D)
	$(call SAY,cc)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CPPFLAGS) $(CFLAGS_ALL) $(CFLAGS) -MMD -MP \
	  -c -o $@ $<

$(OUT)/tests/core/%: $(OBJ)/tests/core/%.o $(TEST_HELP_O) $(CORE_O)
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -pthread $(SANITIZE) $(LDFLAGS) -o $@ $^

$(OUT)/tests/embed/%: $(OBJ)/tests/embed/%.o $(EMBED_HELP_O)
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -pthread $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LUA_LIB) -ldl

# Lua within, and kept from all modules.
$(OUT)/tests/embed/hidden: $(OBJ)/tests/embed/hidden.o $(EMBED_HELP_O)
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -pthread $(SANITIZE) $(LDFLAGS) -o $@ $^ \
	  $(or $(LUA_STATIC),-l:liblua5.4.a) -lm -ldl

# A program without Lua, and its plugin, which brings Lua along.
$(OUT)/tests/embed/plugged: $(OBJ)/tests/embed/plugged.o
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -pthread $(SANITIZE) $(LDFLAGS) -o $@ $^ -ldl

$(OUT)/tests/embed/plugin.so: $(OBJ)/tests/embed/plugin.o $(EMBED_HELP_O)
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -shared -pthread $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LUA_LIB)

$(OUT)/tests/fuzz/%: $(OBJ)/tests/fuzz/%.o $(CORE_O) $(BINDINGS_O)
	@mkdir -p $(@D)
	$(call SAY,ld)
	$(Q)$(CC) -pthread $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ $(LUA_LIB)

# Made by pattern rules, but not to be deleted as intermediate files.
.SECONDARY:

c-tests: $(C_TESTS:%=$(OUT)/%) $(OUT)/$(C_TEST_WORKER)

embed: $(EMBED:%=$(OUT)/%)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)

# ---- set-up: install what the machine lacks, quick where it lacks nothing ----

NEEDS := $(addprefix needs-,build demo repl bench test hosts install asan tsan \
                    page valgrind fuzz cov)
$(NEEDS): needs-%:
	@LUA_INC="$(LUA_INC)" scripts/dev/setup.sh $*

# ---- run ----

demo: needs-demo ## an IO-bound and a CPU-bound job, serial and on threads
	@$(MAKE) all
	@$(call IN,$(MODE)) $(LUA) scripts/demo.lua

repl: needs-repl ## Lua at a prompt, with tandem and a pool
	@$(MAKE) all
	@$(call IN,$(MODE)) build/bin/tandem

bench: needs-bench ## measure and compare (BENCH_ARGS="--json FILE")
	@$(MAKE) all
	@$(call IN,$(MODE)) $(LUA) scripts/bench/main.lua $(BENCH_ARGS)

env: ## print export lines: eval "$(make -s env)"
	@scripts/dev/env.sh $(OUT)

# ---- test ----

# The C tests want the assertions and counters of a debug build; the specs run
# on what people get. TANDEM_MODE tells a spec which build it has before it.
RUN = $(call IN,$(1)) LUA_PATH="$$PWD/tests/?.lua;$$LUA_PATH" \
  TANDEM_MODE=$(1) FILTER="$(FILTER)"
C_PROGRAMS = $(C_TESTS:%=$(call DIR,$(1))/%)

test: needs-test ## the C tests of the core, and the specs
	@$(MAKE) MODE=debug c-tests
	@$(MAKE) all
	@$(call RUN,$(MODE)) scripts/dev/run-tests.sh $(call C_PROGRAMS,debug) -- $(SPECS)

test-core: needs-test ## the C tests of the core alone
	@$(MAKE) MODE=debug c-tests
	@scripts/dev/run-tests.sh $(call C_PROGRAMS,debug)

test-lua: needs-test ## the specs alone (SPECS="tests/spec/map_spec.lua" FILTER=words)
	@$(MAKE) all
	@$(call RUN,$(MODE)) scripts/dev/run-tests.sh -- $(SPECS)

# A stock Lua loads an instrumented module once it has the sanitizer's library.
# TSan's must not reach the shells that Lua starts, which crash with it, so there
# the dynamic linker gives it to Lua alone.
LIBRARY = $$(gcc -print-file-name=lib$(1).so)
LINKER = $$(ls /lib64/ld-linux-*.so.* /lib/ld-linux-*.so.* 2>/dev/null | head -n 1)
# Large address-space offsets of newer kernels are more than gcc's TSan knows.
STILL = $$(setarch -R true 2>/dev/null && echo setarch -R)

# Our own hosts as well, unless SPECS says which.
asan tsan: SPECS += $(EMBED_SPECS)

asan: needs-asan ## both suites under AddressSanitizer and UBSan
	@$(MAKE) MODE=asan c-tests all embed
	@$(call RUN,asan) \
	  ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
	  UBSAN_OPTIONS=print_stacktrace=1 TANDEM_PRELOAD="$(call LIBRARY,asan)" \
	  LUA_WRAP="env LD_PRELOAD=$(call LIBRARY,asan)" \
	  scripts/dev/run-tests.sh $(call C_PROGRAMS,asan) -- $(SPECS)

tsan: needs-tsan ## both suites under ThreadSanitizer
	@$(MAKE) MODE=tsan c-tests all embed
	@$(call RUN,tsan) TSAN_OPTIONS=die_after_fork=0 \
	  WRAP="$(STILL)" TANDEM_PRELOAD="$(call LIBRARY,tsan)" \
	  LUA_WRAP="$(STILL) $(LINKER) --preload $(call LIBRARY,tsan)" \
	  scripts/dev/run-tests.sh $(call C_PROGRAMS,tsan) -- $(SPECS)

gc: needs-test ## the specs with the collector always at work
	@$(MAKE) MODE=debug all
	@$(call RUN,debug) \
	  LUA_INIT='collectgarbage("incremental",1,1000)' \
	  scripts/dev/run-tests.sh -- $(SPECS)

# What is different for a pool that others may use has specs of its own.
SHARED_SPECS = $(filter-out $(foreach name,options nested nested_stop process_idle \
  process_isolation,tests/spec/$(name)_spec.lua),$(SPECS))

test-shared: needs-test ## the specs, with pools that are shared
	@$(MAKE) all
	@TANDEM_SHARED=1 $(call RUN,$(MODE)) scripts/dev/run-tests.sh -- $(SHARED_SPECS)

test-hosts: needs-hosts ## inside programs that host Lua: real servers, and ours
	@$(MAKE) all embed
	@$(call RUN,$(MODE)) scripts/dev/run-tests.sh -- $(HOST_SPECS)

test-page: needs-page ## the page that :save writes, in a real browser
	@$(MAKE) test C_TESTS= SPECS=tests/spec/lab_save_spec.lua

test-install: needs-install ## install as a package does, test that (INSTALL_SPECS=)
	@$(MAKE) all
	@MAKE="$(MAKE)" TANDEM_MODE=release FILTER="$(FILTER)" \
	  scripts/dev/test-install.sh $(INSTALL_SPECS)

valgrind: needs-valgrind ## the C tests under valgrind
	@$(MAKE) MODE=debug c-tests
	@WRAP="valgrind -q --error-exitcode=99 --fair-sched=yes --leak-check=full \
	  --errors-for-leak-kinds=definite" TANDEM_MODE=valgrind \
	  scripts/dev/run-tests.sh $(call C_PROGRAMS,debug)

fuzz: needs-fuzz ## each fuzzer for FUZZ_TIME=60 seconds
	@$(MAKE) MODE=fuzz fuzzers
	@scripts/dev/run-fuzzers.sh $(FUZZ_TIME) $(FUZZERS:%=$(call DIR,fuzz)/%)

fuzzers: $(FUZZERS:%=$(OUT)/%)

cov: needs-cov ## what the tests reach of the C code
	@$(MAKE) MODE=cov c-tests all
	@find build/obj/cov -name '*.gcda' -delete
	@$(call RUN,cov) \
	  scripts/dev/run-tests.sh $(call C_PROGRAMS,cov) -- $(SPECS)
	@gcovr --root . --filter core/ --filter bindings/ build/obj/cov

lint: ## format, clang-tidy, cppcheck, luacheck, layers, docs, man page, rockspec
	@LUA_INC="$(LUA_INC)" MAKE="$(MAKE)" scripts/dev/lint.sh

# What lint.sh hands to clang-tidy.
lint-flags:
	@echo $(CPPFLAGS_ALL) -std=c11 -DTDM_DEBUG

# ---- install ----

# The command finds its modules from its own place, so PREFIX need not be on
# Lua's default path.
INSTALL = $(foreach name,SO WORKER LUA DESTDIR PREFIX LUADIR LIBDIR BINDIR \
  INCLUDEDIR PKGCONFIGDIR MANDIR DOCDIR FINAL_LUADIR FINAL_LIBDIR,\
  $(name)="$($(name))") scripts/install/install.sh

install: all ## install below PREFIX=/usr/local (DESTDIR= LIBDIR= LUADIR=)
	@$(INSTALL) install

uninstall: ## take away what install put there, given the same PREFIX and so on
	@$(INSTALL) uninstall

install-list: ## list the files that install writes
	@$(INSTALL) list | sort -u

clean: ## remove build/
	rm -rf build

.DEFAULT_GOAL := all
.PHONY: all rock help c-tests fuzzers demo repl bench env test test-core test-lua \
  asan tsan gc test-shared test-hosts test-install test-page valgrind fuzz cov lint lint-flags \
  install uninstall install-list clean $(NEEDS)
