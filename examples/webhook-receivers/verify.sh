#!/bin/sh
# Checks one event of Offpath by hand: sh, openssl, base64, od. For servers see the other folders.
#   OFFPATH_WEBHOOK_SECRETS='whsec_…[ whsec_…]' verify.sh ID TIMESTAMP SIGNATURES < body
# ID, TIMESTAMP and SIGNATURES are the headers webhook-id, webhook-timestamp and webhook-signature. Exit 0: it is right.
# The key is an argument of openssl, which other users of the host may see while it runs: not for production.
set -eu
id=$1 timestamp=$2 signatures=$3
case $timestamp in '' | *[!0-9]*) echo 'webhook-timestamp is no number' >&2; exit 1 ;; esac
age=$(($(date +%s) - timestamp))
if [ "$age" -gt 300 ] || [ "$age" -lt -300 ]; then echo "signed $age s ago" >&2; exit 1; fi
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat > "$body"
for secret in $OFFPATH_WEBHOOK_SECRETS; do
  key=$(printf %s "${secret#whsec_}" | base64 -d | od -An -tx1 | tr -d ' \n')
  expected=$( (printf '%s.%s.' "$id" "$timestamp"; cat "$body") |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64 | tr -d '\n')
  for signature in $signatures; do
    if [ "$signature" = "v1,$expected" ]; then echo ok; exit 0; fi
  done
done
echo 'the signature is of another body, id, timestamp or secret' >&2
exit 1
