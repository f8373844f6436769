#include "errands.h"

#include <string.h>

#include "board.h"
#include "error.h"
#include "executor.h"
#include "fault.h"
#include "nest.h"
#include "ring.h"

/* How often the keeper looks while there is something. A task that is over in
 * less is not worth the way. */
#define TICK (TDM_SECOND / 1000)

/* What nobody has begun after this is asked for again. */
#define PATIENCE (5 * TICK)

/* A run of less is not worth the way: then there is a pause of a tick before
 * the next one is sent, and of twice as much each time. */
#define WORTH (TDM_SECOND / 2000)
#define LONGEST_PAUSE (256 * TICK)

/* After so many looks at nothing it sleeps. */
#define QUIET 20u

int tdm_errands_init(tdm_errands *e, tdm_share *s, tdm_heap *h, tdm_place *p) {
  *e = (tdm_errands){.share = s, .heap = h, .place = p, .quiet = QUIET};
  return tdm_mutex_init(&e->lock, TDM_RANK_QUEUE);
}

/* The host may look at the block until it knows that we are gone. */
void tdm_errands_fini(tdm_errands *e) {
  if (e->at != NULL)
    tdm_heap_part_with(e->heap, tdm_load_relaxed(&e->place->errands));
  tdm_mutex_fini(&e->lock);
}

void tdm_errands_call(tdm_errands *e, tdm_keeper *k) {
  if (tdm_load_total(&e->awake) || tdm_swap_total(&e->awake, 1)) return;
  tdm_park_wake(tdm_keeper_park(k));
}

/* --- what the manager is told --------------------------------------------- */

static void wish(tdm_errands *e, unsigned i) {
  tdm_or_total(&e->place->wishes, 1u << i);
  tdm_fault();
  tdm_store_total(&e->share->wishes, 1);
  tdm_fault();
  e->ask(e->arg);
}

static void wish_for(tdm_errands *e, unsigned i, enum tdm_wish what) {
  tdm_store_total(&e->at[i].wish, (uint32_t)what);
  wish(e, i);
}

static void set_task(tdm_errands *e, unsigned i, tdm_task *t) {
  tdm_mutex_lock(&e->lock);
  e->task[i] = t;
  tdm_mutex_unlock(&e->lock);
}

/* --- sending -------------------------------------------------------------- */

/* The arguments stay with us as well: the task may come back. */
static int put_arguments(tdm_errands *e, tdm_errand *r, const tdm_payload *p) {
  char *to = r->bytes;
  r->in = (tdm_ref){.n = p->n};
  if (p->n > sizeof r->bytes) {
    r->in.block = tdm_heap_take(e->heap, p->n, &to);
    if (r->in.block == 0) return TDM_NOMEM;
  }
  memcpy(to, tdm_payload_bytes(p), p->n);
  return TDM_OK;
}

static int fill(tdm_errands *e, tdm_errand *r, tdm_task *t) {
  r->func = tdm_share_put_func(e->heap, t->func);
  if (r->func == 0) return TDM_NOMEM;
  if (put_arguments(e, r, &t->payload) != TDM_OK) {
    tdm_heap_free(e->heap, r->func);
    return TDM_NOMEM;
  }
  if (r->in.block != 0) tdm_heap_part_with(e->heap, r->in.block);
  r->items = t->items;
  r->limit = t->limit;
  r->job = t->job;
  r->retries = t->retries;
  r->attempt = t->attempt;
  tdm_store_relaxed(&r->wish, (uint32_t)TDM_WISH_NOTHING);
  tdm_store_relaxed(&r->where, UINT64_C(0));
  tdm_progress_clear(&r->said);
  return TDM_OK;
}

static int open_errands(tdm_errands *e) {
  char *p;
  if (e->at != NULL) return 1;
  uint32_t block = tdm_heap_take(e->heap, TDM_ERRANDS * sizeof(tdm_errand), &p);
  if (block == 0) return 0;
  memset(p, 0, TDM_ERRANDS * sizeof(tdm_errand));
  e->at = (void *)p;
  tdm_store_total(&e->place->errands, block);
  return 1;
}

/* Who tells it to end first says so in its state, then looks where it is. */
static int try_send(tdm_errands *e, unsigned i, tdm_task *t, tdm_time now) {
  if (fill(e, &e->at[i], t) != TDM_OK) return 0;
  set_task(e, i, t);
  e->since[i] = now;
  tdm_fault();
  tdm_store_total(&e->at[i].state, (uint32_t)TDM_ERRAND_ASKED);
  tdm_fault();
  if (tdm_load_total(&t->state) == TDM_STOPPING)
    wish_for(e, i, TDM_WISH_STOP);
  else
    wish(e, i);
  return 1;
}

/* How many workers there are, or may be, that have nothing to do. */
static unsigned count_free(tdm_share *s) {
  unsigned alive = tdm_load_total(&s->alive),
           target = tdm_load_total(&s->target);
  uint64_t n = tdm_board_sleeping(s) + tdm_board_searching(s);
  if (tdm_load_total(&s->closing)) return 0;
  if (target > alive) n += target - alive;
  uint64_t backlog = tdm_ring_backlog(s);
  return n > backlog ? (unsigned)(n - backlog) : 0;
}

static unsigned count_unbegun(const tdm_errands *e) {
  unsigned n = 0;
  for (unsigned i = 0; i < TDM_ERRANDS; i++)
    n += e->task[i] != NULL &&
         tdm_load_total(&e->at[i].state) < TDM_ERRAND_BEGUN;
  return n;
}

static void settle_as_cancelled(tdm_errands *e, tdm_task *t) {
  tdm_bump(&e->tally.taken, t->items);
  tdm_bump(&e->tally.stopped, t->items);
  tdm_payload_fini(&t->payload);
  t->started = t->finished = tdm_clock_now();
  t->cpu = 0;
  t->bytes_out = 0;
  tdm_store_total(&t->state, (uint8_t)TDM_CANCELLED);
  tdm_port_deliver(t);
}

/* It is for its submitter to run it. */
static void put_back(tdm_errands *e, tdm_task *t) {
  tdm_bump(&e->tally.taken, -(uint64_t)t->items);
  if (tdm_nest_put_back(t) == TDM_ABORTED) settle_as_cancelled(e, t);
}

/* The owner may be about to leave, once there is nothing in the nest and out:
 * so a task is out before it has left the nest, and as long as it, or what
 * follows it, is not back there. */
static void note_back(tdm_errands *e) {
  if (tdm_sub_total(&e->out, 1u) == 1) tdm_port_nudge(e->nest->base.port);
}

static int try_take(tdm_errands *e, unsigned i, tdm_time now) {
  tdm_add_total(&e->out, 1u);
  tdm_task *t = tdm_nest_take(e->nest);
  if (t != NULL) {
    tdm_bump(&e->tally.taken, t->items);
    if (try_send(e, i, t, now)) return 1;
    put_back(e, t);
  }
  note_back(e);
  return 0;
}

/* The owner has run none for some time, nor does he wait for one that is out:
 * he does something else, and they may be long. */
static int is_stalled(tdm_errands *e) {
  uint64_t runs = tdm_load_relaxed(&e->nest->worker->tasks);
  int same = runs == e->runs && tdm_load_relaxed(&e->out) == 0;
  e->runs = runs;
  e->idle_looks = same ? e->idle_looks + 1 : 0;
  return e->idle_looks >= 2;
}

static void send_some(tdm_errands *e, tdm_time now) {
  if (!is_stalled(e) && now < e->not_before) return;
  unsigned free = count_free(e->share);
  if (e->pause != 0 && free > 1) free = 1;
  unsigned unbegun = e->at != NULL ? count_unbegun(e) : 0;
  for (unsigned i = 0; i < TDM_ERRANDS && free > unbegun; i++) {
    if (e->task[i] != NULL || !open_errands(e)) continue;
    if (!try_take(e, i, now)) return;
    unbegun++;
  }
}

/* --- taking in ------------------------------------------------------------ */

static void clear(tdm_errands *e, unsigned i) {
  tdm_errand *r = &e->at[i];
  tdm_heap_free(e->heap, r->func);
  set_task(e, i, NULL);
  tdm_store_total(&r->state, (uint32_t)TDM_ERRAND_FREE);
}

/* One that cannot be read is freed when it is no longer the host's to free. */
static int take_result(tdm_errands *e, tdm_errand *r, tdm_task *t) {
  size_t n = r->out.n;
  uint32_t block = r->out.block;
  if (block == 0) return tdm_payload_copy(&t->payload, r->bytes, n);
  char *p = tdm_heap_adopt(e->heap, block, n);
  if (p == NULL) {
    r->out.block = 0;
    tdm_heap_abandon(e->heap, block);
    return TDM_NOMEM;
  }
  tdm_payload_take_block(&t->payload, e->heap, block, p, n);
  return TDM_OK;
}

/* As in worker.c: who has told it to end has the last word. */
static void settle(tdm_errands *e, tdm_task *t, enum tdm_state outcome) {
  uint8_t running = TDM_RUNNING;
  t->bytes_out = t->payload.n;
  int stands = outcome != TDM_CANCELLED &&
               tdm_cas_total(&t->state, &running, (uint8_t)outcome);
  if (stands && outcome != TDM_EXPIRED) {
    tdm_tally_add(&e->tally, t, outcome == TDM_FAILED);
    return;
  }
  tdm_payload_fini(&t->payload);
  t->bytes_out = 0;
  tdm_bump(stands ? &e->tally.failed : &e->tally.stopped, t->items);
  if (!stands) tdm_store_total(&t->state, (uint8_t)TDM_CANCELLED);
}

static void learn(tdm_errands *e, int was_worth_it, tdm_time now) {
  tdm_time longer = e->pause == 0 ? TICK : 2 * e->pause;
  e->pause = was_worth_it ? 0 : longer;
  if (e->pause > LONGEST_PAUSE) e->pause = LONGEST_PAUSE;
  e->not_before = was_worth_it ? 0 : now + e->pause;
}

static void finish(tdm_errands *e, unsigned i, tdm_time now) {
  tdm_errand *r = &e->at[i];
  tdm_task *t = e->task[i];
  enum tdm_state outcome = (enum tdm_state)r->outcome;
  tdm_payload_fini(&t->payload);
  if (take_result(e, r, t) != TDM_OK) outcome = TDM_FAILED;
  t->started = r->started;
  t->finished = r->finished;
  t->cpu = r->cpu;
  t->failed = r->failed;
  t->worker = r->worker;
  t->attempt = r->attempt;
  learn(e, r->finished - r->started >= WORTH, now);
  if (tdm_load_relaxed(&r->said.version) != 0) tdm_port_report(t, &r->said);
  clear(e, i);
  settle(e, t, outcome);
  tdm_port_deliver(t);
  note_back(e);
}

static void take_back(tdm_errands *e, unsigned i, tdm_time now) {
  tdm_task *t = e->task[i];
  t->attempt = e->at[i].attempt;
  t->retries = e->at[i].retries & TDM_MOST_RETRIES;
  learn(e, 0, now);
  clear(e, i);
  put_back(e, t);
  note_back(e);
}

/* The manager has not come to it, or only just now. */
static void forgo(tdm_errands *e, unsigned i, tdm_time now) {
  uint32_t asked = TDM_ERRAND_ASKED;
  if (!tdm_cas_total(&e->at[i].state, &asked, (uint32_t)TDM_ERRAND_REFUSED))
    return;
  tdm_heap_abandon(e->heap, e->at[i].in.block);
  take_back(e, i, now);
}

static void ask_back(tdm_errands *e, unsigned i, tdm_time now) {
  uint32_t nothing = TDM_WISH_NOTHING;
  e->since[i] = now;
  tdm_cas_total(&e->at[i].wish, &nothing, (uint32_t)TDM_WISH_BACK);
  wish(e, i);
}

static void look_at(tdm_errands *e, unsigned i, tdm_time now) {
  switch ((enum tdm_errand_state)tdm_load_total(&e->at[i].state)) {
    case TDM_ERRAND_OVER:
      finish(e, i, now);
      break;
    case TDM_ERRAND_REFUSED:
      take_back(e, i, now);
      break;
    case TDM_ERRAND_ASKED:
      if (now - e->since[i] > PATIENCE) forgo(e, i, now);
      break;
    case TDM_ERRAND_OUT:
      if (now - e->since[i] > PATIENCE) ask_back(e, i, now);
      break;
    default:
      break;
  }
}

/* --- the keeper's look ---------------------------------------------------- */

/* Who submits something sees that the keeper is awake, or it sees the task. */
static tdm_time fall_asleep(tdm_errands *e, tdm_time now) {
  tdm_store_total(&e->awake, 0);
  if (tdm_load_total(&e->nest->size) == 0) return TDM_FOREVER;
  tdm_store_total(&e->awake, 1);
  return now + TICK;
}

tdm_time tdm_errands_look(tdm_errands *e) {
  if (!tdm_load_total(&e->awake)) {
    e->quiet = QUIET;
    return TDM_FOREVER;
  }
  tdm_time now = tdm_clock_now();
  /* Awake just now: what was submitted may be over in a moment. */
  if (e->quiet == QUIET) {
    e->quiet = 0;
    return now + TICK;
  }
  for (unsigned i = 0; i < TDM_ERRANDS; i++)
    if (e->task[i] != NULL) look_at(e, i, now);
  send_some(e, now);
  if (tdm_load_total(&e->out) != 0 || tdm_load_total(&e->nest->size) != 0)
    e->quiet = 0;
  else if (++e->quiet == QUIET)
    return fall_asleep(e, now);
  return now + TICK;
}

/* --- for the owner -------------------------------------------------------- */

static int find_locked(const tdm_errands *e, const tdm_task *t) {
  for (unsigned i = 0; i < TDM_ERRANDS; i++)
    if (e->task[i] == t) return (int)i;
  return -1;
}

int tdm_errands_try_stop(tdm_errands *e, tdm_task *t) {
  tdm_mutex_lock(&e->lock);
  int i = find_locked(e, t);
  if (i >= 0) tdm_store_total(&e->at[i].wish, (uint32_t)TDM_WISH_STOP);
  tdm_mutex_unlock(&e->lock);
  if (i < 0) return 0;
  wish(e, (unsigned)i);
  return 1;
}

/* Only while the slot has what was posted there. */
static int read_slot(tdm_share *s, uint64_t where, tdm_progress_view *view) {
  unsigned slot = (unsigned)(where & 0xffff);
  if (slot == 0 || slot > TDM_SLOTS) return 0;
  tdm_slot *at = &s->slots[slot - 1];
  uint64_t position = where >> 16;
  if ((tdm_load_total(&at->claim) >> 24) != position) return 0;
  int said = tdm_progress_get(&at->progress, view);
  return said && (tdm_load_total(&at->claim) >> 24) == position;
}

int tdm_errands_progress(tdm_errands *e, tdm_task *t, tdm_progress_view *view) {
  tdm_mutex_lock(&e->lock);
  int i = find_locked(e, t);
  uint64_t where = i >= 0 ? tdm_load_total(&e->at[i].where) : 0;
  tdm_mutex_unlock(&e->lock);
  return read_slot(e->share, where, view);
}
