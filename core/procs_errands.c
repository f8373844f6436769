/* procs_errands.c -- nested tasks that a worker process lets others run: the
 * part of the host. See errands.h.
 *
 * The manager is for them what a state is for its own tasks: they are of a port
 * of its own, go into slots like all others, and come home to it.
 */
#include <string.h>

#include "board.h"
#include "errands.h"
#include "error.h"
#include "mem.h"
#include "procs.h"
#include "ring.h"

/* What the host has of the errands of one place. */
struct tdm_outwork {
  tdm_errand *at;
  uint32_t block;
  uint32_t wanted_back; /* a bit for each: cancelled here, as nobody began it */
  tdm_task *task[TDM_ERRANDS];
};

static tdm_place *place_at(tdm_procs *p, unsigned place) {
  return &p->share->place[place];
}

/* The descriptor of its port is how the manager hears of those that another
 * thread of the host has collected. */
static int need_port(tdm_procs *p) {
  tdm_executor *e = &p->errands;
  if (e->port != NULL) return 1;
  tdm_port *port = tdm_port_new();
  if (port == NULL) return 0;
  if (tdm_port_fileno(port) < 0) {
    tdm_port_free(port);
    return 0;
  }
  tdm_executor_init(e, p->base.ops, &p->base.settings, p->base.runner, port);
  return 1;
}

int tdm_procs_errands_fd(const tdm_procs *p) {
  tdm_port *port = p->errands.port;
  return port != NULL ? tdm_load_relaxed(&port->fd) : -1;
}

static struct tdm_outwork *outwork_of(tdm_procs *p, unsigned place) {
  tdm_member *m = &p->member[place];
  uint32_t block = tdm_load_total(&place_at(p, place)->errands);
  if (m->outwork != NULL || block == 0 || !need_port(p)) return m->outwork;
  struct tdm_outwork *o = tdm_mem_zero(sizeof *o);
  if (o == NULL) return NULL;
  o->block = block;
  o->at = (void *)tdm_heap_at(p->heap, block, TDM_ERRANDS * sizeof *o->at);
  if (o->at == NULL)
    tdm_mem_free(o);
  else
    m->outwork = o;
  return m->outwork;
}

static void answer(tdm_procs *p, unsigned place, unsigned i,
                   enum tdm_errand_state state) {
  tdm_store_total(&p->member[place].outwork->at[i].state, (uint32_t)state);
  tdm_park_wake(&place_at(p, place)->keeper);
}

/* It is for its owner to run, after so many attempts. */
static void refuse(tdm_procs *p, unsigned place, unsigned i,
                   const tdm_task *t) {
  tdm_errand *r = &p->member[place].outwork->at[i];
  r->attempt = t->attempt;
  r->retries = t->retries;
  answer(p, place, i, TDM_ERRAND_REFUSED);
}

/* Which errand of whose it is. False: its owner has gone. */
static int find_locked(tdm_procs *p, const tdm_task *t, unsigned *place,
                       unsigned *i) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (*place = 0; *place < end; ++*place) {
    const struct tdm_outwork *o = p->member[*place].outwork;
    for (*i = 0; o != NULL && *i < TDM_ERRANDS; ++*i)
      if (o->task[*i] == t) return 1;
  }
  return 0;
}

/* --- begin ---------------------------------------------------------------- */

/* The host may have it for this errand alone. The next one shall find it under
 * the same number, under which the pool and its workers keep it to the end. */
static void keep_func(tdm_procs *p, tdm_func *f) {
  if (f == NULL || tdm_funcs_has(&p->errand_funcs, f)) return;
  if (tdm_funcs_add(&p->errand_funcs, f) == TDM_OK) tdm_func_retain(f);
}

static tdm_func *read_func(tdm_procs *p, uint32_t block) {
  const tdm_shared_func *f = tdm_share_func_at(p->heap, block);
  if (f == NULL) return NULL;
  tdm_func *own = tdm_func_get((enum tdm_func_form)f->form, f->bytes,
                               f->size - 1, f->bytes + f->size);
  tdm_heap_look_away(p->heap, block);
  keep_func(p, own);
  return own;
}

/* A block is ours from here on, whatever comes of it. */
static int take_arguments(tdm_procs *p, const tdm_errand *r, tdm_task *t) {
  size_t n = r->in.n;
  if (r->in.block == 0) return tdm_payload_copy(&t->payload, r->bytes, n);
  char *at = tdm_heap_adopt(p->heap, r->in.block, n);
  if (at == NULL) {
    tdm_heap_abandon(p->heap, r->in.block);
    return TDM_NOMEM;
  }
  tdm_payload_take_block(&t->payload, p->heap, r->in.block, at, n);
  return TDM_OK;
}

static tdm_task *make_task(tdm_procs *p, const tdm_errand *r) {
  tdm_task *t = tdm_port_new_task(p->errands.port);
  if (t == NULL) {
    tdm_heap_abandon(p->heap, r->in.block);
    return NULL;
  }
  int err = take_arguments(p, r, t);
  t->func = err == TDM_OK ? read_func(p, r->func) : NULL;
  if (t->func == NULL) {
    tdm_port_release(t);
    return NULL;
  }
  t->executor = &p->errands;
  t->items = r->items;
  t->limit = r->limit;
  t->job = r->job & 7u;
  t->retries = r->retries & 31u;
  t->attempt = r->attempt;
  t->bytes_in = t->payload.n;
  t->queued = tdm_clock_now();
  return t;
}

static void release(tdm_task *t) {
  tdm_func_release(t->func);
  tdm_port_release(t);
}

static void note_where(tdm_procs *p, tdm_errand *r, const tdm_task *t) {
  uint64_t claim = tdm_load_total(&p->share->slots[t->worker - 1u].claim);
  tdm_store_total(&r->where, claim >> 24 << 16 | t->worker);
}

static int is_welcome(tdm_procs *p) {
  return !tdm_load_acquire(&p->base.broken) &&
         !tdm_load_total(&p->base.closing);
}

/* Only into a slot, at once: where tasks are queued, nobody is free. */
static void begin(tdm_procs *p, unsigned place, unsigned i) {
  struct tdm_outwork *o = p->member[place].outwork;
  tdm_errand *r = &o->at[i];
  tdm_task *t = make_task(p, r);
  int err = t == NULL ? TDM_NOMEM : is_welcome(p) ? TDM_OK : TDM_CLOSED;
  if (err == TDM_OK) {
    tdm_port_sent(t);
    tdm_port_watch(t);
    err = tdm_procs_try_post_locked(p, t);
    if (err != TDM_OK) {
      tdm_port_unwatch(t);
      tdm_port_unsent(t);
    }
  }
  if (err != TDM_OK) {
    if (t != NULL) release(t);
    answer(p, place, i, TDM_ERRAND_REFUSED);
    return;
  }
  o->task[i] = t;
  o->wanted_back &= ~(1u << i);
  p->errands_out++;
  note_where(p, r, t);
}

/* --- wishes --------------------------------------------------------------- */

/* True if nobody has begun it: it is on its way home, or no longer ours. */
static int try_recall(tdm_procs *p, tdm_task *t, tdm_settled *out) {
  uint8_t pending = TDM_PENDING;
  int had_slot = t->worker != 0;
  if (tdm_load_total(&t->state) != TDM_PENDING) return 0;
  if (!tdm_procs_withdraw_locked(p, t)) return 0;
  if (!tdm_cas_total(&t->state, &pending, (uint8_t)TDM_CANCELLED)) return 0;
  if (had_slot) tdm_settled_add(out, t);
  return 1;
}

/* What a worker has died of is not for its owner to run, unless there is nobody
 * else, and nobody to come. */
static int waits_for_another(tdm_procs *p, const tdm_task *t) {
  tdm_share *s = p->share;
  if (t->attempt == 1) return 0;
  if (t->worker != 0 && tdm_claim_state(tdm_load_total(
                            &s->slots[t->worker - 1u].claim)) != TDM_SLOT_READY)
    return 0;
  return tdm_load_total(&s->alive) < tdm_load_total(&s->target) ||
         tdm_board_searching(s) != 0 || tdm_board_sleeping(s) != 0;
}

/* From the queue it comes home when its turn comes; its owner need not wait. */
static void bring_back(tdm_procs *p, unsigned place, unsigned i,
                       tdm_settled *out) {
  struct tdm_outwork *o = p->member[place].outwork;
  tdm_task *t = o->task[i];
  int had_slot = t->worker != 0;
  if (!try_recall(p, t, out)) {
    tdm_store_total(&o->at[i].state, (uint32_t)TDM_ERRAND_BEGUN);
    return;
  }
  o->wanted_back |= 1u << i;
  if (had_slot) return;
  o->task[i] = NULL;
  refuse(p, place, i, t);
}

static void grant(tdm_procs *p, unsigned place, unsigned i, tdm_settled *out) {
  struct tdm_outwork *o = p->member[place].outwork;
  tdm_errand *r = &o->at[i];
  uint32_t asked = TDM_ERRAND_ASKED;
  if (tdm_cas_total(&r->state, &asked, (uint32_t)TDM_ERRAND_OUT))
    begin(p, place, i);
  enum tdm_wish wish = (enum tdm_wish)tdm_load_total(&r->wish);
  if (o->task[i] == NULL || wish == TDM_WISH_NOTHING) return;
  if (o->wanted_back & 1u << i) return;
  if (wish == TDM_WISH_BACK && waits_for_another(p, o->task[i])) return;
  bring_back(p, place, i, out);
  if (wish == TDM_WISH_STOP && o->task[i] != NULL)
    tdm_procs_try_stop_locked(p, o->task[i]);
}

void tdm_procs_errands_locked(tdm_procs *p, tdm_settled *out) {
  if (!tdm_swap_total(&p->share->wishes, 0)) return;
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned place = 0; place < end; place++) {
    if (tdm_load_relaxed(&place_at(p, place)->wishes) == 0) continue;
    /* For want of memory they are left: the owner takes them back. */
    if (outwork_of(p, place) == NULL) continue;
    uint32_t wishes = tdm_swap_total(&place_at(p, place)->wishes, 0u);
    for (unsigned i = 0; i < TDM_ERRANDS; i++)
      if (wishes & 1u << i) grant(p, place, i, out);
  }
}

/* --- home ----------------------------------------------------------------- */

/* In the errand, where there is room; or in a block, that it lies in already or
 * is copied to. */
static int put_result(tdm_procs *p, tdm_errand *r, tdm_payload *from) {
  char *to = r->bytes;
  r->out = (tdm_ref){.n = from->n};
  if (from->n > sizeof r->bytes && from->at.far.heap == p->heap &&
      from->at.far.block != 0) {
    r->out.block = from->at.far.block;
    from->n = 0;
  } else {
    if (from->n > sizeof r->bytes)
      r->out.block = tdm_heap_take(p->heap, from->n, &to);
    if (to == NULL || (r->out.block == 0 && from->n > sizeof r->bytes))
      return TDM_NOMEM;
    memcpy(to, tdm_payload_bytes(from), from->n);
  }
  if (r->out.block != 0) tdm_heap_part_with(p->heap, r->out.block);
  return TDM_OK;
}

static void fill_outcome(tdm_procs *p, tdm_errand *r, tdm_task *t) {
  const tdm_progress_view *said = tdm_port_reported(t);
  r->outcome = tdm_load_relaxed(&t->state);
  r->started = t->started;
  r->finished = t->finished;
  r->cpu = t->cpu;
  r->failed = t->failed;
  r->worker = t->worker;
  r->attempt = t->attempt;
  if (said != NULL)
    tdm_progress_set(&r->said, said->done, said->total, said->kinds,
                     said->note);
  if (put_result(p, r, &t->payload) == TDM_OK) return;
  r->out = (tdm_ref){0};
  r->outcome = TDM_FAILED;
}

static void come_home_locked(tdm_procs *p, unsigned place, unsigned i) {
  struct tdm_outwork *o = p->member[place].outwork;
  tdm_task *t = o->task[i];
  int is_back = (o->wanted_back & 1u << i) != 0;
  o->task[i] = NULL;
  if (is_back && tdm_load_relaxed(&t->state) == TDM_CANCELLED) {
    refuse(p, place, i, t);
    return;
  }
  fill_outcome(p, &o->at[i], t);
  answer(p, place, i, TDM_ERRAND_OVER);
}

/* Whose owner has gone is of no use to anybody. */
static void find_home_locked(tdm_procs *p, const tdm_task *t) {
  unsigned place, i;
  if (find_locked(p, t, &place, &i)) come_home_locked(p, place, i);
}

void tdm_procs_errand_waits_locked(tdm_procs *p, const tdm_task *t) {
  unsigned place, i;
  if (find_locked(p, t, &place, &i))
    tdm_store_total(&p->member[place].outwork->at[i].state,
                    (uint32_t)TDM_ERRAND_OUT);
}

void tdm_procs_errands_home(tdm_procs *p) {
  tdm_port *port = p->errands.port;
  if (port == NULL) return;
  tdm_port_clear_fd(port);
  tdm_port_drain(port);
  for (tdm_task *t; (t = tdm_port_try_ready(port)) != NULL;) {
    tdm_mutex_lock(&p->lock);
    find_home_locked(p, t);
    tdm_mutex_unlock(&p->lock);
    p->errands_out--;
    release(t);
  }
}

/* --- ends ----------------------------------------------------------------- */

/* Results that it has not adopted. Arguments that we have not adopted bear its
 * mark, and go with all its blocks. */
static void drop_results(tdm_procs *p, struct tdm_outwork *o) {
  for (unsigned i = 0; i < TDM_ERRANDS; i++)
    if (tdm_load_total(&o->at[i].state) == TDM_ERRAND_OVER)
      tdm_heap_reclaim(p->heap, o->at[i].out.block);
}

void tdm_procs_forget_errands_locked(tdm_procs *p, unsigned place,
                                     tdm_settled *out) {
  struct tdm_outwork *o = outwork_of(p, place);
  /* Its block may be another's errands in a moment. */
  tdm_store_total(&place_at(p, place)->errands, 0u);
  tdm_store_total(&place_at(p, place)->wishes, 0u);
  if (o == NULL) return;
  for (unsigned i = 0; i < TDM_ERRANDS; i++)
    if (o->task[i] != NULL) try_recall(p, o->task[i], out);
  drop_results(p, o);
  tdm_heap_look_away(p->heap, o->block);
  tdm_mem_free(o);
  p->member[place].outwork = NULL;
}

void tdm_procs_end_errands(tdm_procs *p) {
  tdm_procs_errands_home(p);
  if (p->errands.port != NULL) tdm_port_free(p->errands.port);
  p->errands.port = NULL;
  tdm_funcs_release(&p->errand_funcs);
}
