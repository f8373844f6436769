/* tandem-worker -- the program that a process pool runs.
 *
 * It holds the whole of tandem and Lua, so that a worker needs no other file to
 * begin. Nobody calls it by hand: see core/zygote.h.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../core/zygote.h"
#include "runner.h"

/* The leak checker would stop each worker for some 0.1 s when it ends. */
#ifdef __SANITIZE_ADDRESS__
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return 1; }
#endif

static int explain(void) {
  fputs(
      "tandem-worker: started by tandem.process_pool, and of no use alone.\n"
      "Lua finds it beside tandem's C module, or where TANDEM_WORKER says.\n",
      stderr);
  return 2;
}

int main(int argc, char **argv) {
  int for_people = argc != 1 || strncmp(argv[0], "tandem-worker ", 14) != 0;
  if (for_people) return explain();
  return tdm_zygote_main(&tdml_runner, argv[0], strlen(argv[0]) + 1);
}
