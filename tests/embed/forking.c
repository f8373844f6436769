/* forking.c -- a daemon that loads its Lua scripts and then forks its workers.
 *
 *     forking thread|process none|unused|idle|busy|storm own|shared
 *
 * In the child what was the parent's fails with a clear error, and closing the
 * state neither waits, kills nor hangs; the child's own pools work. The parent
 * goes on as if nothing had been.
 */
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static const char with_pool[] =
    "pool = new_pool(2)\n"
    "works(pool)\n"
    "f = pool:submit('fixtures.basic:echo', 7)\n"
    "f:result()\n";

/* A script that makes its pool when it is loaded. */
static const char with_unused[] = "unused = new_pool(2)";

static const char use_unused[] = "if unused then works(unused) end";

/* Two that wait until the parent has written a file. */
static const char with_task[] =
    "path = os.tmpname()\n"
    "os.remove(path)\n"
    "local function wait(name)\n"
    "  while not io.open(name) do require('tandem').sleep(0.01) end\n"
    "  return 7\n"
    "end\n"
    "f = pool:submit(wait, path)\n"
    "waiting = pool:submit(wait, path)\n"
    "third = pool:submit('fixtures.basic:echo', 3)\n"
    "running { f }\n";

static const char after_task[] =
    "io.open(path, 'w'):close()\n"
    "assert(f:result(100) == 7 and waiting:result(100) == 7)\n"
    "assert(third:result(100) == 3)\n"
    "os.remove(path)\n";

/* Many tasks, so that a fork meets workers in every state. */
static const char with_storm[] =
    "storm = {}\n"
    "for i = 1, 200 do storm[i] = pool:submit('fixtures.basic:echo', i) end\n";

static const char after_storm[] =
    "for i, f in ipairs(storm) do assert(f:result(100) == i) end\n";

/* An error that says why, of an old pool and of an old future. */
static const char in_child[] =
    "local function closed(f, ...)\n"
    "  local ok, err = pcall(f, ...)\n"
    "  assert(not ok and tandem.is_error(err, 'closed'), tostring(err))\n"
    "  assert(tostring(err):find('fork', 1, true), tostring(err))\n"
    "end\n"
    "if pool then\n"
    "  closed(pool.submit, pool, 'fixtures.basic:echo')\n"
    "  closed(pool.call, pool, 'fixtures.basic:echo')\n"
    "  if f:status() ~= 'done' then\n"
    "    closed(f.result, f)\n"
    "    closed(f.result, f, 0.1)\n"
    "  else\n"
    "    assert(f:result() == 7)\n"
    "  end\n"
    "  tandem.poll()\n"
    "end\n";

/* As text of a function that makes a pool. */
static const char new_pool[] =
    "function new_pool(n)\n"
    "  local shared = %s\n"
    "  return tandem.%s_pool { max_workers = n, shared = shared,\n"
    "                          linger = shared and 0 or nil }\n"
    "end\n";

static void define_new_pool(lua_State *L, const char *kind, int is_shared) {
  char chunk[200];
  snprintf(chunk, sizeof chunk, new_pool, is_shared ? "true" : "false", kind);
  host_do(L, chunk);
}

static const char own_pools[] =
    "do\n"
    "  local own <close> = new_pool(2)\n"
    "  works(own)\n"
    "  local threads <close> = tandem.thread_pool(1)\n"
    "  works(threads)\n"
    "end\n";

static void be_child(lua_State *L, const char *kind, int is_shared) {
  host_bound(30);
  host_do(L, in_child);
  host_do(L, use_unused);
  host_do(L, own_pools);
  lua_close(L);
  L = host_open(); /* and one that never was the parent's */
  define_new_pool(L, kind, is_shared);
  host_do(L, own_pools);
  lua_close(L);
  _exit(42);
}

/* Closes at once what it has inherited, as a worker of a server does that ends
 * before it was used. */
static void be_brief_child(lua_State *L) {
  host_bound(30);
  lua_close(L);
  _exit(42);
}

static void wait_for(pid_t pid) {
  int status;
  CHECK(waitpid(pid, &status, 0) == pid);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
    host_fail("the child ended with status %#x", (unsigned)status);
}

static void fork_once(lua_State *L, const char *kind, int is_shared,
                      int is_brief) {
  pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0 && is_brief) be_brief_child(L);
  if (pid == 0) be_child(L, kind, is_shared);
  wait_for(pid);
}

static void fork_in_storm(lua_State *L, const char *kind, int is_shared) {
  for (int i = 0; i < 20; i++) {
    host_do(L, with_storm);
    fork_once(L, kind, is_shared, i % 4 != 0);
    host_do(L, after_storm);
  }
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  const char *kind = argv[1], *when = argv[2];
  int is_shared = strcmp(argv[3], "shared") == 0;
  host_bound(60);
  lua_State *L = host_open();
  define_new_pool(L, kind, is_shared);
  int is_used = strcmp(when, "none") != 0 && strcmp(when, "unused") != 0;
  if (is_used) host_do(L, with_pool);
  if (strcmp(when, "unused") == 0) host_do(L, with_unused);
  if (strcmp(when, "busy") == 0) host_do(L, with_task);
  if (strcmp(when, "storm") == 0) fork_in_storm(L, kind, is_shared);
  fork_once(L, kind, is_shared, 0);
  fork_once(L, kind, is_shared, 1);
  if (strcmp(when, "busy") == 0) host_do(L, after_task);
  host_do(L, "if pool then works(pool) end");
  host_do(L, use_unused);
  host_do(L, own_pools);
  lua_close(L);
  return host_fine();
}
