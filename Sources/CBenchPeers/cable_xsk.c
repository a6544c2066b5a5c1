// A patch cable between two devices with AF_XDP sockets (Documentation/networking/af_xdp.rst), in copy
// mode, which is what veth has. Without libbpf and libxdp: the program is five instructions.
//
// One memory area serves both sockets, so that a received frame is sent from where it lies; each side has
// its own four rings. A frame is always in exactly one place: free, a fill ring (for the kernel to
// receive into), a transmit ring, or a completion ring (sent, to be free again).

#define _GNU_SOURCE
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

enum { FRAMES = 8192, FRAME_BYTES = 2048, RING = 2048, SEND_TRIES = 8 };

struct xsk_ring {
  uint32_t *producer, *consumer;
  // Of descriptors or addresses.
  void *entries;
  // This side's own index; the other is read from shared memory.
  uint32_t own;
};

struct xsk_end {
  int fd;
  // The program stays attached as long as this is open.
  int link;
  char *memory;
  struct xsk_ring fill, completion, receive, transmit;
};

static int bpf(int command, union bpf_attr *attributes) {
  return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

// Redirects every frame to the socket of its queue, and passes what has none.
static int load_program(int map) {
  struct bpf_insn code[] = {
      {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1,
       .off = offsetof(struct xdp_md, rx_queue_index)},
      {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_FD, .imm = map},
      {0},
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.prog_type = BPF_PROG_TYPE_XDP;
  attributes.insns = (uint64_t)code;
  attributes.insn_cnt = sizeof code / sizeof code[0];
  attributes.license = (uint64_t)"GPL";
  return bpf(BPF_PROG_LOAD, &attributes);
}

// Hands the frames of queue 0 to the socket, as long as `link` is open.
static int attach(struct xsk_end *end, unsigned device) {
  union bpf_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_type = BPF_MAP_TYPE_XSKMAP;
  attributes.key_size = attributes.value_size = sizeof(uint32_t);
  attributes.max_entries = 1;
  int map = bpf(BPF_MAP_CREATE, &attributes);
  if (map < 0) return fail("BPF_MAP_CREATE");
  int program = load_program(map);
  if (program < 0) return fail("BPF_PROG_LOAD");
  uint32_t queue = 0, value = (uint32_t)end->fd;
  memset(&attributes, 0, sizeof attributes);
  attributes.map_fd = (uint32_t)map;
  attributes.key = (uint64_t)&queue;
  attributes.value = (uint64_t)&value;
  if (bpf(BPF_MAP_UPDATE_ELEM, &attributes) < 0) return fail("BPF_MAP_UPDATE_ELEM");
  memset(&attributes, 0, sizeof attributes);
  attributes.link_create.prog_fd = (uint32_t)program;
  attributes.link_create.target_ifindex = device;
  attributes.link_create.attach_type = BPF_XDP;
  attributes.link_create.flags = XDP_FLAGS_DRV_MODE;
  end->link = bpf(BPF_LINK_CREATE, &attributes);
  close(program);
  close(map);
  return end->link < 0 ? fail("BPF_LINK_CREATE") : 0;
}

static int map_ring(int fd, struct xsk_ring *ring, const struct xdp_ring_offset *at,
                    uint64_t page, size_t entry_bytes) {
  char *base = mmap(NULL, at->desc + RING * entry_bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_POPULATE, fd, (off_t)page);
  if (base == MAP_FAILED) return fail("mmap of a ring");
  ring->producer = (uint32_t *)(base + at->producer);
  ring->consumer = (uint32_t *)(base + at->consumer);
  ring->entries = base + at->desc;
  ring->own = 0;
  return 0;
}

static int open_rings(struct xsk_end *end) {
  int size = RING;
  int options[] = {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING};
  for (int index = 0; index < 4; index++)
    if (setsockopt(end->fd, SOL_XDP, options[index], &size, sizeof size) < 0)
      return fail("the size of a ring");
  struct xdp_mmap_offsets at;
  socklen_t bytes = sizeof at;
  if (getsockopt(end->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &bytes) < 0)
    return fail("XDP_MMAP_OFFSETS");
  size_t address = sizeof(uint64_t), descriptor = sizeof(struct xdp_desc);
  if (map_ring(end->fd, &end->fill, &at.fr, XDP_UMEM_PGOFF_FILL_RING, address) < 0 ||
      map_ring(end->fd, &end->completion, &at.cr, XDP_UMEM_PGOFF_COMPLETION_RING, address) < 0 ||
      map_ring(end->fd, &end->receive, &at.rx, XDP_PGOFF_RX_RING, descriptor) < 0)
    return -1;
  return map_ring(end->fd, &end->transmit, &at.tx, XDP_PGOFF_TX_RING, descriptor);
}

static int open_end(struct xsk_end *end, const char *name,
                    const struct xsk_end *shared) {
  unsigned device = if_nametoindex(name);
  if (device == 0) return fail("if_nametoindex");
  end->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (end->fd < 0) return fail("socket(AF_XDP)");
  if (shared) {
    end->memory = shared->memory;
  } else {
    size_t bytes = (size_t)FRAMES * FRAME_BYTES;
    end->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (end->memory == MAP_FAILED) return fail("mmap of the frames");
    struct xdp_umem_reg area = {
        .addr = (uint64_t)end->memory, .len = bytes, .chunk_size = FRAME_BYTES};
    if (setsockopt(end->fd, SOL_XDP, XDP_UMEM_REG, &area, sizeof area) < 0)
      return fail("XDP_UMEM_REG");
  }
  if (open_rings(end) < 0) return -1;
  struct sockaddr_xdp address = {
      .sxdp_family = AF_XDP,
      .sxdp_flags = shared ? XDP_SHARED_UMEM : XDP_COPY | XDP_USE_NEED_WAKEUP,
      .sxdp_ifindex = device,
      .sxdp_shared_umem_fd = shared ? (uint32_t)shared->fd : 0};
  if (bind(end->fd, (struct sockaddr *)&address, sizeof address) < 0) return fail("bind");
  return attach(end, device);
}

// The two ends of this process's cable.
static struct xsk_end ends[2];

int bench_peers_xsk_open(const char *name, int end) {
  return open_end(&ends[end], name, end == 0 ? NULL : &ends[0]);
}

// Entries that wait for us in a ring that the kernel fills.
static uint32_t waiting(const struct xsk_ring *ring) {
  return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) - ring->own;
}

// Room in a ring that we fill.
static uint32_t room(const struct xsk_ring *ring) {
  return RING - (ring->own - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE));
}

static void produce(struct xsk_ring *ring, uint32_t count) {
  ring->own += count;
  __atomic_store_n(ring->producer, ring->own, __ATOMIC_RELEASE);
}

static void consume(struct xsk_ring *ring, uint32_t count) {
  ring->own += count;
  __atomic_store_n(ring->consumer, ring->own, __ATOMIC_RELEASE);
}

struct free_list {
  uint64_t frames[FRAMES];
  uint32_t count;
};

static uint64_t *address_at(const struct xsk_ring *ring, uint32_t index) {
  return (uint64_t *)ring->entries + ((ring->own + index) & (RING - 1));
}

static struct xdp_desc *descriptor_at(const struct xsk_ring *ring, uint32_t index) {
  return (struct xdp_desc *)ring->entries + ((ring->own + index) & (RING - 1));
}

static uint64_t start_of(uint64_t address) { return address & ~(uint64_t)(FRAME_BYTES - 1); }

// Takes back what was sent, and gives the kernel all the frames that it has room for.
static void recycle(struct xsk_end *end, struct free_list *list) {
  uint32_t sent = waiting(&end->completion);
  for (uint32_t index = 0; index < sent; index++)
    list->frames[list->count++] = start_of(*address_at(&end->completion, index));
  if (sent) consume(&end->completion, sent);
  uint32_t given = room(&end->fill);
  if (given > list->count) given = list->count;
  for (uint32_t index = 0; index < given; index++)
    *address_at(&end->fill, index) = list->frames[--list->count];
  if (given) produce(&end->fill, given);
}

// Moves what waits at one end to the other, at most a batch; whether there was anything.
static int move(struct xsk_end *from, struct xsk_end *to,
                struct free_list *list) {
  recycle(from, list);
  uint32_t count = waiting(&from->receive);
  if (count == 0) return 0;
  if (count > BATCH) count = BATCH;
  uint32_t sent = room(&to->transmit);
  if (sent > count) sent = count;
  for (uint32_t index = 0; index < count; index++) {
    struct xdp_desc frame = *descriptor_at(&from->receive, index);
    if (index < sent) {
      *descriptor_at(&to->transmit, index) =
          (struct xdp_desc){.addr = frame.addr, .len = frame.len};
    } else {
      list->frames[list->count++] = start_of(frame.addr);
    }
  }
  if (sent) produce(&to->transmit, sent);
  consume(&from->receive, count);
  for (int tries = 0; sent && tries < SEND_TRIES; tries++) {
    if (sendto(to->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0) break;
    if (errno != EAGAIN && errno != EBUSY) break;
  }
  return 1;
}

int bench_peers_xsk_cable(int is_spinning) {
  static struct free_list list;
  for (uint64_t index = 0; index < FRAMES; index++)
    list.frames[list.count++] = index * FRAME_BYTES;
  struct pollfd sides[2] = {{.fd = ends[0].fd, .events = POLLIN},
                            {.fd = ends[1].fd, .events = POLLIN}};
  for (;;) {
    int moved = move(&ends[0], &ends[1], &list);
    moved |= move(&ends[1], &ends[0], &list);
    if (!moved && !is_spinning) poll(sides, 2, -1);
  }
}
