/* tty.h -- what a prompt needs of its terminal, and Lua alone cannot have.
 *
 * Threads: the one that reads from the terminal.
 * Blocks:  tdm_tty_wait.
 */
#ifndef TDM_TTY_H
#define TDM_TTY_H

/* Waits until one of two descriptors is readable, or a signal comes. Returns 0
 * after a signal, else the sum of 1 for the first, 2 for the other. */
int tdm_tty_wait(int fd, int other);

/* Columns of a terminal; 0 where that cannot be told. */
int tdm_tty_width(int fd);

/* Has whoever read this pipe left? */
int tdm_tty_is_deserted(int fd);

/* The stand-alone Lua hears of the first SIGINT and has the next one end the
 * program. Called at first, this remembers who hears; called again, it has the
 * same handler hear of the next one too. */
void tdm_tty_keep_interrupts(void);

/* Is there a GNU readline that somebody loaded for all to see? Without one, the
 * two functions below do nothing. */
int tdm_tty_has_readline(void);

/* Readline asks for the size of the terminal again. */
void tdm_tty_resize_readline(void);

/* Readline leaves a line as it is, and the terminal as it was before. */
void tdm_tty_leave_readline(void);

#endif
