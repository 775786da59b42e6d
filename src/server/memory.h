/* The memory of this process, and what it may have. */
#ifndef GRAMME_SERVER_MEMORY_H
#define GRAMME_SERVER_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

uint64_t memory_resident_bytes(void);
/* As the allocator counts, where it tells. */
uint64_t memory_allocated_bytes(uint64_t otherwise);
bool memory_is_jemalloc(void);
/* Gives back to the system what the allocator keeps for later. */
void memory_give_back(void);
/* Of the machine, or of the control group if that has less: where `memory-limit` is not said, three quarters of it. */
uint64_t memory_of_machine(void);

#endif
