/* The limit of a socket server: a bare epoll loop that answers every request with the same bytes.
 *
 * It neither parses nor routes nor numbers a request; it looks for the empty line that ends a head, and writes what it
 * was given. So it tells what the kernel alone takes for a request and its answer, with one recv, one send and a share
 * of an epoll_wait. A server that reads what it is asked can only come near.
 *
 *     epoll --answer FILE --port_file FILE        (API_PORT: environment; one thread; requests without a body)
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MAX_EVENTS = 256,
    MAX_DESCRIPTORS = 4096,
    ANSWER_BYTES = 16 << 10,
    INPUT_BYTES = 64 << 10
};

static char answer[ANSWER_BYTES];
static size_t answer_length;
/* How much of the four bytes that end a head has been seen, for each connection. */
static unsigned char seen[MAX_DESCRIPTORS];

static void die(const char *sentence, const char *detail) {
    fprintf(stderr, "epoll: %s: %s\n", sentence, detail);
    exit(2);
}

/* How many heads end within these bytes, the first of which may have begun before them. */
static int heads_ended(int descriptor, const char *bytes, ssize_t length) {
    static const char end[4] = {'\r', '\n', '\r', '\n'};
    /* Nearly always one whole head, which ends with the bytes. */
    if (!seen[descriptor] && length >= 4 && !memcmp(bytes + length - 4, end, 4)
        && memmem(bytes, (size_t)length, end, 4) == bytes + length - 4)
        return 1;
    int ended = 0;
    unsigned char count = seen[descriptor];
    for (ssize_t i = 0; i < length; i++) {
        if (bytes[i] == end[count]) count++;
        else count = bytes[i] == '\r';
        if (count == 4) {
            ended++;
            count = 0;
        }
    }
    seen[descriptor] = count;
    return ended;
}

/* Answers what has come; false when the connection is over. The answers of a benchmark fit into a socket's buffer, so a
 * send that takes less is a failure, and shows as one. */
static bool serve(int descriptor) {
    static char input[INPUT_BYTES];
    ssize_t length = recv(descriptor, input, sizeof input, 0);
    if (length < 0) return errno == EAGAIN || errno == EINTR;
    if (length == 0) return false;
    for (int ended = heads_ended(descriptor, input, length); ended > 0; ended--)
        if (send(descriptor, answer, answer_length, MSG_NOSIGNAL) != (ssize_t)answer_length) return false;
    return true;
}

static void read_answer(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die("cannot read the answer", path);
    answer_length = fread(answer, 1, sizeof answer, file);
    if (answer_length == 0 || answer_length == sizeof answer) die("the answer is empty or too long", path);
    fclose(file);
}

/* Writes `api PORT` beside the path and renames it into place, so that a reader never sees half of it. */
static void tell_port(const char *path, unsigned port) {
    char beside[4096];
    if ((size_t)snprintf(beside, sizeof beside, "%s.new", path) >= sizeof beside) die("path too long", path);
    FILE *file = fopen(beside, "w");
    if (!file || fprintf(file, "api %u\n", port) < 0 || fclose(file) != 0 || rename(beside, path) != 0)
        die("cannot write the port file", strerror(errno));
}

static int listen_on_loopback(unsigned short port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* connections inherit it */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 512) != 0)
        die("cannot listen", strerror(errno));
    return listener;
}

int main(int count, char **arguments) {
    const char *port_file = NULL;
    for (int i = 1; i + 1 < count; i += 2) {
        if (!strcmp(arguments[i], "--answer")) read_answer(arguments[i + 1]);
        else if (!strcmp(arguments[i], "--port_file")) port_file = arguments[i + 1];
        else die("unknown argument", arguments[i]);
    }
    if (!answer_length || !port_file) die("usage", "epoll --answer FILE --port_file FILE (API_PORT: environment)");

    const char *wanted = getenv("API_PORT");
    int listener = listen_on_loopback(wanted ? (unsigned short)atoi(wanted) : 0);
    int queue = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &event) != 0) die("no epoll", strerror(errno));
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &length) != 0) die("no address", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    tell_port(port_file, ntohs(address.sin_port));

    for (;;) { /* until a signal ends the process */
        struct epoll_event events[MAX_EVENTS];
        int ready = epoll_wait(queue, events, MAX_EVENTS, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait", strerror(errno));
        for (int i = 0; i < ready; i++) {
            int descriptor = events[i].data.fd;
            if (descriptor != listener) {
                if (!serve(descriptor)) close(descriptor);
                continue;
            }
            int connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (connection < 0) continue;
            struct epoll_event interest = {.events = EPOLLIN, .data.fd = connection};
            if (connection >= MAX_DESCRIPTORS || epoll_ctl(queue, EPOLL_CTL_ADD, connection, &interest) != 0) {
                close(connection);
                continue;
            }
            seen[connection] = 0;
        }
    }
}
