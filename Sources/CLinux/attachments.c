// System calls of the TAP and packet socket attachments; see attachments.h.

#define _GNU_SOURCE
#include "attachments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

_Static_assert(sizeof(struct clinux_message) == sizeof(struct mmsghdr), "mmsghdr");
_Static_assert(offsetof(struct clinux_message, byte_count) == offsetof(struct mmsghdr, msg_len),
               "mmsghdr");
_Static_assert(CMSG_SPACE(sizeof(struct tpacket_auxdata)) <= CLINUX_CONTROL_BYTES, "control");
_Static_assert(sizeof(struct clinux_ring_slot) == sizeof(struct tpacket2_hdr), "tpacket2_hdr");
_Static_assert(offsetof(struct clinux_ring_slot, frame_bytes) ==
                   offsetof(struct tpacket2_hdr, tp_snaplen), "tpacket2_hdr");
_Static_assert(offsetof(struct clinux_ring_slot, frame_offset) ==
                   offsetof(struct tpacket2_hdr, tp_mac), "tpacket2_hdr");
_Static_assert(offsetof(struct clinux_ring_slot, tag_control) ==
                   offsetof(struct tpacket2_hdr, tp_vlan_tci), "tpacket2_hdr");
_Static_assert(CLINUX_RING_OURS == TP_STATUS_USER && CLINUX_RING_QUEUED == TP_STATUS_COPY &&
                   CLINUX_RING_TAGGED == TP_STATUS_VLAN_VALID &&
                   CLINUX_RING_TAG_PROTOCOL == TP_STATUS_VLAN_TPID_VALID, "tp_status");
_Static_assert(CLINUX_DEVICE_NAME_BYTES == IFNAMSIZ, "device name");

static int fail(int error) {
  errno = error;
  return -1;
}

static int request_for(const char *name, struct ifreq *request) {
  memset(request, 0, sizeof *request);
  if (strlen(name) >= IFNAMSIZ) return fail(ENAMETOOLONG);
  strcpy(request->ifr_name, name);
  return 0;
}

int clinux_tun_open(void) { return open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC); }

int clinux_tap_attach(int fd, const char *name, int is_multi_queue) {
  struct ifreq request;
  int result = request_for(name, &request);
  if (result < 0) return result;
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (is_multi_queue ? IFF_MULTI_QUEUE : 0);
  return ioctl(fd, TUNSETIFF, &request);
}

int clinux_tap_identify(int fd, char *name) {
  struct ifreq request;
  memset(&request, 0, sizeof request);
  if (ioctl(fd, TUNGETIFF, &request) < 0) return -1;
  short needed = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if ((request.ifr_flags & needed) != needed) return fail(EMEDIUMTYPE);
  memcpy(name, request.ifr_name, IFNAMSIZ);
  name[IFNAMSIZ - 1] = 0;
  return 0;
}

int clinux_tap_set_header(int fd, int byte_count) {
  if (ioctl(fd, TUNSETVNETHDRSZ, &byte_count) < 0) return -1;
  int one = 1;
  // Without it the header is in the machine's byte order, the same on every port of Martlet.
  (void)ioctl(fd, TUNSETVNETLE, &one);
  return 0;
}

int clinux_tap_set_offload(int fd, unsigned offloads) {
  return ioctl(fd, TUNSETOFFLOAD, (unsigned long)offloads);
}

int clinux_tap_set_persist(int fd, int is_persistent) {
  return ioctl(fd, TUNSETPERSIST, (unsigned long)is_persistent);
}

int clinux_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int clinux_packet_open(void) {
  return socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int clinux_packet_device_index(int fd, const char *name) {
  struct ifreq request;
  int result = request_for(name, &request);
  if (result < 0) return result;
  return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? -1 : request.ifr_ifindex;
}

int clinux_packet_bound_index(int fd) {
  struct sockaddr_ll address;
  socklen_t length = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) return -1;
  return address.sll_ifindex > 0 ? address.sll_ifindex : fail(ENODEV);
}

static int set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

int clinux_packet_set_options(int fd, int bypasses_queueing) {
  int result = set(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
  if (result == 0) result = set(fd, SOL_PACKET, PACKET_AUXDATA, 1);
  if (result == 0) result = set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  if (result == 0 && bypasses_queueing) result = set(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
  return result;
}

int clinux_packet_set_buffers(int fd, int receive_bytes, int send_bytes) {
  int result = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_bytes);
  if (result < 0) result = set(fd, SOL_SOCKET, SO_RCVBUF, receive_bytes);
  if (result < 0) return result;
  result = set(fd, SOL_SOCKET, SO_SNDBUFFORCE, send_bytes);
  return result < 0 ? set(fd, SOL_SOCKET, SO_SNDBUF, send_bytes) : result;
}

int clinux_packet_set_promiscuous(int fd, int device_index) {
  struct packet_mreq request = {.mr_ifindex = device_index, .mr_type = PACKET_MR_PROMISC};
  return 
      setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request);
}

int clinux_packet_bind(int fd, int device_index) {
  struct sockaddr_ll address = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = device_index};
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

int clinux_packet_make_ring(int fd, unsigned block_bytes, unsigned block_count,
                            unsigned frame_bytes) {
  struct tpacket_req request = {.tp_block_size = block_bytes,
                                .tp_block_nr = block_count,
                                .tp_frame_size = frame_bytes,
                                .tp_frame_nr = block_bytes / frame_bytes * block_count};
  int result = set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
  if (result == 0) result = set(fd, SOL_PACKET, PACKET_COPY_THRESH, 1);
  return result < 0 ? result
                    : setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request);
}

int clinux_socket_take_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

int clinux_packet_take_drops(int fd, uint32_t *drops) {
  struct tpacket_stats statistics;
  socklen_t length = sizeof statistics;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) < 0) return -1;
  *drops = statistics.tp_drops;
  return 0;
}

int clinux_receive_messages(int fd, struct clinux_message *messages, unsigned count) {
  return recvmmsg(fd, (struct mmsghdr *)messages, count, MSG_DONTWAIT, NULL);
}

int clinux_send_messages(int fd, struct clinux_message *messages, unsigned count) {
  return sendmmsg(fd, (struct mmsghdr *)messages, count, MSG_DONTWAIT);
}

uint64_t clinux_message_tag(const struct clinux_message *message) {
  struct msghdr *header = (struct msghdr *)&message->header;
  for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_PACKET || part->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata data;
    if (part->cmsg_len < CMSG_LEN(sizeof data)) continue;
    memcpy(&data, CMSG_DATA(part), sizeof data);
    if (!(data.tp_status & TP_STATUS_VLAN_VALID)) return 0;
    int has_protocol = data.tp_status & TP_STATUS_VLAN_TPID_VALID;
    uint64_t protocol = has_protocol ? data.tp_vlan_tpid : ETH_P_8021Q;
    return (uint64_t)1 << 32 | protocol << 16 | data.tp_vlan_tci;
  }
  return 0;
}

int clinux_message_is_truncated(const struct clinux_message *message) {
  return (message->header.msg_flags & MSG_TRUNC) != 0;
}
