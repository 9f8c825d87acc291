/* Keep-alive connections of HTTP/1.1 to loopback, one request at a time. They are edge-triggered, so that a request and
 * its answer cost one send, one receive and a share of an epoll_wait. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fleet.h"

enum { INPUT_ROOM = 1024, INPUT_MAXIMUM = 1 << 28 };

bool connection_open(struct connection *connection, int epoll, int port) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->descriptor < 0) return false;
    int one = 1;
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = connection};
    if (connect(connection->descriptor, (struct sockaddr *)&server, sizeof server) != 0
        || fcntl(connection->descriptor, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0) {
        close(connection->descriptor);
        connection->descriptor = -1;
        return false;
    }
    connection->input_length = connection->output_length = connection->output_sent = 0;
    return true;
}

char *connection_output(struct connection *connection, size_t room) {
    if (room > connection->output_room) {
        connection->output = must(realloc(connection->output, room));
        connection->output_room = room;
    }
    connection->output_length = connection->output_sent = 0;
    connection->input_length = 0; /* the answer before was dealt with */
    return connection->output;
}

bool connection_flush(struct connection *connection) {
    while (connection->output_sent < connection->output_length) {
        ssize_t sent = send(connection->descriptor, connection->output + connection->output_sent,
                            connection->output_length - connection->output_sent, MSG_NOSIGNAL);
        if (sent > 0) connection->output_sent += (size_t)sent;
        else if (errno == EAGAIN) return true; /* an edge will come */
        else if (errno != EINTR) return false;
    }
    return true;
}

bool connection_fill(struct connection *connection) {
    for (;;) {
        if (connection->input_room - connection->input_length < INPUT_ROOM / 2) {
            size_t room = connection->input_room ? connection->input_room * 2 : INPUT_ROOM;
            if (room > INPUT_MAXIMUM) return false;
            connection->input = must(realloc(connection->input, room));
            connection->input_room = room;
        }
        size_t room = connection->input_room - connection->input_length;
        ssize_t got = recv(connection->descriptor, connection->input + connection->input_length, room, 0);
        if (got > 0) {
            connection->input_length += (size_t)got;
            if ((size_t)got < room) return true; /* what comes after this makes a new edge */
        } else if (got == 0) {
            return false;
        } else if (errno == EAGAIN) {
            return true;
        } else if (errno != EINTR) {
            return false;
        }
    }
}

int connection_answer(struct connection *connection, struct answer *answer) {
    const char *input = connection->input, *end = memmem(input, connection->input_length, "\r\n\r\n", 4);
    if (!end) return 0;
    size_t head = (size_t)(end - input) + 4, length = 0;
    bool told = false;
    if (head < 16 || memcmp(input, "HTTP/1.1 ", 9) != 0) return -1;
    answer->status = atoi(input + 9);
    for (const char *line = memchr(input, '\n', head); line && line + 1 < end; line = memchr(line, '\n', (size_t)(end + 2 - line))) {
        line++;
        if ((line[0] == 'C' || line[0] == 'c') && strncasecmp(line, "content-length:", 15) == 0) {
            length = strtoul(line + 15, NULL, 10);
            told = true;
        }
    }
    if (!told && answer->status != 304 && answer->status != 204) return -1;
    if (connection->input_length < head + length) return 0;
    if (connection->input_length > head + length) return -1; /* nobody asked for more */
    answer->body = input + head;
    answer->body_length = length;
    answer->size = head + length;
    return 1;
}

void connection_close(struct connection *connection) {
    if (connection->descriptor >= 0) close(connection->descriptor);
    free(connection->input);
    free(connection->output);
    connection->input = connection->output = NULL;
    connection->input_room = connection->output_room = 0;
    connection->descriptor = -1;
}
