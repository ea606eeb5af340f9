Model status
Optimal

# Primal solution values
Feasible
Objective -36
# Columns -5
i 10 0
j -5 1
k -8 2
l 2 3
bf 1 5
