// What Swift's Glibc module lacks of the C library; the System target alone speaks to it.
#include <pthread.h>
#include <sys/eventfd.h>

// Declared here because its header shows it to _GNU_SOURCE only.
int pthread_setname_np(pthread_t thread, const char *name);
