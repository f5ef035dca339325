#!/bin/bash
# CPU seconds of the tools on reads beside the field's programs, in turn, and the sizes of what they write.
# usage: reads.sh BAM REFERENCE KNOWN_SITES    BAM: aligned reads, all records of a name together
#
# The last row is `spindle run` less `spindle align` of the same reads against sort, MarkDuplicates, BaseRecalibrator and
# ApplyBQSR in a row: what `run` does beside aligning, reads' and records' ways between stages included, and metrics and the
# report, which the other programs do not make. The line after it says what the stages took by `run`'s own account.
#
# SPINDLE  the program (default target/release/spindle)
# GATK     the program `gatk`; without it recalibration and the last row are left out
# WORK     scratch folder (default target/reads)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
SPINDLE=${SPINDLE:-$root/target/release/spindle}
WORK=${WORK:-$root/target/reads}
reads=$1 reference=$2 known=$3
mkdir -p "$WORK"
cd "$WORK"

# timed COMMAND...: its CPU seconds
timed() {
  /usr/bin/time -f "%U %S %M" -o time "$@" > log 2>&1 || { cat log >&2; return 1; }
  awk '{ printf "%.1f", $1 + $2 }' time
}

# row WHAT JUDGE SECONDS SECONDS BAM BAM: judge's first
row() {
  awk -v what="$1" -v judge="$2" -v theirs="$3" -v ours="$4" -v their_bytes="$(stat -Lc %s "$5")" -v own_bytes="$(stat -Lc %s "$6")" 'BEGIN {
    printf "| %s | %s | %s s | %s s | %.1f | %+.1f %% |\n", what, judge, ours, theirs, theirs / ours, 100 * (own_bytes / their_bytes - 1) }'
}

echo "| what | against | spindle | judge | ratio | size of the BAM |"
echo "|---|---|---|---|---|---|"
theirs=$(timed samtools sort -m 2G -o judge.bam "$reads")
ours=$(timed "$SPINDLE" sort -m 2G -o sorted.bam "$reads")
row "sort" "samtools" "$theirs" "$ours" judge.bam sorted.bam
chain=$theirs
theirs=$(timed samtools sort -n -m 2G -o judge.bam "$reads")
ours=$(timed "$SPINDLE" sort -n -m 2G -o own.bam "$reads")
row "sort -n" "samtools" "$theirs" "$ours" judge.bam own.bam
theirs=$(timed PicardCommandLine MarkDuplicates I=sorted.bam O=judge.bam M=judge.txt QUIET=true)
ours=$(timed "$SPINDLE" markdup -I sorted.bam -O marked.bam -M own.txt)
row "markdup" "Picard" "$theirs" "$ours" judge.bam marked.bam
chain="$chain + $theirs"
# samtools wants mates' scores: made before, not counted.
[ -f scored.bam ] || samtools fixmate -m -u "$reads" - | samtools sort -m 2G -o scored.bam -
theirs=$(timed samtools markdup scored.bam judge.bam)
ours=$(timed "$SPINDLE" markdup -I scored.bam -O own.bam -M own.txt)
row "markdup" "samtools" "$theirs" "$ours" judge.bam own.bam
[ -n "${GATK:-}" ] || exit 0
samtools index marked.bam
theirs=$(timed "$GATK" BaseRecalibrator -R "$reference" -I marked.bam --known-sites "$known" -O judge.table)
own=$(timed "$SPINDLE" recalibrate -R "$reference" -I marked.bam --known-sites "$known" -O own.table)
cmp judge.table own.table
more=$(timed "$GATK" ApplyBQSR -R "$reference" -I marked.bam --bqsr-recal-file judge.table -O judge.bam)
ours=$(timed "$SPINDLE" apply-recal -R "$reference" -I marked.bam --bqsr-recal-file own.table -O own.bam)
row "recalibrate, apply-recal" "GATK" "$(echo "$theirs + $more" | bc)" "$(echo "$own + $ours" | bc)" judge.bam own.bam
chain="$chain + $theirs + $more"

# The same reads from FASTQ, in one read group.
[ -f reads.2.fq ] || samtools fastq -1 reads.1.fq -2 reads.2.fq -0 /dev/null -s /dev/null -n "$reads" 2> /dev/null
alone=$(timed "$SPINDLE" align -t 1 "$reference" reads.1.fq reads.2.fq)
rm -rf out
whole=$(timed "$SPINDLE" run -t 1 -R "$reference" --sample s --reads reads.1.fq reads.2.fq --known-sites "$known" \
  --emit bam --recalibrated-qualities -o out)
stages=$(awk '/^(duplicates|merge|recalibrate|call|gather): done/ { sum += $(NF - 2); printf "%s %s s, ", $1, $(NF - 2) }
  END { print "together " sum " s" }' log)
row "\`run\` less \`align\`" "samtools, Picard, GATK" "$(echo "$chain" | bc)" "$(echo "$whole - $alone" | bc)" judge.bam out/s.bam
echo "stages of \`run\`, CPU: $stages"
