#include "port.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "mem.h"

enum { WANT_NOTHING, WANT_COUNT }; /* else a task's address */

tdm_port *tdm_port_new(void) {
  tdm_port *p = tdm_mem_aligned(alignof(tdm_port), sizeof *p);
  if (p == NULL) return NULL;
  memset(p, 0, sizeof *p);
  atomic_init(&p->fd, -1);
  p->ready_last = &p->ready;
  return p;
}

void tdm_port_free(tdm_port *p) {
  tdm_port_drain(p);
  if (p->away != 0) return;
  int fd = tdm_load_relaxed(&p->fd);
  if (fd >= 0) close(fd);
  tdm_slab_fini(&p->slab);
  tdm_mem_free(p);
}

tdm_task *tdm_port_new_task(tdm_port *p) {
  tdm_task *t = tdm_slab_new(&p->slab);
  if (t == NULL) return NULL;
  t->port = p;
  t->items = 1;
  t->attempt = 1;
  t->handles = 1;
  return t;
}

static void free_if_unused(tdm_task *t) {
  if (t->handles != 0 || (t->marks & (TDM_AWAY | TDM_WATCHED))) return;
  tdm_payload_fini(&t->payload);
  tdm_slab_free(&t->port->slab, t);
}

void tdm_port_release(tdm_task *t) {
  t->handles--;
  free_if_unused(t);
}

void tdm_port_sent(tdm_task *t) {
  t->marks |= TDM_AWAY;
  t->port->away++;
}

void tdm_port_unsent(tdm_task *t) {
  t->marks &= (uint8_t)~TDM_AWAY;
  t->port->away--;
}

static void make_ready(tdm_task *t) {
  t->next_ready = NULL;
  *t->port->ready_last = t;
  t->port->ready_last = &t->next_ready;
}

void tdm_port_settle(tdm_task *t) {
  if (t->marks & TDM_SETTLED) return;
  t->marks |= TDM_SETTLED;
  if (t->marks & TDM_WATCHED) {
    t->port->watched--;
    make_ready(t);
  }
}

static void came_back(tdm_task *t) {
  tdm_port_unsent(t);
  tdm_port_settle(t);
  free_if_unused(t);
}

size_t tdm_port_drain(tdm_port *p) {
  size_t n = 0;
  for (tdm_task *t = tdm_inbox_take(&p->back), *next; t != NULL; t = next) {
    next = t->next;
    came_back(t);
    n++;
  }
  return n;
}

void tdm_port_watch(tdm_task *t) {
  if (t->marks & TDM_WATCHED) return;
  t->marks |= TDM_WATCHED;
  if (t->marks & TDM_SETTLED)
    make_ready(t);
  else
    t->port->watched++;
}

tdm_task *tdm_port_try_ready(tdm_port *p) {
  tdm_task *t = p->ready;
  if (t == NULL) return NULL;
  p->ready = t->next_ready;
  if (p->ready == NULL) p->ready_last = &p->ready;
  t->marks &= (uint8_t)~TDM_WATCHED;
  return t;
}

/* True once something is there; false when it is not worth looking longer. */
static int spin_for_some(tdm_port *p, tdm_time deadline, tdm_time spin) {
  if (spin <= 0) return tdm_inbox_has(&p->back);
  tdm_time until = tdm_clock_now() + spin;
  if (until > deadline) until = deadline;
  do {
    for (int i = 0; i < 64; i++) {
      if (tdm_inbox_has(&p->back)) return 1;
      tdm_pause();
    }
    sched_yield();
  } while (tdm_clock_now() < until);
  return tdm_inbox_has(&p->back);
}

/* The want is published before the look at `back`, and a deliverer pushes
 * before it looks at the want: one of the two sees the other. A notice left
 * over from before is not thrown away, it may be a nudge that the caller has
 * not seen yet. */
int tdm_port_wait(tdm_port *p, const tdm_task *target, int count,
                  tdm_time deadline, tdm_time spin) {
  if (spin_for_some(p, deadline, spin)) return TDM_OK;
  tdm_store_relaxed(&p->countdown, count);
  tdm_store_total(&p->want, target ? (uintptr_t)target : WANT_COUNT);
  int err = TDM_OK;
  if (!tdm_inbox_has(&p->back)) err = tdm_park_wait(&p->park, deadline);
  tdm_store_relaxed(&p->want, WANT_NOTHING);
  return err;
}

static int is_wanted(tdm_port *p, const tdm_task *t, uintptr_t want) {
  if (want == WANT_COUNT) return tdm_sub_total(&p->countdown, 1) == 1;
  return want == (uintptr_t)t;
}

static void signal_fd(int fd) {
  uint64_t one = 1;
  /* Cannot fail but by overflow, which is as readable as can be. */
  if (write(fd, &one, sizeof one) < 0) return;
}

int tdm_port_deliver(tdm_task *t) {
  tdm_port *p = t->port;
  int was_empty = tdm_inbox_push(&p->back, t);
  uintptr_t want = tdm_load_total(&p->want);
  if (want != WANT_NOTHING && is_wanted(p, t, want)) tdm_park_wake(&p->park);
  if (was_empty) {
    int fd = tdm_load_total(&p->fd);
    if (fd >= 0) signal_fd(fd);
  }
  return was_empty;
}

void tdm_port_nudge(tdm_port *p) { tdm_park_wake(&p->park); }

int tdm_port_fileno(tdm_port *p) {
  int fd = tdm_load_relaxed(&p->fd);
  if (fd >= 0) return fd;
  fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return TDM_LIMIT;
  tdm_store_total(&p->fd, fd);
  /* What came back before anybody could signal. */
  if (tdm_inbox_has(&p->back) || p->ready != NULL) signal_fd(fd);
  return fd;
}

void tdm_port_clear_fd(tdm_port *p) {
  uint64_t n;
  int fd = tdm_load_relaxed(&p->fd);
  if (fd >= 0 && read(fd, &n, sizeof n) < 0) return;
}
