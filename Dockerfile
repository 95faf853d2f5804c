# The instrument as an image: one static binary and nothing else. `just image` calls this in one of two ways:
#
#   docker build --target prebuilt --build-arg BINARY=target/image/copycost .    packages a binary built outside
#   docker build .                                                               builds it inside
#
# `prebuilt` comes before `builder` because the classic builder works through the stages in their order: it
# then packages a ready binary without asking for the compiler's image. BuildKit skips what is not needed.

# What both results have in common.
FROM scratch AS metadata
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="copycost" \
      org.opencontainers.image.description="Measures what every copy in the network send path costs" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENTRYPOINT ["/copycost"]

FROM metadata AS prebuilt
# The default only has to exist: the classic builder goes through this stage on its way to `runtime`, too.
ARG BINARY=Cargo.toml
COPY ${BINARY} /copycost

FROM rust:1.93-slim-bookworm AS builder
ARG REVISION
WORKDIR /build
COPY . .
RUN COPYCOST_GIT_REVISION="${REVISION}" cargo build --release --locked \
    && cp target/*/release/copycost /copycost

FROM metadata AS runtime
COPY --from=builder /copycost /copycost
