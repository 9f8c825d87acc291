// jemalloc replaces malloc by being linked before the C library; this declares nothing of it but what the executable reads.
#include <jemalloc/jemalloc.h>
