c Problem:    01_bounds
c Rows:       4
c Columns:    7
c Non-zeros:  17
c Status:     OPTIMAL
c Objective:  obj = -24 (MINimum)
c
s bas 4 7 f f -24
i 1 b -24 0
i 2 l -9 1
i 3 b -1.25 0
i 4 l -7 1
j 1 b -1.25 0
j 2 b -7 0
j 3 l -4 2
j 4 l 0 0
j 5 s 3.25 0
j 6 u 0 -1
j 7 s 0 -6
e o f
