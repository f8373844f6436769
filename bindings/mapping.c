#include "mapping.h"

#include "../core/shared.h"
#include "chunk.h"
#include "failure.h"
#include "known.h"
#include "outcome.h"
#include "pool.h"

typedef struct mapping {
  tdml_reader reader;
  lua_Integer index;  /* of the next item, from 1 */
  lua_Integer failed; /* items left of a chunk that failed as a whole */
  int collect_errors;
} mapping;

enum { POLICY = 1, CHUNK = 2 }; /* user values */

static mapping *checkmapping(lua_State *L, int idx) {
  mapping *m = tdml_testudata(L, idx, tdml_client_of(L)->mapping_mt);
  if (m == NULL) tdml_bad_object(L, idx, "map iterator");
  return m;
}

/* new_mapping(policy, collect_errors) -> mapping */
static int mapping_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  mapping *m = lua_newuserdatauv(L, sizeof *m, 2);
  *m = (mapping){.index = 1, .collect_errors = lua_toboolean(L, 2)};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, POLICY);
  luaL_setmetatable(L, TDML_MAPPING_MT);
  return 1;
}

/* policy(mapping) -> the table */
static int mapping_policy(lua_State *L) {
  checkmapping(L, 1);
  lua_getiuservalue(L, 1, POLICY);
  return 1;
}

/* Asks the policy for the next settled chunk: its future and the index of its
 * first item. False: there is none. */
static int load_next(lua_State *L, mapping *m) {
  lua_getiuservalue(L, 1, POLICY);
  lua_getfield(L, -1, "next_chunk");
  lua_insert(L, -2);
  lua_call(L, 1, 2);
  if (lua_isnil(L, -2)) return 0;
  tdm_task *t = tdml_checkfuture(L, -2);
  m->index = lua_tointeger(L, -1);
  lua_pop(L, 1);
  lua_setiuservalue(L, 1, CHUNK);
  tdml_reader_init(&m->reader, NULL, 0);
  m->failed = 0;
  if (t->state == TDM_DONE)
    tdml_reader_init(&m->reader, tdm_payload_bytes(&t->payload), t->payload.n);
  else
    m->failed = t->items;
  return 1;
}

/* Pushes the error of a chunk that failed as a whole. */
static void push_chunk_error(lua_State *L) {
  lua_getiuservalue(L, 1, CHUNK);
  tdm_task *t = tdml_checkfuture(L, -1);
  if (t->state != TDM_FAILED) {
    tdml_push_unsaid(L, t);
    return;
  }
  tdml_push_failure(L, t, tdm_payload_bytes(&t->payload), t->payload.n);
  lua_pop(L, 1);
}

static void replace_nil_error(lua_State *L) {
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  tdml_pusherror(L, "task", "the task raised nil");
}

/* The error of item `index` is on top: raises it, with the rest of the map
 * cancelled, or returns. */
static void raise_unless_collected(lua_State *L, mapping *m) {
  replace_nil_error(L);
  if (m->collect_errors) return;
  lua_getiuservalue(L, 1, POLICY);
  lua_getfield(L, -1, "give_up");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  tdml_reader_init(&m->reader, NULL, 0);
  m->failed = 0;
  lua_error(L);
}

static void push_item_error(lua_State *L, const tdml_entry_bytes *entry) {
  tdm_task none = {.func = NULL};
  tdml_push_failure(L, &none, entry->p, entry->n);
  lua_pop(L, 1);
}

static int push_error_result(lua_State *L, mapping *m) {
  raise_unless_collected(L, m);
  lua_pushinteger(L, m->index++);
  lua_insert(L, -2);
  lua_pushnil(L);
  lua_insert(L, -2);
  return 3;
}

/* Pushes the results of an item that is a message: how many. */
static int push_message(lua_State *L, mapping *m,
                        const tdml_entry_bytes *entry) {
  int n = entry->tag > 0 ? tdml_decode(L, entry->p, entry->n) : TDM_DECODE;
  if (n >= 0) return n;
  tdml_pusherror(L, "decode", "the result of item %lld cannot be decoded: %s",
                 (long long)m->index, tdm_error_text(n));
  return lua_error(L);
}

static int push_entry(lua_State *L, mapping *m, const tdml_entry_bytes *entry) {
  if (entry->tag == TDML_FAILED) {
    push_item_error(L, entry);
    return push_error_result(L, m);
  }
  lua_pushinteger(L, m->index);
  int n = push_message(L, m, entry) + 1;
  m->index++;
  return n;
}

/* mapping() -> index, results | index, nil, err | nil */
static int mapping_call(lua_State *L) {
  mapping *m = checkmapping(L, 1);
  lua_settop(L, 1);
  for (;;) {
    if (m->reader.left > 0) {
      lua_pushinteger(L, m->index++);
      tdml_push_number(L, &m->reader);
      return 2;
    }
    tdml_entry_bytes entry = tdml_read_entry(&m->reader);
    if (entry.tag == TDML_INTS) continue;
    if (entry.tag != 0) return push_entry(L, m, &entry);
    if (m->failed > 0) {
      m->failed--;
      push_chunk_error(L);
      return push_error_result(L, m);
    }
    if (!load_next(L, m)) return luaL_pushfail(L), 1;
    lua_settop(L, 1);
  }
}

/* mapping, list, errors: of the numbers of an open run */
static void collect_numbers(lua_State *L, mapping *m, lua_Integer base) {
  while (m->reader.left > 0) {
    tdml_push_number(L, &m->reader);
    lua_rawseti(L, 2, m->index++ - base);
  }
}

static void collect_entry(lua_State *L, mapping *m, lua_Integer base,
                          const tdml_entry_bytes *entry) {
  if (entry->tag == TDML_FAILED) {
    push_item_error(L, entry);
    raise_unless_collected(L, m);
    lua_rawseti(L, 3, m->index++ - base);
    return;
  }
  push_message(L, m, entry);
  lua_settop(L, 4); /* the first result, or nil */
  lua_rawseti(L, 2, m->index++ - base);
}

/* Puts the first result of each item of a good chunk into the list at 2, and
 * errors into the table at 3. */
static void collect_chunk(lua_State *L, mapping *m, lua_Integer base) {
  for (;;) {
    collect_numbers(L, m, base);
    tdml_entry_bytes entry = tdml_read_entry(&m->reader);
    if (entry.tag == 0) return;
    if (entry.tag != TDML_INTS) collect_entry(L, m, base, &entry);
  }
}

/* drain(mapping, list, errors, ordered): all that is left. In order, the first
 * of these is number 1. */
static int mapping_drain(lua_State *L) {
  mapping *m = checkmapping(L, 1);
  lua_Integer base = lua_toboolean(L, 4) ? m->index - 1 : 0;
  lua_settop(L, 3);
  do {
    collect_chunk(L, m, base);
    for (; m->failed > 0; m->failed--) {
      push_chunk_error(L);
      raise_unless_collected(L, m);
      lua_rawseti(L, 3, m->index++ - base);
      lua_settop(L, 3);
    }
  } while (load_next(L, m));
  return 0;
}

/* --- making chunks --- */

static void check(lua_State *L, int err) {
  if (err != TDM_OK) tdml_nomem(L);
}

/* Adds an entry for an item that cannot be sent: the error is on top. */
static void put_failed(lua_State *L, tdml_client *c, tdml_writer *w) {
  size_t at;
  check(L, tdml_writer_open(w, TDML_FAILED, &at));
  tdml_put_failure(L, c->scratch, TDML_REFUSE_MT, w->out);
  tdml_writer_close(w, at);
}

/* Adds the n values from index `first` as the item of this number. */
static void put_values(lua_State *L, tdml_client *c, tdml_writer *w, int first,
                       int n, int mode, lua_Integer number) {
  size_t at;
  check(L, tdml_writer_open(w, TDML_PACK, &at));
  tdml_encode_opts opts = {mode, "item", (int)number};
  c->packing = 1;
  int err = tdml_encode(L, first, n, w->out, c->scratch, &opts);
  c->packing = 0;
  if (err == TDM_OK) {
    tdml_writer_close(w, at);
    return;
  }
  w->out->n = at - 1;
  if (err != TDM_ENCODE) check(L, err);
  tdml_pusherror(L, "encode", "%s", tdml_scratch_message(c->scratch));
  tdml_seterrorstring(L, "path", tdml_scratch_path(c->scratch));
  put_failed(L, c, w);
}

static lua_Integer list_size(lua_State *L, int idx) {
  lua_getfield(L, idx, "n");
  lua_Integer n = lua_isinteger(L, -1) ? lua_tointeger(L, -1)
                                       : (lua_Integer)lua_rawlen(L, idx);
  lua_pop(L, 1);
  return n < 0 ? 0 : n;
}

/* The item on top is a list of arguments. */
static void put_arguments(lua_State *L, tdml_client *c, tdml_writer *w,
                          int mode, lua_Integer number) {
  int list = lua_gettop(L);
  if (!lua_istable(L, list)) {
    tdml_pusherror(L, "encode",
                   "item #%lld: expected a list of arguments, got a %s",
                   (long long)number, luaL_typename(L, list));
    put_failed(L, c, w);
    return;
  }
  lua_Integer n = list_size(L, list);
  luaL_argcheck(L, n < 1000000 && lua_checkstack(L, (int)n + 20), 2,
                "an item has too many arguments");
  for (lua_Integer i = 1; i <= n; i++) lua_rawgeti(L, list, i);
  put_values(L, c, w, list + 1, (int)n, mode, number);
  lua_settop(L, list);
}

/* pack_items(pool, list, first, count, number, starmap): encodes the items
 * list[first .. first + count - 1], of which the first has this number, for
 * submit_chunk; returns the bytes so far. */
static int pack_items(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdml_client *c = p->client;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer first = luaL_checkinteger(L, 3), count = luaL_checkinteger(L, 4);
  lua_Integer number = luaL_checkinteger(L, 5) - first;
  int starmap = lua_toboolean(L, 6);
  tdml_writer w = {.out = &c->chunk};
  for (lua_Integer i = first; i < first + count; i++) {
    int type = lua_rawgeti(L, 2, i);
    if (!starmap && lua_isinteger(L, -1) &&
        tdml_try_write_integer(&w, lua_tointeger(L, -1))) {
      lua_settop(L, -2);
      continue;
    }
    if (starmap)
      put_arguments(L, c, &w, p->mode, number + i);
    else if (type == LUA_TNUMBER)
      check(L, tdml_write_number(L, -1, &w));
    else
      put_values(L, c, &w, lua_gettop(L), 1, p->mode, number + i);
    lua_pop(L, 1);
  }
  tdml_writer_end_run(&w);
  return 0;
}

/* pack_range(pool, first, step, count): the same for integers */
static int pack_range(lua_State *L) {
  tdm_buf *b = &tdml_checkpool(L, 1)->client->chunk;
  lua_Integer first = luaL_checkinteger(L, 2), step = luaL_checkinteger(L, 3);
  uint32_t count = (uint32_t)luaL_checkinteger(L, 4);
  check(L, tdm_buf_reserve(b, 1 + sizeof count + sizeof first + sizeof step));
  tdm_buf_put_byte(b, TDML_RANGE);
  tdm_buf_put(b, &count, sizeof count);
  tdm_buf_put(b, &first, sizeof first);
  tdm_buf_put(b, &step, sizeof step);
  return 0;
}

/* pack_begin(pool, [combine, no_task]): a new chunk; before the items of a
 * reduce goes the function that combines */
static int pack_begin(lua_State *L) {
  tdml_pool *p = tdml_checkpool(L, 1);
  tdml_client *c = p->client;
  tdm_buf *b = &c->chunk;
  if (c->packing) return luaL_error(L, "a __tandem_pack cannot use map");
  tdm_buf_use_heap(b, p->executor->heap);
  if (lua_isnoneornil(L, 2)) {
    b->n = 0;
    return 0;
  }
  tdm_func *f = tdml_checktask(L, c, 2, 2, "reduce");
  if (tdm_shared_adopt(p->executor, f) != TDM_OK) return tdml_nomem(L);
  tdml_combiner head = {.form = (uint8_t)f->form,
                        .no_task = (uint8_t)lua_toboolean(L, 3),
                        .id = f->id,
                        .size = (uint32_t)f->size};
  b->n = 0;
  check(L, tdm_buf_reserve(b, sizeof head + f->size + 1));
  tdm_buf_put(b, &head, sizeof head);
  tdm_buf_put(b, f->spec, f->size + 1);
  return 0;
}

static int know_task(lua_State *L) {
  tdml_checktask(L, tdml_client_of(L), 1, (int)lua_tointeger(L, 2),
                 lua_tostring(L, 3));
  return 0;
}

/* task_hash(task) -> integer: the same for the same task, in every state */
static int task_hash(lua_State *L) {
  const tdm_func *f = tdml_checktask(L, tdml_client_of(L), 1, 1, "task_hash");
  lua_pushinteger(L, (lua_Integer)f->hash);
  return 1;
}

/* check_task(task, arg, where) -> nil, or what is wrong: the message of an
 * argument error, without a position */
static int check_task(lua_State *L) {
  lua_settop(L, 3);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_pushcclosure(L, know_task, 2);
  lua_insert(L, 1);
  return lua_pcall(L, 3, 0, 0) == LUA_OK ? 0 : 1;
}

/* took(future) -> seconds that a settled chunk ran, its items */
static int took(lua_State *L) {
  tdm_task *t = tdml_checkfuture(L, 1);
  int ran = t->state == TDM_DONE || t->state == TDM_FAILED;
  tdm_time run = ran ? t->finished - t->started : 0;
  lua_pushnumber(L, (lua_Number)run * 1e-9);
  lua_pushinteger(L, t->items);
  return 2;
}

static int mapping_tostring(lua_State *L) {
  lua_pushfstring(L, TDML_MAPPING_MT ": %p", lua_topointer(L, 1));
  return 1;
}

void tdml_open_mapping(lua_State *L, tdml_client *c) {
  static const luaL_Reg functions[] = {{"new_mapping", mapping_new},
                                       {"policy", mapping_policy},
                                       {"drain", mapping_drain},
                                       {"pack_begin", pack_begin},
                                       {"pack_items", pack_items},
                                       {"pack_range", pack_range},
                                       {"check_task", check_task},
                                       {"task_hash", task_hash},
                                       {"took", took},
                                       {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__call", mapping_call}, {"__tostring", mapping_tostring}, {NULL, NULL}};
  tdml_register(L, functions);
  luaL_newmetatable(L, TDML_MAPPING_MT);
  c->mapping_mt = lua_topointer(L, -1);
  tdml_register(L, meta);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "mapping_methods");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, TDML_MAPPING_MT);
  lua_setfield(L, -2, "__metatable");
  lua_setfield(L, -2, "mapping_meta");
}
