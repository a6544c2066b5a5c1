// A patch cable between two devices with packet sockets (packet(7)), checksum and segmentation metadata
// beside each frame.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static int set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

int bench_peers_packet_open(const char *name) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket(AF_PACKET)");
  if (set(fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0) return fail("PACKET_VNET_HDR");
  if (set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) < 0) return fail("PACKET_IGNORE_OUTGOING");
  if (set(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1) < 0) return fail("PACKET_QDISC_BYPASS");
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20) < 0) return fail("SO_RCVBUFFORCE");
  if (set(fd, SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20) < 0) return fail("SO_SNDBUFFORCE");
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(ETH_P_ALL),
                                .sll_ifindex = (int)if_nametoindex(name)};
  if (address.sll_ifindex == 0) return fail("if_nametoindex");
  struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) < 0)
    return fail("PACKET_ADD_MEMBERSHIP");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) return fail("bind");
  return fd;
}

// Every message, however many calls it takes; one that is refused for good is dropped.
static void send_all(int fd, struct mmsghdr *messages, int count) {
  for (int done = 0; done < count;) {
    int sent = sendmmsg(fd, messages + done, (unsigned)(count - done), MSG_DONTWAIT);
    if (sent > 0) {
      done += sent;
    } else if (errno == EAGAIN) {
      struct pollfd room = {.fd = fd, .events = POLLOUT};
      poll(&room, 1, 1);
    } else {
      done++;
    }
  }
}

int bench_peers_packet_cable(int first, int second) {
  char *buffers = malloc((size_t)BATCH * LARGE_FRAME_BYTES);
  if (!buffers) return fail("malloc");
  struct mmsghdr messages[BATCH];
  struct iovec vectors[BATCH];
  memset(messages, 0, sizeof messages);
  for (int index = 0; index < BATCH; index++) {
    vectors[index].iov_base = buffers + (size_t)index * LARGE_FRAME_BYTES;
    messages[index].msg_hdr.msg_iov = &vectors[index];
    messages[index].msg_hdr.msg_iovlen = 1;
  }
  struct pollfd sides[2] = {{.fd = first, .events = POLLIN}, {.fd = second, .events = POLLIN}};
  for (;;) {
    int moved = 0;
    for (int side = 0; side < 2; side++) {
      for (int index = 0; index < BATCH; index++) vectors[index].iov_len = LARGE_FRAME_BYTES;
      int count = recvmmsg(sides[side].fd, messages, BATCH, MSG_DONTWAIT, NULL);
      if (count <= 0) continue;
      moved = 1;
      for (int index = 0; index < count; index++) vectors[index].iov_len = messages[index].msg_len;
      send_all(sides[!side].fd, messages, count);
    }
    if (!moved) poll(sides, 2, -1);
  }
}
