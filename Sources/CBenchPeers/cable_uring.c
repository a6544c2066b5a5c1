// A patch cable between two TAPs with io_uring(7), without liburing.
//
// Each side has one multishot read (Linux 6.7) that fills buffers of a ring which the kernel picks from.
// Every frame that was read becomes a write; all writes of a round are handed over with the call that
// waits for the next frames. A buffer goes back to its ring when its write is done.

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common.h"

// Newer than the headers of Debian 12.
enum { READ_MULTISHOT = 49 };

enum { SUBMISSIONS = 1024, COMPLETIONS = 4096, BUFFERS = 256 };

// In `user_data`: a read of a side, or the write of a buffer that belongs to a side.
#define IS_READ (1ull << 32)

struct ring {
  int fd;
  unsigned *submission_head, *submission_tail, submission_mask;
  unsigned *completion_head, *completion_tail, completion_mask;
  struct io_uring_sqe *submissions;
  struct io_uring_cqe *completions;
  unsigned waiting;
};

struct side {
  char *memory;
  struct io_uring_buf_ring *buffers;
  unsigned tail;
  int is_armed;
};

static int enter(struct ring *ring, unsigned wanted) {
  unsigned waiting = ring->waiting;
  ring->waiting = 0;
  return (int)syscall(SYS_io_uring_enter, ring->fd, waiting, wanted, IORING_ENTER_GETEVENTS, NULL,
                      0);
}

static int ring_open(struct ring *ring) {
  struct io_uring_params setup = {
      .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
      .cq_entries = COMPLETIONS};
  ring->fd = (int)syscall(SYS_io_uring_setup, SUBMISSIONS, &setup);
  if (ring->fd < 0) return fail("io_uring_setup");
  size_t ring_bytes = setup.sq_off.array + setup.sq_entries * sizeof(unsigned);
  size_t completion_bytes = setup.cq_off.cqes + setup.cq_entries * sizeof(struct io_uring_cqe);
  if (completion_bytes > ring_bytes) ring_bytes = completion_bytes;
  int shared = MAP_SHARED | MAP_POPULATE, both = PROT_READ | PROT_WRITE;
  char *base = mmap(NULL, ring_bytes, both, shared, ring->fd, IORING_OFF_SQ_RING);
  char *entries = mmap(NULL, setup.sq_entries * sizeof(struct io_uring_sqe), both, shared,
                       ring->fd, IORING_OFF_SQES);
  if (base == MAP_FAILED || entries == MAP_FAILED) return fail("mmap of io_uring");
  ring->submission_head = (unsigned *)(base + setup.sq_off.head);
  ring->submission_tail = (unsigned *)(base + setup.sq_off.tail);
  ring->submission_mask = setup.sq_entries - 1;
  ring->completion_head = (unsigned *)(base + setup.cq_off.head);
  ring->completion_tail = (unsigned *)(base + setup.cq_off.tail);
  ring->completion_mask = setup.cq_entries - 1;
  ring->completions = (struct io_uring_cqe *)(base + setup.cq_off.cqes);
  ring->submissions = (struct io_uring_sqe *)entries;
  // Entries are used in their own order, for good.
  unsigned *array = (unsigned *)(base + setup.sq_off.array);
  for (unsigned index = 0; index < setup.sq_entries; index++) array[index] = index;
  return 0;
}

// The next entry to fill, already counted; hands over what waits when there is no room.
static struct io_uring_sqe *next_entry(struct ring *ring) {
  unsigned tail = *ring->submission_tail;
  while (tail - __atomic_load_n(ring->submission_head, __ATOMIC_ACQUIRE) > ring->submission_mask)
    enter(ring, 0);
  struct io_uring_sqe *entry = &ring->submissions[tail & ring->submission_mask];
  memset(entry, 0, sizeof *entry);
  // The kernel looks only when it is entered, by this thread.
  *ring->submission_tail = tail + 1;
  ring->waiting++;
  return entry;
}

static void give_back(struct side *side, unsigned buffer) {
  struct io_uring_buf *slot = &side->buffers->bufs[side->tail & (BUFFERS - 1)];
  slot->addr = (uint64_t)(side->memory + (size_t)buffer * LARGE_FRAME_BYTES);
  slot->len = LARGE_FRAME_BYTES;
  slot->bid = (uint16_t)buffer;
  side->tail++;
}

static void publish(struct side *side) {
  __atomic_store_n(&side->buffers->tail, (uint16_t)side->tail, __ATOMIC_RELEASE);
}

static int side_open(struct ring *ring, struct side *side, int index) {
  int both = PROT_READ | PROT_WRITE, own = MAP_PRIVATE | MAP_ANONYMOUS;
  side->memory = mmap(NULL, (size_t)BUFFERS * LARGE_FRAME_BYTES, both, own, -1, 0);
  side->buffers = mmap(NULL, BUFFERS * sizeof(struct io_uring_buf), both, own, -1, 0);
  if (side->memory == MAP_FAILED || side->buffers == MAP_FAILED) return fail("mmap");
  struct io_uring_buf_reg request = {
      .ring_addr = (uint64_t)side->buffers, .ring_entries = BUFFERS, .bgid = (uint16_t)index};
  if (syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_PBUF_RING, &request, 1) < 0)
    return fail("IORING_REGISTER_PBUF_RING");
  side->tail = 0;
  side->is_armed = 0;
  for (unsigned buffer = 0; buffer < BUFFERS; buffer++) give_back(side, buffer);
  publish(side);
  return 0;
}

static void arm(struct ring *ring, struct side *side, int index) {
  struct io_uring_sqe *entry = next_entry(ring);
  entry->opcode = READ_MULTISHOT;
  entry->fd = index;
  entry->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  entry->buf_group = (uint16_t)index;
  entry->user_data = IS_READ | (unsigned)index;
  side->is_armed = 1;
}

// What a read brought goes out at the other side.
static int pass_on(struct ring *ring, struct side *side, int index,
                   const struct io_uring_cqe *done) {
  if (!(done->flags & IORING_CQE_F_MORE)) side->is_armed = 0;
  if (done->res == -EINVAL) return fail_with("IORING_OP_READ_MULTISHOT", EINVAL);
  if (done->res <= 0) return 0;
  unsigned buffer = done->flags >> IORING_CQE_BUFFER_SHIFT;
  struct io_uring_sqe *entry = next_entry(ring);
  entry->opcode = IORING_OP_WRITE;
  entry->fd = !index;
  entry->flags = IOSQE_FIXED_FILE;
  entry->addr = (uint64_t)(side->memory + (size_t)buffer * LARGE_FRAME_BYTES);
  entry->len = (unsigned)done->res;
  entry->user_data = (uint64_t)buffer << 1 | (unsigned)index;
  return 0;
}

int bench_peers_uring_cable(int first, int second) {
  struct ring ring = {0};
  struct side sides[2];
  int files[2] = {first, second};
  // The ring waits by itself: a read of a non-blocking file would fail instead.
  for (int side = 0; side < 2; side++) fcntl(files[side], F_SETFL, 0);
  if (ring_open(&ring) < 0) return -1;
  if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, files, 2) < 0)
    return fail("IORING_REGISTER_FILES");
  for (int side = 0; side < 2; side++)
    if (side_open(&ring, &sides[side], side) < 0) return -1;
  for (;;) {
    for (int side = 0; side < 2; side++)
      if (!sides[side].is_armed) arm(&ring, &sides[side], side);
    enter(&ring, 1);
    unsigned head = *ring.completion_head;
    unsigned tail = __atomic_load_n(ring.completion_tail, __ATOMIC_ACQUIRE);
    for (; head != tail; head++) {
      const struct io_uring_cqe *done = &ring.completions[head & ring.completion_mask];
      int side = (int)(done->user_data & 1);
      if (!(done->user_data & IS_READ)) {
        give_back(&sides[side], (unsigned)(done->user_data >> 1));
      } else if (pass_on(&ring, &sides[side], side, done) < 0) {
        return -1;
      }
    }
    publish(&sides[0]);
    publish(&sides[1]);
    __atomic_store_n(ring.completion_head, head, __ATOMIC_RELEASE);
  }
}
