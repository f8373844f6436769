/* codec.h -- Lua values to bytes and back, between states of one machine.
 *
 *     encode: values of one state --> one message, appended to a buffer
 *     decode: one message --> the same values in another state
 *
 * A message keeps subtypes and bits of numbers, bytes of strings, holes, every
 * legal key, and the identity of tables: what was shared or cyclic within one
 * message, across its values too, is so again. No value, no byte.
 *
 * Owns:    a scratch owns the memory that encoding needs beside the buffer and
 *          the Lua stack, so nothing is lost when Lua jumps.
 * Threads: a scratch and a lua_State belong to one thread at a time.
 * Blocks:  never.
 */
#ifndef TDML_CODEC_H
#define TDML_CODEC_H

#include <lua.h>
#include <stddef.h>

#include "../core/buf.h"

/* The registry name (luaL_newmetatable) of the metatable of tandem's errors:
 * the one metatable that travels. */
#define TDML_ERROR_MT "tandem.Error"

typedef struct tdml_scratch tdml_scratch;

/* NULL when out of memory. One per lua_State is enough: it is reused. */
tdml_scratch *tdml_scratch_new(void);

/* NULL is allowed. */
void tdml_scratch_free(tdml_scratch *s);

/* What happens to a table whose metatable has no __tandem_pack. */
enum { TDML_REFUSE_MT = 0, TDML_DROP_MT = 1 };

typedef struct tdml_encode_opts {
  int mode;         /* TDML_REFUSE_MT or TDML_DROP_MT */
  const char *what; /* what errors call a value: "argument", "result" */
  int number;       /* number of the first value in errors; 0: none */
} tdml_encode_opts;

/* Append the n values at the absolute indices [first, first + n) to out.
 *
 * TDM_OK; TDM_ENCODE: a value cannot be sent, see tdml_scratch_message;
 * TDM_NOMEM. Unless TDM_OK, out->n is as it was. The Lua stack always is.
 * Never raises. User code runs only from a __tandem_pack (or a finalizer
 * meanwhile); it may come to encode with the same scratch and to the same
 * buffer, which it then finds empty.
 */
int tdml_encode(lua_State *L, int first, int n, tdm_buf *out, tdml_scratch *s,
                const tdml_encode_opts *o);

/* After TDM_ENCODE: "path: reason", and the path alone, for instance
 * "argument #2.cfg.on_error". Valid until the next encode with s. */
const char *tdml_scratch_message(const tdml_scratch *s);
const char *tdml_scratch_path(const tdml_scratch *s);

/* Push all values of the message of n bytes at p. How many they are, or, with
 * the stack as it was: TDM_DECODE where the bytes are not a message, TDM_LIMIT
 * where the Lua stack cannot hold so many. Any bytes are safe; the memory used
 * is bounded by a multiple of n. May raise a Lua memory error, owning nothing.
 */
int tdml_decode(lua_State *L, const char *p, size_t n);

#endif
