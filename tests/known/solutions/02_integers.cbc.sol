Optimal - objective value -36.00000000
      0 i                     10                      -3
      1 j                     -5                      -1
      2 k                     -8                       1
      3 l                      2                      -1
      4 b                      0                      -1
      5 bf                     1                      -1
