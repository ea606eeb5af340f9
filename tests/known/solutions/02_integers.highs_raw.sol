Model status
Optimal

# Primal solution values
Feasible
Objective -36
# Columns 6
i 10
j -5
k -8
l 2
b 0
bf 1
# Rows 3
r1 17
r2 -3
r3 1

# Dual solution values
None

# Basis
HiGHS_basis_file v2
None
