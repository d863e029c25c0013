#!/bin/sh
# A rank: the command, and the code with which it ended, also when the launcher is asked to end.
trap '' TERM USR1
"$@"
code=$?
echo $code >"code.${OMPI_COMM_WORLD_RANK:-${PMIX_RANK:-0}}"
exit $code
