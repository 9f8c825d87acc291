// Tells ThreadSanitizer what happens inside the standard library where it cannot look. Synchronization.Mutex takes a free lock with an atomic
// that is compiled into the caller, where the sanitizer sees it; a lock that is held is waited for in libswiftSynchronization, which is not
// instrumented, and every value guarded by a contended Mutex would be reported as a race. `make test.thread` links this file into what it
// tests: it stands in front of the three functions that wait, calls them, and says that the lock orders what is before and after.
//
// The names are the standard library's own, mangled (swift demangle), and its calling convention is Clang's swiftcall: the mutex arrives as
// `self`. Should a later toolchain rename them, the reports come back; nothing can be hidden by it.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

// The sanitizer's: what a thread did before it released an address comes before what another does after it has acquired it.
void __tsan_acquire(void *address);
void __tsan_release(void *address);

typedef SWIFT void LockSlow(uint32_t thread, SELF void *mutex);
typedef SWIFT bool TryLockSlow(SELF void *mutex);
typedef SWIFT void UnlockSlow(SELF void *mutex);

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT bool try_lock_slow(SELF void *mutex) __asm__(TRY_LOCK_SLOW);
SWIFT void unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

static LockSlow *lock_behind;
static TryLockSlow *try_lock_behind;
static UnlockSlow *unlock_behind;

// Before main, hence before there are threads.
__attribute__((constructor)) static void find_what_is_behind(void) {
    lock_behind = (LockSlow *)dlsym(RTLD_NEXT, LOCK_SLOW);
    try_lock_behind = (TryLockSlow *)dlsym(RTLD_NEXT, TRY_LOCK_SLOW);
    unlock_behind = (UnlockSlow *)dlsym(RTLD_NEXT, UNLOCK_SLOW);
}

SWIFT void lock_slow(uint32_t thread, SELF void *mutex) {
    lock_behind(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT bool try_lock_slow(SELF void *mutex) {
    bool locked = try_lock_behind(mutex);
    if (locked) __tsan_acquire(mutex);
    return locked;
}

SWIFT void unlock_slow(SELF void *mutex) {
    __tsan_release(mutex);
    unlock_behind(mutex);
}
