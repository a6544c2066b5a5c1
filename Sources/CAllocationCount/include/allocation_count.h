// How often this process asked for memory, from its start: malloc(3) and its relatives, any thread.
#pragma once
#include <stdint.h>

uint64_t martlet_allocation_count(void);
