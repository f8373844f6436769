/* tty.h -- the terminal, for the prompt of the command.
 *
 * Threads: the state's own.
 */
#ifndef TDML_TTY_H
#define TDML_TTY_H

#include <lua.h>

/* Adds is_terminal, terminal_width, wait_input, keep_interrupts, and what is
 * said to readline, to the table on top. */
void tdml_open_tty(lua_State *L);

#endif
