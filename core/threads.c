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
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cpu.h"
#include "error.h"
#include "executor.h"
#include "inbox.h"
#include "interrupt.h"
#include "keeper.h"
#include "lock.h"
#include "mem.h"
#include "nest.h"
#include "onelock.h"
#include "queue.h"
#include "thread.h"

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

typedef struct threads threads;

typedef struct member {
  tdm_worker worker;
  threads *pool;
  pthread_t thread;
  atomic_int tid;
  tdm_park park;
  tdm_hand hand; /* on one_lock, where that is wanted */
  /* of the keeper: */
  uint64_t stopping;   /* the run that it has seen told to end */
  tdm_time stop_since; /* and when */
  int hurry;           /* somebody waits for what comes next */
  /* under CREW */
  struct member *next;          /* all members, or all that have left */
  struct member *above, *below; /* the stack of sleepers */
  int asleep;                   /* on that stack */
  int lost;                     /* given up in a run that does not end */
  tdm_executor *lost_from;      /* the nest whose task that was; or NULL */
  tdm_nest *nest;               /* what its tasks have submitted; or NULL */
  tdm_task *waits_for;          /* what its task waits for, asleep */
} member;

struct threads {
  tdm_executor base;
  unsigned cpus;
  alignas(64) tdm_inbox inbox;
  alignas(64) atomic_uint_least64_t idle; /* searching << 32 | sleeping */
  atomic_int urgent;     /* the inbox has a task with a priority */
  atomic_int long_tasks; /* the last ones were, or nothing is known yet */
  alignas(64) tdm_mutex queue_lock;
  tdm_queue queue;
  alignas(64) tdm_mutex crew_lock;
  member *members, *left, *top_sleeper;
  unsigned last_id;
  unsigned starting; /* of `alive`, those whose thread may yet fail to come */
  tdm_time start_after;
  /* where settings.one_lock is set */
  tdm_onelock one_lock;
  tdm_tally past; /* of those who left */
  tdm_nest_host nests;
  tdm_nest *left_nests; /* of machines that are gone: tasks are yet to come */
  tdm_keeper keeper;    /* of those who run for too long */
  atomic_uint alive;    /* workers that have not decided to leave */
  atomic_uint present;  /* these, and those who are on their way out */
  atomic_uint lost;     /* of these, those who were given up */
  atomic_uint target;   /* max_workers */
};

#define SEARCHING (UINT64_C(1) << 32)
#define SLEEPING UINT64_C(1)
#define searching_in(idle) ((unsigned)((idle) >> 32))
#define sleeping_in(idle) ((unsigned)((idle)&0xffffffffu))

/* --- the queue ------------------------------------------------------------ */

static int has_work(threads *p) {
  return tdm_queue_size(&p->queue) != 0 || tdm_inbox_has(&p->inbox) ||
         tdm_load_total(&p->nests.pending) != 0;
}

static tdm_task *try_take_nested(threads *p);

static int call_somebody(threads *p, size_t backlog);

/* What tasks have submitted comes first: somebody waits for it, and it makes an
 * end of what has begun. */
static tdm_task *try_take(threads *p) {
  if (!has_work(p)) return NULL;
  tdm_task *nested = try_take_nested(p);
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
  if (emptied && tdm_queue_size(&p->queue) != 0) call_somebody(p, 0);
  return t;
}

static void put(threads *p, tdm_task *t) {
  int urgent = t->priority != 0;
  tdm_inbox_push(&p->inbox, t);
  if (urgent) tdm_store_total(&p->urgent, 1);
}

static tdm_task *threads_recall(tdm_executor *e) {
  threads *p = (threads *)e;
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

/* --- what tasks have submitted -------------------------------------------- */

static threads *pool_of(tdm_nest_host *h) {
  return (threads *)((char *)h - offsetof(threads, nests));
}

/* The oldest task of the first nest that has one. */
static tdm_task *try_take_nested(threads *p) {
  tdm_task *t = NULL;
  if (tdm_load_total(&p->nests.pending) == 0) return NULL;
  tdm_mutex_lock(&p->crew_lock);
  for (member *m = p->members; m != NULL && t == NULL; m = m->next)
    if (m->nest != NULL) t = tdm_nest_take(m->nest);
  tdm_mutex_unlock(&p->crew_lock);
  return t;
}

static tdm_task *threads_withdraw_nested(tdm_executor *e) {
  threads *p = (threads *)e;
  tdm_task *t = NULL;
  if (tdm_load_total(&p->nests.pending) == 0) return NULL;
  tdm_mutex_lock(&p->crew_lock);
  for (member *m = p->members; m != NULL && t == NULL; m = m->next)
    if (m->nest != NULL) t = tdm_nest_withdraw(m->nest);
  tdm_mutex_unlock(&p->crew_lock);
  return t;
}

/* The task of a worker's outermost run is for others to wait for. One that runs
 * nothing may yet name the task that had this place in memory before. */
static int is_run_by(member *m, const tdm_task *t) {
  uint64_t run = tdm_load_total(&m->worker.run);
  return run != 0 && run != TDM_LOST &&
         tdm_load_relaxed(&m->worker.base_task) == t;
}

static member *runner_of_locked(threads *p, const tdm_task *t) {
  member *m = p->members;
  while (m != NULL && !is_run_by(m, t)) m = m->next;
  return m;
}

static int is_running(tdm_task *t) {
  uint8_t state = tdm_load_total(&t->state);
  return state == TDM_RUNNING || state == TDM_STOPPING;
}

/* Who waits for the task may wait for somebody who waits in his turn ...: as
 * long as each of them does, and runs. 0: in the end for himself. */
static int may_wait_locked(threads *p, tdm_worker *w, tdm_task *t, char *cycle,
                           size_t size) {
  char *at = cycle, *end = cycle + size;
  for (unsigned i = tdm_load_relaxed(&p->alive); i-- > 0;) {
    if (!is_running(t)) return 1;
    member *m = runner_of_locked(p, t);
    if (m == NULL || m->waits_for == NULL) return 1;
    if (at < end)
      at += snprintf(at, (size_t)(end - at), "%s -> ", t->func->label);
    t = m->waits_for;
    if (tdm_worker_explain_cycle(w, t, at, at < end ? (size_t)(end - at) : 0))
      return 0;
  }
  return 1;
}

static member *member_of(tdm_worker *w) {
  return (member *)((char *)w - offsetof(member, worker));
}

static int host_wait(tdm_nest_host *h, tdm_worker *w, tdm_task *t, char *cycle,
                     size_t size) {
  threads *p = pool_of(h);
  int may = 1;
  tdm_mutex_lock(&p->crew_lock);
  if (t != NULL) may = may_wait_locked(p, w, t, cycle, size);
  member_of(w)->waits_for = may ? t : NULL;
  tdm_mutex_unlock(&p->crew_lock);
  return may;
}

static void host_attach(tdm_nest_host *h, tdm_worker *w, tdm_nest *n) {
  threads *p = pool_of(h);
  tdm_mutex_lock(&p->crew_lock);
  member_of(w)->nest = n;
  tdm_mutex_unlock(&p->crew_lock);
}

static void host_call(tdm_nest_host *h) { call_somebody(pool_of(h), 1); }

static void host_put(tdm_nest_host *h, tdm_task *t) {
  threads *p = pool_of(h);
  if (p->base.settings.queue_limit != 0)
    tdm_add_total(&p->base.queued, (size_t)1);
  put(p, t);
  call_somebody(p, 1);
}

static void push_nest(tdm_nest **list, tdm_nest *n) {
  n->next = *list;
  *list = n;
}

static tdm_nest *pop_nest(tdm_nest **list) {
  tdm_nest *n = *list;
  if (n != NULL) *list = n->next;
  return n;
}

static tdm_nest *take_left_nests(threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  tdm_nest *list = p->left_nests;
  p->left_nests = NULL;
  tdm_mutex_unlock(&p->crew_lock);
  return list;
}

/* Keeps one more, and frees those that can be by now: not before we have had
 * the lock once more since their tasks came home, as somebody may have it who
 * reads the name of what a worker ran just then. */
static void sweep_nests(threads *p, tdm_nest *one_more) {
  tdm_nest *list = take_left_nests(p), *kept = NULL, *home = NULL, *n;
  if (one_more != NULL) push_nest(&list, one_more);
  while ((n = pop_nest(&list)) != NULL)
    push_nest(tdm_nest_is_home(n) ? &home : &kept, n);
  tdm_mutex_lock(&p->crew_lock);
  while ((n = pop_nest(&kept)) != NULL) push_nest(&p->left_nests, n);
  tdm_mutex_unlock(&p->crew_lock);
  while ((n = pop_nest(&home)) != NULL) tdm_nest_free(n);
}

static void host_keep(tdm_nest_host *h, tdm_nest *n) {
  sweep_nests(pool_of(h), n);
}

/* --- who sleeps ----------------------------------------------------------- */

static void push_sleeper_locked(threads *p, member *m) {
  m->asleep = 1;
  m->above = NULL;
  m->below = p->top_sleeper;
  if (m->below != NULL) m->below->above = m;
  p->top_sleeper = m;
  tdm_add_total(&p->idle, SLEEPING - SEARCHING);
}

/* From sleeping to searching: by who wakes it, or by itself. */
static void remove_sleeper_locked(threads *p, member *m) {
  m->asleep = 0;
  if (m->below != NULL) m->below->above = m->above;
  if (m->above != NULL)
    m->above->below = m->below;
  else
    p->top_sleeper = m->below;
  tdm_add_total(&p->idle, SEARCHING - SLEEPING);
}

/* False if nobody sleeps. */
static int wake_one(threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  member *m = p->top_sleeper;
  if (m != NULL) remove_sleeper_locked(p, m);
  tdm_mutex_unlock(&p->crew_lock);
  if (m != NULL) tdm_park_wake(&m->park);
  return m != NULL;
}

static int start_member(threads *p);

static int is_short_of_workers(threads *p) {
  return tdm_load_relaxed(&p->alive) < tdm_load_relaxed(&p->target);
}

/* A worker could not be had: the pool goes on with fewer for a while. */
static void note_missing(threads *p) {
  unsigned target = tdm_load_relaxed(&p->target);
  tdm_mutex_lock(&p->crew_lock);
  unsigned alive = tdm_load_relaxed(&p->alive);
  tdm_store_relaxed(&p->base.missing, target > alive ? target - alive : 0);
  p->start_after = tdm_clock_now() + START_AGAIN_AFTER;
  tdm_mutex_unlock(&p->crew_lock);
}

static void try_again_at_once(threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  p->start_after = 0;
  tdm_mutex_unlock(&p->crew_lock);
}

/* Wakes the worker that fell asleep last, or starts one; neither if the work
 * has found somebody meanwhile. */
static void call_one(threads *p) {
  if (!has_work(p)) return;
  if (!wake_one(p) && is_short_of_workers(p)) start_member(p);
}

/* There is work: sees to it that somebody searches. True if that took a call.
 *
 * One searcher is enough while tasks are short: it finds the work, and calls
 * the next if there is more. Where tasks are long that chain is too slow, each
 * link waits for a thread to be scheduled; then everybody who sees more work
 * (`backlog`) than workers awake calls one. */
static int call_somebody(threads *p, size_t backlog) {
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

static void stop_searching(threads *p) {
  uint64_t before = tdm_sub_total(&p->idle, SEARCHING);
  if (searching_in(before) == 1 && has_work(p)) call_somebody(p, 0);
}

/* How many workers there are for certain. */
static unsigned staying_locked(threads *p) {
  return tdm_load_relaxed(&p->alive) - p->starting;
}

/* Sleeps unless there is work, or one worker too many. Searching before and
 * after. */
static void sleep_until_called(threads *p, member *m) {
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
static int try_leave_locked(threads *p, unsigned least) {
  if (staying_locked(p) <= least) return 0;
  tdm_sub_total(&p->alive, 1u);
  return 1;
}

static int shall_leave(threads *p) {
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
static int may_spin(threads *p) {
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
static tdm_task *spin_for_task(threads *p, member *m) {
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

static void collect_garbage(threads *p, member *m) {
  const tdm_runner *r = p->base.runner;
  if (m->worker.vm == NULL || !r->has_garbage(m->worker.vm)) return;
  /* May take long: meanwhile others shall be called, so this is no search. */
  stop_searching(p);
  r->idle(m->worker.vm);
  tdm_add_total(&p->idle, SEARCHING);
}

/* The next task, or NULL when the worker shall leave. Searching before; not
 * after. */
static tdm_task *search(threads *p, member *m) {
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
static int try_put_back(threads *p, tdm_task *t) {
  if (!is_running(t)) {
    put(p, t);
    return 1;
  }
  int err = tdm_nest_put_back(t);
  if (err != TDM_CLOSED) return err == TDM_OK;
  if (p->base.settings.queue_limit != 0)
    tdm_add_total(&p->base.queued, (size_t)1);
  put(p, t);
  return 1;
}

/* The worker has no virtual machine for want of memory. Where there are others
 * it gives the task to them and leaves: in one step, or they might leave too,
 * seeing no work. */
static int try_give_up(threads *p, tdm_task *t) {
  tdm_mutex_lock(&p->crew_lock);
  int may = try_leave_locked(p, 1);
  if (may && !try_put_back(p, t)) {
    tdm_add_total(&p->alive, 1u);
    may = 0;
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (!may) return 0;
  note_missing(p);
  call_somebody(p, 0);
  return 1;
}

static void note_length(threads *p, const tdm_task *t) {
  /* What was cancelled has no times. */
  if (tdm_load_relaxed(&t->state) == TDM_CANCELLED) return;
  int is_long = t->finished - t->started > SHORT_TASK;
  if (tdm_load_relaxed(&p->long_tasks) != is_long)
    tdm_store_relaxed(&p->long_tasks, is_long);
}

/* The worker has its next task; are there others that could take the rest? */
static void call_more(threads *p) {
  if (tdm_queue_size(&p->queue) == 0) return;
  uint64_t idle = tdm_load_relaxed(&p->idle);
  if (sleeping_in(idle) != 0 || is_short_of_workers(p)) call_one(p);
}

/* Runs tasks until there is none at once. True: go on; searching. False: this
 * worker cannot work and has given its task back; not searching. */
static int work(threads *p, member *m, tdm_task *t) {
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

static void leave(threads *p, member *m) {
  tdm_worker_fini(&m->worker);
  tdm_mutex_lock(&p->crew_lock);
  tdm_tally_merge(&p->past, &m->worker.tally);
  member **at = &p->members;
  while (*at != m) at = &(*at)->next;
  *at = m->next;
  m->next = p->left;
  p->left = m;
  tdm_port *port = p->base.port;
  /* From here on the pool may be gone as soon as this thread has ended. */
  if (m->lost_from != NULL) tdm_sub_total(&m->lost_from->visitors, 1);
  if (m->lost) tdm_sub_total(&p->lost, 1u);
  int is_last = tdm_sub_total(&p->present, 1u) - 1 == tdm_load_total(&p->lost);
  tdm_mutex_unlock(&p->crew_lock);
  if (is_last) tdm_port_nudge(port);
}

static void name_thread(const threads *p, const member *m) {
  char name[64];
  /* The kernel keeps 15 bytes: the number must not be cut off. */
  snprintf(name, sizeof name, "%.9s-%u", p->base.settings.name,
           m->worker.ctl.worker);
  name[15] = '\0';
  pthread_setname_np(pthread_self(), name);
}

static void *member_main(void *arg) {
  member *m = arg;
  threads *p = m->pool;
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
static void reap(threads *p) {
  tdm_mutex_lock(&p->crew_lock);
  member *m = p->left;
  p->left = NULL;
  tdm_mutex_unlock(&p->crew_lock);
  while (m != NULL) {
    member *next = m->next;
    pthread_join(m->thread, NULL);
    tdm_mem_free(m);
    m = next;
  }
}

static int hire_locked(threads *p, member *m) {
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

/* Its place is taken already. */
static int add_member(threads *p) {
  member *m = tdm_mem_zero(sizeof *m);
  tdm_mutex_lock(&p->crew_lock);
  int err = m == NULL ? TDM_NOMEM : hire_locked(p, m);
  p->starting--;
  if (err != TDM_OK) {
    tdm_sub_total(&p->alive, 1u);
    tdm_sub_total(&p->present, 1u);
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (err != TDM_OK) tdm_mem_free(m);
  return err;
}

/* Starts a worker, if one may be started. TDM_OK also where none may. It counts
 * as searching from the moment that its place is taken. */
static int start_member(threads *p) {
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

/* --- those who run for too long ------------------------------------------- */

/* A run that was told to end is told again so often, since it may have been in
 * C code, or have undone it. */
#define AGAIN_AFTER (2 * INT64_C(1000000))

/* The task is ours: nobody will ever bring it back otherwise. */
static void settle_lost(tdm_task *t, enum tdm_why why) {
  uint8_t running = TDM_RUNNING;
  t->finished = tdm_clock_now();
  if (why != TDM_WHY_TIMEOUT ||
      !tdm_cas_total(&t->state, &running, (uint8_t)TDM_EXPIRED))
    tdm_store_total(&t->state, (uint8_t)TDM_CANCELLED);
}

/* The task itself may take its time, but not one on top of it: how much that
 * had. */
static float limit_above(member *m) {
  tdm_time began = tdm_load_relaxed(&m->worker.since);
  return (float)(tdm_load_total(&m->worker.deadline) - began) * 1e-9f;
}

/* C code runs there and does not return. Another worker may start in its place;
 * should it ever return, it leaves. */
static tdm_task *give_up_locked(threads *p, member *m, uint64_t run) {
  tdm_task *t = tdm_worker_try_give_up(&m->worker, run);
  if (t == NULL) return NULL;
  m->lost = 1;
  if (m->worker.ctl.hand != NULL) tdm_hand_exempt(&m->hand);

  /* The worker may yet read the task's function: its nest stays as long. */
  if (tdm_port_of(t) != p->base.port) {
    m->lost_from = t->executor;
    tdm_add_total(&m->lost_from->visitors, 1);
  }
  tdm_add_total(&p->lost, 1u);
  tdm_sub_total(&p->alive, 1u);
  uint64_t order = tdm_load_total(&m->worker.own_stop.order);
  enum tdm_why why = (enum tdm_why)(order & 3);
  if (why == TDM_WHY_TIMEOUT && !(t->limit > 0)) t->limit = limit_above(m);
  settle_lost(t, why);
  if (tdm_load_relaxed(&t->state) == TDM_EXPIRED)
    tdm_bump(&p->past.failed, t->items);
  else
    tdm_bump(&p->past.stopped, t->items);
  return t;
}

/* Looks at what the worker runs: a task that was given up, or NULL. *next: when
 * to look again. */
static tdm_task *watch_locked(threads *p, member *m, tdm_time now,
                              tdm_time *next) {
  tdm_worker *w = &m->worker;
  uint64_t run = tdm_load_total(&w->run);
  uint64_t seen = tdm_load_total(&w->own_stop.order);
  uint64_t ordered = tdm_worker_ordered(w, seen);
  *next = TDM_FOREVER;
  if (run == 0 || run == TDM_LOST) return NULL;
  if (ordered == 0) {
    enum tdm_why why;
    *next = tdm_executor_time_of(&p->base, tdm_load_total(&w->deadline), &why);
    if (now < *next) return NULL;
    ordered = tdm_load_total(why == TDM_WHY_TIMEOUT ? &w->deadline_run
                                                    : &w->base_run);
    if (!tdm_stop_try_order(&w->own_stop, seen, ordered, why)) {
      *next = now; /* somebody else has ordered something: what? */
      return NULL;
    }
  }
  if (m->stopping != ordered) {
    m->stopping = ordered;
    m->stop_since = now;
  }
  *next = now + AGAIN_AFTER;
  if (now - m->stop_since > TDM_GRACE) return give_up_locked(p, m, run);
  pthread_kill(m->thread, tdm_interrupt_signal());
  return NULL;
}

/* The keeper's look. One that was given up goes home at the next look, when the
 * lock is free. */
static tdm_time watch_all(void *arg) {
  threads *p = arg;
  tdm_time now = tdm_clock_now(), next = TDM_FOREVER, its;
  tdm_task *lost = NULL;
  tdm_mutex_lock(&p->crew_lock);
  for (member *m = p->members; m != NULL && lost == NULL; m = m->next) {
    lost = watch_locked(p, m, now, &its);
    if (its < next) next = its;
  }
  tdm_mutex_unlock(&p->crew_lock);
  if (lost == NULL) return next;
  tdm_executor_deliver(&p->base, lost);
  call_somebody(p, 0);
  return now;
}

static int threads_keep_time(tdm_executor *e) {
  threads *p = (threads *)e;
  int err = tdm_interrupt_install();
  return err == TDM_OK ? tdm_keeper_need(&p->keeper) : err;
}

static void order_locked(member *m, uint64_t run) {
  tdm_stop_order(&m->worker.own_stop, run, TDM_WHY_CANCEL);
  pthread_kill(m->thread, tdm_interrupt_signal());
}

static int threads_try_stop(tdm_executor *e, tdm_task *t) {
  threads *p = (threads *)e;
  if (threads_keep_time(e) != TDM_OK || !tdm_task_try_stop(t)) return 0;
  tdm_mutex_lock(&p->crew_lock);
  for (member *m = p->members; m != NULL; m = m->next) {
    uint64_t run = tdm_load_total(&m->worker.run);
    if (run == 0 || run == TDM_LOST) continue;
    if (tdm_load_relaxed(&m->worker.base_task) == t)
      order_locked(m, tdm_load_total(&m->worker.base_run));
  }
  tdm_mutex_unlock(&p->crew_lock);
  tdm_keeper_look_by(&p->keeper, 0);
  return 1;
}

/* --- the interface -------------------------------------------------------- */

static int threads_submit(tdm_executor *e, tdm_task *t, size_t backlog,
                          int *woke) {
  threads *p = (threads *)e;
  int is_first = tdm_load_relaxed(&p->alive) == 0;
  if (is_first) {
    try_again_at_once(p);
    int err = start_member(p);
    if (err != TDM_OK) return err;
  }
  put(p, t);
  *woke = call_somebody(p, backlog) || is_first;
  return TDM_OK;
}

static int threads_resize(tdm_executor *e, unsigned n) {
  threads *p = (threads *)e;
  if (tdm_executor_is_foreign(e)) return TDM_FORKED;
  e->settings.max_workers = n;
  tdm_store_total(&p->target, n);
  tdm_store_relaxed(&e->missing, 0);
  try_again_at_once(p);
  for (unsigned k = tdm_load_relaxed(&p->alive); k > n && wake_one(p);) k--;
  if (has_work(p)) call_somebody(p, 0);
  reap(p);
  return TDM_OK;
}

static void threads_close(tdm_executor *e) {
  while (wake_one((threads *)e)) continue;
}

static void threads_interrupt(tdm_executor *e) {
  threads *p = (threads *)e;
  int is_kept = threads_keep_time(e) == TDM_OK;
  tdm_mutex_lock(&p->crew_lock);
  for (member *m = p->members; m != NULL; m = m->next)
    tdm_stop_ring(m->worker.ctl.stop);
  tdm_mutex_unlock(&p->crew_lock);
  if (is_kept) tdm_keeper_look_by(&p->keeper, 0);
}

static int threads_progress(tdm_executor *e, tdm_task *t,
                            tdm_progress_view *view) {
  threads *p = (threads *)e;
  int said = 0;
  tdm_mutex_lock(&p->crew_lock);
  member *m = runner_of_locked(p, t);
  if (m != NULL && tdm_load_total(&m->worker.run) != 0)
    said = tdm_progress_get(&m->worker.progress, view);
  tdm_mutex_unlock(&p->crew_lock);
  return said;
}

static int threads_is_over(tdm_executor *e) {
  threads *p = (threads *)e;
  return tdm_load_total(&e->closing) &&
         tdm_load_total(&p->present) == tdm_load_total(&p->lost);
}

static unsigned threads_lost(tdm_executor *e) {
  return tdm_load_total(&((threads *)e)->lost);
}

static void threads_free(tdm_executor *e) {
  threads *p = (threads *)e;
  tdm_keeper_end(&p->keeper);
  reap(p);
  sweep_nests(p, NULL);
  if (p->base.settings.one_lock) tdm_onelock_fini(&p->one_lock);
  tdm_mutex_fini(&p->queue_lock);
  tdm_mutex_fini(&p->crew_lock);
  tdm_mem_free(p);
}

static size_t threads_workers(tdm_executor *e, tdm_worker_view *views,
                              size_t max) {
  threads *p = (threads *)e;
  size_t n = 0;
  /* A forked child has none of them, and the lock may be held for ever. */
  if (tdm_executor_is_foreign(e)) return 0;
  tdm_mutex_lock(&p->crew_lock);
  for (member *m = p->members; m != NULL; m = m->next, n++) {
    if (n >= max) continue;
    tdm_worker_look(&m->worker, &views[n]);
    views[n].tid = tdm_load_relaxed(&m->tid);
  }
  tdm_mutex_unlock(&p->crew_lock);
  return n;
}

static void threads_tally(tdm_executor *e, tdm_tally *sum) {
  threads *p = (threads *)e;
  tdm_mutex_lock(&p->crew_lock);
  tdm_tally_merge(sum, &p->past);
  for (member *m = p->members; m != NULL; m = m->next)
    tdm_tally_merge(sum, &m->worker.tally);
  tdm_mutex_unlock(&p->crew_lock);
}

static const tdm_executor_ops threads_ops = {
    .kind = "thread",
    .submit = threads_submit,
    .recall = threads_recall,
    .withdraw_nested = threads_withdraw_nested,
    .resize = threads_resize,
    .close = threads_close,
    .interrupt = threads_interrupt,
    .is_over = threads_is_over,
    .free = threads_free,
    .workers = threads_workers,
    .tally = threads_tally,
    .progress = threads_progress,
    .lost = threads_lost,
    .try_stop = threads_try_stop,
    .keep_time = threads_keep_time,
};

int tdm_threads_new(const tdm_settings *settings, const tdm_runner *r,
                    void *recipe, tdm_port *port, tdm_executor **out) {
  threads *p = tdm_mem_aligned(alignof(threads), sizeof *p);
  if (p == NULL) return TDM_NOMEM;
  memset(p, 0, sizeof *p);
  int err = settings->one_lock ? tdm_onelock_init(&p->one_lock) : TDM_OK;
  if (err != TDM_OK) goto no_one_lock;
  err = TDM_NOMEM;
  if (tdm_mutex_init(&p->queue_lock, TDM_RANK_QUEUE) != TDM_OK) goto no_queue;
  if (tdm_mutex_init(&p->crew_lock, TDM_RANK_CREW) != TDM_OK) goto no_crew;
  tdm_executor_init(&p->base, &threads_ops, settings, r, port);
  p->base.recipe = recipe;
  p->nests = (tdm_nest_host){.pool = &p->base,
                             .max_workers = &p->target,
                             .attach = host_attach,
                             .call = host_call,
                             .put = host_put,
                             .keep = host_keep,
                             .wait = host_wait};
  p->keeper.look = watch_all;
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
