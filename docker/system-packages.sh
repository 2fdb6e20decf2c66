#!/bin/sh
# Bring what tests use from the system, where it is missing: the ffmpeg command (an independent reference) and Chromium
# (reports are opened in it). Analysing needs neither.
set -eu
missing=""
command -v ffmpeg >/dev/null 2>&1 || missing="$missing ffmpeg"
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$missing"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null && exit 0
fi
echo "not installed:$missing; some tests will be skipped (on Debian: sudo apt-get install$missing)"
