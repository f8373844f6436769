#include "gate.h"

void gate_enter(gate *g) {
  pthread_mutex_lock(&g->lock);
  g->entered++;
  pthread_cond_broadcast(&g->changed);
  while (g->places >= 0 && g->passed >= g->places)
    pthread_cond_wait(&g->changed, &g->lock);
  g->passed++;
  pthread_mutex_unlock(&g->lock);
}

void gate_await(gate *g, int entered) {
  pthread_mutex_lock(&g->lock);
  while (g->entered < entered) pthread_cond_wait(&g->changed, &g->lock);
  pthread_mutex_unlock(&g->lock);
}

int gate_entered(gate *g) {
  pthread_mutex_lock(&g->lock);
  int n = g->entered;
  pthread_mutex_unlock(&g->lock);
  return n;
}

void gate_let(gate *g, int n) {
  pthread_mutex_lock(&g->lock);
  g->places += n;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->lock);
}

void gate_open(gate *g) {
  pthread_mutex_lock(&g->lock);
  g->places = -1;
  pthread_cond_broadcast(&g->changed);
  pthread_mutex_unlock(&g->lock);
}
