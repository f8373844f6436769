/* The pool as its own tasks see it: what they submit waits in a nest. */
#include "../core/nest.h"
#include "pool.h"
#include "runner.h"

void tdml_check_maker(lua_State *L, const tdml_pool *p, const char *where) {
  if (!tdm_nest_is(p->executor)) return;
  tdml_misuse(L, "'%s': a task cannot do that to the pool that runs it", where);
}

static tdml_pool *push_pool(lua_State *L, tdml_client *c) {
  tdml_pool *p = lua_newuserdatauv(L, sizeof *p, 0);
  *p = (tdml_pool){.executor = NULL};
  luaL_setmetatable(L, TDML_POOL_MT);
  p->client = c;
  tdml_client_retain(c);
  return p;
}

/* pool() -> the pool that runs this task, or nil outside of one; the same each
 * time */
int tdml_pool_around(lua_State *L) {
  tdml_client *c = tdml_client_of(L);
  if (c->ctl == NULL || c->ctl->task == NULL) return luaL_pushfail(L), 1;
  if (lua_getiuservalue(L, lua_upvalueindex(1), 5) != LUA_TNIL) return 1;
  tdml_pool *p = push_pool(L, c);
  tdm_worker *w = (tdm_worker *)c->ctl;
  const tdml_vm *vm = w->vm;
  if (c->nest == NULL &&
      tdm_nest_new(w, tdml_client_port(L, c), &c->nest) != TDM_OK)
    return tdml_nomem(L);
  p->executor = &c->nest->base;
  p->timeout = vm->recipe->timeout;
  p->mode = vm->recipe->mode;
  p->number = ++c->last_pool;
  lua_getiuservalue(L, lua_upvalueindex(1), 4);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, p->number);
  lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, lua_upvalueindex(1), 5);
  return 1;
}
