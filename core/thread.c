#include "thread.h"

#include <signal.h>

#include "error.h"
#include "interrupt.h"

static void block_all_but_faults(sigset_t *old) {
  sigset_t all;
  sigfillset(&all);
  sigdelset(&all, SIGSEGV);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGFPE);
  sigdelset(&all, SIGILL);
  pthread_sigmask(SIG_SETMASK, &all, old);
}

int tdm_thread_new(pthread_t *thread, size_t stack_size, void *(*run)(void *),
                   void *arg) {
  sigset_t old;
  pthread_attr_t attr;
  if (pthread_attr_init(&attr) != 0) return TDM_NOMEM;
  pthread_attr_setstacksize(&attr, stack_size);
  block_all_but_faults(&old);
  int err = pthread_create(thread, &attr, run, arg);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  pthread_attr_destroy(&attr);
  return err == 0 ? TDM_OK : TDM_LIMIT;
}

void tdm_thread_heed_interrupts(void) {
  sigset_t one;
  int signal = tdm_interrupt_signal();
  if (signal == 0) return;
  sigemptyset(&one);
  sigaddset(&one, signal);
  pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}
