#!/bin/bash
# Unplugs, replugs and stalls a camera for a while, and checks that handwave leaks nothing.
# In:  seconds (default: 600); HANDWAVE, the binary (default: the release build); HANDWAVE_LAB, the folder of the webcam
#      lab (default: ../shared/webcam), which needs root.
# Out: one line at the start and one at the end: memory, threads, file descriptors, processes. Status 1 if the second
#      line shows a leak, or if a replugged camera did not come back.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-600}
lab=${HANDWAVE_LAB:-../shared/webcam}/lab
binary=$(realpath "${HANDWAVE:-target/release/handwave}")
[ -x "$lab" ] || { echo "soak: there is no lab at $lab" >&2; exit 1; }
[ -x "$binary" ] || { echo "soak: there is no $binary: make soak builds it" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ffmpeg -v error -y -f lavfi -i testsrc=s=640x480:r=30 -t 1 "$work/video.mp4"
cat >"$work/script" <<EOF
cd $PWD
export ORT_DYLIB_PATH=$PWD/.deps/lib/libonnxruntime.so
$binary run --headless --camera 0 --events \$OUT/events.jsonl >\$OUT/out 2>\$OUT/err &
handwave=\$!
count() { grep -c "\"\$1\"" \$OUT/events.jsonl 2>/dev/null || true; }
# Waits until the event has come that many times, for 60 s at most: a loaded machine is slow.
reach() { for i in \$(seq 300); do [ "\$(count \$1)" -ge "\$2" ] && return; sleep .2; done; echo "soak: no \$1 number \$2"; exit 1; }
figures() {
    local child=\$(grep -sl '[c]amera-process' /proc/[0-9]*/cmdline | cut -d/ -f3 | head -n 1)
    awk -v when=\$1 '/^VmRSS/{m=\$2} /^Threads/{t=\$2} END{printf "%s: %d kB, %d threads, ", when, m, t}' /proc/\$handwave/status
    echo "\$(ls /proc/\$handwave/fd | wc -l) descriptors, \$(grep -sl '[c]amera-process' /proc/[0-9]*/cmdline | wc -l) camera process" \\
        "(\$(awk '/^VmRSS/{print \$2}' /proc/\$child/status) kB), \$(grep -sl '^State:.Z' /proc/[0-9]*/status | wc -l) zombies"
}
turns=0
turn() {
    turns=\$((turns + 1))
    if [ \$((turns % 2)) = 1 ]; then unplug; reach camera-lost \$turns; plug; else stall; reach camera-lost \$turns; stall; fi
    reach camera-back \$turns
    sleep 2
}
sleep 5
turn; turn
figures start
end=\$((\$(date +%s) + $seconds))
while [ \$(date +%s) -lt \$end ]; do turn; done
figures end
kill \$handwave; wait \$handwave; echo "status \$?, \$turns times lost and back"
EOF
"$lab" -t $((seconds + 240)) "$work/video.mp4" "$work/script" "$work/out" | tee "$work/said"
# A process may gain a few pages that its allocator keeps.
awk '/^start:/{m=$2; t=$4; d=$6; p=$8} /^end:/{seen=1; bad = $2 > m + 4096 || $4 != t || $6 != d || $8 != p || !/ 0 zombies/}
     END{ if (!seen || bad) { print "soak: handwave has grown"; exit 1 } }' "$work/said"
