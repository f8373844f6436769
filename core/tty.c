#include "tty.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

int tdm_tty_wait(int fd, int other) {
  struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
                         {.fd = other, .events = POLLIN}};
  if (poll(fds, 2, -1) < 0) return 0;
  return (fds[0].revents != 0) + 2 * (fds[1].revents != 0);
}

int tdm_tty_width(int fd) {
  struct winsize size;
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int tdm_tty_is_deserted(int fd) {
  struct pollfd pipe = {.fd = fd};
  return poll(&pipe, 1, 0) == 1 && (pipe.revents & POLLERR) != 0;
}

void tdm_tty_keep_interrupts(void) {
  static struct sigaction kept;
  struct sigaction now;
  if (sigaction(SIGINT, NULL, &now) != 0) return;
  if (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)
    kept = now;
  else if (now.sa_handler == SIG_DFL && kept.sa_handler != NULL)
    sigaction(SIGINT, &kept, NULL);
}

typedef void readline_function(void);

static readline_function *find(const char *name) {
  void *found = dlsym(RTLD_DEFAULT, name);
  readline_function *function;
  /* POSIX promises that the two are alike; C has no cast for it. */
  memcpy(&function, &found, sizeof function);
  return function;
}

static void call(const char *name) {
  readline_function *function = find(name);
  if (function != NULL) function();
}

int tdm_tty_has_readline(void) {
  return find("rl_resize_terminal") != NULL &&
         find("rl_callback_handler_remove") != NULL;
}

void tdm_tty_resize_readline(void) { call("rl_resize_terminal"); }

void tdm_tty_leave_readline(void) { call("rl_callback_handler_remove"); }
