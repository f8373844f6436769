/* os.h -- what only the operating system can do, and each does differently.
 *
 * linux.c is all of the core that is Linux alone, besides cpu.c, which reads
 * /proc and /sys, and names of threads. What a port needs to put in its place:
 *
 *   memory    macOS, BSD: shm_open with a random name, shm_unlink at once
 *             (FreeBSD: SHM_ANON); extend by ftruncate under a lock of its own;
 *             release_range may do nothing.
 *   futex     macOS: os_sync_wait_on_address with the SHARED flag; FreeBSD:
 *             _umtx_op; OpenBSD: futex(2) within a process, and a pipe across.
 *   event     a pipe, both ends non-blocking.
 *   die_with  a thread that reads the socket and kills its process; FreeBSD
 *             could use PROC_PDEATHSIG_CTL, which has the flaw of Linux's.
 *   close_from  closefrom, or a loop up to the limit.
 *   title     setproctitle.
 *
 * The control channel wants messages that keep their bounds: where a local
 * SOCK_SEQPACKET is missing, as on macOS, SOCK_DGRAM pairs do, without EOF;
 * SOCK_STREAM with the fixed size of the messages in zygote.h does both.
 *
 * Errors:  negative codes of error.h, with errno left as it was set.
 * Threads: any.
 * Blocks:  tdm_os_futex_wait, until its deadline; tdm_os_lock_file.
 */
#ifndef TDM_OS_H
#define TDM_OS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"

/* Memory that processes can share, by a descriptor without a name in the file
 * system; empty, closed on exec. TDM_LIMIT. */
int tdm_os_memory_new(const char *label);

/* The file has at least this size from now on; it never shrinks, whoever else
 * extends it. TDM_OK or TDM_NOMEM. */
int tdm_os_memory_extend(int fd, uint64_t size);

/* Maps a part of it, readable and writable. NULL when it cannot be had. */
void *tdm_os_memory_map(int fd, uint64_t at, size_t size);
void tdm_os_memory_unmap(void *p, size_t size);

/* Could the process have so much more address space? True where that has no
 * limit. */
int tdm_os_has_room(size_t size);

/* Locks it for this process, or unlocks it; who dies unlocks it. */
void tdm_os_lock_file(int fd, int locked);

/* Gives the pages of a part back; they read as zeros from then on. */
void tdm_os_memory_release(int fd, uint64_t at, uint64_t size);

/* Sleeps while the word has this value. `shared`: others may wake it from
 * another process. 0, or ETIMEDOUT, EINTR, EAGAIN. */
int tdm_os_futex_wait(atomic_uint *word, unsigned value, tdm_time deadline,
                      int shared);

/* Wakes one. Tolerates an address that is gone. */
void tdm_os_futex_wake(atomic_uint *word, int shared);

/* A descriptor that is readable from set to clear; above 2, closed on exec.
 * TDM_LIMIT. */
int tdm_os_event_new(void);
void tdm_os_event_set(int fd);
void tdm_os_event_clear(int fd);

/* Both ends of a channel of messages; above 2, closed on exec. TDM_LIMIT. */
int tdm_os_channel_new(int ends[2]);

/* This process is killed at once when the other end of the channel is closed,
 * whatever it does then. */
void tdm_os_die_with(int fd);

/* A descriptor that gives nothing and takes nothing, for a worker's 0, 1 or 2.
 * The caller closes it. Negative: see errno. */
int tdm_os_null_new(void);

/* Sends a signal to one thread of a process. */
void tdm_os_signal_thread(int pid, int tid, int signal);

/* Closes all descriptors from this one on. */
void tdm_os_close_from(int fd);

/* What `ps` shows: written over the program's own arguments, which begin at
 * `argv0` and have room for `size` bytes; and the name of the thread. */
void tdm_os_set_title(char *argv0, size_t size, const char *name,
                      const char *title);

/* The folder that this very code was loaded from, absolute, without a slash at
 * the end. False where it cannot be told. */
int tdm_os_own_folder(char *path, size_t size);

/* The file of the program or library that the address lies in, and where it
 * begins in memory; NULL where that cannot be told. The text is the dynamic
 * linker's and lives as long as the library is loaded. */
const char *tdm_os_object_at(const void *address, const void **base);

#endif
