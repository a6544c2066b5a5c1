#define _GNU_SOURCE
#include "sockets.h"
#include "unix_address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { KIND = SOCK_SEQPACKET | SOCK_CLOEXEC };

int clinux_unix_pair(int descriptors[2]) { return socketpair(AF_UNIX, KIND, 0, descriptors); }

int clinux_unix_listen(const char *path, int backlog) {
  struct sockaddr_un address;
  if (fill_address(&address, path) < 0) return -1;
  int descriptor = socket(AF_UNIX, KIND, 0);
  if (descriptor < 0) return -1;
  // The file is made with the mode of the socket, so at no moment may another user connect.
  if (fchmod(descriptor, 0600) < 0) return close_failed(descriptor);
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
    return close_failed(descriptor);
  if (listen(descriptor, backlog) < 0) return close_failed(descriptor);
  return descriptor;
}

static int bound_waits(int descriptor, int milliseconds) {
  struct timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0) return -1;
  return setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

int clinux_unix_connect(const char *path, int timeout_milliseconds) {
  struct sockaddr_un address;
  if (fill_address(&address, path) < 0) return -1;
  int descriptor = socket(AF_UNIX, KIND, 0);
  if (descriptor < 0) return -1;
  if (bound_waits(descriptor, timeout_milliseconds) < 0) return close_failed(descriptor);
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
    return close_failed(descriptor);
  return descriptor;
}

int clinux_unix_accept(int listener) { return accept4(listener, NULL, NULL, SOCK_CLOEXEC); }

int clinux_unix_peer(int socket, pid_t *process, uid_t *user, gid_t *group) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -1;
  *process = peer.pid;
  *user = peer.uid;
  *group = peer.gid;
  return 0;
}

union control {
  char bytes[CMSG_SPACE(sizeof(int) * CLINUX_PASSED_MAX)];
  struct cmsghdr aligned;
};

ssize_t clinux_send_descriptors(int socket, const void *bytes, size_t count,
                                const int *descriptors, int descriptor_count) {
  if (count == 0 || descriptor_count < 0 || descriptor_count > CLINUX_PASSED_MAX) {
    errno = EINVAL;
    return -1;
  }
  union control control;
  memset(&control, 0, sizeof control);
  struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (descriptor_count > 0) {
    size_t size = sizeof(int) * (size_t)descriptor_count;
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(size);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), descriptors, size);
  }
  ssize_t result;
  do result = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (result < 0 && errno == EINTR);
  return result;
}

ssize_t clinux_receive_descriptors(int socket, void *bytes, size_t capacity, int *descriptors,
                                   int *descriptor_count) {
  union control control;
  struct iovec part = {.iov_base = bytes, .iov_len = capacity};
  struct msghdr message = {
      .msg_iov = &part,
      .msg_iovlen = 1,
      .msg_control = control.bytes,
      .msg_controllen = sizeof control.bytes,
  };
  ssize_t result;
  do result = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (result < 0 && errno == EINTR);
  int room = *descriptor_count, found = 0, lost = 0;
  *descriptor_count = 0;
  if (result < 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  for (; header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int index = 0; index < count; index++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + sizeof(int) * (size_t)index, sizeof descriptor);
      if (found < room) {
        descriptors[found++] = descriptor;
      } else {
        close(descriptor);
        lost = 1;
      }
    }
  }
  if (lost || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
    for (int index = 0; index < found; index++) close(descriptors[index]);
    errno = EMSGSIZE;
    return -1;
  }
  *descriptor_count = found;
  return result;
}
