# Solution for model 02_integers
# Objective value = -36
i 10
j -5
k -8
l 2
b 0
bf 1
