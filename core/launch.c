#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include "os.h"
#include "zygote.h"

/* Room for the title, which is written over it. */
static char argv0[] =
    "tandem-worker                                                    "
    "                                                               ";

static int is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

/* Nothing to read, and nowhere to write to where the host has nothing there.
 * First of all, as the null may lie where the control is to be. */
static int set_null(posix_spawn_file_actions_t *files, int null) {
  int err = posix_spawn_file_actions_adddup2(files, null, 0);
  for (int fd = 1; fd <= 2 && err == 0; fd++)
    if (!is_open(fd)) err = posix_spawn_file_actions_adddup2(files, null, fd);
  return err;
}

/* A host's own descriptors may lack the flag that closes them, hence closefrom;
 * where there is none the program does it first of all. */
static int set_files(posix_spawn_file_actions_t *files, int null, int control) {
  int err = set_null(files, null);
  if (err == 0)
    err = posix_spawn_file_actions_adddup2(files, control, TDM_CONTROL_FD);
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
  if (err == 0)
    err = posix_spawn_file_actions_addclosefrom_np(files, TDM_CONTROL_FD + 1);
#endif
#endif
  return err;
}

static int set_attributes(posix_spawnattr_t *attributes) {
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setsigmask(attributes, &none);
  posix_spawnattr_setpgroup(attributes, 0);
  return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                                  POSIX_SPAWN_SETSIGMASK |
                                                  POSIX_SPAWN_SETPGROUP);
}

static int spawn(const char *program, posix_spawn_file_actions_t *files,
                 pid_t *pid) {
  posix_spawnattr_t attributes;
  char *argv[] = {argv0, NULL};
  int err = posix_spawnattr_init(&attributes);
  if (err != 0) return err;
  err = set_attributes(&attributes);
  if (err == 0)
    err = posix_spawn(pid, program, files, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  return err;
}

/* Not a fork: the host's memory is neither copied nor seen by the child. */
int tdm_launch(const char *program, int control, pid_t *pid) {
  posix_spawn_file_actions_t files;
  int null = tdm_os_null_new();
  if (null < 0) return errno;
  int err = posix_spawn_file_actions_init(&files);
  if (err == 0) {
    err = set_files(&files, null, control);
    if (err == 0) err = spawn(program, &files, pid);
    posix_spawn_file_actions_destroy(&files);
  }
  close(null);
  return err;
}
