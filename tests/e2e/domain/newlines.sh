#!/bin/sh
# Runs a program of the package with the job's ad, in which <newline> has become a line break. The schedd lets none pass:
# this stands in for one that does.
ad=$(mktemp --tmpdir=/var/tmp)
sed 's/<newline>/\n/g' > "$ad"
exec < "$ad"
rm "$ad"
exec "/usr/libexec/condor-kvm-stage/${0##*/}" "$@"
