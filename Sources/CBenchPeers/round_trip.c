// The ends of a round trip over UDP, and an end that counts by being full.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

// A datagram of a 60-byte frame.
enum { PAYLOAD_BYTES = 18, WARM_UP = 200 };

static int listen_on(uint16_t port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  return bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? fail("bind") : fd;
}

int bench_peers_echo(uint16_t port) {
  int fd = listen_on(port);
  if (fd < 0) return -1;
  char datagram[2048];
  for (;;) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    ssize_t count =
        recvfrom(fd, datagram, sizeof datagram, 0, (struct sockaddr *)&peer, &size);
    if (count > 0) sendto(fd, datagram, (size_t)count, 0, (struct sockaddr *)&peer, size);
  }
}

int bench_peers_sink(uint16_t port) {
  int fd = listen_on(port);
  if (fd < 0) return -1;
  // Takes nothing, so that every datagram is counted in InErrors and none waits in the buffer.
  struct sock_filter refuse = {.code = BPF_RET | BPF_K, .k = 0};
  struct sock_fprog program = {.len = 1, .filter = &refuse};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
    return fail("SO_ATTACH_FILTER");
  for (;;) pause();
}

// One datagram there and back; 0 when it was lost.
static uint64_t round_trip(int fd, int number) {
  char datagram[2048] = {0};
  memcpy(datagram, &number, sizeof number);
  uint64_t start = now_nanoseconds();
  if (send(fd, datagram, PAYLOAD_BYTES, 0) < 0) return 0;
  for (;;) {
    ssize_t count = recv(fd, datagram, sizeof datagram, 0);
    if (count < 0) return 0;
    int echoed;
    memcpy(&echoed, datagram, sizeof echoed);
    // An echo that comes after its time is not this one's.
    if (echoed == number) return now_nanoseconds() - start;
  }
}

int bench_peers_round_trips(const uint8_t address[4], uint16_t port, uint64_t *nanoseconds,
                            int count, double seconds, int *lost) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket");
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port)};
  memcpy(&peer.sin_addr, address, 4);
  struct timeval patience = {.tv_usec = 200000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0) {
    close(fd);
    return fail("connect");
  }
  double end = now_seconds() + seconds;
  int measured = 0;
  *lost = 0;
  for (int number = -WARM_UP; number < count && now_seconds() < end; number++) {
    uint64_t time = round_trip(fd, number);
    if (number < 0) continue;
    if (time > 0) {
      nanoseconds[measured++] = time;
    } else {
      ++*lost;
    }
  }
  close(fd);
  return measured;
}
