/* Counts primes on four threads, from C: no script runs, but the task.
 *
 *     cc primes.c $(pkg-config --cflags tandem) -I/usr/include/lua5.4 \
 *       -llua5.4 -lm -o primes
 *     LUA_PATH="scripts/examples/c/?.lua;;" ./primes
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "tandem.h"

#define PARTS 8
#define SIZE 25000

static tandem_task *ask(const tandem_api *t, tandem_pool *pool, int part) {
  tandem_bytes arguments = {0};
  t->put(&arguments, tandem_integer(part * SIZE + 1));
  t->put(&arguments, tandem_integer((part + 1) * SIZE));
  tandem_task *task = t->submit(pool, "primes:count", &arguments);
  t->free_bytes(&arguments);
  return task;
}

int main(void) {
  char why[256];
  lua_State *L = luaL_newstate(); /* knows where modules are; else unused */
  luaL_openlibs(L);
  const tandem_api *t = tandem_of(L);
  if (t == NULL) return fprintf(stderr, "%s\n", lua_tostring(L, -1)), 1;
  tandem_options options = {.max_workers = 4, .name = "primes"};
  tandem_pool *pool = t->new_pool(L, &options, why, sizeof why);
  if (pool == NULL) return fprintf(stderr, "%s\n", why), 1;

  tandem_task *task[PARTS];
  for (int i = 0; i < PARTS; i++) task[i] = ask(t, pool, i);
  long long sum = 0;
  int ok = 1;
  for (int i = 0; i < PARTS; i++) {
    tandem_bytes results;
    tandem_value count = {0};
    size_t at = 0;
    ok = task[i] != NULL &&
         t->collect(task[i], TANDEM_FOREVER, &results) == TANDEM_DONE &&
         t->get(&results, &at, &count);
    if (!ok) break;
    sum += count.as.integer;
  }
  if (ok) printf("%lld primes up to %d\n", sum, PARTS * SIZE);
  if (!ok) fprintf(stderr, "%s\n", t->why(pool));
  t->free_pool(pool);
  lua_close(L);
  return !ok;
}
