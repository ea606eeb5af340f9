# Solution for model 03_objconst
# Objective value = -9.5
x 1
y 0
ONE 1
