#include "queue.h"

/* The pairing heap of Fredman, Sedgewick, Sleator and Tarjan (1986): `child`
 * is a task's first child, `next` its next sibling. */

static int before(const tdm_task *a, const tdm_task *b) {
  if (a->priority != b->priority) return a->priority > b->priority;
  return a->seq < b->seq;
}

static tdm_task *meld(tdm_task *a, tdm_task *b) {
  if (a == NULL) return b;
  if (b == NULL) return a;
  if (before(b, a)) {
    tdm_task *t = a;
    a = b;
    b = t;
  }
  b->next = a->child;
  a->child = b;
  return a;
}

/* Two passes, neither by recursion: melds the siblings in pairs from the left,
 * stacking the pairs, then melds the stack. */
static tdm_task *meld_siblings(tdm_task *t) {
  tdm_task *pairs = NULL, *heap = NULL;
  while (t != NULL) {
    tdm_task *a = t, *b = t->next;
    t = b != NULL ? b->next : NULL;
    a->next = NULL;
    if (b != NULL) b->next = NULL;
    a = meld(a, b);
    a->next = pairs;
    pairs = a;
  }
  while (pairs != NULL) {
    tdm_task *rest = pairs->next;
    pairs->next = NULL;
    heap = meld(heap, pairs);
    pairs = rest;
  }
  return heap;
}

/* Arrivals at the front count down from here, others up. */
#define MIDDLE (UINT64_C(1) << 63)

static void push_heap(tdm_queue *q, tdm_task *t, uint64_t seq) {
  t->next = NULL;
  t->child = NULL;
  t->seq = seq;
  q->heap = meld(q->heap, t);
}

static void push(tdm_queue *q, tdm_task *t) {
  if (t->priority == 0) {
    t->next = NULL;
    if (q->first == NULL) q->last = &q->first;
    *q->last = t;
    q->last = &t->next;
  } else {
    push_heap(q, t, MIDDLE + q->seq++);
  }
}

void tdm_queue_push_front(tdm_queue *q, tdm_task *t) {
  if (t->priority == 0) {
    if (q->first == NULL) q->last = &t->next;
    t->next = q->first;
    q->first = t;
  } else {
    push_heap(q, t, MIDDLE - ++q->front);
  }
  tdm_store_total(&q->size, tdm_load_relaxed(&q->size) + 1);
}

void tdm_queue_push_all(tdm_queue *q, tdm_task *list) {
  size_t n = 0;
  while (list != NULL) {
    tdm_task *next = list->next;
    push(q, list);
    list = next;
    n++;
  }
  tdm_store_total(&q->size, tdm_load_relaxed(&q->size) + n);
}

static tdm_task *pop_heap(tdm_queue *q) {
  tdm_task *t = q->heap;
  q->heap = meld_siblings(t->child);
  return t;
}

static tdm_task *pop_first(tdm_queue *q) {
  tdm_task *t = q->first;
  q->first = t->next;
  return t;
}

tdm_task *tdm_queue_try_pop(tdm_queue *q) {
  if (q->first == NULL && q->heap == NULL) return NULL;
  int heap_goes_first =
      q->heap != NULL && (q->first == NULL || q->heap->priority > 0);
  tdm_task *t = heap_goes_first ? pop_heap(q) : pop_first(q);
  t->next = NULL;
  tdm_store_relaxed(&q->size, tdm_load_relaxed(&q->size) - 1);
  return t;
}
