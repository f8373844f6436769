/* serial.c -- the executor without workers: each task runs inside submit, in
 * the submitting thread, through the same virtual machine and the same bytes
 * as everywhere. For tests, and as the baseline to measure against.
 */
#include "error.h"
#include "executor.h"
#include "mem.h"
#include "nest.h"

typedef struct serial {
  tdm_executor base;
  tdm_worker worker;
} serial;

static int serial_submit(tdm_executor *e, tdm_task *t, size_t backlog,
                         int *woke) {
  (void)backlog;
  *woke = 0;
  serial *s = (serial *)e;
  s->worker.ctl.around = tdm_port_of(t)->ctl;
  tdm_executor_prepare(e, &s->worker, t);
  /* Who knows what the thread did since the last task. */
  tdm_worker_before_sleep(&s->worker);
  tdm_worker_after_sleep(&s->worker);
  tdm_time now = s->worker.cpu_at;
  tdm_executor_run(e, &s->worker, t, &now);
  tdm_port_deliver(t);
  if (s->worker.nest != NULL) tdm_nest_run_all(s->worker.nest);
  return TDM_OK;
}

static tdm_task *serial_recall(tdm_executor *e) {
  (void)e;
  return NULL;
}

static int serial_resize(tdm_executor *e, unsigned n) {
  e->settings.max_workers = n;
  return TDM_OK;
}

static void serial_close(tdm_executor *e) { (void)e; }

static void serial_interrupt(tdm_executor *e) {
  tdm_stop_ring(&((serial *)e)->worker.own_stop);
}

static int serial_is_over(tdm_executor *e) {
  return tdm_load_relaxed(&e->closing);
}

static void serial_free(tdm_executor *e) {
  tdm_worker_fini(&((serial *)e)->worker);
  tdm_mem_free(e);
}

static int serial_try_renew(tdm_executor *e) {
  return ((serial *)e)->worker.vm == NULL;
}

static size_t serial_workers(tdm_executor *e, tdm_worker_view *views,
                             size_t max) {
  serial *s = (serial *)e;
  if (s->worker.vm == NULL || tdm_load_relaxed(&e->closing)) return 0;
  if (max > 0) tdm_worker_look(&s->worker, &views[0]);
  return 1;
}

static void serial_tally(tdm_executor *e, tdm_tally *sum) {
  tdm_tally_merge(sum, &((serial *)e)->worker.tally);
}

static const tdm_executor_ops serial_ops = {
    .kind = "serial",
    .is_inline = 1,
    .submit = serial_submit,
    .recall = serial_recall,
    .resize = serial_resize,
    .close = serial_close,
    .interrupt = serial_interrupt,
    .is_over = serial_is_over,
    .free = serial_free,
    .workers = serial_workers,
    .tally = serial_tally,
    .try_renew = serial_try_renew,
};

int tdm_serial_new(const tdm_settings *settings, const tdm_runner *r,
                   void *recipe, tdm_port *port, tdm_executor **out) {
  serial *s = tdm_mem_zero(sizeof *s);
  if (s == NULL) return TDM_NOMEM;
  tdm_executor_init(&s->base, &serial_ops, settings, r, port);
  s->base.recipe = recipe;
  tdm_worker_init(&s->worker, r, 1, serial_ops.kind, s->base.settings.name);
  *out = &s->base;
  return TDM_OK;
}
