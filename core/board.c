#include "board.h"

#define SLEEPS UINT64_C(1)
#define SEARCHES UINT64_C(2)
#define ALL_SLEEP UINT64_C(0x5555555555555555)

static _Atomic(uint64_t) *word_of(tdm_share *s, unsigned place) {
  return &s->board[place / TDM_PER_WORD];
}

static uint64_t bits(unsigned place, uint64_t what) {
  return what << (2 * (place % TDM_PER_WORD));
}

static unsigned words(tdm_share *s) {
  return (tdm_load_total(&s->places) + TDM_PER_WORD - 1) / TDM_PER_WORD;
}

static unsigned count(tdm_share *s, uint64_t mask) {
  unsigned n = 0, end = words(s);
  for (unsigned i = 0; i < end; i++)
    n += (unsigned)__builtin_popcountll(tdm_load_total(&s->board[i]) & mask);
  return n;
}

unsigned tdm_board_searching(tdm_share *s) { return count(s, ALL_SLEEP << 1); }

unsigned tdm_board_sleeping(tdm_share *s) { return count(s, ALL_SLEEP); }

void tdm_board_search(tdm_share *s, unsigned place) {
  tdm_or_total(word_of(s, place), bits(place, SEARCHES));
}

void tdm_board_wipe(tdm_share *s, unsigned place) {
  tdm_and_total(word_of(s, place), ~bits(place, SEARCHES | SLEEPS));
}

int tdm_board_stop_search(tdm_share *s, unsigned place) {
  tdm_board_wipe(s, place);
  return tdm_board_searching(s) == 0;
}

void tdm_board_lie_down(tdm_share *s, unsigned place) {
  tdm_xor_total(word_of(s, place), bits(place, SEARCHES | SLEEPS));
}

int tdm_board_try_get_up(tdm_share *s, unsigned place) {
  _Atomic(uint64_t) *word = word_of(s, place);
  uint64_t old = tdm_load_total(word);
  do
    if (!(old & bits(place, SLEEPS))) return 0;
  while (!tdm_cas_total(word, &old, old ^ bits(place, SEARCHES | SLEEPS)));
  return 1;
}

int tdm_board_sleeps(tdm_share *s, unsigned place) {
  return (tdm_load_total(word_of(s, place)) & bits(place, SLEEPS)) != 0;
}

void tdm_board_wake(tdm_share *s, unsigned place) {
  if (tdm_board_try_get_up(s, place)) tdm_park_wake(&s->place[place].bed);
}

/* The lowest place that sleeps. The same few workers are then always the ones
 * that work, with warm caches, and the others stay asleep. */
int tdm_board_wake_one(tdm_share *s) {
  unsigned end = words(s);
  for (unsigned i = 0; i < end; i++) {
    uint64_t asleep;
    while ((asleep = tdm_load_total(&s->board[i]) & ALL_SLEEP) != 0) {
      unsigned place = i * TDM_PER_WORD + (unsigned)__builtin_ctzll(asleep) / 2;
      if (!tdm_board_try_get_up(s, place)) continue;
      tdm_park_wake(&s->place[place].bed);
      return 1;
    }
  }
  return 0;
}
