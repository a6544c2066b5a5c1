// AF_XDP sockets (linux/if_xdp.h, Documentation/networking/af_xdp.rst) and what to ask a device before
// one is opened. One thin function each; no policy here.
//
// libxdp has functions that open sockets, but they find the rings of a shared memory area by the device's
// index alone, which is not unique across namespaces, and hang all sockets on the first one of the area,
// which dies with its device. So each socket here registers the same memory by itself.
//
// Every function returns -1 and sets errno when it fails, as the call that it wraps does.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CLINUX_DRIVER_NAME_BYTES = 32 };

// The four rings of a socket, in this order.
enum clinux_xdp_ring_kind {
  CLINUX_XDP_FILL,
  CLINUX_XDP_COMPLETION,
  CLINUX_XDP_RECEIVE,
  CLINUX_XDP_TRANSMIT,
  CLINUX_XDP_RING_COUNT,
};

// A ring as it is mapped.
struct clinux_xdp_ring {
  uint32_t *producer;
  uint32_t *consumer;
  uint32_t *flags;
  void *entries;
  void *mapping;
  size_t mapping_bytes;
};

// A socket without memory, close-on-exec.
int clinux_xdp_open(void);
// XDP_UMEM_REG: the area of cells; pins its pages.
int clinux_xdp_register(int fd, void *memory, uint64_t byte_count, uint32_t cell_bytes);
// Makes and maps CLINUX_XDP_RING_COUNT rings of `entries` entries, a power of two.
int clinux_xdp_make_rings(int fd, uint32_t entries, struct clinux_xdp_ring *rings);
void clinux_xdp_unmap_rings(struct clinux_xdp_ring *rings);
// How many frames one call of `clinux_xdp_send` moves at most (Linux 6.18); and room for them.
int clinux_xdp_set_budget(int fd, uint32_t frames, int send_bytes);
// Binds to a queue of a device: zero-copy or not at all, or by copying.
int clinux_xdp_bind(int fd, int device_index, uint32_t queue, int is_zero_copy);
// Frames that came for the socket and were dropped, ever: no free cell, ring full, or too large.
int clinux_xdp_drops(int fd, uint64_t *drops);
// Has the kernel look at the transmit ring, and at the fill ring.
int clinux_xdp_send(int fd);
int clinux_xdp_wake(int fd);

// A packet socket that hears nothing, but learns that the device goes; it makes it promiscuous.
int clinux_xdp_watch(int device_index);
// The error that waits on a socket, or 0; it is taken.
int clinux_take_error(int fd);

// What a device says of itself, asked through any socket of its namespace.
int clinux_device_mtu(int socket, const char *device);
// How many queues it receives by.
int clinux_device_queues(int socket, const char *device);
// At least CLINUX_DRIVER_NAME_BYTES at `driver`.
int clinux_device_driver(int socket, const char *device, char *driver);
// Whether it takes VLAN tags out of the frames that it receives, and has it do so or not.
int clinux_device_strips_tags(int socket, const char *device);
int clinux_device_strip_tags(int socket, const char *device, int strips);
// Whether it makes or takes frames larger than a segment: TSO, GSO or GRO is on.
int clinux_device_segments(int socket, const char *device);
