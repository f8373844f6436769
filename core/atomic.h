/* atomic.h -- C11 atomics by the name of their order.
 *
 * The core uses no others, and no stand-alone fences: the race detectors do
 * not understand fences, and an order in the name of each access can be
 * checked by eye against DESIGN.md.
 */
#ifndef TDM_ATOMIC_H
#define TDM_ATOMIC_H

#include <stdatomic.h>

#include "chaos.h"

/* Nothing but the access itself is atomic: counters, hints. */
#define tdm_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define tdm_store_relaxed(p, v) \
  atomic_store_explicit((p), (v), memory_order_relaxed)

/* Hand over what was written before (release) to who reads it (acquire). */
#define tdm_load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define tdm_store_release(p, v) \
  atomic_store_explicit((p), (v), memory_order_release)

/* One total order of all such accesses: for "I publish, then look whether you
 * sleep" against "I lie down, then look whether there is work". */
#define tdm_load_total(p) \
  (tdm_chaos(), atomic_load_explicit((p), memory_order_seq_cst))
#define tdm_store_total(p, v) \
  (tdm_chaos(), atomic_store_explicit((p), (v), memory_order_seq_cst))
#define tdm_swap_total(p, v) \
  (tdm_chaos(), atomic_exchange_explicit((p), (v), memory_order_seq_cst))
#define tdm_add_total(p, v) \
  (tdm_chaos(), atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define tdm_sub_total(p, v) \
  (tdm_chaos(), atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst))
#define tdm_or_total(p, v) \
  (tdm_chaos(), atomic_fetch_or_explicit((p), (v), memory_order_seq_cst))
#define tdm_and_total(p, v) \
  (tdm_chaos(), atomic_fetch_and_explicit((p), (v), memory_order_seq_cst))
#define tdm_xor_total(p, v) \
  (tdm_chaos(), atomic_fetch_xor_explicit((p), (v), memory_order_seq_cst))
#define tdm_cas_total(p, expected, v)       \
  (tdm_chaos(),                             \
   atomic_compare_exchange_strong_explicit( \
       (p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst))

/* A counter with one writer: cheaper than a read-modify-write, and a reader
 * in another thread sees a recent value. */
#define tdm_bump(p, v) tdm_store_relaxed((p), tdm_load_relaxed(p) + (v))

/* For a plain field that its owner changes while others may look at it, to show
 * it and no more: either sees the old value or the new one. */
#define tdm_peek(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define tdm_poke(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

/* Tell the processor that this is a spin loop. */
static inline void tdm_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#endif
