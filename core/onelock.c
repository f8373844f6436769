#include "onelock.h"

#include <signal.h>

#include "error.h"
#include "interrupt.h"

/* Who waits asks after this; CPython's switch interval. */
#define INTERVAL (5 * INT64_C(1000000))

enum { OUT, WAITING, HOLDING, FREE };

int tdm_onelock_init(tdm_onelock *l) {
  int err = tdm_interrupt_install();
  return err == TDM_OK ? tdm_mutex_init(&l->lock, TDM_RANK_ONE_LOCK) : err;
}

void tdm_onelock_fini(tdm_onelock *l) { tdm_mutex_fini(&l->lock); }

void tdm_hand_init(tdm_hand *h, tdm_onelock *l, tdm_ctl *ctl) {
  h->of = l;
  h->ctl = ctl;
  ctl->hand = h;
}

/* --- the line of those who wait ------------------------------------------- */

static void add_last_locked(tdm_onelock *l, tdm_hand *h) {
  h->before = l->last;
  h->after = NULL;
  *(l->last != NULL ? &l->last->after : &l->first) = h;
  l->last = h;
}

static void add_first_locked(tdm_onelock *l, tdm_hand *h) {
  h->before = NULL;
  h->after = l->first;
  *(l->first != NULL ? &l->first->before : &l->last) = h;
  l->first = h;
}

static void remove_locked(tdm_onelock *l, tdm_hand *h) {
  *(h->before != NULL ? &h->before->after : &l->first) = h->after;
  *(h->after != NULL ? &h->after->before : &l->last) = h->before;
}

static int is_waiting(tdm_hand *h) {
  return tdm_load_acquire(&h->state) == WAITING;
}

/* --- changing hands ------------------------------------------------------- */

static void wake(tdm_hand *h) { tdm_park_wake(&h->ctl->stop->park); }

/* The holder is done with it. */
static void pass_on_locked(tdm_onelock *l) {
  tdm_hand *next = l->first;
  tdm_store_relaxed(&l->holder->asked, 0);
  l->holder = next;
  l->changes++;
  if (next == NULL) return;
  remove_locked(l, next);
  tdm_store_release(&next->state, HOLDING);
  wake(next);
}

static void ask_locked(tdm_onelock *l) {
  tdm_store_relaxed(&l->holder->asked, 1);
  pthread_kill(l->holder->thread, tdm_interrupt_signal());
}

/* Asks, unless the lock has gone round meanwhile. */
static void ask(tdm_hand *h) {
  tdm_onelock *l = h->of;
  tdm_mutex_lock(&l->lock);
  if (is_waiting(h) && l->changes == h->seen) ask_locked(l);
  h->seen = l->changes;
  tdm_mutex_unlock(&l->lock);
}

/* Told to end it does not wait for the others, of whom there may be so many
 * that it would be given up before its turn. */
static void go_first(tdm_hand *h) {
  tdm_onelock *l = h->of;
  tdm_mutex_lock(&l->lock);
  if (is_waiting(h)) {
    remove_locked(l, h);
    add_first_locked(l, h);
    ask_locked(l);
  }
  tdm_mutex_unlock(&l->lock);
}

static void withdraw(tdm_hand *h) {
  tdm_onelock *l = h->of;
  tdm_mutex_lock(&l->lock);
  if (is_waiting(h)) {
    remove_locked(l, h);
    tdm_store_release(&h->state, OUT);
  }
  tdm_mutex_unlock(&l->lock);
}

/* An order to end wakes the same place. */
static void wait_for_turn(tdm_hand *h, int or_end) {
  tdm_time ask_at = tdm_clock_now() + INTERVAL;
  int was_told = 0;
  while (is_waiting(h)) {
    if (!was_told && tdm_ctl_why(h->ctl) != TDM_WHY_NOT) {
      was_told = 1;
      if (or_end)
        withdraw(h);
      else
        go_first(h);
      continue;
    }
    if (tdm_park_wait(&h->ctl->stop->park, ask_at) != TDM_TIMEOUT) continue;
    ask(h);
    ask_at = tdm_clock_now() + INTERVAL;
  }
}

/* True if it is there at once. */
static int try_take(tdm_hand *h) {
  tdm_onelock *l = h->of;
  tdm_mutex_lock(&l->lock);
  int is_free = tdm_load_relaxed(&h->state) == FREE;
  if (!is_free) {
    h->thread = pthread_self();
    h->seen = l->changes;
    tdm_store_release(&h->state, l->holder == NULL ? HOLDING : WAITING);
    if (l->holder == NULL)
      l->holder = h;
    else
      add_last_locked(l, h);
  }
  tdm_mutex_unlock(&l->lock);
  return !is_waiting(h);
}

void tdm_hand_take(tdm_hand *h, int or_end) {
  if (tdm_load_relaxed(&h->asked)) tdm_hand_let_go(h);
  if (tdm_load_acquire(&h->state) != OUT) return;
  if (!try_take(h)) wait_for_turn(h, or_end);
}

int tdm_hand_let_go(tdm_hand *h) {
  tdm_onelock *l = h->of;
  if (tdm_load_acquire(&h->state) != HOLDING) return 0;
  tdm_mutex_lock(&l->lock);
  int held = tdm_load_relaxed(&h->state) == HOLDING;
  if (held) {
    tdm_store_release(&h->state, OUT);
    pass_on_locked(l);
  }
  tdm_mutex_unlock(&l->lock);
  return held;
}

void tdm_hand_exempt(tdm_hand *h) {
  tdm_onelock *l = h->of;
  tdm_mutex_lock(&l->lock);
  int before = tdm_load_relaxed(&h->state);
  tdm_store_release(&h->state, FREE);
  if (before == HOLDING) pass_on_locked(l);
  if (before == WAITING) {
    remove_locked(l, h);
    wake(h);
  }
  tdm_mutex_unlock(&l->lock);
}
