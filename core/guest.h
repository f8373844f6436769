/* guest.h -- the parts of shared pools; private to them.
 *
 *   shared.c  the pool: found, made, left, ended
 *   guest.c   the executor that each state has before it
 *
 * Owns:    a guest nothing but itself; see shared.h for the pool.
 * Threads: a guest, that of its port. The workers read its counts.
 * Locks:   SHARED, and the process's lock for what the struct says;
 *          `..._locked`: the caller holds that.
 * Blocks:  as shared.h says.
 */
#ifndef TDM_GUEST_H
#define TDM_GUEST_H

#include "lock.h"
#include "park.h"
#include "shared.h"

typedef struct tdm_guest tdm_guest;

typedef struct tdm_shared {
  /* under the process's lock */
  struct tdm_shared *next;
  size_t guests;     /* that have not left */
  size_t references; /* theirs, and one until it has ended */
  int has_keeper, is_retired;
  int is_kept;    /* a guest was left behind, whose tasks may yet come home */
  tdm_time until; /* when it ends, without guests */
  /* constant */
  char *note;
  tdm_time linger;
  tdm_executor_ops ops; /* of its guests */
  tdm_executor *pool;
  tdm_port *port;
  tdm_park park; /* where its keeper sleeps */
  /* under `lock` */
  tdm_mutex lock;
  int is_open;
  tdm_guest *first;
  tdm_funcs funcs;
  tdm_tally past; /* what guests that are gone ran themselves */
} tdm_shared;

/* Functions that a guest has lately seen the pool to have. */
#define TDM_SEEN 64

struct tdm_guest {
  tdm_executor base;
  tdm_shared *shared;
  tdm_guest *next; /* under the lock */
  /* of the port's thread */
  tdm_source source;
  int is_open, has_source, has_left;
  tdm_func *seen[TDM_SEEN];
};

/* --- guest.c --- */

/* Fills in the operations of the pool's guests. */
void tdm_guest_make_ops(tdm_shared *s);

/* A guest that is all zero, of this pool and port, is there from now on. */
void tdm_guest_init(tdm_guest *g, tdm_shared *s, const tdm_runner *r,
                    tdm_port *port);

/* Wakes all guests of the pool, `arg`: what tdm_executor.stir is for. */
void tdm_guests_stir(void *arg);

/* --- shared.c --- */

/* One guest less. May block for a moment. */
void tdm_shared_depart(tdm_shared *s);

/* It is never freed, as a guest is not. */
void tdm_shared_keep(tdm_shared *s);

/* One reference less. */
void tdm_shared_release(tdm_shared *s);

#endif
