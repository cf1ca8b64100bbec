# Sums up sales by region.
#
#   awk -f sales.awk sales.csv
#
# Lines are region,product,cents after one line of headings; empty lines are left out. Prints a line
# for each region as `REGION TOTAL BEST`, sorted by region: all its cents together, and the product
# that brought most (the first one in the file, where several did).
BEGIN { FS = "," }
NR == 1 || !NF { next }
{
    if (!($1 in total)) regions[++count] = $1
    if (!(($1, $2) in product)) order[$1, ++products[$1]] = $2
    total[$1] += $3
    product[$1, $2] += $3
}
END {
    for (i = 1; i <= count; i++)
        for (j = i + 1; j <= count; j++)
            if (regions[j] < regions[i]) { t = regions[i]; regions[i] = regions[j]; regions[j] = t }
    for (i = 1; i <= count; i++) {
        region = regions[i]
        best = order[region, 1]
        for (j = 2; j <= products[region]; j++)
            if (product[region, order[region, j]] > product[region, best]) best = order[region, j]
        print region, total[region], best
    }
}
