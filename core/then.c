#include "then.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "executor.h"
#include "note.h"

static int try_change(tdm_task *t, enum tdm_state from, enum tdm_state to) {
  uint8_t state = (uint8_t)from;
  return tdm_cas_total(&t->state, &state, (uint8_t)to);
}

static void push(tdm_task *task, tdm_task *next) {
  tdm_add_total(&tdm_port_of(next)->held, (size_t)1);
  tdm_task *top = tdm_load_total(&task->then);
  do next->next = top;
  while (!tdm_cas_total(&task->then, &top, next));
}

/* --- one of them ---------------------------------------------------------- */

/* The result of `from`, before the arguments that it has. */
static int prepend(tdm_task *t, const tdm_payload *from) {
  tdm_buf b = {0};
  uint64_t n = from->n;
  size_t own = t->payload.n;
  tdm_buf_use_heap(&b, t->executor->heap);
  int err = tdm_buf_reserve(&b, TDM_THEN_HEAD + from->n + own);
  if (err == TDM_OK) {
    tdm_buf_put(&b, &n, sizeof n);
    tdm_buf_put(&b, tdm_payload_bytes(from), from->n);
    tdm_buf_put(&b, tdm_payload_bytes(&t->payload), own);
    err = tdm_payload_take(&t->payload, &b);
  }
  tdm_buf_fini(&b);
  return err;
}

static void fail_to_send(tdm_task *t, tdm_executor *e, int err) {
  tdm_note note = {.mark = TDM_NOTE_MARK, .kind = TDM_NOTE_NO_WORKER};
  if (err == TDM_BROKEN) {
    tdm_executor_fail_before(t, e->pool->cause.p, e->pool->cause.n);
  } else if (err == TDM_LIMIT) {
    snprintf(note.text, sizeof note.text, "%.120s", e->pool->trouble);
    tdm_executor_fail_before(t, &note, sizeof note);
  } else {
    tdm_executor_fail_before(t, NULL, 0);
  }
}

/* To its executor. From when it is PENDING the task may be cancelled, and a
 * closed executor end: but not while it has a visitor. True: the task is no
 * longer ours. */
static int send(tdm_task *t, const tdm_task *from) {
  tdm_executor *e = t->executor;
  int err = tdm_load_acquire(&e->pool->broken) ? TDM_BROKEN : TDM_OK;
  if (err == TDM_OK) err = prepend(t, &from->payload);
  if (err != TDM_OK) {
    fail_to_send(t, e, err);
    return 0;
  }
  tdm_add_total(&e->visitors, 1);
  tdm_poke(&t->bytes_in, t->payload.n);
  tdm_poke(&t->child, (tdm_task *)NULL);
  if (e->settings.queue_limit != 0) tdm_add_total(&e->pool->queued, (size_t)1);
  tdm_store_total(&t->state, (uint8_t)TDM_PENDING);
  int woke;
  err = e->ops->submit(e, t, 1, &woke);
  /* Who cancelled it meanwhile has taken it off the count. */
  if (err != TDM_OK && try_change(t, TDM_PENDING, TDM_PASSING)) {
    if (e->settings.queue_limit != 0)
      tdm_sub_total(&e->pool->queued, (size_t)1);
    fail_to_send(t, e, err);
  }
  tdm_sub_total(&e->visitors, 1);
  return err == TDM_OK;
}

/* What `from` ended with is what `t` ends with: the task to be named is the one
 * that failed. */
static void share_fate(tdm_task *t, const tdm_task *from) {
  uint8_t state = tdm_load_relaxed(&from->state);
  tdm_poke(&t->func, from->func);
  t->worker = from->worker;
  if (state == TDM_FAILED) {
    tdm_executor_fail_before(t, tdm_payload_bytes(&from->payload),
                             from->payload.n);
    return;
  }
  tdm_payload_fini(&t->payload);
  t->finished = tdm_clock_now();
  tdm_poke(&t->started, t->finished);
  t->limit = from->limit;
  if (state == TDM_EXPIRED)
    tdm_executor_note_failed_before(t->executor, t->items);
  else
    tdm_executor_note_cancelled_before(t->executor, t->items);
  tdm_store_total(&t->state, state);
}

/* --- all of them ---------------------------------------------------------- */

static tdm_task *reverse(tdm_task *list) {
  tdm_task *out = NULL;
  while (list != NULL) {
    tdm_task *next = list->next;
    list->next = out;
    out = list;
    list = next;
  }
  return out;
}

/* Its port's thread has to run it, and is not the one that calls. It waits as
 * it did, to be found when `from` has come home. */
static int puts_off(tdm_task *t, tdm_task *from, int at_home) {
  if (at_home || !t->executor->ops->is_inline) return 0;
  tdm_store_total(&t->state, (uint8_t)TDM_HELD);
  push(from, t);
  return 1;
}

/* True: the task has ended with `from`, and is to go home. */
static int ends_with(tdm_task *t, tdm_task *from, int at_home) {
  /* It was cancelled meanwhile, and has only been waiting to go home. Before
   * this is known nothing of it may be read but its state. */
  if (!try_change(t, TDM_HELD, TDM_PASSING)) return 1;
  int is_done = tdm_load_relaxed(&from->state) == TDM_DONE;
  if (is_done && puts_off(t, from, at_home)) return 0;
  tdm_poke(&t->queued, tdm_clock_now());
  if (is_done) return !send(t, from);
  share_fate(t, from);
  return 1;
}

/* Hands on what waits for `from`; those that have ended with that are put on
 * the list *over. */
static void hand_on(tdm_task *from, int at_home, tdm_task **over) {
  tdm_task *t = reverse(tdm_swap_total(&from->then, (tdm_task *)NULL)), *next;
  for (; t != NULL; t = next) {
    next = t->next;
    tdm_sub_total(&tdm_port_of(t)->held, (size_t)1);
    if (!ends_with(t, from, at_home)) continue;
    t->next = *over;
    *over = t;
  }
}

/* Not by recursion: a chain may be long. */
void tdm_then_pass(tdm_task *task, int at_home) {
  tdm_task *over = NULL;
  hand_on(task, at_home, &over);
  while (over != NULL) {
    tdm_task *t = over;
    over = t->next;
    hand_on(t, at_home, &over);
    tdm_port_deliver(t);
  }
}

/* --- by the port's thread ------------------------------------------------- */

static int is_over(tdm_task *t) {
  switch (tdm_load_total(&t->state)) {
    case TDM_DONE:
    case TDM_FAILED:
    case TDM_CANCELLED:
    case TDM_EXPIRED:
      return 1;
    default:
      return 0;
  }
}

int tdm_then_add(tdm_task *task, tdm_task *next, tdm_executor *e) {
  int err = tdm_executor_reserve(e, next);
  if (err != TDM_OK) return err;
  next->child = task;
  tdm_store_total(&next->state, (uint8_t)TDM_HELD);
  push(task, next);
  /* Who settles it writes the state, then looks at the list; here it is the
   * other way round: so at least one of both hands it on. */
  if (is_over(task))
    tdm_then_pass(task, 1);
  else if (task->executor != NULL && task->executor->ops->expect_then != NULL)
    task->executor->ops->expect_then(task->executor, task);
  return TDM_OK;
}

/* If it is held still, nobody can have written there by now. */
tdm_task *tdm_then_awaited(tdm_task *t) {
  while (tdm_load_total(&t->state) == TDM_HELD) {
    tdm_task *from = tdm_peek(&t->child);
    if (!try_change(t, TDM_HELD, TDM_HELD)) break;
    t = from;
  }
  return t;
}

void tdm_then_abandon(tdm_task *task) {
  tdm_store_total(&task->state, (uint8_t)TDM_CANCELLED);
  tdm_then_pass(task, 1);
}

int tdm_then_try_cancel(tdm_task *t) {
  uint8_t state = tdm_load_total(&t->state);
  while (state == TDM_PASSING || state == TDM_HELD) {
    /* In a forked child whoever hands it on is not there. */
    if (tdm_executor_is_foreign(t->executor)) return 0;
    if (try_change(t, TDM_HELD, TDM_CANCELLED)) break;
    sched_yield();
    state = tdm_load_total(&t->state);
  }
  if (state != TDM_HELD && state != TDM_PASSING) return 0;
  tdm_executor_note_cancelled(t->executor, t->items);
  tdm_payload_fini(&t->payload);
  return 1;
}

void tdm_then_return(tdm_task *t) {
  t->marks &= (uint8_t)~TDM_RESERVED;
  tdm_executor_unreserve(t->executor);
}
