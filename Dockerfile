# A registry in a container: built with Swift, run on plain Debian.
FROM swift:6.3-bookworm AS build
# No versions are pinned, here and below: a build takes what Debian has cured.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libevent-dev libssl-dev zlib1g-dev libjemalloc-dev pkg-config make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Swift's own libraries are linked statically; `make test.packaging` holds the list below to what is left.
RUN make build

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libevent-core-2.1-7 libevent-extra-2.1-7 libevent-openssl-2.1-7 libssl3 zlib1g libjemalloc2 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --uid 10001 registry \
    && install -d -o registry -g registry /var/lib/registry/members
COPY --from=build /src/bin/registry /usr/local/bin/registry
USER 10001
# The API plain and over TLS, and the other members.
EXPOSE 8080 8443 6100
STOPSIGNAL SIGTERM
# Ready is who answers 200 to /readyz on the plain port. With API_PORT=off give the container a check of its own.
HEALTHCHECK --interval=5s --timeout=2s --start-period=40s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${A8_API_PORT:-${API_PORT:-8080}} && printf 'GET /readyz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["/usr/local/bin/registry"]
