// The offered load: UDP frames made once and sent over and over.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { SLOT_BYTES = 2048, FIRST_SOURCE_PORT = 10000 };

static uint16_t checksum(const void *bytes, int count) {
  const uint16_t *words = bytes;
  uint32_t sum = 0;
  for (; count > 1; count -= 2) sum += *words++;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static void write_frame(uint8_t *frame, const struct bench_peers_load *load, uint32_t flow) {
  struct ether_header *ethernet = (struct ether_header *)frame;
  struct iphdr *ip = (struct iphdr *)(frame + 14);
  struct udphdr *udp = (struct udphdr *)(frame + 34);
  memcpy(ethernet->ether_dhost, load->destination_mac, 6);
  memcpy(ethernet->ether_shost, load->source_mac, 6);
  ethernet->ether_type = htons(ETHERTYPE_IP);
  ip->version = 4;
  ip->ihl = 5;
  ip->ttl = 64;
  ip->protocol = IPPROTO_UDP;
  ip->tot_len = htons((uint16_t)(load->frame_bytes - 14));
  memcpy(&ip->saddr, load->source_address, 4);
  memcpy(&ip->daddr, load->destination_address, 4);
  ip->check = checksum(ip, 20);
  udp->source = htons((uint16_t)(FIRST_SOURCE_PORT + flow % 50000));
  udp->dest = htons(load->destination_port);
  udp->len = htons((uint16_t)(load->frame_bytes - 34));
}

static int device_socket(const char *device) {
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket(AF_PACKET)");
  int one = 1;
  setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
  struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                .sll_ifindex = (int)if_nametoindex(device)};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    close(fd);
    return fail("bind");
  }
  return fd;
}

// How many frames are due now, at most a batch; waits when none is.
static int due(const struct bench_peers_load *load, double elapsed, uint64_t sent) {
  if (load->frames_per_second <= 0) return BATCH;
  double missing = elapsed * load->frames_per_second - (double)sent;
  if (missing >= BATCH) return BATCH;
  if (missing >= 1) return (int)missing;
  // At a low rate the processor is left to others; at a high one a sleep would make bursts.
  if (load->frames_per_second < 200000) {
    struct timespec pause = {.tv_nsec = 50000};
    nanosleep(&pause, NULL);
  }
  return 0;
}

static int send_frames(int fd, struct mmsghdr *messages, int frames,
                       const struct bench_peers_load *load, struct bench_peers_sent *sent) {
  double start = now_seconds(), now;
  int next = 0;
  while ((now = now_seconds()) - start < load->seconds) {
    int count = due(load, now - start, sent->frames);
    if (count > frames - next) count = frames - next;
    if (count == 0) continue;
    int taken = sendmmsg(fd, messages + next, (unsigned)count, 0);
    if (taken < 0) {
      if (errno != ENOBUFS && errno != EAGAIN && errno != ENETDOWN) return fail("sendmmsg");
      sent->refusals++;
      continue;
    }
    sent->frames += (uint64_t)taken;
    next = (next + taken) % frames;
  }
  sent->seconds = now - start;
  return 0;
}

int bench_peers_generate(const char *device, const struct bench_peers_load *load,
                         struct bench_peers_sent *sent) {
  memset(sent, 0, sizeof *sent);
  if (load->frame_bytes < 60 || load->frame_bytes > SLOT_BYTES || load->flows == 0)
    return fail_with("bench_peers_generate", EINVAL);
  int fd = device_socket(device);
  if (fd < 0) return -1;
  // Whole batches, so that a batch never wraps in the middle.
  int frames = ((int)load->flows + BATCH - 1) / BATCH * BATCH;
  uint8_t *memory = calloc((size_t)frames, SLOT_BYTES);
  struct mmsghdr *messages = calloc((size_t)frames, sizeof *messages);
  struct iovec *vectors = calloc((size_t)frames, sizeof *vectors);
  int result = -1;
  if (memory && messages && vectors) {
    for (int index = 0; index < frames; index++) {
      uint8_t *frame = memory + (size_t)index * SLOT_BYTES;
      write_frame(frame, load, (uint32_t)index % load->flows);
      vectors[index] = (struct iovec){frame, load->frame_bytes};
      messages[index].msg_hdr.msg_iov = &vectors[index];
      messages[index].msg_hdr.msg_iovlen = 1;
    }
    result = send_frames(fd, messages, frames, load, sent);
  }
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  sent->processor_seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                            (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
  free(vectors);
  free(messages);
  free(memory);
  close(fd);
  return result;
}
