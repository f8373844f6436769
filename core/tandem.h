/* tandem.h -- tandem from C, in a program that hosts Lua.
 *
 *     const tandem_api *t = tandem_of(L);
 *     tandem_pool *pool = t->new_pool(L, NULL, why, sizeof why);
 *     t->put(&arguments, tandem_integer(97));
 *     tandem_task *task = t->submit(pool, "primes:is_prime", &arguments);
 *     if (t->collect(task, TANDEM_FOREVER, &results) == TANDEM_DONE) ...
 *
 * Nothing has to be linked: the functions come out of the module tandem.core,
 * as a Lua state finds it; it stays loaded when that state is closed. Include
 * lua.h before this header for tandem_of.
 *
 * A pool made here has a Lua state of its own, for which no script is run. Its
 * tasks run functions of Lua modules, "module:function", with values of Lua, as
 * bytes: `put` and `get` write and read those that C has as well, `pack` and
 * `unpack` all, from and to a Lua state.
 *
 * Threads: a pool, with its tasks, is used by one thread at a time; different
 * pools by different ones. What Lua functions do with a state passed to them
 * (new_pool, pack, unpack) is its thread's business.
 * Blocks:  submit, wait, collect, free_pool, as they say.
 */
#ifndef TANDEM_H
#define TANDEM_H

#include <math.h>
#include <stddef.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows with what is added, at the end, and never for another reason. */
#define TANDEM_API 1

struct lua_State;

typedef struct tandem_pool tandem_pool;
typedef struct tandem_task tandem_task;

/* A message: any number of values. All zero is none. */
typedef struct tandem_bytes {
  char *p;
  size_t n, room;
} tandem_bytes;

typedef enum tandem_type {
  TANDEM_IS_NIL,
  TANDEM_IS_BOOLEAN,
  TANDEM_IS_INTEGER,
  TANDEM_IS_NUMBER,
  TANDEM_IS_STRING,
  TANDEM_IS_OTHER /* a table, or null: for `unpack` */
} tandem_type;

typedef struct tandem_value {
  tandem_type type;
  union {
    int boolean;
    long long integer;
    double number;
    struct {
      const char *p; /* of the message that it was read from */
      size_t n;
    } string;
  } as;
} tandem_value;

static inline tandem_value tandem_nil(void) {
  tandem_value v;
  memset(&v, 0, sizeof v);
  return v;
}

static inline tandem_value tandem_boolean(int x) {
  tandem_value v = tandem_nil();
  v.type = TANDEM_IS_BOOLEAN;
  v.as.boolean = x != 0;
  return v;
}

static inline tandem_value tandem_integer(long long x) {
  tandem_value v = tandem_nil();
  v.type = TANDEM_IS_INTEGER;
  v.as.integer = x;
  return v;
}

static inline tandem_value tandem_number(double x) {
  tandem_value v = tandem_nil();
  v.type = TANDEM_IS_NUMBER;
  v.as.number = x;
  return v;
}

static inline tandem_value tandem_lstring(const char *p, size_t n) {
  tandem_value v = tandem_nil();
  v.type = TANDEM_IS_STRING;
  v.as.string.p = p;
  v.as.string.n = n;
  return v;
}

static inline tandem_value tandem_string(const char *text) {
  return tandem_lstring(text, strlen(text));
}

/* What may be asked of a pool; all zero, or NULL, are the defaults. The rest of
 * the options of tandem.thread_pool and tandem.process_pool is in `more`. */
typedef struct tandem_options {
  const char *kind;     /* "thread" or "process" */
  unsigned max_workers; /* 0: as the kind has it */
  const char *name;
  const char *more; /* Lua, the inside of a table: "preload = { 'db' }" */
} tandem_options;

#define TANDEM_FOREVER HUGE_VAL

enum {
  TANDEM_DONE = 1,
  TANDEM_PENDING = 0, /* not over yet */
  TANDEM_FAILED = -1, /* `why` says why; also where it was cancelled */
};

typedef struct tandem_api {
  int api;             /* TANDEM_API of this library: at least what you need */
  const char *version; /* of tandem: "0.1.0" */

  /* Every worker thread that starts from now on, of any pool, finds a module of
   * this name with this opener, as if it were in package.preload. For modules
   * that are linked into the program. 1, or 0 for want of memory. Any thread.
   */
  int (*add_opener)(const char *name, int (*open)(struct lua_State *));

  /* A pool, whose workers search for modules as the state does; where that has
   * no package.path, as a new one. NULL: `why` says why, in at most `size`
   * bytes. */
  tandem_pool *(*new_pool)(struct lua_State *L, const tandem_options *o,
                           char *why, size_t size);

  /* Cancels what has not started, tells what runs to end, and waits for that as
   * the option exit_timeout says. Its tasks are freed with it. NULL is
   * allowed. */
  void (*free_pool)(tandem_pool *p);

  /* Why the last call for this pool, or one of its tasks, did not succeed;
   * valid until the next one. */
  const char *(*why)(const tandem_pool *p);

  /* Hands a task in. NULL: it was not taken, `why` says why. `arguments`, NULL
   * for none, are copied. Blocks where the pool has a full queue. */
  tandem_task *(*submit)(tandem_pool *p, const char *task,
                         const tandem_bytes *arguments);

  /* Waits for so many seconds at most: DONE, PENDING, FAILED. 0 polls. */
  int (*wait)(tandem_task *t, double seconds);

  /* The same, with the results, which are the task's until it is freed: to be
   * read, and to be handed in as arguments, but not to be added to. */
  int (*collect)(tandem_task *t, double seconds, tandem_bytes *results);

  /* As future:cancel: "pending", "interrupt", "kill". 1: it is, or will be,
   * cancelled. 0: it is not, and `why` says why. */
  int (*cancel)(tandem_task *t, const char *mode);

  /* A task that is not over goes on. NULL is allowed. */
  void (*free_task)(tandem_task *t);

  /* A descriptor that becomes readable when a task is over: then ask for each
   * by wait(task, 0), which makes it quiet again. Negative: there is none. */
  int (*fileno)(tandem_pool *p);

  /* Appends a value. 1, or 0: there is no memory, it is an OTHER, or the bytes
   * are results. */
  int (*put)(tandem_bytes *b, tandem_value v);

  /* The value at *at, which is 0 for the first and goes on to the next. 0:
   * there is none, or it is malformed. An OTHER is the last that can be read.
   */
  int (*get)(const tandem_bytes *b, size_t *at, tandem_value *v);

  /* Appends nothing: makes the message of the n values from index `first` of
   * the state. 1; or 0, and what is wrong is on top of its stack. */
  int (*pack)(struct lua_State *L, int first, int n, tandem_bytes *b);

  /* Pushes all values of a message; how many, or negative: it is malformed. May
   * raise a memory error. */
  int (*unpack)(struct lua_State *L, const tandem_bytes *b);

  /* Of bytes that put and pack have made. Results become none. */
  void (*free_bytes)(tandem_bytes *b);
} tandem_api;

#ifdef LUA_VERSION_NUM
/* The functions, by a state that finds the module; NULL: it does not, and the
 * error is on top of its stack; or the module is older than this header. */
static inline const tandem_api *tandem_of(lua_State *L) {
  const tandem_api *t = NULL;
  lua_getglobal(L, "require");
  lua_pushstring(L, "tandem.core");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) return NULL;
  lua_getfield(L, -1, "api");
  t = (const tandem_api *)lua_touserdata(L, -1);
  if (t == NULL || t->api < TANDEM_API) {
    lua_pushstring(L, "tandem.core is older than the program's tandem.h");
    return NULL;
  }
  lua_pop(L, 2);
  return t;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
