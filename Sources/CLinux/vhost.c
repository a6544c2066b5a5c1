#define _GNU_SOURCE
#include "vhost.h"
#include "unix_address.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/magic.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

// --- Sockets

enum { KIND = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK };

int clinux_stream_connect(const char *path) {
  struct sockaddr_un address;
  if (fill_address(&address, path) < 0) return -1;
  int descriptor = socket(AF_UNIX, KIND, 0);
  if (descriptor < 0) return -1;
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
    return close_failed(descriptor);
  return descriptor;
}

// A socket file that nobody listens to any more.
static int is_dead(const char *path) {
  struct stat status;
  if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode)) return 0;
  int descriptor = clinux_stream_connect(path);
  if (descriptor < 0) return errno == ECONNREFUSED;
  close(descriptor);
  return 0;
}

int clinux_stream_listen(const char *path, int backlog) {
  struct sockaddr_un address;
  if (fill_address(&address, path) < 0) return -1;
  int descriptor = socket(AF_UNIX, KIND, 0);
  if (descriptor < 0) return -1;
  // The file is made with the mode of the socket, so at no moment may another user connect.
  if (fchmod(descriptor, 0600) < 0) return close_failed(descriptor);
  int result = bind(descriptor, (struct sockaddr *)&address, sizeof address);
  int taken = result < 0 && errno == EADDRINUSE;
  if (taken && is_dead(path)) {
    unlink(path);
    result = bind(descriptor, (struct sockaddr *)&address, sizeof address);
  } else if (result < 0 && taken) {
    errno = EADDRINUSE;
  }
  if (result < 0 || listen(descriptor, backlog) < 0) return close_failed(descriptor);
  return descriptor;
}

int clinux_stream_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int clinux_stream_pair(int descriptors[2]) { return socketpair(AF_UNIX, KIND, 0, descriptors); }

int clinux_stream_is_closed(int descriptor) {
  struct pollfd look = {.fd = descriptor, .events = POLLRDHUP};
  return poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

// --- Memory

// What is mapped, for the handler of SIGBUS. Slots come in chunks that are never freed, so the handler
// can walk them without a lock; a slot is in use while its length is not 0.
enum { CHUNK_SLOTS = 512, CHUNKS_MAX = 64 };

struct guard {
  _Atomic(uintptr_t) start;
  _Atomic(size_t) byte_count;
  _Atomic(uint32_t *) is_lost;
};

static _Atomic(struct guard *) chunks[CHUNKS_MAX];
static pthread_mutex_t guards_lock = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous_action;
static int is_handling;

static struct guard *guard_at(uintptr_t address) {
  for (int chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    struct guard *guards = atomic_load_explicit(&chunks[chunk], memory_order_acquire);
    if (!guards) return NULL;
    for (int slot = 0; slot < CHUNK_SLOTS; slot++) {
      size_t count = atomic_load_explicit(&guards[slot].byte_count, memory_order_acquire);
      uintptr_t start = atomic_load_explicit(&guards[slot].start, memory_order_relaxed);
      if (count > 0 && address >= start && address - start < count) return &guards[slot];
    }
  }
  return NULL;
}

// Async-signal-safe: mmap is one system call, the rest are loads and stores. The thread that faults uses
// the mapping, so nobody unmaps it meanwhile.
static int replace_lost_memory(const siginfo_t *info) {
  uintptr_t address = (uintptr_t)info->si_addr;
  struct guard *guard = guard_at(address);
  if (!guard) return 0;
  int protection = PROT_READ | PROT_WRITE;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  if (mmap((void *)guard->start, guard->byte_count, protection, flags, -1, 0) == MAP_FAILED) {
    // No such amount may be promised here: then the page alone.
    void *page = (void *)(address & ~(uintptr_t)4095);
    if (mmap(page, 4096, protection, flags, -1, 0) == MAP_FAILED) return 0;
  }
  __atomic_store_n((uint32_t *)guard->is_lost, 1, __ATOMIC_RELEASE);
  return 1;
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
  int error = errno;
  int is_replaced = info->si_code > 0 && replace_lost_memory(info);
  errno = error;
  if (is_replaced) return;
  if (previous_action.sa_flags & SA_SIGINFO) {
    previous_action.sa_sigaction(number, info, context);
  } else if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(number);
  } else {
    // Not ours: the access is done again, and ends the process as it would have.
    signal(SIGBUS, SIG_DFL);
  }
}

// Under `guards_lock`.
static int start_handling(void) {
  if (is_handling) return 0;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, &action, &previous_action) < 0) return -1;
  is_handling = 1;
  return 0;
}

// Under `guards_lock`.
static int find_free_guard(void) {
  for (int chunk = 0; chunk < CHUNKS_MAX; chunk++) {
    struct guard *guards = atomic_load_explicit(&chunks[chunk], memory_order_relaxed);
    if (!guards) {
      guards = calloc(CHUNK_SLOTS, sizeof *guards);
      if (!guards) return -1;
      atomic_store_explicit(&chunks[chunk], guards, memory_order_release);
    }
    for (int slot = 0; slot < CHUNK_SLOTS; slot++)
      if (guards[slot].byte_count == 0) return chunk * CHUNK_SLOTS + slot;
  }
  errno = ENOSPC;
  return -1;
}

static struct guard *guard_number(int number) {
  return &chunks[number / CHUNK_SLOTS][number % CHUNK_SLOTS];
}

static int add_guard(void *start, uint64_t byte_count, uint32_t *is_lost) {
  pthread_mutex_lock(&guards_lock);
  int number = start_handling() < 0 ? -1 : find_free_guard();
  if (number >= 0) {
    struct guard *guard = guard_number(number);
    guard->start = (uintptr_t)start;
    guard->is_lost = is_lost;
    atomic_store_explicit(&guard->byte_count, byte_count, memory_order_release);
  }
  pthread_mutex_unlock(&guards_lock);
  return number;
}

int clinux_memory_kind(int descriptor, uint64_t *byte_count, uint64_t *page_bytes) {
  struct stat status;
  struct statfs system;
  if (fstat(descriptor, &status) < 0 || fstatfs(descriptor, &system) < 0) return -1;
  *byte_count = (uint64_t)status.st_size;
  *page_bytes = (uint64_t)getpagesize();
  if (!S_ISREG(status.st_mode)) return CLINUX_MEMORY_OTHER;
  if (system.f_type == TMPFS_MAGIC) return CLINUX_MEMORY_SHARED;
  if (system.f_type != HUGETLBFS_MAGIC) return CLINUX_MEMORY_OTHER;
  *page_bytes = (uint64_t)system.f_bsize;
  return CLINUX_MEMORY_HUGE;
}

void *clinux_memory_map(int descriptor, uint64_t offset, uint64_t byte_count, uint32_t *is_lost,
                        int *guard) {
  void *start = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                     descriptor, (off_t)offset);
  if (start == MAP_FAILED) return NULL;
  // No core dump of ours needs the memory of guests.
  madvise(start, byte_count, MADV_DONTDUMP);
  *guard = add_guard(start, byte_count, is_lost);
  if (*guard >= 0) return start;
  int error = errno;
  munmap(start, byte_count);
  errno = error;
  return NULL;
}

void clinux_memory_unmap(void *start, uint64_t byte_count, int guard) {
  pthread_mutex_lock(&guards_lock);
  munmap(start, byte_count);
  atomic_store_explicit(&guard_number(guard)->byte_count, 0, memory_order_release);
  pthread_mutex_unlock(&guards_lock);
}

int clinux_memory_create(const char *name, uint64_t byte_count) {
  int descriptor = memfd_create(name, MFD_CLOEXEC);
  if (descriptor < 0) return -1;
  return ftruncate(descriptor, (off_t)byte_count) < 0 ? close_failed(descriptor) : descriptor;
}

// --- Bells

struct clinux_bell {
  int descriptor;
  int uring; // -1: a write rings
  void *rings;
  size_t ring_bytes;
  void *entries;
  size_t entry_bytes;
  _Atomic(uint32_t) *submission_tail;
  _Atomic(uint32_t) *completion_head;
  _Atomic(uint32_t) *completion_tail;
};

static int open_uring(struct clinux_bell *bell) {
  struct io_uring_params parameters;
  memset(&parameters, 0, sizeof parameters);
  bell->uring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
  if (bell->uring < 0) return -1;
  size_t submission = parameters.sq_off.array + parameters.sq_entries * sizeof(uint32_t);
  size_t completion =
      parameters.cq_off.cqes + parameters.cq_entries * sizeof(struct io_uring_cqe);
  bell->ring_bytes = submission > completion ? submission : completion;
  bell->entry_bytes = parameters.sq_entries * sizeof(struct io_uring_sqe);
  if (!(parameters.features & IORING_FEAT_SINGLE_MMAP)) return -1;
  int protection = PROT_READ | PROT_WRITE;
  void *rings = mmap(NULL, bell->ring_bytes, protection, MAP_SHARED, bell->uring, IORING_OFF_SQ_RING);
  if (rings == MAP_FAILED) return -1;
  bell->rings = rings;
  void *entries = mmap(NULL, bell->entry_bytes, protection, MAP_SHARED, bell->uring, IORING_OFF_SQES);
  if (entries == MAP_FAILED) return -1;
  bell->entries = entries;
  // Every submission is the same: entry 0, which does nothing.
  memset(entries, 0, bell->entry_bytes);
  memset((char *)rings + parameters.sq_off.array, 0, parameters.sq_entries * sizeof(uint32_t));
  bell->submission_tail = (void *)((char *)rings + parameters.sq_off.tail);
  bell->completion_head = (void *)((char *)rings + parameters.cq_off.head);
  bell->completion_tail = (void *)((char *)rings + parameters.cq_off.tail);
  return (int)syscall(SYS_io_uring_register, bell->uring, IORING_REGISTER_EVENTFD,
                      &bell->descriptor, 1);
}

static void close_uring(struct clinux_bell *bell) {
  if (bell->entries) munmap(bell->entries, bell->entry_bytes);
  if (bell->rings) munmap(bell->rings, bell->ring_bytes);
  if (bell->uring >= 0) close(bell->uring);
  bell->entries = bell->rings = NULL;
  bell->uring = -1;
}

// /proc names the kind; where it cannot be read, the descriptor is believed.
int clinux_is_event(int descriptor) {
  char path[32] = "/proc/self/fd/", target[32];
  int digits = 0, number = descriptor;
  char text[12];
  do text[digits++] = (char)('0' + number % 10);
  while (number /= 10);
  size_t end = strlen(path);
  while (digits > 0) path[end++] = text[--digits];
  ssize_t count = readlink(path, target, sizeof target - 1);
  if (count < 0) return 1;
  target[count] = 0;
  return strcmp(target, "anon_inode:[eventfd]") == 0;
}

struct clinux_bell *clinux_bell_open(int descriptor) {
  struct clinux_bell *bell = calloc(1, sizeof *bell);
  if (!bell || !clinux_is_event(descriptor)) {
    int error = bell ? EINVAL : ENOMEM;
    free(bell);
    close(descriptor);
    errno = error;
    return NULL;
  }
  bell->descriptor = descriptor;
  if (open_uring(bell) < 0) {
    close_uring(bell);
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) {
      int error = errno;
      clinux_bell_close(bell);
      errno = error;
      return NULL;
    }
  }
  return bell;
}

void clinux_bell_close(struct clinux_bell *bell) {
  close_uring(bell);
  close(bell->descriptor);
  free(bell);
}

int clinux_bell_is_safe(const struct clinux_bell *bell) { return bell->uring >= 0; }

int clinux_bell_ring(struct clinux_bell *bell) {
  if (bell->uring < 0) return eventfd_write(bell->descriptor, 1);
  // What completed before needs no more.
  atomic_store_explicit(bell->completion_head,
                        atomic_load_explicit(bell->completion_tail, memory_order_acquire),
                        memory_order_release);
  uint32_t tail = atomic_load_explicit(bell->submission_tail, memory_order_relaxed);
  atomic_store_explicit(bell->submission_tail, tail + 1, memory_order_release);
  return (int)syscall(SYS_io_uring_enter, bell->uring, 1, 0, 0, NULL, 0) < 0 ? -1 : 0;
}
