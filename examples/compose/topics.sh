#!/bin/sh
# Makes the topics of docker-compose.yml: topics.sh BROKER. KAFKA_BIN: where the tools of Kafka are.
set -eu
for topic in offpath.transactions gateway.logs; do
  "${KAFKA_BIN:-/opt/kafka/bin}/kafka-topics.sh" --bootstrap-server "$1" --create --if-not-exists --topic "$topic" --partitions 12
done
