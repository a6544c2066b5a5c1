// Shared by the files of this target.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "bench_peers.h"

enum { BATCH = 64 };

// A frame with all its offloads: 64 KiB and headers.
enum { LARGE_FRAME_BYTES = 69632 };

extern const char *failed_step;

static inline int fail(const char *step) {
  failed_step = step;
  return -1;
}

static inline int fail_with(const char *step, int error) {
  errno = error;
  return fail(step);
}

static inline double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static inline uint64_t now_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
