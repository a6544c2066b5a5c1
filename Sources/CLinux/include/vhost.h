// What a vhost-user back end needs of Linux and the compiler: shared memory of another process that may
// be taken away under us, a bell that can never block, and loads that are done exactly once.
//
// Every function returns -1 and sets errno when it fails, as the call that it wraps does.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// --- unix(7) stream sockets, close-on-exec and non-blocking. ENAMETOOLONG for a path over 107 bytes.
// The file is for its owner alone; a dead socket of that name is removed first.
int clinux_stream_listen(const char *path, int backlog);
int clinux_stream_connect(const char *path);
int clinux_stream_accept(int listener);
int clinux_stream_pair(int descriptors[2]);
// Whether the other end has closed: 1 or 0. Looks, and takes nothing.
int clinux_stream_is_closed(int descriptor);

// --- Memory of another process.
enum clinux_memory_kind {
  CLINUX_MEMORY_OTHER = 0, // a file that could make whoever touches it wait: not for a data path
  CLINUX_MEMORY_SHARED = 1, // tmpfs: shm_open(3), memfd_create(2)
  CLINUX_MEMORY_HUGE = 2,   // hugetlbfs
};

// The kind, the size and the page size of an open file.
int clinux_memory_kind(int descriptor, uint64_t *byte_count, uint64_t *page_bytes);
// Maps a part of a file, shared, for reading and writing; NULL when it fails. `*guard` gets a number that
// `clinux_memory_unmap` wants back. Should the file not have a page any more when it is touched, the whole
// mapping becomes zeroes of our own, and `*is_lost` becomes 1 (SIGBUS, sigaction(2)).
void *clinux_memory_map(int descriptor, uint64_t offset, uint64_t byte_count, uint32_t *is_lost,
                        int *guard);
void clinux_memory_unmap(void *start, uint64_t byte_count, int guard);
// memfd_create(2), close-on-exec, of a size; the pages come when they are touched.
int clinux_memory_create(const char *name, uint64_t byte_count);

// --- A bell: adds one to an eventfd of another process and never waits, whatever that process did to the
// descriptor: eventfd(2) blocks when the counter is full, and O_NONBLOCK belongs to both. So the kernel
// rings it, as the completion signal of an io_uring of our own. Where io_uring is not to be had, a write.
struct clinux_bell;
// Whether it is an eventfd: 1 or 0.
int clinux_is_event(int descriptor);
// Takes the descriptor over, also when it fails. NULL and EINVAL when it is no eventfd.
struct clinux_bell *clinux_bell_open(int descriptor);
void clinux_bell_close(struct clinux_bell *bell);
int clinux_bell_ring(struct clinux_bell *bell);
// Whether it is the kernel that rings.
int clinux_bell_is_safe(const struct clinux_bell *bell);

// --- Loads and stores of memory that others change meanwhile: each is one access, done once.
static inline uint16_t clinux_load16(const void *address) {
  return __atomic_load_n((const uint16_t *)address, __ATOMIC_RELAXED);
}

static inline uint16_t clinux_load16_acquire(const void *address) {
  return __atomic_load_n((const uint16_t *)address, __ATOMIC_ACQUIRE);
}

static inline uint64_t clinux_load64(const void *address) {
  return __atomic_load_n((const uint64_t *)address, __ATOMIC_RELAXED);
}

static inline void clinux_store16(void *address, uint16_t value) {
  __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELAXED);
}

static inline void clinux_store16_release(void *address, uint16_t value) {
  __atomic_store_n((uint16_t *)address, value, __ATOMIC_RELEASE);
}

static inline void clinux_store64(void *address, uint64_t value) {
  __atomic_store_n((uint64_t *)address, value, __ATOMIC_RELAXED);
}

static inline void clinux_or8(void *address, uint8_t bits) {
  __atomic_fetch_or((uint8_t *)address, bits, __ATOMIC_RELAXED);
}

static inline uint32_t clinux_load32(const void *address) {
  return __atomic_load_n((const uint32_t *)address, __ATOMIC_RELAXED);
}

static inline void clinux_full_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

static inline void clinux_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static inline void clinux_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

static inline void clinux_prefetch_to_write(const void *address) {
  __builtin_prefetch(address, 1, 3);
}

// memcpy(3) that does not call for what fits into a few registers: 72 bytes are a small frame.
static inline void clinux_copy(void *destination, const void *source, size_t count) {
  char *to = (char *)destination;
  const char *from = (const char *)source;
  if (count >= 32 && count <= 128) {
    typedef struct { char bytes[32]; } part;
    part first, last, second, third;
    __builtin_memcpy(&first, from, 32);
    __builtin_memcpy(&last, from + count - 32, 32);
    if (count > 64) {
      __builtin_memcpy(&second, from + 32, 32);
      __builtin_memcpy(&third, from + count - 64, 32);
      __builtin_memcpy(to + 32, &second, 32);
      __builtin_memcpy(to + count - 64, &third, 32);
    }
    __builtin_memcpy(to, &first, 32);
    __builtin_memcpy(to + count - 32, &last, 32);
    return;
  }
  __builtin_memcpy(to, from, count);
}
