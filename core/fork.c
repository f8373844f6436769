#include "fork.h"

#include <pthread.h>

#include "atomic.h"

static atomic_uint generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void) { tdm_add_total(&generation, 1u); }

/* The handler is never taken back: the module stays loaded (-z nodelete). */
static void install(void) { pthread_atfork(NULL, NULL, in_child); }

unsigned tdm_fork_generation(void) {
  pthread_once(&once, install);
  return tdm_load_relaxed(&generation);
}
