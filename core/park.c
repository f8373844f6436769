#include "park.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "error.h"

enum { EMPTY, NOTICE, ASLEEP };

/* Sleeps while the word is ASLEEP. The deadline is absolute, which is what the
 * BITSET flavour of the call takes. There always is one: without any, the
 * kernel would resume the wait after a handler with SA_RESTART, and nobody
 * could be interrupted by Ctrl-C. */
static int futex_wait(atomic_uint *word, tdm_time deadline) {
  struct timespec until = {.tv_sec = (time_t)(deadline / TDM_SECOND),
                           .tv_nsec = (long)(deadline % TDM_SECOND)};
  long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, ASLEEP, &until,
                   NULL, FUTEX_BITSET_MATCH_ANY);
  return r == 0 ? 0 : errno;
}

int tdm_park_wait(tdm_park *p, tdm_time deadline) {
  unsigned empty = EMPTY;
  int err = 0;
  if (tdm_cas_total(&p->word, &empty, ASLEEP)) {
    do err = futex_wait(&p->word, deadline);
    while (err == 0 && tdm_load_total(&p->word) == ASLEEP);
  }
  /* A notice that came with the time-out or the signal still counts. */
  if (tdm_swap_total(&p->word, EMPTY) == NOTICE) return TDM_OK;
  return err == EINTR ? TDM_INTR : TDM_TIMEOUT;
}

void tdm_park_wake(tdm_park *p) {
  if (tdm_swap_total(&p->word, NOTICE) == ASLEEP)
    syscall(SYS_futex, &p->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
