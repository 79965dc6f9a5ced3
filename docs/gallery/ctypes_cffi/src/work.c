/* A plain C library. It knows nothing about Python. */
#include <stdint.h>

uint64_t
collatz_steps(uint64_t up_to)
{
    uint64_t n_steps = 0;
    for (uint64_t start = 1; start <= up_to; start++) {
        for (uint64_t n = start; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) {
            n_steps++;
        }
    }
    return n_steps;
}

/* Calls back once for each start, as libraries do that report their progress. */
uint64_t
collatz_steps_with_progress(uint64_t up_to, void (*report)(uint64_t))
{
    uint64_t n_steps = 0;
    for (uint64_t start = 1; start <= up_to; start++) {
        for (uint64_t n = start; n != 1; n = n % 2 ? 3 * n + 1 : n / 2) {
            n_steps++;
        }
        report(start);
    }
    return n_steps;
}
