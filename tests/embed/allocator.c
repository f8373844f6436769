/* allocator.c -- a server with an allocator of its own for Lua, which counts,
 * and knows no locks.
 *
 * No thread of ours may ever call it, and every byte comes back.
 */
#include <lauxlib.h>

#include "counting.h"
#include "host.h"

static const char use[] =
    "local pools = { tandem.thread_pool(2), tandem.process_pool(2),\n"
    "                tandem.serial_pool() }\n"
    "for _, pool in ipairs(pools) do\n"
    "  works(pool)\n"
    "  local big = ('x'):rep(1 << 20)\n"
    "  assert(pool:call('fixtures.basic:echo', big) == big)\n"
    "  local n = 0\n"
    "  local list = {}\n"
    "  for i = 1, 20 do\n"
    "    list[i] = pool:submit('fixtures.basic:echo', { i, { i } })\n"
    "    list[i]:on_done(function() n = n + 1 end)\n"
    "    list[i]:and_then('fixtures.basic:count')\n"
    "  end\n"
    "  for f in tandem.as_completed(list) do f:result() end\n"
    "  while n < 20 do tandem.poll(1) end\n"
    "  pool:reduce('fixtures.basic:square', 'fixtures.basic:add',\n"
    "              tandem.range(1, 1000))\n"
    "  pcall(pool.call, pool, 'no_such:module')\n"
    "  pcall(pool.submit, pool, 'fixtures.basic:echo', print)\n"
    "  if pool ~= pools[3] then\n"
    "    for i = 1, 4 do pool:submit('fixtures.inside:sleep', 0.02) end\n"
    "  end\n"
    "end\n";

int main(void) {
  counting memory = {.owner = pthread_self()};
  host_bound(60);
  for (int i = 0; i < 3; i++) {
    lua_State *L = lua_newstate(counting_alloc, &memory);
    CHECK(L != NULL);
    host_furnish(L);
    host_do(L, use);
    lua_close(L);
    CHECK(memory.calls > 1000);
    CHECK(memory.live == 0);
    CHECK(memory.blocks == 0);
  }
  return host_fine();
}
