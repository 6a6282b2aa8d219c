# A static binary on nothing. README.md says how to run it; integration/container builds and tries it.

ARG GO_IMAGE=docker.io/library/golang:1.26
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /out/ringlog ./cmd/ringlog \
	&& mkdir /out/data

FROM scratch
COPY --from=build /out/ringlog /ringlog
COPY --from=build --chown=65532:65532 /out/data /data
# The data: /data/ringlog.blobs and /data/ringlog.db.
WORKDIR /data
VOLUME /data
USER 65532:65532
# Inside, the port is for whoever the container is published to, so it wants TOKENS or TLS_CA (SECURITY.md), or for this machine
# alone: `docker run -p 127.0.0.1:8089:8089 -e INSECURE=true`.
ENV HOST=0.0.0.0
EXPOSE 8089
# Not ready is not unhealthy for the first ten minutes: making the index of a large log anew takes a while.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10m --retries=3 CMD ["/ringlog", "health"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/ringlog"]
