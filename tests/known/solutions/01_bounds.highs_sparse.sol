Model status
Optimal

# Primal solution values
Feasible
Objective -24
# Columns -4
a -1.25 0
b -7 1
c -4 2
u 3.25 4
