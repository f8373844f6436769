/* Where tasks come back to: draining, waiting, watching, the descriptor. */
#include "port.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "mem.h"

static tdm_port *new_port(void) {
  tdm_port *p = tdm_port_new();
  CHECK(p != NULL);
  return p;
}

/* A task that is with an executor. */
static tdm_task *send(tdm_port *p) {
  tdm_task *t = tdm_port_new_task(p);
  CHECK(t != NULL);
  tdm_port_sent(t);
  return t;
}

static int is_settled(const tdm_task *t) {
  return (t->marks & TDM_SETTLED) != 0;
}

static int poll_port(tdm_port *p) { return tdm_port_wait(p, NULL, 1, 0, 0); }

/* --- handles -------------------------------------------------------------- */

static void fresh_task(void) {
  tdm_port *p = new_port();
  tdm_task *t = tdm_port_new_task(p);
  CHECK(tdm_port_of(t) == p && t->handles == 1 && t->items == 1 &&
        t->marks == 0);
  CHECK_INT(t->state, TDM_PENDING);
  tdm_port_release(t);
  CHECK_INT(p->slab.live, 0);
  tdm_port_free(p);
}

static void released_before_it_came_back(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  tdm_port_release(t);
  CHECK_INT(p->slab.live, 1);
  tdm_port_deliver(t);
  CHECK_INT(tdm_port_drain(p), 1);
  CHECK_INT(p->slab.live, 0);
  tdm_port_free(p);
}

static void released_after_it_came_back(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  tdm_port_deliver(t);
  CHECK_INT(tdm_port_drain(p), 1);
  CHECK_INT(p->away, 0);
  CHECK(is_settled(t));
  CHECK_INT(p->slab.live, 1);
  t->handles++;
  tdm_port_release(t);
  CHECK_INT(p->slab.live, 1);
  tdm_port_release(t);
  CHECK_INT(p->slab.live, 0);
  tdm_port_free(p);
}

static void payload_goes_with_the_task(void) {
  tdm_port *p = new_port();
  tdm_task *t = tdm_port_new_task(p);
  tdm_buf b = {0};
  CHECK_INT(tdm_buf_reserve(&b, 9999), TDM_OK);
  b.n = 9999;
  CHECK_INT(tdm_payload_take(&t->payload, &b), TDM_OK);
  tdm_port_release(t);
  tdm_port_free(p); /* the runner checks that nothing is left */
}

/* A worker that would not end may yet write to the task. */
static void not_freed_while_a_task_is_away(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  long live = tdm_mem_live();
  tdm_port_free(p);
  CHECK_INT(tdm_mem_live(), live);
  tdm_port_deliver(t);
  tdm_port_free(p); /* takes in what is there first */
}

static void unsent_is_not_away(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  CHECK_INT(p->away, 1);
  tdm_port_unsent(t);
  CHECK_INT(p->away, 0);
  CHECK(!is_settled(t));
  tdm_port_release(t);
  tdm_port_free(p);
}

/* --- watching ------------------------------------------------------------- */

static void watched_come_ready_in_order(void) {
  tdm_port *p = new_port();
  tdm_task *a = send(p), *b = send(p), *c = send(p);
  tdm_port_watch(a);
  tdm_port_watch(a); /* twice is once */
  tdm_port_watch(b);
  CHECK_INT(p->watched, 2);
  CHECK(tdm_port_try_ready(p) == NULL);
  tdm_port_deliver(b);
  tdm_port_deliver(c);
  tdm_port_deliver(a);
  CHECK_INT(tdm_port_drain(p), 3);
  CHECK_INT(p->watched, 0);
  CHECK(tdm_port_try_ready(p) == b);
  tdm_port_watch(c); /* already settled: ready at once, behind the others */
  CHECK(tdm_port_try_ready(p) == a);
  CHECK(tdm_port_try_ready(p) == c);
  CHECK(tdm_port_try_ready(p) == NULL);
  tdm_port_watch(b); /* and again, on a list that was empty */
  CHECK(tdm_port_try_ready(p) == b);
  CHECK(tdm_port_try_ready(p) == NULL);
  tdm_port_release(a);
  tdm_port_release(b);
  tdm_port_release(c);
  tdm_port_free(p);
}

/* As when a state ends: its result, which is large, goes with the port. */
static void watched_and_never_asked_for(void) {
  static const char bytes[1000];
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  tdm_port_watch(t);
  CHECK_INT(tdm_payload_copy(&t->payload, bytes, sizeof bytes), TDM_OK);
  tdm_port_deliver(t);
  CHECK_INT(tdm_port_drain(p), 1);
  tdm_port_release(t);
  CHECK_INT(p->slab.live, 1);
  tdm_port_free(p);
  CHECK_INT(tdm_mem_live(), 0);
}

static void settled_without_an_executor(void) {
  tdm_port *p = new_port();
  tdm_task *t = tdm_port_new_task(p);
  tdm_port_watch(t);
  tdm_port_settle(t);
  tdm_port_settle(t);
  CHECK_INT(p->watched, 0);
  CHECK(tdm_port_try_ready(p) == t);
  CHECK(tdm_port_try_ready(p) == NULL);
  tdm_port_release(t);
  tdm_port_free(p);
}

static void unwatched(void) {
  tdm_port *p = new_port();
  tdm_task *a = send(p), *b = send(p);
  CHECK(!tdm_port_is_watching(p));
  tdm_port_unwatch(a); /* was not */
  tdm_port_watch(a);
  tdm_port_watch(b);
  tdm_port_unwatch(a);
  CHECK(p->watched == 1 && tdm_port_is_watching(p));
  tdm_port_deliver(a);
  tdm_port_deliver(b);
  CHECK_INT(tdm_port_drain(p), 2);
  CHECK(p->watched == 0 && tdm_port_is_watching(p));
  tdm_port_unwatch(b); /* too late: it is on the list */
  CHECK(tdm_port_try_ready(p) == b);
  CHECK(tdm_port_try_ready(p) == NULL);
  CHECK(p->readied == 1 && p->taken == 1 && !tdm_port_is_watching(p));
  tdm_port_release(a);
  tdm_port_release(b);
  CHECK_INT(p->slab.live, 0);
  tdm_port_free(p);
}

/* Cancelled here, then popped by a worker and sent home: settled once. */
static void cancelled_while_away(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  tdm_port_watch(t);
  CHECK(tdm_task_try_cancel(t));
  tdm_port_settle(t);
  CHECK(!tdm_task_claim(t));
  tdm_port_deliver(t);
  CHECK_INT(tdm_port_drain(p), 1);
  CHECK(tdm_port_try_ready(p) == t);
  CHECK(tdm_port_try_ready(p) == NULL);
  tdm_port_release(t);
  CHECK_INT(p->slab.live, 0);
  tdm_port_free(p);
}

/* --- waiting -------------------------------------------------------------- */

static void wait_returns_when_something_is_there(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p), *other = send(p);
  CHECK_INT(poll_port(p), TDM_TIMEOUT);
  CHECK_INT(tdm_port_wait(p, t, 1, tdm_clock_now(), 1000), TDM_TIMEOUT);
  tdm_port_deliver(other);
  CHECK_INT(tdm_port_wait(p, t, 1, TDM_FOREVER, 0), TDM_OK);
  CHECK_INT(tdm_port_wait(p, NULL, 99, TDM_FOREVER, 1000), TDM_OK);
  tdm_port_deliver(t);
  CHECK_INT(tdm_port_drain(p), 2);
  CHECK_INT(poll_port(p), TDM_TIMEOUT);
  tdm_port_release(t);
  tdm_port_release(other);
  tdm_port_free(p);
}

static void a_nudge_is_not_lost(void) {
  tdm_port *p = new_port();
  tdm_port_nudge(p);
  CHECK_INT(tdm_port_wait(p, NULL, 5, TDM_FOREVER, 0), TDM_OK);
  CHECK_INT(poll_port(p), TDM_TIMEOUT);
  tdm_port_free(p);
}

typedef struct sender {
  tdm_port *port;
  tdm_task **tasks;
  int n;
  atomic_int go; /* how many rounds may be sent */
  long rounds;
} sender;

static void *deliver_all(void *arg) {
  sender *s = arg;
  unsigned seed = 5;
  for (long round = 1; round <= s->rounds; round++) {
    while (tdm_load_total(&s->go) < round) sched_yield();
    for (unsigned k = check_random(&seed, 400); k > 0; k--) tdm_pause();
    for (int i = 0; i < s->n; i++) tdm_port_deliver(s->tasks[i]);
  }
  return NULL;
}

/* Sends `n` tasks away and waits for all, by target or by count, over and
 * over; the deliveries fall before, into and after the wait. */
static void race_waits(int n, int by_count, long rounds) {
  tdm_task *tasks[8];
  sender s = {.port = new_port(), .tasks = tasks, .n = n, .rounds = rounds};
  pthread_t thread;
  unsigned seed = 6;
  for (int i = 0; i < n; i++) tasks[i] = tdm_port_new_task(s.port);
  CHECK_INT(pthread_create(&thread, NULL, deliver_all, &s), 0);
  for (long round = 1; round <= rounds; round++) {
    for (int i = 0; i < n; i++) {
      tasks[i]->marks = 0;
      tdm_port_sent(tasks[i]);
    }
    tdm_store_total(&s.go, (int)round);
    for (unsigned k = check_random(&seed, 400); k > 0; k--) tdm_pause();
    for (tdm_port_drain(s.port); s.port->away != 0; tdm_port_drain(s.port)) {
      tdm_time spin = check_random(&seed, 2) ? 0 : 2000;
      tdm_task *last = by_count ? NULL : tasks[n - 1];
      int count = (int)s.port->away;
      CHECK_INT(tdm_port_wait(s.port, last, count, TDM_FOREVER, spin), TDM_OK);
    }
  }
  pthread_join(thread, NULL);
  for (int i = 0; i < n; i++) tdm_port_release(tasks[i]);
  tdm_port_free(s.port);
}

static void race_by_target(void) { race_waits(1, 0, check_rounds(30000)); }
static void race_last_of_many(void) { race_waits(8, 0, check_rounds(20000)); }
static void race_by_count(void) { race_waits(8, 1, check_rounds(20000)); }

/* --- the descriptor ------------------------------------------------------- */

static int is_readable(int fd) {
  struct pollfd x = {.fd = fd, .events = POLLIN};
  return poll(&x, 1, 0) == 1;
}

static void descriptor_tells_of_tasks(void) {
  tdm_port *p = new_port();
  tdm_task *a = send(p), *b = send(p), *c = send(p);
  tdm_port_clear_fd(p); /* there is none yet */
  tdm_port_deliver(a);
  int fd = tdm_port_fileno(p);
  CHECK(fd >= 0 && tdm_port_fileno(p) == fd);
  CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
  CHECK(is_readable(fd)); /* `a` was there before the descriptor */
  tdm_port_clear_fd(p);
  CHECK(!is_readable(fd));
  tdm_port_clear_fd(p);
  CHECK_INT(tdm_port_drain(p), 1);
  tdm_port_deliver(b);
  tdm_port_deliver(c);
  CHECK(is_readable(fd));
  CHECK_INT(tdm_port_drain(p), 2);
  CHECK(is_readable(fd));
  tdm_port_clear_fd(p);
  CHECK(!is_readable(fd));
  tdm_port_release(a);
  tdm_port_release(b);
  tdm_port_release(c);
  tdm_port_free(p);
  CHECK_INT(fcntl(fd, F_GETFD), -1);
}

static void descriptor_tells_of_ready_ones(void) {
  tdm_port *p = new_port();
  tdm_task *t = send(p);
  tdm_port_watch(t);
  tdm_port_deliver(t);
  tdm_port_drain(p);
  CHECK(is_readable(tdm_port_fileno(p)));
  CHECK(tdm_port_try_ready(p) == t);
  tdm_port_release(t);
  tdm_port_free(p);
}

/* No worker signals for these. */
static void descriptor_tells_of_those_settled_here(void) {
  tdm_port *p = new_port();
  tdm_task *a = tdm_port_new_task(p), *b = tdm_port_new_task(p);
  int fd = tdm_port_fileno(p);
  tdm_port_remind(p); /* of nothing */
  tdm_port_settle(a); /* nobody wants to know */
  CHECK(!is_readable(fd));
  tdm_port_watch(b);
  tdm_port_settle(b);
  CHECK(is_readable(fd));
  tdm_port_clear_fd(p);
  tdm_port_remind(p);
  CHECK(is_readable(fd));
  CHECK(tdm_port_try_ready(p) == b);
  tdm_port_clear_fd(p);
  tdm_port_watch(a);
  CHECK(is_readable(fd));
  CHECK(tdm_port_try_ready(p) == a);
  tdm_port_release(a);
  tdm_port_release(b);
  tdm_port_free(p);
}

static void without_descriptors(void) {
  tdm_port *p = new_port();
  struct rlimit usual, none;
  CHECK_INT(getrlimit(RLIMIT_NOFILE, &usual), 0);
  none = (struct rlimit){0, usual.rlim_max};
  CHECK_INT(setrlimit(RLIMIT_NOFILE, &none), 0);
  CHECK_INT(tdm_port_fileno(p), TDM_LIMIT);
  CHECK_INT(setrlimit(RLIMIT_NOFILE, &usual), 0);
  tdm_task *t = send(p);
  tdm_port_deliver(t);
  CHECK_INT(tdm_port_drain(p), 1);
  tdm_port_release(t);
  tdm_port_free(p);
}

static void without_memory(void) {
  tdm_mem_fail_after(1);
  CHECK(tdm_port_new() == NULL);
  tdm_port *p = new_port();
  tdm_mem_fail_after(1);
  CHECK(tdm_port_new_task(p) == NULL);
  tdm_port_free(p);
}

TESTS(TEST(fresh_task), TEST(released_before_it_came_back),
      TEST(released_after_it_came_back), TEST(payload_goes_with_the_task),
      TEST(not_freed_while_a_task_is_away), TEST(unsent_is_not_away),
      TEST(watched_come_ready_in_order), TEST(watched_and_never_asked_for),
      TEST(settled_without_an_executor), TEST(unwatched),
      TEST(cancelled_while_away), TEST(wait_returns_when_something_is_there),
      TEST(a_nudge_is_not_lost), TEST(race_by_target), TEST(race_last_of_many),
      TEST(race_by_count), TEST(descriptor_tells_of_tasks),
      TEST(descriptor_tells_of_ready_ones),
      TEST(descriptor_tells_of_those_settled_here), TEST(without_descriptors),
      TEST(without_memory))
