// Linking jemalloc is enough to use it; importing it here makes the compiler link it, and gives the build without it
// (sanitizers) one place to differ in.

#if canImport(CJemalloc)
    import CJemalloc
#endif

enum Allocator {
    /// Gives freed memory back to the system within some ten seconds, also while the loops are idle. Without a thread
    /// of its own, jemalloc does so only when something is allocated, and memory taken by an attack would be kept until
    /// the next one.
    static func giveBackInBackground() {
        #if canImport(CJemalloc)
            var isOn = true
            unsafe mallctl("background_thread", nil, nil, &isOn, MemoryLayout<Bool>.size)
        #endif
    }
}
