/* The small parts that stand alone: buffers, payloads, memory, errors, time,
 * functions, forks, processors. */
#include <math.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "check.h"
#include "clock.h"
#include "cpu.h"
#include "error.h"
#include "fork.h"
#include "func.h"
#include "mem.h"
#include "task.h"

static void buf_grows_and_keeps(void) {
  tdm_buf b = {0};
  for (unsigned i = 0; i < 10000; i++) {
    CHECK_INT(tdm_buf_reserve(&b, 1), TDM_OK);
    tdm_buf_put_byte(&b, i & 0xffu);
    CHECK(b.n <= b.cap);
  }
  for (unsigned i = 0; i < 10000; i++)
    CHECK_INT((unsigned char)b.p[i], i & 0xffu);
  tdm_buf_fini(&b);
  CHECK(b.p == NULL && b.n == 0 && b.cap == 0);
}

static void buf_refuses_the_impossible(void) {
  tdm_buf b = {0};
  CHECK_INT(tdm_buf_reserve(&b, SIZE_MAX), TDM_NOMEM);
  CHECK_INT(tdm_buf_reserve(&b, SIZE_MAX / 2 + 1), TDM_NOMEM);
  CHECK_INT(tdm_buf_reserve(&b, 3), TDM_OK);
  tdm_buf_put(&b, "abc", 3);
  CHECK_INT(tdm_buf_reserve(&b, SIZE_MAX - 1), TDM_NOMEM);
  CHECK(b.n == 3 && memcmp(b.p, "abc", 3) == 0);
  tdm_buf_put(&b, NULL, 0);
  CHECK_INT(b.n, 3);
  tdm_buf_fini(&b);
}

static void buf_unchanged_without_memory(void) {
  tdm_buf b = {0};
  CHECK_INT(tdm_buf_reserve(&b, 1), TDM_OK);
  tdm_buf_put_byte(&b, 'x');
  size_t cap = b.cap;
  tdm_mem_fail_after(1);
  CHECK_INT(tdm_buf_reserve(&b, cap), TDM_NOMEM);
  CHECK(b.n == 1 && b.cap == cap && b.p[0] == 'x');
  CHECK_INT(tdm_buf_reserve(&b, cap), TDM_OK);
  tdm_buf_fini(&b);
}

/* --- payloads ------------------------------------------------------------- */

static void fill(tdm_buf *b, size_t n, char c) {
  CHECK_INT(tdm_buf_reserve(b, n), TDM_OK);
  for (size_t i = 0; i < n; i++) tdm_buf_put_byte(b, (unsigned char)c);
}

static void holds(const tdm_payload *p, size_t n, char c) {
  CHECK_INT(p->n, n);
  for (size_t i = 0; i < n; i++) CHECK_INT(tdm_payload_bytes(p)[i], c);
}

static void payload_takes_every_size(void) {
  static const size_t sizes[] = {0,    1,    TDM_INLINE, TDM_INLINE + 1,
                                 4095, 4096, 4097,       1 << 20};
  enum { N = sizeof sizes / sizeof sizes[0] };
  tdm_payload p = {0};
  tdm_buf b = {0};
  for (int i = 0; i < N * N; i++) { /* each size after each */
    size_t n = sizes[i % N];
    fill(&b, sizes[i / N], 'a');
    CHECK_INT(tdm_payload_take(&p, &b), TDM_OK);
    fill(&b, n, 'b');
    CHECK_INT(tdm_payload_take(&p, &b), TDM_OK);
    CHECK_INT(b.n, 0);
    holds(&p, n, 'b');
  }
  tdm_payload_fini(&p);
  CHECK_INT(p.n, 0);
  tdm_buf_fini(&b);
}

static void payload_steals_large_blocks(void) {
  tdm_payload p = {0};
  tdm_buf b = {0};
  fill(&b, 5000, 'x');
  const char *block = b.p;
  CHECK_INT(tdm_payload_take(&p, &b), TDM_OK);
  CHECK(p.at.far.bytes == block && b.p == NULL && b.cap == 0);
  tdm_payload_fini(&p);
  fill(&b, 100, 'y');
  block = b.p;
  CHECK_INT(tdm_payload_take(&p, &b), TDM_OK);
  CHECK(p.at.far.bytes != block && b.p == block);
  tdm_payload_fini(&p);
  tdm_buf_fini(&b);
}

static void payload_unchanged_without_memory(void) {
  tdm_payload p = {0};
  tdm_buf b = {0};
  fill(&b, 200, 'x');
  CHECK_INT(tdm_payload_take(&p, &b), TDM_OK);
  fill(&b, 300, 'y');
  tdm_mem_fail_after(1);
  CHECK_INT(tdm_payload_take(&p, &b), TDM_NOMEM);
  holds(&p, 200, 'x');
  CHECK_INT(b.n, 300);
  tdm_payload_fini(&p);
  tdm_buf_fini(&b);
}

/* --- memory --------------------------------------------------------------- */

static void mem_counts_and_fails_once(void) {
  void *a, *b;
  tdm_mem_fail_after(2);
  CHECK((a = tdm_mem_new(10)) != NULL);
  CHECK(tdm_mem_zero(10) == NULL);
  CHECK((b = tdm_mem_aligned(64, 128)) != NULL);
  CHECK(((uintptr_t)b & 63) == 0);
  CHECK_INT(tdm_mem_asked(), 3);
  CHECK_INT(tdm_mem_live(), 2);
  CHECK((a = tdm_mem_resize(a, 1000)) != NULL);
  CHECK_INT(tdm_mem_live(), 2);
  tdm_mem_fail_after(1);
  CHECK(tdm_mem_resize(a, 2000) == NULL);
  CHECK_INT(tdm_mem_live(), 2);
  tdm_mem_free(a);
  tdm_mem_free(b);
  tdm_mem_free(NULL);
  CHECK_INT(tdm_mem_live(), 0);
}

static void mem_zero_is_zero(void) {
  unsigned char *p = tdm_mem_zero(1000);
  CHECK(p != NULL);
  for (int i = 0; i < 1000; i++) CHECK_INT(p[i], 0);
  tdm_mem_free(p);
}

/* --- errors --------------------------------------------------------------- */

static void errors_have_kind_and_text(void) {
  for (int i = 0; i < TDM_ERROR_COUNT; i++) {
    const char *text = tdm_error_text(-1 - i);
    CHECK(strlen(tdm_error_kind(-1 - i)) > 0);
    CHECK(strlen(text) > 0 && text[strlen(text) - 1] != '.');
    for (int k = 0; k < i; k++)
      CHECK(strcmp(text, tdm_error_text(-1 - k)) != 0);
  }
  CHECK(strcmp(tdm_error_kind(TDM_TIMEOUT), "timeout") == 0);
  CHECK(strcmp(tdm_error_kind(TDM_FULL), "full") == 0);
  CHECK(strcmp(tdm_error_text(TDM_OK), "unknown error") == 0);
  CHECK(strcmp(tdm_error_text(-1 - TDM_ERROR_COUNT), "unknown error") == 0);
}

/* --- time ----------------------------------------------------------------- */

static void deadline_of_odd_timeouts(void) {
  static const double past[] = {0, -0.0, -1, -1e300, -INFINITY, NAN};
  static const double never[] = {INFINITY, 1e300, 1e10, 9.3e9};
  for (size_t i = 0; i < sizeof past / sizeof past[0]; i++)
    CHECK(tdm_clock_deadline(past[i]) <= tdm_clock_now());
  for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
    CHECK(tdm_clock_deadline(never[i]) == TDM_FOREVER);
}

static void deadline_of_usual_timeouts(void) {
  static const double usual[] = {1e-9, 0.001, 1, 3600, 1e6, 9e9};
  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
    tdm_time before = tdm_clock_now();
    tdm_time until = tdm_clock_deadline(usual[i]);
    tdm_time after = tdm_clock_now(), ns = (tdm_time)(usual[i] * 1e9);
    CHECK(until >= before + ns && until <= after + ns);
  }
}

static void clocks_go_forward(void) {
  tdm_time now = tdm_clock_now(), cpu = tdm_clock_cpu();
  for (int i = 0; i < 10000; i++) {
    tdm_time later = tdm_clock_now();
    CHECK(later >= now);
    now = later;
  }
  CHECK(tdm_clock_cpu() > cpu);
}

/* --- the rest ------------------------------------------------------------- */

static void func_copies_and_numbers(void) {
  char spec[] = "m:f\0g", label[] = "label";
  tdm_func *a = tdm_func_new(TDM_FUNC_CODE, spec, sizeof spec, label);
  tdm_func *b = tdm_func_new(TDM_FUNC_NAME, "", 0, "");
  CHECK(a != NULL && b != NULL);
  memset(spec, 'x', sizeof spec);
  memset(label, 'x', sizeof label);
  CHECK(a->size == 6 && memcmp(a->spec, "m:f\0g", 6) == 0);
  CHECK_INT(a->spec[6], 0);
  CHECK(strcmp(a->label, "label") == 0 && a->form == TDM_FUNC_CODE);
  CHECK(b->size == 0 && b->spec[0] == '\0' && b->label[0] == '\0');
  CHECK(a->id >= 1 && b->id != a->id);
  tdm_mem_fail_after(1);
  CHECK(tdm_func_new(TDM_FUNC_NAME, "a", 1, "a") == NULL);
  tdm_func_free(a);
  tdm_func_free(b);
}

static void func_of_the_process(void) {
  tdm_funcs list = {0};
  tdm_func *a = tdm_func_get(TDM_FUNC_NAME, "m:f", 3, "f");
  CHECK(tdm_func_get(TDM_FUNC_NAME, "m:f", 3, "f") == a);
  tdm_func *other[] = {tdm_func_get(TDM_FUNC_NAME, "m:f", 3, "other"),
                       tdm_func_get(TDM_FUNC_CODE, "m:f", 3, "f"),
                       tdm_func_get(TDM_FUNC_NAME, "m:g", 3, "f"),
                       tdm_func_get(TDM_FUNC_NAME, "m:ff", 4, "f")};
  uint32_t id = a->id;
  for (int i = 0; i < 4; i++) {
    CHECK(other[i] != NULL && other[i]->id != id);
    CHECK_INT(tdm_funcs_add(&list, other[i]), TDM_OK);
    CHECK(tdm_funcs_has(&list, other[i]) && !tdm_funcs_has(&list, a));
  }
  tdm_funcs_release(&list);
  tdm_func_release(a);
  CHECK(tdm_func_get(TDM_FUNC_NAME, "m:f", 3, "f") == a);
  tdm_func_release(a);
  tdm_func_release(a);
  a = tdm_func_get(TDM_FUNC_NAME, "m:f", 3, "f");
  CHECK(a->id != id);
  tdm_mem_fail_after(1);
  CHECK(tdm_func_get(TDM_FUNC_NAME, "m:g", 3, "f") == NULL);
  tdm_mem_fail_after(1);
  CHECK_INT(tdm_funcs_add(&list, a), TDM_NOMEM);
  tdm_func_release(a);
}

/* The generation as a forked child sees it, and its child. */
static int generation_after(int forks) {
  int status;
  if (forks == 0) return (int)tdm_fork_generation();
  pid_t pid = fork();
  if (pid == 0) _exit(generation_after(forks - 1));
  CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
  return WEXITSTATUS(status);
}

static void fork_generation_counts(void) {
  int here = (int)tdm_fork_generation();
  CHECK_INT(generation_after(1), here + 1);
  CHECK_INT(generation_after(2), here + 2);
  CHECK_INT(tdm_fork_generation(), here);
}

static void cpu_count_is_sane(void) {
  CHECK(tdm_cpu_count() >= 1);
  CHECK(tdm_cpu_count() <= sysconf(_SC_NPROCESSORS_CONF));
}

TESTS(TEST(buf_grows_and_keeps), TEST(buf_refuses_the_impossible),
      TEST(buf_unchanged_without_memory), TEST(payload_takes_every_size),
      TEST(payload_steals_large_blocks), TEST(payload_unchanged_without_memory),
      TEST(mem_counts_and_fails_once), TEST(mem_zero_is_zero),
      TEST(errors_have_kind_and_text), TEST(deadline_of_odd_timeouts),
      TEST(deadline_of_usual_timeouts), TEST(clocks_go_forward),
      TEST(func_copies_and_numbers), TEST(func_of_the_process),
      TEST(fork_generation_counts), TEST(cpu_count_is_sane))
