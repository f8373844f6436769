#include "jobs.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "nest.h"
#include "os.h"
#include "then.h"

typedef struct machine {
  recipe *recipe;
  tdm_ctl *ctl;
  int number;
  atomic_int interrupted; /* by the signal, or at the start of a run */
  /* what it submits, all NULL until it does */
  tdm_port *port;
  tdm_nest *nest;
  tdm_func *echo;
} machine;

/* --- the runner ----------------------------------------------------------- */

static int append(tdm_buf *out, const void *p, size_t n) {
  if (tdm_buf_reserve(out, n) != TDM_OK) return TDM_NOMEM;
  tdm_buf_put(out, p, n);
  return TDM_OK;
}

static int shall_fail(recipe *r) {
  if (tdm_sub_total(&r->opens_to_pass, 1) > 0) return 0;
  return tdm_sub_total(&r->opens_to_fail, 1) > 0;
}

static int open_machine(const void *arg, tdm_ctl *ctl, void **vm,
                        tdm_buf *why) {
  recipe *r = (recipe *)arg; /* its counters are what changes */
  if (r->at_open != NULL) gate_enter(r->at_open);
  if (shall_fail(r)) {
    if (r->error == TDM_BROKEN) append(why, JOBS_CAUSE, strlen(JOBS_CAUSE));
    return r->error;
  }
  machine *m = tdm_mem_new(sizeof *m);
  if (m == NULL) return TDM_NOMEM;
  *m = (machine){
      .recipe = r, .ctl = ctl, .number = tdm_add_total(&r->opened, 1) + 1};
  *vm = m;
  return TDM_OK;
}

static int start_machine(void *vm, tdm_buf *why) {
  (void)vm;
  (void)why;
  return TDM_OK;
}

/* A task may come without any function. */
static enum job job_of(const tdm_task *t) {
  return t->func == NULL ? JOB_ECHO : (enum job)(t->func->spec[0] - 'a');
}

static void look_up(void *vm) {
  machine *m = vm;
  tdm_store_relaxed(&m->interrupted, 1);
}

/* Its own argument, of `n` bytes. */
static void read_argument(const tdm_task *t, void *to, size_t n) {
  const char *p = tdm_payload_bytes(&t->payload);
  uint64_t before = 0;
  if (t->job == JOBS_THEN) {
    memcpy(&before, p, sizeof before);
    p += sizeof before + before;
  }
  CHECK(p + n <= tdm_payload_bytes(&t->payload) + t->payload.n);
  memcpy(to, p, n);
}

static void *target_of(const tdm_task *t) {
  void *p;
  read_argument(t, &p, sizeof p);
  return p;
}

static enum tdm_state fail(tdm_buf *out, const char *why) {
  append(out, why, strlen(why));
  return TDM_FAILED;
}

static enum tdm_state echo(const tdm_task *t, tdm_buf *out) {
  int err = append(out, tdm_payload_bytes(&t->payload), t->payload.n);
  return err == TDM_OK ? TDM_DONE : TDM_FAILED;
}

static void meet(meeting *m) {
  tdm_sub_total(&m->missing, 1);
  while (tdm_load_total(&m->missing) > 0) sched_yield();
}

static void take_note(const tdm_task *t) {
  note n;
  read_argument(t, &n, sizeof n);
  n.list[tdm_add_total(n.n, 1)] = n.value;
}

static enum tdm_state sleep_on(machine *m, gate *g, tdm_buf *out) {
  gate_enter(g);
  int err = tdm_ctl_sleep(m->ctl, TDM_FOREVER);
  return fail(out, err == TDM_ABORTED ? "told to end" : "woke up");
}

static int number_of(const tdm_task *t) {
  int n;
  read_argument(t, &n, sizeof n);
  return n;
}

/* As Lua code does it looks at what it was told only when it has been
 * interrupted. */
static enum tdm_state heed(machine *m, const tdm_task *t, tdm_buf *out) {
  enum tdm_why why = TDM_WHY_NOT;
  while (why == TDM_WHY_NOT) {
    while (!tdm_load_relaxed(&m->interrupted)) tdm_pause();
    tdm_store_relaxed(&m->interrupted, 0);
    why = tdm_ctl_why(m->ctl);
  }
  tdm_time end = tdm_clock_now() + number_of(t) * INT64_C(1000);
  while (tdm_clock_now() < end) tdm_pause();
  return why == TDM_WHY_CANCEL ? TDM_CANCELLED : fail(out, "out of time");
}

static enum tdm_state add(const tdm_task *t, tdm_buf *out) {
  int n = 0, own = number_of(t);
  /* A gate, for one, has no result. */
  if (t->job == JOBS_THEN && t->payload.n > TDM_THEN_HEAD + sizeof own)
    memcpy(&n, tdm_payload_bytes(&t->payload) + TDM_THEN_HEAD, sizeof n);
  n += own;
  return append(out, &n, sizeof n) == TDM_OK ? TDM_DONE : TDM_FAILED;
}

/* --- what processes do --- */

static door_address door_of(const tdm_task *t) {
  door_address d;
  read_argument(t, &d, sizeof d);
  return d;
}

static enum tdm_state nap(machine *m, const tdm_task *t, tdm_buf *out) {
  door_address d = door_of(t);
  door_knock(&d);
  int err = tdm_ctl_sleep(m->ctl, TDM_FOREVER);
  return fail(out, err == TDM_ABORTED ? "told to end" : "woke up");
}

static void loop(const tdm_task *t) {
  door_address d = door_of(t);
  door_knock(&d);
  for (;;) tdm_pause();
}

static enum tdm_state big(const tdm_task *t, tdm_buf *out) {
  size_t n;
  memcpy(&n, tdm_payload_bytes(&t->payload), sizeof n);
  if (tdm_buf_reserve(out, n) != TDM_OK) return TDM_FAILED;
  for (size_t i = 0; i < n; i++) out->p[i] = big_byte(i);
  out->n = n;
  return TDM_DONE;
}

static enum tdm_state attempt(const tdm_task *t, tdm_buf *out) {
  int now = t->attempt;
  if (now < number_of(t)) raise(SIGKILL);
  append(out, &now, sizeof now);
  return TDM_DONE;
}

/* --- tasks of tasks --- */

static const size_t lent[] = {8, 120, 121, 5000, 40000};
enum { LENT = sizeof lent / sizeof *lent };

static int has_nest(machine *m) {
  char spec[] = {'a' + JOB_ECHO, '\0'};
  if (m->port == NULL) m->port = tdm_port_new();
  if (m->echo == NULL) m->echo = tdm_func_get(TDM_FUNC_NAME, spec, 1, "lent");
  if (m->port == NULL || m->echo == NULL) return 0;
  if (m->nest != NULL) return 1;
  return tdm_nest_new((tdm_worker *)m->ctl, m->port, &m->nest) == TDM_OK;
}

static tdm_task *submit_echo(machine *m, size_t n) {
  tdm_buf b = {0};
  tdm_task *t = tdm_port_new_task(m->port);
  CHECK(t != NULL);
  t->func = m->echo;
  CHECK_INT(tdm_buf_reserve(&b, n), TDM_OK);
  for (size_t i = 0; i < n; i++) b.p[i] = big_byte(i);
  b.n = n;
  CHECK_INT(tdm_payload_take(&t->payload, &b), TDM_OK);
  tdm_buf_fini(&b);
  CHECK_INT(tdm_executor_submit(&m->nest->base, t), TDM_OK);
  return t;
}

/* Did it come to nothing? */
static int check_echo(const tdm_task *t, size_t n) {
  if (t->state != TDM_DONE) return 1;
  CHECK_INT(t->payload.n, n);
  for (size_t i = 0; i < n; i++)
    CHECK(tdm_payload_bytes(&t->payload)[i] == big_byte(i));
  return 0;
}

/* Gives others some time to take them, and runs what they have not taken. */
static enum tdm_state lend(machine *m, tdm_buf *out) {
  tdm_task *t[LENT];
  int failed = 0;
  if (!has_nest(m)) return TDM_FAILED;
  for (int i = 0; i < LENT; i++) t[i] = submit_echo(m, lent[i]);
  tdm_time until = tdm_clock_now() + TDM_SECOND / 50;
  while (m->port->away != 0) {
    tdm_port_wait(m->port, NULL, 1, until, 0);
    tdm_port_drain(m->port);
    if (tdm_clock_now() < until) continue;
    tdm_nest_run_all(m->nest);
    until = tdm_clock_now() + TDM_SECOND / 50;
  }
  for (int i = 0; i < LENT; i++) {
    failed += check_echo(t[i], lent[i]);
    tdm_port_release(t[i]);
  }
  return append(out, &failed, sizeof failed) == TDM_OK ? TDM_DONE : TDM_FAILED;
}

static enum tdm_state run_for_process(machine *m, tdm_task *t, tdm_buf *out) {
  pid_t pid = getpid();
  door_address d;
  switch (job_of(t)) {
    case JOB_PID:
      append(out, &pid, sizeof pid);
      return TDM_DONE;
    case JOB_DOOR:
      d = door_of(t);
      door_enter(&d);
      return TDM_DONE;
    case JOB_NAP:
      return nap(m, t, out);
    case JOB_LOOP:
      loop(t);
      return TDM_DONE;
    case JOB_EXIT:
      _exit(number_of(t));
    case JOB_DIE:
      signal(number_of(t), SIG_DFL); /* not the sanitizer's handler */
      raise(number_of(t));
      return fail(out, "lives on");
    case JOB_BIG:
      return big(t, out);
    case JOB_ATTEMPT:
      return attempt(t, out);
    case JOB_LEND:
      return lend(m, out);
    default:
      return fail(out, "no such job");
  }
}

static enum tdm_state run_job(void *vm, tdm_task *t, tdm_buf *out) {
  machine *m = vm;
  CHECK(m->ctl->task == t);
  CHECK(tdm_load_relaxed(&t->state) == TDM_RUNNING);
  switch (job_of(t)) {
    case JOB_ECHO:
      return echo(t, out);
    case JOB_COUNT:
      tdm_add_total((atomic_long *)target_of(t), 1);
      return TDM_DONE;
    case JOB_GATE:
      gate_enter(target_of(t));
      return TDM_DONE;
    case JOB_MEET:
      meet(target_of(t));
      return TDM_DONE;
    case JOB_NOTE:
      take_note(t);
      return TDM_DONE;
    case JOB_SLEEP:
      return sleep_on(m, target_of(t), out);
    case JOB_FAIL:
      return fail(out, "oops");
    case JOB_NOMEM:
      return TDM_FAILED;
    case JOB_WHO:
      append(out, &m->number, sizeof m->number);
      return TDM_DONE;
    case JOB_HEED:
      return heed(m, t, out);

    case JOB_ADD:
      return add(t, out);
    default:
      return run_for_process(m, t, out);
  }
}

static int has_garbage(void *vm) {
  (void)vm;
  return 1;
}

static void idle(void *vm) {
  machine *m = vm;
  tdm_add_total(&m->recipe->idled, 1);
}

static void close_machine(void *vm) {
  machine *m = vm;
  if (m->nest != NULL)
    tdm_nest_leave(m->nest, (tdm_funcs){0});
  else if (m->port != NULL)
    tdm_port_free(m->port);
  tdm_func_release(m->echo);
  tdm_add_total(&m->recipe->closed, 1);
  tdm_mem_free(m);
}

static void release(void *arg) {
  recipe *r = arg;
  tdm_add_total(&r->released, 1);
}

const tdm_runner jobs_runner = {
    .open = open_machine,
    .start = start_machine,
    .interrupt = look_up,
    .run = run_job,
    .has_garbage = has_garbage,
    .idle = idle,
    .close = close_machine,
    .release = release,
};

/* --- the rig --------------------------------------------------------------
 */

tdm_settings rig_settings(unsigned max_workers) {
  return (tdm_settings){
      .max_workers = max_workers, .spin = 50000, .name = "rig"};
}

/* Also tells worker processes whom to reproach with their leaks. */
static tdm_settings complete(const tdm_settings *s) {
  tdm_settings all = *s;
  char folder[400], host[16];
  snprintf(host, sizeof host, "%d", (int)getpid());
  setenv("TANDEM_TEST_HOST", host, 1);
  all.recipe_size = sizeof(recipe);
  CHECK(tdm_os_own_folder(folder, sizeof folder));
  if (all.program[0] == '\0')
    snprintf(all.program, sizeof all.program, "%s/worker", folder);
  return all;
}

void rig_open(rig *r, maker make, const tdm_settings *s) {
  tdm_settings all = complete(s);
  *r = (rig){.port = tdm_port_new()};
  CHECK(r->port != NULL);
  tdm_store_total(&r->recipe.opens_to_pass, 1 << 30);
  for (int i = 0; i < JOBS; i++) {
    char spec[] = {(char)('a' + i), '\0'};
    r->func[i] = tdm_func_get(TDM_FUNC_NAME, spec, 1, "job");
    CHECK(r->func[i] != NULL);
  }
  CHECK_INT(make(&all, &jobs_runner, &r->recipe, r->port, &r->e), TDM_OK);
}

void rig_end(rig *r) {
  tdm_executor_close(r->e);
  while (!tdm_executor_is_over(r->e)) {
    tdm_port_drain(r->port);
    tdm_port_wait(r->port, NULL, 1, TDM_FOREVER, 0);
  }
  tdm_port_drain(r->port);
  CHECK_INT(r->port->away, 0);
}

static void free_slot(tdm_task *t, void *arg) {
  (void)arg;
  tdm_payload_fini(&t->payload);
}

/* A thread that was given up may still be on its way home. */
static void await_the_lost(tdm_executor *e) {
  while (e->ops->lost != NULL && e->ops->lost(e) != 0) sched_yield();
}

void rig_close(rig *r) {
  rig_end(r);
  await_the_lost(r->e);
  tdm_executor_free(r->e);
  CHECK_INT(tdm_load_total(&r->recipe.opened),
            tdm_load_total(&r->recipe.closed));
  CHECK_INT(tdm_load_total(&r->recipe.released), 1);
  tdm_slab_each(&r->port->slab, free_slot, NULL);
  tdm_port_free(r->port);
  for (int i = 0; i < JOBS; i++) tdm_func_release(r->func[i]);
}

tdm_task *rig_task(rig *r, enum job job, const void *arg, size_t n) {
  tdm_buf b = {0};
  tdm_task *t = tdm_port_new_task(r->port);
  CHECK(t != NULL);
  t->func = r->func[job];
  CHECK_INT(append(&b, arg, n), TDM_OK);
  CHECK_INT(tdm_payload_take(&t->payload, &b), TDM_OK);
  tdm_buf_fini(&b);
  return t;
}

tdm_task *rig_submit(rig *r, enum job job, const void *arg, size_t n) {
  tdm_task *t = rig_task(r, job, arg, n);
  CHECK_INT(tdm_executor_submit(r->e, t), TDM_OK);
  return t;
}

tdm_task *rig_submit_to(rig *r, enum job job, const void *target) {
  return rig_submit(r, job, &target, sizeof target);
}

enum tdm_state rig_wait(rig *r, tdm_task *t) {
  for (;;) {
    tdm_port_drain(r->port);
    if (t->marks & TDM_SETTLED) break;
    CHECK_INT(tdm_port_wait(r->port, t, 1, TDM_FOREVER, 0), TDM_OK);
  }
  return (enum tdm_state)tdm_load_acquire(&t->state);
}

enum tdm_state rig_finish(rig *r, tdm_task *t) {
  enum tdm_state s = rig_wait(r, t);
  tdm_port_release(t);
  return s;
}

void rig_wait_all(rig *r) {
  for (;;) {
    tdm_port_drain(r->port);
    if (r->port->away == 0) return;
    int count = (int)r->port->away;
    CHECK_INT(tdm_port_wait(r->port, NULL, count, TDM_FOREVER, 0), TDM_OK);
  }
}

void rig_check_tally(rig *r, uint64_t done, uint64_t stopped, uint64_t failed) {
  tdm_tally *sum = tdm_mem_zero(sizeof *sum);
  CHECK(sum != NULL);
  tdm_executor_tally(r->e, sum);
  CHECK_INT(tdm_load_relaxed(&sum->done), done);
  CHECK_INT(tdm_load_relaxed(&sum->stopped), stopped);
  CHECK_INT(tdm_load_relaxed(&sum->failed), failed);
  tdm_mem_free(sum);
}

size_t rig_workers(rig *r) { return r->e->ops->workers(r->e, NULL, 0); }

/* The state letter of /proc/TID/stat. */
static int thread_state(int tid) {
  char path[64], line[256] = "", *end;
  snprintf(path, sizeof path, "/proc/%d/stat", tid);
  FILE *f = fopen(path, "re");
  if (f == NULL) return '?';
  char *got = fgets(line, sizeof line, f);
  fclose(f);
  end = got != NULL ? strrchr(line, ')') : NULL;
  return end != NULL ? end[2] : '?';
}

/* Idle, and asleep in the kernel: nothing but the executor's own parking
 * place holds an idle worker there for long. */
void rig_wait_asleep(rig *r, size_t n) {
  tdm_worker_view views[64];
  for (size_t asleep = 0; asleep != n; sched_yield()) {
    size_t all = r->e->ops->workers(r->e, views, 64);
    asleep = 0;
    for (size_t i = 0; i < all && i < 64; i++)
      asleep += views[i].tid != 0 && views[i].func == NULL &&
                thread_state(views[i].tid) == 'S';
  }
}

int payload_is(const tdm_task *t, const void *bytes, size_t n) {
  return t->payload.n == n &&
         memcmp(tdm_payload_bytes(&t->payload), bytes, n) == 0;
}

/* --- failing allocations --- */

static int use_rig(maker make, uint64_t max_tasks_per_worker,
                   int (*use)(rig *r)) {
  tdm_settings s = rig_settings(2);
  s.max_tasks_per_worker = max_tasks_per_worker;
  rig r = {.port = tdm_port_new(), .recipe = {.opens_to_pass = 1000}};
  if (r.port == NULL) return 1;
  if (make(&s, &jobs_runner, &r.recipe, r.port, &r.e) != TDM_OK) {
    tdm_port_free(r.port);
    return 1;
  }
  int bad = use(&r);
  rig_close(&r);
  return bad;
}

int rig_fail_each_allocation(maker make, uint64_t max_tasks_per_worker,
                             int (*use)(rig *r)) {
  int harmed = 0;
  for (long n = 1;; n++) {
    tdm_mem_fail_after(n);
    harmed += use_rig(make, max_tasks_per_worker, use) > 0;
    CHECK_INT(tdm_mem_live(), 0);
    if (tdm_mem_asked() < n) return harmed;
  }
}
