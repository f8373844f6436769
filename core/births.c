#include "births.h"

#include "atomic.h"
#include "clock.h"
#include "fork.h"
#include "mem.h"
#include "os.h"

/* What the C library reserves for the first allocation of a thread, as long as
 * it does so, and what is left to the rest of the process then. */
#define HEAP_SIZE ((size_t)64 * 1024 * 1024)
#define SPARE_ROOM ((size_t)32 * 1024 * 1024)

#define PATIENCE TDM_SECOND

/* Written with the process's lock held. */
static atomic_uint unborn;
static unsigned generation;

/* A fork leaves the other threads behind, those that are unborn as well. */
static unsigned lock_and_count(void) {
  unsigned now = tdm_fork_generation();
  tdm_process_lock();
  if (generation != now) tdm_store_relaxed(&unborn, 0);
  generation = now;
  return tdm_load_relaxed(&unborn);
}

/* One more, if there is room for all of them. Not without the lock: two who
 * look at once would be in each other's way. */
static int try_expect(size_t stack, int must, unsigned *others) {
  unsigned n = *others = lock_and_count();
  int may = must || tdm_os_has_room((n + 1) * (stack + HEAP_SIZE) + SPARE_ROOM);
  if (may) tdm_store_relaxed(&unborn, n + 1);
  tdm_process_unlock();
  return may;
}

static void take_off(void) {
  unsigned n = lock_and_count();
  tdm_store_relaxed(&unborn, n - 1);
  tdm_process_unlock();
  tdm_os_futex_wake(&unborn, 0);
}

/* True once there is none; false if that takes longer. A wake reaches one: who
 * was woken wakes the next. */
static int wait_for_births(tdm_time deadline) {
  unsigned n;
  while ((n = tdm_load_relaxed(&unborn)) != 0 && tdm_clock_now() < deadline)
    tdm_os_futex_wait(&unborn, n, deadline, 0);
  tdm_os_futex_wake(&unborn, 0);
  return n == 0;
}

int tdm_birth_expect(size_t stack, int must) {
  tdm_time deadline = tdm_clock_now() + PATIENCE;
  unsigned others;
  while (!try_expect(stack, must, &others))
    if (others == 0 || !wait_for_births(deadline)) return 0;
  return 1;
}

void tdm_birth_give(void) {
  tdm_mem_free(tdm_mem_new(1));
  take_off();
}

void tdm_birth_forget(void) { take_off(); }
