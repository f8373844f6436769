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

/* It fails before it has begun; `why` is the payload of that. */
static void fail(tdm_task *t, const void *why, size_t n) {
  t->queued = t->started = t->finished = tdm_clock_now();
  if (tdm_payload_copy(&t->payload, why, n) != TDM_OK)
    tdm_payload_fini(&t->payload);
  t->bytes_out = t->payload.n;
  tdm_executor_note_failed_before(t->executor, t->items);
  tdm_store_total(&t->state, (uint8_t)TDM_FAILED);
}

static void fail_to_send(tdm_task *t, tdm_executor *e, int err) {
  tdm_note note = {.mark = TDM_NOTE_MARK, .kind = TDM_NOTE_NO_WORKER};
  if (err == TDM_BROKEN) {
    fail(t, e->cause.p, e->cause.n);
  } else if (err == TDM_LIMIT) {
    snprintf(note.text, sizeof note.text, "%.120s", e->trouble);
    fail(t, &note, sizeof note);
  } else {
    fail(t, NULL, 0);
  }
}

/* To its executor. From when it is PENDING the task may be cancelled, and the
 * executor, should it be closed, end: but not while it has a visitor. True: it
 * is no longer ours. */
static int send(tdm_task *t, const tdm_task *from) {
  tdm_executor *e = t->executor;
  int err = tdm_load_acquire(&e->broken) ? TDM_BROKEN : TDM_OK;
  if (err == TDM_OK) err = prepend(t, &from->payload);
  if (err != TDM_OK) {
    fail_to_send(t, e, err);
    return 0;
  }
  tdm_add_total(&e->visitors, 1);
  t->bytes_in = t->payload.n;
  t->queued = tdm_clock_now();
  if (e->settings.queue_limit != 0) tdm_add_total(&e->queued, (size_t)1);
  tdm_store_total(&t->state, (uint8_t)TDM_PENDING);
  int woke;
  err = e->ops->submit(e, t, 1, &woke);
  int is_sent = err == TDM_OK;
  if (!is_sent && e->settings.queue_limit != 0)
    tdm_sub_total(&e->queued, (size_t)1);
  if (!is_sent && try_change(t, TDM_PENDING, TDM_PASSING))
    fail_to_send(t, e, err);
  tdm_sub_total(&e->visitors, 1);
  return is_sent;
}

/* What `from` ended with is what `t` ends with: the task to be named is the one
 * that failed. */
static void share_fate(tdm_task *t, const tdm_task *from) {
  uint8_t state = tdm_load_relaxed(&from->state);
  t->func = from->func;
  if (state == TDM_FAILED) {
    fail(t, tdm_payload_bytes(&from->payload), from->payload.n);
    t->worker = from->worker;
    return;
  }
  tdm_payload_fini(&t->payload);
  t->queued = t->started = t->finished = tdm_clock_now();
  t->worker = from->worker;
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

static int must_wait(const tdm_task *t, int at_home) {
  return !at_home && t->executor->ops->is_inline;
}

/* Hands on what waits for `from`; those that have ended with that are put on
 * the list *over. */
static void hand_on(tdm_task *from, int at_home, tdm_task **over) {
  tdm_task *t = reverse(tdm_swap_total(&from->then, (tdm_task *)NULL)), *next;
  int is_done = tdm_load_relaxed(&from->state) == TDM_DONE;
  for (; t != NULL; t = next) {
    next = t->next;
    int is_held = tdm_load_total(&t->state) == TDM_HELD;
    if (is_held && is_done && must_wait(t, at_home)) {
      push(from, t);
      continue;
    }
    /* Else it was cancelled meanwhile, and waited here to come home. */
    if (try_change(t, TDM_HELD, TDM_PASSING)) {
      if (is_done && send(t, from)) continue;
      if (!is_done) share_fate(t, from);
    }
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

int tdm_then_try_cancel(tdm_task *t) {
  while (tdm_load_total(&t->state) == TDM_PASSING) sched_yield();
  if (!try_change(t, TDM_HELD, TDM_CANCELLED)) return 0;
  tdm_executor_note_cancelled(t->executor, t->items);
  tdm_payload_fini(&t->payload);
  return 1;
}

void tdm_then_return(tdm_task *t) {
  t->marks &= (uint8_t)~TDM_RESERVED;
  tdm_executor_unreserve(t->executor);
}
