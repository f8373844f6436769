/* procs_manager.c -- the thread of the host that watches over a process pool.
 *
 * It sleeps until somebody dies, asks, or is to be ended. Nothing that goes
 * well needs it: tasks and results pass it by.
 */
#include <poll.h>
#include <unistd.h>

#include "error.h"
#include "mem.h"
#include "os.h"
#include "procs.h"
#include "thread.h"

/* What is polled: the wake event, the zygote, errands, then workers. */
enum { WAKE, ZYGOTE, ERRANDS, MEMBERS };

typedef struct watch {
  tdm_procs *pool;
  struct pollfd fd[MEMBERS + TDM_PLACES];
  unsigned place[TDM_PLACES];
  nfds_t n;
} watch;

static void add(watch *w, int fd) {
  w->fd[w->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void make_watch_locked(tdm_procs *p, watch *w) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  w->n = 0;
  add(w, p->wake);
  add(w, p->control); /* poll passes over a negative one */
  add(w, tdm_procs_errands_fd(p));
  for (unsigned i = 0; i < end; i++) {
    const tdm_member *m = &p->member[i];
    if (m->state == TDM_MEMBER_NONE || m->ended) continue;
    w->place[w->n - MEMBERS] = i;
    add(w, m->channel);
  }
}

static int timeout_until(tdm_time deadline) {
  if (deadline == TDM_FOREVER) return -1;
  tdm_time left = deadline - tdm_clock_now();
  return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

static void hear_locked(tdm_procs *p, const watch *w, tdm_settled *out) {
  if (w->fd[WAKE].revents != 0) tdm_os_event_clear(p->wake);
  /* The members first: a report of the zygote may free their places. */
  for (nfds_t i = MEMBERS; i < w->n; i++)
    if (w->fd[i].revents != 0)
      tdm_procs_hear_member_locked(p, w->place[i - MEMBERS]);
  if (w->fd[ZYGOTE].revents != 0 && p->control >= 0 &&
      p->control == w->fd[ZYGOTE].fd)
    tdm_procs_hear_zygote_locked(p, out);
}

/* Workers that could not be had are tried for again while there is work. */
static tdm_time next_start_locked(tdm_procs *p) {
  unsigned alive = tdm_load_relaxed(&p->share->alive);
  int is_short = alive < p->base.settings.max_workers;
  if (!is_short || tdm_clock_now() >= p->start_after) return TDM_FOREVER;
  return tdm_procs_has_work_locked(p) ? p->start_after : TDM_FOREVER;
}

/* Is there nobody left, and nothing to start anybody for? */
static int is_at_end_locked(tdm_procs *p) {
  return tdm_load_total(&p->base.closing) && p->present == 0 &&
         !tdm_procs_has_work_locked(p);
}

/* One turn: false when it was the last. */
static int turn(tdm_procs *p, watch *w, tdm_time *until) {
  tdm_settled out;
  tdm_note note;
  tdm_settled_init(&out);
  poll(w->fd, w->n, timeout_until(*until));
  tdm_mutex_lock(&p->lock);
  /* Who asks from now on is heard in the next turn, if this one misses it. */
  tdm_store_total(&p->share->asked, 0);
  hear_locked(p, w, &out);
  *until = tdm_procs_bury_locked(p, &out);
  /* Who is told to end by that is watched from now on. */
  tdm_procs_errands_locked(p, &out);
  tdm_time watch_until = tdm_procs_watch_locked(p, &out);
  if (watch_until < *until) *until = watch_until;
  if (p->thens || p->errands_out != 0 ||
      tdm_load_total(&p->share->listeners) != 0)
    tdm_procs_collect_locked(p, &out);
  tdm_procs_attend_locked(p, &out);
  tdm_time start_at = next_start_locked(p);
  if (start_at < *until) *until = start_at;
  int at_end = is_at_end_locked(p);
  if (at_end) {
    tdm_procs_collect_locked(p, &out);
    tdm_procs_end_zygote_locked(p, &note);
  } else {
    make_watch_locked(p, w);
  }
  tdm_mutex_unlock(&p->lock);
  tdm_settled_deliver(p, &out);
  tdm_procs_errands_home(p);
  if (p->share->tell_all) tdm_executor_stir(&p->base);
  return !at_end;
}

static void *manage(void *arg) {
  watch *w = arg;
  tdm_procs *p = w->pool;
  tdm_time until = TDM_FOREVER;
  tdm_mutex_lock(&p->lock);
  make_watch_locked(p, w);
  tdm_mutex_unlock(&p->lock);
  while (turn(p, w, &until)) continue;
  tdm_port *port = p->base.port;
  tdm_mem_free(w);
  /* From here on the pool may be gone as soon as this thread has ended. */
  tdm_store_total(&p->over, 1);
  tdm_port_nudge(port);
  return NULL;
}

int tdm_procs_start_manager(tdm_procs *p) {
  watch *w = tdm_mem_new(sizeof *w);
  if (w == NULL) return TDM_NOMEM;
  w->pool = p;
  int err = tdm_thread_new(&p->manager, TDM_SMALL_STACK, manage, w);
  if (err != TDM_OK) tdm_mem_free(w);
  return err;
}
