// What Swift's Glibc module lacks of the C library; the System target alone speaks to it.
#include <pthread.h>
#include <sys/eventfd.h>

// A global variable, which Swift takes for unsafe: nothing here ever changes it.
extern char **environ;
static inline char **csystem_environment(void) { return environ; }

// Declared here because its header shows it to _GNU_SOURCE only.
int pthread_setname_np(pthread_t thread, const char *name);
