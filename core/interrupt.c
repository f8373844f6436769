#include "interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "error.h"

/* What this thread runs: a tdm_interruptible. Not a thread-local, which in a
 * loaded module is allocated when a thread first touches it, and ends the
 * process where that cannot be had. */
static pthread_key_t what;

static pthread_once_t chosen = PTHREAD_ONCE_INIT;
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static int number, status;

static int is_unused(int signal) {
  struct sigaction now;
  return sigaction(signal, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
         now.sa_handler == SIG_DFL;
}

static void choose(void) {
  if (pthread_key_create(&what, NULL) != 0) return;
  for (int s = SIGRTMAX; s >= SIGRTMIN && number == 0; s--)
    if (is_unused(s)) number = s;
}

int tdm_interrupt_signal(void) {
  pthread_once(&chosen, choose);
  return number;
}

static void handle(int signal) {
  int err = errno;
  const tdm_interruptible *x = pthread_getspecific(what);
  (void)signal;
  if (x != NULL) x->look_up(x->arg);
  errno = err;
}

/* SA_RESTART: what C code waits for goes on as if nothing had been. */
static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  int s = tdm_interrupt_signal();
  /* Somebody may have taken it since it was chosen. */
  int ok = s != 0 && is_unused(s) && sigaction(s, &action, NULL) == 0;
  status = ok ? TDM_OK : TDM_LIMIT;
}

int tdm_interrupt_install(void) {
  pthread_once(&installed, install);
  return status;
}

static struct sigaction others;

static void handle_sigint(int signal) {
  others.sa_handler(signal);
  int err = errno;
  const tdm_interruptible *x = pthread_getspecific(what);
  if (x != NULL && x->end != NULL) {
    x->end(x);
    x->look_up(x->arg);
  }
  errno = err;
}

void tdm_interrupt_by_sigint(void) {
  struct sigaction now;
  if (tdm_interrupt_signal() == 0 || sigaction(SIGINT, NULL, &now) != 0) return;
  if (now.sa_flags & SA_SIGINFO || now.sa_handler == handle_sigint) return;
  if (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN) return;
  others = now;
  now.sa_handler = handle_sigint;
  sigaction(SIGINT, &now, NULL);
}

const tdm_interruptible *tdm_interrupt_here(const tdm_interruptible *x) {
  if (tdm_interrupt_signal() == 0) return NULL;
  const tdm_interruptible *before = pthread_getspecific(what);
  pthread_setspecific(what, x);
  return before;
}
