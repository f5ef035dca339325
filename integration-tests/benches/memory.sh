#!/bin/bash
# Sorts and marks under a limit of memory that a cgroup keeps; prints peak memory, which cannot exceed the limit, and CPU seconds.
# usage: memory.sh BAM [COPIES]    BAM: aligned reads in any order; sorted COPIES times over (default 6)
#
# SPINDLE    the program (default target/release/spindle)
# REFERENCE  FASTA, and KNOWN, sites in VCF: with both, qualities are recalibrated as well
# LIMIT      bytes (default 2 GiB)
# WORK       scratch folder (default target/memory)
# Needs root, for the cgroup: version 1 or 2, whichever is mounted.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
SPINDLE=${SPINDLE:-$root/target/release/spindle}
LIMIT=${LIMIT:-$((2 << 30))}
WORK=${WORK:-$root/target/memory}
mkdir -p "$WORK"

if [ -d /sys/fs/cgroup/memory ]; then
  group=/sys/fs/cgroup/memory/spindle-$$ limit=memory.limit_in_bytes peak=memory.max_usage_in_bytes
else
  group=/sys/fs/cgroup/spindle-$$ limit=memory.max peak=memory.peak
fi
trap 'rmdir "$group" 2> /dev/null || true' EXIT

# limited WHAT COMMAND...: runs a command in a cgroup of its own
limited() {
  local what=$1
  shift
  mkdir "$group"
  echo "$LIMIT" > "$group/$limit"
  /usr/bin/time -f "%U %S %M" -o "$WORK/time" bash -c 'echo $$ > "$0/cgroup.procs"; exec "$@"' "$group" "$@"
  echo "$what: $(awk '{ printf "%.0f s CPU, %.0f MB resident", $1 + $2, $3 / 1024 }' "$WORK/time")," \
    "cgroup peak $(($(cat "$group/$peak") >> 20)) MB with page cache, of $((LIMIT >> 20)) MB"
  rmdir "$group"
}

copies=()
for ((copy = 0; copy < ${2:-6}; copy++)); do copies+=("$1"); done
if [ ! -f "$WORK/large.bam" ]; then
  samtools cat -o "$WORK/large.bam" "${copies[@]}"
  echo "$(samtools view -c "$WORK/large.bam") $(bgzip -dc "$WORK/large.bam" | wc -c)" > "$WORK/large.size"
fi
read -r records raw < "$WORK/large.size"
echo "large.bam: $records records, $((raw >> 20)) MB uncompressed"
limited "sort -m 1500M" "$SPINDLE" sort -m 1500M -l 1 -o "$WORK/sorted.bam" "$WORK/large.bam"
[ "$(samtools view -c "$WORK/sorted.bam")" = "$records" ]

# 3 million reads of 1.5 million pairs that all start and end at one place.
if [ ! -f "$WORK/pile.bam" ]; then
  awk 'BEGIN {
    print "@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:1\tLN:10000\n@RG\tID:a\tSM:s\tLB:l\tPL:ILLUMINA\tPU:u"
    for (i = 0; i < 100; i++) { bases = bases "A"; qualities = qualities "F" }
    for (mate = 0; mate < 2; mate++) for (i = 0; i < 1500000; i++)
      printf "m:1:FC:1:%d:%d:%d\t%d\t1\t%d\t60\t100M\t=\t%d\t%d\t%s\t%s\tRG:Z:a\n", 1101 + i % 16, i % 30011, i % 29989,
        mate ? 147 : 99, mate ? 1301 : 1001, mate ? 1001 : 1301, mate ? -400 : 400, bases, qualities }' |
    samtools view --no-PG -b -1 -o "$WORK/pile.bam" -
fi
limited "markdup -m 1G, 3 million reads at one place" "$SPINDLE" markdup -m 1G -I "$WORK/pile.bam" -O "$WORK/marked.bam" -M "$WORK/marked.txt"
grep -A1 '^LIBRARY' "$WORK/marked.txt"
rm -f "$WORK/marked.bam"

if [ -n "${REFERENCE:-}" ] && [ -n "${KNOWN:-}" ]; then
  limited "recalibrate" "$SPINDLE" recalibrate -R "$REFERENCE" -I "$WORK/sorted.bam" --known-sites "$KNOWN" -O "$WORK/table"
  limited "apply-recal" "$SPINDLE" apply-recal -R "$REFERENCE" -I "$WORK/sorted.bam" --bqsr-recal-file "$WORK/table" \
    -O "$WORK/recalibrated.bam"
  rm -f "$WORK/recalibrated.bam" "$WORK/recalibrated.bai"
fi
rm -f "$WORK/sorted.bam"
