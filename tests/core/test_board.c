/* Who searches and who sleeps: here threads play the worker processes. */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "board.h"
#include "check.h"
#include "error.h"
#include "os.h"

static tdm_share *new_share(unsigned places) {
  int fd = tdm_os_memory_new("board");
  CHECK(fd >= 0 && tdm_os_memory_extend(fd, TDM_SHARE_SIZE) == 0);
  tdm_share *s = tdm_os_memory_map(fd, 0, TDM_SHARE_SIZE);
  CHECK(s != NULL);
  tdm_store_total(&s->places, places);
  for (unsigned i = 0; i < places; i++) s->place[i].bed.shared = 1;
  return s;
}

static void sleep_at(tdm_share *s, unsigned place) {
  tdm_board_search(s, place);
  tdm_board_lie_down(s, place);
}

static int has_notice(tdm_share *s, unsigned place) {
  return tdm_park_wait(&s->place[place].bed, 0) == TDM_OK;
}

/* --- transitions ---------------------------------------------------------- */

static void from_one_to_the_other(void) {
  tdm_share *s = new_share(2);
  CHECK_INT(tdm_board_searching(s) + tdm_board_sleeping(s), 0);
  tdm_board_search(s, 0);
  tdm_board_search(s, 0); /* as often as one likes */
  tdm_board_search(s, 1);
  CHECK_INT(tdm_board_searching(s), 2);
  CHECK(!tdm_board_stop_search(s, 1));
  CHECK_INT(tdm_board_searching(s), 1);
  tdm_board_lie_down(s, 0);
  CHECK_INT(tdm_board_searching(s), 0);
  CHECK_INT(tdm_board_sleeping(s), 1);
  CHECK(tdm_board_sleeps(s, 0) && !tdm_board_sleeps(s, 1));
  CHECK(!tdm_board_try_get_up(s, 1));
  CHECK(tdm_board_try_get_up(s, 0));
  CHECK(!tdm_board_try_get_up(s, 0));
  CHECK_INT(tdm_board_searching(s), 1);
  CHECK_INT(tdm_board_sleeping(s), 0);
  CHECK(tdm_board_stop_search(s, 0));
}

static void the_dead_are_wiped(void) {
  tdm_share *s = new_share(3);
  tdm_board_search(s, 0);
  sleep_at(s, 1);
  sleep_at(s, 2);
  tdm_board_wipe(s, 0);
  tdm_board_wipe(s, 1);
  CHECK_INT(tdm_board_searching(s), 0);
  CHECK_INT(tdm_board_sleeping(s), 1);
  CHECK(tdm_board_sleeps(s, 2));
}

static void the_lowest_is_woken(void) {
  static const unsigned places[] = {3, 31, 32, 33, 64, 500, TDM_PLACES - 1};
  enum { N = sizeof places / sizeof *places };
  tdm_share *s = new_share(TDM_PLACES);
  CHECK(!tdm_board_wake_one(s));
  for (int i = N; i-- > 0;) sleep_at(s, places[i]);
  CHECK_INT(tdm_board_sleeping(s), N);
  for (int i = 0; i < N; i++) {
    CHECK(tdm_board_wake_one(s));
    CHECK(has_notice(s, places[i]));
    CHECK(!tdm_board_sleeps(s, places[i]));
    CHECK_INT(tdm_board_searching(s), i + 1);
    for (int k = i + 1; k < N; k++) CHECK(!has_notice(s, places[k]));
  }
  CHECK(!tdm_board_wake_one(s));
}

static void one_is_woken_by_its_place(void) {
  tdm_share *s = new_share(100);
  sleep_at(s, 40);
  sleep_at(s, 70);
  tdm_board_wake(s, 70);
  CHECK(has_notice(s, 70) && !has_notice(s, 40));
  tdm_board_wake(s, 70); /* it does not sleep */
  CHECK(!has_notice(s, 70));
  CHECK(tdm_board_sleeps(s, 40));
}

static void all_places_are_apart(void) {
  tdm_share *s = new_share(TDM_PLACES);
  for (unsigned i = 0; i < TDM_PLACES; i++) {
    tdm_board_search(s, i);
    CHECK_INT(tdm_board_searching(s), i + 1);
  }
  for (unsigned i = 0; i < TDM_PLACES; i += 2) tdm_board_lie_down(s, i);
  CHECK_INT(tdm_board_searching(s), TDM_PLACES / 2);
  CHECK_INT(tdm_board_sleeping(s), TDM_PLACES / 2);
  for (unsigned i = 0; i < TDM_PLACES; i++)
    CHECK_INT(tdm_board_sleeps(s, i), i % 2 == 0);
}

/* --- sleep and wake ------------------------------------------------------- */

enum { WORKERS = 4 };

typedef struct game {
  tdm_share *s;
  atomic_long work, done;
  atomic_int over;
  unsigned first; /* place of the first worker */
} game;

typedef struct hand {
  pthread_t thread;
  game *g;
  unsigned place;
} hand;

static int try_take(game *g) {
  long n = tdm_load_total(&g->work);
  while (n > 0)
    if (tdm_cas_total(&g->work, &n, n - 1)) return 1;
  return 0;
}

/* As worker processes do it: see DESIGN.md, "Sleep and wake". */
static void sleep_until_called(hand *h) {
  game *g = h->g;
  tdm_board_lie_down(g->s, h->place);
  if ((tdm_load_total(&g->work) > 0 || tdm_load_total(&g->over)) &&
      tdm_board_try_get_up(g->s, h->place))
    return;
  while (tdm_park_wait(&g->s->place[h->place].bed, TDM_FOREVER) != TDM_OK ||
         tdm_board_sleeps(g->s, h->place))
    continue;
}

static void *be_worker(void *arg) {
  hand *h = arg;
  game *g = h->g;
  while (!tdm_load_total(&g->over)) {
    if (!try_take(g)) {
      sleep_until_called(h);
      continue;
    }
    if (tdm_board_stop_search(g->s, h->place) && tdm_load_total(&g->work) > 0)
      tdm_board_wake_one(g->s);
    do tdm_add_total(&g->done, 1L);
    while (try_take(g));
    tdm_board_search(g->s, h->place);
  }
  return NULL;
}

static void give_work(game *g, long n) {
  tdm_add_total(&g->work, n);
  if (tdm_board_searching(g->s) == 0) tdm_board_wake_one(g->s);
}

static void end_game(game *g, hand *hands) {
  tdm_store_total(&g->over, 1);
  for (int i = 0; i < WORKERS; i++) tdm_board_wake(g->s, hands[i].place);
  for (int i = 0; i < WORKERS; i++) pthread_join(hands[i].thread, NULL);
}

/* Work that lies while all sleep would end the case by its time limit. */
static void no_wake_is_lost(unsigned first) {
  game g = {.s = new_share(first + WORKERS), .first = first};
  hand hands[WORKERS];
  unsigned seed = first + 1;
  long given = 0;
  for (unsigned i = 0; i < WORKERS; i++) {
    hands[i] = (hand){.g = &g, .place = first + i};
    tdm_board_search(g.s, first + i);
    CHECK_INT(pthread_create(&hands[i].thread, NULL, be_worker, &hands[i]), 0);
  }
  for (long i = check_rounds(30000); i > 0; i--) {
    long n = 1 + (long)check_random(&seed, 3);
    give_work(&g, n);
    given += n;
    while (tdm_load_total(&g.done) != given) sched_yield();
    for (unsigned k = check_random(&seed, 300); k > 0; k--) tdm_pause();
  }
  end_game(&g, hands);
}

static void no_wake_is_lost_in_a_word(void) { no_wake_is_lost(0); }
static void no_wake_is_lost_across_words(void) { no_wake_is_lost(30); }

TESTS(TEST(from_one_to_the_other), TEST(the_dead_are_wiped),
      TEST(the_lowest_is_woken), TEST(one_is_woken_by_its_place),
      TEST(all_places_are_apart), SLOW_TEST(no_wake_is_lost_in_a_word, 60),
      SLOW_TEST(no_wake_is_lost_across_words, 60))
