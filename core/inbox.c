#include "inbox.h"

#include <stddef.h>

int tdm_inbox_push(tdm_inbox *in, tdm_task *t) {
  tdm_task *top = tdm_load_relaxed(&in->top);
  do t->next = top;
  while (!tdm_cas_total(&in->top, &top, t));
  return top == NULL;
}

/* Pushed newest first, wanted oldest first. */
static tdm_task *reverse(tdm_task *t) {
  tdm_task *out = NULL;
  while (t != NULL) {
    tdm_task *next = t->next;
    t->next = out;
    out = t;
    t = next;
  }
  return out;
}

tdm_task *tdm_inbox_take(tdm_inbox *in) {
  if (tdm_load_relaxed(&in->top) == NULL) return NULL;
  return reverse(tdm_swap_total(&in->top, (tdm_task *)NULL));
}

int tdm_inbox_has(tdm_inbox *in) { return tdm_load_total(&in->top) != NULL; }
