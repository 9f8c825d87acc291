// The headers that the Libevent target speaks to; nothing is added to them here.

// First, because event2/event-config.h defines _GNU_SOURCE: glibc's types must be laid out here as in Swift's own Glibc module, which does
// not, or the compiler finds two fd_sets.
#include <features.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>

// Of Linux rather than libevent, and missing in Swift's Glibc module. The function is declared here because its header shows it to
// _GNU_SOURCE only.
#include <pthread.h>
#include <sys/eventfd.h>
int pthread_setname_np(pthread_t thread, const char *name);
