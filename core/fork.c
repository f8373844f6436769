#include "fork.h"

#include <pthread.h>

#include "atomic.h"

static atomic_uint generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tdm_fork_item *items;

static void before(void) { pthread_mutex_lock(&lock); }

static void in_parent(void) { pthread_mutex_unlock(&lock); }

static void in_child(void) {
  tdm_add_total(&generation, 1u);
  for (tdm_fork_item *i = items; i != NULL; i = i->next) i->in_child(i);
  items = NULL;
  pthread_mutex_unlock(&lock);
}

/* The handlers are never taken back: the module stays loaded (-z nodelete). */
static void install(void) { pthread_atfork(before, in_parent, in_child); }

unsigned tdm_fork_generation(void) {
  pthread_once(&once, install);
  return tdm_load_relaxed(&generation);
}

void tdm_process_lock(void) {
  pthread_once(&once, install);
  pthread_mutex_lock(&lock);
}

void tdm_process_unlock(void) { pthread_mutex_unlock(&lock); }

void tdm_fork_add(tdm_fork_item *item) {
  tdm_process_lock();
  item->next = items;
  items = item;
  tdm_process_unlock();
}

void tdm_fork_remove(tdm_fork_item *item) {
  tdm_process_lock();
  tdm_fork_item **at = &items;
  while (*at != NULL && *at != item) at = &(*at)->next;
  if (*at != NULL) *at = item->next;
  tdm_process_unlock();
}
