/* The order in which tasks come off the queue. */
#include "queue.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

/* `bytes_in` is when it was pushed: the queue does not touch it. */
static tdm_task *new_tasks(size_t n) {
  tdm_task *tasks = tdm_mem_zero(n * sizeof *tasks);
  CHECK(tasks != NULL);
  for (size_t i = 0; i < n; i++) tasks[i].bytes_in = i;
  return tasks;
}

static void push(tdm_queue *q, tdm_task *t) {
  t->next = NULL;
  tdm_queue_push_all(q, t);
}

static void is_empty(tdm_queue *q) {
  CHECK(tdm_queue_try_pop(q) == NULL);
  CHECK_INT(tdm_queue_size(q), 0);
}

static void first_in_first_out(void) {
  tdm_task *tasks = new_tasks(100);
  tdm_queue q = {0};
  is_empty(&q);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 100; i++) push(&q, &tasks[i]);
    CHECK_INT(tdm_queue_size(&q), 100);
    for (int i = 0; i < 100; i++) CHECK(tdm_queue_try_pop(&q) == &tasks[i]);
    is_empty(&q);
  }
  tdm_mem_free(tasks);
}

static void a_list_keeps_its_order(void) {
  tdm_task *tasks = new_tasks(10);
  tdm_queue q = {0};
  for (int i = 0; i < 9; i++) tasks[i].next = &tasks[i + 1];
  tasks[4].priority = 1;
  tasks[7].priority = -1;
  tdm_queue_push_all(&q, tasks);
  tdm_queue_push_all(&q, NULL);
  static const int order[] = {4, 0, 1, 2, 3, 5, 6, 8, 9, 7};
  for (int i = 0; i < 10; i++)
    CHECK_INT(tdm_queue_try_pop(&q)->bytes_in, order[i]);
  is_empty(&q);
  tdm_mem_free(tasks);
}

static void extreme_priorities(void) {
  static const int32_t priority[] = {0, INT32_MIN, INT32_MAX, -1, 1, INT32_MAX};
  static const int order[] = {2, 5, 4, 0, 3, 1};
  tdm_task *tasks = new_tasks(6);
  tdm_queue q = {0};
  for (int i = 0; i < 6; i++) {
    tasks[i].priority = priority[i];
    push(&q, &tasks[i]);
  }
  for (int i = 0; i < 6; i++)
    CHECK_INT(tdm_queue_try_pop(&q)->bytes_in, order[i]);
  is_empty(&q);
  tdm_mem_free(tasks);
}

typedef struct entry {
  int32_t priority;
  size_t age;
} entry;

static entry entry_of(const tdm_task *t) {
  return (entry){t->priority, t->bytes_in};
}

static int by_priority_then_age(const void *a, const void *b) {
  const entry *x = a, *y = b;
  if (x->priority != y->priority) return x->priority > y->priority ? -1 : 1;
  return x->age < y->age ? -1 : 1;
}

/* Against the C library's sort. */
static void many_random_priorities(void) {
  size_t n = (size_t)check_rounds(100000);
  tdm_task *tasks = new_tasks(n);
  entry *sorted = tdm_mem_new(n * sizeof *sorted);
  CHECK(sorted != NULL);
  tdm_queue q = {0};
  unsigned seed = 11;
  for (size_t i = 0; i < n; i++) {
    tasks[i].priority = (int32_t)check_random(&seed, 201) - 100;
    sorted[i] = entry_of(&tasks[i]);
    push(&q, &tasks[i]);
  }
  qsort(sorted, n, sizeof *sorted, by_priority_then_age);
  for (size_t i = 0; i < n; i++)
    CHECK(tdm_queue_try_pop(&q) == &tasks[sorted[i].age]);
  is_empty(&q);
  tdm_mem_free(sorted);
  tdm_mem_free(tasks);
}

/* One after another of one sign: the heap is a long chain of siblings. */
static void long_runs_of_siblings(void) {
  size_t n = (size_t)check_rounds(100000);
  tdm_task *tasks = new_tasks(n);
  tdm_queue q = {0};
  for (size_t i = 0; i < n; i++) {
    tasks[i].priority = -(int32_t)(i + 1);
    push(&q, &tasks[i]);
  }
  for (size_t i = 0; i < n; i++) CHECK(tdm_queue_try_pop(&q) == &tasks[i]);
  is_empty(&q);
  tdm_mem_free(tasks);
}

/* --- pushes and pops in any mixture, against a plain search --------------- */

enum { FEW = 40 };

static tdm_task *best_of(tdm_task *tasks, const int *queued) {
  tdm_task *best = NULL;
  for (int i = 0; i < FEW; i++) {
    if (!queued[i]) continue;
    entry x = entry_of(&tasks[i]), y = entry_of(best ? best : &tasks[i]);
    if (best == NULL || by_priority_then_age(&x, &y) < 0) best = &tasks[i];
  }
  return best;
}

static void mixed_pushes_and_pops(void) {
  tdm_task *tasks = new_tasks(FEW);
  int queued[FEW] = {0};
  tdm_queue q = {0};
  unsigned seed = 13;
  size_t age = 0;
  for (long i = check_rounds(200000); i > 0; i--) {
    unsigned k = check_random(&seed, FEW);
    if (queued[k]) {
      tdm_task *best = best_of(tasks, queued);
      CHECK(tdm_queue_try_pop(&q) == best);
      queued[best - tasks] = 0;
    } else {
      tasks[k].priority = (int32_t)check_random(&seed, 5) - 2;
      tasks[k].bytes_in = age++;
      push(&q, &tasks[k]);
      queued[k] = 1;
    }
  }
  tdm_mem_free(tasks);
}

TESTS(TEST(first_in_first_out), TEST(a_list_keeps_its_order),
      TEST(extreme_priorities), TEST(many_random_priorities),
      TEST(long_runs_of_siblings), TEST(mixed_pushes_and_pops))
