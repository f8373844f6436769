#include "slab.h"

#include <stdalign.h>

#include "mem.h"

/* A block is aligned to its size, which is how a slot finds its block. */
#ifdef TDM_DEBUG
#define BLOCK_SIZE (2 * sizeof(tdm_task))
#define KEPT 0
#else
#define BLOCK_SIZE ((size_t)32 * 1024)
#define KEPT                                                      \
  16 /* empty blocks: what comes and goes shall not tear the heap \
      */
#endif
#define PER_BLOCK ((unsigned)(BLOCK_SIZE / sizeof(tdm_task)) - 1)

struct tdm_slab_block {
  tdm_slab_block *next, *prev; /* on one of the slab's two lists */
  tdm_task *free;              /* freed slots, linked by `next` */
  unsigned used;               /* slots that were ever in use: the first ones */
  unsigned live;
  /* Read by who brings a task home, so not on the line that each new and each
   * freed slot changes. */
  alignas(64) tdm_slab *slab;
};

/* The state of a slot that is not in use. */
#define UNUSED ((uint8_t)0xff)

_Static_assert(sizeof(tdm_slab_block) <= sizeof(tdm_task), "one slot's room");
_Static_assert(sizeof(tdm_task) == 128, "two cache lines");

static tdm_slab_block *block_of(tdm_task *t) {
  return (tdm_slab_block *)((uintptr_t)t & ~(uintptr_t)(BLOCK_SIZE - 1));
}

tdm_slab *tdm_slab_of(tdm_task *t) { return block_of(t)->slab; }

static void link_block(tdm_slab_block **list, tdm_slab_block *b) {
  b->prev = NULL;
  b->next = *list;
  if (b->next != NULL) b->next->prev = b;
  *list = b;
}

static void unlink_block(tdm_slab_block **list, tdm_slab_block *b) {
  if (b->next != NULL) b->next->prev = b->prev;
  if (b->prev != NULL)
    b->prev->next = b->next;
  else
    *list = b->next;
}

static tdm_slab_block *new_block(tdm_slab *s) {
  tdm_slab_block *b = tdm_mem_aligned(BLOCK_SIZE, BLOCK_SIZE);
  if (b == NULL) return NULL;
  *b = (tdm_slab_block){.slab = s};
  link_block(&s->open, b);
  s->blocks++;
  s->empty++;
  return b;
}

static tdm_task *slot(tdm_slab_block *b, unsigned i) {
  return (tdm_task *)b + 1 + i;
}

tdm_task *tdm_slab_new(tdm_slab *s) {
  tdm_slab_block *b = s->open != NULL ? s->open : new_block(s);
  if (b == NULL) return NULL;
  tdm_task *t = b->free;
  if (t != NULL)
    b->free = t->next;
  else
    t = slot(b, b->used++);
  s->live++;
  if (b->live == 0) s->empty--;
  if (++b->live == PER_BLOCK) {
    unlink_block(&s->open, b);
    link_block(&s->full, b);
  }
  memset(t, 0, sizeof *t);
  return t;
}

void tdm_slab_free(tdm_slab *s, tdm_task *t) {
  tdm_slab_block *b = block_of(t);
  if (b->live == PER_BLOCK) {
    unlink_block(&s->full, b);
    link_block(&s->open, b);
  }
  tdm_store_relaxed(&t->state, UNUSED);
  t->next = b->free;
  b->free = t;
  s->live--;
  if (--b->live != 0) return;
  if (s->empty < KEPT) {
    s->empty++;
  } else {
    unlink_block(&s->open, b);
    tdm_mem_free(b);
  }
}

static void visit_list(tdm_slab_block *b, void (*visit)(tdm_task *, void *),
                       void *arg) {
  for (; b != NULL; b = b->next)
    for (unsigned i = 0; i < b->used; i++)
      if (tdm_load_relaxed(&slot(b, i)->state) != UNUSED)
        visit(slot(b, i), arg);
}

void tdm_slab_each(tdm_slab *s, void (*visit)(tdm_task *t, void *arg),
                   void *arg) {
  visit_list(s->open, visit, arg);
  visit_list(s->full, visit, arg);
}

static void free_list(tdm_slab_block **list) {
  while (*list != NULL) {
    tdm_slab_block *b = *list;
    unlink_block(list, b);
    tdm_mem_free(b);
  }
}

void tdm_slab_fini(tdm_slab *s) {
  free_list(&s->open);
  free_list(&s->full);
}
