#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.h"
#include "zygote.h"

#define MOST_FDS 4

typedef union control {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
} control;

/* Never SIGPIPE: the other end may have died, and the host may not mind that
 * signal. */
int tdm_channel_send(int channel, const void *p, size_t size, const int *fds,
                     int n) {
  control c;
  struct iovec part = {.iov_base = (void *)(uintptr_t)p, .iov_len = size};
  struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
  if (n > 0) {
    memset(&c, 0, sizeof c);
    m.msg_control = c.bytes;
    m.msg_controllen = CMSG_SPACE((size_t)n * sizeof(int));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET;
    h->cmsg_type = SCM_RIGHTS;
    h->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
    memcpy(CMSG_DATA(h), fds, (size_t)n * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(channel, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return TDM_OK;
  return errno == EAGAIN || errno == EWOULDBLOCK ? TDM_TIMEOUT : TDM_CLOSED;
}

static void take_descriptors(struct msghdr *m, int *fds, int n) {
  for (int i = 0; i < n; i++) fds[i] = -1;
  for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h != NULL; h = CMSG_NXTHDR(m, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    size_t got = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < got; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
      if (i < (size_t)n)
        fds[i] = fd;
      else
        close(fd);
    }
  }
}

/* Who closes its end before it has read all makes the other end reset: that is
 * told once, and before what it had sent. */
static int is_worth_another_try(int err) {
  return err == EINTR || err == ECONNRESET;
}

int tdm_channel_receive(int channel, void *p, size_t size, int *fds, int n) {
  control c;
  struct iovec part = {.iov_base = p, .iov_len = size};
  struct msghdr m = {.msg_iov = &part,
                     .msg_iovlen = 1,
                     .msg_control = c.bytes,
                     .msg_controllen = sizeof c.bytes};
  ssize_t got;
  do got = recvmsg(channel, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (got < 0 && is_worth_another_try(errno));
  if (got < 0)
    return errno == EAGAIN || errno == EWOULDBLOCK ? TDM_TIMEOUT : TDM_CLOSED;
  take_descriptors(&m, fds, n);
  return (size_t)got == size ? TDM_OK : TDM_CLOSED;
}
