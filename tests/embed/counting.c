#include "counting.h"

#include <stdlib.h>

#include "host.h"

void *counting_alloc(void *ud, void *p, size_t old, size_t size) {
  counting *c = ud;
  CHECK(pthread_equal(pthread_self(), c->owner));
  c->calls++;
  if (p == NULL) old = 0; /* it is a type then */
  if (size == 0) {
    free(p);
    c->blocks -= p != NULL;
    c->live -= old;
    return NULL;
  }
  void *q = realloc(p, size);
  if (q == NULL) return NULL;
  c->blocks += p == NULL;
  c->live += size - old;
  return q;
}
