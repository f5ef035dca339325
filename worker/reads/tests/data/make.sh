#!/bin/bash
# Makes the goldens of this folder: see README.md.
set -euo pipefail
data=$1 judge=$2 out=$3 work=$(mktemp -d)
python3 - "$data" "$5" > "$work/in.sam" <<'P'
import subprocess, sys, zlib
sam = subprocess.run(['samtools', 'view', sys.argv[1]], capture_output=True, text=True, check=True).stdout.splitlines()
records = [line.split('\t') for line in sam]
elsewhere = {r[0] for r in records if r[2] != 'MT' or r[6] not in ('=', '*')}
marked = subprocess.run(['samtools', 'view', '-f', '1024', sys.argv[2]], capture_output=True, text=True, check=True).stdout.splitlines()
sites = {tuple(line.split('\t')[i] for i in (3, 5, 7)) for line in marked}
names = {r[0] for r in records if tuple(r[i] for i in (3, 5, 7)) in sites}
print('@HD\tVN:1.6\tSO:coordinate\n@SQ\tSN:MT\tLN:16569')
print('@RG\tID:one\tSM:NA12878\tLB:first\tPL:ILLUMINA\tPU:unit.1\n@RG\tID:two\tSM:NA12878\tLB:second\tPL:ILLUMINA')
for r in records:
    name = r[0]
    chosen = zlib.crc32(name.encode()) % 20 == 0 or name in names
    if name in elsewhere or not chosen: continue
    group = 'one' if zlib.crc32(name.encode()) // 20 % 3 else 'two'
    tags = [t for t in r[11:] if t[:2] in ('NM', 'MC')]
    print('\t'.join(r[:11] + tags + ['RG:Z:' + group]))
P
samtools view --no-PG -b -o "$out/mt.bam" "$work/in.sam"
printf '##fileformat=VCFv4.2\n##contig=<ID=MT,length=16569>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nMT\t72\t.\tT\tC\t.\t.\t.\nMT\t150\t.\tCCT\tC\t.\t.\t.\nMT\t310\t.\tT\tTC\t.\t.\t.\nMT\t513\t.\tGCA\tG\t.\t.\t.\nMT\t515\t.\tA\tG\t.\t.\t.\n' | bgzip > "$out/known.vcf.gz"
tabix -fp vcf "$out/known.vcf.gz"
cp "$4" "$work/mt.fa"; samtools faidx "$work/mt.fa"
"$judge/gatk" CreateSequenceDictionary -R "$work/mt.fa" > /dev/null
"$judge/gatk" MarkDuplicates -I "$out/mt.bam" -O "$work/marked.bam" -M "$work/metrics.txt" > /dev/null
grep -v '^# ' "$work/metrics.txt" > "$out/mt.metrics.txt"
samtools index "$work/marked.bam"
"$judge/gatk" BaseRecalibrator -R "$work/mt.fa" -I "$work/marked.bam" --known-sites "$out/known.vcf.gz" -O "$work/mt.table" > /dev/null
bgzip -c "$work/mt.table" > "$out/mt.table.gz"
"$judge/gatk" ApplyBQSR -R "$work/mt.fa" -I "$work/marked.bam" --bqsr-recal-file "$work/mt.table" -O "$work/recal.bam" > /dev/null
samtools view --no-PG -x MC -x NM -x PG -b -o "$out/mt.recal.bam" "$work/recal.bam"
bgzip -c "$work/mt.fa" > "$out/mt.fa.gz"
rm -r "$work" "$out/known.vcf.gz.tbi"
