/* threads.c -- the executor of threads in this process.
 *
 * A worker is always one of: running a task; searching, that is looking for
 * one, perhaps spinning; sleeping on the stack of sleepers. The pair (how many
 * search, how many sleep) lives in one atomic word, `idle`. Who adds work wakes
 * somebody only if nobody searches; a searcher that finds work and leaves more
 * behind wakes the next. See DESIGN.md, "Sleep and wake", for why no task is
 * ever left lying while somebody sleeps.
 *
 * Locks: QUEUE for the queue; CREW for the lists of workers and sleepers.
 */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "births.h"
#include "cpu.h"
#include "error.h"
#include "fork.h"
#include "mem.h"
#include "os.h"
#include "thread.h"
#include "threads.h"

/* Nested string.gsub in Lua overflows a 256 KiB stack before Lua notices. */
#ifdef TDM_DEBUG
#define STACK_SIZE ((size_t)4 * 1024 * 1024)
#else
#define STACK_SIZE ((size_t)1024 * 1024)
#endif

/* Tasks shorter than this are done before another worker is awake. */
#define SHORT_TASK (20 * INT64_C(1000))

/* After a failure to start a worker, no new try for so long. */
#define START_AGAIN_AFTER (TDM_SECOND)

#define SEARCHING (UINT64_C(1) << 32)
#define SLEEPING UINT64_C(1)
#define searching_in(idle) ((unsigned)((idle) >> 32))
#define sleeping_in(idle) ((unsigned)((idle)&0xffffffffu))

/* --- the queue ------------------------------------------------------------ */

static int has_work(tdm_threads *p) {
  return tdm_queue_size(&p->queue) != 0 || tdm_inbox_has(&p->inbox) ||
         tdm_load_total(&p->nests.pending) != 0;
}

/* What tasks have submitted comes first: somebody waits for it, and it makes an
 * end of what has begun. */
static tdm_task *try_take(tdm_threads *p) {
  if (!has_work(p)) return NULL;
  tdm_task *nested = tdm_threads_try_take_nested(p);
  if (nested != NULL) return nested;
  int emptied = 0;
  tdm_mutex_lock(&p->queue_lock);
  /* Looking into the inbox disturbs who submits, so not each time. */
  if (tdm_queue_size(&p->queue) == 0 ||
      (tdm_load_relaxed(&p->urgent) && tdm_swap_total(&p->urgent, 0))) {
    tdm_queue_push_all(&p->queue, tdm_inbox_take(&p->inbox));
    emptied = 1;
  }
  tdm_task *t = tdm_queue_try_pop(&p->queue);
  tdm_mutex_unlock(&p->queue_lock);
  /* On their way from the inbox to the queue the tasks were in neither, and
   * who looked then may have gone to sleep. */
  if (emptied && tdm_queue_size(&p->queue) != 0) tdm_threads_call(p, 0);
  return t;
}

void tdm_threads_put(tdm_threads *p, tdm_task *t) {
  int urgent = t->priority != 0;
  tdm_inbox_push(&p->inbox, t);
  if (urgent) tdm_store_total(&p->urgent, 1);
}

static tdm_task *threads_recall(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  tdm_task *list = NULL, **last = &list, *t;
  tdm_mutex_lock(&p->queue_lock);
  tdm_queue_push_all(&p->queue, tdm_inbox_take(&p->inbox));
  while ((t = tdm_queue_try_pop(&p->queue)) != NULL) {
    *last = t;
    last = &t->next;
  }
  tdm_mutex_unlock(&p->queue_lock);
  return list;
}

/* --- who sleeps ----------------------------------------------------------- */

static void push_sleeper_locked(tdm_threads *p, tdm_thread_member *m) {
  m->asleep = 1;
  m->above = NULL;
  m->below = p->top_sleeper;
  if (m->below != NULL) m->below->above = m;
  p->top_sleeper = m;
  tdm_add_total(&p->idle, SLEEPING - SEARCHING);
}

/* From sleeping to searching: by who wakes it, or by itself. */
static void remove_sleeper_locked(tdm_threads *p, tdm_thread_member *m) {
  m->asleep = 0;
  if (m->below != NULL) m->below->above = m->above;
  if (m->above != NULL)
    m->above->below = m->below;
  else
    p->top_sleeper = m->below;
  tdm_add_total(&p->idle, SEARCHING - SLEEPING);
}

/* False if nobody sleeps. */
static int wake_one(tdm_threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  tdm_thread_member *m = p->top_sleeper;
  if (m != NULL) remove_sleeper_locked(p, m);
  tdm_mutex_unlock(&p->crew_lock);
  if (m != NULL) tdm_park_wake(&m->park);
  return m != NULL;
}

static int start_member(tdm_threads *p);

static int is_short_of_workers(tdm_threads *p) {
  return tdm_load_relaxed(&p->alive) < tdm_load_relaxed(&p->target);
}

/* A worker could not be had: the pool goes on with fewer for a while. */
static void note_missing(tdm_threads *p) {
  unsigned target = tdm_load_relaxed(&p->target);
  tdm_mutex_lock(&p->crew_lock);
  unsigned alive = tdm_load_relaxed(&p->alive);
  tdm_store_relaxed(&p->base.missing, target > alive ? target - alive : 0);
  p->start_after = tdm_clock_now() + START_AGAIN_AFTER;
  tdm_mutex_unlock(&p->crew_lock);
}

static void try_again_at_once(tdm_threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  p->start_after = 0;
  tdm_mutex_unlock(&p->crew_lock);
}

/* Wakes the worker that fell asleep last, or starts one; neither if the work
 * has found somebody meanwhile. */
static void call_one(tdm_threads *p) {
  if (!has_work(p)) return;
  if (!wake_one(p) && is_short_of_workers(p)) start_member(p);
}

/* There is work: sees to it that somebody searches. True if that took a call.
 *
 * One searcher is enough while tasks are short: it finds the work, and calls
 * the next if there is more. Where tasks are long that chain is too slow, each
 * link waits for a thread to be scheduled; then everybody who sees more work
 * (`backlog`) than workers awake calls one. */
int tdm_threads_call(tdm_threads *p, size_t backlog) {
  uint64_t idle = tdm_load_total(&p->idle);
  if (searching_in(idle) != 0) {
    unsigned alive = tdm_load_relaxed(&p->alive), asleep = sleeping_in(idle);
    if (!tdm_load_relaxed(&p->long_tasks)) return 0;
    if (asleep == 0 && !is_short_of_workers(p)) return 0;
    if (backlog + asleep <= alive) return 0;
  }
  call_one(p);
  return 1;
}

static void stop_searching(tdm_threads *p) {
  uint64_t before = tdm_sub_total(&p->idle, SEARCHING);
  if (searching_in(before) == 1 && has_work(p)) tdm_threads_call(p, 0);
}

/* How many workers there are for certain. */
static unsigned staying_locked(tdm_threads *p) {
  return tdm_load_relaxed(&p->alive) - p->starting;
}

/* Sleeps unless there is work, or one worker too many. Searching before and
 * after. */
static void sleep_until_called(tdm_threads *p, tdm_thread_member *m) {
  tdm_mutex_lock(&p->crew_lock);
  /* Under the lock: a resize takes it after it has set the target. */
  int is_surplus = staying_locked(p) > tdm_load_relaxed(&p->target);
  if (!is_surplus) push_sleeper_locked(p, m);
  tdm_mutex_unlock(&p->crew_lock);
  if (is_surplus) return;
  /* Published that we sleep, then looked for work; a submitter publishes work,
   * then looks for sleepers. So at least one sees the other. */
  if (has_work(p) || tdm_load_total(&p->base.closing)) {
    tdm_mutex_lock(&p->crew_lock);
    int was_asleep = m->asleep;
    if (was_asleep) remove_sleeper_locked(p, m);
    tdm_mutex_unlock(&p->crew_lock);
    if (was_asleep) return;
  }
  tdm_worker_before_sleep(&m->worker);
  while (tdm_park_wait(&m->park, TDM_FOREVER) != TDM_OK) continue;
  tdm_worker_after_sleep(&m->worker);
}

/* --- a worker's life ------------------------------------------------------ */

/* May one more leave, so that `least` remain? If so it no longer counts as
 * alive: another may start in its place. */
static int try_leave_locked(tdm_threads *p, unsigned least) {
  if (staying_locked(p) <= least) return 0;
  tdm_sub_total(&p->alive, 1u);
  return 1;
}

static int shall_leave(tdm_threads *p) {
  int closing = tdm_load_total(&p->base.closing);
  if (!closing && tdm_load_relaxed(&p->alive) <= tdm_load_relaxed(&p->target))
    return 0;
  tdm_mutex_lock(&p->crew_lock);
  /* The target once more: it may have grown since. */
  unsigned least = closing ? 0 : tdm_load_relaxed(&p->target);
  int may = !(closing && has_work(p)) && try_leave_locked(p, least);
  tdm_mutex_unlock(&p->crew_lock);
  return may;
}

/* Where workers outnumber the processors, only one may spin. */
static int may_spin(tdm_threads *p) {
  return tdm_load_relaxed(&p->alive) < p->cpus ||
         searching_in(tdm_load_relaxed(&p->idle)) <= 1;
}

/* Pauses between two looks for work where nobody waits for the answer. Looking
 * all the time costs a submitter, who finds his cache line gone at every
 * submit, more than it gains the worker. */
#ifndef LEISURE
#define LEISURE 16
#endif

/* Looks for work for a while. NULL: found none. */
static tdm_task *spin_for_task(tdm_threads *p, tdm_thread_member *m) {
  tdm_time spin = p->base.settings.spin;
  if (spin <= 0 || !may_spin(p)) return NULL;
  tdm_time until = tdm_clock_now() + spin;
  int between = m->hurry ? 1 : LEISURE;
  do {
    for (int i = 0; i < 64; i += between) {
      for (int k = 0; k < between; k++) tdm_pause();
      tdm_task *t = try_take(p);
      if (t != NULL) return t;
    }
    sched_yield();
  } while (tdm_clock_now() < until && may_spin(p) &&
           !tdm_load_relaxed(&p->base.closing));
  return NULL;
}

static void collect_garbage(tdm_threads *p, tdm_thread_member *m) {
  const tdm_runner *r = p->base.runner;
  if (m->worker.vm == NULL || !r->has_garbage(m->worker.vm)) return;
  /* May take long: meanwhile others shall be called, so this is no search. */
  stop_searching(p);
  r->idle(m->worker.vm);
  tdm_add_total(&p->idle, SEARCHING);
}

/* The next task, or NULL when the worker shall leave. Searching before; not
 * after. */
static tdm_task *search(tdm_threads *p, tdm_thread_member *m) {
  for (;;) {
    tdm_task *t = try_take(p);
    if (t == NULL) t = spin_for_task(p, m);
    if (t != NULL) {
      stop_searching(p);
      return t;
    }
    if (shall_leave(p)) {
      stop_searching(p);
      return NULL;
    }
    collect_garbage(p, m);
    sleep_until_called(p, m);
  }
}

/* One that comes claimed is from a nest. False: the task was told to end, and
 * must. */
static int try_put_back(tdm_threads *p, tdm_task *t) {
  if (!tdm_task_is_running(t)) {
    tdm_threads_put(p, t);
    return 1;
  }
  int err = tdm_nest_put_back(t);
  if (err != TDM_CLOSED) return err == TDM_OK;
  if (p->base.settings.queue_limit != 0)
    tdm_add_total(&p->base.queued, (size_t)1);
  tdm_threads_put(p, t);
  return 1;
}

/* The worker has no virtual machine for want of memory. Where there are others
 * it gives the task to them and leaves: in one step, or they might leave too,
 * seeing no work. */
static int try_give_up(tdm_threads *p, tdm_task *t) {
  tdm_mutex_lock(&p->crew_lock);
  int may = try_leave_locked(p, 1);
  if (may && !try_put_back(p, t)) {
    tdm_add_total(&p->alive, 1u);
    may = 0;
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (!may) return 0;
  note_missing(p);
  tdm_threads_call(p, 0);
  return 1;
}

static void note_length(tdm_threads *p, const tdm_task *t) {
  /* What was cancelled has no times. */
  if (tdm_load_relaxed(&t->state) == TDM_CANCELLED) return;
  int is_long = t->finished - t->started > SHORT_TASK;
  if (tdm_load_relaxed(&p->long_tasks) != is_long)
    tdm_store_relaxed(&p->long_tasks, is_long);
}

/* The worker has its next task; are there others that could take the rest? */
static void call_more(tdm_threads *p) {
  if (tdm_queue_size(&p->queue) == 0) return;
  uint64_t idle = tdm_load_relaxed(&p->idle);
  if (sleeping_in(idle) != 0 || is_short_of_workers(p)) call_one(p);
}

/* Runs tasks until there is none at once. True: go on; searching. False: this
 * worker cannot work and has given its task back; not searching. */
static int work(tdm_threads *p, tdm_thread_member *m, tdm_task *t) {
  tdm_worker *w = &m->worker;
  tdm_time now = tdm_clock_now();
  while (t != NULL) {
    int err = tdm_executor_prepare(&p->base, w, t);
    if (err == TDM_ABORTED) return 0;
    if (err != TDM_OK && try_give_up(p, t)) return 0;
    if (w->tasks_in_vm == 0) now = tdm_clock_now();
    tdm_executor_run(&p->base, w, t, &now);
    if (now == 0) return 0; /* it has been given up */
    /* The next one is taken before this one goes home, so that whoever gets
     * this one finds the worker searching, if it is idle. */
    tdm_task *next = try_take(p);
    note_length(p, t);
    if (next == NULL)
      tdm_add_total(&p->idle, SEARCHING);
    else if (tdm_load_relaxed(&p->long_tasks))
      call_more(p);
    m->hurry = tdm_executor_deliver(&p->base, t);
    t = next;
  }
  return 1;
}

/* Nobody will join the threads of a pool that is disowned. */
static void put_away_locked(tdm_threads *p, tdm_thread_member *m) {
  tdm_thread_member **list = p->disowned ? &p->gone : &p->left;
  m->next = *list;
  *list = m;
  if (p->disowned) pthread_detach(m->thread);
  if (p->disowned && p->members == NULL) tdm_keeper_dismiss(&p->keeper);
}

static void leave(tdm_threads *p, tdm_thread_member *m) {
  tdm_worker_fini(&m->worker);
  tdm_mutex_lock(&p->crew_lock);
  tdm_tally_merge(&p->past, &m->worker.tally);
  tdm_thread_member **at = &p->members;
  while (*at != m) at = &(*at)->next;
  *at = m->next;
  put_away_locked(p, m);
  tdm_port *port = p->base.port;
  /* From here on the pool may be gone as soon as this thread has ended. */
  if (m->lost_from != NULL) tdm_sub_total(&m->lost_from->haunting, 1u);
  if (m->lost) tdm_sub_total(&p->lost, 1u);
  int is_last = tdm_sub_total(&p->present, 1u) - 1 == tdm_load_total(&p->lost);
  tdm_mutex_unlock(&p->crew_lock);
  if (is_last) tdm_port_nudge(port);
}

static void name_thread(const tdm_threads *p, const tdm_thread_member *m) {
  char name[64];
  /* The kernel keeps 15 bytes: the number must not be cut off. */
  snprintf(name, sizeof name, "%.9s-%u", p->base.settings.name,
           m->worker.ctl.worker);
  name[15] = '\0';
  pthread_setname_np(pthread_self(), name);
}

static void *member_main(void *arg) {
  tdm_thread_member *m = arg;
  tdm_threads *p = m->pool;
  tdm_birth_give();
  tdm_store_relaxed(&m->tid, (int)syscall(SYS_gettid));
  name_thread(p, m);
  tdm_thread_heed_interrupts();
  tdm_task *t;
  int can_work = 1;
  while (can_work && (t = search(p, m)) != NULL) {
    can_work = work(p, m, t);
    tdm_ctl_let_go(&m->worker.ctl);
  }
  leave(p, m);
  return NULL;
}

/* --- starting one --------------------------------------------------------- */

/* Frees what remains of the workers that have left. */
static void reap(tdm_threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  tdm_thread_member *m = p->left;
  p->left = NULL;
  tdm_mutex_unlock(&p->crew_lock);
  while (m != NULL) {
    tdm_thread_member *next = m->next;
    pthread_join(m->thread, NULL);
    tdm_mem_free(m);
    m = next;
  }
}

static int hire_locked(tdm_threads *p, tdm_thread_member *m) {
  m->pool = p;
  tdm_worker_init(&m->worker, p->base.runner, ++p->last_id, p->base.ops->kind,
                  p->base.settings.name);
  m->worker.keeper = &p->keeper;
  m->worker.ctl.nest_host = &p->nests;
  if (p->base.settings.one_lock)
    tdm_hand_init(&m->hand, &p->one_lock, &m->worker.ctl);
  m->next = p->members;
  p->members = m;
  int err = tdm_thread_new(&m->thread, STACK_SIZE, member_main, m);
  if (err != TDM_OK) p->members = m->next;
  return err;
}

/* Its place is taken already. The first worker is had in any case. */
static int add_member(tdm_threads *p) {
  int may = tdm_birth_expect(STACK_SIZE, tdm_load_relaxed(&p->alive) <= 1);
  tdm_thread_member *m = may ? tdm_mem_zero(sizeof *m) : NULL;
  tdm_mutex_lock(&p->crew_lock);
  int err = m == NULL ? TDM_LIMIT : hire_locked(p, m);
  p->starting--;
  if (err != TDM_OK) {
    tdm_sub_total(&p->alive, 1u);
    tdm_sub_total(&p->present, 1u);
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (err != TDM_OK && may) tdm_birth_forget();
  if (err != TDM_OK) tdm_mem_free(m);
  return err;
}

/* Starts a worker, if one may be started. TDM_OK also where none may. It counts
 * as searching from the moment that its place is taken. */
static int start_member(tdm_threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  int may = is_short_of_workers(p) && tdm_clock_now() >= p->start_after;
  if (may) {
    p->starting++;
    tdm_add_total(&p->alive, 1u);
    tdm_add_total(&p->present, 1u);
    tdm_add_total(&p->idle, SEARCHING);
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (!may) return TDM_OK;
  reap(p);
  int err = add_member(p);
  if (err == TDM_OK) return TDM_OK;
  note_missing(p);
  /* Somebody may have relied on this search. */
  stop_searching(p);
  return err;
}

/* --- the interface -------------------------------------------------------- */

static int threads_submit(tdm_executor *e, tdm_task *t, size_t backlog,
                          int *woke) {
  tdm_threads *p = (tdm_threads *)e;
  int is_first = tdm_load_relaxed(&p->alive) == 0;
  if (is_first) {
    try_again_at_once(p);
    int err = start_member(p);
    if (err != TDM_OK) return err;
    tdm_store_relaxed(&e->missing, 0); /* whatever was before */
  }
  tdm_threads_put(p, t);
  *woke = tdm_threads_call(p, backlog) || is_first;
  return TDM_OK;
}

static int threads_resize(tdm_executor *e, unsigned n) {
  tdm_threads *p = (tdm_threads *)e;
  if (tdm_executor_is_foreign(e)) return TDM_FORKED;
  e->settings.max_workers = n;
  tdm_store_total(&p->target, n);
  tdm_store_relaxed(&e->missing, 0);
  try_again_at_once(p);
  for (unsigned k = tdm_load_relaxed(&p->alive); k > n && wake_one(p);) k--;
  if (has_work(p)) tdm_threads_call(p, 0);
  reap(p);
  return TDM_OK;
}

static void threads_close(tdm_executor *e) {
  while (wake_one((tdm_threads *)e)) continue;
}

static int threads_progress(tdm_executor *e, tdm_task *t,
                            tdm_progress_view *view) {
  tdm_threads *p = (tdm_threads *)e;
  int said = 0;
  tdm_mutex_lock(&p->crew_lock);
  tdm_thread_member *m = tdm_threads_runner_of_locked(p, t);
  if (m != NULL && tdm_load_total(&m->worker.run) != 0)
    said = tdm_progress_get(&m->worker.progress, view);
  tdm_mutex_unlock(&p->crew_lock);
  return said;
}

static int threads_is_over(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  return tdm_load_total(&e->closing) &&
         tdm_load_total(&p->present) == tdm_load_total(&p->lost);
}

static unsigned threads_lost(tdm_executor *e) {
  return tdm_load_total(&((tdm_threads *)e)->lost);
}

static void threads_free(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  tdm_keeper_end(&p->keeper);
  reap(p);
  tdm_threads_sweep_nests(p);
  if (p->base.settings.one_lock) tdm_onelock_fini(&p->one_lock);
  tdm_mutex_fini(&p->queue_lock);
  tdm_mutex_fini(&p->crew_lock);
  tdm_mem_free(p);
}

/* It is in a list, as what looks for leaks shall find it. */
static void threads_disown(tdm_executor *e) {
  static tdm_threads *disowned;
  tdm_threads *p = (tdm_threads *)e;
  tdm_process_lock();
  p->next_disowned = disowned;
  disowned = p;
  tdm_process_unlock();
  tdm_mutex_lock(&p->crew_lock);
  p->disowned = 1;
  if (p->members == NULL) tdm_keeper_dismiss(&p->keeper);
  tdm_mutex_unlock(&p->crew_lock);
  reap(p);
}

/* Another thread may just have held a lock. */
static int threads_try_renew(tdm_executor *e) {
  tdm_threads *p = (tdm_threads *)e;
  return p->last_id == 0 && !p->keeper.is_there &&
         tdm_mutex_init(&p->queue_lock, TDM_RANK_QUEUE) == TDM_OK &&
         tdm_mutex_init(&p->crew_lock, TDM_RANK_CREW) == TDM_OK;
}

static size_t threads_workers(tdm_executor *e, tdm_worker_view *views,
                              size_t max) {
  tdm_threads *p = (tdm_threads *)e;
  size_t n = 0;
  /* A forked child has none of them, and the lock may be held for ever. */
  if (tdm_executor_is_foreign(e)) return 0;
  tdm_mutex_lock(&p->crew_lock);
  for (tdm_thread_member *m = p->members; m != NULL; m = m->next, n++) {
    if (n >= max) continue;
    tdm_worker_look(&m->worker, &views[n]);
    views[n].tid = tdm_load_relaxed(&m->tid);
  }
  tdm_mutex_unlock(&p->crew_lock);
  return n;
}

static void threads_tally(tdm_executor *e, tdm_tally *sum) {
  tdm_threads *p = (tdm_threads *)e;
  tdm_mutex_lock(&p->crew_lock);
  tdm_tally_merge(sum, &p->past);
  for (tdm_thread_member *m = p->members; m != NULL; m = m->next)
    tdm_tally_merge(sum, &m->worker.tally);
  tdm_mutex_unlock(&p->crew_lock);
}

static const tdm_executor_ops threads_ops = {
    .kind = "thread",
    .submit = threads_submit,
    .recall = threads_recall,
    .withdraw_nested = tdm_threads_withdraw_nested,
    .resize = threads_resize,
    .close = threads_close,
    .interrupt = tdm_threads_interrupt,
    .is_over = threads_is_over,
    .free = threads_free,
    .disown = threads_disown,
    .workers = threads_workers,
    .tally = threads_tally,
    .progress = threads_progress,
    .lost = threads_lost,
    .try_renew = threads_try_renew,
    .try_stop = tdm_threads_try_stop,
    .end_starts = tdm_threads_end_starts,
    .keep_time = tdm_threads_keep_time,
};

int tdm_threads_new(const tdm_settings *settings, const tdm_runner *r,
                    void *recipe, tdm_port *port, tdm_executor **out) {
  tdm_threads *p = tdm_mem_aligned(alignof(tdm_threads), sizeof *p);
  if (p == NULL) return TDM_NOMEM;
  memset(p, 0, sizeof *p);
  int err = settings->one_lock ? tdm_onelock_init(&p->one_lock) : TDM_OK;
  if (err != TDM_OK) goto no_one_lock;
  err = TDM_NOMEM;
  if (tdm_mutex_init(&p->queue_lock, TDM_RANK_QUEUE) != TDM_OK) goto no_queue;
  if (tdm_mutex_init(&p->crew_lock, TDM_RANK_CREW) != TDM_OK) goto no_crew;
  tdm_executor_init(&p->base, &threads_ops, settings, r, port);
  p->base.recipe = recipe;
  tdm_threads_open_nests(p);
  p->keeper.look = tdm_threads_watch;
  p->keeper.arg = p;
  p->cpus = (unsigned)tdm_cpu_count();
  if (p->cpus == 1) p->base.settings.spin = 0;
  tdm_store_relaxed(&p->target, settings->max_workers);
  tdm_store_relaxed(&p->long_tasks, 1);
  *out = &p->base;
  return TDM_OK;
no_crew:
  tdm_mutex_fini(&p->queue_lock);
no_queue:
  if (settings->one_lock) tdm_onelock_fini(&p->one_lock);
no_one_lock:
  tdm_mem_free(p);
  return err;
}
