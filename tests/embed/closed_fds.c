/* closed_fds.c -- a daemon that closes 0, 1 and 2 before anything else, as many
 * do, and opens nothing in their places.
 *
 *     closed_fds FILE
 *
 * Pools work, and nothing of ours lies where a print would write into it. As
 * there is nowhere else, what is wrong is said in FILE.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

static const char use[] =
    "pools = { tandem.thread_pool(3), tandem.process_pool(3),\n"
    "          tandem.serial_pool() }\n"
    "tandem.fileno()\n"
    "for _, pool in ipairs(pools) do\n"
    "  local list = {}\n"
    "  for i = 1, 60 do\n"
    "    list[i] = pool:submit(function(i)\n"
    "      print('a line that goes nowhere', i)\n"
    "      io.write(('x'):rep(300), '\\n')\n"
    "      io.stderr:write('nor does this one\\n')\n"
    "      return i\n"
    "    end, i)\n"
    "  end\n"
    "  for i, f in ipairs(list) do assert(f:result(20) == i) end\n"
    "  works(pool)\n"
    "end\n";

/* A print at any moment must not land in what is only just being opened: one
 * that prints all the time, beside pools that come and go. */
static const char print_meanwhile[] =
    "local printing <close> = tandem.thread_pool(2)\n"
    "local f = printing:submit(function()\n"
    "  local cancelled = require('tandem').cancelled\n"
    "  repeat print(('x'):rep(100)) until cancelled()\n"
    "end)\n"
    "running { f }\n"
    "for _ = 1, 20 do\n"
    "  local pool <close> = tandem.process_pool(1)\n"
    "  works(pool)\n"
    "end\n"
    "f:cancel('interrupt')\n";

static void check_places(void) {
  for (int fd = 0; fd <= 2; fd++) CHECK(fcntl(fd, F_GETFD) < 0);
}

/* host_fail writes to 2, so that this is the file, for a moment. */
static void run(lua_State *L, const char *chunk, const char *path) {
  if (luaL_dostring(L, chunk) == LUA_OK) return;
  FILE *file = fopen(path, "we");
  if (file != NULL) fprintf(file, "%s\n", luaL_tolstring(L, -1, NULL));
  _exit(1);
}

int main(int argc, char **argv) {
  if (argc != 2) return 2;
  for (int fd = 0; fd <= 2; fd++) close(fd);
  host_bound(60);
  lua_State *L = host_open();
  check_places();
  for (int i = 0; i < 3; i++) {
    run(L, use, argv[1]);
    check_places();
    run(L, "for _, pool in ipairs(pools) do assert(pool:shutdown {}) end",
        argv[1]);
    check_places();
  }
  run(L, print_meanwhile, argv[1]);
  lua_close(L);
  check_places();
  return 0;
}
