// Linking jemalloc is enough to use it; importing it here makes the compiler link it, and gives the build without it (sanitizers) one place
// to differ in.

#if canImport(CJemalloc)
    import CJemalloc
#endif

enum Allocator {
    /// Has freed memory given back to the system within some ten seconds also while the loops rest: without a thread of its own jemalloc
    /// does so only in passing, when something is allocated, and what an attack has cost would be kept until the next one.
    static func giveBackInBackground() {
        #if canImport(CJemalloc)
            var isOn = true
            mallctl("background_thread", nil, nil, &isOn, MemoryLayout<Bool>.size)
        #endif
    }
}
