/* Tasks on their way to worker processes and back: here threads play them. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "os.h"
#include "ring.h"

/* All zero bits, and none of it touched before it is used. */
static tdm_share *new_share(void) {
  int fd = tdm_os_memory_new("ring");
  CHECK(fd >= 0 && tdm_os_memory_extend(fd, TDM_SHARE_SIZE) == 0);
  tdm_share *s = tdm_os_memory_map(fd, 0, TDM_SHARE_SIZE);
  CHECK(s != NULL);
  return s;
}

static enum tdm_claim state_of(tdm_share *s, uint32_t slot) {
  return tdm_claim_state(tdm_load_total(&s->slots[slot].claim));
}

static void post(tdm_share *s, uint32_t slot) {
  CHECK_INT(tdm_ring_try_post(s, slot), 1);
}

/* --- one by one ----------------------------------------------------------- */

static void the_way_of_a_slot(void) {
  tdm_share *s = new_share();
  CHECK(!tdm_ring_has(s));
  CHECK(tdm_ring_try_claim(s, 7) < 0);
  post(s, 5);
  CHECK(tdm_ring_has(s));
  CHECK_INT(tdm_ring_backlog(s), 1);
  CHECK_INT(state_of(s, 5), TDM_SLOT_READY);
  CHECK_INT(tdm_ring_try_claim(s, 7), 5);
  CHECK_INT(state_of(s, 5), TDM_SLOT_TAKEN);
  CHECK_INT(tdm_claim_place(tdm_load_total(&s->slots[5].claim)), 7);
  CHECK(!tdm_ring_has(s));
  CHECK(tdm_ring_try_claim(s, 8) < 0);
  CHECK(!tdm_ring_try_withdraw(s, 5));
  CHECK_INT(tdm_ring_finish(s, 5), 1);
  CHECK_INT(state_of(s, 5), TDM_SLOT_OVER);
  CHECK(!tdm_ring_try_kill(s, 5));
  CHECK_INT(tdm_ring_take_finished(s), 6);
  CHECK_INT(s->slots[5].next, 0);
  CHECK_INT(tdm_ring_take_finished(s), 0);
  tdm_ring_free(s, 5);
  CHECK_INT(state_of(s, 5), TDM_SLOT_FREE);
}

static void first_in_first_out(void) {
  tdm_share *s = new_share();
  uint32_t slot = 0, out = 0;
  unsigned seed = 3;
  while (out < 3 * TDM_RING) { /* round the ring, and round again */
    for (unsigned n = check_random(&seed, 100); n > 0; n--)
      post(s, slot++ % TDM_SLOTS);
    while (tdm_ring_has(s)) {
      CHECK_INT(tdm_ring_try_claim(s, 1), (int)(out % TDM_SLOTS));
      tdm_ring_free(s, out++ % TDM_SLOTS);
    }
  }
}

static void the_oldest_finished_first(void) {
  tdm_share *s = new_share();
  static const uint32_t order[] = {3, 0, 4, 1, 2};
  for (uint32_t i = 0; i < 5; i++) {
    post(s, i);
    CHECK_INT(tdm_ring_try_claim(s, i), (int)i);
  }
  for (int i = 0; i < 5; i++) CHECK_INT(tdm_ring_finish(s, order[i]), i == 0);
  uint32_t at = tdm_ring_take_finished(s);
  for (int i = 0; i < 5; i++) {
    CHECK_INT(at, order[i] + 1);
    at = s->slots[at - 1].next;
  }
  CHECK_INT(at, 0);
}

static void kill_and_finish_exclude_each_other(void) {
  tdm_share *s = new_share();
  post(s, 0);
  CHECK(!tdm_ring_try_kill(s, 0)); /* nobody runs it */
  CHECK_INT(tdm_ring_try_claim(s, 3), 0);
  CHECK(tdm_ring_try_kill(s, 0));
  CHECK(!tdm_ring_try_kill(s, 0));
  CHECK_INT(state_of(s, 0), TDM_SLOT_KILLED);
  CHECK_INT(tdm_claim_place(tdm_load_total(&s->slots[0].claim)), 3);
  CHECK(tdm_ring_finish(s, 0) < 0);
  CHECK_INT(tdm_ring_take_finished(s), 0);
}

/* --- withdrawing ---------------------------------------------------------- */

static void withdrawn_ones_are_passed_over(void) {
  tdm_share *s = new_share();
  for (uint32_t i = 0; i < 6; i++) post(s, i);
  CHECK(tdm_ring_try_withdraw(s, 0));
  CHECK(!tdm_ring_try_withdraw(s, 0));
  CHECK(tdm_ring_try_withdraw(s, 1));
  CHECK(tdm_ring_try_withdraw(s, 3));
  CHECK(tdm_ring_try_withdraw(s, 5));
  tdm_ring_skip_withdrawn(s);
  CHECK_INT(tdm_ring_backlog(s), 4);
  CHECK_INT(tdm_ring_try_claim(s, 1), 2);
  CHECK_INT(tdm_ring_try_claim(s, 1), 4);
  CHECK(tdm_ring_try_claim(s, 1) < 0);
  CHECK(!tdm_ring_has(s));
}

/* The same slot at two positions: it is claimed at the second one. */
static void posted_anew_elsewhere(void) {
  tdm_share *s = new_share();
  post(s, 0);
  CHECK(tdm_ring_try_withdraw(s, 0));
  post(s, 1);
  post(s, 0);
  CHECK_INT(tdm_ring_try_claim(s, 1), 1);
  CHECK_INT(tdm_ring_try_claim(s, 1), 0);
  CHECK(tdm_ring_try_claim(s, 1) < 0);
}

/* With one at its head that nobody claims, withdrawn ones fill the ring. */
static void a_full_ring_refuses(void) {
  tdm_share *s = new_share();
  post(s, 0);
  for (unsigned i = 1; i < TDM_RING; i++) {
    post(s, 1);
    CHECK(tdm_ring_try_withdraw(s, 1));
  }
  CHECK_INT(tdm_ring_try_post(s, 1), 0);
  CHECK_INT(state_of(s, 1), TDM_SLOT_FREE);
  CHECK_INT(tdm_ring_try_claim(s, 1), 0);
  post(s, 1);
  CHECK_INT(tdm_ring_try_claim(s, 1), 1);
  CHECK(!tdm_ring_has(s));
  for (unsigned i = 0; i < 3 * TDM_RING; i++) { /* and none stays full */
    post(s, 1);
    CHECK(tdm_ring_try_withdraw(s, 1));
  }
  post(s, 1);
  CHECK_INT(tdm_ring_try_claim(s, 1), 1);
}

/* A worker that dies right after its claim has not moved the head. */
static void the_head_may_lie_behind(void) {
  tdm_share *s = new_share();
  post(s, 0);
  post(s, 1);
  CHECK_INT(tdm_ring_try_claim(s, 1), 0);
  tdm_store_total(&s->head, (uint64_t)0);
  CHECK(tdm_ring_has(s));
  CHECK_INT(tdm_ring_try_claim(s, 2), 1);
  CHECK(!tdm_ring_has(s));
  tdm_store_total(&s->head, (uint64_t)1);
  tdm_ring_skip_withdrawn(s);
  CHECK(!tdm_ring_has(s));
}

/* --- all at once ---------------------------------------------------------- */

enum { WORKERS = 4, MOST_SLOTS = 64 };

/* What became of a task, each at most once. */
typedef struct fate {
  atomic_int begun, finished, killed;
  int withdrawn, collected, buried;
} fate;

typedef struct game {
  tdm_share *s;
  long tasks;
  fate *fates;
  unsigned slots;
  atomic_int dead[MOST_SLOTS]; /* its worker knows that it was killed */
  atomic_int over;
  /* of the host */
  long next;
  long task[MOST_SLOTS]; /* in the slot, or -1 */
  long settled;
} game;

typedef struct hand {
  pthread_t thread;
  game *g;
  unsigned place, seed;
} hand;

static void pause_for(unsigned n) {
  for (; n > 0; n--) tdm_pause();
}

static void run_slot(hand *h, uint32_t slot) {
  game *g = h->g;
  tdm_slot *t = &g->s->slots[slot];
  fate *f = &g->fates[t->cookie];
  CHECK_INT(tdm_add_total(&f->begun, 1), 0);
  t->items = (uint32_t)t->cookie + h->place; /* its result */
  if (check_random(&h->seed, 8) == 0) pause_for(check_random(&h->seed, 200));
  if (tdm_ring_finish(g->s, slot) >= 0) {
    tdm_add_total(&f->finished, 1);
    return;
  }
  tdm_add_total(&f->killed, 1);
  tdm_store_total(&g->dead[slot], 1);
}

static void *be_worker(void *arg) {
  hand *h = arg;
  while (!tdm_load_total(&h->g->over)) {
    int slot = tdm_ring_try_claim(h->g->s, h->place);
    if (slot >= 0)
      run_slot(h, (uint32_t)slot);
    else
      sched_yield();
  }
  return NULL;
}

static void settle(game *g, uint32_t slot) {
  g->task[slot] = -1;
  g->settled++;
  tdm_ring_free(g->s, slot);
}

static void collect(game *g) {
  uint32_t at = tdm_ring_take_finished(g->s), next;
  for (; at != 0; at = next) {
    uint32_t slot = at - 1;
    tdm_slot *t = &g->s->slots[slot];
    next = t->next;
    CHECK_INT(t->cookie, (uint64_t)g->task[slot]);
    CHECK_INT(t->items - t->cookie, tdm_claim_place(tdm_load_total(&t->claim)));
    g->fates[g->task[slot]].collected++;
    settle(g, slot);
  }
}

static void bury(game *g, uint32_t slot) {
  if (!tdm_load_total(&g->dead[slot])) return;
  tdm_store_total(&g->dead[slot], 0);
  CHECK_INT(state_of(g->s, slot), TDM_SLOT_KILLED);
  g->fates[g->task[slot]].buried++;
  settle(g, slot);
}

static void disturb(game *g, uint32_t slot, unsigned what) {
  if (what == 0 && tdm_ring_try_withdraw(g->s, slot)) {
    g->fates[g->task[slot]].withdrawn++;
    settle(g, slot);
  } else if (what == 1) {
    tdm_ring_try_kill(g->s, slot);
  }
}

static void fill(game *g, uint32_t slot) {
  if (g->next == g->tasks) return;
  g->s->slots[slot].cookie = (uint64_t)g->next;
  if (tdm_ring_try_post(g->s, slot)) g->task[slot] = g->next++;
}

static void be_host(game *g, unsigned seed) {
  while (g->settled < g->tasks) {
    uint32_t slot = check_random(&seed, g->slots);
    if (g->task[slot] < 0)
      fill(g, slot);
    else
      disturb(g, slot, check_random(&seed, 16));
    if (g->task[slot] >= 0) bury(g, slot);
    collect(g);
  }
}

static void check_fate(fate *f) {
  CHECK_INT(f->begun, f->finished + f->killed);
  CHECK_INT(f->collected, f->finished);
  CHECK_INT(f->buried, f->killed);
  CHECK_INT(f->collected + f->buried + f->withdrawn, 1);
}

/* Each task has exactly one fate, whatever claims, withdrawals and kills meet.
 */
static void one_fate_each(unsigned slots) {
  game g = {.s = new_share(), .tasks = check_rounds(100000), .slots = slots};
  hand hands[WORKERS];
  g.fates = calloc((size_t)g.tasks, sizeof *g.fates);
  CHECK(g.fates != NULL);
  for (int i = 0; i < MOST_SLOTS; i++) g.task[i] = -1;
  for (unsigned i = 0; i < WORKERS; i++) {
    hands[i] = (hand){.g = &g, .place = i, .seed = i + 1};
    CHECK_INT(pthread_create(&hands[i].thread, NULL, be_worker, &hands[i]), 0);
  }
  be_host(&g, slots);
  tdm_store_total(&g.over, 1);
  for (int i = 0; i < WORKERS; i++) pthread_join(hands[i].thread, NULL);
  for (long i = 0; i < g.tasks; i++) check_fate(&g.fates[i]);
  CHECK(!tdm_ring_has(g.s) || tdm_ring_try_claim(g.s, 0) < 0);
  free(g.fates);
}

static void few_slots(void) { one_fate_each(2); }
static void some_slots(void) { one_fate_each(8); }
static void many_slots(void) { one_fate_each(MOST_SLOTS); }

TESTS(TEST(the_way_of_a_slot), TEST(first_in_first_out),
      TEST(the_oldest_finished_first), TEST(kill_and_finish_exclude_each_other),
      TEST(withdrawn_ones_are_passed_over), TEST(posted_anew_elsewhere),
      TEST(a_full_ring_refuses), TEST(the_head_may_lie_behind),
      SLOW_TEST(few_slots, 60), SLOW_TEST(some_slots, 60),
      SLOW_TEST(many_slots, 60))
