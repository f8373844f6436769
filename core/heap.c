#include "heap.h"

#include <string.h>

#include "error.h"
#include "fault.h"
#include "mem.h"
#include "os.h"

/* Small blocks are cut from chunks of so many bytes. */
#define CHUNK ((uint64_t)1 << TDM_HEAP_SMALL)
#define SMALL_PART (TDM_HEAP_SEGMENTS * TDM_HEAP_SEGMENT)

/* Pages of free large blocks that are kept for the next time, and mappings of
 * blocks that are not in use. More than this goes back to the system. */
#define MOST_KEPT ((int64_t)48 << 20)
#define MOST_MAPPED ((size_t)256 << 20)

void tdm_heap_share_init(tdm_heap_share *s, uint64_t base) {
  s->base = base;
  tdm_store_relaxed(&s->large, SMALL_PART);
}

tdm_heap *tdm_heap_new(tdm_heap_share *s, int fd, unsigned owner) {
  tdm_heap *h = tdm_mem_zero(sizeof *h);
  if (h == NULL) return NULL;
  if (tdm_mutex_init(&h->lock, TDM_RANK_HEAP) != TDM_OK) {
    tdm_mem_free(h);
    return NULL;
  }
  h->share = s;
  h->fd = fd;
  h->owner = owner;
  atomic_init(&h->references, 1);
  return h;
}

static void unmap(tdm_heap *h, tdm_mapping *m) {
  if (m->p == NULL) return;
  tdm_os_memory_unmap(m->p, m->size);
  tdm_sub_total(&h->mapped_bytes, m->size);
  *m = (tdm_mapping){0};
}

/* Mappings that nobody uses make room for those that somebody needs. */
static void unmap_unused(tdm_heap *h) {
  for (size_t i = 0; i < h->mapped_count; i++)
    if (!h->mapped[i].used) unmap(h, &h->mapped[i]);
}

void tdm_heap_release(tdm_heap *h) {
  if (tdm_sub_total(&h->references, (size_t)1) != 1) return;
  for (size_t i = 0; i < h->mapped_count; i++) unmap(h, &h->mapped[i]);
  for (size_t i = 0; i < TDM_HEAP_SEGMENTS; i++)
    if (h->segment[i] != NULL)
      tdm_os_memory_unmap(h->segment[i], TDM_HEAP_SEGMENT);
  tdm_mutex_fini(&h->lock);
  tdm_mem_free(h->mapped);
  tdm_mem_free(h);
}

void tdm_heap_leave(tdm_heap *h) {
  tdm_mutex_lock(&h->lock);
  unmap_unused(h);
  tdm_mutex_unlock(&h->lock);
  tdm_heap_forget(h);
}

void tdm_heap_forget(tdm_heap *h) {
  h->fd = -1;
  h->share = NULL;
}

/* --- which blocks there are --- */

static tdm_block *block_of(tdm_heap_share *s, uint32_t number) {
  return &s->block[number - 1];
}

static uint64_t size_of(unsigned size_class) {
  return UINT64_C(1) << (size_class + TDM_HEAP_LEAST);
}

static unsigned class_for(size_t size) {
  unsigned c = 0;
  while (c < TDM_HEAP_CLASSES && size_of(c) < size) c++;
  return c;
}

static int is_small(unsigned size_class) {
  return size_class <= TDM_HEAP_SMALL - TDM_HEAP_LEAST;
}

static void push_free(tdm_heap_share *s, uint32_t number) {
  tdm_block *b = block_of(s, number);
  _Atomic(uint64_t) *top = &s->free[b->size_class];
  uint64_t old = tdm_load_relaxed(top), new;
  do {
    tdm_store_relaxed(&b->next, (uint32_t)old);
    new = ((old >> 32) + 1) << 32 | number;
  } while (!tdm_cas_total(top, &old, new));
}

/* Between the look at `next` and the swap others may take this block and bring
 * it back with another one below; the count then tells. */
static uint32_t pop_free(tdm_heap_share *s, unsigned size_class) {
  _Atomic(uint64_t) *top = &s->free[size_class];
  uint64_t old = tdm_load_total(top), new;
  do {
    if ((uint32_t)old == 0) return 0;
    uint32_t next = tdm_load_relaxed(&block_of(s, (uint32_t)old)->next);
    new = ((old >> 32) + 1) << 32 | next;
  } while (!tdm_cas_total(top, &old, new));
  return (uint32_t)old;
}

/* Numbers of new blocks, `n` in a row; 0 when there are no more. */
static uint32_t new_numbers(tdm_heap_share *s, uint32_t n) {
  uint32_t before = tdm_load_relaxed(&s->count);
  do
    if (before + n > TDM_HEAP_BLOCKS) return 0;
  while (!tdm_cas_total(&s->count, &before, before + n));
  return before + 1;
}

static uint32_t new_large(tdm_heap *h, unsigned size_class) {
  tdm_heap_share *s = h->share;
  uint64_t size = size_of(size_class);
  uint32_t number = new_numbers(s, 1);
  if (number == 0) return 0;
  tdm_block *b = block_of(s, number);
  b->size_class = (uint8_t)size_class;
  b->at = s->base + tdm_add_total(&s->large, size);
  tdm_store_relaxed(&b->owner, (uint16_t)h->owner);
  return number;
}

/* The first of a chunk's blocks; the others go to the free ones. 0 when the
 * part of small blocks is used up. */
static uint32_t new_small(tdm_heap *h, unsigned size_class) {
  tdm_heap_share *s = h->share;
  uint64_t size = size_of(size_class), at = tdm_load_relaxed(&s->small);
  uint32_t n = (uint32_t)(CHUNK / size);
  do
    if (at + CHUNK > SMALL_PART) return 0;
  while (!tdm_cas_total(&s->small, &at, at + CHUNK));
  uint32_t first = new_numbers(s, n);
  if (first == 0) return 0;
  for (uint32_t i = 0; i < n; i++) {
    tdm_block *b = block_of(s, first + i);
    if (i < 2) tdm_fault();
    b->size_class = (uint8_t)size_class;
    b->at = s->base + at + i * size;
    tdm_store_relaxed(&b->owner, (uint16_t)(i == 0 ? h->owner : 0));
    if (i != 0) push_free(s, first + i);
  }
  return first;
}

static uint32_t take_of_class(tdm_heap *h, unsigned size_class) {
  tdm_heap_share *s = h->share;
  uint32_t number = pop_free(s, size_class);
  if (number == 0)
    return is_small(size_class) ? new_small(h, size_class)
                                : new_large(h, size_class);
  tdm_fault();
  tdm_store_relaxed(&block_of(s, number)->owner, (uint16_t)h->owner);
  tdm_fault();
  if (!is_small(size_class))
    tdm_sub_total(&s->kept, (int64_t)block_of(s, number)->used);
  return number;
}

/* --- where they are, here --- */

static char *map(tdm_heap *h, uint64_t at, size_t size) {
  if (h->fd < 0 || tdm_os_memory_extend(h->fd, at + size) != TDM_OK)
    return NULL;
  char *p = tdm_os_memory_map(h->fd, at, size);
  if (p != NULL) return p;
  unmap_unused(h);
  return tdm_os_memory_map(h->fd, at, size);
}

static char *small_at(tdm_heap *h, const tdm_block *b) {
  uint64_t at = b->at - h->share->base;
  size_t i = (size_t)(at / TDM_HEAP_SEGMENT);
  if (i >= TDM_HEAP_SEGMENTS) return NULL;
  if (h->segment[i] == NULL)
    h->segment[i] =
        map(h, h->share->base + i * TDM_HEAP_SEGMENT, (size_t)TDM_HEAP_SEGMENT);
  char *segment = h->segment[i];
  return segment == NULL ? NULL : segment + at % TDM_HEAP_SEGMENT;
}

static tdm_mapping *mapping_of(tdm_heap *h, uint32_t number) {
  if (number > h->mapped_count) {
    size_t n = h->mapped_count + h->mapped_count / 2 + 64;
    if (n < number) n = number;
    tdm_mapping *list = tdm_mem_resize(h->mapped, n * sizeof *list);
    if (list == NULL) return NULL;
    memset(list + h->mapped_count, 0, (n - h->mapped_count) * sizeof *list);
    h->mapped = list;
    h->mapped_count = n;
  }
  return &h->mapped[number - 1];
}

static char *large_at(tdm_heap *h, const tdm_block *b, uint32_t number,
                      size_t size) {
  tdm_mapping *m = mapping_of(h, number);
  if (m == NULL) return NULL;
  if (m->size < size) {
    unmap(h, m);
    size = (size + 4095) & ~(size_t)4095;
    char *p = map(h, b->at, size);
    if (p == NULL) return NULL;
    *m = (tdm_mapping){.p = p, .size = size};
    tdm_add_total(&h->mapped_bytes, size);
  }
  m->used = 1;
  return m->p;
}

char *tdm_heap_at(tdm_heap *h, uint32_t block, size_t size) {
  if (block == 0 || block > tdm_load_total(&h->share->count)) return NULL;
  tdm_block *b = block_of(h->share, block);
  if (b->size_class >= TDM_HEAP_CLASSES || size > size_of(b->size_class))
    return NULL;
  tdm_mutex_lock(&h->lock);
  char *p =
      is_small(b->size_class) ? small_at(h, b) : large_at(h, b, block, size);
  tdm_mutex_unlock(&h->lock);
  return p;
}

void tdm_heap_look_away(tdm_heap *h, uint32_t block) {
  if (is_small(block_of(h->share, block)->size_class)) return;
  tdm_mutex_lock(&h->lock);
  if (block <= h->mapped_count) {
    tdm_mapping *m = &h->mapped[block - 1];
    m->used = 0;
    if (tdm_load_relaxed(&h->mapped_bytes) > MOST_MAPPED) unmap(h, m);
  }
  tdm_mutex_unlock(&h->lock);
}

/* --- taking and giving --- */

/* The pages of a large block that nobody needs are kept as long as all that are
 * kept are not too many. */
static void give_back(tdm_heap *h, uint32_t number) {
  tdm_heap_share *s = h->share;
  tdm_block *b = block_of(s, number);
  tdm_store_relaxed(&b->owner, (uint16_t)TDM_HEAP_NOBODY);
  tdm_fault();
  if (!is_small(b->size_class)) {
    int64_t used = (int64_t)b->used;
    if (tdm_add_total(&s->kept, used) + used > MOST_KEPT) {
      tdm_os_memory_release(h->fd, b->at, size_of(b->size_class));
      tdm_sub_total(&s->kept, used);
      b->used = 0;
    }
  }
  push_free(s, number);
  tdm_fault();
}

uint32_t tdm_heap_take(tdm_heap *h, size_t size, char **p) {
  unsigned c = class_for(size);
  if (c >= TDM_HEAP_CLASSES || h->fd < 0 || h->share == NULL) return 0;
  uint32_t number = take_of_class(h, c);
  /* The small ones may be used up; larger ones do as well. */
  if (number == 0 && is_small(c))
    number = take_of_class(h, TDM_HEAP_SMALL - TDM_HEAP_LEAST + 1);
  if (number == 0) return 0;
  block_of(h->share, number)->used = size;
  *p = tdm_heap_at(h, number, size);
  if (*p == NULL) {
    give_back(h, number);
    return 0;
  }
  tdm_add_total(&h->references, (size_t)1);
  return number;
}

void tdm_heap_free(tdm_heap *h, uint32_t block) {
  if (h->share != NULL) {
    tdm_heap_look_away(h, block);
    give_back(h, block);
  }
  tdm_heap_release(h);
}

char *tdm_heap_adopt(tdm_heap *h, uint32_t block, size_t size) {
  char *p = tdm_heap_at(h, block, size);
  if (p == NULL) return NULL;
  tdm_store_relaxed(&block_of(h->share, block)->owner, (uint16_t)h->owner);
  tdm_add_total(&h->references, (size_t)1);
  return p;
}

void tdm_heap_abandon(tdm_heap *h, uint32_t block) {
  if (block != 0 && block <= tdm_load_total(&h->share->count))
    give_back(h, block);
}

void tdm_heap_part_with(tdm_heap *h, uint32_t block) {
  tdm_heap_look_away(h, block);
  tdm_heap_release(h);
}

void tdm_heap_reclaim(tdm_heap *h, uint32_t block) {
  if (block == 0 || block > tdm_load_total(&h->share->count)) return;
  if (tdm_load_relaxed(&block_of(h->share, block)->owner) == h->owner)
    give_back(h, block);
}

void tdm_heap_inherit(tdm_heap *h, unsigned owner) {
  uint32_t count = tdm_load_total(&h->share->count);
  if (count > TDM_HEAP_BLOCKS) count = TDM_HEAP_BLOCKS;
  for (uint32_t number = 1; number <= count; number++)
    if (tdm_load_relaxed(&block_of(h->share, number)->owner) == owner)
      give_back(h, number);
}
