#include "tty.h"

#include <lauxlib.h>
#include <stdio.h>
#include <unistd.h>

#include "../core/interrupt.h"
#include "../core/tty.h"
#include "client.h"

static int checkfd(lua_State *L, int idx) {
  return (int)luaL_checkinteger(L, idx);
}

/* is_terminal(fd) -> boolean */
static int is_terminal(lua_State *L) {
  lua_pushboolean(L, isatty(checkfd(L, 1)));
  return 1;
}

/* terminal_width(fd) -> columns, or nil where that cannot be told */
static int terminal_width(lua_State *L) {
  int columns = tdm_tty_width(checkfd(L, 1));
  if (columns <= 0) return luaL_pushfail(L), 1;
  lua_pushinteger(L, columns);
  return 1;
}

/* wait_input(fd, other) -> boolean, boolean: which of them is readable; neither
 * where a signal ended the wait */
static int wait_input(lua_State *L) {
  int ready = tdm_tty_wait(checkfd(L, 1), checkfd(L, 2));
  lua_pushboolean(L, ready & 1);
  lua_pushboolean(L, ready & 2);
  return 2;
}

/* has_lost_output() -> boolean: was there a write to stdout that failed, and
 * somebody to read it? The stream remembers it when `print` does not tell. */
static int has_lost_output(lua_State *L) {
  lua_pushboolean(L, ferror(stdout) && !tdm_tty_is_deserted(STDOUT_FILENO));
  return 1;
}

/* keep_interrupts(): called again after a Ctrl-C, the next one is heard too */
static int keep_interrupts(lua_State *L) {
  (void)L;
  tdm_tty_keep_interrupts();
  return 0;
}

/* end_by_interrupts(): a Ctrl-C ends a task that runs in this thread, too */
static int end_by_interrupts(lua_State *L) {
  (void)L;
  tdm_interrupt_by_sigint();
  return 0;
}

/* resize_readline(): readline looks how wide the terminal is now */
static int resize_readline(lua_State *L) {
  (void)L;
  tdm_tty_resize_readline();
  return 0;
}

/* leave_readline(): readline gives the terminal back in the midst of a line */
static int leave_readline(lua_State *L) {
  (void)L;
  tdm_tty_leave_readline();
  return 0;
}

/* has_readline() -> boolean: do the two functions above find it? */
static int has_readline(lua_State *L) {
  lua_pushboolean(L, tdm_tty_has_readline());
  return 1;
}

void tdml_open_tty(lua_State *L) {
  static const luaL_Reg functions[] = {{"is_terminal", is_terminal},
                                       {"terminal_width", terminal_width},
                                       {"wait_input", wait_input},
                                       {"has_lost_output", has_lost_output},
                                       {"keep_interrupts", keep_interrupts},
                                       {"end_by_interrupts", end_by_interrupts},
                                       {"resize_readline", resize_readline},
                                       {"leave_readline", leave_readline},
                                       {"has_readline", has_readline},
                                       {NULL, NULL}};
  tdml_register(L, functions);
}
