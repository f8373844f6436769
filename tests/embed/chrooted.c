/* chrooted.c -- a daemon that shuts itself up in a folder once its scripts are
 * loaded: no /proc is there, no /dev.
 *
 *     chrooted FOLDER [lacking]
 *
 * Pools work. In a folder that is "lacking" the worker program, or a library of
 * its, threads do, and the error of a pool of processes names the program. Who
 * is not root is so in a user namespace of its own.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "host.h"

static void shut_up(const char *folder) {
  if (geteuid() != 0) CHECK(unshare(CLONE_NEWUSER) == 0);
  CHECK(chroot(folder) == 0);
  CHECK(chdir("/") == 0);
  CHECK(access("/proc/self", F_OK) != 0);
  CHECK(access("/dev/null", F_OK) != 0);
}

static const char use[] =
    "for _, kind in ipairs { 'thread', 'process', 'serial' } do\n"
    "  local pool <close> = tandem[kind .. '_pool'] {}\n"
    "  works(pool)\n"
    "  local f = pool:submit(function() error('on purpose') end)\n"
    "  assert(f:error(20))\n"
    "end\n"
    "assert(tandem.cpu_count() >= 1)\n";

static const char use_threads[] =
    "local ok, err = pcall(function()\n"
    "  local pool <close> = tandem.process_pool(2)\n"
    "  return pool:call('fixtures.basic:add', 1, 2)\n"
    "end)\n"
    "assert(not ok and tandem.is_error(err, 'limit'), tostring(err))\n"
    "print(err.message)\n"
    "local pool <close> = tandem.thread_pool(2)\n"
    "works(pool)\n";

int main(int argc, char **argv) {
  host_bound(60);
  CHECK(argc >= 2);
  lua_State *L = host_open();
  shut_up(argv[1]);
  host_do(L, argc == 2 ? use : use_threads);
  lua_close(L);
  return host_fine();
}
