Infeasible - objective value 2.00000000
**       0 x                      2                       0
      1 y                      1                      -1
