/* fuzz_decode.c -- any bytes at all to the decoder.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz_decode.c -llua5.4
 *     ./fuzz_decode tests/fuzz/fuzz_decode
 *
 * Beside what the sanitizers see: memory stays within a multiple of the input,
 * the Lua stack is as promised, and what could be decoded can be encoded and
 * decoded again, to as many values.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../bindings/codec.h"
#include "../../core/error.h"

#define REQUIRE(what)                                       \
  do {                                                      \
    if (!(what)) {                                          \
      fprintf(stderr, "%d: not so: %s\n", __LINE__, #what); \
      abort();                                              \
    }                                                       \
  } while (0)

enum { STATE_BYTES = 1 << 16, BYTES_PER_BYTE = 160 };

typedef struct meter {
  size_t used, peak;
} meter;

static void *metered(void *ud, void *block, size_t was, size_t size) {
  meter *m = ud;
  if (block == NULL) was = 0;
  m->used += size - was;
  if (m->used > m->peak) m->peak = m->used;
  if (size != 0) return realloc(block, size);
  free(block);
  return NULL;
}

typedef struct input {
  const char *p;
  size_t n;
  tdml_scratch *scratch;
  tdm_buf again;
} input;

/* The values are at [first, top]. */
static void send_again(lua_State *L, input *in, int first) {
  static const tdml_encode_opts o = {TDML_REFUSE_MT, "argument", 1};
  int n = lua_gettop(L) - first + 1;
  int err = tdml_encode(L, first, n, &in->again, in->scratch, &o);
  REQUIRE(err == TDM_OK);
  REQUIRE(lua_gettop(L) == first + n - 1);
  REQUIRE(tdml_decode(L, in->again.p, in->again.n) == n);
  lua_settop(L, first - 1);
}

static int decode(lua_State *L) {
  input *in = lua_touserdata(L, 1);
  int n = tdml_decode(L, in->p, in->n);
  REQUIRE(n >= 0 || n == TDM_DECODE || n == TDM_LIMIT);
  REQUIRE(lua_gettop(L) == 1 + (n > 0 ? n : 0));
  if (n > 0) send_again(L, in, 2);
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
  meter m = {0, 0};
  input in = {.p = (const char *)p, .n = n, .scratch = tdml_scratch_new()};
  lua_State *L = lua_newstate(metered, &m);
  REQUIRE(L != NULL && in.scratch != NULL);
  luaL_newmetatable(L, TDML_ERROR_MT);
  lua_settop(L, 0);
  lua_pushcfunction(L, decode);
  lua_pushlightuserdata(L, &in);
  REQUIRE(lua_pcall(L, 1, 0, 0) == LUA_OK);
  REQUIRE(m.peak <= STATE_BYTES + n * BYTES_PER_BYTE);
  lua_close(L);
  REQUIRE(m.used == 0);
  tdml_scratch_free(in.scratch);
  tdm_buf_fini(&in.again);
  return 0;
}
