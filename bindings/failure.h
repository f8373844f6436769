/* failure.h -- the bytes of an error: a message of two values, what was raised
 * and the traceback. No bytes: out of memory.
 *
 * What cannot be sent is replaced by its tostring; a table with a metatable is
 * sent, or is not, by the same rule as a result.
 */
#ifndef TDML_FAILURE_H
#define TDML_FAILURE_H

#include <lua.h>

#include "../core/buf.h"
#include "codec.h"

/* Appends the error at the top of the stack, and the traceback that the handler
 * kept; pops the error. Raises memory errors. False: out of memory, nothing
 * was appended. */
int tdml_put_failure(lua_State *L, tdml_scratch *s, int mode, tdm_buf *out);

/* The same with the traceback, or nil, at the top, and the error below. */
int tdml_put_error(lua_State *L, tdml_scratch *s, int mode, tdm_buf *out);

/* Pushes the error that the core's note (core/note.h) is about. */
void tdml_push_note(lua_State *L, const char *p, const char *task);

/* Pushes the traceback that the handler kept, or nil. */
void tdml_push_traceback(lua_State *L);

/* A message handler that keeps the traceback for tdml_put_failure. */
int tdml_keep_traceback(lua_State *L);

#endif
