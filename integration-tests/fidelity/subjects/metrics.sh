#!/bin/bash
# The values of `spindle metrics` against Picard's, line by line.
set -euo pipefail
source "$FIDELITY_TOOLS"
judge=$(picard_version)
prepare_reference
kinds="alignment_summary_metrics insert_size_metrics quality_by_cycle_metrics quality_distribution_metrics
  gc_bias.summary_metrics gc_bias.detail_metrics"
programs="PROGRAM=null PROGRAM=CollectAlignmentSummaryMetrics PROGRAM=CollectInsertSizeMetrics PROGRAM=MeanQualityByCycle
  PROGRAM=QualityScoreDistribution PROGRAM=CollectGcBiasMetrics METRIC_ACCUMULATION_LEVEL=ALL_READS
  METRIC_ACCUMULATION_LEVEL=READ_GROUP"

# shares FILE: names and values of the first row, but for what is drawn at random, and the histogram
shares() {
  grep -v '^#' "$1" | awk -F'\t' 'NF < 2 { next }
    !names { names = split($0, name); next }
    !row { row = 1; for (i = 1; i <= names; i++) if (name[i] !~ /^HET_SNP/) print name[i], $i; next }
    { print $1, $2 }'
}

declare -A lines differ
rm -f "$WORK"/metrics.{judge,own}.time
while read -r name first second; do
  bam=$(marked "$name" "$first" "$second")
  # shellcheck disable=SC2086
  timed "$WORK/metrics.judge.time" picard CollectMultipleMetrics I="$bam" O="$WORK/judge" R="$WORLD_REF" $programs
  timed "$WORK/metrics.judge.time" picard CollectWgsMetrics I="$bam" O="$WORK/judge.wgs_metrics" R="$WORLD_REF"
  timed "$WORK/metrics.own.time" "$SPINDLE" metrics -R "$WORLD_REF" -I "$bam" -O "$WORK/own"
  for kind in $kinds; do
    grep -v '^#' "$WORK/judge.$kind" > "$WORK/judge.lines"
    grep -v '^#' "$WORK/own.$kind.txt" > "$WORK/own.lines"
    lines[$kind]=$((${lines[$kind]:-0} + $(wc -l < "$WORK/judge.lines")))
    differ[$kind]=$((${differ[$kind]:-0} + $(differing "$WORK/judge.lines" "$WORK/own.lines")))
  done
  shares "$WORK/judge.wgs_metrics" > "$WORK/judge.lines"
  shares "$WORK/own.wgs_metrics.txt" > "$WORK/own.lines"
  lines[wgs]=$((${lines[wgs]:-0} + $(wc -l < "$WORK/judge.lines")))
  differ[wgs]=$((${differ[wgs]:-0} + $(differing "$WORK/judge.lines" "$WORK/own.lines")))
done < "$WORK/sets"
ratio=$(ratio "$WORK"/metrics.{judge,own}.time)
for kind in $kinds wgs; do
  shown=${kind/#wgs/wgs_metrics}
  row "metrics: \`$shown\`, lines" "$judge" "${lines[$kind]}" "${differ[$kind]}" "$ratio"
  ratio=""
done
