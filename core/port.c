#include "port.h"

#include <sched.h>
#include <unistd.h>

#include "error.h"
#include "mem.h"
#include "onelock.h"
#include "os.h"
#include "then.h"

tdm_port *tdm_port_new(void) {
  tdm_port *p = tdm_mem_aligned(alignof(tdm_port), sizeof *p);
  if (p == NULL) return NULL;
  memset(p, 0, sizeof *p);
  atomic_init(&p->fd, -1);
  atomic_init(&p->bell, &p->own_bell);
  p->bell_memory = -1;
  p->ready_last = &p->ready;
  p->reported_last = &p->reported;
  return p;
}

/* One that was watched, and that nobody has asked for since it was settled. */
static void drop_what_it_holds(tdm_task *t, void *arg) {
  (void)arg;
  if (t->marks & TDM_REPORTED) tdm_mem_free(t->next);
  tdm_payload_fini(&t->payload);
}

void tdm_port_free(tdm_port *p) {
  tdm_port_drain(p);
  if (p->away != 0) return;
  tdm_slab_each(&p->slab, drop_what_it_holds, NULL);
  int fd = tdm_load_relaxed(&p->fd);
  if (fd >= 0) close(fd);
  if (p->bell_memory >= 0) {
    tdm_os_memory_unmap(tdm_load_relaxed(&p->bell), TDM_BELL_SIZE);
    close(p->bell_memory);
  }
  tdm_slab_fini(&p->slab);
  tdm_mem_free(p);
}

tdm_task *tdm_port_new_task(tdm_port *p) {
  tdm_task *t = tdm_slab_new(&p->slab);
  if (t == NULL) return NULL;
  t->items = 1;
  t->attempt = 1;
  t->handles = 1;
  return t;
}

static void free_if_unused(tdm_task *t) {
  if (t->handles != 0 || (t->marks & (TDM_AWAY | TDM_WATCHED))) return;
  if (t->marks & TDM_REPORTED) tdm_mem_free(t->next);
  if (tdm_then_has(t)) tdm_then_abandon(t);
  tdm_payload_fini(&t->payload);
  tdm_slab_free(tdm_slab_of(t), t);
}

void tdm_port_release(tdm_task *t) {
  t->handles--;
  free_if_unused(t);
}

void tdm_port_sent(tdm_task *t) {
  t->marks |= TDM_AWAY;
  tdm_port_of(t)->away++;
}

void tdm_port_unsent(tdm_task *t) {
  t->marks &= (uint8_t)~TDM_AWAY;
  tdm_port_of(t)->away--;
}

/* The link of the ready list. One that is cancelled may yet be on its way home,
 * and who brings it reads whose it is; but then it has no payload. */
static tdm_task **ready_link(tdm_task *t) {
  int is_cancelled = tdm_load_relaxed(&t->state) == TDM_CANCELLED;
  return is_cancelled && t->payload.n == 0 ? &t->payload.at.next
                                           : &t->next_ready;
}

static void make_ready(tdm_task *t) {
  tdm_port *p = tdm_port_of(t);
  *ready_link(t) = NULL;
  *p->ready_last = t;
  p->ready_last = ready_link(t);
  p->readied++;
}

static void settle(tdm_task *t) {
  if (t->marks & TDM_SETTLED) return;
  t->marks |= TDM_SETTLED;
  if (t->marks & TDM_WATCHED) {
    tdm_port_of(t)->watched--;
    make_ready(t);
  }
}

void tdm_port_remind(tdm_port *p) {
  tdm_bell *bell = tdm_load_relaxed(&p->bell);
  if (p->ready != NULL && tdm_load_relaxed(&bell->wired))
    tdm_os_event_set(tdm_load_relaxed(&p->fd));
}

/* No worker has signalled this one. */
void tdm_port_settle(tdm_task *t) {
  tdm_port *p = tdm_port_of(t);
  size_t before = p->readied;
  settle(t);
  if (p->readied != before) tdm_port_remind(p);
}

/* --- what tasks said of their progress --- */

void tdm_port_report(tdm_task *t, tdm_progress *progress) {
  tdm_port *p = tdm_port_of(t);
  tdm_report_home *r = tdm_mem_new(sizeof *r);
  if (r == NULL) return;
  if (!tdm_progress_get(progress, &r->view)) {
    tdm_mem_free(r);
    return;
  }
  r->task = t;
  r->next = tdm_load_relaxed(&p->reports);
  while (!tdm_cas_total(&p->reports, &r->next, r)) continue;
}

static tdm_report_home *unlink_report(tdm_port *p, const tdm_task *t) {
  tdm_report_home **at = &p->reported, *r;
  while ((*at)->task != t) at = &(*at)->next;
  r = *at;
  *at = r->next;
  if (p->reported_last == &r->next) p->reported_last = at;
  return r;
}

/* A task that is run again reports again. */
static void note_report(tdm_port *p, tdm_report_home *r) {
  if (r->task->marks & TDM_REPORTED) tdm_mem_free(unlink_report(p, r->task));
  r->task->marks |= TDM_REPORTED;
  r->next = NULL;
  *p->reported_last = r;
  p->reported_last = &r->next;
}

static void take_reports(tdm_port *p) {
  tdm_report_home *list = NULL, *r, *next;
  if (tdm_load_total(&p->reports) == NULL) return;
  r = tdm_swap_total(&p->reports, (tdm_report_home *)NULL);
  for (; r != NULL; r = next) {
    next = r->next;
    r->next = list;
    list = r;
  }
  for (; list != NULL; list = next) {
    next = list->next;
    note_report(p, list);
  }
}

/* From now on it lies where the task's link was. They are in the order in which
 * the tasks come, so that each is found at once. */
static void keep_report(tdm_port *p, tdm_task *t) {
  t->next = (tdm_task *)(void *)unlink_report(p, t);
}

const tdm_progress_view *tdm_port_reported(const tdm_task *t) {
  if (!(t->marks & TDM_REPORTED) || (t->marks & TDM_AWAY)) return NULL;
  return &((const tdm_report_home *)(const void *)t->next)->view;
}

static void came_back(tdm_task *t) {
  tdm_port_unsent(t);
  if (t->marks & TDM_REPORTED) keep_report(tdm_port_of(t), t);
  if (t->marks & TDM_RESERVED) tdm_then_return(t);
  settle(t);
  if (tdm_then_has(t)) tdm_then_pass(t, 1);
  free_if_unused(t);
}

int tdm_port_has(tdm_port *p) {
  if (tdm_inbox_has(&p->back)) return 1;
  for (tdm_source *s = p->sources; s != NULL; s = s->next)
    if (s->has(s)) return 1;
  return 0;
}

static int is_wired(tdm_port *p) {
  return tdm_load_relaxed(&tdm_load_relaxed(&p->bell)->wired);
}

static void listen(tdm_source *s, int more) {
  if (s->listen != NULL) s->listen(s, more);
}

static void listen_everywhere(tdm_port *p, int more) {
  for (tdm_source *s = p->sources; s != NULL; s = s->next) listen(s, more);
}

void tdm_port_add_source(tdm_port *p, tdm_source *s) {
  s->next = p->sources;
  p->sources = s;
  if (is_wired(p)) listen(s, 1);
}

void tdm_port_remove_source(tdm_port *p, tdm_source *s) {
  tdm_source **at = &p->sources;
  while (*at != s) at = &(*at)->next;
  *at = s->next;
  if (is_wired(p)) listen(s, -1);
}

size_t tdm_port_drain(tdm_port *p) {
  size_t n = 0;
  for (tdm_source *s = p->sources; s != NULL; s = s->next) s->collect(s);
  tdm_task *t = tdm_inbox_take(&p->back), *next;
  /* Only now: the report of each of them has come before it. */
  take_reports(p);
  for (; t != NULL; t = next) {
    next = t->next;
    came_back(t);
    n++;
  }
  return n;
}

void tdm_port_watch(tdm_task *t) {
  if (t->marks & TDM_WATCHED) return;
  t->marks |= TDM_WATCHED;
  if (!(t->marks & TDM_SETTLED)) {
    tdm_port_of(t)->watched++;
    return;
  }
  make_ready(t);
  tdm_port_remind(tdm_port_of(t));
}

void tdm_port_unwatch(tdm_task *t) {
  if (!(t->marks & TDM_WATCHED) || (t->marks & TDM_SETTLED)) return;
  t->marks &= (uint8_t)~TDM_WATCHED;
  tdm_port_of(t)->watched--;
}

int tdm_port_is_watching(const tdm_port *p) {
  return p->watched != 0 || p->ready != NULL;
}

tdm_task *tdm_port_try_ready(tdm_port *p) {
  tdm_task *t = p->ready;
  if (t == NULL) return NULL;
  p->ready = *ready_link(t);
  if (p->ready == NULL) p->ready_last = &p->ready;
  t->marks &= (uint8_t)~TDM_WATCHED;
  p->taken++;
  return t;
}

/* True once something is there; false when it is not worth looking longer. */
static int spin_for_some(tdm_port *p, tdm_time deadline, tdm_time spin) {
  if (spin <= 0) return tdm_port_has(p);
  tdm_time until = tdm_clock_now() + spin;
  if (until > deadline) until = deadline;
  do {
    for (int i = 0; i < 64; i++) {
      if (tdm_port_has(p)) return 1;
      tdm_pause();
    }
    sched_yield();
  } while (tdm_clock_now() < until);
  return tdm_port_has(p);
}

/* In a worker others may have the lock of its pool meanwhile. */
static int sleep_at(tdm_port *p, tdm_bell *bell, tdm_time deadline) {
  int held = p->ctl != NULL && tdm_ctl_let_go(p->ctl);
  int err = tdm_park_wait_or_call(&bell->park, deadline, &p->call);
  if (held) tdm_ctl_take(p->ctl);
  return err;
}

/* The want is published before the look at what is back, and a deliverer pushes
 * before it looks at the want: one of the two sees the other. A notice left
 * over from before is not thrown away, it may be a nudge that the caller has
 * not seen yet. */
int tdm_port_wait(tdm_port *p, const tdm_task *target, int count,
                  tdm_time deadline, tdm_time spin) {
  if (spin_for_some(p, deadline, spin)) return TDM_OK;
  tdm_bell *bell = tdm_load_relaxed(&p->bell);
  if (target != NULL && tdm_then_is_held(target)) {
    target = NULL;
    count = 1;
  }
  tdm_store_relaxed(&bell->countdown, count);
  tdm_store_total(&bell->want, target ? (uintptr_t)target : TDM_WANT_COUNT);
  listen_everywhere(p, 1);
  int err = TDM_OK;
  if (!tdm_port_has(p)) err = sleep_at(p, bell, deadline);
  listen_everywhere(p, -1);
  tdm_store_relaxed(&bell->want, TDM_WANT_NOTHING);
  return err;
}

int tdm_port_deliver(tdm_task *t) {
  if (tdm_then_has(t)) tdm_then_pass(t, 0);
  tdm_port *p = tdm_port_of(t);
  uintptr_t what = (uintptr_t)t;
  int was_empty = tdm_inbox_push(&p->back, t);
  if (tdm_bell_ring(tdm_load_total(&p->bell), what, was_empty))
    tdm_os_event_set(tdm_load_total(&p->fd));
  return was_empty;
}

void tdm_port_nudge(tdm_port *p) {
  tdm_park_wake(&tdm_load_total(&p->bell)->park);
}

void tdm_port_rouse(tdm_port *p) {
  tdm_park_rouse(&tdm_load_total(&p->bell)->park);
}

static int need_fd(tdm_port *p) {
  int fd = tdm_load_relaxed(&p->fd);
  if (fd >= 0) return fd;
  fd = tdm_os_event_new();
  if (fd >= 0) tdm_store_total(&p->fd, fd);
  return fd;
}

static tdm_bell *map_bell(int fd) {
  if (tdm_os_memory_extend(fd, TDM_BELL_SIZE) != TDM_OK) return NULL;
  return tdm_os_memory_map(fd, 0, TDM_BELL_SIZE);
}

/* A worker that still reads the old bell finds nobody waiting there, and has
 * pushed its task before: the next look for something to drain sees it. */
int tdm_port_share_bell(tdm_port *p) {
  if (p->bell_memory >= 0) return TDM_OK;
  if (need_fd(p) < 0) return TDM_LIMIT;
  int fd = tdm_os_memory_new("tandem-bell");
  if (fd < 0) return fd;
  tdm_bell *bell = map_bell(fd);
  if (bell == NULL) {
    close(fd);
    return TDM_NOMEM;
  }
  bell->park.shared = 1;
  tdm_store_relaxed(&bell->wired, tdm_load_relaxed(&p->own_bell.wired));
  p->bell_memory = fd;
  tdm_store_total(&p->bell, bell);
  return TDM_OK;
}

void tdm_port_forget_bell(tdm_port *p) {
  tdm_store_relaxed(&p->bell, &p->own_bell);
}

int tdm_port_fileno(tdm_port *p) {
  int fd = need_fd(p);
  tdm_bell *bell = tdm_load_relaxed(&p->bell);
  if (fd < 0 || tdm_load_relaxed(&bell->wired)) return fd;
  tdm_store_total(&bell->wired, 1);
  listen_everywhere(p, 1);
  /* What came back before anybody could signal. */
  if (tdm_port_has(p) || p->ready != NULL) tdm_os_event_set(fd);
  return fd;
}

void tdm_port_clear_fd(tdm_port *p) {
  if (is_wired(p)) tdm_os_event_clear(tdm_load_relaxed(&p->fd));
}
