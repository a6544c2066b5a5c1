// A patch cable between two TAPs: one thread, one read and one write a frame.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common.h"

// Linux 6.2; Debian 12 has the headers of 6.1.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

const char *failed_step = "";

const char *bench_peers_step(void) { return failed_step; }

int bench_peers_pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return sched_setaffinity(0, sizeof set, &set) < 0 ? fail("sched_setaffinity") : 0;
}

int bench_peers_tap_open(const char *name) {
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail("open /dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) < 0) return fail("TUNSETIFF");
  int header_bytes = 12;
  if (ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) < 0) return fail("TUNSETVNETHDRSZ");
  unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(fd, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) < 0 &&
      ioctl(fd, TUNSETOFFLOAD, tcp) < 0)
    return fail("TUNSETOFFLOAD");
  return fd;
}

// Moves what waits on one side, at most a batch; whether there was anything.
static int move(int from, int to, char *buffer) {
  for (int frame = 0; frame < BATCH; frame++) {
    ssize_t count = read(from, buffer, LARGE_FRAME_BYTES);
    if (count <= 0) return frame > 0;
    // A full or closed device drops the frame, as a cable would.
    ssize_t written = write(to, buffer, (size_t)count);
    (void)written;
  }
  return 1;
}

int bench_peers_tap_cable(int first, int second) {
  char *buffer = malloc(LARGE_FRAME_BYTES);
  if (!buffer) return fail("malloc");
  struct pollfd sides[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
  for (;;) {
    int moved = move(first, second, buffer);
    moved |= move(second, first, buffer);
    if (!moved) poll(sides, 2, -1);
  }
}
