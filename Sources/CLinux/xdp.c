// System calls of the AF_XDP attachment; see xdp.h.

#define _GNU_SOURCE
#include "xdp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

enum { RESERVED_ETHER_TYPE = 0xFFFF };

// The registration as Linux 5.4 and every later kernel takes it; newer headers append a field.
struct registration {
  uint64_t address, byte_count;
  uint32_t cell_bytes, headroom, flags;
};

static int set(int fd, int option, const void *value, socklen_t length) {
  return setsockopt(fd, SOL_XDP, option, value, length);
}

int clinux_xdp_open(void) { return socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0); }

int clinux_xdp_register(int fd, void *memory, uint64_t byte_count, uint32_t cell_bytes) {
  struct registration registration = {
      .address = (uintptr_t)memory, .byte_count = byte_count, .cell_bytes = cell_bytes};
  return set(fd, XDP_UMEM_REG, &registration, sizeof registration);
}

static int map_ring(int fd, uint32_t entries, size_t entry_bytes, off_t place,
                    const struct xdp_ring_offset *offset, struct clinux_xdp_ring *ring) {
  size_t byte_count = offset->desc + entries * entry_bytes;
  char *mapping =
      mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, place);
  if (mapping == MAP_FAILED) return -1;
  ring->mapping = mapping;
  ring->mapping_bytes = byte_count;
  ring->producer = (uint32_t *)(mapping + offset->producer);
  ring->consumer = (uint32_t *)(mapping + offset->consumer);
  ring->flags = (uint32_t *)(mapping + offset->flags);
  ring->entries = mapping + offset->desc;
  return 0;
}

static int map_rings(int fd, uint32_t entries, struct clinux_xdp_ring *rings) {
  struct xdp_mmap_offsets offsets;
  socklen_t length = sizeof offsets;
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length) < 0) return -1;
  // Before Linux 5.4 the offsets had no flags and were shorter.
  if (length != sizeof offsets) {
    errno = EOPNOTSUPP;
    return -1;
  }
  size_t address = sizeof(uint64_t), descriptor = sizeof(struct xdp_desc);
  if (map_ring(fd, entries, address, (off_t)XDP_UMEM_PGOFF_FILL_RING, &offsets.fr,
               &rings[CLINUX_XDP_FILL]) < 0)
    return -1;
  if (map_ring(fd, entries, address, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, &offsets.cr,
               &rings[CLINUX_XDP_COMPLETION]) < 0)
    return -1;
  if (map_ring(fd, entries, descriptor, XDP_PGOFF_RX_RING, &offsets.rx,
               &rings[CLINUX_XDP_RECEIVE]) < 0)
    return -1;
  return map_ring(fd, entries, descriptor, XDP_PGOFF_TX_RING, &offsets.tx,
                  &rings[CLINUX_XDP_TRANSMIT]);
}

int clinux_xdp_make_rings(int fd, uint32_t entries, struct clinux_xdp_ring *rings) {
  memset(rings, 0, CLINUX_XDP_RING_COUNT * sizeof *rings);
  static const int options[CLINUX_XDP_RING_COUNT] = {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING,
                                                     XDP_RX_RING, XDP_TX_RING};
  for (int kind = 0; kind < CLINUX_XDP_RING_COUNT; kind++)
    if (set(fd, options[kind], &entries, sizeof entries) < 0) return -1;
  int result = map_rings(fd, entries, rings);
  if (result < 0) {
    int error = errno;
    clinux_xdp_unmap_rings(rings);
    errno = error;
  }
  return result;
}

void clinux_xdp_unmap_rings(struct clinux_xdp_ring *rings) {
  for (int kind = 0; kind < CLINUX_XDP_RING_COUNT; kind++)
    if (rings[kind].mapping) munmap(rings[kind].mapping, rings[kind].mapping_bytes);
}

int clinux_xdp_set_budget(int fd, uint32_t frames, int send_bytes) {
  // Older kernels move 32 frames a call.
  (void)set(fd, XDP_MAX_TX_SKB_BUDGET, &frames, sizeof frames);
  return setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_bytes, sizeof send_bytes);
}

int clinux_xdp_bind(int fd, int device_index, uint32_t queue, int is_zero_copy) {
  struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP,
      .sxdp_flags = XDP_USE_NEED_WAKEUP | (is_zero_copy ? XDP_ZEROCOPY : XDP_COPY),
      .sxdp_ifindex = (uint32_t)device_index,
      .sxdp_queue_id = queue};
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

int clinux_xdp_drops(int fd, uint64_t *drops) {
  struct xdp_statistics statistics = {0};
  socklen_t length = sizeof statistics;
  if (getsockopt(fd, SOL_XDP, XDP_STATISTICS, &statistics, &length) < 0) return -1;
  // A frame that finds the fill ring empty counts in rx_dropped too.
  *drops = statistics.rx_dropped + statistics.rx_ring_full;
  return 0;
}

int clinux_xdp_send(int fd) { return (int)sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0); }

int clinux_xdp_wake(int fd) { return (int)recvfrom(fd, NULL, 0, MSG_DONTWAIT, NULL, NULL); }

int clinux_xdp_watch(int device_index) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  struct packet_mreq request = {.mr_ifindex = device_index, .mr_type = PACKET_MR_PROMISC};
  // No frame has this type (RFC 1701), and a socket without one is told nothing.
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_protocol = htons(RESERVED_ETHER_TYPE),
                                .sll_ifindex = device_index};
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) == 0 &&
      bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int clinux_take_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -1 : error;
}

static int ask(int socket, unsigned long request, const char *device, struct ifreq *question) {
  if (strlen(device) >= sizeof question->ifr_name) {
    errno = ENODEV;
    return -1;
  }
  strcpy(question->ifr_name, device);
  return ioctl(socket, request, question);
}

static int ask_driver(int socket, const char *device, void *data) {
  struct ifreq question = {.ifr_data = data};
  return ask(socket, SIOCETHTOOL, device, &question);
}

int clinux_device_mtu(int socket, const char *device) {
  struct ifreq question = {0};
  return ask(socket, SIOCGIFMTU, device, &question) < 0 ? -1 : question.ifr_mtu;
}

int clinux_device_queues(int socket, const char *device) {
  struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
  if (ask_driver(socket, device, &channels) < 0) return errno == EOPNOTSUPP ? 1 : -1;
  uint32_t queues = channels.rx_count + channels.combined_count;
  return queues > 0 ? (int)queues : 1;
}

int clinux_device_driver(int socket, const char *device, char *driver) {
  struct ethtool_drvinfo information = {.cmd = ETHTOOL_GDRVINFO};
  if (ask_driver(socket, device, &information) < 0) return -1;
  memcpy(driver, information.driver, CLINUX_DRIVER_NAME_BYTES);
  driver[CLINUX_DRIVER_NAME_BYTES - 1] = 0;
  return 0;
}

int clinux_device_strips_tags(int socket, const char *device) {
  struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
  if (ask_driver(socket, device, &value) < 0) return errno == EOPNOTSUPP ? 0 : -1;
  return (value.data & ETH_FLAG_RXVLAN) != 0;
}

int clinux_device_strip_tags(int socket, const char *device, int strips) {
  struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
  if (ask_driver(socket, device, &value) < 0) return -1;
  value.cmd = ETHTOOL_SFLAGS;
  value.data = strips ? value.data | ETH_FLAG_RXVLAN : value.data & ~(uint32_t)ETH_FLAG_RXVLAN;
  if (ask_driver(socket, device, &value) < 0) return -1;
  int result = clinux_device_strips_tags(socket, device);
  if (result == strips) return 0;
  // The driver cannot change it.
  if (result >= 0) errno = EOPNOTSUPP;
  return -1;
}

int clinux_device_segments(int socket, const char *device) {
  static const uint32_t commands[] = {ETHTOOL_GTSO, ETHTOOL_GGSO, ETHTOOL_GGRO};
  for (size_t index = 0; index < sizeof commands / sizeof *commands; index++) {
    struct ethtool_value value = {.cmd = commands[index]};
    if (ask_driver(socket, device, &value) < 0) {
      if (errno == EOPNOTSUPP) continue;
      return -1;
    }
    if (value.data) return 1;
  }
  return 0;
}
