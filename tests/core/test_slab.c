/* Slots of tasks: reuse, walking over them, and blocks that go back. */
#include "slab.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

static tdm_task *new_slot(tdm_slab *s) {
  tdm_task *t = tdm_slab_new(s);
  CHECK(t != NULL && tdm_slab_of(t) == s);
  return t;
}

static void slots_are_zeroed(void) {
  static const char zero[sizeof(tdm_task)];
  tdm_slab s = {0};
  for (int i = 0; i < 3; i++) {
    tdm_task *t = tdm_slab_new(&s);
    CHECK(t != NULL && memcmp((char *)t, zero, sizeof zero) == 0);
    memset(t, 0xff, sizeof *t);
    tdm_slab_free(&s, t);
  }
  tdm_slab_fini(&s);
}

static void note_seen(tdm_task *t, void *arg) {
  size_t *n = arg;
  CHECK_INT(t->items, 1); /* each is seen once */
  t->items = 2;
  ++*n;
}

static void each_sees_the_live_ones(void) {
  enum { N = 1000 };
  tdm_slab s = {0};
  tdm_task *slots[N];
  size_t seen = 0, live = 0;
  for (int i = 0; i < N; i++) {
    slots[i] = new_slot(&s);
    slots[i]->items = 1;
  }
  CHECK_INT(s.live, N);
  for (int i = 0; i < N; i += 3) tdm_slab_free(&s, slots[i]);
  for (int i = 0; i < N; i++) live += i % 3 != 0;
  tdm_slab_each(&s, note_seen, &seen);
  CHECK_INT(seen, live);
  CHECK_INT(s.live, live);
  for (int i = 0; i < N; i++)
    if (i % 3 != 0) CHECK_INT(slots[i]->items, 2);
  tdm_slab_fini(&s);
}

static void blocks_go_back(void) {
  enum { N = 5000 };
  tdm_slab s = {0};
  static tdm_task *slots[N];
  for (int i = 0; i < N; i++) slots[i] = new_slot(&s);
  for (int i = 0; i < N; i++) tdm_slab_free(&s, slots[i]);
  CHECK_INT(s.live, 0);
  CHECK(tdm_mem_live() <= 1);
  CHECK(s.full == NULL);
  tdm_slab_fini(&s);
  CHECK_INT(tdm_mem_live(), 0);
}

/* Any order of taking and freeing: no slot is given twice, none is lost. */
static void random_use(void) {
  enum { N = 300 };
  tdm_slab s = {0};
  tdm_task *slots[N] = {0};
  unsigned seed = 7;
  size_t live = 0;
  for (long i = check_rounds(200000); i > 0; i--) {
    unsigned k = check_random(&seed, N);
    if (slots[k] == NULL) {
      slots[k] = new_slot(&s);
      slots[k]->bytes_in = k;
      live++;
    } else {
      CHECK_INT(slots[k]->bytes_in, k);
      tdm_slab_free(&s, slots[k]);
      slots[k] = NULL;
      live--;
    }
    CHECK_INT(s.live, live);
  }
  for (unsigned k = 0; k < N; k++)
    if (slots[k] != NULL) tdm_slab_free(&s, slots[k]);
  tdm_slab_fini(&s);
}

static void without_memory(void) {
  tdm_slab s = {0};
  tdm_mem_fail_after(1);
  CHECK(tdm_slab_new(&s) == NULL);
  CHECK_INT(s.live, 0);
  tdm_slab_free(&s, new_slot(&s));
  tdm_slab_fini(&s);
}

TESTS(TEST(slots_are_zeroed), TEST(each_sees_the_live_ones),
      TEST(blocks_go_back), TEST(random_use), TEST(without_memory))
