// What every Unix socket of this module needs; not for other modules.
#pragma once
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// -1 and ENAMETOOLONG when the path does not fit.
static inline int fill_address(struct sockaddr_un *address, const char *path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address->sun_path, path);
  return 0;
}

// -1, with the error of what failed before.
static inline int close_failed(int descriptor) {
  int error = errno;
  close(descriptor);
  errno = error;
  return -1;
}
