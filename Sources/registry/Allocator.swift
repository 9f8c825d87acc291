// Linking jemalloc is enough to use it; importing it here makes the compiler link it, and gives the build without it (sanitizers) one place
// to differ in.

#if canImport(CJemalloc)
    import CJemalloc
#endif
