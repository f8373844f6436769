/* zygote.h -- the process that worker processes are forked from.
 *
 *   host                         zygote                      worker
 *   --------------------------------------------------------------------
 *   launch, hello ------------>  open the machine, preload
 *                 <- - READY -
 *   FORK, channel ------------>  fork  ------------------->  start, claim
 *                 <- FORKED - -                                 |
 *        (tasks and results: ring.h)       <- - - - - - - - - - +
 *                 <-- DIED - -   waitpid  <- - - - - - - - - -  dies
 *
 * It has one thread and does nothing but this, so that a fork of it is whole.
 * The host is never forked. When the host's end of the control channel closes,
 * zygote and workers are killed, each by its own channel, whatever they do.
 */
#ifndef TDM_ZYGOTE_H
#define TDM_ZYGOTE_H

#include "bell.h"
#include "errands.h"
#include "runner.h"
#include "share.h"

/* The descriptor that the control channel has in the zygote. */
#define TDM_CONTROL_FD 3

/* Host to zygote. */
enum tdm_order_kind { TDM_ORDER_HELLO, TDM_ORDER_FORK };

/* With HELLO come the descriptors of the shared memory, the bell's memory, the
 * port's event, and the lifeline; with FORK the worker's end of its channel. */
typedef struct tdm_order {
  uint32_t kind, place;
} tdm_order;

/* Zygote to host. */
enum tdm_report_kind {
  TDM_REPORT_READY,
  TDM_REPORT_BROKEN,    /* share->why says what for */
  TDM_REPORT_NO_MEMORY, /* value: errno */
  TDM_REPORT_MISFIT,    /* it was built from another version */
  TDM_REPORT_FORKED,
  TDM_REPORT_NO_FORK, /* value: errno */
  TDM_REPORT_DIED,    /* value: what waitpid says */
};

typedef struct tdm_report {
  uint32_t kind, place;
  int32_t pid, value;
} tdm_report;

/* A worker to its host, on its own channel: one byte. */
#define TDM_ASK 'a' /* look after us: there is room, or too few of us */

/* The whole life of a zygote, and of the workers that are forked in it. Returns
 * the exit code that the process shall end with. `argv0` has room for `size`
 * bytes of title. */
int tdm_zygote_main(const tdm_runner *runner, char *argv0, size_t size);

/* The life of a worker in the zygote's copy; private to zygote.c and proc.c. */
typedef struct tdm_proc {
  tdm_worker worker;
  tdm_share *share;
  tdm_heap *heap;
  tdm_bell *bell;
  tdm_place *place;
  unsigned number; /* of the place */
  int channel;     /* to the host */
  int event;       /* of the host's port */
  tdm_func *funcs; /* that this worker has met, the last one first */
  tdm_errands errands;
} tdm_proc;

int tdm_proc_main(tdm_proc *w);

/* Sends a message, with descriptors. TDM_OK; TDM_TIMEOUT where it would block;
 * TDM_CLOSED. */
int tdm_channel_send(int channel, const void *p, size_t size, const int *fds,
                     int n);

/* Receives one of exactly this size. TDM_OK; TDM_TIMEOUT: nothing there;
 * TDM_CLOSED: no more will come. `fds` has room for n, unused ones are -1. */
int tdm_channel_receive(int channel, void *p, size_t size, int *fds, int n);

#endif
