/* A parking place: notices, deadlines, signals, and wakes that race waits. */
#include "park.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "check.h"
#include "error.h"

static void notice_before_wait(void) {
  tdm_park p = {0};
  tdm_park_wake(&p);
  CHECK_INT(tdm_park_wait(&p, TDM_FOREVER), TDM_OK);
  CHECK_INT(tdm_park_wait(&p, 0), TDM_TIMEOUT);
}

static void holds_one_notice_at_most(void) {
  tdm_park p = {0};
  tdm_park_wake(&p);
  tdm_park_wake(&p);
  CHECK_INT(tdm_park_wait(&p, 0), TDM_OK);
  CHECK_INT(tdm_park_wait(&p, 0), TDM_TIMEOUT);
}

static void waits_as_long_as_told(void) {
  tdm_park p = {0};
  tdm_time start = tdm_clock_now();
  CHECK_INT(tdm_park_wait(&p, start + TDM_SECOND / 50), TDM_TIMEOUT);
  CHECK(tdm_clock_now() >= start + TDM_SECOND / 50);
}

static void past_deadlines_poll(void) {
  tdm_park p = {0};
  CHECK_INT(tdm_park_wait(&p, tdm_clock_now()), TDM_TIMEOUT);
  CHECK_INT(tdm_park_wait(&p, 1), TDM_TIMEOUT);
  CHECK_INT(tdm_park_wait(&p, -1), TDM_TIMEOUT);
  CHECK_INT(tdm_park_wait(&p, INT64_MIN), TDM_TIMEOUT);
}

/* --- two threads ---------------------------------------------------------- */

typedef struct pair {
  tdm_park ping, pong;
  long rounds;
} pair;

static void *answer(void *arg) {
  pair *x = arg;
  for (long i = 0; i < x->rounds; i++) {
    CHECK_INT(tdm_park_wait(&x->ping, TDM_FOREVER), TDM_OK);
    tdm_park_wake(&x->pong);
  }
  return NULL;
}

/* Some rounds find the other asleep, some awake, some on its way. */
static void no_wake_is_lost(void) {
  pair x = {.rounds = check_rounds(100000)};
  pthread_t thread;
  unsigned seed = 1;
  CHECK_INT(pthread_create(&thread, NULL, answer, &x), 0);
  for (long i = 0; i < x.rounds; i++) {
    for (unsigned k = check_random(&seed, 200); k > 0; k--) tdm_pause();
    tdm_park_wake(&x.ping);
    CHECK_INT(tdm_park_wait(&x.pong, TDM_FOREVER), TDM_OK);
  }
  pthread_join(thread, NULL);
}

typedef struct flags {
  tdm_park park;
  atomic_long posted;
  long rounds;
} flags;

static void *post_all(void *arg) {
  flags *x = arg;
  unsigned seed = 2;
  for (long i = 1; i <= x->rounds; i++) {
    for (unsigned k = check_random(&seed, 100); k > 0; k--) tdm_pause();
    tdm_store_total(&x->posted, i);
    tdm_park_wake(&x->park);
  }
  return NULL;
}

/* The waker never waits for the waiter; deadlines pass in the middle of it. */
static void wakes_race_timeouts(void) {
  flags x = {.rounds = check_rounds(100000)};
  pthread_t thread;
  unsigned seed = 3;
  CHECK_INT(pthread_create(&thread, NULL, post_all, &x), 0);
  for (long seen = 0; seen < x.rounds;) {
    tdm_time until =
        check_random(&seed, 3) == 0 ? TDM_FOREVER : tdm_clock_now() + 2000;
    int err = tdm_park_wait(&x.park, until);
    CHECK(err == TDM_OK || (err == TDM_TIMEOUT && until != TDM_FOREVER));
    long now = tdm_load_total(&x.posted);
    CHECK(now >= seen);
    seen = now;
  }
  pthread_join(thread, NULL);
}

/* --- signals -------------------------------------------------------------- */

typedef struct nuisance {
  pthread_t target;
  atomic_int stop;
} nuisance;

static void on_signal(int signo) { (void)signo; }

static void *disturb(void *arg) {
  nuisance *x = arg;
  while (!tdm_load_total(&x->stop)) {
    pthread_kill(x->target, SIGUSR1);
    sched_yield();
  }
  return NULL;
}

static void signals_interrupt(void) {
  struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  nuisance x = {.target = pthread_self()};
  tdm_park p = {0};
  pthread_t thread;
  CHECK_INT(sigaction(SIGUSR1, &a, NULL), 0);
  CHECK_INT(pthread_create(&thread, NULL, disturb, &x), 0);
  /* The kernel would resume a wait that has no deadline: see futex_wait. */
  CHECK_INT(tdm_park_wait(&p, tdm_clock_now() + 60 * TDM_SECOND), TDM_INTR);
  CHECK_INT(tdm_park_wait(&p, TDM_FOREVER), TDM_INTR);
  tdm_store_total(&x.stop, 1);
  pthread_join(thread, NULL);
  tdm_park_wake(&p);
  CHECK_INT(tdm_park_wait(&p, TDM_FOREVER), TDM_OK);
}

/* --- calls ---------------------------------------------------------------- */

typedef struct caller {
  long after; /* so many looks it is there */
} caller;

static int is_there(void *arg) {
  caller *c = arg;
  return c->after-- == 0;
}

static void calls_are_heard_without_a_wake(void) {
  caller c = {.after = 1};
  tdm_call call = {is_there, &c};
  tdm_park p = {0};
  CHECK_INT(tdm_park_wait_or_call(&p, TDM_FOREVER, &call), TDM_INTR);
  CHECK_INT(c.after, -1);
  tdm_park_wake(&p);
  CHECK_INT(tdm_park_wait_or_call(&p, TDM_FOREVER, &call), TDM_OK);
}

static void who_hears_calls_waits_as_long_as_told(void) {
  caller c = {.after = -1};
  tdm_call call = {is_there, &c}, none = {0};
  tdm_park p = {0};
  for (int i = 1; i <= 2; i++) {
    tdm_time until = tdm_clock_now() + i * TDM_SECOND / 5;
    CHECK_INT(tdm_park_wait_or_call(&p, until, &call), TDM_TIMEOUT);
    CHECK(tdm_clock_now() >= until);
    CHECK_INT(tdm_park_wait_or_call(&p, until, &none), TDM_TIMEOUT);
  }
}

TESTS(TEST(notice_before_wait), TEST(holds_one_notice_at_most),
      TEST(waits_as_long_as_told), TEST(past_deadlines_poll),
      TEST(no_wake_is_lost), TEST(wakes_race_timeouts), TEST(signals_interrupt),
      TEST(calls_are_heard_without_a_wake),
      TEST(who_hears_calls_waits_as_long_as_told))
