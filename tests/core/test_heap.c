/* Blocks that processes share: here each view plays a process of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "heap.h"
#include "mem.h"
#include "os.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

typedef struct world {
  void *memory;
  tdm_heap_share *share; /* in it, at a multiple of 64 */
  int fd;
  tdm_heap *host, *worker;
} world;

static void open_world(world *w) {
  w->memory = calloc(1, sizeof *w->share + 64);
  w->fd = tdm_os_memory_new("heap");
  CHECK(w->memory != NULL && w->fd >= 0);
  w->share = (void *)(((uintptr_t)w->memory + 63) & ~(uintptr_t)63);
  tdm_heap_share_init(w->share, 0);
  w->host = tdm_heap_new(w->share, w->fd, TDM_HEAP_HOST);
  w->worker = tdm_heap_new(w->share, w->fd, TDM_HEAP_FIRST_PLACE);
  CHECK(w->host != NULL && w->worker != NULL);
}

/* Nothing refers to the views any more. */
static void close_world(world *w) {
  CHECK_INT(w->host->references, 1);
  CHECK_INT(w->worker->references, 1);
  tdm_heap_release(w->host);
  tdm_heap_release(w->worker);
  close(w->fd);
  free(w->memory);
}

static unsigned owner_of(world *w, uint32_t block) {
  return tdm_load_relaxed(&w->share->block[block - 1].owner);
}

static uint64_t next_power(size_t n) {
  uint64_t size = 512;
  while (size < n) size *= 2;
  return size;
}

/* --- sizes ---------------------------------------------------------------- */

static void all_sizes_apart(void) {
  static const size_t sizes[] = {
      0,     1,     511,   512,    513,     1024,        5000,    32768,
      65535, 65536, 65537, 100000, 1 << 20, 1 << 20 | 1, 3 << 20, 5000000};
  enum { N = sizeof sizes / sizeof *sizes, TIMES = 5 };
  uint32_t block[N * TIMES];
  char *p[N * TIMES];
  world w;
  open_world(&w);
  for (int i = 0; i < N * TIMES; i++) {
    size_t n = sizes[i % N];
    block[i] = tdm_heap_take(w.host, n, &p[i]);
    CHECK(block[i] != 0 && (uintptr_t)p[i] % 512 == 0);
    CHECK_INT(owner_of(&w, block[i]), TDM_HEAP_HOST);
    memset(p[i], i + 1, n);
  }
  for (int i = 0; i < N * TIMES; i++) {
    size_t n = sizes[i % N], whole = next_power(n);
    CHECK(tdm_heap_at(w.worker, block[i], whole + 1) == NULL);
    const char *there = tdm_heap_at(w.worker, block[i], whole);
    CHECK(there != NULL && there != p[i]);
    for (size_t k = 0; k < n; k += n / 100 + 1) CHECK(there[k] == i + 1);
    CHECK(n == 0 || (there[n - 1] == i + 1 && p[i][n - 1] == i + 1));
    tdm_heap_look_away(w.worker, block[i]);
  }
  for (int i = 0; i < N * TIMES; i++) tdm_heap_free(w.host, block[i]);
  close_world(&w);
}

static void no_such_block(void) {
  char *p;
  world w;
  open_world(&w);
  CHECK(tdm_heap_at(w.host, 0, 1) == NULL);
  CHECK(tdm_heap_at(w.host, 1, 1) == NULL);
  uint32_t block = tdm_heap_take(w.host, 1, &p);
  CHECK(tdm_heap_at(w.host, tdm_load_total(&w.share->count) + 1, 1) == NULL);
  CHECK(tdm_heap_at(w.host, UINT32_MAX, 1) == NULL);
  tdm_heap_abandon(w.host, 0);
  tdm_heap_abandon(w.host, UINT32_MAX);
  tdm_heap_free(w.host, block);
  CHECK_INT(tdm_heap_take(w.host, SIZE_MAX, &p), 0);
  CHECK_INT(tdm_heap_take(w.host, (size_t)1 << 41, &p), 0);
  close_world(&w);
}

/* The last freed first, so that the same few pages are in use. */
static void free_ones_are_used_again(void) {
  static const size_t sizes[] = {1, 512, 60000, 70000, 3000000};
  char *p;
  world w;
  open_world(&w);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    uint32_t a = tdm_heap_take(w.host, sizes[i], &p);
    uint32_t count = tdm_load_total(&w.share->count);
    for (int k = 0; k < 1000; k++) {
      tdm_heap *h = k % 2 ? w.host : w.worker;
      tdm_heap_free(k % 2 ? w.worker : w.host, a);
      uint32_t b = tdm_heap_take(h, sizes[i], &p);
      CHECK_INT(b, a);
    }
    tdm_heap_free(w.host, a);
    CHECK_INT(tdm_load_total(&w.share->count), count);
  }
  close_world(&w);
}

/* --- from one to the other ------------------------------------------------ */

static void passes(tdm_heap *from, tdm_heap *to, size_t n) {
  char *p;
  uint32_t block = tdm_heap_take(from, n, &p);
  CHECK(block != 0);
  for (size_t i = 0; i < n; i++) p[i] = (char)(i * 3);
  tdm_heap_part_with(from, block);
  const char *q = tdm_heap_adopt(to, block, n);
  CHECK(q != NULL);
  CHECK_INT(tdm_load_relaxed(&to->share->block[block - 1].owner), to->owner);
  for (size_t i = 0; i < n; i++) CHECK(q[i] == (char)(i * 3));
  tdm_heap_free(to, block);
}

static void passes_both_ways(void) {
  world w;
  open_world(&w);
  for (int i = 0; i < 20; i++) {
    size_t n = (size_t)1000 << (i % 10);
    passes(w.host, w.worker, n);
    passes(w.worker, w.host, n);
  }
  close_world(&w);
}

static void reads_and_looks_away(void) {
  char *p;
  world w;
  open_world(&w);
  for (int i = 0; i < 100; i++) {
    size_t n = i % 2 ? 1000 : 1000000;
    uint32_t block = tdm_heap_take(w.host, n, &p);
    memset(p, i, n);
    const char *q = tdm_heap_at(w.worker, block, n);
    CHECK(q != NULL && q[0] == (char)i && q[n - 1] == (char)i);
    tdm_heap_look_away(w.worker, block);
    CHECK_INT(owner_of(&w, block), TDM_HEAP_HOST);
    tdm_heap_free(w.host, block);
  }
  close_world(&w);
}

static void abandons_what_cannot_be_read(void) {
  char *p;
  world w;
  open_world(&w);
  uint32_t block = tdm_heap_take(w.worker, 100, &p);
  tdm_heap_part_with(w.worker, block);
  CHECK(tdm_heap_adopt(w.host, block, 100000) == NULL);
  tdm_heap_abandon(w.host, block);
  CHECK_INT(owner_of(&w, block), TDM_HEAP_NOBODY);
  CHECK_INT(tdm_heap_take(w.host, 100, &p), block);
  tdm_heap_free(w.host, block);
  close_world(&w);
}

/* A block that was used for little is then used for all that it can hold: the
 * mapping grows with it. */
static void mappings_grow(void) {
  char *p;
  world w;
  open_world(&w);
  for (size_t n = 70000; n <= 131072; n += 4000) {
    uint32_t block = tdm_heap_take(w.host, n, &p);
    memset(p, 'x', n);
    const char *q = tdm_heap_at(w.worker, block, n);
    CHECK(q != NULL && q[n - 1] == 'x');
    tdm_heap_look_away(w.worker, block);
    tdm_heap_free(w.host, block);
  }
  CHECK_INT(tdm_load_total(&w.share->count), 1);
  close_world(&w);
}

/* --- the dead ------------------------------------------------------------- */

static void inherits_from_the_dead(void) {
  enum { N = 40 };
  uint32_t block[N], kept;
  char *p;
  world w;
  open_world(&w);
  kept = tdm_heap_take(w.host, 100, &p);
  for (int i = 0; i < N; i++) {
    block[i] = tdm_heap_take(w.worker, (size_t)100 << (i % 14), &p);
    CHECK(block[i] != 0);
  }
  tdm_heap_inherit(w.host, TDM_HEAP_FIRST_PLACE + 1); /* somebody else */
  CHECK_INT(owner_of(&w, block[0]), TDM_HEAP_FIRST_PLACE);
  tdm_heap_inherit(w.host, TDM_HEAP_FIRST_PLACE);
  CHECK_INT(owner_of(&w, kept), TDM_HEAP_HOST);
  uint32_t count = tdm_load_total(&w.share->count);
  for (int i = 0; i < N; i++)
    CHECK_INT(owner_of(&w, block[i]), TDM_HEAP_NOBODY);
  for (int i = 0; i < N; i++)
    block[i] = tdm_heap_take(w.host, (size_t)100 << (i % 14), &p);
  CHECK_INT(tdm_load_total(&w.share->count), count);
  for (int i = 0; i < N; i++) tdm_heap_free(w.host, block[i]);
  tdm_heap_free(w.host, kept);
  w.worker->references = 1; /* it took them along */
  close_world(&w);
}

/* --- the end of a view ---------------------------------------------------- */

static void blocks_keep_their_view(void) {
  static const size_t sizes[] = {100, 40000, 100000, 4000000};
  uint32_t block[4];
  char *p[4];
  world w;
  open_world(&w);
  for (int i = 0; i < 4; i++) {
    block[i] = tdm_heap_take(w.worker, sizes[i], &p[i]);
    memset(p[i], i + 1, sizes[i]);
    tdm_heap_part_with(w.worker, block[i]);
    p[i] = tdm_heap_adopt(w.host, block[i], sizes[i]);
  }
  tdm_heap *h = w.host;
  tdm_heap_leave(h);
  tdm_heap_release(h);
  tdm_heap_release(w.worker);
  free(w.memory);
  close(w.fd);
  CHECK_INT(tdm_heap_take(h, 10, &p[0]), 0);
  p[0] = NULL;
  for (int i = 1; i < 4; i++)
    CHECK(p[i][0] == i + 1 && p[i][sizes[i] - 1] == i + 1);
  for (int i = 0; i < 4; i++) tdm_heap_free(h, block[i]);
}

/* --- shortage ------------------------------------------------------------- */

/* Numbers run out with small blocks: what is given back is all there is. */
static void numbers_run_out(void) {
  uint32_t *block = calloc(TDM_HEAP_BLOCKS + 1, sizeof *block);
  size_t n = 0;
  char *p;
  world w;
  CHECK(block != NULL);
  open_world(&w);
  while ((block[n] = tdm_heap_take(w.host, 1, &p)) != 0)
    CHECK(++n < TDM_HEAP_BLOCKS + 1);
  CHECK_INT(n, TDM_HEAP_BLOCKS);
  CHECK_INT(tdm_heap_take(w.worker, 1000000, &p), 0);
  tdm_heap_free(w.host, block[--n]);
  CHECK(tdm_heap_take(w.worker, 1, &p) == block[n]);
  tdm_heap_free(w.worker, block[n]);
  while (n > 0) tdm_heap_free(w.host, block[--n]);
  free(block);
  close_world(&w);
}

/* When the part of small blocks is used up larger ones stand in. */
static void the_small_part_runs_out(void) {
  enum { N = TDM_HEAP_SEGMENTS * 16 + 100 };
  uint32_t *block = calloc(N, sizeof *block);
  char *p;
  world w;
  CHECK(block != NULL);
  open_world(&w);
  for (int i = 0; i < N; i++) {
    block[i] = tdm_heap_take(w.host, 64 * KIB, &p);
    CHECK(block[i] != 0);
    p[0] = p[64 * KIB - 1] = (char)i;
  }
  for (int i = 0; i < N; i++) {
    p = tdm_heap_at(w.host, block[i], 64 * KIB);
    CHECK(p[0] == (char)i && p[64 * KIB - 1] == (char)i);
  }
  uint32_t small = tdm_heap_take(w.host, 1, &p);
  CHECK(small != 0);
  tdm_heap_free(w.host, small);
  for (int i = 0; i < N; i++) tdm_heap_free(w.host, block[i]);
  free(block);
  close_world(&w);
}

static void limit_files(rlim_t size) {
  struct rlimit limit;
  CHECK_INT(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = size;
  CHECK_INT(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What cannot be mapped is not lost. */
static void no_mapping_to_be_had(void) {
  static const size_t sizes[] = {1, 40000, 100000, 10000000};
  char *p;
  world w;
  open_world(&w);
  limit_files(4096);
  for (int i = 0; i < 40; i++)
    CHECK_INT(tdm_heap_take(w.host, sizes[i % 4], &p), 0);
  CHECK_INT(w.host->references, 1);
  uint32_t count = tdm_load_total(&w.share->count);
  limit_files(RLIM_INFINITY);
  for (int i = 0; i < 4; i++) {
    uint32_t block = tdm_heap_take(w.host, sizes[i], &p);
    CHECK(block != 0);
    tdm_heap_free(w.host, block);
  }
  CHECK_INT(tdm_load_total(&w.share->count), count);
  close_world(&w);
}

static void no_memory_for_a_view(void) {
  uint32_t block;
  char *p;
  world w;
  open_world(&w);
  tdm_mem_fail_after(1);
  CHECK(tdm_heap_new(w.share, w.fd, TDM_HEAP_HOST) == NULL);
  tdm_mem_fail_after(1); /* the list of mappings */
  block = tdm_heap_take(w.host, MIB, &p);
#ifdef TDM_DEBUG
  CHECK_INT(block, 0);
#endif
  if (block != 0) tdm_heap_free(w.host, block);
  tdm_mem_fail_after(0);
  block = tdm_heap_take(w.host, MIB, &p);
  CHECK(block != 0);
  tdm_heap_free(w.host, block);
  close_world(&w);
}

/* --- what is kept --------------------------------------------------------- */

static size_t pages_in_use(world *w) {
  struct stat s;
  CHECK_INT(fstat(w->fd, &s), 0);
  return (size_t)s.st_blocks * 512;
}

/* Pages of free blocks go back to the system but for some. */
static void few_pages_are_kept(void) {
  enum { N = 16 }; /* of 10 MiB */
  uint32_t block[N];
  char *p;
  world w;
  open_world(&w);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < N; i++) {
      block[i] = tdm_heap_take(w.host, 10 * MIB, &p);
      for (size_t at = 0; at < 10 * MIB; at += 4096) p[at] = 'x';
    }
    CHECK(pages_in_use(&w) >= 160 * MIB);
    for (int i = 0; i < N; i++) tdm_heap_free(w.host, block[i]);
    CHECK(pages_in_use(&w) <= 64 * MIB);
    CHECK(tdm_load_total(&w.share->kept) >= 0);
    CHECK(tdm_load_total(&w.share->kept) <= (int64_t)(64 * MIB));
  }
  close_world(&w);
}

static void few_mappings_are_kept(void) {
  enum { N = 16 };
  uint32_t block[N];
  char *p;
  world w;
  open_world(&w);
  for (int i = 0; i < N; i++) block[i] = tdm_heap_take(w.host, 64 * MIB, &p);
  for (int i = 0; i < N; i++)
    CHECK(tdm_heap_at(w.worker, block[i], 64 * MIB) != NULL);
  for (int i = 0; i < N; i++) tdm_heap_look_away(w.worker, block[i]);
  for (int i = 0; i < N; i++) tdm_heap_free(w.host, block[i]);
  CHECK(w.host->mapped_bytes <= 256 * MIB);
  CHECK(w.worker->mapped_bytes <= 256 * MIB);
  close_world(&w);
}

/* --- all at once ---------------------------------------------------------- */

enum { WORKERS = 4, BOXES = 8 };

/* Where a block lies that nobody has: its size << 32 | its number. */
static _Atomic(uint64_t) boxes[BOXES];

typedef struct hand {
  pthread_t thread;
  tdm_heap *view;
  unsigned seed;
  long rounds;
} hand;

static void stamp(char *p, uint32_t block, size_t n) {
  memcpy(p, &block, sizeof block);
  memcpy(p + n - sizeof block, &block, sizeof block);
}

static void check_stamp(const char *p, uint32_t block, size_t n) {
  CHECK(memcmp(p, &block, sizeof block) == 0);
  CHECK(memcmp(p + n - sizeof block, &block, sizeof block) == 0);
}

static size_t some_size(unsigned *seed) {
  unsigned kind = check_random(seed, 10);
  if (kind == 0) return 8 + check_random(seed, 500000);
  return 8 + check_random(seed, kind < 4 ? 65000 : 1200);
}

static void take_out(hand *h, uint64_t found) {
  uint32_t block = (uint32_t)found;
  size_t n = (size_t)(found >> 32);
  if (found == 0) return;
  const char *p = tdm_heap_adopt(h->view, block, n);
  CHECK(p != NULL);
  check_stamp(p, block, n);
  tdm_heap_free(h->view, block);
}

/* Puts a block into a box and takes out what was there. */
static void *play(void *arg) {
  hand *h = arg;
  char *p;
  for (long i = 0; i < h->rounds; i++) {
    size_t n = some_size(&h->seed);
    uint32_t block = tdm_heap_take(h->view, n, &p);
    CHECK(block != 0);
    stamp(p, block, n);
    if (check_random(&h->seed, 4) == 0) {
      check_stamp(p, block, n);
      tdm_heap_free(h->view, block);
      continue;
    }
    tdm_heap_part_with(h->view, block);
    uint64_t put = (uint64_t)n << 32 | block;
    take_out(h, tdm_swap_total(&boxes[check_random(&h->seed, BOXES)], put));
  }
  return NULL;
}

/* Each number is on one stack, once. */
static void check_stacks(tdm_heap_share *s) {
  static char seen[TDM_HEAP_BLOCKS + 1];
  uint32_t n = 0;
  for (unsigned c = 0; c < TDM_HEAP_CLASSES; c++) {
    uint32_t i = (uint32_t)tdm_load_total(&s->free[c]);
    for (; i != 0; i = tdm_load_relaxed(&s->block[i - 1].next), n++) {
      CHECK(i <= TDM_HEAP_BLOCKS && !seen[i]);
      CHECK_INT(s->block[i - 1].size_class, c);
      CHECK_INT(s->block[i - 1].owner, TDM_HEAP_NOBODY);
      seen[i] = 1;
    }
  }
  CHECK_INT(n, tdm_load_total(&s->count));
}

static void all_play(void) {
  hand hands[WORKERS];
  world w;
  open_world(&w);
  for (unsigned i = 0; i < WORKERS; i++) {
    hand *h = &hands[i];
    *h = (hand){.seed = i + 1, .rounds = check_rounds(100000)};
    h->view = tdm_heap_new(w.share, w.fd, TDM_HEAP_FIRST_PLACE + i);
    CHECK(h->view != NULL);
    CHECK_INT(pthread_create(&h->thread, NULL, play, h), 0);
  }
  for (int i = 0; i < WORKERS; i++) {
    pthread_join(hands[i].thread, NULL);
    CHECK_INT(hands[i].view->references, 1);
    tdm_heap_release(hands[i].view);
  }
  hand last = {.view = w.host};
  for (int i = 0; i < BOXES; i++) take_out(&last, tdm_load_total(&boxes[i]));
  check_stacks(w.share);
  close_world(&w);
}

TESTS(TEST(all_sizes_apart), TEST(no_such_block),
      TEST(free_ones_are_used_again), TEST(passes_both_ways),
      TEST(reads_and_looks_away), TEST(abandons_what_cannot_be_read),
      TEST(mappings_grow), TEST(inherits_from_the_dead),
      TEST(blocks_keep_their_view), TEST(numbers_run_out),
      TEST(the_small_part_runs_out), TEST(no_mapping_to_be_had),
      TEST(no_memory_for_a_view), TEST(few_pages_are_kept),
      TEST(few_mappings_are_kept), SLOW_TEST(all_play, 60))
