Model status
Optimal

# Primal solution values
Feasible
Objective -24
# Columns 7
a -1.25
b -7
c -4
d 0
u 3.25
f 0
g 0
# Rows 3
r1 -9
r2 -1.25
r3 -7

# Dual solution values
Feasible
# Columns 7
a 0
b 0
c 2
d 0
u 0
f -1
g -6
# Rows 3
r1 1
r2 0
r3 1

# Basis
HiGHS_basis_file v2
Valid
# Columns 7
a 1
b 1
c 0
d 0
u 0
f 2
g 2
# Rows 3
r1 0
r2 1
r3 0
