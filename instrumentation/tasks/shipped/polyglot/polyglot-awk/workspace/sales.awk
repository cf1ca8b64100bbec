# Sums up sales by region.
#
#   awk -f sales.awk sales.csv
#
# Lines are region,product,cents after one line of headings; empty lines are left out. Prints a line
# for each region as `REGION TOTAL BEST`, sorted by region: all its cents together, and the product
# that brought most (the first one in the file, where several did).
BEGIN { FS = "," }
