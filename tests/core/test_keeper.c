/* A keeper: when it looks, and what it must not sleep through. */
#include "keeper.h"

#include <math.h>
#include <sched.h>

#include "check.h"
#include "error.h"
#include "gate.h"
#include "shortage.h"

#define HOUR (3600 * TDM_SECOND)

/* A keeper that notes its looks, and looks again when it is told to. */
typedef struct watch {
  tdm_keeper keeper;
  gate looks;
  _Atomic(tdm_time) again;   /* said by the next look, once; then: for ever */
  _Atomic(tdm_time) seen_at; /* when it looked last */
} watch;

static tdm_time look(void *arg) {
  watch *w = arg;
  tdm_store_total(&w->seen_at, tdm_clock_now());
  gate_enter(&w->looks);
  return tdm_swap_total(&w->again, TDM_FOREVER);
}

static void watch_make(watch *w, tdm_time again) {
  *w = (watch){.looks = GATE_SHUT, .again = again};
  w->keeper.look = look;
  w->keeper.arg = w;
  gate_open(&w->looks);
}

/* Until it has made up its mind when to look next. */
static void await_next(watch *w, tdm_time next) {
  while (tdm_load_total(&w->keeper.next) != next) sched_yield();
}

static void is_started_when_needed(void) {
  watch w;
  watch_make(&w, TDM_FOREVER);
  tdm_keeper_end(&w.keeper); /* none is there */
  CHECK(!w.keeper.is_there);
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  gate_await(&w.looks, 1);
  pthread_t first = w.keeper.thread;
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  CHECK(pthread_equal(first, w.keeper.thread));
  tdm_keeper_end(&w.keeper);
  CHECK(!w.keeper.is_there);
  tdm_keeper_end(&w.keeper);
  CHECK_INT(gate_entered(&w.looks), 1);
}

static void looks_at_the_moment_it_has_named(void) {
  watch w;
  tdm_time moment = tdm_clock_now() + TDM_SECOND / 50;
  watch_make(&w, moment);
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  gate_await(&w.looks, 2);
  CHECK(tdm_load_total(&w.seen_at) >= moment);
  await_next(&w, TDM_FOREVER);
  tdm_keeper_end(&w.keeper);
  CHECK_INT(gate_entered(&w.looks), 2);
}

static void looks_earlier_when_asked(void) {
  watch w;
  tdm_time far = tdm_clock_now() + HOUR;
  watch_make(&w, far);
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  await_next(&w, far);
  tdm_keeper_look_by(&w.keeper, far - 1);
  gate_await(&w.looks, 2);
  await_next(&w, TDM_FOREVER);
  tdm_keeper_look_by(&w.keeper, far);
  gate_await(&w.looks, 3);
  tdm_keeper_end(&w.keeper);
}

/* A thousand tasks with one limit shall not wake it a thousand times. */
static void sleeps_on_where_it_looks_in_time_anyway(void) {
  watch w;
  tdm_time far = tdm_clock_now() + HOUR;
  watch_make(&w, far);
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  await_next(&w, far);
  for (int i = 0; i < 1000; i++) {
    tdm_keeper_look_by(&w.keeper, far + i);
    sched_yield();
  }
  CHECK_INT(gate_entered(&w.looks), 1);
  tdm_keeper_end(&w.keeper);
  CHECK_INT(gate_entered(&w.looks), 1);
}

/* Asked while it looks, it does so once more: it may have passed that by. */
static void looks_again_when_asked_while_it_looks(void) {
  watch w;
  watch_make(&w, TDM_FOREVER);
  w.looks = (gate)GATE_SHUT;
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  gate_await(&w.looks, 1);
  tdm_keeper_look_by(&w.keeper, tdm_clock_now() + HOUR);
  gate_let(&w.looks, 1);
  gate_await(&w.looks, 2);
  gate_let(&w.looks, 1);
  tdm_keeper_end(&w.keeper);
}

static void ends_whatever_it_does(void) {
  for (long i = check_rounds(2000); i > 0; i--) {
    watch w;
    watch_make(&w, i % 3 == 0 ? TDM_FOREVER : tdm_clock_now() + HOUR);
    CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
    if (i % 2 == 0) gate_await(&w.looks, 1);
    tdm_keeper_end(&w.keeper);
  }
}

static void no_thread_for_it(void) {
  watch w;
  watch_make(&w, TDM_FOREVER);
  shortage_of_threads(0);
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_LIMIT);
  CHECK(!w.keeper.is_there);
  tdm_keeper_look_by(&w.keeper, 0); /* nobody hears it */
  tdm_keeper_end(&w.keeper);
  shortage_of_threads(-1);
  CHECK_INT(tdm_keeper_need(&w.keeper), TDM_OK);
  gate_await(&w.looks, 1);
  tdm_keeper_end(&w.keeper);
}

/* --- who asks races who looks --- */

typedef struct duty {
  tdm_keeper keeper;
  _Atomic(tdm_time) due; /* 0: nothing */
  atomic_long done;
} duty;

static tdm_time do_what_is_due(void *arg) {
  duty *d = arg;
  tdm_time due = tdm_load_total(&d->due);
  if (due == 0) return TDM_FOREVER;
  if (tdm_clock_now() < due) return due;
  tdm_store_total(&d->due, (tdm_time)0);
  tdm_add_total(&d->done, 1);
  return TDM_FOREVER;
}

/* As a worker does: publishes a deadline, then asks. The keeper is asleep,
 * about to be, or looking; a lost request would leave us waiting for ever. */
static void no_request_is_lost(void) {
  duty d = {.keeper = {.look = do_what_is_due, .arg = &d}};
  unsigned seed = 7;
  long rounds = check_rounds(30000);
  CHECK_INT(tdm_keeper_need(&d.keeper), TDM_OK);
  for (long i = 1; i <= rounds; i++) {
    tdm_time due = tdm_clock_now() + check_random(&seed, 20000);
    tdm_store_total(&d.due, due);
    tdm_keeper_look_by(&d.keeper, due);
    while (tdm_load_total(&d.done) < i) sched_yield();
    for (unsigned k = check_random(&seed, 300); k > 0; k--) tdm_pause();
  }
  tdm_keeper_end(&d.keeper);
  CHECK_INT(d.done, rounds);
}

/* --- moments --- */

static void a_limit_that_never_comes(void) {
  tdm_time now = tdm_clock_now();
  CHECK_INT(tdm_clock_after(now, 1e10), TDM_FOREVER);
  CHECK_INT(tdm_clock_after(now, 1e300), TDM_FOREVER);
  CHECK_INT(tdm_clock_after(now, INFINITY), TDM_FOREVER);
  CHECK_INT(tdm_clock_after(now, 2), now + 2 * TDM_SECOND);
  CHECK_INT(tdm_clock_after(now, 1e-12), now);
  CHECK(tdm_clock_deadline(NAN) <= tdm_clock_now());
  CHECK(tdm_clock_deadline(-1) <= tdm_clock_now());
}

TESTS(TEST(is_started_when_needed), TEST(looks_at_the_moment_it_has_named),
      TEST(looks_earlier_when_asked),
      TEST(sleeps_on_where_it_looks_in_time_anyway),
      TEST(looks_again_when_asked_while_it_looks), TEST(ends_whatever_it_does),
      TEST(no_thread_for_it), SLOW_TEST(no_request_is_lost, 60),
      TEST(a_limit_that_never_comes))
