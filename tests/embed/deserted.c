/* deserted.c -- a state that is closed while a task of its shared pool is held
 * in C code, and nobody else has the pool.
 *
 *     deserted LINGER PATH
 *
 * PATH is a FIFO. Once the task is let go all threads end.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <unistd.h>

#include "host.h"

static const char use[] =
    "pool = tandem.thread_pool { max_workers = 4, exit_timeout = 0.05,\n"
    "  shared = true, linger = tonumber(LINGER) }\n"
    "for _ = 1, 8 do works(pool) end\n"
    "held = pool:submit('fixtures.gate:wait', PATH)\n"
    "running { held }\n";

/* What is made once a process, at first use, is no leak. */
static void warm_up(host_counts *expected) {
  lua_State *L = host_open();
  host_do(L, "works(tandem.thread_pool(1))");
  lua_close(L);
  expected->fds = host_now().fds;
}

int main(int argc, char **argv) {
  host_bound(60);
  CHECK(argc == 3);
  host_counts before = host_now();
  warm_up(&before);
  for (int i = 0; i < 3; i++) {
    lua_State *L = host_open();
    lua_pushstring(L, argv[1]);
    lua_setglobal(L, "LINGER");
    lua_pushstring(L, argv[2]);
    lua_setglobal(L, "PATH");
    host_do(L, use);
    lua_close(L);
    int fd = open(argv[2], O_RDWR | O_CLOEXEC); /* from now on none is held */
    CHECK(fd >= 0);
    before.fds++;
    host_check_back(before);
    before.fds--;
    close(fd);
  }
  return host_fine();
}
