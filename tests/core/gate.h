/* gate.h -- a place where threads are held until the test lets them go.
 *
 * Threads: any. Blocks: enter, until the gate is open; await, until so many
 * have entered. The case's time limit is the only other way out.
 */
#ifndef TDM_GATE_H
#define TDM_GATE_H

#include <pthread.h>

typedef struct gate {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int entered; /* how many came, ever */
  int places;  /* how many may pass; negative: all */
  int passed;
} gate;

#define GATE_SHUT \
  { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0 }

void gate_enter(gate *g);
void gate_await(gate *g, int entered);
int gate_entered(gate *g);

/* Lets `n` more pass. */
void gate_let(gate *g, int n);
void gate_open(gate *g);

#endif
