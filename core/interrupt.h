/* interrupt.h -- making a thread look up from what it runs.
 *
 * A signal to that very thread, whose handler calls what the thread has left
 * for it: of all that could be done from outside only this does not race with
 * what runs there. The signal is a real-time one that nobody else uses, taken
 * when it is first needed; worker threads do not block it, others need not.
 *
 * This is the one thing of the process that tandem changes, unless it is told
 * to have a part in SIGINT.
 *
 * Threads: any.
 * Blocks:  never.
 */
#ifndef TDM_INTERRUPT_H
#define TDM_INTERRUPT_H

/* The number of the signal, the same for ever; 0 where all are in use. Nothing
 * is installed by asking. */
int tdm_interrupt_signal(void);

/* Sees to it that the signal is caught. TDM_OK or TDM_LIMIT. */
int tdm_interrupt_install(void);

/* What a signal handler is to call: it does only what one may. */
typedef struct tdm_interruptible {
  void (*look_up)(void *arg);
  void *arg;
  /* Tells all that runs in this thread to end, to look up then; or NULL. */
  void (*end)(const struct tdm_interruptible *x);
} tdm_interruptible;

/* From now on a SIGINT ends what its thread runs as well, after the handler
 * that is there now has heard of it. Nothing where there is none. For a program
 * of our own: what the handler of another has in mind is not known. */
void tdm_interrupt_by_sigint(void);

/* In this thread the signal looks up from this, from now on; NULL: it does
 * nothing. What it has looked up from so far. */
const tdm_interruptible *tdm_interrupt_here(const tdm_interruptible *x);

#endif
