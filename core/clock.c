#include "clock.h"

#include <time.h>

static tdm_time read_clock(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (tdm_time)t.tv_sec * TDM_SECOND + t.tv_nsec;
}

tdm_time tdm_clock_now(void) { return read_clock(CLOCK_MONOTONIC); }

tdm_time tdm_clock_cpu(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

tdm_time tdm_clock_after(tdm_time now, double seconds) {
  double ns = seconds * 1e9;
  if (ns >= (double)(TDM_FOREVER - now)) return TDM_FOREVER;
  return now + (tdm_time)ns;
}

tdm_time tdm_clock_deadline(double seconds) {
  tdm_time now = tdm_clock_now();
  return seconds > 0 ? tdm_clock_after(now, seconds) : now;
}
