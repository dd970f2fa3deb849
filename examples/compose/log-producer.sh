#!/bin/sh
# Writes what Kong's kafka-log plugin writes, two records a second: log-producer.sh BROKER.
set -eu
number=0
while true; do
  number=$((number + 1))
  printf '{"request":{"uri":"/v1/orders/%d","method":"GET","size":120,"headers":{"host":"gateway.test","user-agent":"shop-app/4.2"},"querystring":{}},"response":{"status":200,"size":512,"headers":{"content-type":"application/json"}},"latencies":{"request":12,"proxy":10,"kong":2},"client_ip":"198.51.100.%d","consumer":{"id":"c-%d","username":"partner-%d"},"service":{"name":"orders"},"route":{"name":"orders"},"tries":[],"upstream_uri":"/v1/orders/%d","started_at":%s000}\n' \
    "$((number % 500))" "$((number % 20 + 1))" "$((number % 20))" "$((number % 20))" "$((number % 500))" "$(date +%s)"
  sleep 0.5
done | "${KAFKA_BIN:-/opt/kafka/bin}/kafka-console-producer.sh" --bootstrap-server "$1" --topic gateway.logs
