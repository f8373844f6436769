#include "fault.h"

#ifdef TDM_DEBUG

#include <signal.h>
#include <stdlib.h>

#include "share.h"

static atomic_int *fuse; /* NULL: this process is no worker */
static long steps_left;

void tdm_fault_arm(tdm_share *share) {
  const char *at = getenv("TANDEM_DIE_AT");
  steps_left = at != NULL ? strtol(at, NULL, 10) : 0;
  fuse = steps_left > 0 ? &share->fuse : NULL;
}

void tdm_fault(void) {
  int intact = 0;
  if (fuse == NULL || --steps_left != 0) return;
  if (tdm_cas_total(fuse, &intact, 1)) raise(SIGKILL);
}

#endif
