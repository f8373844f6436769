#include "park.h"

#include <errno.h>

#include "error.h"
#include "fault.h"
#include "os.h"

/* So late a call may be heard, and so often a thread wakes that only waits. */
#define LOOK_EVERY (TDM_SECOND / 4)

enum { EMPTY, NOTICE, ASLEEP };

int tdm_park_wait(tdm_park *p, tdm_time deadline) {
  unsigned empty = EMPTY;
  int err = 0, shared = p->shared != 0;
  if (tdm_cas_total(&p->word, &empty, ASLEEP)) {
    do err = tdm_os_futex_wait(&p->word, ASLEEP, deadline, shared);
    while (err == 0 && tdm_load_total(&p->word) == ASLEEP);
  }
  /* A notice that came with the time-out or the signal still counts. */
  if (tdm_swap_total(&p->word, EMPTY) == NOTICE) return TDM_OK;
  return err == EINTR ? TDM_INTR : TDM_TIMEOUT;
}

int tdm_park_wait_or_call(tdm_park *p, tdm_time deadline,
                          const tdm_call *call) {
  if (call->is_there == NULL) return tdm_park_wait(p, deadline);
  for (;;) {
    tdm_time until = tdm_clock_now() + LOOK_EVERY;
    if (until > deadline) until = deadline;
    int err = tdm_park_wait(p, until);
    if (err != TDM_TIMEOUT || until == deadline) return err;
    if (call->is_there(call->arg)) return TDM_INTR;
  }
}

void tdm_park_rouse(tdm_park *p) {
  tdm_swap_total(&p->word, NOTICE);
  tdm_os_futex_wake(&p->word, p->shared != 0);
}

void tdm_park_wake(tdm_park *p) {
  int shared = p->shared != 0; /* read while the place is there for certain */
  if (tdm_swap_total(&p->word, NOTICE) != ASLEEP) return;
  tdm_fault();
  tdm_os_futex_wake(&p->word, shared);
}
