Columns
    Index Status        Lower        Upper       Primal         Dual  Name
        0     BS         -inf          inf        -1.25            0  a
        1     BS         -inf           -2           -7            0  b
        2     LB           -4           -1           -4            2  c
        3     LB            0          inf            0            0  d
        4     FX         3.25         3.25         3.25            0  u
        5     UB         -inf            0            0           -1  f
        6     FX            0            0            0           -6  g
Rows
    Index Status        Lower        Upper       Primal         Dual  Name
        0     LB           -9          inf           -9            1  r1
        1     BS           -5          inf        -1.25           -0  r2
        2     LB           -7          inf           -7            1  r3

Model status: Optimal

Objective value: -24
