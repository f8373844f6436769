/* door.h -- a gate for processes: two pipes of the host, which others open by
 * its /proc, so that nothing has a name in the file system.
 *
 * Blocks: await, enter, until the other side has come. The case's time limit is
 * the only other way out.
 */
#ifndef TDM_DOOR_H
#define TDM_DOOR_H

#include <sys/types.h>

/* What another process needs to know of a door. */
typedef struct door_address {
  pid_t host;
  int in, out; /* ends of the pipes in the host */
} door_address;

typedef struct door {
  door_address address;
  int in[2], out[2];
} door;

/* By the host: a shut door. */
void door_make(door *d);
void door_fini(door *d);

/* Until `n` more have knocked. */
void door_await(door *d, int n);

/* Lets `n` more pass. */
void door_let(door *d, int n);

/* By others: tells the host that it is here; the same, and waits to be let in.
 */
void door_knock(const door_address *a);
void door_enter(const door_address *a);

#endif
