/* What the core says of workers that died, as errors. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../core/note.h"
#include "client.h"
#include "failure.h"

static const struct {
  int number;
  const char *name;
} signals[] = {
#define S(name) \
  { name, #name }
    S(SIGHUP),  S(SIGINT),  S(SIGQUIT), S(SIGILL),  S(SIGTRAP), S(SIGABRT),
    S(SIGBUS),  S(SIGFPE),  S(SIGKILL), S(SIGUSR1), S(SIGSEGV), S(SIGUSR2),
    S(SIGPIPE), S(SIGALRM), S(SIGTERM), S(SIGXCPU), S(SIGXFSZ), S(SIGVTALRM),
    S(SIGPROF), S(SIGIO),   S(SIGSYS),
#undef S
};

static const char *signal_name(int number, char *text, size_t size) {
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    if (signals[i].number == number) return signals[i].name;
  snprintf(text, size, "signal %d", number);
  return text;
}

static const char *hint_for(const tdm_note *n) {
  switch (n->signal) {
    case SIGKILL:
      return "not killed by this pool: perhaps the system ran out of memory";
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
      return "a fault in C code: a module written in C, or Lua itself";
    case SIGABRT:
      return "C code gave up: look for its last words on stderr";
    case SIGXCPU:
      return "a limit on CPU time";
    case SIGXFSZ:
      return "a limit on the size of files";
    case 0:
      if (n->status_known) return "did it call os.exit?";
      return "its exit status was taken by somebody else";
    default:
      return NULL;
  }
}

/* How it ended: "was killed by SIGKILL". */
static void describe_end(const tdm_note *n, char *text, size_t size) {
  char name[32];
  if (n->signal != 0)
    snprintf(text, size, "was killed by %s",
             signal_name(n->signal, name, sizeof name));
  else if (n->status_known)
    snprintf(text, size, "exited with code %d", n->code);
  else
    snprintf(text, size, "is gone, and how it ended is not known");
}

static void set_integer(lua_State *L, const char *field, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, field);
}

static void push_message(lua_State *L, const tdm_note *n) {
  char end[96];
  const char *hint = hint_for(n);
  describe_end(n, end, sizeof end);
  if (n->kind == TDM_NOTE_STORM)
    tdml_pusherror(L, "crashed",
                   "the pool is broken: three workers in a row died before "
                   "they finished a task; the last one (pid %d) %s",
                   (int)n->pid, end);
  else
    tdml_pusherror(L, "crashed",
                   "the worker process (pid %d) %s when the task had run for "
                   "%.3f s%s%s",
                   (int)n->pid, end, n->ran, hint ? "; " : "",
                   hint ? hint : "");
}

static void push_crash(lua_State *L, const tdm_note *n) {
  char name[32];
  const char *hint = hint_for(n);
  push_message(L, n);
  if (n->pid != 0) set_integer(L, "pid", n->pid);
  if (n->worker != 0) set_integer(L, "worker", n->worker);
  if (n->signal != 0)
    tdml_seterrorstring(L, "signal", signal_name(n->signal, name, sizeof name));
  else if (n->status_known)
    set_integer(L, "code", n->code);
  if (n->kind == TDM_NOTE_CRASHED) tdml_seterrornumber(L, "ran", n->ran);
  if (hint != NULL) tdml_seterrorstring(L, "hint", hint);
}

void tdml_push_note(lua_State *L, const char *p, const char *task) {
  tdm_note n;
  memcpy(&n, p, sizeof n);
  n.text[sizeof n.text - 1] = '\0';
  if (n.kind == TDM_NOTE_NO_WORKER)
    tdml_pusherror(L, "limit", "no worker can be started: %s", n.text);
  else
    push_crash(L, &n);
  if (task != NULL) tdml_seterrorstring(L, "task", task);
}
