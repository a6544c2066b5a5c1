// What a compiler and a kernel can be told about memory, and Swift has no word for. All of it is inline, so
// that a hint costs one instruction and no call; none of it changes what a program computes.
#pragma once
#include <stddef.h>
#include <sys/mman.h>

/// Asks for the cache line at `address` to be brought close: it is read soon. Any address will do.
static inline void martlet_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

/// Asks for pages of the largest kind (madvise(2), MADV_HUGEPAGE). Nothing happens where there are none.
static inline void martlet_prefer_huge_pages(void *start, size_t byte_count) {
  (void)madvise(start, byte_count, MADV_HUGEPAGE);
}
