// What Swift's Glibc module lacks of the C library; the System target alone speaks to it.
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <time.h>

// A global variable, which Swift takes for unsafe: nothing here ever changes it.
extern char **environ;
static inline char **csystem_environment(void) { return environ; }

// Declared here because its header shows it to _GNU_SOURCE only.
int pthread_setname_np(pthread_t thread, const char *name);

// The same of recvmmsg(2) and sendmmsg(2), and of the structure that they fill, which is `struct mmsghdr` under another name.
struct csystem_datagram {
    struct msghdr header;
    unsigned int length;
};
int csystem_recvmmsg(int descriptor, struct csystem_datagram *datagrams, unsigned int count, int flags, struct timespec *timeout) __asm__("recvmmsg");
int csystem_sendmmsg(int descriptor, struct csystem_datagram *datagrams, unsigned int count, int flags) __asm__("sendmmsg");
