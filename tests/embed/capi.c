/* capi.c -- a program that uses tandem by core/tandem.h alone: no script.
 *
 * Its states are there to find modules; its pools have their own.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "tandem.h"

static const tandem_api *t;

static tandem_pool *pool_of(lua_State *L, const char *kind, const char *more) {
  char why[256] = "";
  tandem_options o = {
      .kind = kind, .max_workers = 2, .name = "c", .more = more};
  tandem_pool *p = t->new_pool(L, &o, why, sizeof why);
  if (p == NULL) host_fail("no pool: %s", why);
  return p;
}

/* --- values --------------------------------------------------------------- */

static void put_all(tandem_bytes *b) {
  CHECK(t->put(b, tandem_nil()));
  CHECK(t->put(b, tandem_boolean(5)));
  CHECK(t->put(b, tandem_boolean(0)));
  CHECK(t->put(b, tandem_integer(INT64_MIN)));
  CHECK(t->put(b, tandem_integer(3)));
  CHECK(t->put(b, tandem_number(-0.0)));
  CHECK(t->put(b, tandem_number(1e300)));
  CHECK(t->put(b, tandem_string("")));
  CHECK(t->put(b, tandem_lstring("a\0b", 3)));
}

static void check_all(const tandem_bytes *b) {
  static const tandem_type types[] = {
      TANDEM_IS_NIL,     TANDEM_IS_BOOLEAN, TANDEM_IS_BOOLEAN,
      TANDEM_IS_INTEGER, TANDEM_IS_INTEGER, TANDEM_IS_NUMBER,
      TANDEM_IS_NUMBER,  TANDEM_IS_STRING,  TANDEM_IS_STRING};
  tandem_value v[9];
  size_t at = 0;
  for (int i = 0; i < 9; i++) {
    CHECK(t->get(b, &at, &v[i]));
    CHECK(v[i].type == types[i]);
  }
  CHECK(!t->get(b, &at, &v[0]));
  CHECK(v[1].as.boolean && !v[2].as.boolean);
  CHECK(v[3].as.integer == INT64_MIN && v[4].as.integer == 3);
  CHECK(v[5].as.number == 0 && signbit(v[5].as.number));
  CHECK(v[6].as.number == 1e300);
  CHECK(v[7].as.string.n == 0);
  CHECK(v[8].as.string.n == 3 && memcmp(v[8].as.string.p, "a\0b", 3) == 0);
}

/* There, through a worker, and back; and by a Lua state. */
static void values(lua_State *L, tandem_pool *p) {
  tandem_bytes b = {0}, results, none = {0}, packed = {0};
  tandem_value v;
  size_t at = 0;
  put_all(&b);
  check_all(&b);
  tandem_task *task = t->submit(p, "fixtures.basic:echo", &b);
  CHECK(task != NULL);
  CHECK(t->collect(task, TANDEM_FOREVER, &results) == TANDEM_DONE);
  check_all(&results);
  int top = lua_gettop(L);
  CHECK(t->unpack(L, &results) == 9);
  CHECK(lua_isnil(L, top + 1) && lua_tointeger(L, top + 5) == 3);
  CHECK(t->pack(L, top + 1, 9, &packed));
  check_all(&packed);
  lua_settop(L, top);
  lua_newtable(L);
  lua_pushcfunction(L, luaopen_base);
  CHECK(t->pack(L, top + 1, 1, &packed));
  CHECK(t->get(&packed, &at, &v) && v.type == TANDEM_IS_OTHER);
  CHECK(!t->get(&packed, &at, &v) && !t->put(&b, v));
  CHECK(!t->pack(L, top + 1, 2, &packed));
  CHECK(strstr(lua_tostring(L, -1), "value #2") != NULL);
  lua_settop(L, top);
  at = 0;
  CHECK(!t->get(&none, &at, &v));
  CHECK(t->unpack(L, &none) == 0);
  t->free_task(task);
  t->free_bytes(&b);
  t->free_bytes(&packed);
  t->free_bytes(&none);
}

/* They are the task's: nothing is added to them, nor freed. */
static void results_stay(lua_State *L, tandem_pool *p) {
  static const char *const tasks[] = {"fixtures.basic:echo", "string:rep"};
  for (int round = 0; round < 3; round++) {
    tandem_bytes b = {0}, results, kept;
    if (round != 0) CHECK(t->put(&b, tandem_string("text")));
    if (round != 0) CHECK(t->put(&b, tandem_integer(1000)));
    tandem_task *task = t->submit(p, tasks[round == 2], &b);
    CHECK(t->collect(task, TANDEM_FOREVER, &results) == TANDEM_DONE);
    kept = results;
    CHECK(t->put(&results, tandem_string("more")) == (round == 0));
    t->free_bytes(&results);
    CHECK(results.p == NULL && results.n == 0 && results.room == 0);
    CHECK(t->collect(task, 0, &results) == TANDEM_DONE);
    CHECK(results.p == kept.p && results.n == kept.n);
    lua_pushinteger(L, 1);
    CHECK(t->pack(L, -1, 1, &kept));
    t->free_bytes(&kept);
    lua_pop(L, 1);
    CHECK(t->collect(task, 0, &results) == TANDEM_DONE);
    CHECK(t->unpack(L, &results) == round % 2 * 2 + round / 2);
    lua_settop(L, 0);
    t->free_task(task);
    t->free_bytes(&b);
  }
}

/* Cut short, or of random bytes: never past the end. */
static void malformed(void) {
  tandem_bytes b = {0};
  put_all(&b);
  srand(7);
  for (int round = 0; round < 20000; round++) {
    size_t n = 1 + (size_t)rand() % b.n, at = 0;
    char *copy = malloc(n);
    CHECK(copy != NULL);
    memcpy(copy, b.p, n);
    if (round % 2) copy[(size_t)rand() % n] = (char)rand();
    tandem_bytes cut = {copy, n, 0};
    tandem_value v;
    while (t->get(&cut, &at, &v))
      if (v.type == TANDEM_IS_STRING)
        CHECK(v.as.string.p + v.as.string.n <= copy + n);
    free(copy);
  }
  t->free_bytes(&b);
}

/* --- tasks ---------------------------------------------------------------- */

static void failures(tandem_pool *p) {
  CHECK(t->submit(p, "a:b:c", NULL) == NULL);
  CHECK(strstr(t->why(p), "malformed task 'a:b:c'") != NULL);
  tandem_bytes b = {0}, results;
  CHECK(t->put(&b, tandem_string("oops")));
  tandem_task *task = t->submit(p, "fixtures.failing:raise", &b);
  CHECK(t->wait(task, TANDEM_FOREVER) == TANDEM_FAILED);
  CHECK(strcmp(t->why(p), "oops") == 0);
  CHECK(t->collect(task, 0, &results) == TANDEM_FAILED);
  t->free_task(task);
  task = t->submit(p, "nowhere:f", NULL);
  CHECK(t->collect(task, TANDEM_FOREVER, &results) == TANDEM_FAILED);
  CHECK(strstr(t->why(p), "module 'nowhere' not found") != NULL);
  t->free_task(task);
  t->free_task(NULL);
  t->free_bytes(&b);
}

static void waiting(tandem_pool *p) {
  tandem_bytes b = {0};
  CHECK(t->put(&b, tandem_number(1000)));
  tandem_task *task = t->submit(p, "tandem:sleep", &b), *echo;
  CHECK(t->wait(task, 0) == TANDEM_PENDING);
  CHECK(t->wait(task, NAN) == TANDEM_PENDING);
  CHECK(t->wait(task, 0.01) == TANDEM_PENDING);
  CHECK(strstr(t->why(p), "not over yet") != NULL);
  CHECK(!t->cancel(task, "wrong"));
  CHECK(strstr(t->why(p), "wrong") != NULL);
  CHECK(t->cancel(task, "interrupt"));
  CHECK(t->wait(task, TANDEM_FOREVER) == TANDEM_FAILED);
  CHECK(strstr(t->why(p), "cancelled") != NULL);
  struct pollfd fd = {.fd = t->fileno(p), .events = POLLIN};
  for (int i = 0; i < 5; i++) {
    echo = t->submit(p, "fixtures.basic:echo", &b);
    CHECK(poll(&fd, 1, 30000) == 1);
    while (t->wait(echo, 0) == TANDEM_PENDING) CHECK(poll(&fd, 1, 30000) == 1);
    t->free_task(echo);
  }
  CHECK(t->wait(task, 0) == TANDEM_FAILED && t->cancel(task, NULL));
  t->free_task(task);
  task = t->submit(p, "fixtures.basic:echo", &b);
  CHECK(t->wait(task, TANDEM_FOREVER) == TANDEM_DONE);
  CHECK(!t->cancel(task, "interrupt"));
  CHECK(strstr(t->why(p), "is over") != NULL);
  t->free_task(task);
  t->free_bytes(&b);
}

static void use(lua_State *L, const char *kind) {
  tandem_pool *p = pool_of(L, kind, "exit_timeout = 1");
  values(L, p);
  results_stay(L, p);
  failures(p);
  waiting(p);
  /* What is under way, and not freed, goes with the pool. */
  tandem_bytes b = {0};
  CHECK(t->put(&b, tandem_number(1000)));
  for (int i = 0; i < 5; i++) CHECK(t->submit(p, "tandem:sleep", &b) != NULL);
  t->free_bytes(&b);
  t->free_pool(p);
}

static void *use_in_a_thread(void *arg) {
  lua_State *L = host_open();
  use(L, arg);
  lua_close(L);
  return NULL;
}

/* --- options -------------------------------------------------------------- */

static void wrong_options(lua_State *L) {
  static const struct {
    const char *kind, *more, *says;
  } wrong[] = {{"cluster", NULL, "bad option 'kind'"},
               {"thread", "max_workers =", "unexpected symbol"},
               {"thread", "colour = 1", "unknown option 'colour'"},
               {"process", "worker_path = '/nowhere'", "/nowhere"}};
  for (int i = 0; i < 4; i++) {
    char why[256];
    tandem_options o = {.kind = wrong[i].kind, .more = wrong[i].more};
    CHECK(t->new_pool(L, &o, why, sizeof why) == NULL);
    if (strstr(why, wrong[i].says) == NULL) host_fail("it says: %s", why);
    CHECK(t->new_pool(L, &o, why, 5) == NULL && strlen(why) == 4);
    CHECK(t->new_pool(L, &o, NULL, 0) == NULL);
  }
  char why[256];
  tandem_pool *p = t->new_pool(L, NULL, why, sizeof why);
  CHECK(p != NULL);
  t->free_pool(p);
  t->free_pool(NULL);
}

/* A strict host: its state has no package any more, where C can see it. */
static void no_package(void) {
  static const char *const ways[] = {"package = nil",
                                     "package.path, package.cpath = nil",
                                     "package.loaded.package, package = nil"};
  for (int i = 0; i < 3; i++) {
    lua_State *L = host_open();
    host_do(L, ways[i]);
    tandem_pool *p = pool_of(L, "thread", NULL);
    lua_close(L);
    tandem_bytes b = {0};
    CHECK(t->put(&b, tandem_string("x")));
    tandem_task *task = t->submit(p, "string:len", &b);
    CHECK(t->wait(task, TANDEM_FOREVER) == TANDEM_DONE);
    t->free_pool(p);
    t->free_bytes(&b);
  }
}

/* --- modules of the program ----------------------------------------------- */

static int answer(lua_State *L) {
  lua_pushinteger(L, 42);
  return 1;
}

static int open_own(lua_State *L) {
  static const luaL_Reg functions[] = {{"answer", answer}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

static int open_other(lua_State *L) {
  lua_newtable(L);
  return 1;
}

static void own_modules(lua_State *L) {
  tandem_bytes results;
  tandem_value v;
  size_t at = 0;
  CHECK(t->add_opener("own", open_other));
  CHECK(t->add_opener("own", open_own));
  tandem_pool *p = pool_of(L, "thread", "preload = { 'own' }");
  tandem_task *task = t->submit(p, "own:answer", NULL);
  if (t->collect(task, TANDEM_FOREVER, &results) != TANDEM_DONE)
    host_fail("%s", t->why(p));
  CHECK(t->get(&results, &at, &v) && v.as.integer == 42);
  t->free_pool(p);
  p = pool_of(L, "process", NULL);
  task = t->submit(p, "own:answer", NULL);
  CHECK(t->wait(task, TANDEM_FOREVER) == TANDEM_FAILED);
  t->free_pool(p);
}

int main(void) {
  static char kinds[2][8] = {"thread", "process"};
  pthread_t thread[2];
  host_bound(100);
  lua_State *L = host_open();
  t = tandem_of(L);
  if (t == NULL) host_fail("%s", lua_tostring(L, -1));
  CHECK(lua_gettop(L) == 0);
  CHECK(t->api == TANDEM_API);
  printf("%s\n", t->version);
  host_counts before = host_now();
  malformed();
  wrong_options(L);
  no_package();
  use(L, "thread");
  use(L, "process");
  own_modules(L);
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&thread[i], NULL, use_in_a_thread, kinds[i]) == 0);
  for (int i = 0; i < 2; i++) pthread_join(thread[i], NULL);
  lua_close(L);
  host_check_back(before);
  return host_fine();
}
