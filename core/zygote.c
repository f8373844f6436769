#include "zygote.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.h"
#include "mem.h"
#include "os.h"

typedef struct zygote {
  tdm_proc proc; /* what a worker begins with */
  char *argv0;
  size_t title_size;
  pid_t pids[TDM_PLACES]; /* of the workers that have not been waited for */
} zygote;

/* What a turn of its life ends with. */
enum turn { GO_ON, END, BE_A_WORKER };

/* --- what the world sees --- */

static void set_title(zygote *z, const char *what, unsigned number) {
  char name[64], title[128];
  const char *pool = z->proc.share->name;
  if (number == 0) {
    snprintf(name, sizeof name, "%.9s-zyg", pool);
    snprintf(title, sizeof title, "tandem: %s %s", pool, what);
  } else {
    snprintf(name, sizeof name, "%.9s-%u", pool, number);
    snprintf(title, sizeof title, "tandem: %s %s %u", pool, what, number);
  }
  name[15] = '\0'; /* the kernel keeps no more */
  tdm_os_set_title(z->argv0, z->title_size, name, title);
}

static void report(enum tdm_report_kind kind, uint32_t place, int pid,
                   int value) {
  tdm_report r = {.kind = kind, .place = place, .pid = pid, .value = value};
  struct pollfd room = {.fd = TDM_CONTROL_FD, .events = POLLOUT};
  while (tdm_channel_send(TDM_CONTROL_FD, &r, sizeof r, NULL, 0) == TDM_TIMEOUT)
    poll(&room, 1, -1);
}

/* --- its workers --- */

static void bury(zygote *z, pid_t pid, int status) {
  for (uint32_t i = 0; i < TDM_PLACES; i++)
    if (z->pids[i] == pid) {
      z->pids[i] = 0;
      report(TDM_REPORT_DIED, i, pid, status);
      return;
    }
}

/* Each worker leads a group, and one that did not leave in good order takes
 * with it what it has started. As long as it is not waited for, its number is
 * not another's. */
static void reap(zygote *z) {
  siginfo_t info;
  int status;
  for (;;) {
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) != 0) return;
    if (info.si_pid == 0) return;
    if (info.si_code != CLD_EXITED || info.si_status != 0)
      kill(-info.si_pid, SIGKILL);
    if (waitpid(info.si_pid, &status, 0) == info.si_pid)
      bury(z, info.si_pid, status);
  }
}

static void kill_all(const zygote *z) {
  for (uint32_t i = 0; i < TDM_PLACES; i++)
    if (z->pids[i] != 0) kill(-z->pids[i], SIGKILL);
}

static void no_action(int signal) { (void)signal; }

/* A child's end interrupts ppoll, and nothing else. */
static void heed_children(void) {
  struct sigaction action = {.sa_handler = no_action};
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child, NULL);
  sigaction(SIGCHLD, &action, NULL);
}

static void heed_children_no_more(void) {
  sigset_t none;
  signal(SIGCHLD, SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Has the host let go of us before die_with could see to it? */
static int is_abandoned(int channel) {
  struct pollfd end = {.fd = channel};
  return poll(&end, 1, 0) > 0;
}

static void become_worker(zygote *z, uint32_t place, int channel) {
  tdm_proc *w = &z->proc;
  setpgid(0, 0);
  close(TDM_CONTROL_FD);
  tdm_os_die_with(channel);
  heed_children_no_more();
  w->number = place;
  w->channel = channel;
  w->place = &w->share->place[place];
  set_title(z, "worker", w->place->id);
}

static enum turn fork_worker(zygote *z, uint32_t place, int channel) {
  pid_t pid = fork();
  if (pid == 0) {
    become_worker(z, place, channel);
    return is_abandoned(channel) ? END : BE_A_WORKER;
  }
  int err = errno;
  close(channel);
  if (pid < 0) {
    report(TDM_REPORT_NO_FORK, place, 0, err);
    return GO_ON;
  }
  setpgid(pid, pid); /* whoever comes first */
  z->pids[place] = pid;
  report(TDM_REPORT_FORKED, place, pid, 0);
  return GO_ON;
}

/* --- its orders --- */

static enum turn obey(zygote *z) {
  tdm_order order;
  int channel;
  int err =
      tdm_channel_receive(TDM_CONTROL_FD, &order, sizeof order, &channel, 1);
  if (err == TDM_TIMEOUT) return GO_ON;
  if (err != TDM_OK || order.kind != TDM_ORDER_FORK || channel < 0 ||
      order.place >= TDM_PLACES) {
    kill_all(z);
    return END;
  }
  return fork_worker(z, order.place, channel);
}

static enum turn live(zygote *z) {
  struct pollfd control = {.fd = TDM_CONTROL_FD, .events = POLLIN};
  sigset_t none;
  enum turn turn;
  sigemptyset(&none);
  do {
    reap(z);
    turn = ppoll(&control, 1, NULL, &none) > 0 ? obey(z) : GO_ON;
  } while (turn == GO_ON);
  return turn;
}

/* --- its birth --- */

/* False where the host speaks another language, or is gone. */
static int meet_host(tdm_proc *w) {
  struct pollfd control = {.fd = TDM_CONTROL_FD, .events = POLLIN};
  tdm_order order;
  int fds[4];
  while (poll(&control, 1, -1) < 0) continue;
  if (tdm_channel_receive(TDM_CONTROL_FD, &order, sizeof order, fds, 4) !=
          TDM_OK ||
      order.kind != TDM_ORDER_HELLO || fds[3] < 0)
    return 0;
  if (order.place != TDM_SHARE_VERSION + sizeof(tdm_share)) {
    report(TDM_REPORT_MISFIT, 0, 0, 0);
    return 0;
  }
  w->share = tdm_os_memory_map(fds[0], 0, TDM_SHARE_SIZE);
  w->bell = tdm_os_memory_map(fds[1], 0, 4096);
  if (w->share != NULL && w->bell != NULL)
    w->heap = tdm_heap_new(&w->share->heap, fds[0], TDM_HEAP_HOST);
  close(fds[1]);
  w->event = fds[2];
  w->channel = fds[3]; /* the lifeline, for now */
  if (w->heap == NULL) report(TDM_REPORT_NO_MEMORY, 0, 0, errno);
  return w->heap != NULL;
}

static void tell_why(tdm_proc *w, const tdm_buf *why) {
  char *p;
  uint32_t block = tdm_heap_take(w->heap, why->n, &p);
  if (block == 0) {
    report(TDM_REPORT_NO_MEMORY, 0, 0, ENOMEM);
    return;
  }
  memcpy(p, why->p, why->n);
  w->share->why = (tdm_ref){.n = why->n, .block = block};
  report(TDM_REPORT_BROKEN, 0, 0, 0);
}

/* Opens the machine that all workers are to be copies of. */
static int open_machine(tdm_proc *w, const tdm_runner *runner) {
  tdm_share *s = w->share;
  tdm_buf why = {0};
  tdm_os_die_with(w->channel);
  if (is_abandoned(w->channel)) return 0;
  tdm_worker_init(&w->worker, runner, 0, "process", s->name);
  const char *recipe = tdm_heap_at(w->heap, s->recipe.block, s->recipe.n);
  if (recipe == NULL) {
    report(TDM_REPORT_NO_MEMORY, 0, 0, ENOMEM);
    return 0;
  }
  int err = runner->open(recipe, &w->worker.ctl, &w->worker.vm, &why);
  if (err == TDM_BROKEN)
    tell_why(w, &why);
  else
    report(err == TDM_OK ? TDM_REPORT_READY : TDM_REPORT_NO_MEMORY, 0, 0,
           ENOMEM);
  tdm_buf_fini(&why);
  close(w->channel); /* from now on it sees for itself when the host is gone */
  return err == TDM_OK;
}

/* The program's memory is the zygote's, and each worker's copy of it. */
static zygote the_zygote;

int tdm_zygote_main(const tdm_runner *runner, char *argv0, size_t size) {
  tdm_func_keep_apart();
  zygote *z = &the_zygote;
  tdm_os_close_from(TDM_CONTROL_FD + 1);
  z->argv0 = argv0;
  z->title_size = size;
  if (!meet_host(&z->proc)) return 1;
  set_title(z, "zygote", 0);
  heed_children();
  if (!open_machine(&z->proc, runner)) return 1;
  return live(z) == BE_A_WORKER ? tdm_proc_main(&z->proc) : 0;
}
