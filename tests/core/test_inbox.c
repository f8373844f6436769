/* The inbox: many push, one takes. INBOX=locked builds these same tests on its
 * twin with a mutex. */
#include "inbox.h"

#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "mem.h"

static void oldest_comes_first(void) {
  tdm_inbox in = {0};
  tdm_task *tasks = tdm_mem_zero(10 * sizeof *tasks);
  CHECK(tasks != NULL && tdm_inbox_take(&in) == NULL && !tdm_inbox_has(&in));
  for (int i = 0; i < 10; i++)
    CHECK_INT(tdm_inbox_push(&in, &tasks[i]), i == 0);
  CHECK(tdm_inbox_has(&in));
  tdm_task *t = tdm_inbox_take(&in);
  for (int i = 0; i < 10; i++, t = t->next) CHECK(t == &tasks[i]);
  CHECK(t == NULL && tdm_inbox_take(&in) == NULL && !tdm_inbox_has(&in));
  tdm_mem_free(tasks);
}

/* --- many producers ------------------------------------------------------- */

enum { PRODUCERS = 4 };

typedef struct producer {
  tdm_inbox *in;
  tdm_task *tasks;
  long n;
  int number;
  atomic_long *firsts; /* how many found it empty */
} producer;

static void *produce(void *arg) {
  producer *p = arg;
  for (long i = 0; i < p->n; i++) {
    tdm_task *t = &p->tasks[i];
    t->worker = (uint16_t)p->number;
    t->bytes_in = (size_t)i;
    if (tdm_inbox_push(p->in, t)) tdm_add_total(p->firsts, 1);
  }
  return NULL;
}

/* The number of tasks taken at this stroke; in order for each producer. */
static long take_in_order(tdm_inbox *in, size_t *expected) {
  long n = 0;
  for (tdm_task *t = tdm_inbox_take(in); t != NULL; t = t->next, n++)
    CHECK_INT(t->bytes_in, expected[t->worker]++);
  return n;
}

static void many_producers_one_taker(void) {
  long each = check_rounds(200000), taken = 0, strokes = 0;
  tdm_inbox in = {0};
  atomic_long firsts = 0;
  producer p[PRODUCERS];
  pthread_t threads[PRODUCERS];
  size_t expected[PRODUCERS] = {0};
  for (int i = 0; i < PRODUCERS; i++) {
    tdm_task *tasks = tdm_mem_zero((size_t)each * sizeof *tasks);
    CHECK(tasks != NULL);
    p[i] = (producer){&in, tasks, each, i, &firsts};
    CHECK_INT(pthread_create(&threads[i], NULL, produce, &p[i]), 0);
  }
  while (taken < PRODUCERS * each) {
    long n = take_in_order(&in, expected);
    taken += n;
    strokes += n != 0;
    if (n == 0) sched_yield();
  }
  for (int i = 0; i < PRODUCERS; i++) {
    pthread_join(threads[i], NULL);
    CHECK_INT(expected[i], each);
    tdm_mem_free(p[i].tasks);
  }
  CHECK(tdm_inbox_take(&in) == NULL);
  /* "Was empty" is said once for each time that it was emptied. */
  CHECK_INT(tdm_load_total(&firsts), strokes);
}

/* --- slots that come back at the same address ----------------------------- */

typedef struct carousel {
  tdm_inbox out, back;
  atomic_int stop;
} carousel;

static void *send_back(void *arg) {
  carousel *c = arg;
  while (!tdm_load_total(&c->stop)) {
    tdm_task *t = tdm_inbox_take(&c->out), *next;
    if (t == NULL) sched_yield();
    for (; t != NULL; t = next) {
      next = t->next;
      tdm_inbox_push(&c->back, t);
    }
  }
  return NULL;
}

/* A few slots go round and round between two inboxes and three threads. */
static void slots_that_return_at_once(void) {
  enum { SLOTS = 3 };
  static tdm_task slots[SLOTS];
  carousel c = {0};
  pthread_t threads[2];
  long rounds = check_rounds(200000), n = 0;
  for (int i = 0; i < 2; i++)
    CHECK_INT(pthread_create(&threads[i], NULL, send_back, &c), 0);
  for (int i = 0; i < SLOTS; i++) tdm_inbox_push(&c.out, &slots[i]);
  while (n < rounds) {
    tdm_task *t = tdm_inbox_take(&c.back), *next;
    if (t == NULL) sched_yield();
    for (; t != NULL; t = next) {
      next = t->next;
      t->items++;
      n++;
      tdm_inbox_push(&c.out, t);
    }
  }
  tdm_store_total(&c.stop, 1);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  long sum = 0, left = 0;
  for (int i = 0; i < SLOTS; i++) sum += slots[i].items;
  for (tdm_task *t = tdm_inbox_take(&c.out); t != NULL; t = t->next) left++;
  for (tdm_task *t = tdm_inbox_take(&c.back); t != NULL; t = t->next) left++;
  CHECK_INT(sum, n);
  CHECK_INT(left, SLOTS);
}

TESTS(TEST(oldest_comes_first), TEST(many_producers_one_taker),
      TEST(slots_that_return_at_once))
