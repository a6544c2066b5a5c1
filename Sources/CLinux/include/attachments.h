// What the Swift importer cannot read of tun and packet(7): variadic ioctl, function-like macros,
// and structures behind _GNU_SOURCE. One thin function each; no policy here.
//
// Every function returns -1 and sets errno when it fails, as the call that it wraps does. What a
// device or socket belongs to is the namespace of the thread that opens it.
#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// TUN_F_*: what the reader of a TAP can take (linux/if_tun.h; older headers lack USO).
enum clinux_tap_offload {
  CLINUX_TAP_CHECKSUM = 0x01,
  CLINUX_TAP_TSO4 = 0x02,
  CLINUX_TAP_TSO6 = 0x04,
  CLINUX_TAP_TSO_ECN = 0x08,
  CLINUX_TAP_USO4 = 0x20,
  CLINUX_TAP_USO6 = 0x40,
};

enum { CLINUX_DEVICE_NAME_BYTES = 16 };

// Opens /dev/net/tun; non-blocking, close-on-exec.
int clinux_tun_open(void);
// TUNSETIFF with IFF_TAP | IFF_NO_PI | IFF_VNET_HDR: makes the device, or attaches to it.
int clinux_tap_attach(int fd, const char *name, int is_multi_queue);
// TUNGETIFF: the name (at least CLINUX_DEVICE_NAME_BYTES) and IFF_* flags of an attached TAP.
int clinux_tap_identify(int fd, char *name);
// TUNSETVNETHDRSZ, and TUNSETVNETLE where it exists.
int clinux_tap_set_header(int fd, int byte_count);
int clinux_tap_set_offload(int fd, unsigned offloads);
int clinux_tap_set_persist(int fd, int is_persistent);
int clinux_set_nonblocking(int fd);

// read(2) and write(2) without being a cancellation point, which in a program with threads costs two
// atomic operations a call: 1 % of what it takes to move a small frame.
static inline ssize_t clinux_read(int fd, void *bytes, size_t count) {
  return syscall(SYS_read, fd, bytes, count);
}
static inline ssize_t clinux_write(int fd, const void *bytes, size_t count) {
  return syscall(SYS_write, fd, bytes, count);
}

// An AF_PACKET socket that receives nothing yet (protocol 0); non-blocking, close-on-exec.
int clinux_packet_open(void);
// The index of a device in the namespace of `fd`.
int clinux_packet_device_index(int fd, const char *name);
// The device that a packet socket is bound to; ENODEV once it is gone.
int clinux_packet_bound_index(int fd);
// PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING; PACKET_QDISC_BYPASS when asked for.
int clinux_packet_set_options(int fd, int bypasses_queueing);
// Buffers beyond the system's limits when privileged, up to them otherwise.
int clinux_packet_set_buffers(int fd, int receive_bytes, int send_bytes);
int clinux_packet_set_promiscuous(int fd, int device_index);
// Binds to all protocols of one device: frames arrive from here on.
int clinux_packet_bind(int fd, int device_index);
// A receive ring of TPACKET_V2: every frame shows at once, where V3 waits for its block or a timer. Frames
// larger than a slot are queued whole beside the ring (PACKET_COPY_THRESH). After the options, before bind.
int clinux_packet_make_ring(int fd, unsigned block_bytes, unsigned block_count, unsigned frame_bytes);
// The error that waits at a socket (SO_ERROR), taken; 0 for none.
int clinux_socket_take_error(int fd);
// Frames dropped by the kernel since the last call (PACKET_STATISTICS).
int clinux_packet_take_drops(int fd, uint32_t *drops);

// `struct tpacket2_hdr`: the start of a slot of the ring. Offsets are asserted in attachments.c.
struct clinux_ring_slot {
  uint32_t status;
  uint32_t wire_bytes;
  uint32_t frame_bytes;
  uint16_t frame_offset;
  uint16_t network_offset;
  uint32_t seconds;
  uint32_t nanoseconds;
  uint16_t tag_control;
  uint16_t tag_protocol;
  uint8_t padding[4];
};

enum clinux_ring_status {
  CLINUX_RING_OURS = 0x01,
  // The whole frame waits at the socket, to be received from there.
  CLINUX_RING_QUEUED = 0x02,
  CLINUX_RING_TAGGED = 0x10,
  CLINUX_RING_TAG_PROTOCOL = 0x40,
};

// The status comes before, and goes after, everything else in a slot.
static inline uint32_t clinux_ring_status(const struct clinux_ring_slot *slot) {
  return __atomic_load_n(&slot->status, __ATOMIC_ACQUIRE);
}
static inline void clinux_ring_give_back(struct clinux_ring_slot *slot) {
  __atomic_store_n(&slot->status, 0, __ATOMIC_RELEASE);
}

// `struct mmsghdr`, which hides behind _GNU_SOURCE. Sizes are asserted in attachments.c.
struct clinux_message {
  struct msghdr header;
  unsigned int byte_count;
};

enum { CLINUX_CONTROL_BYTES = 64 };

// recvmmsg and sendmmsg without blocking: the number of messages moved.
int clinux_receive_messages(int fd, struct clinux_message *messages, unsigned count);
int clinux_send_messages(int fd, struct clinux_message *messages, unsigned count);
// The VLAN tag beside a received frame (PACKET_AUXDATA): 1 << 32 | protocol << 16 | control
// information, or 0 when there is none.
uint64_t clinux_message_tag(const struct clinux_message *message);
// Whether the frame was larger than its buffer (MSG_TRUNC).
int clinux_message_is_truncated(const struct clinux_message *message);
