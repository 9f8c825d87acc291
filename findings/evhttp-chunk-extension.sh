#!/usr/bin/env bash
# libevent 2.1.12's evhttp (Debian 12) refuses a chunk extension, and says that the body is too large.
#
# One would guess: a server built on evhttp takes `5;name=value` before a chunk, since RFC 9112 (7.1.1) has every recipient ignore the extensions
# that it does not know; or that whatever it does not understand in a body is answered 400.
# Seen: a POST of five bytes in one chunk with an extension is answered 413, though no limit on bodies is set; the same bytes without the extension
# reach the handler.
# Why it matters here: the registry's API runs on evhttp, and its clients may send extensions (some proxies sign chunks so). They have to be taken
# out of the bytes before evhttp sees them, and nothing in evhttp's answer tells that an extension was the matter.
set -euo pipefail
readonly version=2.1.12-stable-8+deb12u1
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q "libevent-dev=$version" "libevent-2.1-7=$version" >/dev/null 2>&1
for archive in *.deb; do dpkg -x "$archive" root; done
libraries=$(dirname "$(find root -name 'libevent-2.1.so.7')")
headers=$(dirname "$(find root -name event-config.h)")/..

cat >server.c <<'C'
#include <event2/event.h>
#include <event2/http.h>
#include <event2/buffer.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>

/* Answers with the length of the body. */
static void handle(struct evhttp_request *request, void *unused) {
    struct evbuffer *answer = evbuffer_new();
    evbuffer_add_printf(answer, "%zu", evbuffer_get_length(evhttp_request_get_input_buffer(request)));
    evhttp_send_reply(request, 200, "OK", answer);
    evbuffer_free(answer);
}

int main(void) {
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(http, "127.0.0.1", 0);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &length);
    evhttp_set_gencb(http, handle, NULL);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return event_base_dispatch(base);
}
C
gcc -o server server.c -Iroot/usr/include -I"$headers" "$libraries/libevent-2.1.so.7"
exec 3< <(LD_LIBRARY_PATH=$libraries exec ./server)
server=$!
read -r -t 10 port <&3

ask() {  # ask CHUNK-LINE: the status and body of the answer
    python3 - "$port" "$1" <<'P'
import http.client, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as connection:
    connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{sys.argv[2]}\r\nhello\r\n0\r\n\r\n".encode())
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    print(answer.status, answer.read().decode() if answer.status == 200 else "")
P
}

plain=$(ask '5')
extended=$(ask '5;name=value')
if [ "$plain" = "200 5" ] && [ "${extended%% *}" = 413 ]; then
    echo "seen: evhttp answers 413 to a chunk with an extension, and takes the same chunk without"
else
    echo "changed: without an extension '$plain', with one '$extended'"
    exit 1
fi
