// What Martlet is measured against and with, in C and without a switch: patch cables as fast as each
// attachment allows, a frame generator, and the two ends of a round trip.
//
// A cable moves frames between two ends as they are, with no table, no policy and no counter: the raw
// limit of its kind of attachment, and the yardstick of ours. Each runs until its process is ended.
//
// Every function that can fail returns -1 with errno set and the step in `bench_peers_step()`.
#pragma once
#include <stdint.h>

// The system call that failed last, for messages.
const char *bench_peers_step(void);

// Binds the calling thread to one processor.
int bench_peers_pin(int processor);

// --- TAP (cable_tap.c, cable_uring.c)
// Makes the TAP `name` in the namespace of the calling thread, with a 12-byte virtio-net header and
// every offload: a 64 KiB frame stays one.
int bench_peers_tap_open(const char *name);
// read(2) and write(2), up to 64 frames a side in turn, poll(2) when both are empty.
int bench_peers_tap_cable(int first, int second);
// io_uring: a multishot read a side into a ring of buffers, a write an entry, all submitted in one call.
int bench_peers_uring_cable(int first, int second);

// --- Packet socket (cable_packet.c)
// On a device of the namespace of the calling thread: promiscuous, PACKET_VNET_HDR, no queueing.
int bench_peers_packet_open(const char *name);
// recvmmsg(2) and sendmmsg(2) of 64.
int bench_peers_packet_cable(int first, int second);

// --- AF_XDP (cable_xsk.c)
// Attaches end 0, then end 1, to queue 0 of a device of the namespace of the calling thread. Both share
// the memory of end 0: frames in user space are never copied.
int bench_peers_xsk_open(const char *name, int end);
// Between end 0 and end 1. `is_spinning`: never sleeps.
int bench_peers_xsk_cable(int is_spinning);

// --- Frames (generate.c): sendmmsg(2) on a packet socket that bypasses queueing.
struct bench_peers_load {
  uint8_t source_mac[6];
  uint8_t destination_mac[6];
  // IPv4, in the order of the wire.
  uint8_t source_address[4];
  uint8_t destination_address[4];
  uint16_t destination_port;
  // Without FCS, at least 60.
  uint16_t frame_bytes;
  // UDP source ports, used in turn.
  uint32_t flows;
  // 0: as fast as it goes.
  double frames_per_second;
  double seconds;
};

struct bench_peers_sent {
  uint64_t frames;
  // Calls that the device refused for want of room; those frames are sent again.
  uint64_t refusals;
  double seconds;
  double processor_seconds;
};

int bench_peers_generate(const char *device, const struct bench_peers_load *load,
                         struct bench_peers_sent *sent);

// --- UDP ends (round_trip.c)
// Echoes every datagram, for ever.
int bench_peers_echo(uint16_t port);
// Binds a port and refuses every datagram: the stack counts it (Udp InErrors) and keeps none.
int bench_peers_sink(uint16_t port);
// Sends at most `count` datagrams one after the other until `seconds` have gone by, waits for each echo,
// and writes each time in nanoseconds. One that is lost (200 ms) has no time and is counted in `lost`.
// Returns how many times there are.
int bench_peers_round_trips(const uint8_t address[4], uint16_t port, uint64_t *nanoseconds,
                            int count, double seconds, int *lost);
