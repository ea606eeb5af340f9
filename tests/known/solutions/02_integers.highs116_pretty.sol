Columns
    Index Status        Lower        Upper       Primal         Dual  Type        Name
        0                   0          inf           10               Integer     i
        1                  -5            5           -5               Integer     j
        2                -inf            3           -8               Integer     k
        3                   2          inf            2               Integer     l
        4                   0            1           -0               Integer     b
        5                   1            1            1               Integer     bf
Rows
    Index Status        Lower        Upper       Primal         Dual  Name
        0                -inf         17.5           17               r1
        1                -3.5          inf           -3               r2
        2                -inf          1.5            1               r3

Model status: Optimal

Objective value: -36
Objective bound: -36
MIP rel gap: 0%
