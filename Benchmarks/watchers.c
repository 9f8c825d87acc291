/* Holds many connections that each wait for the same change, and tells when the first and the last have it.
 *
 *   watchers PORT COUNT REQUEST
 *
 * Sends the bytes in the file REQUEST on each of COUNT connections. Commands on standard input, a line each, and the line that answers them:
 *
 *   heads N       waits up to N seconds until each connection has got the end of a head        heads COUNT
 *   mark TEXT N   waits up to N seconds until each connection has got TEXT from now on         mark COUNT FIRST LAST BYTES
 *   watch N       reads for N seconds                                                          watch BYTES
 *   end           closes all and ends
 *
 * COUNT is how many have, BYTES is what came meanwhile. FIRST and LAST are nanoseconds of CLOCK_MONOTONIC. One thread, one epoll; whatever comes is
 * looked through and forgotten.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LONGEST_MARK 64
/* Connections that are being made at a time: a listener's queue is short. */
#define AT_ONCE 256

struct watcher {
    int fd;
    int has; /* the generation of the last mark that it has */
    int tail_length;
    char tail[LONGEST_MARK]; /* the end of what came: a mark may come in two pieces */
};

static struct watcher *watchers;
static int count, poll_fd, generation, have;
static char mark[LONGEST_MARK + 1];
static int64_t first, last, received;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void look_through(struct watcher *watcher, const char *bytes, int length)
{
    static char joined[LONGEST_MARK + 65536];
    int mark_length = (int)strlen(mark);
    if (watcher->has != generation) {
        memcpy(joined, watcher->tail, watcher->tail_length);
        memcpy(joined + watcher->tail_length, bytes, length);
        if (memmem(joined, watcher->tail_length + length, mark, mark_length)) {
            watcher->has = generation;
            last = now();
            if (have++ == 0) first = last;
        }
    }
    int kept = length < mark_length - 1 ? length : mark_length - 1;
    memcpy(watcher->tail, bytes + length - kept, kept);
    watcher->tail_length = kept;
}

/* Reads what is there on any connection; one that has ended has nothing more to give. */
static void read_some(int milliseconds)
{
    static char bytes[65536];
    struct epoll_event events[512];
    int ready = epoll_wait(poll_fd, events, 512, milliseconds);
    for (int i = 0; i < ready; i++) {
        struct watcher *watcher = events[i].data.ptr;
        ssize_t length = recv(watcher->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length > 0) received += length;
        if (length > 0) look_through(watcher, bytes, (int)length);
        else if (length == 0 || (errno != EAGAIN && errno != EINTR)) epoll_ctl(poll_fd, EPOLL_CTL_DEL, watcher->fd, NULL);
    }
}

static void begin(const char *text)
{
    snprintf(mark, sizeof mark, "%s", text);
    generation++;
    have = 0;
    first = last = received = 0;
}

static void await_all(int seconds)
{
    int64_t end = now() + (int64_t)seconds * 1000000000;
    while (have < count && now() < end) read_some(100);
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    static char request[65536];
    FILE *file = fopen(argv[3], "rb");
    if (!file) fail(argv[3]);
    size_t request_length = fread(request, 1, sizeof request, file);
    fclose(file);
    count = atoi(argv[2]);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    watchers = calloc(count, sizeof *watchers);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    begin("\r\n\r\n");
    for (int i = 0; i < count; i++) {
        struct watcher *watcher = &watchers[i];
        watcher->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (watcher->fd < 0 || connect(watcher->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
        int on = 1;
        setsockopt(watcher->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (send(watcher->fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) fail("send");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = watcher};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, watcher->fd, &event);
        if (i % AT_ONCE == AT_ONCE - 1) read_some(1);
    }
    printf("sent %d\n", count);
    fflush(stdout);
    char line[256], text[LONGEST_MARK + 1];
    int seconds;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "heads %d", &seconds) == 1) {
            await_all(seconds);
            printf("heads %d\n", have);
        } else if (sscanf(line, "mark %64s %d", text, &seconds) == 2) {
            begin(text);
            printf("armed\n");
            fflush(stdout);
            await_all(seconds);
            printf("mark %d %lld %lld %lld\n", have, (long long)first, (long long)last, (long long)received);
        } else if (sscanf(line, "watch %d", &seconds) == 1) {
            begin("\n");
            int64_t end = now() + (int64_t)seconds * 1000000000;
            while (now() < end) read_some(100);
            printf("watch %lld\n", (long long)received);
        } else {
            break;
        }
        fflush(stdout);
    }
    return 0;
}
