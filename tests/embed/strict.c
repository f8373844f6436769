/* strict.c -- a host that lets its scripts do little: no io, os or debug, no
 * load, and no global that was not declared: a game, a web server for many.
 *
 *     strict searchers|preload|nothing
 *
 * What require has left there: package with its searchers; package with
 * preloaded modules and no paths; or not even the global package. All of tandem
 * that needs no file works.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "host.h"

/* The host's own preparations: everything is still there. */
static const char preload_all[] =
    "local path, cpath = package.path, package.cpath\n"
    "worker_path, worker_cpath = path, cpath\n"
    "for _, name in ipairs { 'chain', 'check', 'futures', 'init', 'loop',\n"
    "    'map', 'measure', 'pool', 'progress', 'range', 'search', 'source' }\n"
    "do\n"
    "  local file = assert(package.searchpath('tandem.' .. name, path))\n"
    "  local chunk = assert(loadfile(file))\n"
    "  name = name == 'init' and 'tandem' or 'tandem.' .. name\n"
    "  package.preload[name] = function() return chunk(name, file) end\n"
    "end\n"
    "local file = assert(package.searchpath('tandem.core', cpath))\n"
    "package.preload['tandem.core'] =\n"
    "  assert(package.loadlib(file, 'luaopen_tandem_core'))\n";

static const char strip[] =
    "io, os, debug, load, loadfile, dofile = nil\n"
    "for _, name in ipairs { 'io', 'os', 'debug' } do\n"
    "  package.loaded[name] = nil\n"
    "end\n"
    "local keep = { loaded = true, preload = true, searchers = true }\n"
    "if HOW == 'searchers' then\n"
    "  keep.path, keep.cpath = true, true\n"
    "else\n"
    "  package.searchers = { package.searchers[1] }\n"
    "end\n"
    "for name in pairs(package) do\n"
    "  if not keep[name] then package[name] = nil end\n"
    "end\n"
    "if HOW == 'nothing' then package.loaded.package, package = nil end\n"
    "setmetatable(_G, {\n"
    "  __index = function(_, name)\n"
    "    error('no such global: ' .. tostring(name), 2)\n"
    "  end,\n"
    "  __newindex = function(_, name)\n"
    "    error('no such global may be made: ' .. tostring(name), 2)\n"
    "  end,\n"
    "  __metatable = false,\n"
    "})\n";

static const char use[] =
    "local tandem = require 'tandem'\n"
    "local options = { max_workers = 2, path = worker_path,\n"
    "                  cpath = worker_cpath }\n"
    "for _, kind in ipairs { 'thread', 'process', 'serial' } do\n"
    "  local pool <close> = tandem[kind .. '_pool'](options)\n"
    "  assert(pool:call('fixtures.basic:add', 1, 2) == 3)\n"
    "  assert(pool:call(function(s) return load(s)() end, 'return 7') == 7)\n"
    "  local sum = 0\n"
    "  for _, v in pool:map('fixtures.basic:square', { 1, 2, 3 }) do\n"
    "    sum = sum + v\n"
    "  end\n"
    "  assert(sum == 14)\n"
    "  local words = coroutine.wrap(function()\n"
    "    for i = 1, 3 do coroutine.yield(i) end\n"
    "  end)\n"
    "  for i, v in pool:map('fixtures.basic:square', words) do\n"
    "    assert(v == i * i)\n"
    "  end\n"
    "  assert(pool:reduce('fixtures.basic:square', 'fixtures.basic:add',\n"
    "                     tandem.range(1, 100)) == 338350)\n"
    "  local called = 0\n"
    "  local list = {}\n"
    "  for i = 1, 5 do\n"
    "    list[i] = pool:submit('fixtures.basic:echo', i)\n"
    "    list[i]:on_done(function() called = called + 1 end)\n"
    "  end\n"
    "  for f in tandem.as_completed(list) do assert(f:result()) end\n"
    "  tandem.wait(list)\n"
    "  tandem.poll()\n"
    "  assert(called == 5)\n"
    "  tandem.all(list):result()\n"
    "  tandem.any(list):result()\n"
    "  local f = list[1]:and_then('fixtures.basic:add', 10)\n"
    "  assert(f:result() == 11)\n"
    "  f = pool:submit('fixtures.failing:boom')\n"
    "  local err, traceback = f:error()\n"
    "  assert(tandem.is_error(err) or tostring(err):find('boom'))\n"
    "  assert(type(traceback) == 'string')\n"
    "  assert(not pcall(pool.submit, pool, 42))\n"
    "  assert(not pcall(pool.submit, pool, 'fixtures.basic:echo', print))\n"
    "  assert(not pcall(tandem[kind .. '_pool'], { max_worker = 2 }))\n"
    "  assert(not pcall(pool.map, pool, 'fixtures.basic:echo'))\n"
    "  assert(pool:stats().done > 5 and #pool:workers() >= 0)\n"
    "  if kind ~= 'serial' then\n"
    "    pool:with({ timeout = 100, name = 'n' }):call('fixtures.basic:echo')\n"
    "    f = pool:submit('fixtures.inside:sleep', 60)\n"
    "    f:cancel('interrupt')\n"
    "    tandem.wait({ f })\n"
    "    pool:resize(1)\n"
    "  end\n"
    "  tostring(pool) tostring(f)\n"
    "  assert(pool:shutdown { timeout = 100 })\n"
    "end\n"
    "assert(tandem.fileno() > 2 and tandem.cpu_count() > 0)\n"
    "local plain <close> = tandem.thread_pool(1)\n"
    "assert(plain:call('string:rep', 'x', 3) == 'xxx')\n";

int main(int argc, char **argv) {
  host_bound(60);
  CHECK(argc == 2);
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  lua_pushstring(L, argv[1]);
  lua_setglobal(L, "HOW");
  if (strcmp(argv[1], "searchers") != 0)
    host_do(L, preload_all);
  else
    host_do(L, "worker_path, worker_cpath = package.path, package.cpath");
  host_do(L, strip);
  host_do(L, use);
  lua_close(L);
  return host_fine();
}
