/* Continuations: tasks that run when another has ended. */
#include "../core/then.h"
#include "known.h"
#include "pool.h"

/* and_then(future, pool, priority, retries, timeout or nil, label or nil, task,
 * ...) -> future */
int tdml_pool_then(lua_State *L) {
  tdm_task *before = tdml_checkfuture(L, 1);
  tdml_pool *p = tdml_checkpool(L, 2);
  tdml_wish wish = tdml_pool_checkwish(L, p, 3);
  luaL_checkany(L, 7);
  tdml_future *f = tdml_future_push_next(L, p->client, 1);
  int future = lua_gettop(L);
  tdml_pool_fill(L, p, f, &wish, 7, "and_then");
  f->task->job = TDML_THEN;
  tdml_future_needbytes(L, 1, p->mode);
  int err = tdm_then_add(before, f->task, p->executor);
  if (err != TDM_OK) return tdml_pool_refuse(L, p->executor, f->task, err);
  ((tdml_future *)lua_touserdata(L, 1))->thens++;
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, future, 1);
  lua_settop(L, future);
  return 1;
}

/* pool_of(future) -> pool, or nil where there is none or it is gone */
int tdml_pool_of(lua_State *L) {
  tdml_checkfuture(L, 1);
  const tdml_future *f = lua_touserdata(L, 1);
  lua_getiuservalue(L, lua_upvalueindex(1), 4);
  lua_rawgeti(L, -1, f->pool);
  return 1;
}
