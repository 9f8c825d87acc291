# A registry in a container: built with Swift, run on plain Debian.
FROM swift:6.3-bookworm AS build
# No versions are pinned, here and below: a build takes what Debian has cured.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends libevent-dev libssl-dev zlib1g-dev libexpat1-dev libhiredis-dev libjemalloc-dev pkg-config make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The packages first, in a layer that a change of the sources leaves alone.
COPY Makefile Package.swift ./
COPY deploy/dependencies deploy/dependencies
RUN make dependencies
COPY . .
# Swift's own libraries are linked statically; `make test.packaging` holds the list below to what is left.
RUN make build

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libevent-core-2.1-7 libevent-extra-2.1-7 libevent-openssl-2.1-7 libssl3 zlib1g libexpat1 libhiredis0.14 libjemalloc2 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --no-create-home --uid 10001 registry \
    && install -d -o registry -g registry /var/lib/registry/members
COPY --from=build /src/bin/registry /usr/local/bin/registry
USER 10001
# The API plain and over TLS, and the other members.
EXPOSE 8080 8443 6100
STOPSIGNAL SIGTERM
# Ready is who may be asked: the settings that the registry was started with tell the check its port. An engine that kills what is unhealthy, as Swarm
# does, must not kill who only waits for the others: there, set the check to `registry check --live`.
HEALTHCHECK --interval=5s --timeout=5s --start-period=40s --retries=3 CMD ["/usr/local/bin/registry", "check"]
ENTRYPOINT ["/usr/local/bin/registry"]
