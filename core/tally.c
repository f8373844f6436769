#include "tally.h"

static unsigned index_of(tdm_time ns) {
  uint64_t v = ns < 1 ? 1 : (uint64_t)ns;
  unsigned octave = 63u - (unsigned)__builtin_clzll(v);
  if (octave >= TDM_OCTAVES) return TDM_OCTAVES * TDM_STEPS - 1;
  unsigned step = (unsigned)(((v << 3) >> octave) & 7u);
  return octave * TDM_STEPS + step;
}

/* What stands for a step, in nanoseconds: off by the same share, 1/17 at most,
 * from both of its ends. */
static double value_of(unsigned index) {
  double octave = (double)(UINT64_C(1) << (index / TDM_STEPS));
  double low = TDM_STEPS + index % TDM_STEPS, high = low + 1;
  return octave / TDM_STEPS * (2 * low * high / (low + high));
}

static void halve(tdm_histogram *h) {
  for (unsigned i = 0; i < TDM_OCTAVES * TDM_STEPS; i++)
    tdm_store_relaxed(&h->count[i], tdm_load_relaxed(&h->count[i]) / 2);
}

static void count(tdm_histogram *h, unsigned i, uint32_t weight) {
  while (tdm_load_relaxed(&h->count[i]) > UINT32_MAX - weight) {
    halve(h);
    weight = weight / 2 + 1;
  }
  tdm_bump(&h->count[i], weight);
}

static void add(tdm_histogram *h, tdm_time ns, uint32_t weight) {
  tdm_bump(&h->sum, ns * (int64_t)weight);
  tdm_bump(&h->total, weight);
  if (ns > tdm_load_relaxed(&h->max)) tdm_store_relaxed(&h->max, ns);
  count(h, index_of(ns), weight);
}

void tdm_tally_add(tdm_tally *y, const tdm_task *t, int failed) {
  uint64_t bad = failed ? t->items : t->failed;
  tdm_bump(&y->done, t->items - bad);
  tdm_bump(&y->failed, bad);
  tdm_bump(&y->bytes_in, t->bytes_in);
  tdm_bump(&y->bytes_out, t->bytes_out);
  tdm_bump(&y->cpu, (int64_t)((double)t->cpu * 1e9));
  add(&y->wait, t->started - t->queued, t->items);
  add(&y->run, (t->finished - t->started) / t->items, t->items);
}

static void merge(tdm_histogram *to, tdm_histogram *from) {
  tdm_time max = tdm_load_relaxed(&from->max);
  tdm_bump(&to->sum, tdm_load_relaxed(&from->sum));
  if (max > tdm_load_relaxed(&to->max)) tdm_store_relaxed(&to->max, max);
  tdm_bump(&to->total, tdm_load_relaxed(&from->total));
  for (unsigned i = 0; i < TDM_OCTAVES * TDM_STEPS; i++)
    count(to, i, tdm_load_relaxed(&from->count[i]));
}

void tdm_tally_merge(tdm_tally *to, tdm_tally *from) {
  tdm_bump(&to->submitted, tdm_load_relaxed(&from->submitted));
  tdm_bump(&to->withdrawn, tdm_load_relaxed(&from->withdrawn));
  tdm_bump(&to->taken, tdm_load_relaxed(&from->taken));
  tdm_bump(&to->done, tdm_load_relaxed(&from->done));
  tdm_bump(&to->failed, tdm_load_relaxed(&from->failed));
  tdm_bump(&to->stopped, tdm_load_relaxed(&from->stopped));
  tdm_bump(&to->bytes_in, tdm_load_relaxed(&from->bytes_in));
  tdm_bump(&to->bytes_out, tdm_load_relaxed(&from->bytes_out));
  tdm_bump(&to->restarts, tdm_load_relaxed(&from->restarts));
  tdm_bump(&to->cpu, tdm_load_relaxed(&from->cpu));
  merge(&to->wait, &from->wait);
  merge(&to->run, &from->run);
}

static double percentile(tdm_histogram *h, uint64_t counted, double p) {
  uint64_t seen = 0, want = (uint64_t)((double)counted * p);
  for (unsigned i = 0; i < TDM_OCTAVES * TDM_STEPS; i++) {
    seen += tdm_load_relaxed(&h->count[i]);
    if (seen > want) return value_of(i) * 1e-9;
  }
  return 0;
}

static double at_most(double x, double max) { return x < max ? x : max; }

tdm_spread tdm_histogram_spread(tdm_histogram *h) {
  uint64_t counted = 0, total = tdm_load_relaxed(&h->total);
  for (unsigned i = 0; i < TDM_OCTAVES * TDM_STEPS; i++)
    counted += tdm_load_relaxed(&h->count[i]);
  if (counted == 0 || total == 0) return (tdm_spread){0};
  double max = (double)tdm_load_relaxed(&h->max) * 1e-9;
  return (tdm_spread){
      .mean = (double)tdm_load_relaxed(&h->sum) * 1e-9 / (double)total,
      .p50 = at_most(percentile(h, counted, 0.50), max),
      .p90 = at_most(percentile(h, counted, 0.90), max),
      .p99 = at_most(percentile(h, counted, 0.99), max),
      .max = max,
  };
}
