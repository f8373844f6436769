#include "shortage.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef int (*creator)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                       void *);

static atomic_int left = -1;

void shortage_of_threads(int n) { atomic_store(&left, n); }

/* Takes one of those that are left, if they are counted. */
static int is_allowed(void) {
  int n = atomic_load(&left);
  while (n > 0 && !atomic_compare_exchange_weak(&left, &n, n - 1)) continue;
  return n != 0;
}

/* The next of this name: the C library's, or a sanitizer's. */
// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*start)(void *), void *arg) {
  static _Atomic(creator) next;
  creator create = atomic_load(&next);
  if (create == NULL) {
    void *found = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&create, &found, sizeof create);
    atomic_store(&next, create);
  }
  return is_allowed() ? create(thread, attr, start, arg) : EAGAIN;
}
