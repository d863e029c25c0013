#!/bin/sh
# Run one test with a time limit: a hang is a failure. LIMIT in seconds.
exec timeout --kill-after=10 "${LIMIT:-300}" "$@"
