/* proc.c -- the life of a worker process; threads.c has that of a thread. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board.h"
#include "error.h"
#include "fault.h"
#include "interrupt.h"
#include "mem.h"
#include "nest.h"
#include "os.h"
#include "ring.h"
#include "zygote.h"

/* Tasks shorter than this are done before another worker is awake. */
#define SHORT_TASK (20 * INT64_C(1000))

/* With fewer than so many tasks left on the ring the host is asked for more. */
#define LOW_WATER (TDM_SLOTS / 4)

/* Address space beyond a memory_limit. */
#define ROOM_TO_READ ((rlim_t)512 << 20)

/* An heir is asked for so many nanoseconds ahead. */
#define HEIR_AHEAD 20e6

/* Pauses between two looks for work: see threads.c. */
#define LEISURE 16

/* --- the others --- */

/* The host's manager shall look after us: once, until it has. */
static void ask(tdm_proc *w) {
  char byte = TDM_ASK;
  if (tdm_load_total(&w->share->asked) || tdm_swap_total(&w->share->asked, 1))
    return;
  tdm_fault();
  send(w->channel, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int is_short_of_workers(tdm_share *s) {
  return tdm_load_relaxed(&s->alive) < tdm_load_relaxed(&s->target);
}

static void call_one(tdm_proc *w) {
  tdm_share *s = w->share;
  if (!tdm_ring_has(s) || tdm_board_wake_one(s)) return;
  if (is_short_of_workers(s)) ask(w);
}

static void stop_searching(tdm_proc *w) {
  int was_last = tdm_board_stop_search(w->share, w->number);
  tdm_fault();
  if (was_last) call_one(w);
}

static void ask_for_errands(void *arg) { ask(arg); }

/* --- looking for work --- */

static int try_claim(tdm_proc *w) {
  tdm_share *s = w->share;
  int slot = tdm_ring_try_claim(s, w->number);
  if (tdm_load_relaxed(&s->more) && tdm_ring_backlog(s) < LOW_WATER) ask(w);
  if (slot >= 0 && s->tell_claims) tdm_park_wake(&w->bell->park);
  if (slot >= 0 && s->tell_all) ask(w);
  return slot;
}

static int may_spin(tdm_share *s) {
  return tdm_load_relaxed(&s->alive) < s->cpus || tdm_board_searching(s) <= 1;
}

/* Looks for work for a while. Negative: found none. */
static int spin_for_slot(tdm_proc *w) {
  tdm_share *s = w->share;
  if (s->spin <= 0 || !may_spin(s)) return -1;
  tdm_time until = tdm_clock_now() + s->spin;
  do {
    for (int i = 0; i < 64; i += LEISURE) {
      for (int k = 0; k < LEISURE; k++) tdm_pause();
      int slot = try_claim(w);
      if (slot >= 0) return slot;
    }
    sched_yield();
  } while (tdm_clock_now() < until && may_spin(s) &&
           !tdm_load_relaxed(&s->closing));
  return -1;
}

static int shall_leave(tdm_proc *w) {
  tdm_share *s = w->share;
  if (tdm_load_total(&w->place->leave)) return 1;
  return tdm_load_total(&s->closing) && !tdm_load_total(&s->more) &&
         !tdm_ring_has(s);
}

static void collect_garbage(tdm_proc *w) {
  const tdm_runner *r = w->worker.runner;
  if (!r->has_garbage(w->worker.vm)) return;
  stop_searching(w);
  r->idle(w->worker.vm);
  tdm_board_search(w->share, w->number);
}

/* Sleeps unless there is work, or nothing more to do. Searching before and
 * after. A notice may be left over from a waker that the host stood in for. */
static void sleep_until_called(tdm_proc *w) {
  tdm_share *s = w->share;
  tdm_board_lie_down(s, w->number);
  tdm_fault();
  if ((tdm_ring_has(s) || shall_leave(w)) && tdm_board_try_get_up(s, w->number))
    return;
  tdm_worker_before_sleep(&w->worker);
  while (tdm_park_wait(&w->place->bed, TDM_FOREVER) != TDM_OK ||
         tdm_board_sleeps(s, w->number))
    continue;
  tdm_worker_after_sleep(&w->worker);
}

/* The next slot, or negative when the worker shall leave. Searching before; not
 * after. */
static int search(tdm_proc *w) {
  for (;;) {
    int slot = try_claim(w);
    if (slot < 0) slot = spin_for_slot(w);
    if (slot >= 0 || shall_leave(w)) {
      stop_searching(w);
      return slot;
    }
    collect_garbage(w);
    sleep_until_called(w);
  }
}

/* --- one task --- */

/* The host's function, in memory of our own. */
static tdm_func *copy_func(tdm_proc *w, const tdm_slot *slot) {
  const tdm_shared_func *f = tdm_share_func_at(w->heap, slot->func);
  if (f == NULL) return NULL;
  tdm_func *own = tdm_func_new((enum tdm_func_form)f->form, f->bytes,
                               f->size - 1, f->bytes + f->size);
  tdm_heap_look_away(w->heap, slot->func);
  if (own != NULL) own->id = slot->func_id;
  return own;
}

/* Few functions make up most of the tasks: they stay in front. */
static tdm_func *find_func(tdm_proc *w, const tdm_slot *slot) {
  tdm_func **at = &w->funcs, *f;
  while (*at != NULL && (*at)->id != slot->func_id) at = &(*at)->next;
  f = *at;
  if (f == w->funcs && f != NULL) return f;
  if (f != NULL)
    *at = f->next;
  else
    f = copy_func(w, slot);
  if (f == NULL) return NULL;
  f->next = w->funcs;
  return w->funcs = f;
}

/* Lends the arguments to the task, where they lie. */
static int lend_arguments(tdm_proc *w, tdm_slot *slot, tdm_task *t) {
  char *p = slot->bytes;
  size_t n = slot->in.n;
  if (slot->in.block != 0) p = tdm_heap_at(w->heap, slot->in.block, n);
  if (p != NULL) tdm_payload_lend(&t->payload, p, n);
  return p != NULL;
}

/* Where the result lies: in the slot, or in a block that is the host's as soon
 * as the slot is finished. */
static int put_result(tdm_proc *w, tdm_slot *slot, tdm_payload *p) {
  char *to = slot->bytes;
  size_t n = p->n;
  slot->out = (tdm_ref){.n = n};
  if (n > sizeof slot->bytes && p->at.far.block != 0) {
    slot->out.block = p->at.far.block;
    tdm_heap_part_with(w->heap, p->at.far.block);
    p->n = 0;
    return TDM_OK;
  }
  if (n > sizeof slot->bytes) {
    slot->out.block = tdm_heap_take(w->heap, n, &to);
    if (slot->out.block == 0) return TDM_NOMEM;
  }
  tdm_fault();
  memcpy(to, tdm_payload_bytes(p), n);
  if (slot->out.block != 0) tdm_heap_part_with(w->heap, slot->out.block);
  return TDM_OK;
}

static void answer(tdm_proc *w, tdm_slot *slot, tdm_task *t) {
  slot->outcome = tdm_load_relaxed(&t->state);
  if (put_result(w, slot, &t->payload) != TDM_OK) {
    slot->out = (tdm_ref){0};
    slot->outcome = TDM_FAILED;
  }
  slot->failed = t->failed;
  slot->cpu = t->cpu;
  slot->finished = t->finished;
  tdm_store_relaxed(&slot->started, t->started);
}

/* The host shall look when the task's time is over. While all are told to end
 * its last look may have missed this task. */
static void keep_time_of(tdm_proc *w, const tdm_slot *slot, tdm_time now) {
  tdm_time moment = TDM_FOREVER;
  if (slot->limit > 0) moment = tdm_clock_after(now, slot->limit);
  if (tdm_load_total(&w->share->interrupting)) moment = 0;
  if (moment < tdm_load_total(&w->share->next_look)) ask(w);
}

/* Runs the claimed task; `now` is the time before and after. */
static tdm_time run(tdm_proc *w, tdm_slot *slot, tdm_time now) {
  static const tdm_buf out_of_memory;
  tdm_task t = {.func = find_func(w, slot),
                .queued = slot->queued,
                .items = slot->items,
                .job = slot->job & 7u,
                .attempt = slot->attempt,
                .limit = slot->limit,
                .bytes_in = slot->in.n};
  int ready = t.func != NULL && lend_arguments(w, slot, &t);
  tdm_store_relaxed(&t.state, (uint8_t)TDM_RUNNING);
  if (tdm_load_total(&w->share->interrupting))
    tdm_store_total(&w->place->stop.cancelled, 1);
  tdm_fault();
  tdm_buf_use_heap(&w->worker.out, w->heap);
  w->worker.shared = &slot->progress;
  tdm_store_relaxed(&w->place->since, now);
  tdm_store_total(&slot->started, now);
  tdm_fault();
  keep_time_of(w, slot, now);
  if (ready)
    now = tdm_worker_run(&w->worker, &t, tdm_claim_run(slot->claim), now);
  else
    tdm_worker_refuse(&w->worker, &t, &out_of_memory);
  w->worker.shared = NULL;
  tdm_fault();
  if (slot->in.block != 0) tdm_heap_look_away(w->heap, slot->in.block);
  answer(w, slot, &t);
  tdm_payload_fini(&t.payload);
  return now;
}

static void note_length(tdm_share *s, const tdm_slot *slot) {
  tdm_time began = tdm_load_relaxed(&slot->started);
  int is_long = slot->finished - began > SHORT_TASK;
  if (tdm_load_relaxed(&s->long_tasks) != is_long)
    tdm_store_relaxed(&s->long_tasks, is_long);
}

/* The host has given this task up, and kills us for it. */
static void wait_to_be_killed(void) {
  for (;;) pause();
}

/* The slot goes back. Where there is nothing else to do we are found searching
 * by whoever gets the result. */
static void deliver(tdm_proc *w, uint32_t index, int *searching) {
  tdm_share *s = w->share;
  tdm_slot *slot = &s->slots[index];
  uint64_t cookie = slot->cookie;
  note_length(s, slot);
  *searching = !tdm_ring_has(s);
  if (*searching) tdm_board_search(s, w->number);
  tdm_store_relaxed(&w->place->slot, 0u);
  tdm_fault();
  int was_empty = tdm_ring_finish(s, index);
  if (was_empty < 0) wait_to_be_killed();
  if (tdm_bell_ring(w->bell, cookie, was_empty)) tdm_os_event_set(w->event);
  /* The slot may be another task's by now: then we ask in vain. */
  if (tdm_load_total(&slot->tell) || tdm_load_total(&s->listeners)) ask(w);
  tdm_fault();
}

static void note_done(tdm_proc *w) {
  tdm_place *p = w->place;
  tdm_store_relaxed(&p->tasks, tdm_load_relaxed(&w->worker.tasks));
  tdm_store_relaxed(&p->cpu, tdm_load_relaxed(&w->worker.tally.cpu));
}

static int is_worn_out(const tdm_proc *w) {
  uint64_t limit = w->share->max_tasks_per_worker;
  return limit != 0 && w->worker.tasks_in_vm >= limit;
}

/* A process that has nearly done its share asks for its heir, who gets ready
 * meanwhile and begins when this one ends. */
static void consider_heir(tdm_proc *w) {
  uint64_t limit = w->share->max_tasks_per_worker, n = w->worker.tasks_in_vm;
  if (limit == 0 || n == 0 || n >= limit) return;
  if (tdm_load_relaxed(&w->place->wants_heir)) return;
  tdm_histogram *h = &w->worker.tally.run;
  double mean =
      (double)tdm_load_relaxed(&h->sum) / (double)tdm_load_relaxed(&h->total);
  if (mean * (double)(limit - n) > HEIR_AHEAD) return;
  tdm_store_total(&w->place->wants_heir, 1);
  ask(w);
}

static void hand_over(tdm_proc *w) {
  unsigned heir = tdm_load_total(&w->place->heir);
  if (heir == 0 || heir > TDM_PLACES) return;
  tdm_store_total(&w->share->place[heir - 1].begin, 1);
  tdm_park_wake(&w->share->place[heir - 1].bed);
}

/* Is there more than who is awake can do at once? */
static void call_more(tdm_proc *w) {
  if (tdm_load_relaxed(&w->share->long_tasks)) call_one(w);
}

/* Has the task left some of its own behind? */
static int has_nested(tdm_proc *w) {
  tdm_nest *n = w->worker.nest;
  return n != NULL && tdm_load_total(&n->size) != 0;
}

/* Runs tasks until there is none at once: true, searching; or it has done its
 * share: false. */
static int work(tdm_proc *w, int index) {
  tdm_time now = tdm_clock_now();
  int searching = 0;
  while (index >= 0) {
    tdm_store_relaxed(&w->place->slot, (uint32_t)index + 1);
    call_more(w);
    now = run(w, &w->share->slots[index], now);
    note_done(w);
    consider_heir(w);
    int is_last = is_worn_out(w);
    deliver(w, (uint32_t)index, &searching);
    if (has_nested(w)) {
      if (searching) stop_searching(w);
      searching = 0;
      tdm_nest_run_all(w->worker.nest);
      note_done(w);
      now = tdm_clock_now();
    }
    if (is_last) {
      hand_over(w);
      if (searching) stop_searching(w);
      return 0;
    }
    index = searching ? -1 : try_claim(w);
  }
  if (!searching) tdm_board_search(w->share, w->number);
  return 1;
}

/* --- beginning and end --- */

/* Address space in use, in bytes; 0 where that cannot be told. */
static rlim_t address_space(void) {
  char line[128] = "";
  FILE *f = fopen("/proc/self/statm", "re");
  if (f == NULL) return 0;
  if (fgets(line, sizeof line, f) == NULL) line[0] = '\0';
  fclose(f);
  return (rlim_t)strtoul(line, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Lua's heap has a limit of its own; this one holds what C modules take. There
 * must be room besides for arguments and results, which are read in place. */
static void limit_memory(const tdm_share *s) {
  struct rlimit limit;
  if (s->memory_limit == 0 || getrlimit(RLIMIT_AS, &limit) != 0) return;
  rlim_t most = address_space() + 2 * (rlim_t)s->memory_limit + ROOM_TO_READ;
  if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < most) return;
  limit.rlim_cur = most;
  setrlimit(RLIMIT_AS, &limit);
}

static void tell_why(tdm_proc *w, const tdm_buf *why) {
  char *p;
  uint32_t block = tdm_heap_take(w->heap, why->n, &p);
  if (block == 0) {
    tdm_store_total(&w->place->stage, TDM_STAGE_NO_MEMORY);
    return;
  }
  memcpy(p, why->p, why->n);
  w->place->why = (tdm_ref){.n = why->n, .block = block};
  tdm_store_total(&w->place->stage, TDM_STAGE_BROKEN);
}

static int start(tdm_proc *w) {
  tdm_buf why = {0};
  tdm_worker *x = &w->worker;
  int err = x->runner->start(x->vm, &why);
  if (err == TDM_OK)
    tdm_store_total(&w->place->stage, TDM_STAGE_READY);
  else if (err == TDM_BROKEN)
    tell_why(w, &why);
  else
    tdm_store_total(&w->place->stage, TDM_STAGE_NO_MEMORY);
  tdm_buf_fini(&why);
  return err;
}

/* False: it shall leave instead. */
static int wait_to_begin(tdm_proc *w) {
  tdm_place *p = w->place;
  while (!tdm_load_total(&p->begin)) {
    if (tdm_load_total(&p->leave) || tdm_load_total(&w->share->closing))
      return 0;
    tdm_park_wait(&p->bed, TDM_FOREVER);
  }
  tdm_board_search(w->share, w->number);
  return 1;
}

/* What its tasks have submitted ends before the worker does. */
static void finish_nested(tdm_proc *w) {
  tdm_nest *n = w->worker.nest;
  while (has_nested(w) || tdm_load_total(&w->errands.out) != 0) {
    tdm_nest_run_all(n);
    if (tdm_load_total(&w->errands.out) != 0)
      tdm_port_wait(n->base.port, NULL, 1, tdm_clock_now() + TDM_SECOND / 10,
                    0);
    tdm_port_drain(n->base.port);
  }
}

static void free_all(tdm_proc *w) {
  tdm_worker_fini(&w->worker);
  tdm_errands_fini(&w->errands);
  while (w->funcs != NULL) {
    tdm_func *next = w->funcs->next;
    tdm_func_free(w->funcs);
    w->funcs = next;
  }
  tdm_heap_release(w->heap);
}

/* Without them nested tasks stay here. */
static void open_errands(tdm_proc *w) {
  if (tdm_errands_init(&w->errands, w->share, w->heap, w->place) != TDM_OK)
    return;
  w->errands.ask = ask_for_errands;
  w->errands.arg = w;
  w->worker.ctl.errands = &w->errands;
}

int tdm_proc_main(tdm_proc *w) {
  tdm_place *p = w->place;
  if (tdm_interrupt_install() == TDM_OK)
    tdm_store_total(&p->signal, tdm_interrupt_signal());
  tdm_store_total(&p->pid, (int)getpid());
  w->heap->owner = TDM_HEAP_FIRST_PLACE + w->number;
  w->worker.ctl.stop = &p->stop;
  w->worker.ctl.worker = p->id;
  w->worker.ctl.print_lock = w->heap->fd;
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  open_errands(w);
  limit_memory(w->share);
  tdm_fault_arm(w->share);
  if (start(w) == TDM_OK) {
    int slot = wait_to_begin(w) ? search(w) : -1;
    while (slot >= 0) slot = work(w, slot) ? search(w) : -1;
    finish_nested(w);
    tdm_store_total(&p->stage, TDM_STAGE_LEAVING);
    ask(w);
  }
  free_all(w);
  return 0;
}
