# Compares two bodies of VCF by field: prints FIELD, records that have it in either, records that differ in it.
# Records meet by contig, position and alleles; one that only one file has is counted as SITE, and as GENOTYPE with those
# whose GT differs.
# usage: awk -f call_fields.awk THEIRS OWN
BEGIN { FS = "\t" }
function fields(line, found,    columns, info, keys, values, i, pair) {
  split("", found)
  split(line, columns, "\t")
  found["QUAL"] = columns[6]
  found["FILTER"] = columns[7]
  for (i = split(columns[8], info, ";"); i > 0; i--) {
    split(info[i], pair, "=")
    found["INFO:" pair[1]] = info[i]
  }
  split(columns[10], values, ":")
  for (i = split(columns[9], keys, ":"); i > 0; i--) found["FORMAT:" keys[i]] = values[i]
}
function alone() {
  all["SITE"]++; bad["SITE"]++; all["GENOTYPE"]++; bad["GENOTYPE"]++
}
{ site = $1 "\t" $2 "\t" $4 "\t" $5 }
FNR == NR { theirs[site] = $0; next }
!(site in theirs) { alone(); next }
{
  all["SITE"]++
  fields(theirs[site], one)
  fields($0, other)
  for (name in one) {
    all[name]++
    if (!(name in other) || one[name] != other[name]) bad[name]++
  }
  for (name in other) if (!(name in one)) { all[name]++; bad[name]++ }
  all["GENOTYPE"]++
  if (one["FORMAT:GT"] != other["FORMAT:GT"]) bad["GENOTYPE"]++
  delete theirs[site]
}
END {
  for (site in theirs) alone()
  for (name in all) print name, all[name], bad[name] + 0
}
