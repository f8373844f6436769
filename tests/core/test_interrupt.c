/* The signal that makes a thread look up: which one, who takes it, and what it
 * looks up from. */
#include "interrupt.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "check.h"
#include "jobs.h"
#include "thread.h"

static void count(void *arg) { tdm_add_total((atomic_int *)arg, 1); }

/* --- which signal --- */

static int is_default(int signal) {
  struct sigaction now;
  CHECK_INT(sigaction(signal, NULL, &now), 0);
  return now.sa_handler == SIG_DFL;
}

static void take(int signal) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_IGN;
  CHECK_INT(sigaction(signal, &action, NULL), 0);
}

static void nothing_changes_before_it_is_needed(void) {
  int s = tdm_interrupt_signal();
  CHECK(s >= SIGRTMIN && s <= SIGRTMAX);
  CHECK_INT(tdm_interrupt_signal(), s);
  for (int i = SIGRTMIN; i <= SIGRTMAX; i++) CHECK(is_default(i));
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
  for (int i = SIGRTMIN; i <= SIGRTMAX; i++) CHECK_INT(is_default(i), i != s);
}

static void takes_none_that_is_in_use(void) {
  for (int i = SIGRTMIN; i <= SIGRTMAX; i++)
    if (i != SIGRTMIN + 2) take(i);
  CHECK_INT(tdm_interrupt_signal(), SIGRTMIN + 2);
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
}

static void all_are_in_use(void) {
  atomic_int n = 0;
  tdm_interruptible x = {count, &n};
  for (int i = SIGRTMIN; i <= SIGRTMAX; i++) take(i);
  CHECK_INT(tdm_interrupt_signal(), 0);
  CHECK_INT(tdm_interrupt_install(), TDM_LIMIT);
  CHECK(tdm_interrupt_here(&x) == NULL);
  CHECK(tdm_interrupt_here(NULL) == NULL);
}

/* Between the first worker, who has to know it, and the first interrupt. */
static void a_host_has_taken_it_meanwhile(void) {
  int s = tdm_interrupt_signal();
  struct sigaction now;
  take(s);
  CHECK_INT(tdm_interrupt_install(), TDM_LIMIT);
  CHECK_INT(sigaction(s, NULL, &now), 0);
  CHECK(now.sa_handler == SIG_IGN);
}

/* --- who looks up --- */

enum { THREADS = 5 };

typedef struct looker {
  pthread_t thread;
  gate *at;
  atomic_int looked;
} looker;

static void *stand_at_the_gate(void *arg) {
  looker *x = arg;
  tdm_interruptible mine = {count, &x->looked};
  tdm_thread_heed_interrupts();
  CHECK(tdm_interrupt_here(&mine) == NULL);
  gate_enter(x->at);
  CHECK(tdm_interrupt_here(NULL) == &mine);
  return NULL;
}

static void await_look(looker *x, int n) {
  while (tdm_load_total(&x->looked) < n) sched_yield();
}

static void only_the_thread_that_is_meant(void) {
  gate g = GATE_SHUT;
  looker all[THREADS];
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
  for (int i = 0; i < THREADS; i++) {
    all[i] = (looker){.at = &g};
    CHECK_INT(tdm_thread_new(&all[i].thread, TDM_SMALL_STACK, stand_at_the_gate,
                             &all[i]),
              TDM_OK);
  }
  gate_await(&g, THREADS);
  for (int i = 0; i < 1000; i++) {
    looker *x = &all[i % THREADS];
    pthread_kill(x->thread, tdm_interrupt_signal());
    await_look(x, i / THREADS + 1);
    for (int k = 0; k < THREADS; k++)
      CHECK_INT(all[k].looked, (i + THREADS - k) / THREADS);
  }
  gate_open(&g);
  for (int i = 0; i < THREADS; i++) pthread_join(all[i].thread, NULL);
}

/* --- what it looks up from --- */

/* raise returns when the handler has run. */
static void interrupt_myself(void) {
  CHECK_INT(raise(tdm_interrupt_signal()), 0);
  sched_yield(); /* a sanitizer may put it off until the next call */
}

static void nothing_runs_here(void) {
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
  interrupt_myself();
}

static void looks_up_from_what_runs_now(void) {
  atomic_int a = 0, b = 0;
  tdm_interruptible x = {count, &a}, y = {count, &b};
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
  tdm_interrupt_here(&x);
  interrupt_myself();
  CHECK(tdm_interrupt_here(&y) == &x);
  interrupt_myself();
  interrupt_myself();
  CHECK(tdm_interrupt_here(NULL) == &y);
  interrupt_myself();
  CHECK_INT(a, 1);
  CHECK_INT(b, 2);
}

/* A task that runs another one in a pool of its own, in the same thread: it is
 * the one that runs again afterwards. */
static void a_task_within_a_task(void) {
  atomic_int n = 0;
  tdm_interruptible outer = {count, &n};
  tdm_settings s = rig_settings(1);
  rig r;
  CHECK_INT(tdm_interrupt_install(), TDM_OK);
  tdm_interrupt_here(&outer);
  rig_open(&r, tdm_serial_new, &s);
  CHECK_INT(rig_finish(&r, rig_submit(&r, JOB_ECHO, "x", 1)), TDM_DONE);
  rig_close(&r);
  interrupt_myself();
  CHECK_INT(n, 1);
  CHECK(tdm_interrupt_here(NULL) == &outer);
}

TESTS(TEST(nothing_changes_before_it_is_needed),
      TEST(takes_none_that_is_in_use), TEST(all_are_in_use),
      TEST(a_host_has_taken_it_meanwhile), TEST(only_the_thread_that_is_meant),
      TEST(nothing_runs_here), TEST(looks_up_from_what_runs_now),
      TEST(a_task_within_a_task))
