Optimal - objective value -24.00000000
      0 a                  -1.25                       0
      1 b                     -7                       0
      2 c                     -4                       2
      3 d                      0                       0
      4 u                   3.25                       0
      5 f                      0                      -1
      6 g                      0                      -6
