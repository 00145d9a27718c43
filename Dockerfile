# syntax=docker/dockerfile:1
# The collector with its web app: one static binary, no shell, no root. It talks to a
# ClickHouse server (TRIBUTARY_CLICKHOUSE_DSN); the embedded engine needs a C
# library and is for machines, not for this image: the tag noengine leaves it out.
FROM node:22-bookworm-slim AS app
WORKDIR /app
COPY dashboards/package.json dashboards/package-lock.json dashboards/.npmrc ./
RUN npm ci
COPY dashboards ./
RUN npm run build

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=app /app/dist/app dashboards/dist/app
ARG VERSION=development
RUN CGO_ENABLED=0 go build -tags noengine -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/tributary ./cmd/tributary \
 && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tributary /usr/local/bin/tributary
# A new volume takes over the owner of the folder that it is mounted on.
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
USER 65532:65532
ENV TRIBUTARY_DATA=/data TRIBUTARY_LISTEN=0.0.0.0:8080
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=5 \
  CMD ["/usr/local/bin/tributary", "doctor", "--ready"]
ENTRYPOINT ["/usr/local/bin/tributary"]
CMD ["serve"]
