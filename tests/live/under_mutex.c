/* Preloaded: counts the system calls that a thread makes while it has the GIL's mutex.

   Linux can hand a thread's system calls to that thread itself, by SIGSYS, while a byte of its own says so ("syscall user
   dispatch", 5.11). The byte says so from the real locking of the watched mutex on, up to the real unlocking: whatever runs in
   between, in the interpreter and in hooks above these functions, is seen. No tracer is needed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
enum { ALLOW = 0, BLOCK = 1, N_CALLS = 512 };

static void *watched;
static long n_sections, n_calls[N_CALLS];
static __thread volatile char selector __attribute__((tls_model("initial-exec"))) = ALLOW;
static __thread char is_set_up __attribute__((tls_model("initial-exec")));

/* The way back from the handler is a system call too: it is made here, and this code is exempt. */
extern const char way_back[], way_back_end[];
__asm__(".text\n.globl way_back\nway_back:\n  mov $15, %eax\n  syscall\n  nop\n.globl way_back_end\nway_back_end:\n");

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void on_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    selector = ALLOW;
    long number = info->si_syscall;
    if (number >= 0 && number < N_CALLS) __atomic_add_fetch(&n_calls[number], 1, __ATOMIC_RELAXED);
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    regs[REG_RAX] = call(number, regs[REG_RDI], regs[REG_RSI], regs[REG_RDX], regs[REG_R10], regs[REG_R8], regs[REG_R9]);
    selector = BLOCK;
}

/* Watches a mutex; returns 0 where this kernel cannot. */
int watch(void *mutex) {
    struct { void (*handler)(int, siginfo_t *, void *); unsigned long flags; const void *restorer; unsigned long mask; }
        action = {on_call, SA_SIGINFO | 0x04000000 /* SA_RESTORER */, way_back, 0};
    if (call(SYS_rt_sigaction, SIGSYS, (long)&action, 0, 8, 0, 0) != 0) return 0;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, way_back, way_back_end - way_back, &selector) != 0) return 0;
    is_set_up = 1;
    __atomic_store_n(&watched, mutex, __ATOMIC_SEQ_CST);
    return 1;
}
void forget(void) { __atomic_store_n(&watched, 0, __ATOMIC_SEQ_CST); }
long seen(long number) { return __atomic_load_n(&n_calls[number], __ATOMIC_RELAXED); }
long sections(void) { return __atomic_load_n(&n_sections, __ATOMIC_RELAXED); }

static void enter(void *mutex) {
    if (mutex != watched || !watched) return;
    if (!is_set_up) {
        prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, way_back, way_back_end - way_back, &selector);
        is_set_up = 1;
    }
    __atomic_add_fetch(&n_sections, 1, __ATOMIC_RELAXED);
    selector = BLOCK;
}
static int leave(void *mutex) {
    int is_inside = selector == BLOCK && mutex == watched;
    if (is_inside) selector = ALLOW;
    return is_inside;
}

#define REAL(name, version, ...)                                                                    \
    static int (*real)(__VA_ARGS__);                                                                \
    if (!real) {                                                                                    \
        const char *of = version;                                                                   \
        void *found = of ? dlvsym(RTLD_NEXT, name, of) : 0;                              \
        real = (int (*)(__VA_ARGS__))(found ? found : dlsym(RTLD_NEXT, name));                      \
    }

int pthread_mutex_lock(pthread_mutex_t *mutex) {
    REAL("pthread_mutex_lock", (const char *)0, pthread_mutex_t *)
    int result = real(mutex);
    if (result == 0) enter(mutex);
    return result;
}
int pthread_mutex_trylock(pthread_mutex_t *mutex) {
    REAL("pthread_mutex_trylock", (const char *)0, pthread_mutex_t *)
    int result = real(mutex);
    if (result == 0) enter(mutex);
    return result;
}
int pthread_mutex_unlock(pthread_mutex_t *mutex) {
    REAL("pthread_mutex_unlock", (const char *)0, pthread_mutex_t *)
    leave(mutex);
    return real(mutex);
}
int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex) {
    REAL("pthread_cond_wait", "GLIBC_2.3.2", pthread_cond_t *, pthread_mutex_t *)
    int was_inside = leave(mutex), result = real(condition, mutex);
    if (was_inside) enter(mutex);
    return result;
}
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
    REAL("pthread_cond_timedwait", "GLIBC_2.3.2", pthread_cond_t *, pthread_mutex_t *, const struct timespec *)
    int was_inside = leave(mutex), result = real(condition, mutex, deadline);
    if (was_inside) enter(mutex);
    return result;
}

/* Does what a hook must not do. */
void misbehave(void) {
    selector = BLOCK;
    call(SYS_getppid, 0, 0, 0, 0, 0, 0);
    selector = ALLOW;
}
