/* Another tool that hooks GOT entries of the interpreter on top of ours: it sets them to functions of its own, which count,
   call the function that was there before, and restore it in the end. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* With three arguments it passes on those of all functions that we hook. */
typedef int (*function)(void *, void *, void *);
static function below;
static volatile long n_calls;

static int on_top(void *first, void *second, void *third) {
    __atomic_add_fetch(&n_calls, 1, __ATOMIC_RELAXED);
    return below(first, second, third);
}

static void set(void **slot, void *value) {
    uintptr_t size = (uintptr_t)sysconf(_SC_PAGESIZE), page = (uintptr_t)slot & ~(size - 1);
    mprotect((void *)page, size, PROT_READ | PROT_WRITE);
    __atomic_store_n(slot, value, __ATOMIC_SEQ_CST);
}

void stand_on_top(void **slot) { below = (function)*slot; set(slot, (void *)on_top); }
void step_down(void **slot) { set(slot, (void *)below); }
long calls_seen(void) { return n_calls; }
