/* func.h -- what a task runs, by name or by bytecode, under a number.
 *
 * A worker finds a function once and keeps it under the number, so that a task
 * costs no lookup by name. The process has each function once, whoever submits
 * it: so a worker that serves several states does not meet it as often.
 *
 * Owns:    its bytes. It lives as long as somebody has a reference, and who
 *          submits it has one until the last task that names it has come back.
 * Threads: any; what it says is constant.
 * Locks:   the process's (fork.h), where a reference is taken or given up.
 */
#ifndef TDM_FUNC_H
#define TDM_FUNC_H

#include <stddef.h>
#include <stdint.h>

enum tdm_func_form {
  TDM_FUNC_NAME, /* "module:function" */
  TDM_FUNC_CODE, /* a dumped Lua function */
};

typedef struct tdm_func {
  struct tdm_func *next; /* under the lock; or for the owner's list */
  size_t references;     /* under the lock; 0: it has one owner, and no twin */
  uint32_t hash;
  uint32_t id; /* unique in the process, from 1; and see below */
  enum tdm_func_form form;
  const char *label; /* what people see, ends with '\0' */
  const char *spec;  /* the name or the bytecode, spec[size] is '\0' */
  size_t size;
} tdm_func;

/* How many hosts there are above this process: 0, or one more than in the host
 * of this worker process. Set there before the first function, so that its own
 * numbers and those of its host, which meet in one machine, are different. */
void tdm_func_set_level(unsigned level);
unsigned tdm_func_level(void);

/* The function of the process that has this form, spec and label, made where
 * there is none; with a reference for the caller. NULL when out of memory. */
tdm_func *tdm_func_get(enum tdm_func_form form, const char *spec, size_t size,
                       const char *label);
void tdm_func_retain(tdm_func *f);
void tdm_func_release(tdm_func *f); /* NULL is allowed */

/* One for its owner alone, who frees it. Copies spec and label. NULL when out
 * of memory. */
tdm_func *tdm_func_new(enum tdm_func_form form, const char *spec, size_t size,
                       const char *label);
void tdm_func_free(tdm_func *f);

/* References that somebody has. All zero bits: none. */
typedef struct tdm_funcs {
  tdm_func **at;
  size_t n, room;
} tdm_funcs;

/* Takes over a reference. TDM_OK, or TDM_NOMEM: it was not taken. */
int tdm_funcs_add(tdm_funcs *l, tdm_func *f);
int tdm_funcs_has(const tdm_funcs *l, const tdm_func *f);
void tdm_funcs_release(tdm_funcs *l);

#endif
