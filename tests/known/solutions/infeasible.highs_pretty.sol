Columns
    Index Status        Lower        Upper       Primal         Dual  Name
        0                   0            1                            x
        1                   0            1                            y
Rows
    Index Status        Lower        Upper       Primal         Dual  Name
        0                   3          inf                            r1

Model status: Infeasible

Objective value: 0
