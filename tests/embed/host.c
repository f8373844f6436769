#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A busy machine may take so many times longer. */
enum { PATIENCE = 5 };

/* --- Lua --- */

/* What every host's chunks begin with. `soon` waits until something is so:
 * within the bound of the program. */
static const char prelude[] =
    "tandem = require 'tandem'\n"
    "function soon(is_so)\n"
    "  while not is_so() do tandem.sleep(0.001) end\n"
    "end\n"
    "function running(futures)\n"
    "  for _, f in ipairs(futures) do\n"
    "    soon(function() return f:status() == 'running' end)\n"
    "  end\n"
    "end\n"
    "function works(pool)\n"
    "  assert(pool:call('fixtures.basic:add', 1, 2) == 3)\n"
    "  local f = pool:submit('fixtures.failing:boom')\n"
    "  assert(f:error(60))\n"
    "  for i, v in pool:map('fixtures.basic:square', { 1, 2, 3 }) do\n"
    "    assert(v == i * i)\n"
    "  end\n"
    "end\n";

void host_furnish(lua_State *L) {
  luaL_openlibs(L);
  host_do(L, prelude);
}

lua_State *host_open(void) {
  lua_State *L = luaL_newstate();
  CHECK(L != NULL);
  host_furnish(L);
  return L;
}

static int traceback(lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

void host_do(lua_State *L, const char *chunk) {
  lua_settop(L, 0);
  lua_pushcfunction(L, traceback);
  if (luaL_loadstring(L, chunk) != LUA_OK || lua_pcall(L, 0, 0, 1) != LUA_OK)
    host_fail("%s", lua_tostring(L, -1));
  lua_settop(L, 0);
}

const char *host_error(lua_State *L, const char *chunk) {
  lua_settop(L, 0);
  if (luaL_dostring(L, chunk) == LUA_OK) host_fail("went well: %s", chunk);
  return luaL_tolstring(L, -1, NULL);
}

/* --- itself --- */

void host_fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is not */
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  fflush(stderr);
  _exit(1);
}

static int count_entries(const char *folder) {
  DIR *dir = opendir(folder);
  int n = 0;
  CHECK(dir != NULL);
  for (struct dirent *e; (e = readdir(dir)) != NULL;) n += e->d_name[0] != '.';
  closedir(dir);
  return n;
}

/* ThreadSanitizer has a thread of its own, from some time on. */
static int count_threads(void) {
#ifdef __SANITIZE_THREAD__
  return 0;
#else
  return count_entries("/proc/self/task");
#endif
}

/* A list of numbers, each with a blank behind it. */
static int count_numbers(const char *path) {
  FILE *file = fopen(path, "re");
  int n = 0;
  if (file == NULL) return 0; /* the thread is gone */
  for (int c; (c = fgetc(file)) != EOF;) n += c == ' ';
  fclose(file);
  return n;
}

/* Each thread has a list of its own. */
static int count_children(void) {
  char path[300];
  int n = 0;
  DIR *dir = opendir("/proc/self/task");
  CHECK(dir != NULL);
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/self/task/%.20s/children", e->d_name);
    n += count_numbers(path);
  }
  closedir(dir);
  return n;
}

host_counts host_now(void) {
  return (host_counts){.threads = count_threads(),
                       .children = count_children(),
                       .fds = count_entries("/proc/self/fd")};
}

void host_check_back(host_counts before) {
  const struct timespec moment = {.tv_nsec = 5000000};
  host_counts now = host_now();
  for (int i = 0; i < 12000 && memcmp(&now, &before, sizeof now) != 0; i++) {
    nanosleep(&moment, NULL);
    now = host_now();
  }
  if (memcmp(&now, &before, sizeof now) != 0)
    host_fail(
        "left behind: %d threads, %d children, %d descriptors; there were "
        "%d, %d, %d",
        now.threads, now.children, now.fds, before.threads, before.children,
        before.fds);
}

int host_fine(void) {
  puts("fine");
  return 0;
}

void host_bound(unsigned seconds) { alarm(seconds * PATIENCE); }
