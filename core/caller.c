#include "caller.h"

#include "error.h"
#include "mem.h"

/* While it is under way its thread is there. */
static tdm_time watch(void *arg) {
  tdm_caller *c = arg;
  tdm_time next = TDM_FOREVER;
  tdm_mutex_lock(&c->lock);
  if (c->is_limited) next = tdm_worker_watch(&c->worker, c->thread);
  tdm_mutex_unlock(&c->lock);
  return next;
}

tdm_caller *tdm_caller_new(const tdm_runner *runner, const char *pool_kind,
                           const char *pool_name) {
  tdm_caller *c = tdm_mem_zero(sizeof *c);
  if (c == NULL) return NULL;
  if (tdm_mutex_init(&c->lock, TDM_RANK_CREW) != TDM_OK) {
    tdm_mem_free(c);
    return NULL;
  }
  tdm_worker_init(&c->worker, runner, 0, pool_kind, pool_name);
  c->worker.ctl.is_caller = 1;
  c->keeper.look = watch;
  c->keeper.arg = c;
  return c;
}

int tdm_caller_begin(tdm_caller *c, float limit) {
  if (!(limit > 0)) return TDM_OK;
  int err = tdm_interrupt_install();
  if (err == TDM_OK) err = tdm_keeper_need(&c->keeper);
  if (err != TDM_OK) return err;
  c->worker.keeper = &c->keeper;
  tdm_mutex_lock(&c->lock);
  c->thread = pthread_self();
  c->is_limited = 1;
  tdm_mutex_unlock(&c->lock);
  return TDM_OK;
}

void tdm_caller_end(tdm_caller *c) {
  if (!c->is_limited) return;
  tdm_mutex_lock(&c->lock);
  c->is_limited = 0;
  tdm_mutex_unlock(&c->lock);
}

void tdm_caller_free(tdm_caller *c) {
  tdm_keeper_end(&c->keeper);
  tdm_worker_fini(&c->worker);
  tdm_mutex_fini(&c->lock);
  tdm_mem_free(c);
}
