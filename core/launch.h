/* launch.h -- starting the worker program.
 *
 * It begins with default signal dispositions, an empty mask, a process group
 * of its own, /dev/null as its input, the host's output and errors, and the
 * control channel; no other descriptor of the host.
 *
 * Threads: any. Blocks: until the program runs, or is known not to.
 */
#ifndef TDM_LAUNCH_H
#define TDM_LAUNCH_H

#include <sys/types.h>

/* 0, or an errno. */
int tdm_launch(const char *program, int control, pid_t *pid);

#endif
