#include "guest.h"

#include <string.h>

#include "error.h"
#include "fork.h"
#include "mem.h"
#include "thread.h"

static tdm_shared *list; /* under the process's lock */

/* --- the end -------------------------------------------------------------- */

/* How long workers may take to end: they are idle, but for what tasks may have
 * left behind. Then that is ended, and after the same time left alone. */
#define PATIENCE (5 * TDM_SECOND)

/* Who was the last to use it waits so long himself. */
#define MOMENT (TDM_SECOND / 10)

/* With that a pool of processes takes down what statistics look at. */
static int is_over(tdm_shared *s) {
  tdm_mutex_lock(&s->lock);
  int over = tdm_executor_is_over(s->pool);
  tdm_mutex_unlock(&s->lock);
  return over;
}

static int wait_until_over(tdm_shared *s, tdm_time timeout) {
  tdm_time deadline = tdm_clock_now() + timeout;
  while (!is_over(s)) {
    tdm_port_drain(s->port);
    if (tdm_port_wait(s->port, NULL, 1, deadline, 0) == TDM_TIMEOUT) break;
  }
  tdm_port_drain(s->port);
  return is_over(s);
}

static void free_shared(tdm_shared *s) {
  if (s->pool != NULL) tdm_executor_free(s->pool);
  if (s->port != NULL) tdm_port_free(s->port);
  tdm_funcs_release(&s->funcs);
  tdm_mutex_fini(&s->lock);
  tdm_mem_free(s->note);
  tdm_mem_free(s);
}

/* One reference less: guests that have left may yet ask for statistics. */
void tdm_shared_release(tdm_shared *s) {
  tdm_process_lock();
  int is_last = --s->references == 0;
  tdm_process_unlock();
  if (is_last) free_shared(s);
}

void tdm_shared_keep(tdm_shared *s) {
  tdm_process_lock();
  s->is_kept = 1;
  tdm_process_unlock();
}

/* Nobody finds it any more, but what looks for leaks. */
static void leave_behind(tdm_shared *s) {
  static tdm_shared *left_behind;
  tdm_process_lock();
  s->next = left_behind;
  left_behind = s;
  tdm_process_unlock();
  if (s->pool->ops->disown != NULL) s->pool->ops->disown(s->pool);
}

/* The pool is closed, and its workers are to end by themselves; or they are
 * made to. Where one does not come back, or a guest has not gone, it remains:
 * without threads, once these end. */
static void finish(tdm_shared *s) {
  tdm_executor *pool = s->pool;
  int over = wait_until_over(s, PATIENCE);
  if (!over) {
    tdm_executor_cancel_pending(pool);
    tdm_executor_kill(pool);
    over = wait_until_over(s, PATIENCE);
  }
  int has_lost = pool->ops->lost != NULL && pool->ops->lost(pool) != 0;
  tdm_process_lock();
  int is_kept = s->is_kept;
  tdm_process_unlock();
  if (over && !has_lost && !is_kept)
    tdm_shared_release(s);
  else
    leave_behind(s);
}

static void remove_locked(tdm_shared *s) {
  tdm_shared **at = &list;
  while (*at != NULL && *at != s) at = &(*at)->next;
  if (*at != NULL) *at = s->next;
}

/* Nobody uses it, and the time for the next one has passed: from here on nobody
 * finds it. */
static int try_retire_locked(tdm_shared *s) {
  if (s->guests != 0 || tdm_clock_now() < s->until) return 0;
  remove_locked(s);
  s->is_retired = 1;
  return 1;
}

/* The thread that sees to the end when nobody has come for a while. It goes as
 * soon as it sees a guest. */
static void *keep(void *arg) {
  tdm_shared *s = arg;
  for (;;) {
    tdm_process_lock();
    int was_retired = s->is_retired;
    int shall_end = was_retired || try_retire_locked(s);
    int goes = shall_end || s->guests != 0;
    if (goes) s->has_keeper = 0;
    tdm_time until = s->until;
    tdm_process_unlock();
    if (shall_end && !was_retired) tdm_executor_close(s->pool);
    if (shall_end) finish(s);
    if (goes) return NULL;
    tdm_park_wait(&s->park, until);
  }
}

/* Without a thread for it the caller ends the pool himself, and now. */
static void start_keeper(tdm_shared *s) {
  pthread_t thread;
  if (tdm_thread_new(&thread, TDM_SMALL_STACK, keep, s) == TDM_OK) {
    pthread_detach(thread);
    return;
  }
  tdm_process_lock();
  s->until = 0;
  tdm_process_unlock();
  keep(s);
}

static void end_now(tdm_shared *s) {
  tdm_executor_close(s->pool);
  if (wait_until_over(s, MOMENT))
    finish(s);
  else
    start_keeper(s);
}

/* One guest less. */
void tdm_shared_depart(tdm_shared *s) {
  int is_broken = tdm_load_acquire(&s->pool->broken);
  tdm_time linger = is_broken ? 0 : s->linger;
  int ends_now = 0, needs_keeper = 0;
  tdm_process_lock();
  if (--s->guests == 0 && linger != TDM_FOREVER) {
    s->until = linger > 0 ? tdm_clock_now() + linger : 0;
    if (s->has_keeper)
      tdm_park_wake(&s->park);
    else if (linger > 0)
      needs_keeper = s->has_keeper = 1;
    else
      ends_now = try_retire_locked(s);
  }
  tdm_process_unlock();
  if (ends_now) end_now(s);
  if (needs_keeper) start_keeper(s);
}

/* --- joining -------------------------------------------------------------- */

static tdm_shared *new_shared(const tdm_shared_wish *w) {
  tdm_shared *s = tdm_mem_zero(sizeof *s);
  if (s == NULL) return NULL;
  if (tdm_mutex_init(&s->lock, TDM_RANK_SHARED) != TDM_OK) {
    tdm_mem_free(s);
    return NULL;
  }
  size_t size = strlen(w->note) + 1;
  s->references = 1;
  s->linger = w->linger;
  s->port = tdm_port_new();
  s->note = tdm_mem_new(size);
  if (s->port != NULL && s->note != NULL) {
    memcpy(s->note, w->note, size);
    return s;
  }
  free_shared(s);
  return NULL;
}

/* On success it has the recipe. */
static int make_shared(const tdm_shared_wish *w, void *recipe,
                       tdm_shared **out) {
  tdm_shared *s = new_shared(w);
  if (s == NULL) return TDM_NOMEM;
  int err = w->make(w->settings, w->runner, recipe, s->port, &s->pool);
  if (err != TDM_OK) {
    s->pool = NULL;
    free_shared(s);
    return err;
  }
  s->pool->stir = tdm_guests_stir;
  s->pool->stir_arg = s;
  tdm_guest_make_ops(s);
  *out = s;
  return TDM_OK;
}

static int fits_locked(tdm_shared *s, const tdm_shared_wish *w) {
  tdm_executor *p = s->pool;
  return !tdm_executor_is_foreign(p) && !tdm_load_acquire(&p->broken) &&
         strcmp(p->ops->kind, w->kind) == 0 &&
         strcmp(p->settings.name, w->settings->name) == 0;
}

/* Whoever it finds has one guest more. With `fresh`, that one where there is no
 * other. */
static tdm_shared *find(const tdm_shared_wish *w, tdm_shared *fresh) {
  tdm_process_lock();
  tdm_shared *s = list;
  while (s != NULL && !fits_locked(s, w)) s = s->next;
  if (s == NULL && fresh != NULL) {
    fresh->next = list;
    list = s = fresh;
  }
  if (s != NULL) s->guests++;
  if (s != NULL) s->references++;
  tdm_process_unlock();
  return s;
}

static int find_or_make(const tdm_shared_wish *w, void *recipe,
                        tdm_shared **out, int *found) {
  tdm_shared *fresh = NULL, *s = find(w, NULL);
  *found = s != NULL;
  *out = s;
  if (s != NULL) return TDM_OK;
  int err = make_shared(w, recipe, &fresh);
  if (err != TDM_OK) return err;
  *out = find(w, fresh);
  *found = *out != fresh;
  if (!*found) return TDM_OK;
  /* Somebody was quicker; the recipe goes back to the caller. */
  fresh->pool->recipe = NULL;
  tdm_executor_close(fresh->pool);
  free_shared(fresh);
  return TDM_OK;
}

int tdm_shared_join(const tdm_shared_wish *w, void *recipe, tdm_port *port,
                    tdm_executor **out, int *found) {
  tdm_shared *s;
  tdm_guest *g = tdm_mem_zero(sizeof *g);
  if (g == NULL) return TDM_NOMEM;
  int err = find_or_make(w, recipe, &s, found);
  if (err != TDM_OK) {
    tdm_mem_free(g);
    return err;
  }
  tdm_guest_init(g, s, w->runner, port);
  *out = &g->base;
  return TDM_OK;
}

size_t tdm_shared_count(void) {
  size_t n = 0;
  tdm_process_lock();
  for (const tdm_shared *s = list; s != NULL; s = s->next)
    n += !tdm_executor_is_foreign(s->pool);
  tdm_process_unlock();
  return n;
}
