/* func.h -- what a task runs, by name or by bytecode, under a number.
 *
 * A worker finds a function once and keeps it under the number, so that a task
 * costs no lookup by name.
 *
 * Owns:    its bytes. Whoever made it frees it, after the last task that
 *          names it has come back.
 * Threads: constant after `new`; any.
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
  struct tdm_func *next; /* for the owner's list */
  uint32_t id; /* unique in the process; a host's are below TDM_FUNC_OWN */
  enum tdm_func_form form;
  const char *label; /* what people see, ends with '\0' */
  const char *spec;  /* the name or the bytecode, spec[size] is '\0' */
  size_t size;
} tdm_func;

/* Copies spec and label. NULL when out of memory. */
tdm_func *tdm_func_new(enum tdm_func_form form, const char *spec, size_t size,
                       const char *label);
void tdm_func_free(tdm_func *f);

/* In a worker process, before its first function: the machine there meets those
 * of the host, by the numbers that they have there, beside its own. */
void tdm_func_keep_apart(void);
#define TDM_FUNC_OWN (UINT32_C(1) << 31)

#endif
