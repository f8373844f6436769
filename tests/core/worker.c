/* The worker program of the C tests: a zygote that runs jobs.h.
 *
 * A worker that has leaked memory ends the case that it works for.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jobs.h"
#include "zygote.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
static int has_leaks(void) { return __lsan_do_recoverable_leak_check(); }
#else
static int has_leaks(void) { return tdm_mem_live() != 0; }
#endif

int main(int argc, char **argv) {
  pid_t zygote = getpid();
  if (argc != 1) return 2;
  int code = tdm_zygote_main(&jobs_runner, argv[0], strlen(argv[0]) + 1);
  const char *host = getenv("TANDEM_TEST_HOST");
  /* A zygote that is let go leaves its machine as it is. */
  if (getpid() != zygote && has_leaks() && host != NULL)
    kill((pid_t)strtol(host, NULL, 10), SIGABRT);
  return code;
}
