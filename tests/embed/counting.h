/* counting.h -- an allocator of a host that counts, and that only the state's
 * own thread may call. It ends the program when another one does.
 */
#ifndef EMBED_COUNTING_H
#define EMBED_COUNTING_H

#include <lua.h>
#include <pthread.h>
#include <stddef.h>

typedef struct counting {
  pthread_t owner;
  size_t live, blocks, calls;
} counting;

/* A lua_Alloc; `ud` is a counting. */
void *counting_alloc(void *ud, void *p, size_t old, size_t size);

#endif
