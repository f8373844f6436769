/* Everything that may happen to a pool of worker processes, at once and at
 * random: each task has one outcome, and the pool ends. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "crew.h"

enum { MOST_TASKS = 200, STEPS = 1500 };

typedef struct party {
  crew c;
  unsigned seed;
  tdm_task *task[MOST_TASKS];
  size_t size[MOST_TASKS];
  int n;
  int deaths; /* that we have caused: so many may crash */
  int crashed, cancelled, done;
} party;

static unsigned below(party *p, unsigned n) {
  return check_random(&p->seed, n);
}

/* --- what happens --------------------------------------------------------- */

static void submit(party *p) {
  static const size_t sizes[] = {1, 8, 24, 100, 129, 2000, 40000, 100000};
  if (p->n == MOST_TASKS) return;
  size_t n = sizes[below(p, 8)];
  tdm_task *t = rig_task(&p->c.r, JOB_BIG, &n, sizeof n);
  if (below(p, 8) == 0) t->priority = (int)below(p, 5) - 2;
  if (below(p, 8) == 0) t->retries = 2;
  int err = tdm_executor_submit(p->c.r.e, t);
  if (err == TDM_OK) {
    p->size[p->n] = n;
    p->task[p->n++] = t;
    return;
  }
  CHECK(err == TDM_FULL || err == TDM_BROKEN);
  tdm_port_release(t);
}

static void check_done(const tdm_task *t, size_t n) {
  const char *bytes = tdm_payload_bytes(&t->payload);
  CHECK_INT(t->payload.n, n);
  for (size_t i = 0; i < n; i += n / 50 + 1) CHECK(bytes[i] == big_byte(i));
}

static void check_outcome(party *p, const tdm_task *t, size_t n) {
  CHECK(t->marks & TDM_SETTLED);
  switch ((enum tdm_state)tdm_load_relaxed(&t->state)) {
    case TDM_DONE:
      p->done++;
      check_done(t, n);
      break;
    case TDM_CANCELLED:
      p->cancelled++;
      break;
    default:
      p->crashed += note_of(t).kind == TDM_NOTE_CRASHED;
  }
}

/* Takes the i-th out. */
static void finish(party *p, int i) {
  rig_wait(&p->c.r, p->task[i]);
  check_outcome(p, p->task[i], p->size[i]);
  tdm_port_release(p->task[i]);
  p->task[i] = p->task[--p->n];
  p->size[i] = p->size[p->n];
}

static int some_task(party *p) {
  return p->n == 0 ? -1 : (int)below(p, (unsigned)p->n);
}

static void kill_a_worker(party *p) {
  pid_t pids[8];
  size_t n = crew_pids(&p->c, pids, 8);
  pid_t pid = n > 0 && n <= 8 ? pids[below(p, (unsigned)n)] : 0;
  if (pid <= 0) return;
  p->deaths++;
  strike(pid, SIGKILL);
}

static void kill_the_zygote(party *p) {
  pid_t pid = crew_zygote(&p->c);
  if (pid > 0 && kill(pid, 0) == 0) strike(pid, SIGKILL);
}

/* On a pool that goes on: a worker may take one more task before its signal
 * comes, and that one crashes. */
static void kill_all(party *p) {
  p->deaths += (int)rig_workers(&p->c.r);
  tdm_executor_kill(p->c.r.e);
}

static void happen(party *p) {
  tdm_executor *e = p->c.r.e;
  unsigned what = below(p, 1000);
  int i = some_task(p);
  if (what < 700)
    submit(p);
  else if (what < 800 && i >= 0)
    finish(p, i);
  else if (what < 850 && i >= 0)
    tdm_executor_try_cancel(p->task[i]);
  else if (what < 870 && i >= 0)
    tdm_executor_try_kill(p->task[i]);
  else if (what < 880 && i >= 0)
    tdm_executor_try_interrupt(p->task[i]);
  else if (what < 890)
    CHECK_INT(e->ops->resize(e, 1 + below(p, 5)), TDM_OK);
  else if (what < 895)
    kill_a_worker(p);
  else if (what < 898)
    kill_the_zygote(p);
  else if (what < 900)
    kill_all(p);
  else if (what < 905)
    tdm_executor_cancel_pending(e);
  else if (what < 910)
    tdm_port_release(rig_submit(&p->c.r, JOB_ECHO, "x", 1));
  else if (what < 950)
    tdm_port_drain(p->c.r.port);
  else
    for (unsigned k = below(p, 3000); k > 0; k--) tdm_pause();
}

/* --- the whole ------------------------------------------------------------ */

static void run_party(unsigned seed, const tdm_settings *s) {
  party p = {.seed = seed};
  crew_open(&p.c, s);
  for (int i = 0; i < STEPS && !tdm_load_total(&p.c.r.e->broken); i++)
    happen(&p);
  if (below(&p, 2) == 0) tdm_executor_close(p.c.r.e);
  if (below(&p, 4) == 0) kill_all(&p);
  while (p.n > 0) finish(&p, p.n - 1);
  CHECK(p.crashed <= p.deaths);
  CHECK(p.done > 0);
  crew_close(&p.c);
}

static void parties(const tdm_settings *s) {
  for (unsigned i = (unsigned)check_rounds(24); i > 0; i--) run_party(i, s);
}

static void a_mixture(void) {
  tdm_settings s = rig_settings(4);
  parties(&s);
}

static void a_mixture_without_spin(void) {
  tdm_settings s = rig_settings(3);
  s.spin = 0;
  parties(&s);
}

static void a_mixture_of_the_worn_out(void) {
  tdm_settings s = rig_settings(3);
  s.max_tasks_per_worker = 5;
  parties(&s);
}

static void a_mixture_for_one(void) {
  tdm_settings s = rig_settings(1);
  parties(&s);
}

TESTS(SLOW_TEST(a_mixture, 60), SLOW_TEST(a_mixture_without_spin, 60),
      SLOW_TEST(a_mixture_of_the_worn_out, 60),
      SLOW_TEST(a_mixture_for_one, 60))
