/* chunk_run.c -- how a worker runs a chunk.
 *
 * All items run in one protected call. Where one raises, the call ends; its
 * error is noted and a new call goes on with the next item, so that an item
 * that does not fail pays for no protection of its own.
 */
#include <lauxlib.h>
#include <string.h>

#include "chunk.h"
#include "runner.h"

typedef struct tdml_batch {
  tdml_reader in;
  tdml_writer out;
  uint32_t failed;
} tdml_batch;

/* Adds a failed item, with the error on top of the stack; pops it. */
static int put_failed(lua_State *L, tdml_vm *vm) {
  size_t at;
  tdml_writer *w = &vm->batch->out;
  vm->batch->failed++;
  if (tdml_writer_open(w, TDML_FAILED, &at) != TDM_OK) return TDM_NOMEM;
  tdml_put_failure(L, vm->scratch, vm->recipe->mode, w->out);
  tdml_writer_close(w, at);
  return TDM_OK;
}

static void check(lua_State *L, int err) {
  if (err != TDM_OK) luaL_error(L, "%s", tdm_error_text(err));
}

static void put_encode_error(lua_State *L, tdml_vm *vm) {
  tdml_pusherror(L, "encode", "%s", tdml_scratch_message(vm->scratch));
  tdml_seterrorstring(L, "path", tdml_scratch_path(vm->scratch));
  tdml_seterrorstring(L, "task", vm->task->func->label);
  check(L, put_failed(L, vm));
}

/* The values above index 1 are the results of an item. */
static void put_results(lua_State *L, tdml_vm *vm) {
  tdml_writer *w = &vm->batch->out;
  int n = lua_gettop(L) - 1;
  if (n == 1 && lua_type(L, 2) == LUA_TNUMBER) {
    check(L, tdml_write_number(L, 2, w));
    return;
  }
  size_t at;
  check(L, tdml_writer_open(w, TDML_PACK, &at));
  tdml_encode_opts opts = {vm->recipe->mode, "result", 1};
  vm->encoding = 1;
  int err = tdml_encode(L, 2, n, w->out, vm->scratch, &opts);
  vm->encoding = 0;
  if (err == TDM_OK) {
    tdml_writer_close(w, at);
    return;
  }
  w->out->n = at - 1;
  if (err != TDM_ENCODE) check(L, err);
  put_encode_error(L, vm);
}

/* A failed argument: the item has failed before it was sent. */
static void pass_on(lua_State *L, tdml_vm *vm, const tdml_entry_bytes *entry) {
  size_t at;
  tdml_writer *w = &vm->batch->out;
  vm->batch->failed++;
  check(L, tdml_writer_open(w, TDML_FAILED, &at));
  check(L, tdm_buf_reserve(w->out, entry->n));
  tdm_buf_put(w->out, entry->p, entry->n);
  tdml_writer_close(w, at);
}

/* The function is at index 1. Runs the numbers of an open run. */
static void run_numbers(lua_State *L, tdml_vm *vm) {
  tdml_batch *b = vm->batch;
  while (b->in.left > 0) {
    lua_pushvalue(L, 1);
    tdml_push_number(L, &b->in);
    lua_call(L, 1, LUA_MULTRET);
    if (lua_gettop(L) != 2 || !lua_isinteger(L, 2) ||
        !tdml_try_write_integer(&b->out, lua_tointeger(L, 2)))
      put_results(L, vm);
    lua_settop(L, 1);
  }
}

static void run_message(lua_State *L, tdml_vm *vm,
                        const tdml_entry_bytes *entry) {
  lua_pushvalue(L, 1);
  int n = tdml_decode(L, entry->p, entry->n);
  if (n < 0) luaL_error(L, "the item cannot be decoded");
  lua_call(L, n, LUA_MULTRET);
  put_results(L, vm);
  lua_settop(L, 1);
}

/* (function, vm): runs items until there is none left or one raises. */
static int run_items(lua_State *L) {
  tdml_vm *vm = lua_touserdata(L, 2);
  lua_settop(L, 1);
  for (;;) {
    run_numbers(L, vm);
    tdml_entry_bytes entry = tdml_read_entry(&vm->batch->in);
    switch (entry.tag) {
      case TDML_INTS:
        break;
      case TDML_PACK:
        run_message(L, vm, &entry);
        break;
      case TDML_FAILED:
        pass_on(L, vm, &entry);
        break;
      case 0:
        return 0;
      default:
        return luaL_error(L, "malformed chunk");
    }
  }
}

static void push_raised(lua_State *L, tdml_vm *vm, int status) {
  if (status != LUA_ERRMEM) return;
  lua_pop(L, 1);
  lua_gc(L, LUA_GCCOLLECT);
  tdml_pusherror(L, "memory", "not enough memory in the worker");
  tdml_seterrorstring(L, "task", vm->task->func->label);
}

void tdml_run_chunk(tdml_vm *vm, lua_State *L, int handler) {
  tdml_batch batch = {.out = {.out = vm->out}};
  const tdm_payload *in = &vm->task->payload;
  if (!tdml_vm_pushfunction(vm, L, vm->task->func)) return;
  int function = lua_gettop(L), status;
  tdml_reader_init(&batch.in, tdm_payload_bytes(in), in->n);
  vm->batch = &batch; /* cppcheck-suppress autoVariables ; until the end */
  do {
    lua_pushcfunction(L, run_items);
    lua_pushvalue(L, function);
    lua_pushlightuserdata(L, vm);
    status = lua_pcall(L, 2, 0, handler);
    if (status != LUA_OK) {
      if (tdm_ctl_why(vm->ctl) != TDM_WHY_NOT) return; /* the whole chunk */
      push_raised(L, vm, status);
      check(L, put_failed(L, vm));
    }
  } while (status != LUA_OK);
  vm->batch = NULL;
  tdml_writer_end_run(&batch.out);
  vm->task->failed = batch.failed;
  vm->outcome = TDM_DONE;
}

/* --- reduce --- */

/* Lua calls Lua functions at a third of the cost at which C does, and a fold is
 * little but calls. */
static const char fold_source[] =
    "local task, combine, items, n, first, step = ...\n"
    "if first then\n"
    "  local acc = task(first)\n"
    "  for i = first + step, first + step * (n - 1), step do\n"
    "    acc = combine(acc, task(i))\n"
    "  end\n"
    "  return acc\n"
    "end\n"
    "if not task then\n"
    "  local acc = items[1]\n"
    "  for i = 2, n do acc = combine(acc, items[i]) end\n"
    "  return acc\n"
    "end\n"
    "local acc = task(items[1])\n"
    "for i = 2, n do acc = combine(acc, task(items[i])) end\n"
    "return acc\n";

static void push_fold(lua_State *L) {
  if (lua_rawgeti(L, TDML_FUNCTIONS, 0) != LUA_TNIL) return;
  lua_pop(L, 1);
  if (luaL_loadbufferx(L, fold_source, sizeof fold_source - 1, "=reduce",
                       "t") != LUA_OK)
    lua_error(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, TDML_FUNCTIONS, 0);
}

/* Pushes the combining function, whose name or code the arguments begin with.
 * False: the failure is noted. */
static int push_combiner(lua_State *L, tdml_vm *vm, tdml_reader *in,
                         tdml_combiner *c) {
  memcpy(c, in->p, sizeof *c);
  tdm_func f = {.id = c->id,
                .form = (enum tdm_func_form)c->form,
                .spec = in->p + sizeof *c,
                .size = c->size,
                .label = vm->task->func->label};
  in->p += sizeof *c + c->size + 1;
  return tdml_vm_pushfunction(vm, L, &f);
}

/* Puts the items of an entry into the list on top, from index i on; returns the
 * index after them. */
static lua_Integer list_entry(lua_State *L, tdml_reader *in, lua_Integer i) {
  tdml_entry_bytes entry = tdml_read_entry(in);
  if (entry.tag == TDML_INTS) {
    for (; in->left > 0; i++) {
      tdml_push_number(L, in);
      lua_rawseti(L, -2, i);
    }
    return i;
  }
  int top = lua_gettop(L);
  if (entry.tag <= 0 || tdml_decode(L, entry.p, entry.n) < 0)
    luaL_error(L, "the item cannot be decoded");
  lua_settop(L, top + 1); /* of a failed item: the error, not the traceback */
  if (entry.tag == TDML_FAILED) lua_error(L);
  lua_rawseti(L, -2, i);
  return i + 1;
}

/* Pushes items, n, and for a range nil, n, first, step. */
static int push_items(lua_State *L, tdml_reader *in, uint32_t n) {
  if (n > 0 && *in->p == TDML_RANGE) {
    tdml_read_entry(in);
    lua_pushnil(L);
    lua_pushinteger(L, n);
    lua_pushinteger(L, in->next);
    lua_pushinteger(L, in->step);
    return 4;
  }
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n;) i = list_entry(L, in, i);
  lua_pushinteger(L, n);
  return 2;
}

static int reduce_items(lua_State *L) {
  tdml_reader *in = lua_touserdata(L, 4);
  uint32_t n = (uint32_t)lua_tointeger(L, 5);
  lua_settop(L, 3); /* fold, task or nil, combine */
  lua_call(L, 2 + push_items(L, in, n), 1);
  return 1;
}

void tdml_run_reduce(tdml_vm *vm, lua_State *L, int handler) {
  const tdm_payload *in = &vm->task->payload;
  tdml_reader reader;
  tdml_combiner c;
  tdml_reader_init(&reader, tdm_payload_bytes(in), in->n);
  lua_pushcfunction(L, reduce_items);
  push_fold(L);
  lua_pushnil(L);
  if (!push_combiner(L, vm, &reader, &c)) return;
  if (!c.no_task) {
    if (!tdml_vm_pushfunction(vm, L, vm->task->func)) return;
    lua_replace(L, -3);
  }
  lua_pushlightuserdata(L, &reader);
  lua_pushinteger(L, vm->task->items);
  int status = lua_pcall(L, 5, 1, handler);
  tdml_vm_finish(vm, L, status, lua_gettop(L));
}
