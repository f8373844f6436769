/* Worker processes that die at each step of the protocol, and a host that lacks
 * memory, descriptors or threads at each point of a launch. */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "crew.h"
#include "procs.h"
#include "shortage.h"

/* --- death at each step --------------------------------------------------- */

enum { MOST_TASKS = 20 };

/* What a load is like. */
typedef struct load {
  unsigned workers;
  int tasks;
  tdm_time spin;
  uint64_t max_tasks_per_worker;
  int retries;
  int by_descriptor; /* wait by polling the port's */
  int one_by_one;    /* wait for each before the next */
  int lends;         /* they have others run tasks for them */
} load;

static const size_t sizes[] = {8, 100, 1000, 40000, 200000};

static size_t size_of(int i) { return sizes[i % 5]; }

/* Some have large arguments, some large results. */
static tdm_task *submit_part(crew *c, const load *l, int i) {
  size_t n = size_of(i);
  char *bytes = malloc(n);
  CHECK(bytes != NULL);
  for (size_t k = 0; k < n; k++) bytes[k] = big_byte(k);
  tdm_task *t = l->lends     ? rig_task(&c->r, JOB_LEND, NULL, 0)
                : i % 3 == 0 ? rig_task(&c->r, JOB_BIG, &n, sizeof n)
                             : rig_task(&c->r, JOB_ECHO, bytes, n);
  t->retries = (unsigned)l->retries & TDM_MOST_RETRIES;
  CHECK_INT(tdm_executor_submit(c->r.e, t), TDM_OK);
  free(bytes);
  return t;
}

static void wait_by_descriptor(crew *c, const tdm_task *t) {
  struct pollfd fd = {.fd = tdm_port_fileno(c->r.port), .events = POLLIN};
  for (;;) {
    tdm_port_clear_fd(c->r.port);
    tdm_port_drain(c->r.port);
    if (t->marks & TDM_SETTLED) return;
    CHECK_INT(poll(&fd, 1, -1), 1);
  }
}

static void await(crew *c, const load *l, tdm_task *t) {
  if (l->by_descriptor)
    wait_by_descriptor(c, t);
  else
    rig_wait(&c->r, t);
}

static void check_bytes(const tdm_task *t, size_t n) {
  const char *bytes = tdm_payload_bytes(&t->payload);
  CHECK_INT(t->payload.n, n);
  for (size_t i = 0; i < n; i++) CHECK(bytes[i] == big_byte(i));
}

/* What it has lent crashes like any other task. */
static int crashes_lent(const tdm_task *t) {
  int n;
  CHECK_INT(t->payload.n, sizeof n);
  memcpy(&n, tdm_payload_bytes(&t->payload), sizeof n);
  return n;
}

/* Did it crash? Else it must have its result. */
static int check_part(const load *l, const tdm_task *t, int i) {
  if (t->state == TDM_DONE && l->lends) return crashes_lent(t);
  if (t->state == TDM_DONE) {
    check_bytes(t, size_of(i));
    return 0;
  }
  CHECK_INT(note_of(t).kind, TDM_NOTE_CRASHED);
  return 1;
}

/* How many tasks crashed. */
static int carry(crew *c, const load *l) {
  tdm_task *t[MOST_TASKS];
  int crashed = 0;
  for (int i = 0; i < l->tasks; i++) {
    t[i] = submit_part(c, l, i);
    if (l->one_by_one) await(c, l, t[i]);
  }
  for (int i = 0; i < l->tasks; i++) await(c, l, t[i]);
  for (int i = 0; i < l->tasks; i++) crashed += check_part(l, t[i], i);
  for (int i = 0; i < l->tasks; i++) tdm_port_release(t[i]);
  return crashed;
}

/* Has somebody died of it? */
static int dies_at(int step, const load *l) {
  tdm_settings s = rig_settings(l->workers);
  s.spin = l->spin;
  s.max_tasks_per_worker = l->max_tasks_per_worker;
  char number[16];
  crew c;
  snprintf(number, sizeof number, "%d", step);
  setenv("TANDEM_DIE_AT", number, 1);
  crew_open(&c, &s);
  int crashed = carry(&c, l);
  rig_end(&c.r);
  int died = tdm_procs_of(c.r.e)->fuse;
  CHECK(crashed <= died && (l->retries == 0 || crashed == 0));
  CHECK(!c.r.e->broken);
  crew_close(&c);
  return died;
}

/* Which worker comes how far differs from run to run. A slow build makes do
 * with some of the steps, others each time. */
static void dies_at_each_step(const load *l) {
  int stride = (int)(12 / check_rounds(12)), deaths = 0, without = 0;
  int step = 1 + (int)getpid() % stride;
  for (; without < 12 / stride + 1; step += stride) {
    int died = dies_at(step, l);
    deaths += died;
    without = died ? 0 : without + 1;
  }
#ifdef TDM_DEBUG
  CHECK(deaths > l->tasks / stride);
#endif
}

static void deaths_of_one_of_two(void) {
  dies_at_each_step(&(load){.workers = 2, .tasks = 20, .spin = 50000});
}
static void deaths_without_spin(void) {
  dies_at_each_step(&(load){.workers = 2, .tasks = 10});
}
static void deaths_of_the_only_one(void) {
  dies_at_each_step(&(load){.workers = 1, .tasks = 10, .spin = 50000});
}
static void deaths_with_retries(void) {
  dies_at_each_step(&(load){.workers = 2, .tasks = 10, .retries = 1});
}
static void deaths_one_by_one(void) {
  dies_at_each_step(&(load){.workers = 2, .tasks = 10, .one_by_one = 1});
}
static void deaths_by_descriptor(void) {
  dies_at_each_step(
      &(load){.workers = 2, .tasks = 10, .by_descriptor = 1, .one_by_one = 1});
}
static void deaths_of_the_worn_out(void) {
  dies_at_each_step(
      &(load){.workers = 2, .tasks = 10, .max_tasks_per_worker = 3});
}

static void deaths_of_lenders(void) {
  dies_at_each_step(&(load){.workers = 3, .tasks = 2, .lends = 1});
}
static void deaths_of_worn_out_lenders(void) {
  dies_at_each_step(
      &(load){.workers = 3, .tasks = 4, .lends = 1, .max_tasks_per_worker = 3});
}

/* --- memory, descriptors, threads ----------------------------------------- */

/* A task that was accepted, or NULL. */
static tdm_task *try_task(crew *c, size_t n) {
  tdm_buf b = {0};
  tdm_task *t = tdm_port_new_task(c->r.port);
  if (t == NULL) return NULL;
  t->func = c->r.func[JOB_ECHO];
  tdm_buf_use_heap(&b, c->r.e->heap);
  int err = tdm_buf_reserve(&b, n);
  if (err == TDM_OK) {
    memset(b.p, 'x', n);
    b.n = n;
    err = tdm_payload_take(&t->payload, &b);
  }
  tdm_buf_fini(&b);
  if (err == TDM_OK) err = tdm_executor_submit(c->r.e, t);
  if (err == TDM_OK) return t;
  CHECK(err == TDM_NOMEM || err == TDM_LIMIT);
  tdm_port_release(t);
  return NULL;
}

/* What went wrong: refused or failed tasks. */
static int use_pool(crew *c) {
  static const size_t some[] = {1, 20, 100, 3000, 5000, 50000};
  tdm_task *tasks[12];
  int bad = 0;
  for (int i = 0; i < 12; i++) tasks[i] = try_task(c, some[i % 6]);
  rig_wait_all(&c->r);
  for (int i = 0; i < 12; i++) {
    tdm_task *t = tasks[i];
    if (t == NULL) {
      bad++;
      continue;
    }
    CHECK(t->state == TDM_DONE || t->payload.n == 0);
    CHECK(t->state != TDM_DONE || t->payload.n == some[i % 6]);
    bad += rig_finish(&c->r, t) != TDM_DONE;
  }
  return bad;
}

/* The n-th allocation fails, from the launch on, for each n until there is no
 * n-th; then the pool still works. */
/* How often it came to harm. */
static int fail_each_allocation(int (*use)(crew *c)) {
  int harmed = 0;
  for (long n = 1;; n++) {
    crew c;
    crew_open_with(&c, 2);
    tdm_mem_fail_after(n);
    harmed += use(&c) > 0;
    long asked = tdm_mem_asked();
    tdm_mem_fail_after(0);
    CHECK_INT(use(&c), 0);
    crew_close(&c);
    if (asked < n) return harmed;
  }
}

static void each_allocation_fails(void) {
  CHECK(fail_each_allocation(use_pool) > 5);
}

/* What the host has no memory for goes back to whoever wanted to lend it; but
 * for a result, as that has run. */
static int use_lender(crew *c) {
  tdm_task *t = tdm_port_new_task(c->r.port);
  if (t == NULL) return 1;
  t->func = c->r.func[JOB_LEND];
  if (tdm_executor_submit(c->r.e, t) != TDM_OK) {
    tdm_port_release(t);
    return 1;
  }
  int bad = rig_wait(&c->r, t) != TDM_DONE || crashes_lent(t) != 0;
  tdm_port_release(t);
  return bad;
}

static void each_allocation_fails_for_a_lender(void) {
  CHECK(fail_each_allocation(use_lender) > 2);
}

static void each_allocation_fails_to_make(void) {
  recipe rec = {0};
  tdm_executor *e = NULL;
  tdm_settings s = rig_settings(1);
  tdm_mem_fail_after(1);
  CHECK_INT(tdm_procs_new(&s, &jobs_runner, &rec, NULL, &e), TDM_NOMEM);
  tdm_mem_fail_after(0);
  CHECK(e == NULL);
  CHECK_INT(rec.released, 0);
}

/* So many more descriptors can be had. */
static void allow_descriptors(int n) {
  struct rlimit limit;
  CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  if (n >= 0) {
    int lowest = fcntl(1, F_DUPFD, 0);
    CHECK(lowest >= 0);
    close(lowest);
    limit.rlim_cur = (rlim_t)lowest + (rlim_t)n;
  }
  CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* The n-th descriptor fails: an error or fewer workers, and later use works. */
static void each_descriptor_fails(void) {
  int harmed = 0, refused = 1;
  for (int n = 0; n < 20; n++) {
    crew c;
    crew_open_with(&c, 3);
    allow_descriptors(n);
    refused = use_pool(&c) > 0;
    harmed += refused;
    allow_descriptors(-1);
    CHECK_INT(use_pool(&c), 0);
    crew_close(&c);
  }
  CHECK(!refused);
  CHECK(harmed >= 4);
}

static void no_thread_for_the_manager(void) {
  crew c;
  crew_open_with(&c, 2);
  shortage_of_threads(0);
  tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
  for (int i = 0; i < 10; i++) {
    CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_LIMIT);
    CHECK(strstr(c.r.e->trouble, "thread") != NULL);
  }
  CHECK_INT(c.r.port->away, 0);
  CHECK_INT(c.r.e->submitted, 0);
  CHECK_INT(rig_workers(&c.r), 0);
  shortage_of_threads(-1);
  CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
  CHECK_INT(rig_finish(&c.r, t), TDM_DONE);
  crew_close(&c);
}

/* A host with little address space of its own. */
static void little_address_space(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  struct rlimit limit = {(rlim_t)256 << 20, (rlim_t)256 << 20};
  size_t big = (size_t)300 << 20;
  crew c;
  CHECK_INT(setrlimit(RLIMIT_AS, &limit), 0);
  crew_open_with(&c, 2);
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  tdm_task *t = rig_submit(&c.r, JOB_BIG, &big, sizeof big);
  CHECK_INT(rig_wait(&c.r, t), TDM_FAILED);
  CHECK_INT(t->payload.n, 0); /* out of memory, there or here */
  CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  crew_close(&c);
#endif
}

/* What a task takes beyond the limit fails that task, and no worker. */
static void a_memory_limit_for_workers(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  tdm_settings s = rig_settings(1);
  s.memory_limit = (uint64_t)64 << 20;
  size_t big = (size_t)1 << 30;
  crew c;
  crew_open(&c, &s);
  for (int i = 0; i < 3; i++) {
    tdm_task *t = rig_submit(&c.r, JOB_BIG, &big, sizeof big);
    CHECK_INT(rig_wait(&c.r, t), TDM_FAILED);
    CHECK_INT(t->payload.n, 0);
    CHECK_INT(crew_do(&c, JOB_ECHO), TDM_DONE);
  }
  CHECK_INT(crew_restarts(&c), 0);
  crew_close(&c);
#endif
}

/* No room for a file of shared memory. */
static void small_files_alone(void) {
  struct rlimit limit = {4096, RLIM_INFINITY};
  crew c;
  crew_open_with(&c, 2);
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
  tdm_task *t = rig_task(&c.r, JOB_ECHO, "x", 1);
  for (int i = 0; i < 5; i++)
    CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_LIMIT);
  limit.rlim_cur = limit.rlim_max;
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
  CHECK_INT(tdm_executor_submit(c.r.e, t), TDM_OK);
  CHECK_INT(rig_finish(&c.r, t), TDM_DONE);
  crew_close(&c);
}

TESTS(SLOW_TEST(deaths_of_one_of_two, 100), SLOW_TEST(deaths_without_spin, 100),
      SLOW_TEST(deaths_of_the_only_one, 100),
      SLOW_TEST(deaths_with_retries, 100), SLOW_TEST(deaths_one_by_one, 100),
      SLOW_TEST(deaths_by_descriptor, 100),
      SLOW_TEST(deaths_of_the_worn_out, 100), SLOW_TEST(deaths_of_lenders, 100),
      SLOW_TEST(deaths_of_worn_out_lenders, 100),
      SLOW_TEST(each_allocation_fails, 60),
      SLOW_TEST(each_allocation_fails_for_a_lender, 60),
      TEST(each_allocation_fails_to_make), TEST(each_descriptor_fails),
      TEST(no_thread_for_the_manager), TEST(little_address_space),
      TEST(a_memory_limit_for_workers), TEST(small_files_alone))
