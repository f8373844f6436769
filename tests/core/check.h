/* check.h -- a test runner: each case in a process of its own, with its own
 * time limit, so that a crash or a hang costs one case and no more.
 *
 *     static void buf_grows(void) { CHECK(...); }
 *     TESTS(TEST(buf_grows))
 *
 * A case passes when it returns with no block of core memory left live. It
 * ends through exit, so that leak checkers and coverage have their say. The
 * program takes a part of a name as its argument and then runs only the cases
 * whose name has it.
 *
 * Threads: CHECK may be used by any thread of a case.
 */
#ifndef TDM_CHECK_H
#define TDM_CHECK_H

#include <stddef.h>

typedef struct check_case {
  const char *name;
  void (*run)(void);
  unsigned seconds; /* its limit; 0: the usual one */
} check_case;

#define TEST(name) \
  { #name, name, 0 }
#define SLOW_TEST(name, seconds) \
  { #name, name, seconds }

#define TESTS(...)                                                        \
  int main(int argc, char **argv) {                                       \
    static const check_case cases[] = {__VA_ARGS__};                      \
    return check_main(argc, argv, cases, sizeof cases / sizeof cases[0]); \
  }

#define CHECK(condition) \
  ((condition) ? (void)0 : check_fail(__FILE__, __LINE__, #condition))

/* Both sides as integers, shown when they differ. */
#define CHECK_INT(got, wanted) \
  check_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(wanted))

int check_main(int argc, char **argv, const check_case *cases, size_t n);

/* Ends the case as failed. */
void check_fail(const char *file, int line, const char *what)
    __attribute__((noreturn));
void check_int(const char *file, int line, const char *what, long long got,
               long long wanted);

/* How many rounds to do where `n` are wanted of a plain build: fewer under the
 * sanitizers and valgrind, which are that much slower. */
long check_rounds(long n);

/* A random number below `n`, from a seed of the calling thread's own. */
unsigned check_random(unsigned *seed, unsigned n);

#endif
