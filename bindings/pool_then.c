/* Continuations: tasks that run when another has ended. */
#include "../core/then.h"
#include "known.h"
#include "outcome.h"
#include "pool.h"

/* In a forked child a task of the parent's never ends; and the continuation
 * would be of another port than it. */
static void check_before(lua_State *L, tdml_client *c, tdm_task *before) {
  if (before->marks & TDM_SETTLED) return;
  if (tdm_port_of(before) != tdml_client_port(L, c)) tdml_raise(L, TDM_FORKED);
}

/* and_then(future, pool, priority, retries, timeout or nil, label or nil, task,
 * ...) -> future */
int tdml_pool_then(lua_State *L) {
  tdm_task *before = tdml_checkfuture(L, 1);
  tdml_pool *p = tdml_checkpool(L, 2);
  tdml_wish wish = tdml_pool_checkwish(L, p, 3);
  luaL_checkany(L, 7);
  check_before(L, p->client, before);
  tdml_future *f = tdml_future_push_next(L, p->client);
  int future = lua_gettop(L);
  tdml_pool_fill(L, p, f, &wish, 7, "and_then");
  f->task->job = TDML_THEN;
  int err = tdml_future_needbytes(L, 1, p->mode);
  if (err != TDM_OK) {
    tdml_future_pusherror(L, err);
    return tdml_throw(L);
  }
  err = tdm_then_add(before, f->task, p->executor);
  if (err != TDM_OK) return tdml_pool_refuse(L, p->executor, f->task, err);
  tdml_future_sethold(L, future, 1);
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
