# A registry in a container: built with Swift, run on plain Debian.
FROM swift:6.3-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libevent-dev libssl-dev zlib1g-dev libjemalloc-dev pkg-config make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make build

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libevent-core-2.1-7 libevent-extra-2.1-7 libevent-openssl-2.1-7 libssl3 zlib1g libjemalloc2 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home registry \
    && install -d -o registry -g registry /var/lib/registry/members
COPY --from=build /src/bin/registry /usr/local/bin/registry
USER registry
EXPOSE 8080 6100
ENTRYPOINT ["/usr/local/bin/registry"]
