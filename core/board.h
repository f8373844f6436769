/* board.h -- which worker processes search for work, and which sleep.
 *
 * Two bits for each place. A worker that dies leaves its bits as they are, and
 * the host wipes them; no count can be wrong for ever. What "Sleep and wake"
 * in DESIGN.md says of threads holds here as well: who makes work visible looks
 * at the board next, who lies down looks for work next.
 *
 * Owns:    nothing.
 * Threads: any, of any process; `place` says which worker it is about.
 */
#ifndef TDM_BOARD_H
#define TDM_BOARD_H

#include "share.h"

/* The worker searches: it did neither before. Also by who starts it. */
void tdm_board_search(tdm_share *s, unsigned place);

/* The worker searches no more. True if it was the last one. */
int tdm_board_stop_search(tdm_share *s, unsigned place);

/* From searching to sleeping. */
void tdm_board_lie_down(tdm_share *s, unsigned place);

/* From sleeping to searching. False: it does not sleep. Who gets another up
 * wakes it as well. */
int tdm_board_try_get_up(tdm_share *s, unsigned place);

int tdm_board_sleeps(tdm_share *s, unsigned place);

/* Wakes one, which then searches. False if nobody sleeps. */
int tdm_board_wake_one(tdm_share *s);

/* Wakes this one, where it sleeps. */
void tdm_board_wake(tdm_share *s, unsigned place);

/* The worker is gone. */
void tdm_board_wipe(tdm_share *s, unsigned place);

unsigned tdm_board_searching(tdm_share *s);
unsigned tdm_board_sleeping(tdm_share *s);

#endif
