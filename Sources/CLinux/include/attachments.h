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
// Frames dropped by the kernel since the last call (PACKET_STATISTICS).
int clinux_packet_take_drops(int fd, uint32_t *drops);

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
