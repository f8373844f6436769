/* host.h -- what the small hosts of this folder have in common.
 *
 * Each of them stands for a kind of program that hosts Lua. It says "fine" at
 * its end and exits with 0; what is wrong it says on stderr, and exits with 1.
 * One that hangs is ended by SIGALRM.
 *
 * Threads: any, each with a Lua state of its own.
 */
#ifndef EMBED_HOST_H
#define EMBED_HOST_H

#include <lua.h>

/* A state with all libraries, and the functions of tests/embed/host.c. The
 * caller closes it. */
lua_State *host_open(void);

/* Adds to a state that the caller has made what host_open's has. */
void host_furnish(lua_State *L);

/* Runs a chunk. An error ends the program, and so does a wrong chunk. */
void host_do(lua_State *L, const char *chunk);

/* Runs a chunk that is to fail; its message, which lies in the state. */
const char *host_error(lua_State *L, const char *chunk);

#define CHECK(truth)                                                          \
  do {                                                                        \
    if (!(truth)) host_fail("%s:%d: not so: %s", __FILE__, __LINE__, #truth); \
  } while (0)

__attribute__((noreturn, format(printf, 1, 2))) void host_fail(
    const char *format, ...);

/* What a process has; `now` may block for as long as /proc takes. */
typedef struct host_counts {
  int threads, children, fds;
} host_counts;

host_counts host_now(void);

/* Until all is as it was, for a while: a thread is gone only some time after it
 * was joined. */
void host_check_back(host_counts before);

/* Says that all went well. Returns 0, for main to return. */
int host_fine(void);

/* The program may run for so many seconds from here on. */
void host_bound(unsigned seconds);

#endif
