/* error.h -- the core's error codes, their names and texts, from one list.
 *
 * A core function returns TDM_OK or one of the negative codes below. A task
 * that fails is not an error of the core: it is an outcome (see task.h).
 *
 * Threads: constant data, any thread.
 */
#ifndef TDM_ERROR_H
#define TDM_ERROR_H

#define TDM_ERRORS(X)                                                         \
  X(NOMEM, "memory", "not enough memory")                                     \
  X(TIMEOUT, "timeout", "ran out of time")                                    \
  X(CLOSED, "closed", "the pool is shut down")                                \
  X(FULL, "full", "the queue is full")                                        \
  X(LIMIT, "limit", "a limit of the system was reached")                      \
  X(ABORTED, "cancelled", "the task was cancelled")                           \
  X(INTR, "interrupted", "a signal interrupted the wait")                     \
  X(BROKEN, "init", "the pool is broken")                                     \
  X(FORKED, "closed", "the pool belongs to the process that forked this one") \
  X(ENCODE, "encode", "a value cannot be sent")                               \
  X(DECODE, "decode", "malformed message")                                    \
  X(LOAD, "load", "the task cannot be loaded")

enum tdm_error_index {
#define TDM_X(name, kind, text) TDM_INDEX_##name,
  TDM_ERRORS(TDM_X)
#undef TDM_X
      TDM_ERROR_COUNT
};

enum tdm_error {
  TDM_OK = 0,
#define TDM_X(name, kind, text) TDM_##name = -1 - TDM_INDEX_##name,
  TDM_ERRORS(TDM_X)
#undef TDM_X
};

/* The `kind` that users see for an error code ("memory", "timeout", ...). */
const char *tdm_error_kind(int err);

/* One line of English for an error code, without a full stop. */
const char *tdm_error_text(int err);

#endif
