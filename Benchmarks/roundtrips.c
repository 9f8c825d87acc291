/* Round trips on one connection: requests of a file, each sent when the one before it is answered, and how long each took.
 *
 *     roundtrips PORT http|resp FILE
 *
 * Both protocols are asked by the same loop of two system calls, so that their times can be compared. The file has before each
 * request its length in decimal digits and a newline. An answer of HTTP is to be 201, a reply of Redis an array of numbers.
 * Prints one line of JSON, times in microseconds; exit status 1 and a sentence where an answer is other than due.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_ROOM = 1 << 16, ANSWER_SECONDS = 10 };

static void die(const char *sentence, const char *detail) {
    fprintf(stderr, "roundtrips: %s: %.200s\n", sentence, detail);
    exit(1);
}

static char *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) die("cannot be read", path);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size + 1);
    if (!bytes || fread(bytes, 1, *size, file) != *size) die("cannot be read", path);
    bytes[*size] = '\0';
    fclose(file);
    return bytes;
}

static int connected(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct timeval patience = {.tv_sec = ANSWER_SECONDS};
    if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) die("no connection", "loopback");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return descriptor;
}

/* Whether the bytes so far, which end with a NUL, are a whole answer. Dies of one that is not as it should be. */
static bool is_whole_http(const char *answer, size_t size) {
    const char *end = strstr(answer, "\r\n\r\n"), *length = strcasestr(answer, "\r\ncontent-length: ");
    if (!end) return false;
    if (strncmp(answer, "HTTP/1.1 201 ", 13) != 0) die("not answered 201", answer);
    if (!length || length > end) die("an answer without a length", answer);
    return size >= (size_t)(end + 4 - answer) + strtoul(length + 18, NULL, 10);
}

static bool is_whole_resp(const char *answer, size_t size) {
    (void)size;
    if (answer[0] != '*') die("no array of numbers", answer);
    long lines = strtol(answer + 1, NULL, 10) + 1;
    for (const char *at = answer; lines > 0 && (at = strstr(at, "\r\n")); at += 2) lines--;
    return lines <= 0;
}

static int compare(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 4) die("takes", "PORT http|resp FILE");
    bool is_http = strcmp(argv[2], "http") == 0;
    size_t size = 0, count = 0, room = 0;
    char *requests = read_file(argv[3], &size), *end = requests + size;
    int64_t *times = NULL;
    static char answer[ANSWER_ROOM];
    int descriptor = connected(atoi(argv[1]));
    for (char *at = requests; at < end;) {
        char *request = NULL;
        size_t length = strtoul(at, &request, 10), received = 0;
        if (*request++ != '\n' || length == 0 || length > (size_t)(end - request)) die("not a length", at);
        at = request + length;
        if (count == room && !(times = realloc(times, (room = room ? room * 2 : 4096) * sizeof *times))) die("no memory", "times");
        int64_t began = now_ns();
        if (send(descriptor, request, length, MSG_NOSIGNAL) != (ssize_t)length) die("cannot send", "the connection broke");
        do {
            ssize_t got = recv(descriptor, answer + received, sizeof answer - 1 - received, 0);
            if (got <= 0) die("no answer", "the connection broke, or nothing came in time");
            received += (size_t)got;
            answer[received] = '\0';
        } while (!(is_http ? is_whole_http(answer, received) : is_whole_resp(answer, received)));
        times[count++] = now_ns() - began;
    }
    if (count == 0) die("no requests in", argv[3]);
    qsort(times, count, sizeof *times, compare);
    printf("{\"requests\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}\n", count, (double)times[count / 2] / 1e3,
           (double)times[count * 99 / 100] / 1e3, (double)times[count - 1] / 1e3);
    close(descriptor);
    free(times);
    free(requests);
    return 0;
}
