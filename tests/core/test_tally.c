/* Counts and percentiles. */
#include "tally.h"

#include <stdlib.h>

#include "check.h"
#include "mem.h"

static tdm_tally *new_tally(void) {
  tdm_tally *y = tdm_mem_zero(sizeof *y);
  CHECK(y != NULL);
  return y;
}

static void add_run(tdm_tally *y, tdm_time wait, tdm_time run, uint32_t items) {
  tdm_task t = {.queued = 1000, .items = items};
  t.started = t.queued + wait;
  t.finished = t.started + run * items;
  tdm_tally_add(y, &t, 0);
}

static void within_6_percent(double got, tdm_time wanted) {
  double ns = (double)wanted;
  CHECK(got * 1e9 >= ns * 0.94 && got * 1e9 <= ns * 1.06);
}

static int by_size(const void *a, const void *b) {
  tdm_time x = *(const tdm_time *)a, y = *(const tdm_time *)b;
  return (x > y) - (x < y);
}

/* Durations over eight decades, against the sorted list itself. */
static void percentiles_of_many(void) {
  enum { N = 10001 };
  static tdm_time ns[N];
  tdm_tally *y = new_tally();
  unsigned seed = 17;
  for (int i = 0; i < N; i++) {
    ns[i] = (8 + check_random(&seed, 1000)) << check_random(&seed, 20);
    add_run(y, ns[i] / 2, ns[i], 1);
  }
  qsort(ns, N, sizeof ns[0], by_size);
  tdm_spread run = tdm_histogram_spread(&y->run);
  within_6_percent(run.p50, ns[N / 2]);
  within_6_percent(run.p90, ns[N * 9 / 10]);
  within_6_percent(run.p99, ns[N * 99 / 100]);
  within_6_percent(run.max, ns[N - 1]);
  within_6_percent(tdm_histogram_spread(&y->wait).p50, ns[N / 2] / 2);
  tdm_mem_free(y);
}

/* Each duration alone, at the edges of its octave and of its steps. */
static void percentile_of_one(void) {
  for (int octave = 3; octave < TDM_OCTAVES; octave++)
    for (int step = 0; step < TDM_STEPS; step++)
      for (int off = 0; off <= 1; off++) {
        tdm_time low = (INT64_C(1) << octave) * (TDM_STEPS + step) / TDM_STEPS;
        tdm_tally *y = new_tally();
        add_run(y, 0, low - off, 1);
        add_run(y, 0, low * 8, 1); /* so that max does not cap the median */
        add_run(y, 0, low - off, 1);
        within_6_percent(tdm_histogram_spread(&y->run).p50, low - off);
        tdm_mem_free(y);
      }
}

static void extremes(void) {
  tdm_tally *y = new_tally();
  tdm_spread none = tdm_histogram_spread(&y->run);
  CHECK(none.mean <= 0 && none.p50 <= 0 && none.p99 <= 0 && none.max <= 0);
  add_run(y, -5, 0, 1);
  add_run(y, 0, INT64_C(1) << 50, 1);
  tdm_spread s = tdm_histogram_spread(&y->run);
  CHECK(s.p50 > 0 && s.p50 <= s.max && s.p99 <= s.max);
  within_6_percent(s.max, INT64_C(1) << 50);
  tdm_mem_free(y);
}

static void chunks_count_by_item(void) {
  tdm_tally *y = new_tally();
  add_run(y, 10, 100, 50);
  tdm_task t = {.items = 10, .failed = 3, .bytes_in = 7, .bytes_out = 9};
  t.cpu = 1.5f;
  tdm_tally_add(y, &t, 0);
  tdm_tally_add(y, &t, 1);
  CHECK_INT(y->done, 57);
  CHECK_INT(y->failed, 13);
  CHECK_INT(y->bytes_in, 14);
  CHECK_INT(y->bytes_out, 18);
  CHECK_INT(y->cpu, 3 * TDM_SECOND);
  tdm_mem_free(y);
}

static void merge_adds_up(void) {
  tdm_tally *a = new_tally(), *b = new_tally(), *sum = new_tally();
  for (int i = 1; i <= 100; i++)
    add_run(i % 2 ? a : b, i, i * INT64_C(1000), 1);
  a->taken = 50;
  b->taken = 50;
  b->restarts = 2;
  tdm_tally_merge(sum, a);
  tdm_tally_merge(sum, b);
  tdm_spread run = tdm_histogram_spread(&sum->run);
  CHECK_INT(sum->done, 100);
  CHECK_INT(sum->taken, 100);
  CHECK_INT(sum->restarts, 2);
  within_6_percent(run.p50, 51000);
  within_6_percent(run.mean, 50500);
  within_6_percent(run.max, 100000);
  tdm_mem_free(a);
  tdm_mem_free(b);
  tdm_mem_free(sum);
}

TESTS(TEST(percentiles_of_many), TEST(percentile_of_one), TEST(extremes),
      TEST(chunks_count_by_item), TEST(merge_adds_up))
