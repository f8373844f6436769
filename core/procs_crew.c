#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "board.h"
#include "error.h"
#include "launch.h"
#include "mem.h"
#include "os.h"
#include "procs.h"
#include "ring.h"
#include "zygote.h"

/* So many workers in a row that die before they finish a task break the pool.
 */
#define STORM 3

/* After a failure to start a worker, no new try for so long. */
#define START_AGAIN_AFTER (TDM_SECOND)

/* Orders that may be under way at once: the channel holds no more than some
 * hundreds. */
#define MOST_ORDERED 64u

/* How long the zygote's word on a death is waited for. */
#define WORD_AFTER (TDM_SECOND / 2)

static int is_closing(tdm_procs *p) { return tdm_load_total(&p->base.closing); }

static int is_broken(tdm_procs *p) { return tdm_load_acquire(&p->base.broken); }

/* --- trouble --- */

__attribute__((format(printf, 2, 3))) static void set_trouble(
    tdm_procs *p, const char *format, ...) {
  va_list args;
  va_start(args, format);
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it is not */
  vsnprintf(p->base.trouble, sizeof p->base.trouble, format, args);
  va_end(args);
}

static void break_pool(tdm_procs *p, tdm_buf *why, tdm_settled *out) {
  tdm_executor_break(&p->base, why);
  tdm_buf_fini(why);
  tdm_procs_fail_pending_locked(p, out);
}

static void break_with_note(tdm_procs *p, const tdm_note *note,
                            tdm_settled *out) {
  tdm_buf why = {0};
  if (tdm_buf_reserve(&why, sizeof *note) == TDM_OK)
    tdm_buf_put(&why, note, sizeof *note);
  break_pool(p, &why, out);
}

static void break_for_want_of_workers(tdm_procs *p, tdm_settled *out) {
  tdm_note note = {.mark = TDM_NOTE_MARK, .kind = TDM_NOTE_NO_WORKER};
  snprintf(note.text, sizeof note.text, "%.*s", (int)sizeof note.text - 1,
           p->base.trouble);
  break_with_note(p, &note, out);
}

/* The cause, from a block that the failing process has left. */
static tdm_buf read_cause(tdm_procs *p, const tdm_ref *ref) {
  tdm_buf why = {0};
  const char *at = tdm_heap_at(p->heap, ref->block, ref->n);
  if (at != NULL && tdm_buf_reserve(&why, ref->n) == TDM_OK)
    tdm_buf_put(&why, at, ref->n);
  return why;
}

/* A worker could not be had: the pool goes on with those that are there. */
static void note_missing(tdm_procs *p) {
  unsigned target = p->base.settings.max_workers;
  unsigned alive = tdm_load_relaxed(&p->share->alive);
  tdm_store_relaxed(&p->base.missing, target > alive ? target - alive : 0);
  /* So that workers do not ask for what cannot be had. */
  tdm_store_total(&p->share->target, alive);
  p->start_after = tdm_clock_now() + START_AGAIN_AFTER;
}

/* --- the zygote --- */

static int send_hello(tdm_procs *p, int lifeline) {
  tdm_order hello = {TDM_ORDER_HELLO,
                     TDM_SHARE_VERSION + (uint32_t)sizeof(tdm_share)};
  int fds[4] = {p->memory, p->base.port->bell_memory,
                tdm_load_relaxed(&p->base.port->fd), lifeline};
  return tdm_channel_send(p->control, &hello, sizeof hello, fds, 4);
}

/* Until it has its machine the zygote cannot look up: a module may take for
 * ever to load. Meanwhile it dies with the other end of this. */
static int open_lifeline(tdm_procs *p, int *zygotes_end) {
  int ends[2];
  if (tdm_os_channel_new(ends) != TDM_OK) return TDM_LIMIT;
  p->lifeline = ends[0];
  *zygotes_end = ends[1];
  return TDM_OK;
}

/* Errors leave errno behind. */
static int launch_zygote(tdm_procs *p, int control) {
  int lifeline;
  if (open_lifeline(p, &lifeline) != TDM_OK) return errno;
  int err = tdm_launch(p->base.settings.program, control, &p->zygote);
  if (err == 0)
    send_hello(p, lifeline); /* if it has died already, we shall hear */
  else
    close(p->lifeline);
  close(lifeline);
  return err;
}

int tdm_procs_need_zygote_locked(tdm_procs *p) {
  const char *program = p->base.settings.program;
  int ends[2];
  if (p->control >= 0) return TDM_OK;
  if (tdm_os_channel_new(ends) != TDM_OK) {
    set_trouble(p, "no channel to a worker: %s", strerror(errno));
    return TDM_LIMIT;
  }
  p->control = ends[0];
  int err = launch_zygote(p, ends[1]);
  close(ends[1]);
  if (err != 0) {
    close(ends[0]);
    p->control = -1;
    set_trouble(p, "cannot run %.100s: %s", program, strerror(err));
    return TDM_LIMIT;
  }
  p->is_ready = 0;
  p->zygotes++;
  tdm_os_event_set(p->wake); /* the manager shall listen to it */
  return TDM_OK;
}

/* How it ended, as waitpid has it. */
static void describe_status(tdm_note *note, int status) {
  note->status_known = 1;
  if (WIFSIGNALED(status))
    note->signal = WTERMSIG(status);
  else
    note->code = (uint8_t)WEXITSTATUS(status);
}

/* It has closed its channel: it is dead, or as good as that. As long as it can
 * be waited for, its number is not another's. A host may have done so for us.
 */
static void wait_for_zygote(tdm_procs *p, tdm_note *note) {
  int status;
  pid_t pid = waitpid(p->zygote, &status, WNOHANG);
  if (pid == 0) {
    kill(p->zygote, SIGKILL);
    do pid = waitpid(p->zygote, &status, 0);
    while (pid < 0 && errno == EINTR);
  }
  if (pid == p->zygote) describe_status(note, status);
}

void tdm_procs_end_zygote_locked(tdm_procs *p, tdm_note *note) {
  if (p->control < 0) return;
  close(p->control);
  close(p->lifeline);
  p->control = -1;
  note->pid = p->zygote;
  wait_for_zygote(p, note);
}

/* Workers go on without it; those that it was to fork never come, as the ends
 * of their channels tell. */
static void lose_zygote(tdm_procs *p) {
  p->last_death = (tdm_note){.mark = TDM_NOTE_MARK};
  tdm_procs_end_zygote_locked(p, &p->last_death);
  if (!is_closing(p)) p->early_deaths++;
}

/* --- starting workers --- */

static unsigned find_place(tdm_procs *p) {
  unsigned i = 0;
  while (i < TDM_PLACES && p->member[i].state != TDM_MEMBER_NONE) i++;
  return i;
}

/* The lowest number that no worker bears, but those that another replaces. */
static unsigned find_id(const tdm_procs *p) {
  unsigned end = tdm_load_relaxed(&p->share->places), id = 0, taken;
  do {
    id++;
    taken = 0;
    for (unsigned i = 0; i < end && !taken; i++)
      taken = p->member[i].state != TDM_MEMBER_NONE && !p->member[i].replaced &&
              p->share->place[i].id == id;
  } while (taken);
  return id;
}

/* Before the order goes out: the worker may be there before we return. */
static void prepare_place(tdm_procs *p, unsigned i, unsigned id, int channel) {
  tdm_place *place = &p->share->place[i];
  memset(place, 0, sizeof *place);
  place->id = id;
  place->bed.shared = 1;
  place->stop.park.shared = 1;
  place->keeper.shared = 1;
  p->member[i] = (tdm_member){.state = TDM_MEMBER_ORDERED,
                              .channel = channel,
                              .zygote = p->zygotes,
                              .born_at = p->collected};
  if (i >= tdm_load_relaxed(&p->share->places))
    tdm_store_total(&p->share->places, i + 1);
  p->present++;
  p->ordered++;
}

static void let_begin(tdm_procs *p, unsigned i) {
  tdm_add_total(&p->share->alive, 1u);
  tdm_store_total(&p->share->place[i].begin, 1);
  tdm_park_wake(&p->share->place[i].bed); /* it may wait for this already */
}

/* Leaves no trace of a worker that is not to be. */
static void unprepare_place(tdm_procs *p, unsigned i) {
  close(p->member[i].channel);
  if (p->member[i].state == TDM_MEMBER_ORDERED) p->ordered--;
  p->member[i] = (tdm_member){.state = TDM_MEMBER_NONE};
  p->present--;
}

/* Orders a worker; who it is to be is for the caller to say. A zygote that has
 * died before it was ready may have said why, and how it ended tells as well:
 * the manager hears of both, as of one that dies with this order. */
static int order_worker(tdm_procs *p, unsigned place, unsigned id) {
  tdm_order order = {TDM_ORDER_FORK, place};
  int ends[2];
  if (tdm_os_channel_new(ends) != TDM_OK) {
    set_trouble(p, "no channel to a worker: %s", strerror(errno));
    return TDM_LIMIT;
  }
  prepare_place(p, place, id, ends[0]);
  int err = tdm_channel_send(p->control, &order, sizeof order, &ends[1], 1);
  close(ends[1]);
  if (err == TDM_OK || (err == TDM_CLOSED && !p->is_ready)) return TDM_OK;
  unprepare_place(p, place);
  set_trouble(p, "%.100s does not answer", p->base.settings.program);
  return err == TDM_CLOSED ? TDM_CLOSED : TDM_LIMIT;
}

/* The same, with a new zygote where the old one has just died. */
static int order_from_living_zygote(tdm_procs *p, unsigned place, unsigned id) {
  int err = tdm_procs_need_zygote_locked(p);
  if (err == TDM_OK) err = order_worker(p, place, id);
  if (err != TDM_CLOSED) return err;
  lose_zygote(p);
  err = tdm_procs_need_zygote_locked(p);
  if (err == TDM_OK) err = order_worker(p, place, id);
  return err == TDM_OK ? TDM_OK : TDM_LIMIT;
}

int tdm_procs_start_locked(tdm_procs *p) {
  unsigned alive = tdm_load_relaxed(&p->share->alive);
  if (alive >= p->base.settings.max_workers || is_broken(p)) return TDM_OK;
  /* The manager goes on when some of those have come. */
  if (p->ordered >= MOST_ORDERED) return TDM_OK;
  if (tdm_clock_now() < p->start_after) return TDM_OK;
  unsigned place = find_place(p);
  if (place == TDM_PLACES) return TDM_OK;
  int err = order_from_living_zygote(p, place, find_id(p));
  if (err != TDM_OK) {
    note_missing(p);
    return err;
  }
  tdm_board_search(p->share, place); /* before it may do so itself */
  let_begin(p, place);
  tdm_store_total(&p->share->target, p->base.settings.max_workers);
  return TDM_OK;
}

/* --- heirs --- */

static int wants_heir(tdm_procs *p, unsigned i) {
  const tdm_member *m = &p->member[i];
  return m->state == TDM_MEMBER_PRESENT && m->heir == 0 && !m->is_heir &&
         !m->replaced && tdm_load_total(&p->share->place[i].wants_heir);
}

/* Without one the worker is replaced when it has ended. */
static void order_heirs(tdm_procs *p) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++) {
    unsigned place;
    if (!wants_heir(p, i) || p->control < 0) continue;
    tdm_store_total(&p->share->place[i].wants_heir, 0);
    place = find_place(p);
    if (place == TDM_PLACES) return;
    if (order_worker(p, place, p->share->place[i].id) != TDM_OK) return;
    p->member[place].is_heir = 1;
    p->member[i].heir = place + 1;
    tdm_store_total(&p->share->place[i].heir, place + 1);
  }
}

/* The worker is gone, or as good as that: its heir counts from now on. */
static void promote_heir(tdm_procs *p, unsigned i) {
  unsigned heir = p->member[i].heir;
  if (heir == 0) return;
  p->member[i].heir = 0;
  tdm_store_total(&p->share->place[i].heir, 0u);
  if (tdm_load_total(&p->share->place[heir - 1].leave)) return;
  p->member[heir - 1].is_heir = 0;
  let_begin(p, heir - 1);
}

/* The heir is gone before its time. */
static void forget_heir(tdm_procs *p, unsigned heir) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++)
    if (p->member[i].heir == heir + 1) {
      p->member[i].heir = 0;
      tdm_store_total(&p->share->place[i].heir, 0u);
    }
}

static void tell_to_leave(tdm_procs *p, unsigned i) {
  tdm_store_total(&p->share->place[i].leave, 1);
  tdm_board_wake(p->share, i);
  tdm_park_wake(&p->share->place[i].bed);
}

void tdm_procs_dismiss_locked(tdm_procs *p, unsigned place) {
  tdm_member *m = &p->member[place];
  m->replaced = 1;
  tdm_sub_total(&p->share->alive, 1u);
  tell_to_leave(p, place);
  if (m->heir != 0) tell_to_leave(p, m->heir - 1);
}

int tdm_procs_call_locked(tdm_procs *p, size_t backlog) {
  tdm_share *s = p->share;
  unsigned alive = tdm_load_relaxed(&s->alive);
  if (tdm_board_searching(s) != 0) {
    unsigned asleep = tdm_board_sleeping(s);
    if (!tdm_load_relaxed(&s->long_tasks)) return 0;
    if (asleep == 0 && alive >= p->base.settings.max_workers) return 0;
    if (backlog + asleep <= alive) return 0;
  }
  tdm_ring_skip_withdrawn(s);
  if (!tdm_ring_has(s)) return 0;
  if (!tdm_board_wake_one(s)) tdm_procs_start_locked(p);
  return 1;
}

/* --- ending them --- */

static pid_t pid_of(tdm_procs *p, unsigned place) {
  pid_t pid = tdm_load_total(&p->share->place[place].pid);
  return pid != 0 ? pid : p->member[place].pid;
}

/* With all that it has started: it leads a group. Only while its channel is
 * open, so that the number cannot be another's. */
void tdm_procs_kill_member_locked(tdm_procs *p, unsigned place) {
  tdm_member *m = &p->member[place];
  pid_t pid = pid_of(p, place);
  if (m->state == TDM_MEMBER_NONE || m->ended || m->status_known) return;
  m->killed = 1;
  if (pid == 0) return; /* see hear_forked */
  if (kill(-pid, SIGKILL) != 0) kill(pid, SIGKILL);
}

void tdm_procs_wake_all_locked(tdm_procs *p) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++) {
    tdm_board_wake(p->share, i);
    if (p->member[i].is_heir) tdm_park_wake(&p->share->place[i].bed);
  }
}

/* Somebody may have died between marking a sleeper as called and calling it, or
 * in the middle of the call: its notice is there, and nobody was woken. */
static void stand_in_for_the_dead(tdm_procs *p) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++)
    if (p->member[i].state == TDM_MEMBER_PRESENT)
      tdm_park_rouse(&p->share->place[i].bed);
  tdm_port_rouse(p->base.port);
}

/* --- what they say --- */

void tdm_procs_hear_member_locked(tdm_procs *p, unsigned place) {
  tdm_member *m = &p->member[place];
  char bytes[16];
  ssize_t n;
  do n = recv(m->channel, bytes, sizeof bytes, MSG_DONTWAIT);
  while (n > 0 || (n < 0 && errno == EINTR));
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
  m->ended = 1;
  m->no_later = tdm_clock_now() + WORD_AFTER;
}

static void hear_forked(tdm_procs *p, const tdm_report *r) {
  tdm_member *m = &p->member[r->place];
  if (m->state != TDM_MEMBER_ORDERED) return;
  m->state = TDM_MEMBER_PRESENT;
  m->pid = r->pid;
  p->ordered--;
  if (m->killed) tdm_procs_kill_member_locked(p, r->place);
}

/* The place of a worker is free again. */
static void vacate(tdm_procs *p, unsigned place) {
  tdm_member *m = &p->member[place];
  if (m->is_heir)
    forget_heir(p, place);
  else if (!m->replaced)
    tdm_sub_total(&p->share->alive, 1u);
  promote_heir(p, place);
  tdm_board_wipe(p->share, place);
  tdm_store_total(&p->share->place[place].pid, 0);
  unprepare_place(p, place);
}

static void hear_no_fork(tdm_procs *p, const tdm_report *r, tdm_settled *out) {
  if (p->member[r->place].state != TDM_MEMBER_ORDERED) return;
  int was_heir = p->member[r->place].is_heir;
  vacate(p, r->place);
  if (was_heir) return;
  set_trouble(p, "cannot fork a worker: %s", strerror(r->value));
  note_missing(p);
  if (p->present == 0) break_for_want_of_workers(p, out);
}

static void hear_died(tdm_procs *p, const tdm_report *r) {
  tdm_member *m = &p->member[r->place];
  if (m->state == TDM_MEMBER_NONE || m->pid != r->pid) return;
  m->status_known = 1;
  m->status = r->value;
}

static void hear_broken(tdm_procs *p, tdm_settled *out) {
  tdm_buf why = read_cause(p, &p->share->why);
  tdm_heap_abandon(p->heap, p->share->why.block);
  break_pool(p, &why, out);
}

static void hear(tdm_procs *p, const tdm_report *r, tdm_settled *out) {
  if (r->place >= TDM_PLACES) return;
  switch ((enum tdm_report_kind)r->kind) {
    case TDM_REPORT_READY:
      p->is_ready = 1;
      break;
    case TDM_REPORT_BROKEN:
      hear_broken(p, out);
      break;
    case TDM_REPORT_NO_MEMORY:
      set_trouble(p, "the worker program has too little memory");
      break_for_want_of_workers(p, out);
      break;
    case TDM_REPORT_MISFIT:
      set_trouble(p, "%.100s is of another version", p->base.settings.program);
      break_for_want_of_workers(p, out);
      break;
    case TDM_REPORT_FORKED:
      hear_forked(p, r);
      break;
    case TDM_REPORT_NO_FORK:
      hear_no_fork(p, r, out);
      break;
    case TDM_REPORT_DIED:
      hear_died(p, r);
      break;
  }
}

static void break_in_storm(tdm_procs *p, tdm_settled *out) {
  tdm_note note = p->last_death;
  if (p->early_deaths < STORM || is_broken(p)) return;
  note.kind = TDM_NOTE_STORM;
  break_with_note(p, &note, out);
}

/* One that exits before it is ready is no zygote, or can never be one. */
static void bury_zygote(tdm_procs *p, tdm_settled *out) {
  const tdm_note *note = &p->last_death;
  lose_zygote(p);
  if (p->is_ready || is_closing(p) || is_broken(p)) return;
  if (!note->status_known || note->signal != 0) return;
  set_trouble(p, "%.80s exited with code %d before it was ready",
              p->base.settings.program, note->code);
  break_for_want_of_workers(p, out);
}

void tdm_procs_hear_zygote_locked(tdm_procs *p, tdm_settled *out) {
  tdm_report r;
  int none, err;
  while ((err = tdm_channel_receive(p->control, &r, sizeof r, &none, 0)) ==
         TDM_OK)
    hear(p, &r, out);
  if (err == TDM_CLOSED) bury_zygote(p, out);
}

/* --- burying --- */

static void note_death(tdm_procs *p, unsigned place, tdm_note *note) {
  const tdm_member *m = &p->member[place];
  *note = (tdm_note){.mark = TDM_NOTE_MARK,
                     .kind = TDM_NOTE_CRASHED,
                     .pid = pid_of(p, place),
                     .worker = p->share->place[place].id};
  if (m->status_known) describe_status(note, m->status);
}

/* The task that the worker died of: to be run again, or to fail. */
static void blame(tdm_procs *p, tdm_task *t, tdm_time started, tdm_note *note,
                  tdm_settled *out) {
  if (started != 0) note->ran = (double)(tdm_clock_now() - started) * 1e-9;
  if (started == 0 || t->retries > 0) {
    if (started != 0) {
      t->retries--;
      t->attempt++;
    }
    /* It may have been noticed that it ran. */
    tdm_store_relaxed(&t->state, (uint8_t)TDM_PENDING);
    tdm_procs_put_first_locked(p, t);
    if (tdm_procs_is_errand(p, t)) tdm_procs_errand_waits_locked(p, t);
    return;
  }
  t->worker = (uint16_t)note->worker;
  tdm_procs_fail_locked(p, t, note, sizeof *note, started, out);
}

static void bury_tasks(tdm_procs *p, unsigned place, tdm_note *note,
                       tdm_settled *out) {
  for (uint32_t i = 0; i < p->used_count; i++) {
    uint64_t claim = tdm_load_total(&p->share->slots[i].claim);
    enum tdm_claim state = tdm_claim_state(claim);
    tdm_time started = 0;
    if (state == TDM_SLOT_FREE || state == TDM_SLOT_READY) continue;
    if (tdm_claim_place(claim) != place) continue;
    tdm_task *t = tdm_procs_bury_slot_locked(p, i, &started, out);
    if (t != NULL) blame(p, t, started, note, out);
  }
}

/* Did it die before it could get anything done? An idle one did not. */
static int is_early(tdm_procs *p, unsigned place) {
  tdm_place *x = &p->share->place[place];
  if (pid_of(p, place) == 0) return 0; /* it was never born */
  if (tdm_load_total(&x->stage) == TDM_STAGE_STARTING) return 1;
  return tdm_load_relaxed(&x->tasks) == 0 && tdm_load_relaxed(&x->slot) != 0;
}

/* Several may be buried at once that died apart: what was finished between the
 * birth of this one and now was finished between two deaths. */
static void count_early_death(tdm_procs *p, uint64_t born_at) {
  p->early_deaths = p->collected != born_at ? 1 : p->early_deaths + 1;
}

static void bury(tdm_procs *p, unsigned place, tdm_settled *out) {
  tdm_place *x = &p->share->place[place];
  int stage = tdm_load_total(&x->stage), killed = p->member[place].killed;
  int early = is_early(p, place);
  uint64_t born_at = p->member[place].born_at;
  tdm_note note;
  tdm_buf why = {0};
  note_death(p, place, &note);
  if (stage == TDM_STAGE_BROKEN) why = read_cause(p, &x->why);
  tdm_procs_collect_locked(p, out);
  bury_tasks(p, place, &note, out);
  tdm_procs_forget_errands_locked(p, place, out);
  tdm_heap_inherit(p->heap, TDM_HEAP_FIRST_PLACE + place);
  if (!p->member[place].replaced) tdm_bump(&p->tally.restarts, !is_closing(p));
  vacate(p, place);
  stand_in_for_the_dead(p);
  if (stage == TDM_STAGE_BROKEN) {
    break_pool(p, &why, out);
  } else if (stage == TDM_STAGE_NO_MEMORY) {
    set_trouble(p, "a worker has too little memory to start");
    note_missing(p);
    if (p->present == 0) break_for_want_of_workers(p, out);
  } else if (early && !killed) {
    p->last_death = note;
    count_early_death(p, born_at);
  }
}

/* Nobody will say how it ended. */
static int is_orphan(const tdm_procs *p, const tdm_member *m) {
  return p->control < 0 || m->zygote != p->zygotes;
}

tdm_time tdm_procs_bury_locked(tdm_procs *p, tdm_settled *out) {
  tdm_time now = tdm_clock_now(), next = TDM_FOREVER;
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++) {
    tdm_member *m = &p->member[i];
    if (m->state == TDM_MEMBER_NONE) continue;
    if (m->status_known ||
        (m->ended && (is_orphan(p, m) || now >= m->no_later)))
      bury(p, i, out);
    else if (m->ended && m->no_later < next)
      next = m->no_later;
  }
  return next;
}

/* --- looking after all of it --- */

/* Who has done its share and is on its way out no longer counts: another may
 * start while it goes. */
static void replace_leavers(tdm_procs *p) {
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++) {
    tdm_member *m = &p->member[i];
    if (m->state != TDM_MEMBER_PRESENT || m->replaced) continue;
    if (tdm_load_total(&p->share->place[i].stage) != TDM_STAGE_LEAVING)
      continue;
    if (m->is_heir) continue;
    m->replaced = 1;
    tdm_bump(&p->tally.restarts, !is_closing(p));
    tdm_sub_total(&p->share->alive, 1u);
    promote_heir(p, i);
  }
}

/* Tasks that are posted, or run. */
static size_t unfinished(tdm_procs *p) {
  size_t n = (size_t)tdm_ring_backlog(p->share);
  unsigned end = tdm_load_relaxed(&p->share->places);
  for (unsigned i = 0; i < end; i++)
    n += tdm_load_relaxed(&p->share->place[i].slot) != 0;
  return n;
}

static void call_while_short(tdm_procs *p) {
  size_t backlog = unfinished(p);
  unsigned n = p->base.settings.max_workers;
  while (n-- > 0 && tdm_procs_call_locked(p, backlog)) continue;
}

void tdm_procs_attend_locked(tdm_procs *p, tdm_settled *out) {
  tdm_store_total(&p->share->asked, 0);
  break_in_storm(p, out);
  replace_leavers(p);
  if (!is_broken(p) && !is_closing(p)) order_heirs(p);
  if (is_broken(p)) tdm_procs_fail_pending_locked(p, out);
  if (tdm_load_relaxed(&p->share->more)) tdm_procs_collect_locked(p, out);
  tdm_procs_refill_locked(p, out);
  call_while_short(p);
  /* Work, and nobody to do it: there is no use in waiting for the next try. */
  if (p->present == 0 && tdm_procs_has_work_locked(p) && !is_broken(p)) {
    p->start_after = 0;
    if (tdm_procs_start_locked(p) != TDM_OK) break_for_want_of_workers(p, out);
  }
  if (is_closing(p)) tdm_procs_wake_all_locked(p);
}
