// The headers that the Libevent target speaks to, and at the end one function that needs their macros.

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

// Appends a header whose value may go on with further header lines. evhttp_add_header refuses line ends, rightly, where a value may come from
// a client; the headers that every answer has are ours, and as one they cost evhttp one allocation and one printf instead of four. The list
// and its entries are libevent's public structures; evhttp frees them as it frees its own. Returns 0, or -1 when memory is short.
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
static inline int registry_add_header_block(struct evkeyvalq *headers, const char *name, const char *value) {
    struct evkeyval *header = (struct evkeyval *)calloc(1, sizeof *header);
    if (!header) return -1;
    header->key = strdup(name);
    header->value = strdup(value);
    if (!header->key || !header->value) {
        free(header->key);
        free(header->value);
        free(header);
        return -1;
    }
    TAILQ_INSERT_TAIL(headers, header, next);
    return 0;
}
