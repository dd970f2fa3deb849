# Two images of one program. Both run as a plain user without any right.
#   docker build --target analyzer -t offpath:0.1.0 .
#   docker build --target sensor -t offpath-sensor:0.1.0 .      with dumpcap, the only program that may open an interface

FROM node:20.19.5-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# Without scripts the optional native packages are not built, and not needed: a sensor captures with dumpcap, an analyzer
# stores in a ClickHouse server.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && rm dist/*.map

FROM node:20.19.5-bookworm-slim AS analyzer
COPY --from=build /src/dist /opt/offpath
RUN ln -s /opt/offpath/offpath.js /usr/local/bin/offpath \
  && useradd --system --uid 10001 --home-dir /var/lib/offpath --create-home --shell /usr/sbin/nologin offpath
USER 10001
WORKDIR /var/lib/offpath
VOLUME /var/lib/offpath
# It makes its own processes and ends them; signals go to it.
ENTRYPOINT ["offpath"]
CMD ["run", "--role", "analyzer"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:7710/readyz').then(({ok}) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

FROM analyzer AS sensor
USER root
# dumpcap opens the interface, gives its right up and only then reads; nothing else in the image has one. The right is
# the file's, so the container needs cap_add: [NET_RAW] and must not set no-new-privileges.
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends wireshark-common libcap2-bin \
  && setcap cap_net_raw+ep /usr/bin/dumpcap \
  && chmod 0755 /usr/bin/dumpcap \
  && rm -rf /var/lib/apt/lists/*
USER 10001
CMD ["run", "--role", "sensor"]
