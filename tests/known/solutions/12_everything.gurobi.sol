# Solution for model 12_everything
# Objective value = -6.2483959030287783e+00
a.very_long(name)vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv 1.3849799509897729e+00
y 1.1266455637133193e+00
z 0
w(1,2) -1.5
b 0
