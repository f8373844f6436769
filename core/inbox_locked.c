/* The twin of inbox.c: the same behaviour by one plain mutex. Built instead of
 * it by INBOX=locked, so that a fault can be told to be the inbox's or not. */
#include <pthread.h>
#include <stddef.h>

#include "inbox.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int tdm_inbox_push(tdm_inbox *in, tdm_task *t) {
  pthread_mutex_lock(&lock);
  tdm_task *top = tdm_load_total(&in->top);
  t->next = top;
  tdm_store_total(&in->top, t);
  pthread_mutex_unlock(&lock);
  return top == NULL;
}

tdm_task *tdm_inbox_take(tdm_inbox *in) {
  pthread_mutex_lock(&lock);
  tdm_task *t = tdm_load_total(&in->top), *out = NULL;
  tdm_store_total(&in->top, (tdm_task *)NULL);
  pthread_mutex_unlock(&lock);
  while (t != NULL) {
    tdm_task *next = t->next;
    t->next = out;
    out = t;
    t = next;
  }
  return out;
}

int tdm_inbox_has(tdm_inbox *in) { return tdm_load_total(&in->top) != NULL; }
